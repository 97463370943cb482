// SPDX-License-Identifier: Apache-2.0
//
// history: what devices measured, wherever it lies by now.
//
//   telemetry (rows, the last hours) ─┐  history_read, history_scan ─> points by time
//   telemetry_chunk (all of it)       ├─ history_minutes ─┐
//   telemetry_minute, _rollup (sums)  ┘  history_hours ───┴─> sums by time
//
// compact.c moves rows into chunks in one transaction; here both are read in one statement, so
// that a reader sees each point once. Times are Unix ms, ranges include both ends. A sink that
// returns false ends the reading, which is no failure.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define HISTORY_HOUR_MS (3600 * 1000LL)

struct store;

struct history_query {
    int32_t catalog;
    int64_t device;
    const char *const *metrics; // names
    size_t count;
    int64_t from, to;
    bool newest_first; // the hours backwards, each of them still by time
};

// A run of points of metrics[which], by time; the runs of a metric come one after the other, by
// time too. At most an hour of them.
typedef bool history_points(void *ctx, size_t which, const int64_t *t, const double *v, size_t n);

enum rc history_read(struct store *s, const struct history_query *q, history_points *sink,
                     void *ctx, struct fault *f);

struct history_hour {
    int64_t t; // its start
    int64_t count;
    double min, max, sum, squares, last; // finite: what overflows is as large as can be
    int64_t last_at;
};

// Hours that have messages, whole ones: from and to are widened to them.
typedef bool history_hours_sink(void *ctx, size_t which, const struct history_hour *h, size_t n);

enum rc history_hours(struct store *s, const struct history_query *q, history_hours_sink *sink,
                      void *ctx, struct fault *f);

// What the minutes of one metric of one device can tell about a time.
struct history_reach {
    int64_t messages; // all that they are made of
    bool any;         // packed minutes were read, not rows alone
    bool whole;       // readings that are there have their minutes too
    bool kept;        // minutes that are there have their readings too
};

// The same by the minute, which begins at t; squares stays 0. q->from and to are widened to
// minutes, q->count is 1. Unless *reach is whole the sink is not called.
enum rc history_minutes(struct store *s, const struct history_query *q, history_hours_sink *sink,
                        void *ctx, struct history_reach *reach, struct fault *f);

// One metric of a catalog, hour by hour, within an hour device by device, of each the points by
// time.
struct history_scan {
    int32_t catalog;
    const char *metric; // NULL: the messages themselves, each 1
    int64_t from, to;
    const int64_t *devices; // NULL: all
    size_t device_count;
};

typedef bool history_scan_sink(void *ctx, int64_t device, const int64_t *t, const double *v,
                               size_t n);

enum rc history_scan(struct store *s, const struct history_scan *q, history_scan_sink *sink,
                     void *ctx, struct fault *f);
