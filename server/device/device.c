// SPDX-License-Identifier: Apache-2.0

#include "device/device.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "core/number.h"
#include "device_sql.h"
#include "store/arg.h"
#include "store/store.h"

// U+10FFFF, which no name holds: prefix + this lies behind all names with that prefix.
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

struct devices {
    struct rows *rows;
    int count; // the query may have found one more
    bool backwards;
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

int devices_count(const struct devices *ds)
{
    return ds->count;
}

static void from_row(const struct rows *r, int row, struct device *out)
{
    *out = (struct device){
        .device = rows_int(r, row, "device"),
        .id = rows_text(r, row, "id"),
        .fingerprint = rows_text(r, row, "fingerprint"),
        .name = rows_text(r, row, "name"),
        .tags = rows_text(r, row, "tags"),
        .lifecycle = (enum device_lifecycle)rows_int(r, row, "lifecycle"),
        .state = (enum device_state)rows_int(r, row, "state"),
        .state_reason = rows_text(r, row, "reason"),
        .state_since = rows_int(r, row, "state_since"),
        .online = rows_bool(r, row, "online"),
        .last_seen = rows_int(r, row, "last_seen"),
        .created_at = rows_int(r, row, "created_at"),
        .claimed_at = rows_int(r, row, "claimed_at"),
        .verdict = (enum verdict)rows_int(r, row, "verdict"),
        .attested_at = rows_int(r, row, "attested_at"),
        .os_version = rows_text(r, row, "os_version"),
        .attested_version = rows_text(r, row, "attested_version"),
        .network = rows_text(r, row, "network"),
        .group = rows_int(r, row, "group_id"),
        .group_name = rows_text(r, row, "group_name"),
        .product = rows_int(r, row, "product_id"),
        .product_name = rows_text(r, row, "product_name"),
        .note = rows_text(r, row, "note"),
        .seat = rows_int(r, row, "seat"),
        .by_hand = rows_text(r, row, "by_hand") != NULL,
        .model = rows_text(r, row, "hw_model"),
        .cert_serial = rows_text(r, row, "cert_serial"),
        .cert_kind = (int)rows_int(r, row, "cert_kind"),
        .cert_not_before = rows_int(r, row, "cert_not_before"),
        .cert_not_after = rows_int(r, row, "cert_not_after"),
        .version = rows_int(r, row, "version"),
    };
}

void devices_at(const struct devices *ds, int index, struct device *out)
{
    from_row(ds->rows, ds->backwards ? ds->count - 1 - index : index, out);
}

struct devices *devices_of(struct rows *rows, int count, bool backwards)
{
    struct devices *ds = calloc(1, sizeof *ds);

    if (ds)
        *ds = (struct devices){ rows, count, backwards };
    else
        rows_free(rows);
    return ds;
}

void devices_free(struct devices *ds)
{
    if (!ds)
        return;
    rows_free(ds->rows);
    free(ds);
}

int64_t device_mint(void)
{
    static _Atomic int64_t last;
    int64_t before = atomic_load(&last), next;

    do {
        int64_t now = clock_now_ms() << 20;
        next = now > before ? now : before + 1;
    } while (!atomic_compare_exchange_weak(&last, &before, next));
    return next;
}

static enum rc not_here(struct fault *f)
{
    return fail(f, RC_NOT_FOUND, "this catalog has no such device");
}

enum rc device_load(struct store *s, int32_t catalog, const char *id, struct devices **out,
                    struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc;

    if (!device_id_valid(id))
        return not_here(f);
    rc = store_run(s, &Q_DEVICE_BY_ID, (const char *[]){ ARG_INT(catalog), id }, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return not_here(f);
    *out = devices_of(take(&rows), 1, false);
    return *out ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

enum rc device_count(struct store *s, int32_t catalog, int64_t out[STATE_COUNT], struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(s, &Q_DEVICE_COUNTS, (const char *[]){ ARG_INT(catalog) }, &rows, f);

    if (rc != RC_OK)
        return rc;
    memset(out, 0, STATE_COUNT * sizeof *out);
    for (int i = 0; i < rows_count(rows); i++) {
        int64_t state = rows_int(rows, i, "state");
        if (state >= 0 && state < STATE_COUNT)
            out[state] = rows_int(rows, i, "n");
    }
    return RC_OK;
}

enum rc device_count_fold(struct store *s, struct fault *f)
{
    enum rc rc = store_run(s, &Q_DEVICE_COUNT_FOLD, NULL, NULL, f);

    return rc == RC_OK ? store_run(s, &Q_DEVICE_KIND_FOLD, NULL, NULL, f) : rc;
}

enum rc device_find(struct store *s, int32_t catalog, const char *id, int64_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc;

    if (!device_id_valid(id))
        return not_here(f);
    rc = store_run(s, &Q_DEVICE_NUMBER, (const char *[]){ ARG_INT(catalog), id }, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return not_here(f);
    *out = rows_int(rows, 0, "device");
    return RC_OK;
}

// ---------------------------------------------------------------- changes

static bool has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return true;
    return false;
}

enum rc device_name_check(const char *name, struct fault *f)
{
    size_t len = strlen(name);

    if (len < 1 || len > DEVICE_NAME_MAX)
        return fail(f, RC_INVALID, "name must be 1 to %d bytes long", DEVICE_NAME_MAX);
    if (has_control(name) || strstr(name, LAST_CHARACTER))
        return fail(f, RC_INVALID, "name must not contain control characters");
    return RC_OK;
}

enum rc device_note_check(const char *note, struct fault *f)
{
    size_t characters = 0;

    for (const unsigned char *p = (const unsigned char *)note; *p; p++) {
        if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
            return fail(f, RC_INVALID, "note must not contain control characters");
        characters += (*p & 0xc0) != 0x80;
    }
    if (characters > DEVICE_NOTE_MAX)
        return fail(f, RC_INVALID, "note must be at most %d characters long", DEVICE_NOTE_MAX);
    return RC_OK;
}

static enum rc tag_check(const char *name, json_t *value, struct fault *f)
{
    size_t len = strlen(name);

    if (len < 1 || len > TAG_NAME_MAX || has_control(name) || strchr(name, ':'))
        return fail(f, RC_INVALID,
                    "tags: a name must be 1 to %d bytes without control characters and ':'",
                    TAG_NAME_MAX);
    if (!json_is_string(value))
        return fail(f, RC_INVALID, "tags: %s must be a string", name);
    if (json_string_length(value) > TAG_VALUE_MAX || has_control(json_string_value(value)))
        return fail(f, RC_INVALID, "tags: %s must be at most %d bytes without control characters",
                    name, TAG_VALUE_MAX);
    return RC_OK;
}

enum rc device_tags_check(json_t *tags, struct fault *f)
{
    const char *name;
    json_t *value;

    if (!json_is_object(tags))
        return fail(f, RC_INVALID, "tags must be an object of strings");
    if (json_object_size(tags) > DEVICE_TAGS_MAX)
        return fail(f, RC_INVALID, "tags: a device has at most %d", DEVICE_TAGS_MAX);
    json_object_foreach (tags, name, value) {
        enum rc rc = tag_check(name, value, f);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static json_t *entry_to_json(const struct device_entry *e, size_t n)
{
    char key[2 * sizeof e->key.spki + 1];
    json_t *o = json_object();

    hex_encode(e->key.spki, e->key.spki_len, key);
    add_int(o, "n", (int64_t)n);
    add_int(o, "device", e->device);
    add_text(o, "id", e->key.id);
    add_text(o, "fingerprint", e->key.fingerprint);
    add_text(o, "key", key);
    add_text(o, "name", e->name);
    json_object_set(o, "tags", e->tags ? e->tags : json_null());
    if (e->group)
        add_int(o, "device_group", e->group);
    if (e->window)
        add_int(o, "window_id", e->window);
    return o;
}

// Those that are neither skipped nor done or refused already.
static json_t *entries_to_json(const struct device_entry *entries, size_t count,
                               const struct device_touched *done)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        if (!entries[i].skip && !done[i].added && !done[i].full)
            json_array_append_new(list, entry_to_json(&entries[i], i));
    return list;
}

static void read_added(const struct rows *rows, int row, enum device_lifecycle as,
                       struct device_touched *out)
{
    bool full = rows_bool(rows, row, "full");

    *out = (struct device_touched){ .device = rows_int(rows, row, "device"),
                                    .changed = !full,
                                    .added = !full,
                                    .full = full,
                                    .lifecycle = as };
}

enum rc device_add(struct store *s, int32_t catalog, enum device_lifecycle as,
                   const struct device_entry *entries, size_t count, struct device_touched *touched,
                   struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc;

    memset(touched, 0, count * sizeof *touched);
    json_auto_t *list = entries_to_json(entries, count, touched);
    auto_free char *text = json_dumps(list, JSON_COMPACT);
    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = store_run(s, &Q_DEVICE_ADD, (const char *[]){ ARG_INT(catalog), text, ARG_INT(as) }, &rows,
                   f);
    if (rc != RC_OK)
        return rc;
    for (int row = 0; row < rows_count(rows); row++)
        read_added(rows, row, as, &touched[rows_int(rows, row, "n")]);
    return RC_OK;
}

static void read_claimed(const struct rows *rows, int row, struct device_touched *out)
{
    *out = (struct device_touched){
        .device = rows_int(rows, row, "device"),
        .changed = rows_bool(rows, row, "changed"),
        .other_key = !rows_bool(rows, row, "same"),
        .full = rows_bool(rows, row, "full"),
        .lifecycle = (enum device_lifecycle)rows_int(rows, row, "lifecycle"),
        .refused_before = rows_int(rows, row, "refused_before"),
    };
    if (out->changed)
        out->lifecycle = DEVICE_CLAIMED;
}

enum rc device_claim(struct store *s, int32_t catalog, const struct device_entry *entries,
                     size_t count, struct device_touched *touched, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    json_auto_t *list = entries_to_json(entries, count, touched);
    enum rc rc;

    if (json_array_size(list) == 0)
        return RC_OK;
    auto_free char *text = json_dumps(list, JSON_COMPACT);
    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = store_run(s, &Q_DEVICE_CLAIM, (const char *[]){ ARG_INT(catalog), text }, &rows, f);
    for (int row = 0; rc == RC_OK && row < rows_count(rows); row++)
        read_claimed(rows, row, &touched[rows_int(rows, row, "n")]);
    return rc;
}

enum rc device_learn_key(struct store *s, int32_t catalog, int64_t device, const uint8_t *spki,
                         size_t len, struct fault *f)
{
    char key[2 * sizeof((struct device_key){ 0 }.spki) + 1];

    if (len > sizeof key / 2)
        return fail(f, RC_INVALID, "the key is too long for a P-256 key");
    hex_encode(spki, len, key);
    return store_run(s, &Q_DEVICE_LEARN_KEY,
                     (const char *[]){ ARG_INT(catalog), ARG_INT(device), key }, NULL, f);
}

enum rc device_change(struct store *s, int32_t catalog, const char *id, int64_t version,
                      const struct device_edit *edit, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), id,         ARG_INT(version),
                           edit->name,       edit->tags, edit->group ? ARG_INT(edit->group) : NULL,
                           edit->note };
    int64_t device;
    enum rc rc = store_run(s, &Q_DEVICE_CHANGE, args, &rows, f);

    // The one thing that it refers to.
    if (rc == RC_CONFLICT)
        return fail(f, RC_INVALID, "group: this catalog has no such device group");
    if (rc != RC_OK || rows_count(rows) > 0)
        return rc;
    rc = device_find(s, catalog, id, &device, f);
    return rc == RC_OK ? fail(f, RC_CONFLICT, "the device changed meanwhile: read it again") : rc;
}
