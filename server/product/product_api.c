// SPDX-License-Identifier: Apache-2.0

#include "product/product_api.h"

#include <inttypes.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "device/tally.h"
#include "product/product.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static handler list, show, make, change, drop;

#define PRODUCTS "/api/v1/catalogs/{catalog}/products"

const struct route product_routes[] = {
    { "GET", PRODUCTS, MAY_SEE_DEVICES, list, 0 },
    { "POST", PRODUCTS, MAY_CHANGE_DEVICES, make, 0 },
    { "GET", PRODUCTS "/{id}", MAY_SEE_DEVICES, show, 0 },
    { "PATCH", PRODUCTS "/{id}", MAY_CHANGE_DEVICES, change, ROUTE_IF_MATCH },
    { "DELETE", PRODUCTS "/{id}", MAY_CHANGE_DEVICES, drop, ROUTE_IF_MATCH },
    { 0 },
};

static json_t *to_json(const struct product *p)
{
    json_t *o = json_object();

    add_id(o, "id", p->id);
    add_text(o, "name", p->name);
    add_text(o, "description", p->description);
    add_int(o, "groups", p->groups);
    tally_add(o, p->counts);
    add_int(o, "version", p->version);
    add_time(o, "createdAt", p->created_at);
    return o;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int64_t after = 0, next = 0;
    struct product p;
    int limit;
    enum rc rc = req_numbered(q, &after, &limit, f);

    if (rc == RC_OK)
        rc = product_page(q->store, q->catalog, (int32_t)after, limit + 1, &rows, f);
    if (rc != RC_OK)
        return rc;
    json_t *items = json_array();
    for (int i = 0; i < rows_count(rows) && i < limit; i++) {
        product_at(rows, i, &p);
        json_array_append_new(items, to_json(&p));
        if (i + 1 == limit && rows_count(rows) > limit)
            next = p.id;
    }
    return reply_numbered(q, r, items, next);
}

static enum rc answer(struct req *q, struct reply *r, int status, const char *id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct product p;
    enum rc rc = product_load(q->store, q->catalog, id, &rows, f);

    if (rc != RC_OK)
        return rc;
    product_at(rows, 0, &p);
    snprintf(r->etag, sizeof r->etag, "%" PRId64, p.version);
    return reply_json(r, status, to_json(&p));
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    return answer(q, r, 200, q->params[1], f);
}

struct product_body {
    const char *name;
    const char *description;
};

// Bytes; characters are counted afterwards.
static const struct field new_fields[] = {
    { TEXT(struct product_body, name), REQUIRED, 1, 4 * PRODUCT_NAME_MAX },
    { TEXT(struct product_body, description), OPTIONAL, 0, PRODUCT_DESCRIPTION_MAX },
};

static const struct field change_fields[] = {
    { TEXT(struct product_body, name), OPTIONAL, 1, 4 * PRODUCT_NAME_MAX },
    { TEXT(struct product_body, description), OPTIONAL, 0, PRODUCT_DESCRIPTION_MAX },
};

static enum rc make(struct req *q, struct reply *r, struct fault *f)
{
    struct product_body b = { .description = "" };
    char text[16];
    int32_t id = 0;
    enum rc rc = BODY_READ(q->body, new_fields, &b, f);

    if (rc == RC_OK)
        rc = product_name_check(b.name, f);
    if (rc == RC_OK)
        rc = product_add(q->store, q->catalog, b.name, b.description, &id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(text, sizeof text, "%" PRId32, id);
    snprintf(r->object, sizeof r->object, "product %s", text);
    snprintf(r->detail, sizeof r->detail, "%s", b.name);
    snprintf(r->location, sizeof r->location, "/api/v1/catalogs/%s/products/%s", q->catalog_name,
             text);
    return answer(q, r, 201, text, f);
}

// The product as the caller has seen it; rows hold its texts.
static enum rc load_seen(struct req *q, struct reply *r, struct rows **rows, struct product *out,
                         struct fault *f)
{
    enum rc rc = product_load(q->store, q->catalog, q->params[1], rows, f);

    if (rc != RC_OK)
        return rc;
    product_at(*rows, 0, out);
    snprintf(r->object, sizeof r->object, "product %" PRId32, out->id);
    snprintf(r->detail, sizeof r->detail, "%s", out->name);
    return req_match(q, r, out->version, "product", f);
}

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct product p;
    enum rc rc = load_seen(q, r, &rows, &p, f);

    if (rc != RC_OK)
        return rc;
    struct product_body b = { p.name, p.description };
    rc = BODY_READ(q->body, change_fields, &b, f);
    if (rc == RC_OK)
        rc = product_name_check(b.name, f);
    p.name = b.name;
    p.description = b.description;
    if (rc == RC_OK)
        rc = product_change(q->store, q->catalog, &p, &r->stale, f);
    return rc == RC_OK ? answer(q, r, 200, q->params[1], f) : rc;
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct product p;
    enum rc rc = load_seen(q, r, &rows, &p, f);

    if (rc == RC_OK)
        rc = product_drop(q->store, q->catalog, &p, &r->stale, f);
    return rc == RC_OK ? reply_empty(r) : rc;
}
