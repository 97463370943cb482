// SPDX-License-Identifier: Apache-2.0
//
// telemetry: what a device measured, read back.
//
//   history, newest first --> samplers, one a metric --> series
//
// A series has at most as many points as were asked for, and of
// every stretch of time its lowest and its highest value: no peak is ever smoothed away.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "telemetry/sampler.h"

#define SERIES_MAX 64 // metrics in one answer
#define SERIES_POINTS_MAX                                                                          \
    200000 // points of a metric that are read, or an hour more; older ones are left out
#define SERIES_NAMES_LEN 4400 // of a list of metric names, separated by commas

struct series_query {
    int64_t from, to;    // Unix ms, both included
    int points;          // 2…SAMPLER_POINTS_MAX a metric
    const char *metrics; // names separated by commas; "" for all
};

struct series;
struct store;

enum rc telemetry_series(struct store *s, int32_t catalog, int64_t device,
                         const struct series_query *q, struct series **out, struct fault *f);
size_t series_count(const struct series *s);
const char *series_metric(const struct series *s, size_t index);
// By time; borrowed.
const struct sample *series_points(struct series *s, size_t index, size_t *count);
// Some of what was asked for is missing: older points, or metrics past SERIES_MAX.
bool series_is_truncated(const struct series *s);
void series_free(struct series *s); // NULL is fine

// The newest reading of device id, told metric by metric. *t is 0 if there is none.
typedef void telemetry_value(void *ctx, const char *metric, double value);
enum rc telemetry_last(struct store *s, int32_t catalog, const char *id, int64_t *t,
                       telemetry_value *tell, void *ctx, struct fault *f);

// The metric names in the newest readings of the last day, by name.
typedef void telemetry_name(void *ctx, const char *metric);
enum rc telemetry_metrics(struct store *s, int32_t catalog, int64_t device, telemetry_name *tell,
                          void *ctx, struct fault *f);
