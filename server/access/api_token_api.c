// SPDX-License-Identifier: Apache-2.0

#include "access/api_token_api.h"

#include <stdio.h>
#include <string.h>

#include "access/account.h"
#include "access/api_token.h"
#include "access/changed.h"
#include "access_sql.h"
#include "catalog/catalog.h"
#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "core/number.h"
#include "http/percent.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static handler list, make, drop;

const struct route token_routes[] = {
    { "GET", "/api/v1/tokens", MAY_SEE_SELF, list, 0 },
    { "POST", "/api/v1/tokens", MAY_OWN_TOKENS, make, ROUTE_SECRET },
    { "DELETE", "/api/v1/tokens/{id}", MAY_OWN_TOKENS, drop, 0 },
    { 0 },
};

struct token_body {
    const char *name, *catalog;
    json_t *scopes;
    int64_t days;
};

static const struct field make_fields[] = {
    { TEXT(struct token_body, name), REQUIRED, 1, 80 },
    { TEXTS(struct token_body, scopes), REQUIRED, 1, 32 },
    { INT_AS(struct token_body, days, "expiresInDays"), REQUIRED, 1, TOKEN_DAYS_MAX },
    { TEXT(struct token_body, catalog), NULLABLE, 1, CATALOG_NAME_MAX },
};

static json_t *token_to_json(const struct rows *r, int row)
{
    json_t *o = json_object();

    add_text(o, "id", rows_text(r, row, "id"));
    add_text(o, "name", rows_text(r, row, "name"));
    add_text(o, "prefix", rows_text(r, row, "prefix"));
    add_json(o, "scopes", permissions_to_json(scopes_from_text(rows_text(r, row, "scopes"))));
    add_text(o, "catalog", rows_text(r, row, "catalog_name"));
    add_time(o, "expiresAt", rows_int(r, row, "expires_at"));
    add_time(o, "usedAt", rows_int(r, row, "used_at"));
    add_time(o, "createdAt", rows_int(r, row, "created_at"));
    return o;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char account[24], count[24], place[24];
    int64_t after = 0;
    int limit;
    enum rc rc = req_numbered(q, &after, &limit, f);

    if (rc != RC_OK)
        return rc;
    const char *args[] = { sql_int(q->who->account, account), sql_int(after, place),
                           sql_int(limit, count) };
    rc = store_run(q->store, &Q_TOKEN_PAGE, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    json_t *items = json_array();
    int n = rows_count(rows);
    for (int i = 0; i < n; i++)
        json_array_append_new(items, token_to_json(rows, i));
    return reply_numbered(q, r, items, n == limit ? rows_int(rows, n - 1, "id") : 0);
}

// Every scope must be one, and one that the caller has.
static enum rc read_scopes(const struct req *q, json_t *names, uint32_t *out, struct fault *f)
{
    size_t i;
    json_t *name;

    *out = 0;
    json_array_foreach (names, i, name) {
        uint32_t scope = scopes_from_text(json_string_value(name));
        if (scope == 0 || strchr(json_string_value(name), ' '))
            return fail(f, RC_INVALID, "scopes/%zu is not a permission", i);
        if (!(q->who->permissions & scope))
            return fail(f, RC_DENIED, "scopes/%zu is a permission that you do not have", i);
        *out |= scope;
    }
    return RC_OK;
}

static enum rc read_catalog(struct req *q, const char *name, int32_t *out, struct fault *f)
{
    *out = q->who->catalog;
    if (!name)
        return RC_OK;
    *out = catalogs_find(q->services->catalogs, q->store, name);
    if (*out == 0 || (q->who->catalog && *out != q->who->catalog))
        return fail(f, RC_INVALID, "there is no catalog of that name");
    return RC_OK;
}

static enum rc reply_made(struct req *q, struct reply *r, int64_t id, const char *text,
                          struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char id_text[24], account[24];
    const char *args[] = { sql_int(id, id_text), sql_int(q->who->account, account) };
    enum rc rc = store_run(q->store, &Q_TOKEN_BY_ID, args, &rows, f);

    if (rc != RC_OK || rows_count(rows) == 0)
        return rc == RC_OK ? RC_INTERNAL : rc;
    json_t *o = token_to_json(rows, 0);
    add_text(o, "token", text);
    snprintf(r->location, sizeof r->location, "/api/v1/tokens/%s", id_text);
    snprintf(r->object, sizeof r->object, "%s", rows_text(rows, 0, "prefix"));
    snprintf(r->detail, sizeof r->detail, "scopes %s", rows_text(rows, 0, "scopes"));
    return reply_json(r, 201, o);
}

static enum rc make(struct req *q, struct reply *r, struct fault *f)
{
    struct token_body b = { 0 };
    struct token_order order = { .account = q->who->account };
    char text[TOKEN_TEXT_LEN + 1];
    int64_t id = 0;
    enum rc rc = BODY_READ(q->body, make_fields, &b, f);

    if (rc == RC_OK && !utf8_is_clean(b.name, strlen(b.name)))
        rc = fail(f, RC_INVALID, "name must not hold control characters");
    if (rc == RC_OK)
        rc = read_scopes(q, b.scopes, &order.scopes, f);
    if (rc == RC_OK)
        rc = read_catalog(q, b.catalog, &order.catalog, f);
    order.name = b.name;
    order.days = (int)b.days;
    order.parent = q->who->by_token ? q->who->credential : NULL;
    if (rc == RC_OK)
        rc = api_token_make(q->store, &order, text, &id, f);
    return rc == RC_OK ? reply_made(q, r, id, text, f) : rc;
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char account[24], by[67];
    const char *args[] = { q->params[0], sql_int(q->who->account, account),
                           q->who->by_token ? sql_hash(q->who->credential, by) : NULL };
    int64_t id;

    if (!number_read(q->params[0], &id))
        return fail(f, RC_NOT_FOUND, "you have no such token");
    enum rc rc = store_run(q->store, &Q_TOKEN_DROP, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND,
                    q->who->by_token
                        ? "you have no such token, or it may do more than the one you use"
                        : "you have no such token");
    snprintf(r->object, sizeof r->object, "%s", rows_text(rows, 0, "prefix"));
    rc = changed_after_commit(q, q->who->account, f);
    return rc == RC_OK ? reply_empty(r) : rc;
}
