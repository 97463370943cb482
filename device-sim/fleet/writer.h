// SPDX-License-Identifier: Apache-2.0
//
// writer: the text of an emulated device's messages.
//
//   item (seq, time, kind) + persona or template --writer_print--> {"type":"telemetry",…}
//
// Load runs copy from 64 pre-encoded metric lists and pad each message to one size; other runs
// print the device's plausible signals. Both give the same text again for the same item.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "fleet/persona.h"

enum item_kind {
    ITEM_TELEMETRY,
    ITEM_LOG,
    ITEM_EVENT,
    ITEM_REPORTED,
    ITEM_CRASH, // an event: it is back after one
};

struct writer; // shared by all devices

struct writer_options {
    bool load;        // templates instead of signals
    unsigned metrics; // in a template
    unsigned bytes;   // of a template message
    bool ledger;      // messages say ledger.seq and ledger.boot
    uint64_t seed;
};

enum rc writer_new(const struct writer_options *o, struct writer **out, struct fault *f);
void writer_free(struct writer *w);

struct writer_who {
    const struct persona *persona;
    uint32_t index;
    int64_t boot;
    int64_t settings; // version, for reported
    double drift;     // swings a minute …
    int64_t drift_ms; // … since then, Unix ms; 0: none
};

// The level of the log line that a message of that number says.
const char *writer_log_level(const struct writer *w, const struct writer_who *who, int64_t seq);
// Returns the length, 0 if room is too small.
size_t writer_print(const struct writer *w, const struct writer_who *who, enum item_kind kind,
                    int64_t seq, int64_t t_ms, char *to, size_t room);
