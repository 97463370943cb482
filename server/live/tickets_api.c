// SPDX-License-Identifier: Apache-2.0

#include "live/tickets_api.h"

#include <stdio.h>

#include "catalog/catalog.h"
#include "core/body.h"
#include "core/json_out.h"
#include "live/tickets.h"

#define LIFETIME_S 30

static handler issue;

// It changes nothing that anyone else sees, so who may look may have one.
const struct route ticket_routes[] = {
    { "POST", "/api/v1/live-tickets", MAY_SEE_DEVICES, issue, ROUTE_SECRET },
    { 0 },
};

struct ticket_body {
    const char *catalog;
};

static const struct field ticket_fields[] = {
    { TEXT(struct ticket_body, catalog), REQUIRED, 1, CATALOG_NAME_MAX },
};

static enum rc issue(struct req *q, struct reply *r, struct fault *f)
{
    struct ticket_body b = { 0 };
    struct ticket t = { .who = *q->who };
    char text[TICKET_TEXT_LEN + 1];
    enum rc rc = BODY_READ(q->body, ticket_fields, &b, f);

    if (rc != RC_OK)
        return rc;
    t.catalog = catalogs_find(q->services->catalogs, q->store, b.catalog);
    if (t.catalog == 0 || (q->who->catalog && q->who->catalog != t.catalog))
        return fail(f, RC_NOT_FOUND, "there is no such catalog");
    snprintf(t.catalog_name, sizeof t.catalog_name, "%s", b.catalog);
    rc = tickets_issue(q->services->tickets, &t, text, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = json_object();
    add_text(o, "ticket", text);
    add_int(o, "expiresIn", LIFETIME_S);
    r->no_audit = true;
    return reply_json(r, 200, o);
}
