// SPDX-License-Identifier: Apache-2.0

#include "journal/loudness_api.h"

#include <stdlib.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/bus.h"
#include "core/json_out.h"
#include "core/number.h"
#include "device/device.h"
#include "group/group.h"
#include "journal/loudness.h"
#include "store/store.h"

static handler show_device, set_device, show_group, set_group;

#define CATALOG "/api/v1/catalogs/{catalog}"
#define DEVICE  CATALOG "/devices/{id}/log-level"
#define GROUP   CATALOG "/device-groups/{id}/log-level"

const struct route loudness_routes[] = {
    { "GET", DEVICE, MAY_SEE_DEVICES, show_device, 0 },
    { "PUT", DEVICE, MAY_CHANGE_DEVICES, set_device, 0 },
    { "GET", GROUP, MAY_SEE_DEVICES, show_group, 0 },
    { "PUT", GROUP, MAY_CHANGE_DEVICES, set_group, 0 },
    { 0 },
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

struct loudness_body {
    const char *level;
    int64_t minutes;
};

static const struct field loudness_fields[] = {
    { TEXT(struct loudness_body, level), REQUIRED, 1, 8 },
    { INT(struct loudness_body, minutes), REQUIRED, 0, LOUDNESS_MINUTES_MAX },
};

static json_t *to_json(const struct loudness *l)
{
    static const char *const sources[] = { "default", "device", "group" };
    json_t *o = json_object();

    add_text(o, "level", journal_level_name(l->level));
    add_text(o, "source", sources[l->source]);
    add_time(o, "until", l->until);
    return o;
}

static enum rc read_body(const struct req *q, struct reply *r, int *level, int64_t *minutes,
                         struct fault *f)
{
    struct loudness_body b = { 0 };
    enum rc rc = BODY_READ(q->body, loudness_fields, &b, f);

    if (rc != RC_OK)
        return rc;
    *level = journal_level_from_name(b.level);
    *minutes = b.minutes;
    if (*level < 0)
        return fail(f, RC_INVALID, "level must be one of error, warn, info, debug");
    snprintf(r->detail, sizeof r->detail, "%s for %lld minutes", b.level, (long long)b.minutes);
    return RC_OK;
}

static void announce(const struct services *s, void *arg)
{
    const int32_t *catalog = arg;

    bus_publish(s->bus, &(struct bus_event){ .kind = BUS_LEVELS, .catalog = *catalog });
}

static enum rc tell(struct req *q, struct fault *f)
{
    int32_t *catalog = malloc(sizeof *catalog);

    if (!catalog)
        return fail(f, RC_INTERNAL, "out of memory");
    *catalog = q->catalog;
    return req_after_commit(q, announce, catalog, f);
}

static void add_reported(json_t *o, enum journal_level level, int64_t since)
{
    add_text(o, "obeys", journal_level_name(level));
    add_time(o, "obeysSince", since);
}

static enum rc show_device(struct req *q, struct reply *r, struct fault *f)
{
    struct loudness l;
    enum journal_level level = LOUDNESS_USUAL;
    int64_t device, since = 0;
    enum rc rc = device_find(q->store, q->catalog, q->params[1], &device, f);

    if (rc == RC_OK)
        rc = loudness_of(q->store, q->catalog, device, &l, f);
    if (rc == RC_OK)
        rc = loudness_reported(q->store, q->catalog, device, &level, &since, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = to_json(&l);
    add_reported(o, level, since);
    return reply_json(r, 200, o);
}

static enum rc set_device(struct req *q, struct reply *r, struct fault *f)
{
    int64_t device, minutes;
    int level;
    enum rc rc = device_find(q->store, q->catalog, q->params[1], &device, f);

    if (rc == RC_OK)
        rc = read_body(q, r, &level, &minutes, f);
    if (rc == RC_OK)
        rc = loudness_set_device(q->store, q->catalog, device, (enum journal_level)level, minutes,
                                 f);
    if (rc == RC_OK)
        rc = tell(q, f);
    snprintf(r->object, sizeof r->object, "%s", q->params[1]);
    return rc == RC_OK ? show_device(q, r, f) : rc;
}

static enum rc find_group(const struct req *q, int64_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = group_load(q->store, q->catalog, q->params[1], &rows, f);

    return rc == RC_OK && !number_read(q->params[1], out)
               ? fail(f, RC_NOT_FOUND, "this catalog has no such device group")
               : rc;
}

static enum rc show_group(struct req *q, struct reply *r, struct fault *f)
{
    struct loudness l;
    int64_t group;
    enum rc rc = find_group(q, &group, f);

    if (rc == RC_OK)
        rc = loudness_of_group(q->store, q->catalog, group, &l, f);
    return rc == RC_OK ? reply_json(r, 200, to_json(&l)) : rc;
}

static enum rc set_group(struct req *q, struct reply *r, struct fault *f)
{
    int64_t group, minutes;
    int level;
    enum rc rc = find_group(q, &group, f);

    if (rc == RC_OK)
        rc = read_body(q, r, &level, &minutes, f);
    if (rc == RC_OK)
        rc = loudness_set_group(q->store, q->catalog, group, (enum journal_level)level, minutes, f);
    if (rc == RC_OK)
        rc = tell(q, f);
    return rc == RC_OK ? show_group(q, r, f) : rc;
}
