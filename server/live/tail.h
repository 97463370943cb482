// SPDX-License-Identifier: Apache-2.0
//
// tail: what the devices of a catalog say, as it is committed, through a viewer's filter.
//
//   committed line --tail_note--> the newest TAIL_KEPT --tail_put--> a frame, at most 20 a second
//
// What does not fit between two frames is left out, the oldest first, and counted. What was said
// before is not here: GET …/logs has it. Single-threaded, no I/O.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/bus.h"
#include "core/rc.h"
#include "device/device.h"
#include "journal/journal.h"
#include "journal/words.h"
#include "protocol/protocol.h"

#define TAIL_KEPT 100

struct tail_filter {
    enum journal_level level; // this one and worse
    enum journal_kind kind;
    char source[LIMIT_NAME_BYTES + 1]; // "": all
    char device[DEVICE_ID_LEN + 1];    // "": all
    struct words words;
};

struct tail;

// The members level, kind, source, device and q of a subscription.
enum rc tail_filter_read(json_t *m, struct tail_filter *out, struct fault *f);

struct tail *tail_new(const struct tail_filter *filter);
void tail_free(struct tail *t); // NULL is fine
// e is a line of its catalog. Whether it is one that is asked for.
bool tail_note(struct tail *t, const struct bus_event *e);
void tail_leave_out(struct tail *t, uint64_t lines); // that it never saw
bool tail_has(const struct tail *t);
// Writes ,"items":[…],"leftOut":n, newest first, and forgets them.
void tail_put(struct tail *t, FILE *to);
