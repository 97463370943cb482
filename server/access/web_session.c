// SPDX-License-Identifier: Apache-2.0

#include "access/web_session.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

#include "access/account.h"
#include "access/password.h"
#include "access_sql.h"
#include "core/auto.h"
#include "core/hex.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

enum rc web_session_find(struct store *s, const uint8_t hash[32], int64_t idle_s,
                         int64_t absolute_s, struct identity *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char hash_text[67], idle[24], absolute[24];
    const char *args[] = { sql_hash(hash, hash_text), sql_int(idle_s, idle),
                           sql_int(absolute_s, absolute) };
    enum rc rc = store_run(s, &Q_SESSION_FIND, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0 || !identity_from_row(rows, 0, out))
        return fail(f, RC_DENIED, "the session has ended, sign in again");
    out->must_change = rows_bool(rows, 0, "must_change");
    return rows_bool(rows, 0, "stale") ? store_run(s, &Q_SESSION_TOUCH, args, NULL, f) : RC_OK;
}

enum rc web_session_check(struct store *s, const char *name, const char *password,
                          struct identity *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    bool match = false;
    enum rc rc = store_run(s, &Q_ACCOUNT_BY_NAME, (const char *[]){ name }, &rows, f);

    if (rc != RC_OK)
        return rc;
    bool known = rows_count(rows) > 0;
    rc = password_verify(known ? rows_text(rows, 0, "password") : NULL, password, &match, f);
    if (rc != RC_OK)
        return rc;
    if (known && !identity_from_row(rows, 0, out))
        return fail(f, RC_INTERNAL, "an account has a role that does not exist");
    if (!match || rows_bool(rows, 0, "disabled"))
        return fail(f, RC_DENIED, "name or password is wrong");
    out->must_change = rows_bool(rows, 0, "must_change");
    return RC_OK;
}

enum rc web_session_make(struct store *tx, int64_t account, const char *remote, const char *agent,
                         char cookie[CREDENTIAL_TEXT_LEN + 1], uint8_t credential[32],
                         struct fault *f)
{
    uint8_t random[32];
    char hash_text[67], account_text[24], keep[24];

    if (RAND_bytes(random, sizeof random) != 1)
        return fail(f, RC_INTERNAL, "no random bytes");
    base64url_encode(random, sizeof random, cookie);
    SHA256((const uint8_t *)cookie, CREDENTIAL_TEXT_LEN, credential);
    const char *args[] = { sql_hash(credential, hash_text), sql_int(account, account_text), remote,
                           agent };
    enum rc rc = store_run(tx, &Q_SESSION_ADD, args, NULL, f);
    if (rc != RC_OK)
        return rc;
    return store_run(tx, &Q_SESSION_TRIM,
                     (const char *[]){ account_text, sql_int(SESSIONS_PER_ACCOUNT, keep) }, NULL,
                     f);
}

enum rc web_session_end(struct store *tx, const uint8_t hash[32], struct fault *f)
{
    char hash_text[67];

    return store_run(tx, &Q_SESSION_DROP, (const char *[]){ sql_hash(hash, hash_text) }, NULL, f);
}
