// SPDX-License-Identifier: Apache-2.0
//
// table: what the server takes for a threat, and from which number on.
//
//   signal "build" of a device --row--> code T05, alert "threat:T05:<component>"
//
// A code is what people know and set thresholds for; a row says which signal counts towards which
// code, for whom it is counted, and what its alert is called. A new signal is a row here, a text in
// docs/threats.md and a story of the simulator.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert.h"

enum threat_code {
    THREAT_T01,
    THREAT_T02,
    THREAT_T05,
    THREAT_T06,
    THREAT_T07,
    THREAT_T08,
    THREAT_T09,
    THREAT_T11,
    THREAT_T12,
    THREAT_T13,
    THREAT_T14,
    THREAT_T17,
    THREAT_T18,
    THREAT_CODES,
};

// What can be set of a code.
enum threat_limit {
    LIMIT_TIMES,   // so often …
    LIMIT_MINUTES, // … within so long
    LIMIT_QUIET,   // minutes without it, after which it is over
    LIMIT_PERCENT, // of a certificate's lifetime
    LIMIT_DEVIATIONS,
    THREAT_LIMITS,
};

struct threat_bound {
    int64_t usual, least, most; // most 0: the code has no such limit
};

struct threat_kind {
    const char *code, *name, *what;
    enum alert_severity severity;
    struct threat_bound limits[THREAT_LIMITS];
};

// When an alert is over for a device by itself.
enum threat_end {
    END_ATTESTED, // it attested, and this was not found again
    END_QUIET,    // it was not seen for LIMIT_QUIET
    END_INSIDE,   // it came from inside the catalog's networks
};

enum threat_by { // whom a signal is counted for
    BY_DEVICE,
    BY_SOURCE,
};

struct threat_row {
    const char *signal;
    enum threat_code code;
    enum threat_by by;
    enum threat_end end;
    const char *cause; // which of the code's it is; "%s": each text of the signal is one; NULL: one
    int slack;         // so many times LIMIT_TIMES; 0: once
    const char *title; // may have one %s for the text, as cause has
};

extern const struct threat_kind threat_kinds[THREAT_CODES];
extern const struct threat_row threat_rows[];
extern const size_t threat_row_count;

const char *threat_limit_name(enum threat_limit l); // "times", …
int threat_code_from_name(const char *code);        // -1 if there is none
