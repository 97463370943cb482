// SPDX-License-Identifier: Apache-2.0

#include "catalog/catalog_api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog.h"
#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "keeper/keeper.h"

static handler list, show, change, ca;

#define CATALOGS "/api/v1/catalogs"

const struct route catalog_routes[] = {
    { "GET", CATALOGS, MAY_SEE_SELF, list, 0 },
    { "GET", CATALOGS "/{catalog}", MAY_SEE_SELF, show, 0 },
    { "PATCH", CATALOGS "/{catalog}", MAY_CHANGE_CATALOG, change, ROUTE_IF_MATCH },
    { "GET", CATALOGS "/{catalog}/ca", MAY_NOTHING, ca, 0 },
    { 0 },
};

static json_t *to_json(const struct catalog *c)
{
    json_t *o = json_object();

    add_text(o, "name", c->name);
    add_int(o, "telemetryHours", c->telemetry_hours);
    add_int(o, "journalHours", c->journal_hours);
    add_time(o, "createdAt", c->created_at);
    return o;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    struct catalog found[MAX_LIMIT + 1];
    char cursor[24], next[24] = "";
    int limit, count;
    enum rc rc = req_limit(q, &limit, f);

    if (rc == RC_OK)
        rc = req_cursor(q, cursor, sizeof cursor, f);
    if (rc == RC_OK)
        rc = catalog_list(q->store, q->who->catalog, (int32_t)strtol(cursor, NULL, 10), limit + 1,
                          found, &count, f);
    if (rc != RC_OK)
        return rc;
    if (count > limit) {
        count = limit;
        snprintf(next, sizeof next, "%" PRId32, found[limit - 1].id);
    }
    json_t *items = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(items, to_json(&found[i]));
    return reply_page(q, r, items, next);
}

static enum rc reply_catalog(struct reply *r, const struct catalog *c)
{
    snprintf(r->etag, sizeof r->etag, "%" PRId64, c->version);
    return reply_json(r, 200, to_json(c));
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    struct catalog c;
    enum rc rc = catalog_load(q->store, q->catalog, &c, f);

    return rc == RC_OK ? reply_catalog(r, &c) : rc;
}

struct retention {
    int64_t telemetry_hours;
    int64_t journal_hours;
};

static const struct field retention_fields[] = {
    { INT_AS(struct retention, telemetry_hours, "telemetryHours"), OPTIONAL, 1, CATALOG_HOURS_MAX },
    { INT_AS(struct retention, journal_hours, "journalHours"), OPTIONAL, 1, CATALOG_HOURS_MAX },
};

static bool is_version(const char *tag, int64_t version)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, version);
    return tag && !strcmp(tag, text);
}

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    struct catalog c;
    enum rc rc = catalog_load(q->store, q->catalog, &c, f);

    if (rc != RC_OK)
        return rc;
    r->stale = !is_version(q->if_match, c.version);
    if (r->stale)
        return fail(f, RC_CONFLICT, "the catalog changed meanwhile: read it again");
    struct retention t = { c.telemetry_hours, c.journal_hours };
    rc = BODY_READ(q->body, retention_fields, &t, f);
    if (rc != RC_OK)
        return rc;
    rc = catalog_retain(q->store, c.id, c.version, t.telemetry_hours, t.journal_hours, f);
    r->stale = rc == RC_CONFLICT;
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "%s", c.name);
    snprintf(r->detail, sizeof r->detail, "telemetryHours %lld, journalHours %lld",
             (long long)t.telemetry_hours, (long long)t.journal_hours);
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
