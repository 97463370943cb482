// SPDX-License-Identifier: Apache-2.0

#include "access/account.h"

#include <stdio.h>
#include <string.h>

#include "access/password.h"
#include "access_sql.h"
#include "core/auto.h"
#include "core/hex.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

const char *sql_int(int64_t n, char out[24])
{
    snprintf(out, 24, "%lld", (long long)n);
    return out;
}

const char *sql_int_or_null(int64_t n, char out[24])
{
    return n ? sql_int(n, out) : NULL;
}

const char *sql_hash(const uint8_t hash[32], char out[67])
{
    memcpy(out, "\\x", 2);
    hex_encode(hash, 32, out + 2);
    return out;
}

bool account_name_valid(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._@+-";
    size_t len = strlen(name);

    return len >= 1 && len <= ACCOUNT_NAME_MAX && strspn(name, allowed) == len;
}

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

bool identity_from_row(const struct rows *r, int row, struct identity *out)
{
    int role = role_from_name(rows_text(r, row, "role"));

    if (role < 0)
        return false;
    out->who.account = rows_int(r, row, "id");
    copy_text(out->who.name, sizeof out->who.name, rows_text(r, row, "name"));
    out->who.role = (enum role)role;
    out->who.catalog = (int32_t)rows_int(r, row, "catalog");
    out->who.permissions = role_permissions(out->who.role);
    return true;
}

static enum rc account_from_row(const struct rows *r, int row, struct account *out, struct fault *f)
{
    int role = role_from_name(rows_text(r, row, "role"));

    if (role < 0)
        return fail(f, RC_INTERNAL, "an account has a role that does not exist");
    *out = (struct account){
        .id = rows_int(r, row, "id"),
        .role = (enum role)role,
        .catalog = (int32_t)rows_int(r, row, "catalog"),
        .disabled = rows_bool(r, row, "disabled"),
        .must_change = rows_bool(r, row, "must_change"),
        .version = rows_int(r, row, "version"),
        .created_at = rows_int(r, row, "created_at"),
    };
    copy_text(out->name, sizeof out->name, rows_text(r, row, "name"));
    copy_text(out->catalog_name, sizeof out->catalog_name, rows_text(r, row, "catalog_name"));
    return RC_OK;
}

enum rc account_load(struct store *s, int64_t id, int32_t only, struct account *out,
                     struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char id_text[24], only_text[24];
    const char *args[] = { sql_int(id, id_text), sql_int_or_null(only, only_text) };
    enum rc rc = store_run(s, &Q_ACCOUNT_BY_ID, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "no such account");
    return account_from_row(rows, 0, out, f);
}

enum rc account_list(struct store *s, int64_t after, int32_t only, int max, struct account *out,
                     int *count, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char after_text[24], max_text[24], only_text[24];
    const char *args[] = { sql_int(after, after_text), sql_int(max, max_text),
                           sql_int_or_null(only, only_text) };
    enum rc rc = store_run(s, &Q_ACCOUNT_PAGE, args, &rows, f);

    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        rc = account_from_row(rows, i, &out[i], f);
    if (rc == RC_OK)
        *count = rows_count(rows);
    return rc;
}

enum rc account_make(struct store *s, const char *name, const char *password, enum role role,
                     int32_t catalog, int64_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char phc[PASSWORD_PHC_SIZE], catalog_text[24];

    if (!account_name_valid(name))
        return fail(f, RC_INVALID, "name takes 1 to %d letters, digits and . _ @ + -",
                    ACCOUNT_NAME_MAX);
    enum rc rc = password_check(password, name, f);
    if (rc == RC_OK)
        rc = password_hash(password, phc, f);
    if (rc != RC_OK)
        return rc;
    const char *args[] = { name, phc, "true", role_name(role),
                           sql_int_or_null(catalog, catalog_text) };
    rc = store_run(s, &Q_ACCOUNT_ADD, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_CONFLICT, "an account named '%s' exists already", name);
    *out = rows_int(rows, 0, "id");
    return RC_OK;
}

static bool is_guardian(const struct account *a)
{
    return a->role == ROLE_OWNER && !a->disabled && a->catalog == 0;
}

// Locks all guardians: another transaction that wants to take one away waits here.
static enum rc another_owner_stays(struct store *tx, const struct account *gone, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(tx, &Q_ACCOUNT_OWNERS, NULL, &rows, f);

    if (rc != RC_OK)
        return rc;
    for (int i = 0; i < rows_count(rows); i++)
        if (rows_int(rows, i, "id") != gone->id)
            return RC_OK;
    return fail(f, RC_CONFLICT, "'%s' is the last owner; make another account an owner first",
                gone->name);
}

static enum rc end_sessions(struct store *tx, int64_t id, struct fault *f)
{
    char id_text[24];

    return store_run(tx, &Q_SESSION_DROP_ALL, (const char *[]){ sql_int(id, id_text) }, NULL, f);
}

enum rc account_alter(struct store *tx, const struct account *now, const struct account_change *to,
                      bool *stale, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char phc[PASSWORD_PHC_SIZE], id[24], version[24], catalog[24];
    const struct account then = { .role = to->role,
                                  .disabled = to->disabled,
                                  .catalog = to->catalog };
    enum rc rc = RC_OK;

    if (is_guardian(now) && !is_guardian(&then))
        rc = another_owner_stays(tx, now, f);
    if (rc == RC_OK && to->password)
        rc = password_check(to->password, now->name, f);
    if (rc == RC_OK && to->password)
        rc = password_hash(to->password, phc, f);
    if (rc != RC_OK)
        return rc;
    const char *args[] = {
        sql_int(now->id, id),
        sql_int(to->version, version),
        role_name(to->role),
        to->disabled ? "true" : "false",
        sql_int_or_null(to->catalog, catalog),
        to->password ? phc : NULL,
        to->password ? "true" : "false",
    };
    rc = store_run(tx, &Q_ACCOUNT_CHANGE, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    *stale = rows_count(rows) == 0;
    return *stale ? fail(f, RC_CONFLICT, "the account was changed meanwhile")
                  : end_sessions(tx, now->id, f);
}

enum rc account_drop(struct store *tx, const struct account *now, int64_t version, bool *stale,
                     struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char id[24], version_text[24];
    enum rc rc = is_guardian(now) ? another_owner_stays(tx, now, f) : RC_OK;

    if (rc != RC_OK)
        return rc;
    const char *args[] = { sql_int(now->id, id), sql_int(version, version_text) };
    rc = store_run(tx, &Q_ACCOUNT_DROP, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    *stale = rows_count(rows) == 0;
    return *stale ? fail(f, RC_CONFLICT, "the account was changed meanwhile") : RC_OK;
}

enum rc account_knows(struct store *s, int64_t id, const char *password, bool *match,
                      struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char id_text[24];
    enum rc rc =
        store_run(s, &Q_ACCOUNT_PASSWORD_OF, (const char *[]){ sql_int(id, id_text) }, &rows, f);

    if (rc != RC_OK)
        return rc;
    return password_verify(rows_count(rows) ? rows_text(rows, 0, "password") : NULL, password,
                           match, f);
}

enum rc account_choose(struct store *tx, int64_t id, const char *password, struct fault *f)
{
    char phc[PASSWORD_PHC_SIZE], id_text[24];
    enum rc rc = password_hash(password, phc, f);

    if (rc != RC_OK)
        return rc;
    const char *args[] = { sql_int(id, id_text), phc, "false" };
    rc = store_run(tx, &Q_ACCOUNT_SET_PASSWORD, args, NULL, f);
    return rc == RC_OK ? end_sessions(tx, id, f) : rc;
}
