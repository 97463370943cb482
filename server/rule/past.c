// SPDX-License-Identifier: Apache-2.0

#include "rule/past.h"

#include <stdlib.h>

#include "core/auto.h"
#include "history/history.h"
#include "rule/rule.h"

#define POINTS_MAX (1u << 20) // in order at once
#define TICK_MS    100
#define PAUSE_MS   1000 // between ticks where nothing comes
#define SLICE_MIN  1000

struct point {
    int64_t t, device;
    double v;
    struct engine_device *d;
    const struct engine_taps *taps;
};

struct gather {
    struct past *p;
    const struct engine_taps *taps; // of the metric that is read
    struct point *points;
    size_t count, room;
    bool narrow, crowded, out_of_memory;
    int64_t clock;
};

void past_done(struct past *p)
{
    map_done(&p->met);
}

static enum rc no_memory(struct fault *f)
{
    return fail(f, RC_INTERNAL, "out of memory");
}

// ---------------------------------------------------------------- device by device

static void feed_run(struct gather *g, struct engine_device *d, const int64_t *t, const double *v,
                     size_t n)
{
    struct engine *e = g->p->engine;

    for (size_t i = 0; i < n; i++) {
        engine_feed_one(e, d, g->taps, v[i], t[i], t[i]);
        engine_decide(e);
    }
}

// ---------------------------------------------------------------- in order of time

static bool room_for(struct gather *g, size_t n)
{
    size_t room = (g->count + n) * 2;
    struct point *grown;

    g->crowded |= g->count + n > POINTS_MAX;
    if (g->crowded || g->count + n <= g->room)
        return !g->crowded;
    grown = reallocarray(g->points, room, sizeof *grown);
    g->out_of_memory = !grown;
    if (!grown)
        return false;
    g->points = grown;
    g->room = room;
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    if (x->t != y->t)
        return x->t < y->t ? -1 : 1;
    return (x->device > y->device) - (x->device < y->device);
}

static void tick_to(struct gather *g, int64_t t)
{
    for (; g->clock + PAUSE_MS < t; g->clock += PAUSE_MS)
        engine_tick(g->p->engine, g->clock + PAUSE_MS);
    if (t / TICK_MS == g->clock / TICK_MS)
        return;
    g->clock = t / TICK_MS * TICK_MS;
    engine_tick(g->p->engine, g->clock);
}

static void feed_all(struct gather *g)
{
    struct engine *e = g->p->engine;

    if (g->count)
        qsort(g->points, g->count, sizeof *g->points, by_time);
    for (size_t i = 0; i < g->count; i++) {
        const struct point *x = &g->points[i], *next = x + 1;

        // Not to its very moment: what a message itself closes is judged with it.
        tick_to(g, x->t - 1);
        engine_feed_one(e, x->d, x->taps, x->v, x->t, x->t);
        // What came together counts together.
        if (i + 1 == g->count || next->t != x->t || next->device != x->device)
            engine_decide(e);
    }
}

// ---------------------------------------------------------------- both

static bool take_run(void *gather, int64_t device, const int64_t *t, const double *v, size_t n)
{
    struct gather *g = gather;
    struct engine_device *d = engine_device(g->p->engine, device);

    if (atomic_load(g->p->stop))
        return false;
    if (!d)
        return true;
    if (!map_get(&g->p->met, device) && !map_put(&g->p->met, device, d)) {
        g->out_of_memory = true;
        return false;
    }
    if (g->narrow) {
        g->p->points += n;
        feed_run(g, d, t, v, n);
        return true;
    }
    if (!room_for(g, n))
        return false;
    for (size_t i = 0; i < n; i++)
        g->points[g->count++] = (struct point){ t[i], device, v[i], d, g->taps };
    return true;
}

static enum rc read_slice(struct gather *g, const char *const *metrics,
                          const struct engine_taps *const *taps, int64_t from, int64_t to,
                          struct fault *f)
{
    enum rc rc = RC_OK;

    g->count = 0;
    g->crowded = false;
    for (size_t i = 0; rc == RC_OK && metrics[i] && !g->crowded; i++) {
        struct history_scan q = { .catalog = g->p->catalog,
                                  .metric = *metrics[i] ? metrics[i] : NULL,
                                  .from = from,
                                  .to = to - 1 };

        g->taps = taps[i];
        rc = history_scan(g->p->pool, &q, take_run, g, f);
    }
    if (rc == RC_OK && atomic_load(g->p->stop))
        return fail(f, RC_UNAVAILABLE, "stopped");
    if (rc == RC_OK && g->out_of_memory)
        return no_memory(f);
    if (rc != RC_OK || g->crowded)
        return rc;
    if (!g->narrow) {
        g->p->points += g->count;
        feed_all(g);
        tick_to(g, to);
    }
    return RC_OK;
}

static int64_t hour_end(int64_t t)
{
    return (t / HISTORY_HOUR_MS + 1) * HISTORY_HOUR_MS;
}

// In slices of at most an hour, shorter where there is much.
static enum rc read_slices(struct gather *g, const char *const *metrics,
                           const struct engine_taps *const *taps, int64_t from, int64_t to,
                           struct fault *f)
{
    int64_t slice = HISTORY_HOUR_MS;
    enum rc rc = RC_OK;

    while (rc == RC_OK && from < to) {
        int64_t edge = from + slice < hour_end(from) ? from + slice : hour_end(from);

        edge = edge < to ? edge : to;
        rc = read_slice(g, metrics, taps, from, edge, f);
        if (rc == RC_OK && g->crowded) {
            slice = (edge - from) / 2;
            if (slice < SLICE_MIN)
                rc = fail(f, RC_LIMIT,
                          "more than %u values in two seconds: narrow the rule with 'where'",
                          POINTS_MAX);
            continue;
        }
        if (rc == RC_OK && g->p->step)
            g->p->step(g->p->ctx, edge);
        slice = g->count < POINTS_MAX / 4 && slice < HISTORY_HOUR_MS ? slice * 2 : slice;
        from = edge;
    }
    return rc;
}

static size_t count_metrics(const struct engine *e)
{
    size_t place = 0, n = 0;

    while (engine_metric(e, &place))
        n++;
    return n;
}

enum rc past_feed(struct past *p, int64_t from, int64_t to, struct fault *f)
{
    size_t n = count_metrics(p->engine), place = 0;
    auto_free const char **metrics = calloc(n + 1, sizeof *metrics);
    auto_free const struct engine_taps **taps = calloc(n + 1, sizeof *taps);
    struct gather g = { .p = p, .narrow = engine_is_narrow(p->engine), .clock = from };
    enum rc rc = metrics && taps ? RC_OK : no_memory(f);

    for (size_t i = 0; rc == RC_OK && i < n; i++) {
        metrics[i] = engine_metric(p->engine, &place);
        taps[i] = engine_tap_metric(p->engine, metrics[i]);
        if (!taps[i])
            rc = no_memory(f);
    }
    if (rc == RC_OK)
        rc = read_slices(&g, metrics, taps, from, to, f);
    if (rc == RC_OK)
        engine_tick(p->engine, to);
    free(g.points);
    return rc;
}
