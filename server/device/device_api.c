// SPDX-License-Identifier: Apache-2.0

#include "device/device_api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/number.h"
#include "keeper/keeper.h"

DEFINE_AUTO(struct devices *, devices_freep, devices_free)

static handler show, change, counts;

#define DEVICES "/api/v1/catalogs/{catalog}/devices"

const struct route device_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/device-counts", MAY_SEE_DEVICES, counts, 0 },
    { "GET", DEVICES "/{id}", MAY_SEE_DEVICES, show, 0 },
    { "PATCH", DEVICES "/{id}", MAY_CHANGE_DEVICES, change, ROUTE_IF_MATCH },
    { 0 },
};

json_t *device_certificate_to_json(int kind, const char *serial, int64_t not_before,
                                   int64_t not_after)
{
    json_t *o;

    if (!serial)
        return json_null();
    o = json_object();
    add_text(o, "kind", kind == CERT_QUARANTINE ? "quarantine" : "operational");
    add_text(o, "serial", serial);
    add_time(o, "notBefore", not_before);
    add_time(o, "notAfter", not_after);
    return o;
}

static json_t *named(int64_t id, const char *name)
{
    json_t *o;

    if (!id)
        return json_null();
    o = json_object();
    add_id(o, "id", id);
    add_text(o, "name", name);
    return o;
}

json_t *device_to_json(const struct device *d)
{
    json_t *o = json_object();

    add_text(o, "id", d->id);
    add_text(o, "name", d->name);
    add_text(o, "fingerprint", d->fingerprint);
    add_text(o, "lifecycle", device_lifecycle_name(d->lifecycle));
    add_text(o, "state", device_state_name(d->state));
    add_text(o, "stateReason", d->state_reason);
    add_time(o, "stateSince", d->state_since);
    add_bool(o, "online", d->online);
    add_json(o, "product", named(d->product, d->product_name));
    add_json(o, "group", named(d->group, d->group_name));
    add_text(o, "osVersion", d->os_version);
    add_text(o, "attestedVersion", d->attested_version);
    add_text(o, "model", d->model);
    add_time(o, "lastSeen", d->last_seen);
    add_text(o, "network", d->network);
    add_int(o, "seat", d->seat);
    add_text(o, "note", d->note);
    add_json(o, "tags", json_loads(d->tags ? d->tags : "{}", 0, NULL));
    add_text(o, "verdict", verdict_name(d->verdict));
    add_time(o, "attestedAt", d->attested_at);
    add_json(o, "certificate",
             device_certificate_to_json(d->cert_kind, d->cert_serial, d->cert_not_before,
                                        d->cert_not_after));
    add_time(o, "createdAt", d->created_at);
    add_time(o, "claimedAt", d->claimed_at);
    return o;
}

enum rc device_reply(struct req *q, struct reply *r, int status, const char *id, struct fault *f)
{
    auto_with(devices_freep) struct devices *found = NULL;
    struct device d;
    enum rc rc = device_load(q->store, q->catalog, id, &found, f);

    if (rc != RC_OK)
        return rc;
    devices_at(found, 0, &d);
    snprintf(r->etag, sizeof r->etag, "%" PRId64, d.version);
    return reply_json(r, status, device_to_json(&d));
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    return device_reply(q, r, 200, q->params[1], f);
}

static enum rc counts(struct req *q, struct reply *r, struct fault *f)
{
    int64_t n[STATE_COUNT];
    enum rc rc = device_count(q->store, q->catalog, n, f);

    if (rc != RC_OK)
        return rc;
    json_t *o = json_object();
    for (int s = 0; s < STATE_COUNT; s++)
        add_int(o, device_state_name((enum device_state)s), n[s]);
    return reply_json(r, 200, o);
}

// ---------------------------------------------------------------- change

// The device as it will be: the row's, merged with the patch (RFC 7396).
struct outcome {
    const char *name;
    const char *note;
    int32_t group;
    json_t *tags;
};

static enum rc merge_name(json_t *value, struct outcome *o, struct fault *f)
{
    if (json_is_null(value)) {
        o->name = NULL;
        return RC_OK;
    }
    if (!json_is_string(value))
        return fail(f, RC_INVALID, "name must be a string or null");
    o->name = json_string_value(value);
    return device_name_check(o->name, f);
}

static enum rc merge_tags(json_t *value, struct outcome *o, struct fault *f)
{
    const char *name;
    json_t *tag;

    if (json_is_null(value)) {
        json_object_clear(o->tags);
        return RC_OK;
    }
    if (!json_is_object(value))
        return fail(f, RC_INVALID, "tags must be an object of strings");
    json_object_foreach (value, name, tag) {
        if (json_is_null(tag))
            json_object_del(o->tags, name);
        else
            json_object_set(o->tags, name, tag);
    }
    return device_tags_check(o->tags, f);
}

static enum rc merge_note(json_t *value, struct outcome *o, struct fault *f)
{
    o->note = json_string_value(value);
    if (json_is_null(value))
        return RC_OK;
    return o->note ? device_note_check(o->note, f)
                   : fail(f, RC_INVALID, "note must be a string or null");
}

static enum rc merge_group(json_t *value, struct outcome *o, struct fault *f)
{
    o->group = 0;
    if (json_is_null(value) || number_id(json_string_value(value), &o->group))
        return RC_OK;
    return fail(f, RC_INVALID, "group must be the id of a device group or null");
}

static enum rc merge_member(const char *key, json_t *value, struct outcome *o, struct fault *f)
{
    static const struct {
        const char *name;
        enum rc (*merge)(json_t *value, struct outcome *o, struct fault *f);
    } members[] = {
        { "name", merge_name },
        { "tags", merge_tags },
        { "note", merge_note },
        { "group", merge_group },
    };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!strcmp(key, members[i].name))
            return members[i].merge(value, o, f);
    return fail(f, RC_INVALID, "%.60s cannot be changed", key);
}

static enum rc merge(json_t *patch, struct outcome *o, struct fault *f)
{
    const char *key;
    json_t *value;

    if (!json_is_object(patch))
        return fail(f, RC_INVALID, "the body must be a JSON object");
    json_object_foreach (patch, key, value) {
        enum rc rc = merge_member(key, value, o, f);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

struct changed {
    struct bus_event event;
    char id[DEVICE_ID_LEN + 1];
};

static void tell(const struct services *s, void *arg)
{
    struct changed *c = arg;

    c->event.id = c->id;
    bus_publish(s->bus, &c->event);
}

static enum rc tell_later(struct req *q, const struct device *d, struct fault *f)
{
    struct changed *c = calloc(1, sizeof *c);

    if (!c)
        return fail(f, RC_INTERNAL, "out of memory");
    c->event = (struct bus_event){ .kind = BUS_DEVICE,
                                   .catalog = q->catalog,
                                   .device = d->device,
                                   .at = clock_now_ms(),
                                   .lifecycle = d->lifecycle };
    memcpy(c->id, d->id, DEVICE_ID_LEN);
    return req_after_commit(q, tell, c, f);
}

// RC_CONFLICT with r->stale where the row is not what the caller has seen.
static enum rc save(struct req *q, struct reply *r, const struct device *d, const struct outcome *o,
                    struct fault *f)
{
    auto_free char *tags = json_dumps(o->tags, JSON_COMPACT);
    enum rc rc;

    if (!tags)
        return fail(f, RC_INTERNAL, "out of memory");
    const struct device_edit edit = { o->name, tags, o->note, o->group };
    rc = device_change(q->store, q->catalog, d->id, d->version, &edit, f);
    r->stale = rc == RC_CONFLICT;
    return rc == RC_OK ? tell_later(q, d, f) : rc;
}

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(devices_freep) struct devices *found = NULL;
    struct device d;
    enum rc rc = device_load(q->store, q->catalog, q->params[1], &found, f);

    if (rc != RC_OK)
        return rc;
    devices_at(found, 0, &d);
    rc = req_match(q, r, d.version, "device", f);
    if (rc != RC_OK)
        return rc;
    json_auto_t *tags = json_loads(d.tags ? d.tags : "{}", 0, NULL);
    struct outcome o = { d.name, d.note, (int32_t)d.group, tags };
    rc = merge(q->body, &o, f);
    if (rc == RC_OK)
        rc = save(q, r, &d, &o, f);
    return rc == RC_OK ? device_reply(q, r, 200, d.id, f) : rc;
}
