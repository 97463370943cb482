// SPDX-License-Identifier: Apache-2.0
//
// trace: one metric of one device over time, in as many steps as a chart has room for.
//
//   few points ---------------------------------> each of them             TRACE_RAW
//   many points --into buckets of equal width---> count, min, max, mean    TRACE_BUCKET
//   the same ----from sums of minutes-----------> count, min, max, mean    TRACE_MINUTE
//   weeks of them --from sums of whole hours----> count, min, max, mean    TRACE_HOUR
//
// No way loses a peak. Buckets begin at multiples of their width, so that a chart that is asked for
// again a moment later has the same ones; hours, and minutes where buckets hold two or more, count
// as wholes, at both ends too. Sums of minutes are taken where readings are too many to show each,
// or gone; where both miss something, the readings.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define TRACE_POINTS_MAX 5000
#define TRACE_READ_MAX   2000000 // readings for one trace; later ones are left out

struct store;

enum trace_from {
    TRACE_RAW,
    TRACE_BUCKET,
    TRACE_MINUTE,
    TRACE_HOUR,
};

struct trace_plan {
    int64_t from, to; // Unix ms, both included
    int64_t width;    // of a bucket
    size_t most;      // points
    bool hours;
    bool minutes; // may be taken
    bool even;    // buckets also where each point would find room
};

struct trace_point {
    int64_t t, count; // of a bucket: its beginning
    double min, max, sum;
};

struct trace {
    struct trace_plan plan;
    enum trace_from made_from;
    bool whole;     // nothing was left out
    size_t read;    // readings so far
    size_t count;   // of list
    size_t buckets; // in list while points come; 0 while all are kept
    struct trace_point list[];
};

const char *trace_from_name(enum trace_from from);
// points: 2…TRACE_POINTS_MAX.
void trace_plan(int64_t from, int64_t to, int points, struct trace_plan *out);
// By time, only buckets that have any; free() it.
enum rc trace_read(struct store *s, int32_t catalog, int64_t device, const char *metric,
                   const struct trace_plan *plan, struct trace **out, struct fault *f);

// Between min and max, also where the sum is too large for a number.
double trace_mean(const struct trace_point *p);

// The parts of it, for who has the points already.
struct trace *trace_new(const struct trace_plan *plan); // NULL when out of memory
void trace_add(struct trace *t, const struct trace_point *p);
void trace_end(struct trace *t);
