// SPDX-License-Identifier: Apache-2.0

#include "telemetry/telemetry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "store/arg.h"
#include "store/store.h"
#include "telemetry_sql.h"

#define PAGE        20000
#define SHAPES_MAX  256
#define METRICS_MAX 64 // of one shape; the protocol's limit
#define DAY_MS      (24LL * 3600 * 1000)
#define NAMES_ROWS  2000

struct line {
    char *metric; // owned
    struct sampler *sampler;
};

// Which line a shape's values belong to; -1: not wanted.
struct shape {
    int64_t id;
    int count;
    int line[METRICS_MAX];
};

struct series {
    struct series_query q;
    size_t count;
    struct line lines[SERIES_MAX];
    bool truncated;
    size_t shape_count;
    struct shape shapes[SHAPES_MAX];
};

struct source {
    struct store *s;
    int32_t catalog;
    int64_t device;
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct series *, series_freep, series_free)

// ---------------------------------------------------------------- shapes

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

// The line of a metric, made when it is first seen; -1 if there is no room.
static int line_of(struct series *se, const char *metric)
{
    for (size_t i = 0; i < se->count; i++)
        if (!strcmp(se->lines[i].metric, metric))
            return (int)i;
    if (se->count == SERIES_MAX) {
        se->truncated = true;
        return -1;
    }
    struct line l = { strdup(metric), sampler_new(se->q.from, se->q.to, se->q.points) };
    if (!l.metric || !l.sampler)
        abort();
    se->lines[se->count] = l;
    return (int)se->count++;
}

static enum rc read_shape(const struct source *from, struct series *se, struct shape *out,
                          struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(from->catalog), ARG_INT(out->id) };
    enum rc rc = store_run(from->s, &Q_TELEMETRY_SHAPE, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    out->count = rows_count(rows) < METRICS_MAX ? rows_count(rows) : METRICS_MAX;
    for (int i = 0; i < out->count; i++) {
        const char *name = rows_text(rows, i, "name");
        out->line[i] = is_wanted(se->q.metrics, name) ? line_of(se, name) : -1;
    }
    return RC_OK;
}

// *out is NULL where a device has used more shapes than one answer can follow.
static enum rc shape_of(const struct source *from, struct series *se, int64_t id,
                        const struct shape **out, struct fault *f)
{
    enum rc rc = RC_OK;

    *out = NULL;
    for (size_t i = 0; i < se->shape_count && !*out; i++)
        if (se->shapes[i].id == id)
            *out = &se->shapes[i];
    if (*out)
        return RC_OK;
    if (se->shape_count == SHAPES_MAX) {
        se->truncated = true;
        return RC_OK;
    }
    struct shape *made = &se->shapes[se->shape_count];
    made->id = id;
    rc = read_shape(from, se, made, f);
    if (rc != RC_OK)
        return rc;
    se->shape_count++;
    *out = made;
    return RC_OK;
}

// ---------------------------------------------------------------- rows

// vals is an array as PostgreSQL writes it: {0.42,41.5}
static void add_values(struct series *se, const struct shape *shape, int64_t t, const char *vals)
{
    char *end;

    for (int i = 0; i < shape->count && (*vals == '{' || *vals == ','); i++) {
        double value = strtod(++vals, &end);
        bool read = end != vals;

        vals = read ? end : vals + strcspn(vals, ",}"); // NULL
        if (read && isfinite(value) && shape->line[i] >= 0)
            sampler_add(se->lines[shape->line[i]].sampler, t, value);
    }
}

static enum rc add_rows(const struct source *from, struct series *se, const struct rows *rows,
                        int count, struct fault *f)
{
    for (int i = 0; i < count; i++) {
        const struct shape *shape;
        enum rc rc = shape_of(from, se, rows_int(rows, i, "shape"), &shape, f);

        if (rc != RC_OK)
            return rc;
        if (shape)
            add_values(se, shape, rows_int(rows, i, "t"), rows_text(rows, i, "vals"));
    }
    return RC_OK;
}

// How many of a full page to take: up to, not including, its last moment, which the next page
// then reads whole. *to is where that page begins.
static int take_whole_moments(struct series *se, const struct rows *rows, int count, int64_t *to)
{
    int64_t last = rows_int(rows, count - 1, "t");
    int taken = count;

    while (taken > 0 && rows_int(rows, taken - 1, "t") == last)
        taken--;
    *to = last;
    if (taken > 0)
        return taken;
    se->truncated = true; // thousands of readings in one millisecond: some of them will do
    *to = last - 1;
    return count;
}

static enum rc add_page(const struct source *from, struct series *se, int64_t *to, int *taken,
                        struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char first[RFC3339_LEN + 1], last[RFC3339_LEN + 1];
    const char *args[] = { ARG_INT(from->catalog), ARG_INT(from->device), first, last,
                           ARG_INT(PAGE) };

    clock_rfc3339(se->q.from, first);
    clock_rfc3339(*to, last);
    enum rc rc = store_run(from->s, &Q_TELEMETRY_PAGE, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    int count = rows_count(rows);
    *taken = count;
    if (count == PAGE)
        *taken = take_whole_moments(se, rows, count, to);
    else
        *to = INT64_MIN;
    return add_rows(from, se, rows, *taken, f);
}

enum rc telemetry_series(struct store *s, int32_t catalog, int64_t device,
                         const struct series_query *q, struct series **out, struct fault *f)
{
    auto_with(series_freep) struct series *se = calloc(1, sizeof *se);
    struct source from = { s, catalog, device };
    int64_t to = q->to;
    int total = 0, taken = 0;

    if (!se)
        return fail(f, RC_INTERNAL, "out of memory");
    se->q = *q;
    while (to >= q->from && total < SERIES_ROWS_MAX) {
        enum rc rc = add_page(&from, se, &to, &taken, f);
        if (rc != RC_OK)
            return rc;
        total += taken;
    }
    se->truncated |= to >= q->from;
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
