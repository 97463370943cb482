// SPDX-License-Identifier: Apache-2.0

#include "window/arrival.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "store/arg.h"
#include "store/store.h"
#include "window_sql.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static enum rc none(struct fault *f)
{
    return fail(f, RC_NOT_FOUND, "this catalog has no such arrival");
}

static bool is_fingerprint(const char *text)
{
    uint8_t bytes[FINGERPRINT_LEN / 2];

    return hex_decode(text, bytes, sizeof bytes);
}

void arrival_done(struct arrival *a)
{
    free(a->tags);
    *a = (struct arrival){ 0 };
}

static bool read_row(const struct rows *r, const char *fingerprint, struct arrival *out)
{
    const char *key = rows_text(r, 0, "key"), *tags = rows_text(r, 0, "tags");
    size_t len = key ? strlen(key) / 2 : 0;

    *out = (struct arrival){ .window = rows_int(r, 0, "window_id"),
                             .group = rows_int(r, 0, "device_group") };
    if (len == 0 || len > sizeof out->key.spki || !hex_decode(key, out->key.spki, len))
        return false;
    out->key.spki_len = len;
    memcpy(out->key.fingerprint, fingerprint, FINGERPRINT_LEN + 1);
    memcpy(out->key.id, fingerprint, DEVICE_ID_LEN);
    out->key.id[DEVICE_ID_LEN] = '\0';
    out->tags = strdup(tags ? tags : "{}");
    return out->tags != NULL;
}

enum rc arrival_load(struct store *s, int32_t catalog, const char *fingerprint, struct arrival *out,
                     struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc;

    if (!is_fingerprint(fingerprint))
        return none(f);
    rc = store_run(s, &Q_ARRIVAL_ROW, (const char *[]){ ARG_INT(catalog), fingerprint }, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return none(f);
    return read_row(rows, fingerprint, out) ? RC_OK
                                            : fail(f, RC_INTERNAL, "the arrival cannot be read");
}

enum rc arrival_page(struct store *s, int32_t catalog, int64_t before_us, const char *fingerprint,
                     int limit, struct rows **out, struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(before_us), fingerprint, ARG_INT(limit) };

    return store_run(s, &Q_ARRIVAL_PAGE, args, out, f);
}

enum rc arrival_drop(struct store *s, int32_t catalog, const char *fingerprint, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), fingerprint };
    enum rc rc =
        is_fingerprint(fingerprint) ? store_run(s, &Q_ARRIVAL_DROP, args, &rows, f) : none(f);

    return rc == RC_OK && rows_count(rows) == 0 ? none(f) : rc;
}

enum rc arrival_settle(struct store *s, const char *fingerprint, struct fault *f)
{
    return store_run(s, &Q_ARRIVAL_SETTLE, (const char *[]){ fingerprint }, NULL, f);
}

enum rc arrival_expire(struct store *s, struct fault *f)
{
    return store_run(s, &Q_ARRIVAL_EXPIRE, NULL, NULL, f);
}

enum rc arrival_hold(struct store *s, int32_t catalog, int64_t window,
                     const struct arrival_news *who, struct arrival_held *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char key[2 * sizeof who->key->spki + 1];
    enum rc rc;

    hex_encode(who->key->spki, who->key->spki_len, key);
    const char *args[] = { ARG_INT(catalog), ARG_INT(window), who->key->fingerprint, key,
                           who->remote,      who->agent };
    rc = store_run(s, &Q_WINDOW_HOLD, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    *out = (struct arrival_held){ .open = rows_count(rows) > 0 };
    if (!out->open)
        return RC_OK;
    out->held = rows_bool(rows, 0, "held");
    out->fresh = rows_bool(rows, 0, "fresh");
    out->arrived = rows_int(rows, 0, "arrived");
    return RC_OK;
}
