// SPDX-License-Identifier: Apache-2.0

#include "access/account_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/account.h"
#include "access/changed.h"
#include "access/password.h"
#include "catalog/catalog.h"
#include "core/body.h"
#include "core/json_out.h"
#include "core/number.h"
#include "window/window.h"

static handler list, make, show, change, drop;

const struct route user_routes[] = {
    { "GET", "/api/v1/users", MAY_SEE_USERS, list, 0 },
    { "POST", "/api/v1/users", MAY_CHANGE_USERS, make, ROUTE_SLOW },
    { "GET", "/api/v1/users/{id}", MAY_SEE_USERS, show, 0 },
    { "PATCH", "/api/v1/users/{id}", MAY_CHANGE_USERS, change, ROUTE_SLOW | ROUTE_IF_MATCH },
    { "DELETE", "/api/v1/users/{id}", MAY_CHANGE_USERS, drop, ROUTE_IF_MATCH },
    { 0 },
};

struct user_body {
    const char *name, *role, *password;
    bool disabled;
    json_t *catalog; // a name, or null for every one; NULL where it was not said
};

static const struct field make_fields[] = {
    { TEXT(struct user_body, name), REQUIRED, 1, ACCOUNT_NAME_MAX },
    { TEXT(struct user_body, role), REQUIRED, 1, 20 },
    { TEXT(struct user_body, password), REQUIRED, 1, PASSWORD_MAX },
    { JSON(struct user_body, catalog), OPTIONAL, 0, 0 },
};

static const struct field change_fields[] = {
    { TEXT(struct user_body, role), OPTIONAL, 1, 20 },
    { TEXT(struct user_body, password), OPTIONAL, 1, PASSWORD_MAX },
    { BOOL(struct user_body, disabled), OPTIONAL, 0, 0 },
    { JSON(struct user_body, catalog), OPTIONAL, 0, 0 },
};

static json_t *account_to_json(const struct account *a)
{
    json_t *o = json_object();

    add_id(o, "id", a->id);
    add_text(o, "name", a->name);
    add_text(o, "role", role_name(a->role));
    add_text(o, "catalog", a->catalog ? a->catalog_name : NULL);
    add_bool(o, "disabled", a->disabled);
    add_bool(o, "mustChangePassword", a->must_change);
    add_time(o, "createdAt", a->created_at);
    return o;
}

static enum rc reply_account(struct reply *r, int status, const struct account *a)
{
    snprintf(r->etag, sizeof r->etag, "%lld", (long long)a->version);
    return reply_json(r, status, account_to_json(a));
}

static enum rc read_role(const char *name, enum role *out, struct fault *f)
{
    int role = role_from_name(name);

    if (role < 0)
        return fail(f, RC_INVALID, "role is owner, admin, operator, viewer or auditor");
    *out = (enum role)role;
    return RC_OK;
}

// Who sees one catalog hands out rights in that one only.
static enum rc read_catalog(struct req *q, json_t *said, int32_t *out, struct fault *f)
{
    if (said && !json_is_string(said) && !json_is_null(said))
        return fail(f, RC_INVALID, "catalog must be the name of a catalog, or null for every one");
    if (!json_is_string(said)) {
        if (q->who->catalog && said)
            return fail(f, RC_DENIED, "you see one catalog, so you cannot give away every one");
        *out = q->who->catalog;
        return RC_OK;
    }
    *out = catalogs_find(q->services->catalogs, q->store, json_string_value(said));
    if (*out == 0 || (q->who->catalog && *out != q->who->catalog))
        return fail(f, RC_INVALID, "there is no catalog of that name");
    return RC_OK;
}

static enum rc may_touch(const struct req *q, enum role role, struct fault *f)
{
    if (role == ROLE_OWNER && q->who->role != ROLE_OWNER)
        return fail(f, RC_DENIED, "only an owner makes, changes or drops an owner");
    return RC_OK;
}

static enum rc load(struct req *q, struct account *out, struct fault *f)
{
    int64_t id;

    if (!number_read(q->params[0], &id))
        return fail(f, RC_NOT_FOUND, "no such account");
    return account_load(q->store, id, q->who->catalog, out, f);
}

// So that nobody has to keep the table of roles a second time.
static json_t *roles_to_json(void)
{
    json_t *roles = json_array();

    for (int role = 0; role < ROLE_COUNT; role++) {
        json_t *o = json_object();

        add_text(o, "role", role_name((enum role)role));
        add_json(o, "permissions", permissions_to_json(role_permissions((enum role)role)));
        json_array_append_new(roles, o);
    }
    return roles;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    struct account *accounts = calloc(MAX_LIMIT, sizeof *accounts);
    int64_t after = 0;
    int limit = 0, count = 0;
    enum rc rc =
        accounts ? req_numbered(q, &after, &limit, f) : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK)
        rc = account_list(q->store, after, q->who->catalog, limit, accounts, &count, f);
    if (rc == RC_OK) {
        json_t *items = json_array();
        for (int i = 0; i < count; i++)
            json_array_append_new(items, account_to_json(&accounts[i]));
        rc = reply_numbered(q, r, items, count == limit ? accounts[count - 1].id : 0);
    }
    if (rc == RC_OK)
        add_json(r->body, "roles", roles_to_json());
    free(accounts);
    return rc;
}

static enum rc make(struct req *q, struct reply *r, struct fault *f)
{
    struct user_body b = { 0 };
    struct account a;
    enum role role = ROLE_VIEWER;
    int32_t catalog = 0;
    int64_t id;
    enum rc rc = BODY_READ(q->body, make_fields, &b, f);

    if (rc == RC_OK)
        rc = read_role(b.role, &role, f);
    if (rc == RC_OK)
        rc = may_touch(q, role, f);
    if (rc == RC_OK)
        rc = read_catalog(q, b.catalog, &catalog, f);
    if (rc == RC_OK)
        rc = account_make(q->store, b.name, b.password, role, catalog, &id, f);
    if (rc == RC_OK)
        rc = account_load(q->store, id, 0, &a, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "%s", a.name);
    snprintf(r->detail, sizeof r->detail, "role %s", role_name(role));
    snprintf(r->location, sizeof r->location, "/api/v1/users/%lld", (long long)id);
    return reply_account(r, 201, &a);
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    struct account a;
    enum rc rc = load(q, &a, f);

    return rc == RC_OK ? reply_account(r, 200, &a) : rc;
}

static enum rc read_change(struct req *q, const struct account *now, struct account_change *to,
                           struct fault *f)
{
    struct user_body b = { .disabled = now->disabled };
    enum rc rc = BODY_READ(q->body, change_fields, &b, f);

    *to = (struct account_change){ .version = now->version,
                                   .role = now->role,
                                   .catalog = now->catalog };
    if (rc == RC_OK && b.role)
        rc = read_role(b.role, &to->role, f);
    if (rc == RC_OK)
        rc = may_touch(q, to->role, f);
    if (rc == RC_OK && b.catalog)
        rc = read_catalog(q, b.catalog, &to->catalog, f);
    if (rc == RC_OK && b.password && now->id == q->who->account)
        rc = fail(f, RC_CONFLICT, "your own password is changed by POST /api/v1/session/password");
    to->disabled = b.disabled;
    to->password = b.password;
    return rc;
}

static enum rc load_to_change(struct req *q, struct reply *r, struct account *a, struct fault *f)
{
    enum rc rc = load(q, a, f);

    if (rc == RC_OK)
        rc = may_touch(q, a->role, f);
    if (rc == RC_OK)
        rc = req_match(q, r, a->version, "account", f);
    if (rc == RC_OK)
        snprintf(r->object, sizeof r->object, "%s", a->name);
    return rc;
}

static void describe(const struct account *now, const struct account_change *to, struct reply *r)
{
    snprintf(r->detail, sizeof r->detail, "role %s → %s%s%s%s", role_name(now->role),
             role_name(to->role),
             now->disabled == to->disabled ? ""
             : to->disabled                ? ", disabled"
                                           : ", enabled",
             now->catalog == to->catalog ? "" : ", other catalog",
             to->password ? ", new password" : "");
}

// A window, and its code, must not outlast the right to open it.
static enum rc close_windows(struct req *q, const struct account *a,
                             const struct account_change *to, struct fault *f)
{
    bool may = !to->disabled && (role_permissions(to->role) & MAY_CLAIM);

    if (may && to->catalog == 0)
        return RC_OK;
    return window_close_of(q->store, a->name, may ? to->catalog : 0, f);
}

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    struct account a;
    struct account_change to;
    enum rc rc = load_to_change(q, r, &a, f);

    if (rc == RC_OK)
        rc = read_change(q, &a, &to, f);
    if (rc == RC_OK)
        rc = account_alter(q->store, &a, &to, &r->stale, f);
    if (rc == RC_OK)
        rc = close_windows(q, &a, &to, f);
    if (rc == RC_OK)
        rc = changed_after_commit(q, a.id, f);
    if (rc != RC_OK)
        return rc;
    describe(&a, &to, r);
    rc = account_load(q->store, a.id, 0, &a, f);
    return rc == RC_OK ? reply_account(r, 200, &a) : rc;
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    struct account a;
    enum rc rc = load_to_change(q, r, &a, f);

    if (rc == RC_OK)
        rc = account_drop(q->store, &a, a.version, &r->stale, f);
    if (rc == RC_OK)
        rc = window_close_of(q->store, a.name, 0, f);
    if (rc == RC_OK)
        rc = changed_after_commit(q, a.id, f);
    return rc == RC_OK ? reply_empty(r) : rc;
}
