// SPDX-License-Identifier: Apache-2.0
//
// telemetry/readings: all readings of some metrics of some devices, each as it was sent, written to
// an export.
//
//   device by device, metric by metric, some 100,000 readings at a time --history_read--> text -->
//   reader
//
// One stretch of time is in memory at once. A row is time, device, metric, value.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "device/export.h"

#define READINGS_METRICS_MAX 20
#define READINGS_SPAN_MS     (6 * 3600 * 1000LL)
#define READINGS_RANGE_MAX   (3650LL * 24 * 3600 * 1000)

struct store;

struct readings {
    struct store *store; // the pool
    int32_t catalog;
    enum export_format format;
    int64_t from, to;
    size_t metric_count;
    const char *metrics[READINGS_METRICS_MAX]; // in names
    char *names;                               // owned
    struct rows *rows;                         // owned: device and id
};

void readings_free(void *readings); // NULL is fine
export_write readings_write;
