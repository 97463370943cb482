// SPDX-License-Identifier: Apache-2.0
//
// The verbs of orreryd that give a person on this machine the first key.

#include <stdio.h>
#include <string.h>

#include "access/access.h"
#include "access/account.h"
#include "access/api_token.h"
#include "access/password.h"
#include "access_sql.h"
#include "audit/audit.h"
#include "core/auto.h"
#include "store/store.h"

#define LOCAL_TOKEN      "make run"
#define LOCAL_TOKEN_DAYS 30

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, store_rollbackp, store_rollback)

static enum rc commit_as(struct store **tx, const char *action, const char *object, struct fault *f)
{
    const struct audit_entry e = {
        .actor = "local",
        .action = action,
        .object = object,
        .outcome = "ok",
    };
    enum rc rc = audit_append(*tx, &e, f);

    return rc == RC_OK ? store_commit(take(tx), f) : rc;
}

enum rc access_first_owner(struct store *s, char password_out[24], struct fault *f)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    auto_with(rows_freep) struct rows *rows = NULL;
    char password[24];
    int64_t id;
    enum rc rc = store_begin(s, &tx, f);

    if (rc == RC_OK)
        rc = store_run(tx, &Q_ACCOUNT_COUNT, NULL, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_int(rows, 0, "count") > 0)
        return fail(f, RC_CONFLICT, "there are accounts already");
    rc = password_invent(password, f);
    if (rc == RC_OK)
        rc = account_make(tx, "owner", password, ROLE_OWNER, 0, &id, f);
    if (rc == RC_OK)
        rc = commit_as(&tx, "first owner", "owner", f);
    if (rc == RC_OK)
        memcpy(password_out, password, sizeof password);
    return rc;
}

static enum rc oldest_owner(struct store *tx, int64_t *id, bool *disabled, char name[81],
                            struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(tx, &Q_ACCOUNT_OLDEST_OWNER, NULL, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "there is no owner yet; the first start makes one");
    *id = rows_int(rows, 0, "id");
    *disabled = rows_bool(rows, 0, "disabled");
    snprintf(name, 81, "%s", rows_text(rows, 0, "name"));
    return RC_OK;
}

static enum rc revive(struct store *tx, int64_t id, const char *password, struct fault *f)
{
    char phc[PASSWORD_PHC_SIZE], id_text[24];
    enum rc rc = password_hash(password, phc, f);

    if (rc != RC_OK)
        return rc;
    const char *args[] = { sql_int(id, id_text), phc };
    rc = store_run(tx, &Q_ACCOUNT_REVIVE_OWNER, args, NULL, f);
    if (rc == RC_OK)
        rc = store_run(tx, &Q_SESSION_DROP_ALL, args, NULL, f);
    return rc == RC_OK ? store_run(tx, &Q_TOKEN_DROP_ALL, args, NULL, f) : rc;
}

enum rc access_owner_reset(struct store *s, char name_out[81], char password_out[24],
                           struct fault *f)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    char name[81], password[24];
    int64_t id = 0;
    bool disabled;
    enum rc rc = store_begin(s, &tx, f);

    if (rc == RC_OK)
        rc = oldest_owner(tx, &id, &disabled, name, f);
    if (rc == RC_OK)
        rc = password_invent(password, f);
    if (rc == RC_OK)
        rc = revive(tx, id, password, f);
    if (rc == RC_OK)
        rc = commit_as(&tx, "owner reset", name, f);
    if (rc != RC_OK)
        return rc;
    memcpy(name_out, name, sizeof name);
    memcpy(password_out, password, sizeof password);
    return RC_OK;
}

enum rc access_admin_token(struct store *s, char token_out[TOKEN_TEXT_LEN + 1], struct fault *f)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    struct token_order order = { .name = LOCAL_TOKEN,
                                 .scopes = role_permissions(ROLE_OWNER),
                                 .days = LOCAL_TOKEN_DAYS };
    char name[81], id_text[24], text[TOKEN_TEXT_LEN + 1];
    int64_t id;
    bool disabled = false;
    enum rc rc = store_begin(s, &tx, f);

    if (rc == RC_OK)
        rc = oldest_owner(tx, &order.account, &disabled, name, f);
    if (rc == RC_OK && disabled)
        return fail(f, RC_CONFLICT, "every owner is disabled; run orreryd owner reset");
    if (rc == RC_OK)
        rc = store_run(tx, &Q_TOKEN_DROP_NAMED,
                       (const char *[]){ sql_int(order.account, id_text), LOCAL_TOKEN }, NULL, f);
    if (rc == RC_OK)
        rc = api_token_make(tx, &order, text, &id, f);
    if (rc == RC_OK)
        rc = commit_as(&tx, "admin token", name, f);
    if (rc == RC_OK)
        memcpy(token_out, text, sizeof text);
    return rc;
}
