// SPDX-License-Identifier: Apache-2.0

#include "journal/insight_api.h"

#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/number.h"
#include "device/device.h"
#include "journal/insight.h"
#include "protocol/protocol.h"

#define MONTH_MS (30LL * 24 * 3600 * 1000)
#define CATALOG  "/api/v1/catalogs/{catalog}"

static handler of_catalog, of_device;

const struct route insight_routes[] = {
    { "GET", CATALOG "/insights", MAY_SEE_TELEMETRY, of_catalog, ROUTE_SLOW },
    { "GET", CATALOG "/devices/{id}/insights", MAY_SEE_TELEMETRY, of_device, 0 },
    { 0 },
};

static enum rc read_time(const struct req *q, const char *name, int64_t otherwise, int64_t *out,
                         struct fault *f)
{
    char text[20];

    *out = otherwise;
    if (!req_query(q, name, text, sizeof text))
        return RC_OK;
    if (number_read(text, out) && *out <= CLOCK_MAX_MS)
        return RC_OK;
    return fail(f, RC_INVALID, "%s must be a time in Unix ms, at most %lld", name, CLOCK_MAX_MS);
}

static enum rc read_ask(const struct req *q, struct insight_ask *out, struct fault *f)
{
    enum rc rc = read_time(q, "to", clock_now_ms() + LIMIT_FUTURE_MS, &out->to, f);

    if (rc == RC_OK)
        rc = read_time(q, "from", out->to > MONTH_MS ? out->to - MONTH_MS : 0, &out->from, f);
    if (rc == RC_OK && out->from > out->to)
        rc = fail(f, RC_INVALID, "from must not be later than to");
    return rc == RC_OK ? req_limit_to(q, INSIGHTS_MAX, &out->limit, f) : rc;
}

static void add_insight(void *items, const struct insight *i)
{
    json_t *o = json_object();

    add_text(o, "class", i->class);
    add_text(o, "category", i->category);
    add_text(o, "level", journal_level_name(i->level));
    add_int(o, "count", i->count);
    add_int(o, "devices", i->devices);
    add_time(o, "first", i->first);
    add_time(o, "last", i->last);
    json_array_append_new(items, o);
}

static enum rc answer(struct req *q, struct reply *r, struct insight_ask *ask, struct fault *f)
{
    json_auto_t *items = json_array();
    bool more = false;
    enum rc rc = read_ask(q, ask, f);

    if (rc == RC_OK)
        rc = insight_list(q->store, q->catalog, ask, add_insight, items, &more, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = json_object();
    json_object_set(o, "items", items);
    add_bool(o, "more", more);
    return reply_json(r, 200, o);
}

static enum rc of_catalog(struct req *q, struct reply *r, struct fault *f)
{
    return answer(q, r, &(struct insight_ask){ 0 }, f);
}

static enum rc of_device(struct req *q, struct reply *r, struct fault *f)
{
    struct insight_ask ask = { 0 };
    enum rc rc = device_find(q->store, q->catalog, q->params[1], &ask.device, f);

    return rc == RC_OK ? answer(q, r, &ask, f) : rc;
}
