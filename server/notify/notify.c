// SPDX-License-Identifier: Apache-2.0

#include "notify/notify.h"

#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "notify/target.h"
#include "notify_sql.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

#define ALERT_KEY "system:notify:%" PRId64

static void add_column(json_t *o, const char *name, const struct rows *r, int row,
                       const char *column)
{
    const char *text = rows_text(r, row, column);

    add_json(o, name, text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL);
}

static const char *state_of(const struct rows *r, int row)
{
    if (!rows_bool(r, row, "enabled"))
        return "off";
    if (rows_int(r, row, "failures") >= NOTIFY_DEAD_AFTER)
        return "dead";
    if (rows_int(r, row, "failures") > 0)
        return "failing";
    return rows_int(r, row, "delivered_at") ? "ok" : "untried";
}

static json_t *health_to_json(const struct rows *r, int row)
{
    json_t *o = json_object();

    add_text(o, "state", state_of(r, row));
    add_int(o, "failures", rows_int(r, row, "failures"));
    add_time(o, "deliveredAt", rows_int(r, row, "delivered_at"));
    add_time(o, "failedAt", rows_int(r, row, "failed_at"));
    add_text(o, "error", rows_int(r, row, "failures") ? rows_text(r, row, "error") : NULL);
    add_int(o, "waiting", rows_int(r, row, "waiting"));
    add_int(o, "dead", rows_int(r, row, "dead"));
    return o;
}

static void add_url(json_t *o, const char *url, bool full)
{
    char origin[TARGET_URL_MAX + 8];

    if (url)
        target_origin(url, origin, sizeof origin);
    add_text(o, "url", url && !full ? origin : url);
}

static json_t *to_json(const struct rows *r, int row, bool full)
{
    json_t *o = json_object();

    add_id(o, "id", rows_int(r, row, "id"));
    add_text(o, "name", rows_text(r, row, "name"));
    add_text(o, "kind", rows_text(r, row, "kind"));
    add_url(o, rows_text(r, row, "url"), full);
    add_column(o, "mail", r, row, "mail");
    add_bool(o, "hasSecret", rows_bool(r, row, "has_secret"));
    add_text(o, "minSeverity",
             alert_severity_name((enum alert_severity)rows_int(r, row, "min_severity")));
    add_column(o, "sources", r, row, "sources");
    add_column(o, "codes", r, row, "codes");
    add_column(o, "products", r, row, "products");
    add_column(o, "groups", r, row, "groups");
    add_column(o, "sites", r, row, "sites");
    add_column(o, "escalateAfterMinutes", r, row, "escalate_min");
    add_bool(o, "enabled", rows_bool(r, row, "enabled"));
    add_int(o, "version", rows_int(r, row, "version"));
    add_time(o, "createdAt", rows_int(r, row, "created_at"));
    add_json(o, "health", health_to_json(r, row));
    return o;
}

static enum rc not_here(struct fault *f)
{
    return fail(f, RC_NOT_FOUND, "there is no such notification route here");
}

static enum rc same_name(enum rc rc, struct fault *f)
{
    return rc == RC_CONFLICT ? fail(f, RC_CONFLICT, "there is a route of that name already") : rc;
}

enum rc notify_list(struct store *s, int32_t catalog, bool full, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(s, &Q_NOTIFY_LIST, (const char *[]){ ARG_INT(catalog), NULL }, &rows, f);

    if (rc != RC_OK)
        return rc;
    *out = json_array();
    for (int i = 0; i < rows_count(rows); i++)
        json_array_append_new(*out, to_json(rows, i, full));
    return RC_OK;
}

enum rc notify_show(struct store *s, int32_t catalog, int64_t id, bool full, json_t **out,
                    int64_t *version, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(s, &Q_NOTIFY_LIST, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return not_here(f);
    *version = rows_int(rows, 0, "version");
    *out = to_json(rows, 0, full);
    return RC_OK;
}

// A route's lists and mail as JSON texts; NULL where out of memory.
struct texts {
    char *mail, *sources, *codes, *products, *groups, *sites;
};

static void texts_done(struct texts *t)
{
    free(t->mail);
    free(t->sources);
    free(t->codes);
    free(t->products);
    free(t->groups);
    free(t->sites);
}

static char *list_text(const json_t *list)
{
    return list ? json_dumps(list, JSON_COMPACT) : strdup("[]");
}

static enum rc write_texts(const struct notify_route *r, struct texts *out, struct fault *f)
{
    out->mail = r->mail ? json_dumps(r->mail, JSON_COMPACT) : NULL;
    out->sources = list_text(r->sources);
    out->codes = list_text(r->codes);
    out->products = list_text(r->products);
    out->groups = list_text(r->groups);
    out->sites = list_text(r->sites);
    if ((r->mail && !out->mail) || !out->sources || !out->codes || !out->products || !out->groups ||
        !out->sites)
        return fail(f, RC_INTERNAL, "out of memory");
    return RC_OK;
}

enum rc notify_add(struct store *tx, int32_t catalog, const struct notify_route *r,
                   const char *sealed, int64_t *id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_with(texts_done) struct texts t = { 0 };
    enum rc rc = write_texts(r, &t, f);
    const char *args[] = {
        ARG_INT(catalog),
        r->name,
        r->kind,
        r->url,
        t.mail,
        sealed,
        ARG_INT(alert_severity_from_name(r->min_severity)),
        t.sources,
        t.codes,
        t.products,
        t.groups,
        t.sites,
        r->escalate_min ? ARG_INT(r->escalate_min) : NULL,
        r->enabled ? "true" : "false",
        ARG_INT(NOTIFY_ROUTES_MAX),
    };

    if (rc == RC_OK)
        rc = same_name(store_run(tx, &Q_NOTIFY_ADD, args, &rows, f), f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_LIMIT, "a catalog has at most %d notification routes", NOTIFY_ROUTES_MAX);
    *id = rows_int(rows, 0, "id");
    return RC_OK;
}

// What was said of it is over: it is off, gone, or another one.
static enum rc drop_alert(struct store *tx, int32_t catalog, int64_t id, struct fault *f)
{
    char key[ALERT_KEY_MAX];

    snprintf(key, sizeof key, ALERT_KEY, id);
    return alert_clear(tx, catalog, key, NULL, 0, clock_now_ms(), f);
}

enum rc notify_change(struct store *tx, int32_t catalog, int64_t id, int64_t version,
                      const struct notify_route *r, const char *sealed, bool forget_secret,
                      struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_with(texts_done) struct texts t = { 0 };
    enum rc rc = write_texts(r, &t, f);
    const char *args[] = {
        ARG_INT(catalog),
        ARG_INT(id),
        ARG_INT(version),
        r->name,
        r->url,
        t.mail,
        sealed,
        forget_secret ? "true" : "false",
        ARG_INT(alert_severity_from_name(r->min_severity)),
        t.sources,
        t.codes,
        t.products,
        t.groups,
        t.sites,
        r->escalate_min ? ARG_INT(r->escalate_min) : NULL,
        r->enabled ? "true" : "false",
    };

    if (rc == RC_OK)
        rc = same_name(store_run(tx, &Q_NOTIFY_CHANGE, args, &rows, f), f);
    if (rc == RC_OK && rows_count(rows) == 0)
        return not_here(f);
    return rc == RC_OK && !r->enabled ? drop_alert(tx, catalog, id, f) : rc;
}

enum rc notify_set_secret(struct store *tx, int32_t catalog, int64_t id, const char *sealed,
                          struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id), sealed };
    enum rc rc = store_run(tx, &Q_NOTIFY_SET_SECRET, args, &rows, f);

    return rc != RC_OK || rows_count(rows) > 0 ? rc : not_here(f);
}

enum rc notify_delete(struct store *tx, int32_t catalog, int64_t id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(tx, &Q_NOTIFY_DELETE, args, &rows, f);

    if (rc == RC_OK && rows_count(rows) == 0)
        return not_here(f);
    return rc == RC_OK ? drop_alert(tx, catalog, id, f) : rc;
}

enum rc notify_check_scope(struct store *s, int32_t catalog, const struct notify_route *r,
                           struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_with(texts_done) struct texts t = { 0 };
    enum rc rc = write_texts(r, &t, f);
    const char *args[] = { ARG_INT(catalog), t.products, t.groups };

    if (rc == RC_OK)
        rc = store_run(s, &Q_NOTIFY_SCOPE_UNKNOWN, args, &rows, f);
    if (rc == RC_OK && rows_int(rows, 0, "products"))
        return fail(f, RC_INVALID, "products names one that is not here");
    if (rc == RC_OK && rows_int(rows, 0, "groups"))
        return fail(f, RC_INVALID, "groups names one that is not here");
    return rc;
}
