// SPDX-License-Identifier: Apache-2.0

#include "live/events_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog.h"
#include "core/auto.h"
#include "http/stream.h"
#include "live/sse.h"

#define TOPICS_SIZE 100

static handler of_catalog, of_query;

// A stream, see docs/api/live.md.
const struct route event_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/events", MAY_SEE_DEVICES, of_catalog, 0 },
    { "GET", "/api/v1/events", MAY_SEE_DEVICES, of_query, 0 },
    { 0 },
};

static enum rc read_topic(const struct req *q, const char *name, struct sse_ask *a, struct fault *f)
{
    int t = board_topic_find(name, q->who->permissions & MAY_SEE_TELEMETRY);

    if (t < 0)
        return fail(
            f, RC_INVALID,
            "there is no topic '%.40s'; topics takes fleet, census, events, intake, jobs and alerts",
            name);
    a->topics[t] = true;
    return RC_OK;
}

static enum rc read_topics(const struct req *q, struct sse_ask *a, struct fault *f)
{
    char text[TOPICS_SIZE] = "fleet,census,events", *at = text;
    enum rc rc = RC_OK;

    req_query(q, "topics", text, sizeof text);
    while (rc == RC_OK && at) {
        const char *name = strsep(&at, ",");

        rc = read_topic(q, name, a, f);
    }
    return rc;
}

static enum rc stream(struct req *q, struct reply *r, int32_t catalog, struct fault *f)
{
    auto_free struct sse_ask *a = calloc(1, sizeof *a);
    enum rc rc;

    if (!a)
        return fail(f, RC_INTERNAL, "out of memory");
    a->who = *q->who;
    a->catalog = catalog;
    // What is longer is no id of ours; the stream then begins with a reset.
    snprintf(a->last_id, sizeof a->last_id, "%s", q->last_event_id);
    rc = read_topics(q, a, f);
    if (rc == RC_OK)
        rc = reply_stream(r, q->services->streams, STREAM_EVENTS, "text/event-stream", a, f);
    if (rc == RC_OK)
        take(&a); // the stream's now
    return rc;
}

static enum rc of_catalog(struct req *q, struct reply *r, struct fault *f)
{
    return stream(q, r, q->catalog, f);
}

static enum rc of_query(struct req *q, struct reply *r, struct fault *f)
{
    char name[CATALOG_NAME_MAX + 1];
    int32_t catalog;

    if (!req_query(q, "catalog", name, sizeof name))
        return fail(f, RC_INVALID, "say which catalog: /api/v1/events?catalog=NAME");
    catalog = catalogs_find(q->services->catalogs, q->store, name);
    if (catalog == 0 || (q->who->catalog && q->who->catalog != catalog))
        return fail(f, RC_NOT_FOUND, "there is no such catalog");
    return stream(q, r, catalog, f);
}
