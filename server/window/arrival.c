// SPDX-License-Identifier: Apache-2.0

#include "window/arrival.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "core/json_out.h"
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

static bool fill_key(struct device_key *key, const char *fingerprint, const char *hex)
{
    size_t len = strlen(hex) / 2;

    if (len == 0 || len > sizeof key->spki || !hex_decode(hex, key->spki, len))
        return false;
    key->spki_len = len;
    snprintf(key->fingerprint, sizeof key->fingerprint, "%s", fingerprint);
    memcpy(key->id, key->fingerprint, DEVICE_ID_LEN);
    key->id[DEVICE_ID_LEN] = '\0';
    return true;
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
    *out = (struct arrival){ .window = rows_int(rows, 0, "window_id") };
    return fill_key(&out->key, fingerprint, rows_text(rows, 0, "key"))
               ? RC_OK
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

// ---------------------------------------------------------------- claims

static json_t *named(const struct device_entry *entries, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        if (entries[i].skip)
            continue;
        json_t *o = json_object();
        add_int(o, "n", (int64_t)i);
        add_text(o, "id", entries[i].key.id);
        add_text(o, "fingerprint", entries[i].key.fingerprint);
        json_array_append_new(list, o);
    }
    return list;
}

static void fill(struct device_entry *e, const struct rows *r, int row)
{
    if (!e->key.spki_len)
        fill_key(&e->key, rows_text(r, row, "fingerprint"), rows_text(r, row, "key"));
    if (!e->window)
        e->window = rows_int(r, row, "window_id");
}

enum rc arrivals_fill(struct store *s, int32_t catalog, struct device_entry *entries, size_t count,
                      struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    json_auto_t *list = named(entries, count);
    auto_free char *text = json_dumps(list, JSON_COMPACT);

    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    const char *args[] = { ARG_INT(catalog), text };
    enum rc rc = store_run(s, &Q_ARRIVAL_KNOWN, args, &rows, f);
    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        fill(&entries[rows_int(rows, i, "n")], rows, i);
    return rc;
}

static json_t *claimed(const struct device_entry *entries, const struct device_touched *touched,
                       size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        if (entries[i].skip || !touched[i].changed)
            continue;
        json_t *o = json_object();
        add_text(o, "fingerprint", entries[i].key.fingerprint);
        add_int(o, "window_id", entries[i].window);
        json_array_append_new(list, o);
    }
    return list;
}

enum rc arrivals_settle(struct store *s, int32_t catalog, const struct device_entry *entries,
                        const struct device_touched *touched, size_t count, struct fault *f)
{
    json_auto_t *list = claimed(entries, touched, count);

    if (json_array_size(list) == 0)
        return RC_OK;
    auto_free char *text = json_dumps(list, JSON_COMPACT);
    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    return store_run(s, &Q_ARRIVAL_SETTLE, (const char *[]){ ARG_INT(catalog), text }, NULL, f);
}
