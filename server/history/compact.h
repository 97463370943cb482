// SPDX-License-Identifier: Apache-2.0
//
// compact: an hour of telemetry, from rows to chunks and sums.
//
//   telemetry_2026112221 --slice: DELETE … RETURNING, pack, COPY, one commit--> telemetry_chunk,
//                                                             telemetry_minute, telemetry_rollup
//   … --nothing left--> DROP
//
// A slice moves exactly the rows it deletes, in one transaction: a crash loses and doubles none,
// and who comes late is moved by a later round, into a chunk of its own. Rows that no message can
// be (made by hand) stay where they are.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct link;

struct compact_count {
    uint64_t rows, points, chunks, bytes; // bytes: of bodies
};

struct compact; // memory to work in; one thread at a time

struct compact *compact_new(void); // NULL when out of memory
void compact_free(struct compact *c);

struct compact_place { // where the next slice begins
    int32_t catalog;
    int64_t device, ts; // ts: PostgreSQL's, in microseconds
};

// The next slice of an hour (hours since 1970) from place on, which moves behind it. *done: there
// was no more. done_count grows by what was moved.
enum rc compact_slice(struct compact *c, struct link *l, int64_t hour, struct compact_place *place,
                      bool *done, struct compact_count *count, struct fault *f);

// Makes the partitions that the hour's chunks and sums go to, where they are missing.
enum rc compact_make_room(struct link *l, int64_t hour, struct fault *f);

// Drops the hour's partition if it is empty; *gone says whether. While others use the table it
// gives up after 100 ms: RC_UNAVAILABLE.
enum rc compact_drop(struct link *l, int64_t hour, bool *gone, struct fault *f);
