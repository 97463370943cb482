// SPDX-License-Identifier: Apache-2.0

#include "attest/reference.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "reference_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define SHA256_HEX 64

struct reference_list {
    struct rows *rows;
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct reference_list *, list_freep, reference_list_free)

static enum rc check_text(const char *field, const char *text, size_t max, struct fault *f)
{
    if (!text || !*text || strlen(text) > max)
        return fail(f, RC_INVALID, "%s must be 1 to %zu bytes long", field, max);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return fail(f, RC_INVALID, "%s must not contain control characters", field);
    return RC_OK;
}

enum rc reference_check(const struct reference *v, struct fault *f)
{
    enum rc rc = check_text("component", v->component, REFERENCE_COMPONENT_MAX, f);

    if (rc == RC_OK)
        rc = check_text("version", v->version, REFERENCE_VERSION_MAX, f);
    if (rc == RC_OK)
        rc = check_text("source", v->source, REFERENCE_SOURCE_MAX, f);
    if (rc != RC_OK)
        return rc;
    if (!v->sha256 || strlen(v->sha256) != SHA256_HEX ||
        strspn(v->sha256, "0123456789abcdef") != SHA256_HEX)
        return fail(f, RC_INVALID, "sha256 must be %d lowercase hex digits", SHA256_HEX);
    return v->svn >= 0 ? RC_OK : fail(f, RC_INVALID, "svn must not be negative");
}

json_t *reference_to_json(const struct reference *v)
{
    json_t *o = json_object();

    add_id(o, "id", v->id);
    add_text(o, "component", v->component);
    add_text(o, "version", v->version);
    add_text(o, "sha256", v->sha256);
    add_int(o, "svn", v->svn);
    add_text(o, "source", v->source);
    add_time(o, "createdAt", v->created_at);
    return o;
}

static char *values_text(const struct reference *values, size_t count)
{
    json_auto_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, reference_to_json(&values[i]));
    return json_dumps(list, JSON_COMPACT);
}

enum rc reference_add(struct store *s, int32_t catalog, const struct reference *values,
                      size_t count, int64_t *added, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < count && rc == RC_OK; i++)
        rc = reference_check(&values[i], f);
    if (rc != RC_OK)
        return rc;
    auto_free char *text = values_text(values, count);
    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = store_run(s, &Q_REFERENCE_ADD, (const char *[]){ ARG_INT(catalog), text }, &rows, f);
    if (rc == RC_OK && added)
        *added = rows_count(rows);
    return rc;
}

enum rc reference_drop(struct store *s, int32_t catalog, int64_t id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(s, &Q_REFERENCE_DROP, args, &rows, f);

    if (rc != RC_OK || rows_count(rows) > 0)
        return rc;
    return fail(f, RC_NOT_FOUND, "this catalog has no such reference value");
}

static enum rc run_list(struct store *s, const struct query *q, const char *const *args,
                        struct reference_list **out, struct fault *f)
{
    auto_with(list_freep) struct reference_list *l = calloc(1, sizeof *l);

    if (!l)
        return fail(f, RC_INTERNAL, "out of memory");
    enum rc rc = store_run(s, q, args, &l->rows, f);
    if (rc == RC_OK)
        *out = take(&l);
    return rc;
}

enum rc reference_page(struct store *s, int32_t catalog, int64_t after, int limit,
                       struct reference_list **out, struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(after), ARG_INT(limit) };

    return run_list(s, &Q_REFERENCE_PAGE, args, out, f);
}

enum rc reference_of(struct store *s, int32_t catalog, const char *const *components, size_t count,
                     struct reference_list **out, struct fault *f)
{
    json_auto_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(components[i]));
    auto_free char *text = json_dumps(list, JSON_COMPACT);
    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    return run_list(s, &Q_REFERENCE_OF, (const char *[]){ ARG_INT(catalog), text }, out, f);
}

int reference_count(const struct reference_list *l)
{
    return rows_count(l->rows);
}

void reference_at(const struct reference_list *l, int index, struct reference *out)
{
    *out = (struct reference){
        .id = rows_int(l->rows, index, "id"),
        .component = rows_text(l->rows, index, "component"),
        .version = rows_text(l->rows, index, "version"),
        .sha256 = rows_text(l->rows, index, "sha256"),
        .svn = rows_int(l->rows, index, "svn"),
        .source = rows_text(l->rows, index, "source"),
        .created_at = rows_int(l->rows, index, "created_at"),
    };
}

bool reference_find(const struct reference_list *l, const char *component, const char *sha256,
                    struct reference *out, bool *known)
{
    struct reference v;
    bool any = false, found = false;

    for (int i = 0; i < reference_count(l) && !found; i++) {
        reference_at(l, i, &v);
        if (strcmp(v.component, component) != 0)
            continue;
        any = true;
        found = !strcmp(v.sha256, sha256);
    }
    if (found)
        *out = v;
    if (known)
        *known = any;
    return found;
}

void reference_list_free(struct reference_list *l)
{
    if (!l)
        return;
    if (l->rows)
        rows_free(l->rows);
    free(l);
}
