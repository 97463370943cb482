// SPDX-License-Identifier: Apache-2.0

#include "audit/audit.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/seal.h"
#include "audit_sql.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "keeper/keeper.h"
#include "store/store.h"

#define HASH_LEN    SHA256_DIGEST_LENGTH
#define HASH_TEXT   (2 * HASH_LEN + 1)
#define VERIFY_PAGE "1000"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// The columns of an entry as text, in the order in which they are hashed.
enum column {
    CHAIN,
    SEQ,
    AT,
    ACCOUNT,
    ACTOR,
    ACTION,
    OBJECT,
    COUNT,
    OUTCOME,
    REMOTE,
    REQUEST,
    DETAIL,
    COLUMN_COUNT,
};

static void add_part(EVP_MD_CTX *ctx, const void *bytes, size_t len)
{
    uint8_t length[8];
    uint64_t n = bytes ? len : UINT64_MAX;

    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(n >> (56 - 8 * i));
    EVP_DigestUpdate(ctx, length, sizeof length);
    if (bytes)
        EVP_DigestUpdate(ctx, bytes, len);
}

DEFINE_AUTO(EVP_MD_CTX *, md_ctx_freep, EVP_MD_CTX_free)

static enum rc entry_hash(const uint8_t prev[HASH_LEN], const char *const columns[COLUMN_COUNT],
                          uint8_t out[HASH_LEN], struct fault *f)
{
    auto_with(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        return fail(f, RC_INTERNAL, "out of memory");
    add_part(ctx, prev, HASH_LEN);
    for (int i = 0; i < COLUMN_COUNT; i++)
        add_part(ctx, columns[i], columns[i] ? strlen(columns[i]) : 0);
    return EVP_DigestFinal_ex(ctx, out, NULL) == 1 ? RC_OK : fail(f, RC_INTERNAL, "SHA-256 failed");
}

static enum rc read_head(struct store *tx, const char *chain, int64_t *seq, uint8_t hash[HASH_LEN],
                         struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(tx, &Q_AUDIT_HEAD, (const char *[]){ chain }, &rows, f);

    if (rc != RC_OK)
        return rc;
    *seq = 0;
    memset(hash, 0, HASH_LEN);
    if (rows_count(rows) == 0)
        return RC_OK;
    *seq = rows_int(rows, 0, "seq");
    return hex_decode(rows_text(rows, 0, "hash"), hash, HASH_LEN)
               ? RC_OK
               : fail(f, RC_INTERNAL, "the head of the audit chain is damaged");
}

static enum rc insert(struct store *tx, const char *const columns[COLUMN_COUNT],
                      const uint8_t prev[HASH_LEN], const uint8_t hash[HASH_LEN], struct fault *f)
{
    char prev_text[2 + HASH_TEXT] = "\\x", hash_text[2 + HASH_TEXT] = "\\x";
    const char *args[COLUMN_COUNT + 2];

    hex_encode(prev, HASH_LEN, prev_text + 2);
    hex_encode(hash, HASH_LEN, hash_text + 2);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        args[i] = columns[i];
    args[COLUMN_COUNT] = prev_text;
    args[COLUMN_COUNT + 1] = hash_text;
    return store_run(tx, &Q_AUDIT_ADD, args, NULL, f);
}

enum rc audit_append(struct store *tx, const struct audit_entry *e, struct fault *f)
{
    char chain[24], seq_text[24], at[24], account[24], count[24];
    uint8_t prev[HASH_LEN], hash[HASH_LEN];
    int64_t seq = 0;

    snprintf(chain, sizeof chain, "%d", e->chain);
    enum rc rc = store_run(tx, &Q_AUDIT_LOCK, (const char *[]){ chain }, NULL, f);
    if (rc == RC_OK)
        rc = read_head(tx, chain, &seq, prev, f);
    if (rc != RC_OK)
        return rc;
    snprintf(seq_text, sizeof seq_text, "%lld", (long long)seq + 1);
    snprintf(at, sizeof at, "%lld", (long long)clock_now_ms());
    snprintf(account, sizeof account, "%lld", (long long)e->account);
    snprintf(count, sizeof count, "%lld", (long long)(e->count ? e->count : 1));
    const char *const columns[COLUMN_COUNT] = {
        [CHAIN] = chain,
        [SEQ] = seq_text,
        [AT] = at,
        [ACCOUNT] = e->account ? account : NULL,
        [ACTOR] = e->actor,
        [ACTION] = e->action,
        [OBJECT] = e->object ? e->object : "",
        [COUNT] = count,
        [OUTCOME] = e->outcome,
        [REMOTE] = e->remote,
        [REQUEST] = e->request,
        [DETAIL] = e->detail,
    };
    rc = entry_hash(prev, columns, hash, f);
    return rc == RC_OK ? insert(tx, columns, prev, hash, f) : rc;
}

// ---------------------------------------------------------------- verify

struct walk {
    int32_t chain;
    int64_t seq; // of the last sound entry
    int64_t seal_seq;
    uint8_t head[HASH_LEN];
    uint8_t seal_hash[HASH_LEN];
};

// Whether row follows on the entry the walk stands at; moves there.
static bool step(struct walk *w, const struct rows *r, int row)
{
    uint8_t prev[HASH_LEN], kept[HASH_LEN], hash[HASH_LEN];
    char chain[24];

    snprintf(chain, sizeof chain, "%d", w->chain);
    const char *const columns[COLUMN_COUNT] = {
        [CHAIN] = chain,
        [SEQ] = rows_text(r, row, "seq"),
        [AT] = rows_text(r, row, "at"),
        [ACCOUNT] = rows_text(r, row, "account"),
        [ACTOR] = rows_text(r, row, "actor"),
        [ACTION] = rows_text(r, row, "action"),
        [OBJECT] = rows_text(r, row, "object"),
        [COUNT] = rows_text(r, row, "count"),
        [OUTCOME] = rows_text(r, row, "outcome"),
        [REMOTE] = rows_text(r, row, "remote"),
        [REQUEST] = rows_text(r, row, "request"),
        [DETAIL] = rows_text(r, row, "detail"),
    };
    if (rows_int(r, row, "seq") != w->seq + 1 ||
        !hex_decode(rows_text(r, row, "prev"), prev, HASH_LEN) ||
        !hex_decode(rows_text(r, row, "hash"), kept, HASH_LEN) ||
        memcmp(prev, w->head, HASH_LEN) != 0 || entry_hash(prev, columns, hash, NULL) != RC_OK ||
        memcmp(hash, kept, HASH_LEN) != 0)
        return false;
    if (w->seq + 1 == w->seal_seq && memcmp(w->seal_hash, hash, HASH_LEN) != 0)
        return false;
    w->seq++;
    memcpy(w->head, hash, HASH_LEN);
    return true;
}

static enum rc read_seal(struct store *s, const char *chain, const char *root_pem, struct walk *w,
                         struct audit_report *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(s, &Q_AUDIT_LAST_SEAL, (const char *[]){ chain }, &rows, f);

    if (rc != RC_OK || rows_count(rows) == 0)
        return rc;
    out->seal_seq = w->seal_seq = rows_int(rows, 0, "seq");
    out->seal_at = rows_int(rows, 0, "at");
    out->seal = strdup(rows_text(rows, 0, "seal"));
    if (!out->seal)
        return fail(f, RC_INTERNAL, "out of memory");
    if (seal_read(out->seal, root_pem, w->chain, w->seal_seq, w->seal_hash, NULL) != RC_OK)
        out->first_bad = w->seal_seq;
    return RC_OK;
}

static enum rc walk_page(struct store *s, const char *chain, struct walk *w,
                         struct audit_report *out, bool *more, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char after[24];

    snprintf(after, sizeof after, "%lld", (long long)out->entries);
    enum rc rc =
        store_run(s, &Q_AUDIT_RANGE, (const char *[]){ chain, after, VERIFY_PAGE }, &rows, f);
    if (rc != RC_OK)
        return rc;
    for (int i = 0; i < rows_count(rows) && !out->first_bad; i++) {
        if (!step(w, rows, i))
            out->first_bad = w->seq + 1;
        out->entries = w->seq;
    }
    *more = rows_count(rows) > 0 && !out->first_bad;
    return RC_OK;
}

enum rc audit_verify(struct store *s, int32_t chain, const char *root_pem, struct audit_report *out,
                     struct fault *f)
{
    struct walk w = { .chain = chain };
    struct audit_report report = { 0 };
    char chain_text[24];
    bool more = true;

    snprintf(chain_text, sizeof chain_text, "%d", chain);
    // The seal first: entries that come meanwhile only make the chain longer than it.
    enum rc rc = read_seal(s, chain_text, root_pem, &w, &report, f);
    while (rc == RC_OK && more && !report.first_bad)
        rc = walk_page(s, chain_text, &w, &report, &more, f);
    if (rc != RC_OK) {
        audit_report_done(&report);
        return rc;
    }
    if (!report.first_bad && w.seq < w.seal_seq)
        report.first_bad = w.seq + 1;
    memcpy(report.head, w.head, HASH_LEN);
    *out = report;
    return RC_OK;
}

void audit_report_done(struct audit_report *r)
{
    free(r->seal);
    r->seal = NULL;
}

// ---------------------------------------------------------------- seal

static enum rc seal_one(struct store *s, struct keeper *k, const struct rows *r, int row,
                        struct fault *f)
{
    auto_free char *seal = NULL;
    uint8_t hash[HASH_LEN];

    if (!hex_decode(rows_text(r, row, "hash"), hash, HASH_LEN))
        return fail(f, RC_INTERNAL, "the head of an audit chain is damaged");
    enum rc rc = keeper_seal_audit(k, (int32_t)rows_int(r, row, "chain"), rows_int(r, row, "seq"),
                                   hash, &seal, f);
    if (rc != RC_OK)
        return rc;
    const char *args[] = { rows_text(r, row, "chain"), rows_text(r, row, "seq"), seal };
    return store_run(s, &Q_AUDIT_SEAL_ADD, args, NULL, f);
}

enum rc audit_seal_due(struct store *s, struct keeper *k, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(s, &Q_AUDIT_UNSEALED, NULL, &rows, f);

    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        rc = seal_one(s, k, rows, i, f);
    return rc;
}

// ---------------------------------------------------------------- list

static json_t *entry_to_json(const struct rows *r, int row)
{
    json_t *o = json_object();

    add_int(o, "seq", rows_int(r, row, "seq"));
    add_time(o, "at", rows_int(r, row, "at"));
    add_text(o, "account", rows_text(r, row, "account"));
    add_text(o, "actor", rows_text(r, row, "actor"));
    add_text(o, "action", rows_text(r, row, "action"));
    add_text(o, "object", rows_text(r, row, "object"));
    add_int(o, "count", rows_int(r, row, "count"));
    add_text(o, "outcome", rows_text(r, row, "outcome"));
    add_text(o, "remote", rows_text(r, row, "remote"));
    add_text(o, "request", rows_text(r, row, "request"));
    add_text(o, "detail", rows_text(r, row, "detail"));
    add_text(o, "hash", rows_text(r, row, "hash"));
    return o;
}

static const char *text_or_null(const char *text)
{
    return *text ? text : NULL;
}

static const char *time_or_null(int64_t ms, char *text, size_t size)
{
    snprintf(text, size, "%lld", (long long)ms);
    return ms ? text : NULL;
}

enum rc audit_list(struct store *s, int32_t chain, const struct audit_filter *only, int64_t before,
                   int count, json_t **out, int64_t *last, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char chain_text[24], before_text[24], count_text[24], since[24], until[24];

    snprintf(chain_text, sizeof chain_text, "%d", chain);
    snprintf(before_text, sizeof before_text, "%lld", (long long)(before ? before : INT64_MAX));
    snprintf(count_text, sizeof count_text, "%d", count);
    const char *args[] = { chain_text,
                           before_text,
                           count_text,
                           text_or_null(only->actor),
                           text_or_null(only->object),
                           text_or_null(only->outcome),
                           time_or_null(only->since, since, sizeof since),
                           time_or_null(only->until, until, sizeof until) };
    enum rc rc = store_run(s, &Q_AUDIT_PAGE, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    json_t *items = json_array();
    for (int i = 0; i < rows_count(rows); i++) {
        json_array_append_new(items, entry_to_json(rows, i));
        *last = rows_int(rows, i, "seq");
    }
    *out = items;
    return RC_OK;
}
