// SPDX-License-Identifier: Apache-2.0

#include "view/view.h"

#include "core/auto.h"
#include "core/json_out.h"
#include "store/arg.h"
#include "store/store.h"
#include "view_sql.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static json_t *to_json(const struct rows *r, int row)
{
    json_t *o = json_object();

    add_id(o, "id", rows_int(r, row, "id"));
    add_text(o, "name", rows_text(r, row, "name"));
    add_text(o, "query", rows_text(r, row, "query"));
    add_bool(o, "shared", rows_bool(r, row, "shared"));
    add_bool(o, "mine", rows_bool(r, row, "mine"));
    add_text(o, "by", rows_text(r, row, "by"));
    add_int(o, "version", rows_int(r, row, "version"));
    add_time(o, "createdAt", rows_int(r, row, "created_at"));
    return o;
}

static enum rc not_here(struct fault *f)
{
    return fail(f, RC_NOT_FOUND, "you have no such view here");
}

static enum rc same_name(enum rc rc, struct fault *f)
{
    return rc == RC_CONFLICT ? fail(f, RC_CONFLICT, "you have a view of that name already") : rc;
}

enum rc view_list(struct store *s, int32_t catalog, int64_t account, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(account) };
    enum rc rc = store_run(s, &Q_VIEW_LIST, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    *out = json_array();
    for (int i = 0; i < rows_count(rows); i++)
        json_array_append_new(*out, to_json(rows, i));
    return RC_OK;
}

enum rc view_show(struct store *s, int32_t catalog, int64_t account, int64_t id, json_t **out,
                  int64_t *version, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(account), ARG_INT(id) };
    enum rc rc = store_run(s, &Q_VIEW_SHOW, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return not_here(f);
    *version = rows_int(rows, 0, "version");
    *out = to_json(rows, 0);
    return RC_OK;
}

enum rc view_add(struct store *tx, int32_t catalog, int64_t account, const struct view *v,
                 int64_t *id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = {
        ARG_INT(catalog),  ARG_INT(account), v->name, v->query, v->shared ? "true" : "false",
        ARG_INT(VIEWS_MAX)
    };
    enum rc rc = same_name(store_run(tx, &Q_VIEW_ADD, args, &rows, f), f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_LIMIT, "you have %d views here: delete some", VIEWS_MAX);
    *id = rows_int(rows, 0, "id");
    return RC_OK;
}

enum rc view_change(struct store *tx, int32_t catalog, int64_t account, int64_t id, int64_t version,
                    const struct view *v, bool set_shared, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *shared = v->shared ? "true" : "false";
    const char *args[] = { ARG_INT(catalog),          ARG_INT(account), ARG_INT(id),
                           ARG_INT(version),          v->name,          v->query,
                           set_shared ? shared : NULL };
    enum rc rc = same_name(store_run(tx, &Q_VIEW_CHANGE, args, &rows, f), f);

    if (rc != RC_OK || rows_count(rows) > 0)
        return rc;
    return not_here(f);
}

enum rc view_delete(struct store *tx, int32_t catalog, int64_t account, int64_t id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(account), ARG_INT(id) };
    enum rc rc = store_run(tx, &Q_VIEW_DELETE, args, &rows, f);

    return rc != RC_OK || rows_count(rows) > 0 ? rc : not_here(f);
}
