// SPDX-License-Identifier: Apache-2.0

#include "access/api_token.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "access/account.h"
#include "access_sql.h"
#include "core/auto.h"
#include "core/hex.h"
#include "store/store.h"

#define SCOPES_SIZE 300

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

uint32_t scopes_from_text(const char *text)
{
    uint32_t all = 0;

    while (*text) {
        size_t len = strcspn(text, " ");
        for (uint32_t p = 1; p <= role_permissions(ROLE_OWNER); p <<= 1) {
            const char *name = permission_name((enum permission)p);
            if (strlen(name) == len && !memcmp(name, text, len))
                all |= p;
        }
        text += len + (text[len] == ' ');
    }
    return all;
}

// As a PostgreSQL array; the names hold nothing that needs quoting.
static void scopes_to_array(uint32_t scopes, char out[SCOPES_SIZE])
{
    size_t n = (size_t)snprintf(out, SCOPES_SIZE, "{");

    for (uint32_t p = 1; p <= role_permissions(ROLE_OWNER); p <<= 1)
        if (scopes & p)
            n += (size_t)snprintf(out + n, SCOPES_SIZE - n, "%s%s", n > 1 ? "," : "",
                                  permission_name((enum permission)p));
    snprintf(out + n, SCOPES_SIZE - n, "}");
}

enum rc api_token_find(struct store *s, const uint8_t hash[32], struct identity *out,
                       struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char hash_text[67];
    const char *args[] = { sql_hash(hash, hash_text) };
    enum rc rc = store_run(s, &Q_TOKEN_FIND, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0 || !identity_from_row(rows, 0, out))
        return fail(f, RC_DENIED, "the token is not valid or no longer so");
    out->who.by_token = true;
    out->who.permissions &= scopes_from_text(rows_text(rows, 0, "scopes")) | MAY_SEE_SELF;
    return rows_bool(rows, 0, "stale") ? store_run(s, &Q_TOKEN_TOUCH, args, NULL, f) : RC_OK;
}

static enum rc invent(char text[TOKEN_TEXT_LEN + 1], struct fault *f)
{
    uint8_t random[4 + 32];
    char id[9], secret[CREDENTIAL_TEXT_LEN + 1];

    if (RAND_bytes(random, sizeof random) != 1)
        return fail(f, RC_INTERNAL, "no random bytes");
    hex_encode(random, 4, id);
    base64url_encode(random + 4, 32, secret);
    snprintf(text, TOKEN_TEXT_LEN + 1, "orr_%s_%s", id, secret);
    return RC_OK;
}

static enum rc check_count(struct store *tx, const char *account, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(tx, &Q_TOKEN_COUNT, (const char *[]){ account }, &rows, f);

    if (rc == RC_OK && rows_int(rows, 0, "count") >= TOKENS_PER_ACCOUNT)
        return fail(f, RC_CONFLICT, "an account has at most %d tokens, drop one first",
                    TOKENS_PER_ACCOUNT);
    return rc;
}

enum rc api_token_make(struct store *tx, const struct token_order *o, char text[TOKEN_TEXT_LEN + 1],
                       int64_t *id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    char hash_text[67], parent[67], account[24], catalog[24], days[24], scopes[SCOPES_SIZE];
    char prefix[TOKEN_PREFIX_LEN + 1];
    enum rc rc = check_count(tx, sql_int(o->account, account), f);

    if (rc == RC_OK)
        rc = invent(text, f);
    if (rc != RC_OK)
        return rc;
    SHA256((const uint8_t *)text, TOKEN_TEXT_LEN, hash);
    memcpy(prefix, text, TOKEN_PREFIX_LEN);
    prefix[TOKEN_PREFIX_LEN] = '\0';
    scopes_to_array(o->scopes, scopes);
    const char *args[] = {
        sql_hash(hash, hash_text),
        prefix,
        account,
        o->name,
        scopes,
        sql_int_or_null(o->catalog, catalog),
        sql_int(o->days, days),
        o->parent ? sql_hash(o->parent, parent) : NULL,
    };
    rc = store_run(tx, &Q_TOKEN_ADD, args, &rows, f);
    if (rc == RC_OK)
        *id = rows_int(rows, 0, "id");
    return rc;
}
