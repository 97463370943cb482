// SPDX-License-Identifier: Apache-2.0

#include "http/idempotency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "http_sql.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

bool idempotency_key_read(const char *header, char out[IDEMPOTENCY_KEY_MAX + 1])
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    size_t len = strlen(header);

    if (len >= 2 && header[0] == '"' && header[len - 1] == '"') {
        header++;
        len -= 2;
    }
    if (len < 1 || len > IDEMPOTENCY_KEY_MAX || strspn(header, allowed) != len)
        return false;
    memcpy(out, header, len);
    out[len] = '\0';
    return true;
}

static enum rc replay(const struct rows *rows, const struct idempotency *i, struct reply *r,
                      struct fault *f)
{
    char request[65];
    const char *answer = rows_text(rows, 0, "answer");
    int status = (int)rows_int(rows, 0, "status");

    hex_encode(i->request, sizeof i->request, request);
    if (strcmp(request, rows_text(rows, 0, "request")) != 0) {
        r->status = 422;
        return fail(f, RC_INVALID, "this Idempotency-Key was used for another request");
    }
    if (status != 204 && !answer)
        return fail(f, RC_CONFLICT,
                    "this was done already; its answer held a secret that is "
                    "shown once, so use a new Idempotency-Key");
    snprintf(r->etag, sizeof r->etag, "%s", rows_text(rows, 0, "etag"));
    snprintf(r->location, sizeof r->location, "%s", rows_text(rows, 0, "location"));
    if (status == 204)
        return reply_empty(r);
    return reply_json(r, status, json_loads(answer, JSON_REJECT_DUPLICATES, NULL));
}

enum rc idempotency_claim(struct store *tx, const struct idempotency *i, struct reply *r,
                          bool *replayed, struct fault *f)
{
    auto_with(rows_freep) struct rows *lock = NULL;
    auto_with(rows_freep) struct rows *rows = NULL;
    char account[24];

    snprintf(account, sizeof account, "%lld", (long long)i->account);
    const char *args[] = { account, i->key };
    enum rc rc = store_run(tx, &Q_IDEMPOTENCY_LOCK, args, &lock, f);
    if (rc == RC_OK && !rows_bool(lock, 0, "taken"))
        return fail(f, RC_CONFLICT, "a request with this Idempotency-Key is being answered now");
    if (rc == RC_OK)
        rc = store_run(tx, &Q_IDEMPOTENCY_FIND, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    *replayed = rows_count(rows) > 0;
    return *replayed ? replay(rows, i, r, f) : RC_OK;
}

enum rc idempotency_keep(struct store *tx, const struct idempotency *i, const struct reply *r,
                         bool secret, struct fault *f)
{
    char account[24], status[24], request[67] = "\\x";
    auto_free char *answer = NULL;

    if (r->body && !secret && !(answer = json_dumps(r->body, JSON_COMPACT)))
        return fail(f, RC_INTERNAL, "out of memory");
    snprintf(account, sizeof account, "%lld", (long long)i->account);
    snprintf(status, sizeof status, "%d", r->status ? r->status : 200);
    hex_encode(i->request, sizeof i->request, request + 2);
    const char *args[] = { account, i->key, request, status, answer, r->etag, r->location };
    return store_run(tx, &Q_IDEMPOTENCY_KEEP, args, NULL, f);
}
