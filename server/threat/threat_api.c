// SPDX-License-Identifier: Apache-2.0

#include "threat/threat_api.h"

#include <inttypes.h>
#include <stdio.h>

#include "threat/settings.h"
#include "threat/threat.h"

static handler show, change;

#define THREATS "/api/v1/catalogs/{catalog}/threats"

const struct route threat_routes[] = {
    { "GET", THREATS, MAY_SEE_TRUST, show, 0 },
    { "PUT", THREATS, MAY_CHANGE_CATALOG, change, ROUTE_IF_MATCH },
    { 0 },
};

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    struct threat_settings s;
    enum rc rc = threat_settings_load(q->store, q->catalog, &s, f);

    if (rc != RC_OK)
        return rc;
    snprintf(r->etag, sizeof r->etag, "%" PRId64, s.version);
    return reply_json(r, 200, threat_settings_to_json(&s));
}

static void tell(const struct services *s, void *arg)
{
    (void)arg;
    threats_changed(s->threats);
}

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    struct threat_settings now, then;
    enum rc rc = threat_settings_read(q->body, &then, f);

    if (rc == RC_OK)
        rc = threat_settings_load(q->store, q->catalog, &now, f);
    if (rc == RC_OK)
        rc = req_match(q, r, now.version, "list of thresholds", f);
    if (rc == RC_OK)
        rc = threat_settings_save(q->store, q->catalog, now.version, q->body, f);
    if (rc == RC_OK)
        rc = req_after_commit(q, tell, NULL, f);
    return rc == RC_OK ? show(q, r, f) : rc;
}
