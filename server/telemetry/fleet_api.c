// SPDX-License-Identifier: Apache-2.0

#include "telemetry/fleet_api.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "fleet_sql.h"
#include "store/arg.h"
#include "store/store.h"
#include "telemetry/asked.h"
#include "telemetry/fleet.h"
#include "telemetry/range.h"
#include "telemetry/spread.h"

#define GROUPS_MAX 500 // of a split; what goes beyond counts as others
#define TOP_USUAL  20
#define TOP_MAX    1000
#define TOP_SPARE  100 // devices that may turn out to be retired

static handler show_fleet, show_top;

#define TELEMETRY "/api/v1/catalogs/{catalog}/telemetry"

const struct route fleet_routes[] = {
    { "GET", TELEMETRY "/fleet", MAY_SEE_TELEMETRY, show_fleet, ROUTE_REPEATS },
    { "GET", TELEMETRY "/top", MAY_SEE_TELEMETRY, show_top, ROUTE_REPEATS },
    { 0 },
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// ---------------------------------------------------------------- percentiles

struct groups {
    json_t *places; // key -> index
    size_t count, others;
    struct {
        char *key; // owned
        struct spread values;
    } list[GROUPS_MAX];
    struct spread all;
};

static void groups_free(struct groups *g)
{
    for (size_t i = 0; i < g->count; i++) {
        free(g->list[i].key);
        spread_done(&g->list[i].values);
    }
    spread_done(&g->all);
    json_decref(g->places);
    free(g);
}

DEFINE_AUTO(struct groups *, groups_freep, groups_free)

// NULL beyond GROUPS_MAX.
static struct spread *group_of(struct groups *g, const char *key)
{
    json_t *place = json_object_get(g->places, key);
    char *copy;

    if (place)
        return &g->list[json_integer_value(place)].values;
    if (g->count == GROUPS_MAX || !(copy = strdup(key)))
        return NULL;
    json_object_set_new(g->places, key, json_integer((json_int_t)g->count));
    g->list[g->count].key = copy;
    return &g->list[g->count++].values;
}

static void add_found(struct groups *g, const struct found *x, bool split)
{
    for (size_t i = 0; i < x->count; i++) {
        struct spread *group;

        if (isnan(x->values[i]))
            continue;
        spread_add(&g->all, x->values[i]);
        if (!split)
            continue;
        group = group_of(g, found_key(x, i));
        if (!group || !spread_add(group, x->values[i]))
            g->others++;
    }
}

static void add_any(void *ctx, size_t index, const struct fleet_value *v)
{
    (void)index;
    spread_add(ctx, v->value);
}

static json_t *facts_to_json(struct spread *s)
{
    json_t *o = json_object();
    struct spread_facts x;

    add_int(o, "devices", (int64_t)s->count);
    if (s->count == 0)
        return o;
    spread_tell(s, &x);
    add_real(o, "min", x.min);
    add_real(o, "max", x.max);
    add_real(o, "mean", x.mean);
    add_real(o, "p50", x.p50);
    add_real(o, "p95", x.p95);
    add_real(o, "p99", x.p99);
    return o;
}

static int larger_first(const void *a, const void *b)
{
    json_t *const *x = a, *const *y = b;
    json_int_t m = json_integer_value(json_object_get(*x, "devices"));
    json_int_t n = json_integer_value(json_object_get(*y, "devices"));

    return (m < n) - (m > n);
}

static json_t *groups_to_json(const struct req *q, const struct asked *a, struct groups *g)
{
    json_t *sorted[GROUPS_MAX] = { NULL }, *list = json_array();

    for (size_t i = 0; i < g->count; i++) {
        sorted[i] = facts_to_json(&g->list[i].values);
        add_text(sorted[i], "key", g->list[i].key);
        asked_label(q, a, sorted[i], g->list[i].key);
    }
    qsort(sorted, g->count, sizeof *sorted, larger_first);
    for (size_t i = 0; i < g->count; i++)
        json_array_append_new(list, sorted[i]);
    return list;
}

static enum rc gather(const struct req *q, const struct asked *a, struct groups *g, bool *capped,
                      struct fault *f)
{
    struct found x = { 0 };
    enum rc rc = RC_OK;

    if (a->filter.empty && !*a->by) {
        fleet_each(q->services->fleet, q->catalog, a->metric, a->now - a->window, add_any, &g->all);
        return RC_OK;
    }
    rc = found_read(q, a, &x, f);
    if (rc == RC_OK)
        add_found(g, &x, *a->by);
    *capped = x.capped;
    found_done(&x);
    return rc;
}

static enum rc tell_fleet(const struct req *q, struct reply *r, const struct asked *a,
                          struct fault *f)
{
    auto_with(groups_freep) struct groups *g = calloc(1, sizeof *g);
    bool capped = false;

    if (!g || !(g->places = json_object()))
        return fail(f, RC_INTERNAL, "out of memory");
    enum rc rc = gather(q, a, g, &capped, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = asked_answer(q, a);
    add_bool(o, "capped", capped);
    add_json(o, "all", facts_to_json(&g->all));
    add_json(o, "groups", groups_to_json(q, a, g));
    add_int(o, "others", (int64_t)g->others);
    return reply_json(r, 200, o);
}

static enum rc show_fleet(struct req *q, struct reply *r, struct fault *f)
{
    static const char *const also[] = { "metric", "by", "window", NULL };
    struct asked a = { 0 };
    enum rc rc = asked_read(q, also, &a, f);

    if (rc == RC_OK)
        rc = tell_fleet(q, r, &a, f);
    asked_done(&a);
    return rc;
}

// ---------------------------------------------------------------- the most and the least

// A heap: the first of list is the one that the next better one drives out.
struct top {
    bool least;
    struct fleet_bounds bounds; // what could still come in
    size_t most, count;
    struct fleet_value list[TOP_MAX + TOP_SPARE];
};

// Of equal ones the device that came first wins, so that the answer is the same each time.
static bool beats(const struct top *t, const struct fleet_value *a, const struct fleet_value *b)
{
    if (a->value < b->value || a->value > b->value)
        return t->least ? a->value < b->value : a->value > b->value;
    return a->device < b->device;
}

static void sift_down(struct top *t)
{
    struct fleet_value x = t->list[0];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < t->count) {
        if (child + 1 < t->count && beats(t, &t->list[child], &t->list[child + 1]))
            child++;
        if (!beats(t, &x, &t->list[child]))
            break;
        t->list[at] = t->list[child];
        at = child;
    }
    t->list[at] = x;
}

static void sift_up(struct top *t, size_t at)
{
    struct fleet_value x = t->list[at];

    for (; at && beats(t, &t->list[(at - 1) / 2], &x); at = (at - 1) / 2)
        t->list[at] = t->list[(at - 1) / 2];
    t->list[at] = x;
}

static void offer(void *ctx, size_t index, const struct fleet_value *v)
{
    struct top *t = ctx;

    (void)index;
    if (t->count < t->most) {
        t->list[t->count] = *v;
        sift_up(t, t->count++);
    } else if (beats(t, v, &t->list[0])) {
        t->list[0] = *v;
        sift_down(t);
    }
    if (t->count == t->most && t->least)
        t->bounds.high = t->list[0].value;
    else if (t->count == t->most)
        t->bounds.low = t->list[0].value;
}

// The heap taken apart: the best one first.
static void put_in_order(struct top *t)
{
    size_t count = t->count;

    while (t->count > 1) {
        struct fleet_value worst = t->list[0];

        t->list[0] = t->list[--t->count];
        sift_down(t);
        t->list[t->count] = worst;
    }
    t->count = count;
}

static enum rc look(const struct req *q, const struct asked *a, struct top *t, bool *capped,
                    struct fault *f)
{
    struct found x = { 0 };
    enum rc rc = RC_OK;

    if (a->filter.empty) {
        t->bounds = (struct fleet_bounds){ -INFINITY, INFINITY };
        fleet_each_within(q->services->fleet, q->catalog, a->metric, a->now - a->window, &t->bounds,
                          offer, t);
        return RC_OK;
    }
    rc = found_read(q, a, &x, f);
    for (size_t i = 0; rc == RC_OK && i < x.count; i++)
        if (!isnan(x.values[i]))
            offer(t, i, &(struct fleet_value){ x.devices[i], x.at[i], x.values[i] });
    *capped = x.capped;
    found_done(&x);
    return rc;
}

static int row_of(const struct rows *rows, int64_t device)
{
    for (int i = 0; i < rows_count(rows); i++)
        if (rows_int(rows, i, "device") == device)
            return i;
    return -1;
}

static json_t *item(const struct rows *rows, int row, const struct fleet_value *v)
{
    json_t *o = json_object();

    add_text(o, "id", rows_text(rows, row, "id"));
    add_text(o, "name", rows_text(rows, row, "name"));
    add_text(o, "product", rows_text(rows, row, "product"));
    add_text(o, "site", rows_text(rows, row, "site"));
    add_text(o, "osVersion", rows_text(rows, row, "version"));
    add_real(o, "value", v->value);
    add_int(o, "t", v->at);
    return o;
}

// Those that are devices of the catalog still, at most n.
static enum rc name_them(const struct req *q, const struct top *t, int64_t n, json_t *list,
                         struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int64_t devices[TOP_MAX + TOP_SPARE];

    for (size_t i = 0; i < t->count; i++)
        devices[i] = t->list[i].device;
    auto_free char *numbers = arg_list(devices, t->count);
    if (!numbers)
        return fail(f, RC_INTERNAL, "out of memory");
    const char *args[] = { ARG_INT(q->catalog), numbers };
    enum rc rc = store_run(q->store, &Q_FLEET_NAMES, args, &rows, f);
    for (size_t i = 0; rc == RC_OK && i < t->count && (int64_t)json_array_size(list) < n; i++) {
        int row = row_of(rows, t->list[i].device);

        if (row >= 0)
            json_array_append_new(list, item(rows, row, &t->list[i]));
    }
    return rc;
}

static enum rc tell_top(const struct req *q, struct reply *r, const struct asked *a, struct top *t,
                        int64_t n, struct fault *f)
{
    json_auto_t *list = json_array();
    bool capped = false;
    enum rc rc = look(q, a, t, &capped, f);

    put_in_order(t);
    if (rc == RC_OK)
        rc = name_them(q, t, n, list, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = asked_answer(q, a);
    add_bool(o, "capped", capped);
    json_object_set(o, "items", list);
    return reply_json(r, 200, o);
}

static enum rc read_order(const struct req *q, bool *least, struct fault *f)
{
    char text[8] = "desc";

    req_query(q, "order", text, sizeof text);
    *least = !strcmp(text, "asc");
    return *least || !strcmp(text, "desc") ? RC_OK
                                           : fail(f, RC_INVALID, "order must be desc or asc");
}

static enum rc show_top(struct req *q, struct reply *r, struct fault *f)
{
    static const char *const also[] = { "metric", "n", "order", "window", NULL };
    auto_free struct top *t = calloc(1, sizeof *t);
    struct asked a = { 0 };
    int64_t n;
    enum rc rc = t ? range_number(q, "n", 1, TOP_MAX, TOP_USUAL, &n, f)
                   : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK)
        rc = read_order(q, &t->least, f);
    if (rc == RC_OK)
        rc = asked_read(q, also, &a, f);
    if (rc == RC_OK) {
        t->most = (size_t)n + TOP_SPARE;
        rc = tell_top(q, r, &a, t, n, f);
    }
    asked_done(&a);
    return rc;
}
