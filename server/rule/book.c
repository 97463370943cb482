// SPDX-License-Identifier: Apache-2.0

#include "rule/book.h"

#include <math.h>
#include <string.h>

#include "alert/alert.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "rule_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define NOISY 20.0 // times a day; that is 63 of 100

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static void rule_donep(struct rule *r)
{
    rule_done(r);
}

// ---------------------------------------------------------------- reading

static enum rc read_stored(const char *text, struct rule *out, struct fault *f)
{
    return rule_read(text, strlen(text), out, NULL, f) == RC_OK
               ? RC_OK
               : fail(f, RC_INTERNAL, "a stored rule no longer reads");
}

int book_noise(double heat)
{
    return (int)lround(100 * (1 - exp(-heat / NOISY)));
}

static enum rc to_json(const struct rows *r, int row, json_t **out, struct fault *f)
{
    auto_with(rule_donep) struct rule rule = { 0 };
    enum rc rc = read_stored(rows_text(r, row, "text"), &rule, f);
    json_t *o;

    if (rc != RC_OK)
        return rc;
    o = json_object();
    add_id(o, "id", rows_int(r, row, "id"));
    add_text(o, "name", rows_text(r, row, "name"));
    add_text(o, "text", rows_text(r, row, "text"));
    add_json(o, "rule", rule_json(&rule));
    add_text(o, "severity", rule_severity_name(rule.severity));
    add_bool(o, "enabled", rows_bool(r, row, "enabled"));
    add_time(o, "enabledAt", rows_int(r, row, "enabled_at"));
    add_int(o, "firing", rows_int(r, row, "firing"));
    add_int(o, "fired", rows_int(r, row, "fired"));
    add_time(o, "firedAt", rows_int(r, row, "fired_at"));
    add_int(o, "noise", book_noise(rows_real(r, row, "heat")));
    add_time(o, "createdAt", rows_int(r, row, "created_at"));
    add_time(o, "changedAt", rows_int(r, row, "changed_at"));
    add_text(o, "changedBy", rows_text(r, row, "changed_by"));
    add_int(o, "version", rows_int(r, row, "version"));
    *out = o;
    return RC_OK;
}

static enum rc not_here(struct fault *f)
{
    return fail(f, RC_NOT_FOUND, "this catalog has no such rule");
}

enum rc book_page(struct store *s, int32_t catalog, int64_t after, int limit, json_t **out,
                  int64_t *next, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(after), ARG_INT(limit + 1) };
    json_auto_t *items = json_array();
    enum rc rc = store_run(s, &Q_RULE_PAGE, args, &rows, f);

    *next = 0;
    for (int i = 0; rc == RC_OK && i < rows_count(rows) && i < limit; i++) {
        json_t *one = NULL;

        rc = to_json(rows, i, &one, f);
        json_array_append_new(items, one);
        if (i + 1 == limit && rows_count(rows) > limit)
            *next = rows_int(rows, i, "id");
    }
    if (rc == RC_OK)
        *out = json_incref(items);
    return rc;
}

enum rc book_show(struct store *s, int32_t catalog, int64_t id, json_t **out, int64_t *version,
                  struct rule *rule, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(s, &Q_RULE_SHOW, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return not_here(f);
    if (version)
        *version = rows_int(rows, 0, "version");
    if (rule)
        rc = read_stored(rows_text(rows, 0, "text"), rule, f);
    return rc == RC_OK && out ? to_json(rows, 0, out, f) : rc;
}

// ---------------------------------------------------------------- writing

static enum rc text_of(const struct rule *r, char **out, struct fault *f)
{
    auto_free char *text = rule_print(r);

    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    if (strlen(text) > RULE_TEXT_MAX)
        return fail(f, RC_INVALID, "a rule has at most %d bytes", RULE_TEXT_MAX);
    *out = take(&text);
    return RC_OK;
}

static enum rc same_name(enum rc rc, struct fault *f)
{
    return rc == RC_CONFLICT ? fail(f, RC_CONFLICT, "there is a rule of that name already") : rc;
}

enum rc book_add(struct store *tx, int32_t catalog, const char *name, const struct rule *r,
                 const char *by, int64_t *id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_free char *text = NULL;
    enum rc rc = text_of(r, &text, f);
    const char *args[] = { ARG_INT(catalog), name, text, by, ARG_INT(RULES_MAX) };

    if (rc == RC_OK)
        rc = same_name(store_run(tx, &Q_RULE_ADD, args, &rows, f), f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_LIMIT, "this catalog has %d rules: delete some", RULES_MAX);
    *id = rows_int(rows, 0, "id");
    return RC_OK;
}

// What it said of anybody is no longer said.
static enum rc end_alerts(struct store *tx, int32_t catalog, int64_t id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(tx, &Q_RULE_FORGET, args, NULL, f);

    if (rc == RC_OK)
        rc = store_run(tx, &Q_RULE_CAUSES, args, &rows, f);
    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        rc = alert_clear(tx, catalog, rows_text(rows, i, "key"), NULL, 0, clock_now_ms(), f);
    return rc;
}

enum rc book_change(struct store *tx, int32_t catalog, int64_t id, int64_t version,
                    const struct book_change *c, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_free char *text = NULL;
    enum rc rc = c->rule ? text_of(c->rule, &text, f) : RC_OK;
    const char *enabled = !c->enabled ? NULL : *c->enabled ? "true" : "false";
    const char *args[] = { ARG_INT(catalog), ARG_INT(id), ARG_INT(version), c->name, text,
                           enabled,          c->by };

    if (rc == RC_OK)
        rc = same_name(store_run(tx, &Q_RULE_CHANGE, args, &rows, f), f);
    if (rc == RC_OK && rows_count(rows) == 0)
        return fail(f, RC_CONFLICT, "somebody else has changed this rule");
    return rc == RC_OK && (text || (c->enabled && !*c->enabled)) ? end_alerts(tx, catalog, id, f)
                                                                 : rc;
}

enum rc book_delete(struct store *tx, int32_t catalog, int64_t id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(tx, &Q_RULE_DELETE, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    return rows_count(rows) ? end_alerts(tx, catalog, id, f) : not_here(f);
}

// ---------------------------------------------------------------- for whom

// The numbers of what has that name, as texts.
static enum rc look_up(struct store *s, int32_t catalog, const char *what, const char *name,
                       bool strict, json_t *ids, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), name };
    enum rc rc =
        store_run(s, !strcmp(what, "product") ? &Q_RULE_PRODUCTS : &Q_RULE_GROUPS, args, &rows, f);

    if (rc == RC_OK && rows_count(rows) == 0 && strict)
        return fail(f, RC_INVALID, "this catalog has no %s '%.50s'", what, name);
    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        json_array_append_new(ids, json_string(rows_text(rows, i, "id")));
    // Nothing at all would mean any.
    if (rc == RC_OK && rows_count(rows) == 0)
        json_array_append_new(ids, json_string("2147483647"));
    return rc;
}

static enum rc resolve(struct store *s, int32_t catalog, json_t *params, const char *what,
                       bool strict, struct fault *f)
{
    json_t *names = json_object_get(params, what), *value;
    json_auto_t *ids = json_array();
    enum rc rc = RC_OK;
    size_t i;

    if (!names)
        return RC_OK;
    json_array_foreach (names, i, value) {
        const char *name = json_string_value(value);

        if (rc == RC_OK && !*name)
            json_array_append_new(ids, json_string(""));
        else if (rc == RC_OK)
            rc = look_up(s, catalog, what, name, strict, ids, f);
    }
    if (rc == RC_OK)
        json_object_set(params, what, ids);
    return rc;
}

enum rc book_filter(struct store *s, int32_t catalog, const struct rule *r, bool strict,
                    struct device_filter *out, struct fault *f)
{
    json_auto_t *params = r->where ? json_copy(r->where) : json_object();
    enum rc rc = resolve(s, catalog, params, "product", strict, f);

    if (rc == RC_OK)
        rc = resolve(s, catalog, params, "group", strict, f);
    return rc == RC_OK ? device_filter_from(params, catalog, out, f) : rc;
}

enum rc book_keys(struct store *s, int32_t catalog, const struct rule *r, int64_t *devices,
                  int64_t *keys, struct fault *f)
{
    static const char *const columns[] = {
        [RULE_BY_DEVICE] = "devices",
        [RULE_BY_GROUP] = "groups",
        [RULE_BY_PRODUCT] = "products",
        [RULE_BY_SITE] = "sites",
    };
    auto_with(rows_freep) struct rows *rows = NULL;
    struct device_filter filter = { 0 };
    enum rc rc = book_filter(s, catalog, r, true, &filter, f);

    if (rc == RC_OK)
        rc = store_run(s, &Q_RULE_KEYS, (const char *[]){ filter.row }, &rows, f);
    device_filter_done(&filter);
    if (rc != RC_OK)
        return rc;
    *devices = rows_int(rows, 0, "devices");
    *keys = rows_int(rows, 0, columns[r->by]);
    if (*keys > RULE_KEYS_MAX)
        return fail(f, RC_INVALID,
                    "this rule would look at %lld %ss one by one, more than %d: narrow it with "
                    "'where', or group it",
                    (long long)*keys, rule_by_name(r->by), RULE_KEYS_MAX);
    return RC_OK;
}
