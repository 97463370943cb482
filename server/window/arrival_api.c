// SPDX-License-Identifier: Apache-2.0

#include "window/arrival_api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "core/number.h"
#include "device/device_api.h"
#include "enroll/enroll.h"
#include "store/store.h"
#include "window/arrival.h"
#include "window/window.h"

static handler list, claim, drop;

#define ARRIVALS "/api/v1/catalogs/{catalog}/arrivals"

const struct route arrival_routes[] = {
    { "GET", ARRIVALS, MAY_SEE_DEVICES, list, 0 },
    { "POST", ARRIVALS "/{fingerprint}/claim", MAY_CLAIM, claim, 0 },
    { "DELETE", ARRIVALS "/{fingerprint}", MAY_CLAIM, drop, 0 },
    { 0 },
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// ---------------------------------------------------------------- list

static json_t *arrival_to_json(const struct rows *r, int row)
{
    json_t *o = json_object();

    add_text(o, "fingerprint", rows_text(r, row, "fingerprint"));
    add_text(o, "id", rows_text(r, row, "id"));
    add_text(o, "remote", rows_text(r, row, "remote"));
    add_text(o, "agent", rows_text(r, row, "agent"));
    add_int(o, "knocks", rows_int(r, row, "knocks"));
    add_time(o, "firstAt", rows_int(r, row, "first_us") / 1000);
    add_time(o, "lastAt", rows_int(r, row, "last_at"));
    add_id(o, "window", rows_int(r, row, "window_id"));
    return o;
}

#define LATEST_US 253402300799000000 // the end of the year 9999

// "microseconds fingerprint"
static enum rc read_cursor(char *cursor, int64_t *before_us, const char **fingerprint,
                           struct fault *f)
{
    char *space = strchr(cursor, ' ');

    *before_us = LATEST_US;
    *fingerprint = "";
    if (!*cursor)
        return RC_OK;
    if (space)
        *space = '\0';
    if (!space || !number_read(cursor, before_us))
        return fail(f, RC_INVALID, "cursor is not from this list: start again without it");
    *fingerprint = space + 1;
    return RC_OK;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char cursor[24 + FINGERPRINT_LEN], next[sizeof cursor] = "";
    const char *fingerprint;
    int64_t before_us;
    int limit, count;
    enum rc rc = req_limit(q, &limit, f);

    if (rc == RC_OK)
        rc = req_cursor(q, cursor, sizeof cursor, f);
    if (rc == RC_OK)
        rc = read_cursor(cursor, &before_us, &fingerprint, f);
    if (rc == RC_OK)
        rc = arrival_page(q->store, q->catalog, before_us, fingerprint, limit + 1, &rows, f);
    if (rc != RC_OK)
        return rc;
    count = rows_count(rows) > limit ? limit : rows_count(rows);
    json_t *items = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(items, arrival_to_json(rows, i));
    if (rows_count(rows) > limit)
        snprintf(next, sizeof next, "%" PRId64 " %s", rows_int(rows, count - 1, "first_us"),
                 rows_text(rows, count - 1, "fingerprint"));
    return reply_page(q, r, items, next);
}

// ---------------------------------------------------------------- claim

struct claim_body {
    const char *name;
    json_t *group;
};

static const struct field claim_fields[] = {
    { TEXT(struct claim_body, name), OPTIONAL, 1, DEVICE_NAME_MAX },
    { JSON(struct claim_body, group), OPTIONAL, 0, 0 },
};

// Where it names no group, the window gives one.
static enum rc read_claim(struct req *q, struct device_entry *out, struct fault *f)
{
    struct claim_body b = { 0 };
    enum rc rc = q->body ? BODY_READ(q->body, claim_fields, &b, f) : RC_OK;

    if (rc == RC_OK && b.name)
        rc = device_name_check(b.name, f);
    out->name = b.name;
    if (rc != RC_OK || !b.group || json_is_null(b.group))
        return rc;
    number_id(json_string_value(b.group), &out->group);
    return window_group_check(q->store, q->catalog, out->group, f);
}

static void announce(const struct services *s, void *arg)
{
    enroll_announce(s->roster, s->bus, arg);
}

static enum rc announce_later(struct req *q, const char *id, const struct device_touched *what,
                              struct fault *f)
{
    struct enroll_news *news = calloc(1, sizeof *news);

    if (!news)
        return fail(f, RC_INTERNAL, "out of memory");
    *news = (struct enroll_news){ .catalog = q->catalog, .what = *what };
    memcpy(news->id, id, sizeof news->id);
    return req_after_commit(q, announce, news, f);
}

static enum rc claim_entry(struct req *q, struct device_entry *entry, struct fault *f)
{
    struct device_touched t = { 0 };
    enum rc rc = enroll_many(q->store, q->catalog, entry, 1, &t, f);

    if (rc != RC_OK)
        return rc;
    if (t.full || !t.device)
        return fail(f, RC_CONFLICT, "%s", enroll_refusal(entry, &t));
    if (!t.changed)
        return fail(f, RC_CONFLICT, "this device is already %s",
                    device_lifecycle_name(t.lifecycle));
    return announce_later(q, entry->key.id, &t, f);
}

static enum rc claim(struct req *q, struct reply *r, struct fault *f)
{
    struct arrival a;
    struct device_entry entry = { 0 };
    enum rc rc = arrival_load(q->store, q->catalog, q->params[1], &a, f);

    if (rc == RC_OK)
        rc = read_claim(q, &entry, f);
    if (rc != RC_OK)
        return rc;
    entry.key = a.key;
    entry.window = a.window;
    rc = claim_entry(q, &entry, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "%s", a.key.id);
    return device_reply(q, r, 200, a.key.id, f);
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    enum rc rc = arrival_drop(q->store, q->catalog, q->params[1], f);

    return rc == RC_OK ? reply_empty(r) : rc;
}
