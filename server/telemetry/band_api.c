// SPDX-License-Identifier: Apache-2.0

#include "telemetry/band_api.h"

#include <math.h>
#include <stdlib.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "telemetry/asked.h"
#include "telemetry/range.h"
#include "telemetry/sample.h"
#include "telemetry/spread.h"
#include "telemetry/trace.h"

#define POINTS_USUAL 200
#define POINTS_MAX   1000
#define SAMPLE_USUAL 50

static handler show;

const struct route band_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/telemetry/band", MAY_SEE_TELEMETRY, show,
      ROUTE_REPEATS | ROUTE_SLOW },
    { 0 },
};

struct band {
    struct asked asked;
    struct trace_plan plan;
    struct sample_set sample;
    double *means; // owned; a row a device of the part, a column a bucket; NAN where it has none
    double *low, *high; // owned; a bucket
    bool complete;
};

static void band_free(struct band *b)
{
    asked_done(&b->asked);
    sample_done(&b->sample);
    free(b->means);
    free(b->low);
    free(b->high);
    free(b);
}

DEFINE_AUTO(struct band *, band_freep, band_free)

static enum rc read_ask(const struct req *q, struct band *b, size_t *most, struct fault *f)
{
    static const char *const also[] = { "metric", "by", "from", "to", "points", "sample", NULL };
    int64_t from = 0, to = 0, points = 0, sample = 0;
    enum rc rc = range_read(q, DAY_MS, &from, &to, f);

    if (rc == RC_OK)
        rc = range_number(q, "points", 2, POINTS_MAX, POINTS_USUAL, &points, f);
    if (rc == RC_OK)
        rc = range_number(q, "sample", 1, SAMPLE_MAX, SAMPLE_USUAL, &sample, f);
    if (rc == RC_OK)
        rc = asked_read(q, also, &b->asked, f);
    if (rc != RC_OK)
        return rc;
    b->asked.window = b->asked.now > from ? b->asked.now - from : 0;
    *most = (size_t)sample;
    trace_plan(from, to, (int)points, &b->plan);
    b->plan.even = true;
    return RC_OK;
}

static bool make_room(struct band *b)
{
    b->means = calloc(SAMPLE_MAX * b->plan.most, sizeof *b->means);
    b->low = calloc(b->plan.most, sizeof *b->low);
    b->high = calloc(b->plan.most, sizeof *b->high);
    return b->means && b->low && b->high;
}

static void clear(struct band *b)
{
    for (size_t i = 0; i < SAMPLE_MAX * b->plan.most; i++)
        b->means[i] = (double)NAN;
    for (size_t i = 0; i < b->plan.most; i++) {
        b->low[i] = INFINITY;
        b->high[i] = -INFINITY;
    }
}

static void add_trace(struct band *b, const struct trace *t, double *means)
{
    int64_t first = b->plan.from / b->plan.width;

    b->complete &= t->whole;
    for (size_t i = 0; i < t->count; i++) {
        const struct trace_point *p = &t->list[i];
        size_t at = (size_t)(p->t / b->plan.width - first);

        means[at] = trace_mean(p);
        b->low[at] = fmin(b->low[at], p->min);
        b->high[at] = fmax(b->high[at], p->max);
    }
}

static enum rc read_part(const struct req *q, struct band *b, const struct sample_part *p,
                         struct fault *f)
{
    enum rc rc = RC_OK;

    clear(b);
    for (size_t i = 0; rc == RC_OK && i < p->count; i++) {
        auto_free struct trace *t = NULL;

        rc = trace_read(q->store, q->catalog, b->sample.devices[p->first + i], b->asked.metric,
                        &b->plan, &t, f);
        if (rc == RC_OK)
            add_trace(b, t, &b->means[i * b->plan.most]);
    }
    return rc;
}

static const struct {
    const char *name;
    double share;
} shares[] = { { "p5", 0.05 }, { "p25", 0.25 }, { "p50", 0.50 }, { "p75", 0.75 }, { "p95", 0.95 } };

#define SHARES (sizeof shares / sizeof *shares)

// Of one bucket; how many devices have any.
static size_t gather(const struct band *b, const struct sample_part *p, size_t at, struct spread *s)
{
    s->count = 0;
    for (size_t i = 0; i < p->count; i++)
        if (!isnan(b->means[i * b->plan.most + at]))
            spread_add(s, b->means[i * b->plan.most + at]);
    return s->count;
}

static json_t *column(json_t *o, const char *name)
{
    json_t *list = json_array();

    add_json(o, name, list);
    return list; // borrowed from o
}

static void add_columns(const struct band *b, const struct sample_part *p, json_t *o)
{
    json_t *t = column(o, "t"), *low = column(o, "min"), *high = column(o, "max"),
           *count = column(o, "devices"), *lines[SHARES];
    int64_t first = b->plan.from / b->plan.width;
    struct spread s = { 0 };

    for (size_t k = 0; k < SHARES; k++)
        lines[k] = column(o, shares[k].name);
    for (size_t at = 0; at < b->plan.most; at++) {
        size_t n = gather(b, p, at, &s);

        if (n == 0)
            continue;
        json_array_append_new(t, json_integer((first + (int64_t)at) * b->plan.width));
        json_array_append_new(low, json_real(b->low[at]));
        json_array_append_new(high, json_real(b->high[at]));
        json_array_append_new(count, json_integer((json_int_t)n));
        for (size_t k = 0; k < SHARES; k++)
            json_array_append_new(lines[k], json_real(spread_at(&s, shares[k].share)));
    }
    spread_done(&s);
}

static enum rc add_parts(const struct req *q, struct band *b, json_t *list, struct fault *f)
{
    for (size_t i = 0; i < b->sample.part_count; i++) {
        const struct sample_part *p = &b->sample.parts[i];
        json_t *o = json_object();
        enum rc rc = read_part(q, b, p, f);

        json_array_append_new(list, o);
        if (rc != RC_OK)
            return rc;
        add_text(o, "key", p->key ? p->key : "");
        asked_label(q, &b->asked, o, p->key ? p->key : "");
        add_int(o, "sampled", (int64_t)p->count);
        add_int(o, "of", (int64_t)p->of);
        add_columns(b, p, o);
    }
    return RC_OK;
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(band_freep) struct band *b = calloc(1, sizeof *b);
    json_auto_t *list = json_array();
    size_t most = 0;
    enum rc rc = b ? read_ask(q, b, &most, f) : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK && !make_room(b))
        rc = fail(f, RC_INTERNAL, "out of memory");
    if (rc == RC_OK)
        rc = sample_take(q, &b->asked, most, &b->sample, f);
    if (rc != RC_OK)
        return rc;
    b->complete = true;
    rc = add_parts(q, b, list, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = asked_answer(q, &b->asked);
    add_int(o, "from", b->plan.from);
    add_int(o, "to", b->plan.to);
    add_int(o, "width", b->plan.width);
    add_text(o, "resolution", trace_from_name(b->plan.hours ? TRACE_HOUR : TRACE_BUCKET));
    add_int(o, "sampled", (int64_t)b->sample.count);
    add_int(o, "of", (int64_t)b->sample.of);
    if (!b->complete)
        add_bool(o, "complete", false);
    json_object_set(o, "bands", list);
    return reply_json(r, 200, o);
}
