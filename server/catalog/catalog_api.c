// SPDX-License-Identifier: Apache-2.0

#include "catalog/catalog_api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog.h"
#include "core/auto.h"
#include "core/body.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "device/tally.h"
#include "keeper/keeper.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static handler list, make, show, change, ca;

#define CATALOGS "/api/v1/catalogs"

const struct route catalog_routes[] = {
    { "GET", CATALOGS, MAY_SEE_SELF, list, 0 },
    { "POST", CATALOGS, MAY_CHANGE_CATALOG, make, 0 },
    { "GET", CATALOGS "/{catalog}", MAY_SEE_SELF, show, 0 },
    { "PATCH", CATALOGS "/{catalog}", MAY_CHANGE_CATALOG, change, ROUTE_IF_MATCH },
    { "GET", CATALOGS "/{catalog}/ca", MAY_NOTHING, ca, 0 },
    { 0 },
};

static void count_of(const struct rows *tallies, int32_t catalog, int64_t n[STATE_COUNT])
{
    memset(n, 0, STATE_COUNT * sizeof *n);
    for (int i = 0; i < rows_count(tallies); i++)
        if (rows_int(tallies, i, "catalog") == catalog)
            tally_read(tallies, i, n);
}

static json_t *to_json(const struct catalog *c, const struct rows *tallies)
{
    json_t *o = json_object();
    int64_t n[STATE_COUNT];

    count_of(tallies, c->id, n);
    add_text(o, "name", c->name);
    add_int(o, "telemetryHours", c->telemetry_hours);
    add_int(o, "journalHours", c->journal_hours);
    add_int(o, "minuteHours", c->minute_hours);
    add_int(o, "rollupHours", c->rollup_hours);
    add_int(o, "alertCalmSeconds", c->alert_calm_s);
    tally_add(o, n);
    add_time(o, "createdAt", c->created_at);
    return o;
}

static enum rc reply_list(struct req *q, struct reply *r, const struct catalog *found, int count,
                          int64_t next, struct fault *f)
{
    auto_with(rows_freep) struct rows *tallies = NULL;
    int32_t first = count ? found[0].id : 0, last = count ? found[count - 1].id : 0;
    enum rc rc = catalog_tallies(q->store, first, last, &tallies, f);

    if (rc != RC_OK)
        return rc;
    json_t *items = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(items, to_json(&found[i], tallies));
    return reply_numbered(q, r, items, next);
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    struct catalog found[MAX_LIMIT + 1];
    int64_t after = 0, next = 0;
    int limit, count;
    enum rc rc = req_numbered(q, &after, &limit, f);

    if (rc == RC_OK)
        rc = catalog_list(q->store, q->who->catalog, (int32_t)after, limit + 1, found, &count, f);
    if (rc != RC_OK)
        return rc;
    if (count > limit) {
        count = limit;
        next = found[limit - 1].id;
    }
    return reply_list(q, r, found, count, next, f);
}

static enum rc answer(struct req *q, struct reply *r, int status, int32_t id, struct fault *f)
{
    auto_with(rows_freep) struct rows *tallies = NULL;
    struct catalog c;
    enum rc rc = catalog_load(q->store, id, &c, f);

    if (rc == RC_OK)
        rc = catalog_tallies(q->store, id, id, &tallies, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->etag, sizeof r->etag, "%" PRId64, c.version);
    return reply_json(r, status, to_json(&c, tallies));
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    return answer(q, r, 200, q->catalog, f);
}

struct catalog_body {
    const char *name;
};

static const struct field catalog_fields[] = {
    { TEXT(struct catalog_body, name), REQUIRED, 1, CATALOG_NAME_MAX },
};

// What the gateway needs to know of it.
struct catalog_news {
    int32_t id;
    char name[CATALOG_NAME_MAX + 1];
};

static void tell(const struct services *s, void *arg)
{
    const struct catalog_news *n = arg;
    auto_free char *own = NULL, *quarantine = NULL;

    // Who misses this learns it at the next start: the CAs under the device root save a look at it.
    if (keeper_ca(s->keeper, CA_CATALOG, n->name, &own, NULL) != RC_OK ||
        keeper_ca(s->keeper, CA_QUARANTINE, n->name, &quarantine, NULL) != RC_OK)
        return;
    bus_publish(s->bus, &(struct bus_event){ .kind = BUS_CATALOG,
                                             .catalog = n->id,
                                             .at = clock_now_ms(),
                                             .name = n->name,
                                             .source = own,
                                             .text = quarantine });
}

static enum rc tell_later(struct req *q, int32_t id, const char *name, struct fault *f)
{
    struct catalog_news *n = calloc(1, sizeof *n);

    if (!n)
        return fail(f, RC_INTERNAL, "out of memory");
    n->id = id;
    snprintf(n->name, sizeof n->name, "%s", name);
    return req_after_commit(q, tell, n, f);
}

// Another walled garden is for those who may see all of them.
static enum rc make(struct req *q, struct reply *r, struct fault *f)
{
    struct catalog_body b = { 0 };
    int32_t id = 0;
    enum rc rc = BODY_READ(q->body, catalog_fields, &b, f);

    if (rc != RC_OK)
        return rc;
    if (q->who->catalog || q->who->role != ROLE_OWNER)
        return fail(f, RC_DENIED, "only an owner who sees every catalog makes another");
    rc = catalog_make(q->store, b.name, &id, f);
    if (rc == RC_OK)
        rc = keeper_catalog(q->services->keeper, b.name, f);
    if (rc == RC_OK)
        rc = tell_later(q, id, b.name, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "%s", b.name);
    snprintf(r->location, sizeof r->location, CATALOGS "/%s", b.name);
    return answer(q, r, 201, id, f);
}

static const struct field retention_fields[] = {
    { INT_AS(struct catalog, telemetry_hours, "telemetryHours"), OPTIONAL, 1, CATALOG_HOURS_MAX },
    { INT_AS(struct catalog, journal_hours, "journalHours"), OPTIONAL, 1, CATALOG_HOURS_MAX },
    { INT_AS(struct catalog, minute_hours, "minuteHours"), OPTIONAL, 1, CATALOG_HOURS_MAX },
    { INT_AS(struct catalog, rollup_hours, "rollupHours"), OPTIONAL, 1, CATALOG_HOURS_MAX },
    { INT_AS(struct catalog, alert_calm_s, "alertCalmSeconds"), OPTIONAL, 0, CATALOG_CALM_MAX },
};

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    struct catalog c;
    enum rc rc = catalog_load(q->store, q->catalog, &c, f);

    if (rc == RC_OK)
        rc = req_match(q, r, c.version, "catalog", f);
    if (rc != RC_OK)
        return rc;
    rc = BODY_READ(q->body, retention_fields, &c, f);
    if (rc != RC_OK)
        return rc;
    rc = catalog_retain(q->store, &c, f);
    r->stale = rc == RC_CONFLICT;
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "%s", c.name);
    snprintf(r->detail, sizeof r->detail,
             "telemetryHours %lld, journalHours %lld, minuteHours %lld, rollupHours %lld,"
             " alertCalmSeconds %lld",
             (long long)c.telemetry_hours, (long long)c.journal_hours, (long long)c.minute_hours,
             (long long)c.rollup_hours, (long long)c.alert_calm_s);
    return show(q, r, f);
}

// The chain that devices and their peers check against: the catalog's CA, then the device root.
static enum rc ca(struct req *q, struct reply *r, struct fault *f)
{
    auto_free char *issuer = NULL, *root = NULL;
    struct keeper *k = q->services->keeper;
    char *chain;
    enum rc rc = keeper_ca(k, CA_CATALOG, q->catalog_name, &issuer, f);

    if (rc == RC_OK)
        rc = keeper_ca(k, CA_DEVICE_ROOT, q->catalog_name, &root, f);
    if (rc != RC_OK)
        return rc;
    int len = asprintf(&chain, "%s%s", issuer, root);
    if (len < 0)
        return fail(f, RC_INTERNAL, "out of memory");
    return reply_text(r, "application/pem-certificate-chain", chain, (size_t)len);
}
