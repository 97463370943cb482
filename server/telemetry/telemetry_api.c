// SPDX-License-Identifier: Apache-2.0

#include "telemetry/telemetry_api.h"

#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/number.h"
#include "device/device.h"
#include "telemetry/telemetry.h"

#define HOUR_MS        (3600LL * 1000)
#define DEFAULT_POINTS 600

static handler show_series, show_last, show_metrics;

#define TELEMETRY "/api/v1/catalogs/{catalog}/devices/{id}/telemetry"

const struct route telemetry_routes[] = {
    { "GET", TELEMETRY, MAY_SEE_TELEMETRY, show_series, 0 },
    { "GET", TELEMETRY "/last", MAY_SEE_TELEMETRY, show_last, 0 },
    { "GET", TELEMETRY "/metrics", MAY_SEE_TELEMETRY, show_metrics, 0 },
    { 0 },
};

DEFINE_AUTO(struct series *, series_freep, series_free)

static enum rc read_number(const struct req *q, const char *name, int64_t min, int64_t max,
                           int64_t otherwise, int64_t *out, struct fault *f)
{
    char text[20];

    *out = otherwise;
    if (!req_query(q, name, text, sizeof text))
        return RC_OK;
    if (number_read(text, out) && *out >= min && *out <= max)
        return RC_OK;
    return fail(f, RC_INVALID, "%s must be a number from %lld to %lld", name, (long long)min,
                (long long)max);
}

// The last hour unless the query says otherwise.
static enum rc read_query(const struct req *q, struct series_query *out, char *metrics, size_t size,
                          struct fault *f)
{
    int64_t points = 0;
    enum rc rc = read_number(q, "to", 0, CLOCK_MAX_MS, clock_now_ms(), &out->to, f);

    if (rc == RC_OK)
        rc = read_number(q, "from", 0, CLOCK_MAX_MS, out->to > HOUR_MS ? out->to - HOUR_MS : 0,
                         &out->from, f);
    if (rc == RC_OK)
        rc = read_number(q, "points", 2, SAMPLER_POINTS_MAX, DEFAULT_POINTS, &points, f);
    if (rc != RC_OK)
        return rc;
    if (out->from > out->to)
        return fail(f, RC_INVALID, "from must not be later than to");
    out->points = (int)points;
    if (!req_query(q, "metrics", metrics, size))
        *metrics = '\0';
    out->metrics = metrics;
    return RC_OK;
}

static json_t *points_to_json(const struct sample *points, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *point = json_array();
        json_array_append_new(point, json_integer(points[i].t));
        json_array_append_new(point, json_real(points[i].value));
        json_array_append_new(list, point);
    }
    return list;
}

static json_t *series_to_json(struct series *s, const struct series_query *q)
{
    json_t *o = json_object(), *list = json_array();

    for (size_t i = 0; i < series_count(s); i++) {
        size_t count;
        const struct sample *points = series_points(s, i, &count);
        json_t *line = json_object();

        add_text(line, "metric", series_metric(s, i));
        add_json(line, "points", points_to_json(points, count));
        json_array_append_new(list, line);
    }
    add_int(o, "from", q->from);
    add_int(o, "to", q->to);
    add_json(o, "series", list);
    add_bool(o, "truncated", series_is_truncated(s));
    return o;
}

static enum rc show_series(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(series_freep) struct series *found = NULL;
    struct series_query range;
    char metrics[SERIES_NAMES_LEN];
    int64_t device;
    enum rc rc = read_query(q, &range, metrics, sizeof metrics, f);

    if (rc == RC_OK)
        rc = device_find(q->store, q->catalog, q->params[1], &device, f);
    if (rc == RC_OK)
        rc = telemetry_series(q->store, q->catalog, device, &range, &found, f);
    return rc == RC_OK ? reply_json(r, 200, series_to_json(found, &range)) : rc;
}

static void add_value(void *ctx, const char *metric, double value)
{
    add_real(ctx, metric, value);
}

static enum rc show_last(struct req *q, struct reply *r, struct fault *f)
{
    json_auto_t *values = json_object();
    int64_t t;
    enum rc rc;

    if (!device_id_valid(q->params[1]))
        return fail(f, RC_NOT_FOUND, "this catalog has no such device");
    rc = telemetry_last(q->store, q->catalog, q->params[1], &t, add_value, values, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = json_object();
    add_json(o, "t", t ? json_integer(t) : NULL);
    json_object_set(o, "m", values);
    return reply_json(r, 200, o);
}

static void add_name(void *ctx, const char *metric)
{
    json_array_append_new(ctx, json_string(metric));
}

static enum rc show_metrics(struct req *q, struct reply *r, struct fault *f)
{
    json_auto_t *names = json_array();
    int64_t device;
    enum rc rc = device_find(q->store, q->catalog, q->params[1], &device, f);

    if (rc == RC_OK)
        rc = telemetry_metrics(q->store, q->catalog, device, add_name, names, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = json_object();
    json_object_set(o, "metrics", names);
    return reply_json(r, 200, o);
}
