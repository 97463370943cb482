// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_api.h"

#include <stdio.h>
#include <string.h>

#include "audit/audit.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "core/number.h"

static handler list, verify;

const struct route audit_routes[] = {
    { "GET", "/api/v1/audit", MAY_SEE_AUDIT, list, 0 },
    { "GET", "/api/v1/audit/verify", MAY_SEE_AUDIT, verify, ROUTE_SLOW },
    { "GET", "/api/v1/catalogs/{catalog}/audit", MAY_SEE_AUDIT, list, 0 },
    { "GET", "/api/v1/catalogs/{catalog}/audit/verify", MAY_SEE_AUDIT, verify, ROUTE_SLOW },
    { 0 },
};

// The installation's chain tells of every catalog's people.
static enum rc may_read(const struct req *q, struct fault *f)
{
    if (q->catalog == 0 && q->who->catalog)
        return fail(f, RC_DENIED, "this chain is for accounts that see every catalog");
    return RC_OK;
}

static enum rc read_time(const struct req *q, const char *name, int64_t *out, struct fault *f)
{
    char text[20];

    if (!req_query(q, name, text, sizeof text) ||
        (number_read(text, out) && *out > 0 && *out <= CLOCK_MAX_MS))
        return RC_OK;
    return fail(f, RC_INVALID, "%s must be a time in Unix ms, before the year 10000", name);
}

static enum rc read_filter(const struct req *q, struct audit_filter *out, struct fault *f)
{
    req_query(q, "actor", out->actor, sizeof out->actor);
    req_query(q, "object", out->object, sizeof out->object);
    if (req_query(q, "outcome", out->outcome, sizeof out->outcome) && strcmp(out->outcome, "ok") &&
        strcmp(out->outcome, "denied"))
        return fail(f, RC_INVALID, "outcome is ok or denied");
    enum rc rc = read_time(q, "from", &out->since, f);
    return rc == RC_OK ? read_time(q, "to", &out->until, f) : rc;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    struct audit_filter only = { 0 };
    json_t *items = NULL;
    int64_t before = 0, last = 0;
    int limit = 0;
    enum rc rc = may_read(q, f);

    if (rc == RC_OK)
        rc = read_filter(q, &only, f);
    if (rc == RC_OK)
        rc = req_numbered(q, &before, &limit, f);
    if (rc == RC_OK)
        rc = audit_list(q->store, q->catalog, &only, before, limit, &items, &last, f);
    if (rc != RC_OK)
        return rc;
    bool more = json_array_size(items) == (size_t)limit && last > 1;
    return reply_numbered(q, r, items, more ? last : 0);
}

static json_t *seal_to_json(const struct audit_report *a)
{
    json_t *o = json_object();

    add_int(o, "seq", a->seal_seq);
    add_time(o, "at", a->seal_at);
    add_text(o, "jws", a->seal);
    return o;
}

static enum rc verify(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(audit_report_done) struct audit_report a = { 0 };
    char head[65];
    enum rc rc = may_read(q, f);

    if (rc == RC_OK)
        rc = audit_verify(q->store, q->catalog, q->services->server_ca_pem, &a, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = json_object();
    hex_encode(a.head, sizeof a.head, head);
    add_int(o, "entries", a.entries);
    add_bool(o, "ok", a.first_bad == 0);
    add_json(o, "firstBad", a.first_bad ? json_integer(a.first_bad) : NULL);
    add_text(o, "head", head);
    add_json(o, "seal", a.seal ? seal_to_json(&a) : NULL);
    return reply_json(r, 200, o);
}
