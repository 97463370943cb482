// SPDX-License-Identifier: Apache-2.0

#include "timeline/timeline_api.h"

#include <string.h>

#include "device/device.h"
#include "timeline/timeline.h"

static handler list;

const struct route timeline_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/devices/{id}/timeline", MAY_SEE_DEVICES, list, 0 },
    { 0 },
};

static const enum permission needs[TIMELINE_KINDS] = {
    [TIMELINE_LIFE] = MAY_SEE_DEVICES,  [TIMELINE_TRUST] = MAY_SEE_TRUST,
    [TIMELINE_ALERT] = MAY_SEE_DEVICES, [TIMELINE_EVENT] = MAY_SEE_TELEMETRY,
    [TIMELINE_LOG] = MAY_SEE_TELEMETRY, [TIMELINE_ACT] = MAY_SEE_AUDIT,
};

// "alert,event"; without it all that who asks may see.
static enum rc read_kinds(const struct req *q, uint32_t *out, struct fault *f)
{
    char text[64], *rest = text;
    bool asked = req_query(q, "kind", text, sizeof text);

    *out = 0;
    for (int k = 0; !asked && k < TIMELINE_KINDS; k++)
        if (q->who->permissions & needs[k])
            *out |= 1u << k;
    while (asked && rest) {
        int k = timeline_kind_from_name(strsep(&rest, ","));

        if (k < 0)
            return fail(f, RC_INVALID, "kind takes life, trust, alert, event, log and act");
        if (!(q->who->permissions & needs[k]))
            return fail(f, RC_DENIED, "to see this kind takes the permission %s",
                        permission_name(needs[k]));
        *out |= 1u << k;
    }
    return RC_OK;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    struct timeline_ask ask = { .catalog = q->catalog, .id = q->params[1] };
    char place[TIMELINE_CURSOR], next[TIMELINE_CURSOR];
    json_t *items = NULL;
    enum rc rc = device_find(q->store, q->catalog, ask.id, &ask.device, f);

    ask.place = place;
    if (rc == RC_OK)
        rc = req_limit(q, &ask.limit, f);
    if (rc == RC_OK)
        rc = req_cursor(q, place, sizeof place, f);
    if (rc == RC_OK)
        rc = read_kinds(q, &ask.kinds, f);
    if (rc == RC_OK)
        rc = timeline_read(q->store, &ask, &items, next, f);
    return rc == RC_OK ? reply_page(q, r, items, next) : rc;
}
