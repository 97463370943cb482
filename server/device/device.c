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

#define PARTS_MAX  2
#define PREFIX_MAX DEVICE_NAME_MAX

// U+10FFFF, which no name holds: prefix + this lies behind all names with that prefix.
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

// A page with a prefix may come from two queries.
struct devices {
    struct rows *parts[PARTS_MAX];
    int count; // the queries may have found one more
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct devices *, devices_freep, devices_free)

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
    size_t part = 0;

    while (index >= rows_count(ds->parts[part]))
        index -= rows_count(ds->parts[part++]);
    from_row(ds->parts[part], index, out);
}

void devices_free(struct devices *ds)
{
    if (!ds)
        return;
    for (size_t i = 0; i < PARTS_MAX; i++)
        if (ds->parts[i])
            rows_free(ds->parts[i]);
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
    auto_with(devices_freep) struct devices *ds = calloc(1, sizeof *ds);
    enum rc rc;

    if (!device_id_valid(id))
        return not_here(f);
    if (!ds)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = store_run(s, &Q_DEVICE_BY_ID, (const char *[]){ ARG_INT(catalog), id }, &ds->parts[0], f);
    if (rc != RC_OK)
        return rc;
    ds->count = rows_count(ds->parts[0]);
    if (ds->count == 0)
        return not_here(f);
    *out = take(&ds);
    return RC_OK;
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

// ---------------------------------------------------------------- pages

struct page_query {
    struct store *s;
    int32_t catalog;
    const struct device_filter *filter;
    int limit;
    struct devices *found;
    char *next; // DEVICE_CURSOR_LEN
};

static enum rc foreign_cursor(struct fault *f)
{
    return fail(f, RC_INVALID, "cursor is not from this list: start again without it");
}

static int64_t last_device(const struct devices *ds, int part, int row)
{
    return rows_int(ds->parts[part], row, "device");
}

static enum rc run_by_age(const struct page_query *p, const char *after, struct fault *f)
{
    int lifecycle = p->filter->lifecycle, state = p->filter->state;
    const char *lifecycle_text = ARG_INT(lifecycle), *state_text = ARG_INT(state);
    const char *args[5] = { ARG_INT(p->catalog), after, ARG_INT(p->limit + 1) };
    const struct query *q = &Q_DEVICE_PAGE;

    if (lifecycle >= 0) {
        q = &Q_DEVICE_PAGE_LIFECYCLE;
        args[3] = lifecycle_text;
        args[4] = state >= 0 ? state_text : NULL;
    } else if (state == STATE_HEALTHY) {
        q = &Q_DEVICE_PAGE_HEALTHY;
    } else if (state >= 0) {
        q = &Q_DEVICE_PAGE_UNWELL;
        args[3] = state_text;
    }
    return store_run(p->s, q, args, &p->found->parts[0], f);
}

static enum rc page_by_age(const struct page_query *p, const char *cursor, struct fault *f)
{
    struct devices *found = p->found;
    int64_t after;

    if (*cursor && !number_read(cursor, &after))
        return foreign_cursor(f);
    enum rc rc = run_by_age(p, *cursor ? cursor : "0", f);
    if (rc != RC_OK)
        return rc;
    found->count = rows_count(found->parts[0]);
    if (found->count > p->limit) {
        found->count = p->limit;
        snprintf(p->next, DEVICE_CURSOR_LEN, "%" PRId64, last_device(found, 0, p->limit - 1));
    }
    return RC_OK;
}

// The range of ids that begin with prefix. Empty where no id can.
struct id_range {
    char from[DEVICE_ID_LEN + 1];
    char before[DEVICE_ID_LEN + 2];
};

static void id_range_of(const char *prefix, struct id_range *out)
{
    size_t len = strlen(prefix);

    *out = (struct id_range){ 0 };
    if (len > DEVICE_ID_LEN || strspn(prefix, "0123456789abcdefABCDEF") != len)
        return;
    for (size_t i = 0; i < len; i++)
        out->from[i] = (char)(prefix[i] | 0x20); // digits have that bit
    snprintf(out->before, sizeof out->before, "%sg", out->from);
}

// True if that filled the page.
static enum rc page_of_ids(const struct page_query *p, const struct id_range *ids,
                           const char *after, bool *full, struct fault *f)
{
    const struct device_filter *x = p->filter;
    const char *args[] = { ARG_INT(p->catalog),
                           ids->from,
                           ids->before,
                           ARG_INT(p->limit + 1),
                           x->lifecycle >= 0 ? ARG_INT(x->lifecycle) : NULL,
                           x->state >= 0 ? ARG_INT(x->state) : NULL,
                           after };
    enum rc rc = store_run(p->s, &Q_DEVICE_PAGE_IDS, args, &p->found->parts[0], f);

    if (rc != RC_OK)
        return rc;
    int n = rows_count(p->found->parts[0]);
    *full = n > p->limit;
    p->found->count = *full ? p->limit : n;
    if (*full)
        snprintf(p->next, DEVICE_CURSOR_LEN, "i%s",
                 rows_text(p->found->parts[0], p->limit - 1, "id"));
    return RC_OK;
}

static enum rc page_of_names(const struct page_query *p, const struct id_range *ids,
                             const char *after_name, const char *after, struct fault *f)
{
    const struct device_filter *x = p->filter;
    struct devices *found = p->found;
    int part = found->parts[0] ? 1 : 0, room = p->limit - found->count;
    char before[PREFIX_MAX + sizeof LAST_CHARACTER];
    const char *args[] = { ARG_INT(p->catalog),
                           after_name,
                           after,
                           before,
                           ARG_INT(room + 1),
                           x->lifecycle >= 0 ? ARG_INT(x->lifecycle) : NULL,
                           x->state >= 0 ? ARG_INT(x->state) : NULL,
                           ids->from,
                           ids->before };

    snprintf(before, sizeof before, "%s" LAST_CHARACTER, x->prefix);
    enum rc rc = store_run(p->s, &Q_DEVICE_PAGE_NAMES, args, &found->parts[part], f);
    if (rc != RC_OK)
        return rc;
    int n = rows_count(found->parts[part]);
    found->count += n > room ? room : n;
    if (n > room && room > 0)
        snprintf(p->next, DEVICE_CURSOR_LEN, "n%" PRId64 " %s", last_device(found, part, room - 1),
                 rows_text(found->parts[part], room - 1, "name"));
    else if (n > room)
        snprintf(p->next, DEVICE_CURSOR_LEN, "n%s %s", after, after_name);
    return RC_OK;
}

static enum rc page_by_prefix(const struct page_query *p, const char *cursor, struct fault *f)
{
    struct id_range ids;
    const char *name = p->filter->prefix;
    char after[24] = "-1";
    int64_t number;
    bool full = false;

    id_range_of(p->filter->prefix, &ids);
    if (*cursor == 'n') {
        size_t len = strcspn(++cursor, " ");
        if (len >= sizeof after || cursor[len] != ' ')
            return foreign_cursor(f);
        memcpy(after, cursor, len);
        after[len] = '\0';
        if (strcmp(after, "-1") != 0 && !number_read(after, &number))
            return foreign_cursor(f);
        name = cursor + len + 1;
    } else if (*ids.before) {
        enum rc rc = page_of_ids(p, &ids, *cursor ? cursor + 1 : "", &full, f);
        if (rc != RC_OK || full)
            return rc;
    }
    return page_of_names(p, &ids, name, after, f);
}

enum rc device_page(struct store *s, int32_t catalog, const struct device_filter *filter,
                    const char *cursor, int limit, struct devices **out,
                    char next[DEVICE_CURSOR_LEN], struct fault *f)
{
    auto_with(devices_freep) struct devices *found = calloc(1, sizeof *found);
    struct page_query p = { s, catalog, filter, limit, found, next };

    *next = '\0';
    if (!found)
        return fail(f, RC_INTERNAL, "out of memory");
    if (strlen(filter->prefix) > PREFIX_MAX)
        return fail(f, RC_INVALID, "q must be at most %d bytes long", PREFIX_MAX);
    enum rc rc = *filter->prefix ? page_by_prefix(&p, cursor, f) : page_by_age(&p, cursor, f);
    if (rc == RC_OK)
        *out = take(&found);
    return rc;
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

static enum rc tag_check(const char *name, json_t *value, struct fault *f)
{
    size_t len = strlen(name);

    if (len < 1 || len > TAG_NAME_MAX || has_control(name))
        return fail(f, RC_INVALID, "tags: a name must be 1 to %d bytes without control characters",
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
    return o;
}

static char *entries_text(const struct device_entry *entries, size_t count)
{
    json_auto_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        if (!entries[i].skip)
            json_array_append_new(list, entry_to_json(&entries[i], i));
    return json_dumps(list, JSON_COMPACT);
}

static enum rc run_entries(struct store *s, const struct query *q, int32_t catalog,
                           const struct device_entry *entries, size_t count, struct rows **out,
                           struct fault *f)
{
    auto_free char *text = entries_text(entries, count);

    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    return store_run(s, q, (const char *[]){ ARG_INT(catalog), text }, out, f);
}

enum rc device_add(struct store *s, int32_t catalog, const struct device_entry *entries,
                   size_t count, struct device_touched *touched, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = run_entries(s, &Q_DEVICE_ADD, catalog, entries, count, &rows, f);

    if (rc != RC_OK)
        return rc;
    memset(touched, 0, count * sizeof *touched);
    for (int row = 0; row < rows_count(rows); row++) {
        int64_t device = rows_int(rows, row, "device");

        for (size_t i = 0; i < count; i++)
            if (!entries[i].skip && entries[i].device == device)
                touched[i] = (struct device_touched){ .device = device, .changed = true };
    }
    return RC_OK;
}

enum rc device_claim(struct store *s, int32_t catalog, const struct device_entry *entries,
                     size_t count, struct device_touched *touched, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = run_entries(s, &Q_DEVICE_CLAIM, catalog, entries, count, &rows, f);

    if (rc != RC_OK)
        return rc;
    memset(touched, 0, count * sizeof *touched);
    for (int row = 0; row < rows_count(rows); row++) {
        struct device_touched *t = &touched[rows_int(rows, row, "n")];

        t->device = rows_int(rows, row, "device");
        t->changed = rows_bool(rows, row, "changed");
        t->lifecycle =
            t->changed ? DEVICE_CLAIMED : (enum device_lifecycle)rows_int(rows, row, "lifecycle");
        t->refused_before = rows_int(rows, row, "refused_before");
    }
    return RC_OK;
}

// A guarded change that touched nothing: gone, or in another state?
static enum rc why_not(struct store *s, int32_t catalog, const char *id, const char *conflict,
                       struct fault *f)
{
    int64_t device;
    enum rc rc = device_find(s, catalog, id, &device, f);

    return rc != RC_OK ? rc : fail(f, RC_CONFLICT, "%s", conflict);
}

enum rc device_unclaim(struct store *s, int32_t catalog, const char *id, struct device_touched *out,
                       struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc =
        store_run(s, &Q_DEVICE_UNCLAIM, (const char *[]){ ARG_INT(catalog), id }, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return why_not(s, catalog, id, "this device is not claimed", f);
    *out = (struct device_touched){
        .device = rows_int(rows, 0, "device"),
        .changed = true,
        .lifecycle = DEVICE_REGISTERED,
        .refused_before = rows_int(rows, 0, "refused_before"),
    };
    return RC_OK;
}

enum rc device_change(struct store *s, int32_t catalog, const char *id, int64_t version,
                      const char *name, const char *tags, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), id, ARG_INT(version), name, tags };
    enum rc rc = store_run(s, &Q_DEVICE_CHANGE, args, &rows, f);

    if (rc != RC_OK || rows_count(rows) > 0)
        return rc;
    return why_not(s, catalog, id, "the device changed meanwhile: read it again", f);
}
