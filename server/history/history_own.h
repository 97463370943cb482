// SPDX-License-Identifier: Apache-2.0
//
// What the readers of history share: columns of binary results, and where shapes have a metric.

#pragma once

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/auto.h"
#include "history/history.h"
#include "ingest/pgcopy.h"
#include "store/store.h"

#define HOUR HISTORY_HOUR_MS

static inline int64_t hour_of(int64_t t)
{
    return (t >= 0 ? t / HOUR : -1 - (-1 - t) / HOUR) * HOUR;
}

// ---------------------------------------------------------------- binary columns

static inline int64_t int8_at(const struct rows *r, int row, int column)
{
    size_t len;

    return (int64_t)get64(rows_bytes(r, row, column, &len));
}

static inline int64_t time_at(const struct rows *r, int row, int column)
{
    int64_t us = int8_at(r, row, column);

    return (us >= 0 ? us / 1000 : -1 - (-1 - us) / 1000) + PG_EPOCH_MS;
}

static inline double real_at(const struct rows *r, int row, int column)
{
    uint64_t bits = (uint64_t)int8_at(r, row, column);
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

// 0 for SQL NULL.
static inline int32_t int4_at(const struct rows *r, int row, int column)
{
    size_t len;
    const void *at = rows_bytes(r, row, column, &len);

    return at ? (int32_t)get32(at) : 0;
}

static inline bool is_null(const struct rows *r, int row, int column)
{
    size_t len;

    return !rows_bytes(r, row, column, &len);
}

// ---------------------------------------------------------------- shapes

struct places { // of a metric; texts of arrays
    struct rows *rows;
    const char *shapes, *in_shape;
    bool nobody; // no shape has it
};

void places_done(struct places *p);
#define auto_places auto_with(places_done) struct places

enum rc places_find(struct store *s, int32_t catalog, const char *metric, struct places *out,
                    struct fault *f);

// ---------------------------------------------------------------- sums

static inline double bounded(double v)
{
    return isnan(v) ? 0 : isinf(v) ? copysign(DBL_MAX, v) : v;
}

// Of the same stretch of time; h may have a count of 0.
void hour_merge(struct history_hour *h, const struct history_hour *part);
