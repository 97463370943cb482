// SPDX-License-Identifier: Apache-2.0
//
// past: stored telemetry on its way through an engine, wherever it lies.
//
//   history_scan, metric by metric, hour by hour --in order of time--> engine
//
// Where all of a rule goes device by device, so does this. Else the values of a slice of time are
// put in order first; the slice is as long as a bounded number of them allows.

#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "core/rc.h"
#include "rule/engine.h"
#include "rule/map.h"

struct store;

struct past {
    struct store *pool;
    int32_t catalog;
    struct engine *engine; // with all its rules and devices: who else sent something is passed over
    const atomic_bool *stop;
    void (*step)(void *ctx, int64_t until); // after each slice; may be NULL
    void *ctx;
    uint64_t points; // that were fed
    struct map met;  // devices they are of
};

// From from (included) to to (not), and the clock with it. RC_UNAVAILABLE when *stop. RC_LIMIT:
// too much in a second.
enum rc past_feed(struct past *p, int64_t from, int64_t to, struct fault *f);
void past_done(struct past *p);
