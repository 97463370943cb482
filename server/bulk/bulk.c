// SPDX-License-Identifier: Apache-2.0

#include "bulk/bulk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/permission.h"
#include "bulk_sql.h"
#include "core/auto.h"
#include "core/body.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/number.h"
#include "enroll/enroll.h"
#include "journal/loudness.h"
#include "store/arg.h"
#include "store/store.h"

#define A_SECOND 2500 // devices; measured, with room
#define IN_100   1    // by how much a number may have moved

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// ---------------------------------------------------------------- reading an order

struct bulk_body {
    const char *action, *reason, *level;
    json_t *filter, *ids, *group, *tags, *names;
    int64_t expect, minutes;
};

static const struct field fields[] = {
    { TEXT(struct bulk_body, action), REQUIRED, 1, 20 },
    { OBJECT(struct bulk_body, filter), OPTIONAL, 0, 0 },
    { TEXTS(struct bulk_body, ids), OPTIONAL, 1, BULK_IDS_MAX },
    { JSON(struct bulk_body, group), OPTIONAL, 0, 0 },
    { TAGS(struct bulk_body, tags), OPTIONAL, 1, DEVICE_TAGS_MAX },
    { TEXTS(struct bulk_body, names), OPTIONAL, 1, DEVICE_TAGS_MAX },
    { TEXT(struct bulk_body, reason), OPTIONAL, 1, CUSTODY_REASON_MAX },
    { INT(struct bulk_body, expect), OPTIONAL, 0, INT32_MAX },
    { TEXT(struct bulk_body, level), OPTIONAL, 1, 8 },
    { INT(struct bulk_body, minutes), OPTIONAL, 1, LOUDNESS_MINUTES_MAX },
};

static enum rc find_group(struct store *s, int32_t catalog, json_t *said, struct bulk *b,
                          struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int32_t id;

    if (!said)
        return fail(f, RC_INVALID, "group is missing: the id of one, or null for none");
    if (json_is_null(said))
        return RC_OK;
    if (!number_id(json_string_value(said), &id))
        return fail(f, RC_INVALID, "group must be the id of a group, or null");
    enum rc rc =
        store_run(s, &Q_BULK_GROUP, (const char *[]){ ARG_INT(catalog), ARG_INT(id) }, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_INVALID, "this catalog has no such group");
    b->order.group = id;
    snprintf(b->where, sizeof b->where, "%s", rows_text(rows, 0, "path"));
    return RC_OK;
}

static enum rc check_level(const struct bulk_body *body, struct bulk *b, struct fault *f)
{
    if (journal_level_from_name(body->level) < 0)
        return fail(f, RC_INVALID, "level must be one of error, warn, info, debug");
    snprintf(b->where, sizeof b->where, " to %s for %lld minutes", body->level,
             (long long)body->minutes);
    return RC_OK;
}

// What an action needs to be complete; the rest must not be said, so that nothing is passed over.
static enum rc check_parts(const struct bulk_body *b, enum device_action a, struct fault *f)
{
    const struct {
        const char *name;
        bool said;
        enum device_action with;
    } parts[] = {
        { "group", b->group != NULL, DEVICE_MOVE },
        { "tags", b->tags != NULL, DEVICE_TAG },
        { "names", b->names != NULL, DEVICE_UNTAG },
        { "reason", b->reason != NULL, DEVICE_QUARANTINE },
        { "level", b->level != NULL, DEVICE_LOGLEVEL },
        { "minutes", b->minutes != 0, DEVICE_LOGLEVEL },
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].said && parts[i].with != a)
            return fail(f, RC_INVALID, "%s goes with %s, not with %s", parts[i].name,
                        device_action_name(parts[i].with), device_action_name(a));
        if (!parts[i].said && parts[i].with == a)
            return fail(f, RC_INVALID, "%s is missing", parts[i].name);
    }
    if (!b->filter == !b->ids)
        return fail(f, RC_INVALID, "say which devices by filter or by ids");
    return b->tags ? device_tags_check(b->tags, f) : RC_OK;
}

static uint32_t needs_of(enum device_action a)
{
    switch (a) {
    case DEVICE_QUARANTINE:
    case DEVICE_RELEASE:
    case DEVICE_REATTEST:
        return MAY_CHANGE_TRUST;
    case DEVICE_UNCLAIM:
        return MAY_CLAIM;
    case DEVICE_MOVE:
    case DEVICE_TAG:
    case DEVICE_UNTAG:
    case DEVICE_LOGLEVEL:
    case DEVICE_RETIRE:
    case DEVICE_ACTION_COUNT:
        break;
    }
    return MAY_CHANGE_DEVICES;
}

static void read_order(json_t *request, struct bulk *b)
{
    json_t *tags = json_object_get(request, "tags"), *names = json_object_get(request, "names");

    b->tags = tags ? json_dumps(tags, JSON_COMPACT) : NULL;
    b->names = names ? json_dumps(names, JSON_COMPACT) : NULL;
    b->order.tags = b->tags;
    b->order.names = b->names;
    b->order.reason = json_string_value(json_object_get(request, "reason"));
    b->order.level = (int)json_integer_value(json_object_get(request, "level"));
    b->order.minutes = json_integer_value(json_object_get(request, "minutes"));
}

static json_t *request_of(const struct bulk_body *body, const struct bulk *b)
{
    json_t *o = json_object();

    add_text(o, "action", device_action_name(b->order.action));
    add_int(o, "group", b->order.group);
    if (body->tags)
        json_object_set(o, "tags", body->tags);
    if (body->names)
        json_object_set(o, "names", body->names);
    if (body->reason)
        add_text(o, "reason", body->reason);
    if (body->level) {
        add_int(o, "level", journal_level_from_name(body->level));
        add_int(o, "minutes", body->minutes);
    }
    return o;
}

enum rc bulk_read(struct store *s, int32_t catalog, json_t *body, struct bulk *out, struct fault *f)
{
    struct bulk_body b = { .expect = -1 };
    enum rc rc = BODY_READ(body, fields, &b, f);

    if (rc != RC_OK)
        return rc;
    int action = device_action_from_name(b.action);
    if (action < 0)
        return fail(f, RC_INVALID,
                    "action must be one of move, tag, untag, loglevel, unclaim, retire, "
                    "quarantine, release, reattest");
    out->order.action = (enum device_action)action;
    out->needs = needs_of(out->order.action);
    out->expect = b.expect;
    rc = check_parts(&b, out->order.action, f);
    if (rc == RC_OK && out->order.action == DEVICE_MOVE)
        rc = find_group(s, catalog, b.group, out, f);
    if (rc == RC_OK && b.level)
        rc = check_level(&b, out, f);
    if (rc == RC_OK)
        rc = b.ids ? device_filter_ids(b.ids, catalog, &out->filter, f)
                   : device_filter_from(b.filter, catalog, &out->filter, f);
    if (rc != RC_OK)
        return rc;
    out->request = request_of(&b, out);
    read_order(out->request, out);
    return RC_OK;
}

void bulk_done(struct bulk *b)
{
    device_filter_done(&b->filter);
    json_decref(b->request);
    free(b->tags);
    free(b->names);
    *b = (struct bulk){ 0 };
}

// ---------------------------------------------------------------- preview

static bool is_reversible(enum device_action a)
{
    return a != DEVICE_RETIRE && a != DEVICE_UNTAG;
}

static void add_row(json_t *o, const struct rows *r, int row)
{
    const char *dimension = rows_text(r, row, "dimension"), *label = rows_text(r, row, "label");
    json_t *list = json_object_get(o, dimension), *item = json_object();

    if (!strcmp(dimension, "byState"))
        label = device_state_name((enum device_state)rows_int(r, row, "label"));
    add_text(item, !strcmp(dimension, "excluded") ? "reason" : "label", label);
    add_int(item, "n", rows_int(r, row, "n"));
    json_array_append_new(list, item);
}

static json_t *preview_to_json(const struct bulk *b, const struct rows *r)
{
    json_t *o = json_object();
    int64_t total = 0, excluded = 0;

    add_json(o, "byProduct", json_array());
    add_json(o, "bySite", json_array());
    add_json(o, "byState", json_array());
    add_json(o, "excluded", json_array());
    for (int i = 0; i < rows_count(r); i++) {
        const char *dimension = rows_text(r, i, "dimension");

        if (!strcmp(dimension, "total")) {
            total = rows_int(r, i, "n");
            continue;
        }
        excluded += strcmp(dimension, "excluded") ? 0 : rows_int(r, i, "n");
        add_row(o, r, i);
    }
    add_int(o, "total", total);
    add_int(o, "changes", total - excluded);
    add_int(o, "seconds", (total + A_SECOND - 1) / A_SECOND);
    add_bool(o, "reversible", is_reversible(b->order.action));
    return o;
}

enum rc bulk_preview(struct store *tx, const struct bulk *b, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const struct device_order *o = &b->order;
    const char *args[] = { b->filter.row, device_action_name(o->action),
                           o->group ? ARG_INT(o->group) : NULL, o->tags, o->names };
    enum rc rc = store_patient(tx, f);

    if (rc == RC_OK)
        rc = store_run(tx, &Q_BULK_PREVIEW, args, &rows, f);
    if (rc == RC_OK)
        *out = preview_to_json(b, rows);
    return rc;
}

// ---------------------------------------------------------------- start

static void title_of(const struct bulk *b, int64_t total, char out[JOB_TITLE_MAX])
{
    static const char *const verbs[DEVICE_ACTION_COUNT] = {
        [DEVICE_MOVE] = "Move",
        [DEVICE_TAG] = "Tag",
        [DEVICE_LOGLEVEL] = "Set the log level of",
        [DEVICE_UNTAG] = "Untag",
        [DEVICE_UNCLAIM] = "Unclaim",
        [DEVICE_RETIRE] = "Retire",
        [DEVICE_QUARANTINE] = "Quarantine",
        [DEVICE_RELEASE] = "Release",
        [DEVICE_REATTEST] = "Attest again",
    };
    char count[JOB_COUNT_SIZE];
    bool moves = b->order.action == DEVICE_MOVE;

    snprintf(out, JOB_TITLE_MAX, "%s %s device%s%s%s", verbs[b->order.action],
             job_count_text(total, count), total == 1 ? "" : "s",
             moves && *b->where ? " to "
             : moves            ? " out of their groups"
                                : "",
             b->where);
}

static enum rc check_number(const struct bulk *b, int64_t total, struct fault *f)
{
    char now[JOB_COUNT_SIZE], then[JOB_COUNT_SIZE];
    int64_t moved = b->expect > total ? b->expect - total : total - b->expect;

    if (total == 0)
        return fail(f, RC_INVALID, "no device matches");
    if (total > BULK_MAX)
        return fail(f, RC_LIMIT, "more than %s devices match: change them in several steps",
                    job_count_text(BULK_MAX, now));
    if (b->expect >= 0 && moved * 100 > b->expect * IN_100)
        return fail(f, RC_CONFLICT, "%s devices match now, not %s: look at the preview again",
                    job_count_text(total, now), job_count_text(b->expect, then));
    return RC_OK;
}

enum rc bulk_start(struct store *tx, int32_t catalog, const struct bulk *b, int64_t account,
                   const char *actor, int64_t *job, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char title[JOB_TITLE_MAX] = "Change devices";
    const struct job_new j = { .catalog = catalog,
                               .kind = bulk_job.name,
                               .title = title,
                               .request = b->request,
                               .needs = b->needs,
                               .account = account,
                               .actor = actor };
    enum rc rc = job_add(tx, &j, job, f);

    if (rc == RC_OK)
        rc = store_patient(tx, f);
    if (rc != RC_OK)
        return rc;
    const char *args[] = { b->filter.row, ARG_INT(*job), ARG_INT(BULK_MAX + 1) };
    rc = store_run(tx, &Q_BULK_FIX, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    int64_t total = rows_int(rows, 0, "n");
    rc = check_number(b, total, f);
    title_of(b, total, title);
    return rc == RC_OK ? job_settle(tx, catalog, *job, total, title, f) : rc;
}

// ---------------------------------------------------------------- the job

static void finish(void *state)
{
    struct bulk *b = state;

    bulk_done(b);
    free(b);
}

static enum rc begin(struct store *s, int32_t catalog, json_t *request, int64_t position,
                     void **out, struct fault *f)
{
    struct bulk *b = calloc(1, sizeof *b);
    int action = device_action_from_name(json_string_value(json_object_get(request, "action")));

    (void)s, (void)catalog, (void)position;
    if (!b)
        return fail(f, RC_INTERNAL, "out of memory");
    if (action < 0) {
        free(b);
        return fail(f, RC_INTERNAL, "the job names no action");
    }
    b->request = json_incref(request);
    b->order.action = (enum device_action)action;
    b->order.group = (int32_t)json_integer_value(json_object_get(request, "group"));
    read_order(request, b);
    *out = b;
    return RC_OK;
}

struct news {
    int32_t catalog;
    enum device_action action;
    size_t count;
    struct device_turned list[DEVICE_TURN_MAX];
};

// Each whose session ends is told by itself; one event stands for all whose row is another.
static void tell(const struct job_services *s, void *arg)
{
    const struct news *n = arg;
    const struct bus_event all = {
        .kind = BUS_DEVICE, .catalog = n->catalog, .at = clock_now_ms(), .lifecycle = DEVICE_CLAIMED
    };

    if (n->action == DEVICE_LOGLEVEL) {
        bus_publish(s->bus, &(struct bus_event){ .kind = BUS_LEVELS, .catalog = n->catalog });
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        const struct device_turned *t = &n->list[i];
        struct enroll_news one = { .catalog = n->catalog, .revoked = true, .what = t->touched };

        memcpy(one.id, t->id, sizeof one.id);
        if (t->changed && n->action == DEVICE_UNCLAIM)
            enroll_announce(s->roster, s->bus, &one);
        else if (t->changed && n->action >= DEVICE_RETIRE)
            custody_announce(s->roster, s->bus, n->catalog, &t->custody);
    }
    bus_publish(s->bus, &all);
}

static void count_one(struct job_chunk *c, const struct device_turned *t)
{
    json_t *o;

    c->changed += t->changed;
    c->refused += !t->changed && t->refused;
    if (t->changed || !t->refused)
        return;
    o = json_object();
    add_text(o, "device", t->id);
    add_text(o, "text", t->why);
    json_array_append_new(c->problems, o);
}

static enum rc step(void *state, struct store *tx, struct job_chunk *c, struct fault *f)
{
    const struct bulk *b = state;
    auto_with(rows_freep) struct rows *rows = NULL;
    int64_t devices[DEVICE_TURN_MAX];
    struct news *n = calloc(1, sizeof *n);
    const char *args[] = { ARG_INT(c->id), ARG_INT(c->position), ARG_INT(JOB_CHUNK) };

    c->arg = n;
    c->tell = tell;
    if (!n)
        return fail(f, RC_INTERNAL, "out of memory");
    n->catalog = c->catalog;
    n->action = b->order.action;
    enum rc rc = store_run(tx, &Q_BULK_TARGETS, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    c->count = rows_count(rows);
    for (int i = 0; i < rows_count(rows); i++)
        devices[i] = rows_int(rows, i, "device");
    rc = device_turn(tx, c->catalog, &b->order, devices, (size_t)c->count, n->list, &n->count, f);
    if (rc == RC_CONFLICT && b->order.action == DEVICE_MOVE)
        return fail(f, RC_CONFLICT, "the group that they were to move to is gone");
    for (size_t i = 0; rc == RC_OK && i < n->count; i++)
        count_one(c, &n->list[i]);
    c->unchanged = c->count - c->changed - c->refused;
    return rc;
}

const struct job_kind bulk_job = {
    .name = "bulk",
    .action = "job bulk",
    .open = begin,
    .step = step,
    .close = finish,
};
