// SPDX-License-Identifier: Apache-2.0

#include "telemetry/telemetry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "history/history.h"
#include "store/arg.h"
#include "store/store.h"
#include "telemetry_sql.h"

#define DAY_MS     (24LL * 3600 * 1000)
#define NAMES_ROWS 2000

struct line {
    char *metric; // owned
    struct sampler *sampler;
    size_t points;
};

struct series {
    struct series_query q;
    size_t count;
    struct line lines[SERIES_MAX];
    bool truncated;
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct series *, series_freep, series_free)

static bool is_wanted(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        if (n == len && !memcmp(at, name, n))
            return true;
        at += n;
    }
    return !*list;
}

static void add_line(struct series *se, const char *metric)
{
    if (se->count == SERIES_MAX) {
        se->truncated = true;
        return;
    }
    struct line l = { strdup(metric), sampler_new(se->q.from, se->q.to, se->q.points), 0 };
    if (!l.metric || !l.sampler)
        abort();
    se->lines[se->count++] = l;
}

// A line for each metric that the device said something of in that time, if it is wanted.
static enum rc add_lines(struct store *s, int32_t catalog, int64_t device, struct series *se,
                         struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char hour[RFC3339_LEN + 1], from[RFC3339_LEN + 1], to[RFC3339_LEN + 1];
    const char *args[] = { ARG_INT(catalog), ARG_INT(device), hour, from, to };

    clock_rfc3339(se->q.from - se->q.from % HISTORY_HOUR_MS, hour);
    clock_rfc3339(se->q.from, from);
    clock_rfc3339(se->q.to, to);
    enum rc rc = store_run(s, &Q_TELEMETRY_NAMES, args, &rows, f);
    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        if (is_wanted(se->q.metrics, rows_text(rows, i, "name")))
            add_line(se, rows_text(rows, i, "name"));
    return rc;
}

struct filling {
    struct series *series;
    struct line *line;
};

static bool add_points(void *ctx, size_t which, const int64_t *t, const double *v, size_t n)
{
    struct filling *g = ctx;

    (void)which;
    if (g->line->points >= SERIES_POINTS_MAX) {
        g->series->truncated = true;
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i]))
            sampler_add(g->line->sampler, t[i], v[i]);
    g->line->points += n;
    return true;
}

static enum rc fill_line(struct store *s, int32_t catalog, int64_t device, struct series *se,
                         struct line *line, struct fault *f)
{
    const char *metric = line->metric;
    struct filling g = { se, line };

    return history_read(s,
                        &(struct history_query){ .catalog = catalog,
                                                 .device = device,
                                                 .metrics = &metric,
                                                 .count = 1,
                                                 .from = se->q.from,
                                                 .to = se->q.to,
                                                 .newest_first = true },
                        add_points, &g, f);
}

// A line without a point in that very time is none.
static void drop_empty_lines(struct series *se)
{
    size_t kept = 0;

    for (size_t i = 0; i < se->count; i++) {
        if (se->lines[i].points) {
            se->lines[kept++] = se->lines[i];
        } else {
            free(se->lines[i].metric);
            sampler_free(se->lines[i].sampler);
        }
    }
    se->count = kept;
}

enum rc telemetry_series(struct store *s, int32_t catalog, int64_t device,
                         const struct series_query *q, struct series **out, struct fault *f)
{
    auto_with(series_freep) struct series *se = calloc(1, sizeof *se);
    enum rc rc;

    if (!se)
        return fail(f, RC_INTERNAL, "out of memory");
    se->q = *q;
    rc = add_lines(s, catalog, device, se, f);
    for (size_t i = 0; rc == RC_OK && i < se->count; i++)
        rc = fill_line(s, catalog, device, se, &se->lines[i], f);
    if (rc != RC_OK)
        return rc;
    drop_empty_lines(se);
    *out = take(&se);
    return RC_OK;
}

size_t series_count(const struct series *s)
{
    return s->count;
}

const char *series_metric(const struct series *s, size_t index)
{
    return s->lines[index].metric;
}

const struct sample *series_points(struct series *s, size_t index, size_t *count)
{
    return sampler_result(s->lines[index].sampler, count);
}

bool series_is_truncated(const struct series *s)
{
    return s->truncated;
}

void series_free(struct series *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++) {
        free(s->lines[i].metric);
        sampler_free(s->lines[i].sampler);
    }
    free(s);
}

// ---------------------------------------------------------------- now

enum rc telemetry_last(struct store *s, int32_t catalog, const char *id, int64_t *t,
                       telemetry_value *tell, void *ctx, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc =
        store_run(s, &Q_TELEMETRY_LAST, (const char *[]){ ARG_INT(catalog), id }, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "this catalog has no such device");
    *t = rows_int(rows, 0, "t");
    for (int i = 0; i < rows_count(rows); i++)
        if (rows_text(rows, i, "name") && rows_text(rows, i, "value"))
            tell(ctx, rows_text(rows, i, "name"), rows_real(rows, i, "value"));
    return RC_OK;
}

enum rc telemetry_metrics(struct store *s, int32_t catalog, int64_t device, telemetry_name *tell,
                          void *ctx, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char since[RFC3339_LEN + 1];
    const char *args[] = { ARG_INT(catalog), ARG_INT(device), since, ARG_INT(NAMES_ROWS) };

    clock_rfc3339(clock_now_ms() - DAY_MS, since);
    enum rc rc = store_run(s, &Q_TELEMETRY_METRICS, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    for (int i = 0; i < rows_count(rows); i++)
        tell(ctx, rows_text(rows, i, "name"));
    return RC_OK;
}
