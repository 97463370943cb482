// SPDX-License-Identifier: Apache-2.0

#include "telemetry/past.h"

#include <math.h>

#include "core/auto.h"
#include "core/clock.h"
#include "past_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define RUN     1024
#define HOUR_MS 3600000LL

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

enum rc past_read(struct store *s, const struct past_query *q, past_points *sink, void *ctx,
                  bool *whole, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char from[RFC3339_LEN + 1], to[RFC3339_LEN + 1];
    const char *args[] = { ARG_INT(q->catalog),         ARG_INT(q->device), q->metric, from, to,
                           ARG_INT(PAST_POINTS_MAX + 1) };
    int64_t t[RUN];
    double v[RUN];
    size_t n = 0;

    clock_rfc3339(q->from, from);
    clock_rfc3339(q->to, to);
    enum rc rc = store_run(s, &Q_PAST_POINTS, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    *whole = rows_count(rows) <= PAST_POINTS_MAX;
    for (int i = 0; i < rows_count(rows) && i < PAST_POINTS_MAX; i++) {
        t[n] = rows_int(rows, i, "t");
        v[n] = rows_real(rows, i, "v");
        n += isfinite(v[n]) ? 1 : 0;
        if (n == RUN && !sink(ctx, t, v, n))
            return RC_OK;
        n %= RUN;
    }
    if (n)
        sink(ctx, t, v, n);
    return RC_OK;
}

enum rc past_hours(struct store *s, const struct past_query *q, past_sums *sink, void *ctx,
                   struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char from[RFC3339_LEN + 1], to[RFC3339_LEN + 1];
    const char *args[] = { ARG_INT(q->catalog), ARG_INT(q->device), q->metric, from, to };

    clock_rfc3339(q->from / HOUR_MS * HOUR_MS, from);
    clock_rfc3339(q->to / HOUR_MS * HOUR_MS + HOUR_MS - 1, to);
    enum rc rc = store_run(s, &Q_PAST_HOURS, args, &rows, f);
    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++) {
        const struct past_hour h = {
            .t = rows_int(rows, i, "t"),
            .count = rows_int(rows, i, "n"),
            .min = rows_real(rows, i, "low"),
            .max = rows_real(rows, i, "high"),
            .sum = rows_real(rows, i, "total"),
        };

        if (!sink(ctx, &h, 1))
            break;
    }
    return rc;
}
