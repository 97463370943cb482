// SPDX-License-Identifier: Apache-2.0

#include "attest/reference_api.h"

#include <stdlib.h>

#include "attest/reference.h"
#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "core/number.h"

static handler list, add, drop;

#define VALUES "/api/v1/catalogs/{catalog}/reference-values"

const struct route reference_routes[] = {
    { "GET", VALUES, MAY_SEE_TRUST, list, 0 },
    { "POST", VALUES, MAY_CHANGE_TRUST, add, 0 },
    { "DELETE", VALUES "/{id}", MAY_CHANGE_TRUST, drop, 0 },
    { 0 },
};

DEFINE_AUTO(struct reference_list *, list_freep, reference_list_free)

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(list_freep) struct reference_list *found = NULL;
    int64_t after = 0;
    struct reference v;
    int limit;
    enum rc rc = req_numbered(q, &after, &limit, f);

    if (rc == RC_OK)
        rc = reference_page(q->store, q->catalog, after, limit + 1, &found, f);
    if (rc != RC_OK)
        return rc;
    json_t *items = json_array();
    for (int i = 0; i < reference_count(found) && i < limit; i++) {
        reference_at(found, i, &v);
        json_array_append_new(items, reference_to_json(&v));
    }
    return reply_numbered(q, r, items, reference_count(found) > limit ? v.id : 0);
}

static const struct field value_fields[] = {
    { TEXT(struct reference, component), REQUIRED, 1, REFERENCE_COMPONENT_MAX },
    { TEXT(struct reference, version), REQUIRED, 1, REFERENCE_VERSION_MAX },
    { TEXT(struct reference, sha256), REQUIRED, 64, 64 },
    { INT(struct reference, svn), OPTIONAL, 0, INT64_MAX },
    { TEXT(struct reference, source), OPTIONAL, 1, REFERENCE_SOURCE_MAX },
};

static enum rc read_value(json_t *body, const char *source, struct reference *out, struct fault *f)
{
    enum rc rc = BODY_READ(body, value_fields, out, f);

    if (!out->source)
        out->source = source;
    return rc == RC_OK ? reference_check(out, f) : rc;
}

struct batch {
    json_t *values;
};

static const struct field batch_fields[] = {
    { LIST(struct batch, values), REQUIRED, 1, REFERENCE_BATCH_MAX },
};

static enum rc read_values(json_t *values, const char *source, struct reference *out,
                           struct fault *f)
{
    struct fault why = { 0 };
    json_t *value;
    size_t i;

    json_array_foreach (values, i, value)
        if (read_value(value, source, &out[i], &why) != RC_OK)
            return fail(f, RC_INVALID, "values[%zu]: %.160s", i, why.text);
    return RC_OK;
}

// One value, or {"values":[…]}. Those that exist already are fine.
static enum rc add(struct req *q, struct reply *r, struct fault *f)
{
    struct batch b = { 0 };
    bool many = json_object_get(q->body, "values") != NULL;
    enum rc rc = many ? BODY_READ(q->body, batch_fields, &b, f) : RC_OK;
    size_t count = many ? json_array_size(b.values) : 1;
    int64_t added = 0;

    if (rc != RC_OK)
        return rc;
    auto_free struct reference *values = calloc(count, sizeof *values);
    if (!values)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = many ? read_values(b.values, q->who->name, values, f)
              : read_value(q->body, q->who->name, values, f);
    if (rc == RC_OK)
        rc = reference_add(q->store, q->catalog, values, count, &added, f);
    if (rc != RC_OK)
        return rc;
    r->no_audit = added == 0;
    r->audit_count = added;
    snprintf(r->object, sizeof r->object, "%.150s", count == 1 ? values->component : "values");
    json_t *o = json_object();
    add_int(o, "added", added);
    add_int(o, "already", (int64_t)count - added);
    return reply_json(r, added ? 201 : 200, o);
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    int64_t id;
    enum rc rc;

    if (!number_read(q->params[1], &id))
        return fail(f, RC_NOT_FOUND, "this catalog has no such reference value");
    rc = reference_drop(q->store, q->catalog, id, f);
    return rc == RC_OK ? reply_empty(r) : rc;
}
