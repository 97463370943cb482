// SPDX-License-Identifier: Apache-2.0
//
// minute: a chunk's messages summed up minute by minute, metric by metric, packed like the chunk.
//
//   chunk_source --minutes_pack--> body: when and how many | metric 1 | metric 2 | …
//
// Only minutes that have messages are there. Where each of them has one, their sums are that
// message: then the body is the chunk's own, byte for byte (n messages in n minutes says so).

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/chunk.h"

#define MINUTE_MS    (60 * 1000LL)
#define MINUTES      ((size_t)(CHUNK_SPAN_MS / MINUTE_MS))
#define MINUTE_BLOCK (2 + COLUMN_BOUND(MINUTES) + COLUMN_BOUND(3 * MINUTES)) // of a metric

struct minutes_packed {
    const char *body;
    size_t len, count; // count: of minutes
    int32_t ends[CHUNK_METRICS_MAX + 1];
    char own[(1 + CHUNK_METRICS_MAX) * MINUTE_BLOCK];
};

// packed is what chunk_pack() made of from; out->body may lie in it.
void minutes_pack(struct squeezer *z, const struct chunk_source *from,
                  const struct chunk_packed *packed, struct minutes_packed *out);

struct minute_sum {
    int64_t count, last_at; // last_at: Unix ms, in the minute
    double low, high, total, final;
};

struct minutes_source {
    const void *times, *points; // bytes up to ends[0], and of one metric
    size_t times_len, points_len, messages, count;
    int64_t hour;
};

// count of them, by time. False where they are none.
bool minutes_read(struct squeezer *z, const struct minutes_source *from,
                  struct minute_sum out[MINUTES]);
