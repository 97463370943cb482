// SPDX-License-Identifier: Apache-2.0

#include "telemetry/metric_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/token.h"
#include "store/store.h"
#include "telemetry/fleet.h"
#include "telemetry/metric.h"
#include "telemetry/range.h"

static handler list, show, change;

#define CATALOG "/api/v1/catalogs/{catalog}"

// A name may have a slash in it, so that it comes in the query.
const struct route metric_routes[] = {
    { "GET", CATALOG "/metrics", MAY_SEE_TELEMETRY, list, 0 },
    { "GET", CATALOG "/metric", MAY_SEE_TELEMETRY, show, 0 },
    { "PUT", CATALOG "/metric", MAY_CHANGE_CATALOG, change, ROUTE_IF_MATCH },
    { 0 },
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static json_t *to_json(const struct req *q, const struct metric *m)
{
    json_t *o = json_object();

    add_text(o, "name", m->name);
    add_text(o, "unit", m->unit);
    add_text(o, "description", m->description);
    add_text(o, "kind", m->counter ? "counter" : "gauge");
    add_time(o, "firstSeen", m->first_seen);
    add_time(o, "lastSeen",
             q->services->fleet ? fleet_newest(q->services->fleet, q->catalog, m->name) : 0);
    add_int(o, "version", m->version);
    return o;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char part[TOKEN_NAME_MAX + 1] = "", after[TOKEN_NAME_MAX + 1];
    const char *next = "";
    int limit;
    enum rc rc = req_limit(q, &limit, f);

    req_query(q, "q", part, sizeof part);
    if (rc == RC_OK)
        rc = req_cursor(q, after, sizeof after, f);
    if (rc == RC_OK)
        rc = metric_page(q->store, q->catalog, part, after, limit + 1, &rows, f);
    if (rc != RC_OK)
        return rc;
    json_t *items = json_array();
    for (int i = 0; i < rows_count(rows) && i < limit; i++) {
        struct metric m;

        metric_at(rows, i, &m);
        json_array_append_new(items, to_json(q, &m));
        if (i + 1 == limit && rows_count(rows) > limit)
            next = m.name;
    }
    return reply_page(q, r, items, next);
}

static enum rc read_name(const struct req *q, char out[TOKEN_NAME_MAX + 1], struct fault *f)
{
    return req_query(q, "name", out, TOKEN_NAME_MAX + 1) && *out
               ? RC_OK
               : fail(f, RC_INVALID, "name says which metric is meant; it is missing");
}

static void count_device(void *ctx, size_t index, const struct fleet_value *v)
{
    (void)index, (void)v;
    ++*(int64_t *)ctx;
}

static int64_t devices_of(const struct req *q, const char *name)
{
    int64_t n = 0;

    if (q->services->fleet)
        fleet_each(q->services->fleet, q->catalog, name, clock_now_ms() - DAY_MS, count_device, &n);
    return n;
}

static enum rc answer(struct req *q, struct reply *r, const char *name, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct metric m;
    enum rc rc = metric_load(q->store, q->catalog, name, &rows, f);

    if (rc != RC_OK)
        return rc;
    metric_at(rows, 0, &m);
    snprintf(r->etag, sizeof r->etag, "%" PRId64, m.version);
    json_t *o = to_json(q, &m);
    add_int(o, "devices", devices_of(q, m.name));
    return reply_json(r, 200, o);
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    char name[TOKEN_NAME_MAX + 1];
    enum rc rc = read_name(q, name, f);

    return rc == RC_OK ? answer(q, r, name, f) : rc;
}

struct metric_body {
    const char *unit, *description, *kind;
};

// Bytes; characters are counted afterwards.
static const struct field fields[] = {
    { TEXT(struct metric_body, unit), REQUIRED, 0, 4 * METRIC_UNIT_MAX },
    { TEXT(struct metric_body, description), REQUIRED, 0, 4 * METRIC_DESCRIPTION_MAX },
    { TEXT(struct metric_body, kind), REQUIRED, 1, 10 },
};

static enum rc read_body(const struct req *q, struct metric *m, struct fault *f)
{
    struct metric_body b = { 0 };
    enum rc rc = BODY_READ(q->body, fields, &b, f);

    if (rc != RC_OK)
        return rc;
    m->unit = b.unit;
    m->description = b.description;
    m->counter = !strcmp(b.kind, "counter");
    if (!m->counter && strcmp(b.kind, "gauge") != 0)
        return fail(f, RC_INVALID, "kind must be gauge or counter");
    return metric_check(m, f);
}

// All charts of the metric are read with the new unit from here on: the audit says from what to
// what.
static void note(struct reply *r, const struct metric *was, const struct metric *now)
{
    snprintf(r->object, sizeof r->object, "metric %s", now->name);
    snprintf(r->detail, sizeof r->detail, "unit '%s' -> '%s', %s -> %s", was->unit, now->unit,
             was->counter ? "counter" : "gauge", now->counter ? "counter" : "gauge");
}

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char name[TOKEN_NAME_MAX + 1];
    struct metric was, now;
    enum rc rc = read_name(q, name, f);

    if (rc == RC_OK)
        rc = metric_load(q->store, q->catalog, name, &rows, f);
    if (rc != RC_OK)
        return rc;
    metric_at(rows, 0, &was);
    now = was;
    rc = req_match(q, r, was.version, "metric", f);
    if (rc == RC_OK)
        rc = read_body(q, &now, f);
    if (rc == RC_OK)
        note(r, &was, &now);
    if (rc == RC_OK)
        rc = metric_change(q->store, q->catalog, &now, &r->stale, f);
    return rc == RC_OK ? answer(q, r, name, f) : rc;
}
