// SPDX-License-Identifier: Apache-2.0
//
// telemetry/spread: many values in, their percentiles out.
//
//   spread_add() … spread_tell() --> count, min, max, mean, p50, p95, p99
//
// A percentile is by nearest rank: a value that somebody really has.

#pragma once

#include <stdbool.h>
#include <stddef.h>

struct spread {
    double *values; // owned
    size_t count, room;
};

struct spread_facts {
    size_t count;
    double min, max, mean, p50, p95, p99;
};

bool spread_add(struct spread *s, double value); // false when out of memory
// The value that share (0…1) of all do not exceed; changes their order. count must not be 0.
double spread_at(struct spread *s, double share);
// Of at least one value.
void spread_tell(struct spread *s, struct spread_facts *out);
void spread_done(struct spread *s);
