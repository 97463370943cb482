// SPDX-License-Identifier: Apache-2.0

#include "rule/engine.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "rule/engine_own.h"

struct engine *engine_new(engine_sink *sink, void *ctx, int64_t begin)
{
    struct engine *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    *e = (struct engine){ .sink = sink, .ctx = ctx, .begin = begin };
    return e;
}

void engine_begin(struct engine *e, int64_t begin)
{
    e->begin = begin;
}

static void rule_free(struct engine_rule *r)
{
    for (size_t i = 0; i < r->verdicts.room; i++)
        if (r->verdicts.places[i].key)
            free(r->verdicts.places[i].thing);
    map_done(&r->verdicts);
    json_decref(r->rule.where);
    free(r);
}

static void device_free(const struct engine *e, struct engine_device *d)
{
    for (size_t i = 0; i < e->lane_count; i++)
        if (e->lanes[i]->by == RULE_BY_DEVICE)
            state_free(d->states[i]);
    free(d);
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->devices.room; i++)
        if (e->devices.places[i].key)
            device_free(e, e->devices.places[i].thing);
    for (size_t i = 0; i < e->taps.room; i++)
        if (e->taps.places[i].key)
            free(e->taps.places[i].thing);
    for (size_t i = 0; i < e->lane_count; i++)
        lane_free(e->lanes[i]);
    for (size_t i = 0; i < e->rule_count; i++)
        rule_free(e->rules[i]);
    map_done(&e->devices);
    map_done(&e->taps);
    free(e->pending);
    free(e->lanes);
    free(e->rules);
    free(e);
}

// ---------------------------------------------------------------- rules

static bool same_lane(const struct lane *s, const struct rule *r, const struct rule_test *t,
                      int scope)
{
    const struct rule_test *mine = &s->shape;

    if (s->by != r->by || s->scope != scope || mine->kind != t->kind ||
        strcmp(mine->metric, t->metric) != 0)
        return false;
    if (t->kind == RULE_WINDOW)
        return mine->over == t->over && mine->size_ms == t->size_ms && mine->hop_ms == t->hop_ms &&
               s->late_ms == r->late_ms;
    return t->kind == RULE_INSTANT || mine->size_ms == t->size_ms;
}

static struct lane *lane_of(struct engine *e, const struct rule *r, const struct rule_test *t,
                            int scope)
{
    struct lane **grown, *s;

    for (size_t i = 0; i < e->lane_count; i++)
        if (same_lane(e->lanes[i], r, t, scope))
            return e->lanes[i];
    grown = reallocarray(e->lanes, e->lane_count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    e->lanes = grown;
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->shape = *t;
    s->by = r->by;
    s->scope = scope;
    s->number = (uint32_t)e->lane_count;
    s->late_ms = r->late_ms;
    s->panes = t->kind == RULE_WINDOW ? t->size_ms / t->hop_ms : 1;
    s->look_at = INT64_MAX;
    e->lanes[e->lane_count++] = s;
    return s;
}

static struct measure *measure_of(struct lane *s, const struct rule_test *t)
{
    struct measure *grown;

    for (size_t i = 0; i < s->measure_count; i++)
        if (t->kind != RULE_WINDOW || (s->measures[i].aggregate == t->aggregate &&
                                       s->measures[i].percentile == t->percentile))
            return &s->measures[i];
    grown = reallocarray(s->measures, s->measure_count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    s->measures = grown;
    s->measures[s->measure_count] =
        (struct measure){ .aggregate = t->aggregate, .percentile = t->percentile };
    s->keeps_values |= t->kind == RULE_WINDOW && t->aggregate == RULE_PERCENTILE;
    s->keeps_history |= t->kind == RULE_WINDOW && t->aggregate == RULE_STDDEV;
    return &s->measures[s->measure_count++];
}

// Keeps a list in order: limits that are passed first come first.
static bool insert(struct leaf ***list, size_t *count, struct leaf *l, int sign)
{
    struct leaf **grown = reallocarray(*list, *count + 1, sizeof *grown);
    size_t i = *count;

    if (!grown)
        return false;
    *list = grown;
    for (; i > 0 && sign != 0; i--) {
        double before = grown[i - 1]->limit * sign, mine = l->limit * sign;

        if (before < mine ||
            (before == mine && (grown[i - 1]->op == RULE_GE || grown[i - 1]->op == RULE_LE ||
                                l->op == RULE_GT || l->op == RULE_LT)))
            break;
        grown[i] = grown[i - 1];
    }
    grown[i] = l;
    ++*count;
    return true;
}

static bool hang_leaf(struct lane *s, struct measure *m, struct leaf *l)
{
    if (l->windows > 1) {
        l->run = (uint32_t)s->slow_count++;
        return insert(&m->slow, &m->slow_count, l, 0);
    }
    return l->op == RULE_GT || l->op == RULE_GE ? insert(&m->up, &m->up_count, l, 1)
                                                : insert(&m->down, &m->down_count, l, -1);
}

static bool add_test(struct engine *e, struct engine_rule *r, int test, int scope)
{
    const struct rule_test *t = &r->rule.tests[test];
    struct lane *s = lane_of(e, &r->rule, t, scope);
    struct measure *m = s ? measure_of(s, t) : NULL;
    auto_free struct leaf *l = m ? calloc(1, sizeof *l) : NULL;

    if (!l)
        return false;
    *l = (struct leaf){ .rule = r,
                        .limit = t->value,
                        .test = (uint8_t)test,
                        .windows = (uint8_t)(t->kind == RULE_WINDOW ? t->windows : 1),
                        .op = t->op };
    if (!hang_leaf(s, m, l))
        return false;
    l = NULL;
    return true;
}

enum rc engine_add(struct engine *e, int64_t id, const struct rule *r, int scope, struct fault *f)
{
    struct engine_rule **grown = reallocarray(e->rules, e->rule_count + 1, sizeof *grown), *added;

    if (!grown)
        return fail(f, RC_INTERNAL, "out of memory");
    e->rules = grown;
    added = calloc(1, sizeof *added);
    if (!added)
        return fail(f, RC_INTERNAL, "out of memory");
    added->id = id;
    added->rule = *r;
    added->rule.where = json_incref(r->where);
    added->scope = scope;
    added->plain = r->nodes[r->root].join == RULE_TEST;
    e->rules[e->rule_count++] = added;
    for (int i = 0; i < r->test_count; i++)
        if (!add_test(e, added, i, scope))
            return fail(f, RC_INTERNAL, "out of memory");
    return RC_OK;
}

// ---------------------------------------------------------------- devices

static bool in_scope(const struct engine_who *w, int scope)
{
    return w->scopes[scope / 64] >> (scope % 64) & 1;
}

static int64_t key_of(const struct engine_who *w, enum rule_by by)
{
    switch (by) {
    case RULE_BY_DEVICE:
        return w->device;
    case RULE_BY_GROUP:
        return w->group;
    case RULE_BY_PRODUCT:
        return w->product;
    case RULE_BY_SITE:
        return w->site;
    }
    return 0;
}

struct engine_device *engine_device(const struct engine *e, int64_t device)
{
    return map_get(&e->devices, device);
}

int64_t *engine_devices(const struct engine *e, size_t *count)
{
    int64_t *list = calloc(e->devices.count + 1, sizeof *list);

    *count = 0;
    for (size_t i = 0; list && i < e->devices.room; i++)
        if (e->devices.places[i].key)
            list[(*count)++] = e->devices.places[i].key;
    return list;
}

static struct state *find_state(struct engine *e, struct engine_device *d, struct lane *s,
                                int64_t now)
{
    int64_t key = key_of(&d->who, s->by);
    struct state *st = key && s->by != RULE_BY_DEVICE ? map_get(&s->keys, key) : NULL;

    if (!key || !in_scope(&d->who, s->scope))
        return NULL;
    if (!st) {
        st = lane_state(e, s, key, now);
        if (st && s->by != RULE_BY_DEVICE && !map_put(&s->keys, key, st)) {
            state_free(st);
            st = NULL;
        }
        e->crowded += !st;
    }
    d->states[s->number] = st;
    return st;
}

// States of a device's own that it no longer has a part in end; the others are found anew.
static void leave(struct engine *e, struct engine_device *d, int64_t now)
{
    for (size_t i = 0; i < e->lane_count; i++) {
        struct lane *s = e->lanes[i];

        if (s->by != RULE_BY_DEVICE) {
            d->states[i] = NULL;
        } else if (d->states[i] && !in_scope(&d->who, s->scope)) {
            state_free(d->states[i]);
            d->states[i] = NULL;
        }
    }
    for (size_t i = 0; i < e->rule_count; i++)
        if (e->rules[i]->rule.by == RULE_BY_DEVICE && !in_scope(&d->who, e->rules[i]->scope))
            verdict_end(e, e->rules[i], d->who.device, now);
}

// Whoever was heard before can fall silent.
static void listen(struct engine *e, struct engine_device *d, int64_t now)
{
    for (size_t i = 0; i < e->lane_count; i++) {
        struct lane *s = e->lanes[i];

        if (s->shape.kind == RULE_ABSENCE && !*s->shape.metric && !d->states[i])
            find_state(e, d, s, now);
    }
}

struct engine_device *engine_put(struct engine *e, const struct engine_who *w, int64_t now)
{
    struct engine_device *d = engine_device(e, w->device);

    if (!d) {
        d = calloc(1, sizeof *d + e->lane_count * sizeof *d->states);
        if (!d || !map_put(&e->devices, w->device, d)) {
            free(d);
            return NULL;
        }
    }
    d->who = *w;
    leave(e, d, now);
    if (w->heard)
        listen(e, d, now);
    return d;
}

// ---------------------------------------------------------------- readings

const struct engine_taps *engine_taps(const struct engine *e, int64_t shape)
{
    return map_get(&e->taps, shape);
}

static int32_t column_of(const struct lane *s, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], s->shape.metric))
            return (int32_t)i;
    return -2;
}

const struct engine_taps *engine_tap(struct engine *e, int64_t shape, const char *const *names,
                                     size_t count)
{
    struct engine_taps *t = calloc(1, sizeof *t + e->lane_count * sizeof *t->taps);

    if (!t)
        return NULL;
    for (size_t i = 0; i < e->lane_count; i++) {
        struct lane *s = e->lanes[i];
        int32_t column = *s->shape.metric ? column_of(s, names, count) : -1;

        if (column != -2)
            t->taps[t->count++] = (struct tap){ s, column };
    }
    if (!map_put(&e->taps, shape, t)) {
        free(t);
        return NULL;
    }
    return t;
}

const struct engine_taps *engine_tap_metric(struct engine *e, const char *metric)
{
    struct engine_taps *t = calloc(1, sizeof *t + e->lane_count * sizeof *t->taps);
    int64_t key = -1 - (int64_t)e->taps.count; // shapes are above 0

    for (size_t i = 0; t && i < e->lane_count; i++)
        if (!strcmp(e->lanes[i]->shape.metric, metric))
            t->taps[t->count++] = (struct tap){ e->lanes[i], 0 };
    if (t && !map_put(&e->taps, key, t)) {
        free(t);
        return NULL;
    }
    return t;
}

static void feed_tap(struct engine *e, struct engine_device *d, const struct tap *t, double v,
                     int64_t at, int64_t now)
{
    struct state *st = d->states[t->lane->number];

    if (!st)
        st = find_state(e, d, t->lane, now);
    if (st && v - v == 0) // a number
        lane_reading(e, st, v, at, now);
}

void engine_feed(struct engine *e, struct engine_device *d, const struct engine_taps *taps,
                 const double *values, int64_t at, int64_t now)
{
    e->readings++;
    for (uint32_t i = 0; i < taps->count; i++) {
        const struct tap *t = &taps->taps[i];

        feed_tap(e, d, t, t->column < 0 ? 1 : values[t->column], at, now);
    }
    verdict_decide(e);
}

void engine_feed_one(struct engine *e, struct engine_device *d, const struct engine_taps *taps,
                     double v, int64_t at, int64_t now)
{
    e->readings++;
    for (uint32_t i = 0; i < taps->count; i++)
        feed_tap(e, d, &taps->taps[i], v, at, now);
}

void engine_decide(struct engine *e)
{
    verdict_decide(e);
}

bool engine_is_narrow(const struct engine *e)
{
    return e->lane_count == 1 && e->lanes[0]->by == RULE_BY_DEVICE &&
           e->lanes[0]->shape.kind != RULE_ABSENCE;
}

const char *engine_metric(const struct engine *e, size_t *place)
{
    for (bool met = true; *place < e->lane_count; ++*place) {
        const char *metric = e->lanes[*place]->shape.metric;

        met = false;
        for (size_t i = 0; i < *place && !met; i++)
            met = !strcmp(e->lanes[i]->shape.metric, metric);
        if (!met)
            return e->lanes[(*place)++]->shape.metric;
    }
    return NULL;
}

// ---------------------------------------------------------------- time

void engine_tick(struct engine *e, int64_t now)
{
    for (size_t i = 0; i < e->lane_count; i++)
        lane_tick(e, e->lanes[i], now);
    verdict_decide(e);
}

void engine_turn_to(struct engine *e, enum engine_mode mode, int64_t now)
{
    e->mode = mode;
    for (size_t i = 0; i < e->lane_count && mode == ENGINE_LIVE; i++)
        lane_wake(e->lanes[i], now);
}

void engine_stats(const struct engine *e, struct engine_stats *out)
{
    *out = (struct engine_stats){ .readings = e->readings,
                                  .late = e->late,
                                  .crowded = e->crowded,
                                  .rules = e->rule_count,
                                  .lanes = e->lane_count,
                                  .keys = e->keys,
                                  .devices = e->devices.count };
}
