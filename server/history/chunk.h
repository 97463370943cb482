// SPDX-License-Identifier: Apache-2.0
//
// chunk: an hour of one device's messages of one shape, packed column by column.
//
//   rows (t, values) --chunk_pack--> body: times | metric 1 | metric 2 | …   ends: where each ends
//   substr(body, …) --chunk_times, chunk_column--> one metric, the others untouched
//
// Lossless, bit for bit (column.h). Late messages make another chunk of the same hour. Beside
// each chunk goes the sum of the hour, metric by metric, for readers who want no single points.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/column.h"

#define CHUNK_ROWS_MAX    COLUMN_ROWS_MAX
#define CHUNK_METRICS_MAX 64
#define CHUNK_SPAN_MS     (3600 * 1000)

struct chunk_source {
    int64_t hour;     // its start, Unix ms
    size_t rows;      // 1…CHUNK_ROWS_MAX
    uint32_t metrics; // 1…CHUNK_METRICS_MAX
    const int64_t *t; // Unix ms, in order, within the hour
    const double *v;  // rows times metrics, row after row
};

struct chunk_sum { // of a metric over the chunk
    double low, high, total, squares, final;
};

struct chunk_packed {
    char *body; // in the packer, until its next use
    size_t len;
    int32_t ends[CHUNK_METRICS_MAX + 1]; // of the times, of metric 1, …
    struct chunk_sum sums[CHUNK_METRICS_MAX];
};

struct packer; // memory to work in; one thread at a time

struct packer *packer_new(void); // NULL when out of memory
void packer_free(struct packer *p);

// False when out of memory.
bool chunk_pack(struct packer *p, const struct chunk_source *from, struct chunk_packed *out);

// The times, from the first ends[0] bytes of a body. False where they are none: in order, and
// within the hour.
bool chunk_times(struct squeezer *z, const void *at, size_t len, size_t rows, int64_t hour,
                 int64_t *out);
// One metric, from bytes ends[k - 1] to ends[k].
bool chunk_column(struct squeezer *z, const void *at, size_t len, size_t rows, double *out);
