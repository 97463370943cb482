// SPDX-License-Identifier: Apache-2.0

#include "alert/inbox.h"

#include "access/permission.h"
#include "alert/alert.h"
#include "alert/remedy.h"
#include "core/auto.h"
#include "core/json_out.h"
#include "inbox_sql.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static json_t *assignee(const struct rows *r, int row)
{
    json_t *o;

    if (!rows_text(r, row, "assigned"))
        return NULL;
    o = json_object();
    add_id(o, "id", rows_int(r, row, "assigned"));
    add_text(o, "name", rows_text(r, row, "assigned_name"));
    return o;
}

static void add_life(json_t *o, const struct rows *r, int row)
{
    add_time(o, "openedAt", rows_int(r, row, "opened"));
    add_time(o, "updatedAt", rows_int(r, row, "updated"));
    add_time(o, "since", rows_int(r, row, "began"));
    add_time(o, "lastAt", rows_int(r, row, "last"));
    add_time(o, "acknowledgedAt", rows_int(r, row, "acknowledged"));
    add_text(o, "acknowledgedBy", rows_text(r, row, "acknowledged_by"));
    add_json(o, "assignee", assignee(r, row));
    add_time(o, "silencedUntil", rows_int(r, row, "silenced"));
    add_time(o, "resolvedAt", rows_int(r, row, "resolved"));
    add_text(o, "resolvedBy", rows_text(r, row, "resolved_by"));
}

static json_t *to_json(const struct rows *r, int row)
{
    const char *evidence = rows_text(r, row, "evidence");
    int64_t rule = rows_int(r, row, "rule");
    json_t *o = json_object();

    add_id(o, "id", rows_int(r, row, "id"));
    add_text(o, "source", rows_text(r, row, "source"));
    add_text(o, "code", rows_text(r, row, "code"));
    add_text(o, "severity", alert_severity_name((enum alert_severity)rows_int(r, row, "severity")));
    add_text(o, "title", rows_text(r, row, "title"));
    add_text(o, "state", rows_text(r, row, "state"));
    add_int(o, "devices", rows_int(r, row, "devices"));
    add_int(o, "worst", rows_int(r, row, "worst"));
    add_int(o, "hits", rows_int(r, row, "hits"));
    add_int(o, "flaps", rows_int(r, row, "flaps"));
    add_json(o, "evidence", evidence ? json_loads(evidence, 0, NULL) : NULL);
    if (rule)
        add_id(o, "rule", rule);
    else
        add_null(o, "rule");
    add_life(o, r, row);
    add_int(o, "version", rows_int(r, row, "version"));
    return o;
}

enum rc inbox_find(struct store *s, int32_t catalog, const struct inbox_search *x, int64_t before,
                   int limit, json_t **out, int64_t *next, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = {
        ARG_INT(catalog),
        x->states,
        x->severities,
        x->source,
        x->owner >= 0 ? ARG_INT(x->owner) : NULL,
        x->device >= 0 ? ARG_INT(x->device) : NULL,
        x->worst_first ? "true" : "false",
        ARG_INT(before ? before : INT64_MAX),
        ARG_INT(limit + 1),
        x->rule ? ARG_INT(x->rule) : NULL,
        x->from ? ARG_INT(x->from) : NULL,
        x->to ? ARG_INT(x->to) : NULL,
        x->code,
    };
    enum rc rc = store_run(s, &Q_INBOX_PAGE, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    *out = json_array();
    for (int i = 0; i < rows_count(rows) && i < limit; i++)
        json_array_append_new(*out, to_json(rows, i));
    *next = rows_count(rows) > limit ? rows_int(rows, limit - 1, "rank") : 0;
    return RC_OK;
}

enum rc inbox_show(struct store *s, int32_t catalog, int64_t id, json_t **out, int64_t *version,
                   struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(s, &Q_INBOX_SHOW, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "this catalog has no such alert");
    if (version)
        *version = rows_int(rows, 0, "version");
    *out = to_json(rows, 0);
    add_json(*out, "steps", remedy_steps(rows_text(rows, 0, "code"), rows_text(rows, 0, "remedy")));
    return RC_OK;
}

enum rc inbox_history(struct store *s, int32_t catalog, int64_t id, int64_t before, int limit,
                      json_t **out, int64_t *next, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id), ARG_INT(before ? before : INT64_MAX),
                           ARG_INT(limit + 1) };
    enum rc rc = store_run(s, &Q_INBOX_HISTORY, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    *out = json_array();
    for (int i = 0; i < rows_count(rows) && i < limit; i++) {
        json_t *o = json_object();

        add_time(o, "at", rows_int(rows, i, "at"));
        add_text(o, "actor", rows_text(rows, i, "actor"));
        add_text(o, "act", rows_text(rows, i, "act"));
        add_text(o, "detail", rows_text(rows, i, "detail"));
        json_array_append_new(*out, o);
    }
    *next = rows_count(rows) > limit ? rows_int(rows, limit - 1, "id") : 0;
    return RC_OK;
}

enum rc inbox_summary(struct store *s, int32_t catalog, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    json_t *o;
    enum rc rc = store_run(s, &Q_INBOX_SUMMARY, (const char *[]){ ARG_INT(catalog) }, &rows, f);

    if (rc != RC_OK)
        return rc;
    o = json_object();
    for (int i = ALERT_SEVERITIES - 1; i >= 0; i--) {
        const char *name = alert_severity_name((enum alert_severity)i);

        add_int(o, name, rows_int(rows, 0, name));
    }
    add_int(o, "silenced", rows_int(rows, 0, "silenced"));
    add_time(o, "quietSince", rows_int(rows, 0, "quiet_since"));
    *out = o;
    return RC_OK;
}

enum rc inbox_owners(struct store *s, int32_t catalog, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(s, &Q_INBOX_OWNERS, (const char *[]){ ARG_INT(catalog) }, &rows, f);

    if (rc != RC_OK)
        return rc;
    *out = json_array();
    for (int i = 0; i < rows_count(rows); i++) {
        int role = role_from_name(rows_text(rows, i, "role"));
        json_t *o;

        if (role < 0 || !(role_permissions((enum role)role) & MAY_HANDLE_ALERTS))
            continue;
        o = json_object();
        add_id(o, "id", rows_int(rows, i, "id"));
        add_text(o, "name", rows_text(rows, i, "name"));
        json_array_append_new(*out, o);
    }
    return RC_OK;
}
