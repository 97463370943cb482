// SPDX-License-Identifier: Apache-2.0

#include "window/window_api.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "core/number.h"
#include "device/device.h"
#include "store/store.h"
#include "window/doors.h"
#include "window/enrolment.h"
#include "window/window.h"

static handler list, add, close_it, enrolment;

#define WINDOWS "/api/v1/catalogs/{catalog}/registration-windows"

const struct route window_routes[] = {
    { "GET", WINDOWS, MAY_SEE_DEVICES, list, 0 },
    { "POST", WINDOWS, MAY_CLAIM, add, ROUTE_SECRET },
    { "POST", WINDOWS "/{id}/close", MAY_CLAIM, close_it, 0 },
    { "GET", "/api/v1/catalogs/{catalog}/enrolment", MAY_SEE_DEVICES, enrolment, 0 },
    { 0 },
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static json_t *group_to_json(const struct window *w)
{
    json_t *o;
    char name[120];

    if (!w->group)
        return NULL;
    o = json_object();
    snprintf(name, sizeof name, "%s / %s", w->product_name, w->group_name);
    add_id(o, "id", w->group);
    add_text(o, "name", w->group_name);
    add_text(o, "label", name);
    return o;
}

static json_t *window_to_json(const struct window *w)
{
    json_t *o = json_object();

    add_id(o, "id", w->id);
    add_text(o, "label", w->label);
    add_text(o, "codeHint", w->code_hint);
    add_json(o, "group", group_to_json(w));
    add_json(o, "tags", json_loads(w->tags, 0, NULL));
    add_int(o, "most", w->most);
    add_int(o, "arrived", w->arrived);
    add_int(o, "claimed", w->claimed);
    add_time(o, "opensAt", w->opens_at);
    add_time(o, "closesAt", w->closes_at);
    add_bool(o, "open", w->open);
    add_text(o, "actor", w->actor);
    return o;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int64_t before = INT64_MAX;
    struct window w;
    int limit, count;
    enum rc rc = req_numbered(q, &before, &limit, f);

    if (rc == RC_OK)
        rc = window_page(q->store, q->catalog, before, limit + 1, &rows, f);
    if (rc != RC_OK)
        return rc;
    count = rows_count(rows) > limit ? limit : rows_count(rows);
    json_t *items = json_array();
    for (int i = 0; i < count; i++) {
        window_at(rows, i, &w);
        json_array_append_new(items, window_to_json(&w));
    }
    return reply_numbered(q, r, items, rows_count(rows) > limit ? w.id : 0);
}

// ---------------------------------------------------------------- open

struct window_body {
    const char *label;
    json_t *tags, *group;
    int64_t minutes, most;
    bool code;
};

static const struct field window_fields[] = {
    { INT(struct window_body, minutes), REQUIRED, 1, WINDOW_MINUTES_MAX },
    { INT(struct window_body, most), REQUIRED, 1, WINDOW_DEVICES_MAX },
    { TEXT(struct window_body, label), OPTIONAL, 0, WINDOW_LABEL_MAX },
    { BOOL(struct window_body, code), OPTIONAL, 0, 0 },
    { JSON(struct window_body, group), OPTIONAL, 0, 0 },
    { JSON(struct window_body, tags), OPTIONAL, 0, 0 },
};

// Ids are texts on the wire; null is none.
static enum rc read_group(json_t *group, int64_t *out, struct fault *f)
{
    *out = 0;
    if (!group || json_is_null(group))
        return RC_OK;
    if (!json_is_string(group) || !number_read(json_string_value(group), out) || *out <= 0)
        return fail(f, RC_INVALID, "group: this catalog has no such device group");
    return RC_OK;
}

static enum rc read_window(json_t *body, struct window_body *b, struct window_request *out,
                           struct fault *f)
{
    enum rc rc = BODY_READ(body, window_fields, b, f);

    if (rc == RC_OK)
        rc = read_group(b->group, &out->group, f);
    if (rc == RC_OK && b->tags)
        rc = device_tags_check(b->tags, f);
    out->label = b->label;
    out->code = b->code;
    out->minutes = b->minutes;
    out->most = b->most;
    return rc;
}

static void put_door(const struct services *s, void *arg)
{
    if (s->doors)
        doors_put(s->doors, arg);
}

// In memory once it is committed: closes_at in the past closes it there.
static enum rc tell_doors(struct req *q, int64_t id, int64_t closes_at, struct fault *f)
{
    struct door *door = calloc(1, sizeof *door);

    if (!door)
        return fail(f, RC_INTERNAL, "out of memory");
    *door = (struct door){ .catalog = q->catalog, .window = id, .closes_at = closes_at };
    return req_after_commit(q, put_door, door, f);
}

static enum rc add_command(const struct req *q, json_t *o, const char *code, struct fault *f)
{
    char command[500];
    struct enrolment e;
    enum rc rc = enrolment_read(q->services, &e, f);

    if (rc != RC_OK)
        return rc;
    snprintf(command, sizeof command, "orrery-device enroll --server %s --ca-sha256 %s%s%s",
             e.server, e.ca_sha256, *code ? " --claim " : "", code);
    add_text(o, "code", *code ? code : NULL);
    add_text(o, "command", command);
    add_text(o, "notice", e.notice);
    return RC_OK;
}

static enum rc reply_window(struct req *q, struct reply *r, int status, int64_t id,
                            const char *code, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    json_auto_t *o = NULL;
    struct window w;
    enum rc rc = window_load(q->store, q->catalog, id, &rows, f);

    if (rc != RC_OK)
        return rc;
    window_at(rows, 0, &w);
    o = window_to_json(&w);
    if (code)
        rc = add_command(q, o, code, f);
    if (rc == RC_OK)
        rc = tell_doors(q, id, w.open ? w.closes_at : 0, f);
    return rc == RC_OK ? reply_json(r, status, json_incref(o)) : rc;
}

static enum rc add(struct req *q, struct reply *r, struct fault *f)
{
    struct window_body b = { .code = true };
    struct window_request what = { .actor = q->who->name };
    char code[CODE_LEN + 1];
    int64_t id;
    enum rc rc = read_window(q->body, &b, &what, f);

    if (rc != RC_OK)
        return rc;
    auto_free char *tags = b.tags ? json_dumps(b.tags, JSON_COMPACT) : NULL;
    what.tags = tags;
    rc = window_add(q->store, q->catalog, &what, &id, code, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "%" PRId64, id);
    snprintf(r->detail, sizeof r->detail, "%" PRId64 " minutes, at most %" PRId64 " devices, %s",
             b.minutes, b.most, b.code ? "with a code" : "without a code");
    rc = reply_window(q, r, 201, id, code, f);
    OPENSSL_cleanse(code, sizeof code);
    return rc;
}

static enum rc close_it(struct req *q, struct reply *r, struct fault *f)
{
    int64_t id;
    enum rc rc;

    if (!number_read(q->params[1], &id))
        return fail(f, RC_NOT_FOUND, "this catalog has no such registration window");
    rc = window_close(q->store, q->catalog, id, f);
    return rc == RC_OK ? reply_window(q, r, 200, id, NULL, f) : rc;
}

// ---------------------------------------------------------------- what a second machine needs

static enum rc enrolment(struct req *q, struct reply *r, struct fault *f)
{
    struct enrolment e;
    enum rc rc = enrolment_read(q->services, &e, f);

    if (rc != RC_OK)
        return rc;
    json_t *o = json_object();
    add_text(o, "server", e.server);
    add_text(o, "caSha256", e.ca_sha256);
    add_text(o, "notice", e.notice);
    return reply_json(r, 200, o);
}
