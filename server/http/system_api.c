// SPDX-License-Identifier: Apache-2.0

#include "http/system_api.h"

#include <string.h>

#include "core/clock.h"
#include "core/json_out.h"
#include "core/version.h"
#include "openapi_gen.h"

#define READY_SIZE 2048

static handler show, openapi;

const struct route system_routes[] = {
    { "GET", "/api/v1/system", MAY_SEE_SELF, show, 0 },
    { "GET", "/api/v1/openapi.json", MAY_SEE_SELF, openapi, 0 },
    { 0 },
};

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    const struct services *s = q->services;
    char parts[READY_SIZE] = "{}";
    bool ready = s->ready ? s->ready(s->ready_ctx, parts, sizeof parts) : true;
    json_t *o = json_object();

    (void)f;
    add_text(o, "version", ORRERY_VERSION);
    add_time(o, "startedAt", s->started_at);
    add_time(o, "time", clock_now_ms());
    add_bool(o, "ready", ready);
    add_json(o, "parts", json_loads(parts, 0, NULL));
    return reply_json(r, 200, o);
}

static enum rc openapi(struct req *q, struct reply *r, struct fault *f)
{
    (void)q;
    char *text = strdup(openapi_json);

    return text ? reply_text(r, "application/json", text, sizeof openapi_json - 1)
                : fail(f, RC_INTERNAL, "out of memory");
}
