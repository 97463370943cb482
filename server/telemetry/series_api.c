// SPDX-License-Identifier: Apache-2.0

#include "telemetry/series_api.h"

#include "core/auto.h"
#include "core/json_out.h"
#include "core/token.h"
#include "store/store.h"
#include "telemetry/chosen.h"
#include "telemetry/metric.h"
#include "telemetry/range.h"
#include "telemetry/trace.h"

#define USUAL_MS     DAY_MS
#define USUAL_POINTS 300

static handler show;

const struct route series_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/telemetry/series", MAY_SEE_TELEMETRY, show,
      ROUTE_REPEATS },
    { 0 },
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

struct ask {
    char metric[TOKEN_NAME_MAX + 1];
    struct trace_plan plan;
    struct chosen devices;
};

static enum rc read_ask(const struct req *q, struct ask *a, struct fault *f)
{
    static const char *const also[] = { "metric", "from", "to", "points", NULL };
    int64_t from = 0, to = 0, points = 0;
    enum rc rc = range_metric(q, a->metric, f);

    if (rc == RC_OK)
        rc = range_read(q, USUAL_MS, &from, &to, f);
    if (rc == RC_OK)
        rc = range_number(q, "points", 2, TRACE_POINTS_MAX, USUAL_POINTS, &points, f);
    if (rc == RC_OK)
        rc = chosen_read(q, also, &a->devices, f);
    if (rc == RC_OK)
        trace_plan(from, to, (int)points, &a->plan);
    return rc;
}

// Columns, as charts want them.
static json_t *to_json(const struct trace *t, const char *id, const char *name)
{
    json_t *o = json_object(), *at = json_array(), *min = json_array(), *max = json_array(),
           *mean = json_array(), *count = json_array();

    for (size_t i = 0; i < t->count; i++) {
        const struct trace_point *p = &t->list[i];

        json_array_append_new(at, json_integer(p->t));
        json_array_append_new(min, json_real(p->min));
        json_array_append_new(max, json_real(p->max));
        json_array_append_new(mean, json_real(trace_mean(p)));
        json_array_append_new(count, json_integer(p->count));
    }
    add_text(o, "id", id);
    add_text(o, "name", name);
    add_text(o, "resolution", trace_from_name(t->made_from));
    add_bool(o, "complete", t->whole);
    add_json(o, "t", at);
    add_json(o, "min", min);
    add_json(o, "max", max);
    add_json(o, "avg", mean);
    add_json(o, "count", count);
    return o;
}

static enum rc add_series(const struct req *q, const struct ask *a, json_t *list, struct fault *f)
{
    for (size_t i = 0; i < a->devices.count; i++) {
        auto_free struct trace *t = NULL;
        enum rc rc =
            trace_read(q->store, q->catalog, a->devices.list[i].device, a->metric, &a->plan, &t, f);

        if (rc != RC_OK)
            return rc;
        json_array_append_new(list, to_json(t, a->devices.list[i].id, a->devices.list[i].name));
    }
    return RC_OK;
}

static enum rc tell(const struct req *q, struct reply *r, const struct ask *a, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    json_auto_t *list = json_array();
    struct metric m;
    enum rc rc = metric_load(q->store, q->catalog, a->metric, &rows, f);

    if (rc == RC_OK)
        rc = add_series(q, a, list, f);
    if (rc != RC_OK)
        return rc;
    metric_at(rows, 0, &m);
    json_t *o = json_object();
    add_text(o, "metric", m.name);
    add_text(o, "unit", m.unit);
    add_int(o, "from", a->plan.from);
    add_int(o, "to", a->plan.to);
    add_int(o, "width", a->plan.width);
    json_object_set(o, "series", list);
    return reply_json(r, 200, o);
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    struct ask a = { 0 };
    enum rc rc = read_ask(q, &a, f);

    if (rc == RC_OK)
        rc = tell(q, r, &a, f);
    chosen_done(&a.devices);
    return rc;
}
