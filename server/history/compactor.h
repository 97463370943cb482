// SPDX-License-Identifier: Apache-2.0
//
// compactor: packs the hours that are over, one after the other, all the time.
//
//   waiting --advisory lock--> leader: hours that ended pack_after_s ago, oldest first --> waiting
//
// One thread with a connection of its own; of several servers of a database one packs. What
// fails is logged once and tried again in the next round: nothing depends on packing but room.

#pragma once

#include <stdint.h>

#include "core/rc.h"

struct compactor;

struct compactor_options {
    const char *conninfo; // outlives the compactor
    int64_t pack_after_s;
    void *ctx;
    // The rows of an hour (since 1970) are all packed, its partition is gone. May be NULL.
    void (*dropped)(void *ctx, int64_t hour);
};

struct compactor_stats {
    uint64_t rows, points, chunks, bytes; // packed; bytes of bodies
    uint64_t partitions;                  // dropped
    uint64_t failures;                    // rounds
};

enum rc compactor_start(const struct compactor_options *o, struct compactor **out, struct fault *f);
void compactor_stats(struct compactor *c, struct compactor_stats *out);
void compactor_stop(struct compactor *c); // NULL is fine; ends after the slice at hand
