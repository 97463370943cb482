// SPDX-License-Identifier: Apache-2.0

#include "telemetry/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "history/history.h"

#define HOUR_MS HISTORY_HOUR_MS
// From where on whole hours are fine enough, or points too many.
#define HOUR_WIDTH_MS (HOUR_MS / 2)
#define HOUR_RANGE_MS (14 * 24 * HOUR_MS)
#define MINUTE_MS     (60 * 1000LL)

const char *trace_from_name(enum trace_from from)
{
    static const char *const names[] = { "raw", "bucket", "minute", "hour" };

    return names[from];
}

// The whole steps that from and to lie in.
static void widen(struct trace_plan *p, int64_t step, int64_t steps)
{
    p->from = p->from / step * step;
    p->to = p->to / step * step + step - 1;
    p->width = (p->to - p->from + steps) / steps;
}

void trace_plan(int64_t from, int64_t to, int points, struct trace_plan *out)
{
    int64_t range = to - from + 1, steps = points - 1; // the first bucket begins before from
    int64_t width = (range + steps - 1) / steps;

    *out = (struct trace_plan){ .from = from, .to = to, .width = width, .most = (size_t)points };
    out->hours = width >= HOUR_WIDTH_MS || range > HOUR_RANGE_MS;
    out->minutes = !out->hours && width >= 2 * MINUTE_MS;
    if (out->hours) {
        widen(out, HOUR_MS, steps);
        out->width = (out->width + HOUR_MS - 1) / HOUR_MS * HOUR_MS;
    } else if (out->minutes) {
        widen(out, MINUTE_MS, steps);
    }
}

// t is all zeros.
static void start(struct trace *t, const struct trace_plan *plan)
{
    t->plan = *plan;
    t->whole = true;
    t->made_from = plan->hours ? TRACE_HOUR : plan->even ? TRACE_BUCKET : TRACE_RAW;
    t->buckets = t->made_from == TRACE_RAW ? 0 : plan->most;
}

struct trace *trace_new(const struct trace_plan *plan)
{
    struct trace *t = calloc(1, sizeof *t + plan->most * sizeof t->list[0]);

    if (t)
        start(t, plan);
    return t;
}

static void add_to_bucket(struct trace *t, const struct trace_point *p)
{
    int64_t first = t->plan.from / t->plan.width;
    struct trace_point *b = &t->list[p->t / t->plan.width - first];

    b->min = b->count && b->min < p->min ? b->min : p->min;
    b->max = b->count && b->max > p->max ? b->max : p->max;
    b->sum += p->sum;
    b->count += p->count;
    b->t = p->t / t->plan.width * t->plan.width;
}

// No more room to keep each point.
static void start_buckets(struct trace *t)
{
    size_t bytes = t->count * sizeof t->list[0];
    auto_free struct trace_point *kept = malloc(bytes);

    if (!kept)
        abort();
    memcpy(kept, t->list, bytes);
    memset(t->list, 0, bytes);
    t->made_from = TRACE_BUCKET;
    t->buckets = t->plan.most;
    for (size_t i = 0; i < t->count; i++)
        add_to_bucket(t, &kept[i]);
}

void trace_add(struct trace *t, const struct trace_point *p)
{
    if (p->t < t->plan.from || p->t > t->plan.to)
        return;
    if (!t->buckets && t->count < t->plan.most) {
        t->list[t->count++] = *p;
        return;
    }
    if (!t->buckets)
        start_buckets(t);
    add_to_bucket(t, p);
}

void trace_end(struct trace *t)
{
    if (!t->buckets)
        return;
    t->count = 0;
    for (size_t i = 0; i < t->buckets; i++)
        if (t->list[i].count)
            t->list[t->count++] = t->list[i];
}

double trace_mean(const struct trace_point *p)
{
    return fmax(p->min, fmin(p->max, p->sum / (double)p->count));
}

static bool add_points(void *ctx, size_t which, const int64_t *at, const double *v, size_t n)
{
    struct trace *t = ctx;

    (void)which;
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i]))
            trace_add(t, &(struct trace_point){ at[i], 1, v[i], v[i], v[i] });
    t->read += n;
    t->whole = t->read <= TRACE_READ_MAX;
    return t->whole;
}

static bool add_sums(void *ctx, size_t which, const struct history_hour *h, size_t n)
{
    (void)which;
    for (size_t i = 0; i < n; i++)
        if (isfinite(h[i].min) && isfinite(h[i].max))
            trace_add(ctx,
                      &(struct trace_point){ h[i].t, h[i].count, h[i].min, h[i].max, h[i].sum });
    return true;
}

static void start_again(struct trace *t)
{
    struct trace_plan plan = t->plan;

    memset(t, 0, sizeof *t + plan.most * sizeof t->list[0]);
    start(t, &plan);
}

// *done: these minutes are the answer.
static enum rc read_minutes(struct store *s, const struct history_query *q, struct trace *t,
                            bool *done, struct fault *f)
{
    struct history_reach reach;
    enum rc rc;

    t->made_from = TRACE_MINUTE;
    t->buckets = t->plan.most;
    rc = history_minutes(s, q, add_sums, t, &reach, f);
    *done = reach.any && reach.whole && (!reach.kept || reach.messages > (int64_t)t->plan.most);
    if (rc == RC_OK && !*done)
        start_again(t);
    return rc;
}

static enum rc read_points(struct store *s, const struct history_query *q, struct trace *t,
                           struct fault *f)
{
    bool done = false;
    enum rc rc = RC_OK;

    if (t->plan.minutes)
        rc = read_minutes(s, q, t, &done, f);
    return rc == RC_OK && !done ? history_read(s, q, add_points, t, f) : rc;
}

enum rc trace_read(struct store *s, int32_t catalog, int64_t device, const char *metric,
                   const struct trace_plan *plan, struct trace **out, struct fault *f)
{
    auto_free struct trace *t = trace_new(plan);
    const struct history_query q = { .catalog = catalog,
                                     .device = device,
                                     .metrics = &metric,
                                     .count = 1,
                                     .from = plan->from,
                                     .to = plan->to };
    enum rc rc;

    if (!t)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = plan->hours ? history_hours(s, &q, add_sums, t, f) : read_points(s, &q, t, f);
    if (rc != RC_OK)
        return rc;
    trace_end(t);
    *out = take(&t);
    return RC_OK;
}
