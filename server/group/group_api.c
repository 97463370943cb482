// SPDX-License-Identifier: Apache-2.0

#include "group/group_api.h"

#include <inttypes.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "core/number.h"
#include "device/tally.h"
#include "group/group.h"
#include "journal/journal.h"
#include "product/product.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static handler list, show, make, make_defaults, change, drop;

#define CATALOG "/api/v1/catalogs/{catalog}"
#define GROUPS  CATALOG "/device-groups"

const struct route group_routes[] = {
    { "GET", GROUPS, MAY_SEE_DEVICES, list, 0 },
    { "POST", GROUPS, MAY_CHANGE_DEVICES, make, 0 },
    { "GET", GROUPS "/{id}", MAY_SEE_DEVICES, show, 0 },
    { "PATCH", GROUPS "/{id}", MAY_CHANGE_DEVICES, change, ROUTE_IF_MATCH },
    { "DELETE", GROUPS "/{id}", MAY_CHANGE_DEVICES, drop, ROUTE_IF_MATCH },
    { "POST", CATALOG "/products/{id}/default-groups", MAY_CHANGE_DEVICES, make_defaults, 0 },
    { 0 },
};

static json_t *level_to_json(const struct group *g)
{
    json_t *o = g->log_until ? json_object() : NULL;

    if (!o)
        return json_null();
    add_text(o, "level", journal_level_name((enum journal_level)g->log_level));
    add_time(o, "until", g->log_until);
    return o;
}

static json_t *to_json(const struct group *g)
{
    json_t *o = json_object(), *product = json_object();

    add_id(product, "id", g->product);
    add_text(product, "name", g->product_name);
    add_id(o, "id", g->id);
    add_json(o, "product", product);
    add_text(o, "name", g->name);
    add_text(o, "description", g->description);
    add_text(o, "osFeed", g->os_feed);
    add_text(o, "updatePolicy", g->update_policy);
    add_bool(o, "crashDumps", g->crash_dumps);
    add_text(o, "regionalBoundary", g->regional_boundary);
    add_json(o, "logLevel", level_to_json(g));
    tally_add(o, g->counts);
    add_int(o, "version", g->version);
    add_time(o, "createdAt", g->created_at);
    return o;
}

// A page of rows, of which one may be beyond it.
static json_t *page_to_json(const struct rows *rows, int limit, int64_t *next)
{
    json_t *items = json_array();
    struct group g;

    for (int i = 0; i < rows_count(rows) && i < limit; i++) {
        group_at(rows, i, &g);
        json_array_append_new(items, to_json(&g));
        if (i + 1 == limit && rows_count(rows) > limit)
            *next = g.id;
    }
    return items;
}

// ?product=, 0 without it.
static enum rc read_product(const struct req *q, int32_t *out, struct fault *f)
{
    char text[24];

    *out = 0;
    if (!req_query(q, "product", text, sizeof text) || number_id(text, out))
        return RC_OK;
    return fail(f, RC_INVALID, "product must be the id of a product");
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int64_t after = 0, next = 0;
    int32_t product;
    int limit;
    enum rc rc = req_numbered(q, &after, &limit, f);

    if (rc == RC_OK)
        rc = read_product(q, &product, f);
    if (rc == RC_OK)
        rc = group_page(q->store, q->catalog, product, (int32_t)after, limit + 1, &rows, f);
    if (rc != RC_OK)
        return rc;
    json_t *items = page_to_json(rows, limit, &next);
    return reply_numbered(q, r, items, next);
}

static enum rc answer(struct req *q, struct reply *r, int status, const char *id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct group g;
    enum rc rc = group_load(q->store, q->catalog, id, &rows, f);

    if (rc != RC_OK)
        return rc;
    group_at(rows, 0, &g);
    snprintf(r->etag, sizeof r->etag, "%" PRId64, g.version);
    return reply_json(r, status, to_json(&g));
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    return answer(q, r, 200, q->params[1], f);
}

// ---------------------------------------------------------------- changes

struct group_body {
    const char *product;
    const char *name;
    const char *description;
    const char *os_feed;
    const char *update_policy;
    const char *regional_boundary;
    bool crash_dumps;
};

static const struct field new_fields[] = {
    { TEXT(struct group_body, product), REQUIRED, 1, 20 },
    { TEXT(struct group_body, name), REQUIRED, 1, 4 * PRODUCT_NAME_MAX },
    { TEXT(struct group_body, description), OPTIONAL, 0, PRODUCT_DESCRIPTION_MAX },
    { TEXT_AS(struct group_body, os_feed, "osFeed"), OPTIONAL, 1, 40 },
    { TEXT_AS(struct group_body, update_policy, "updatePolicy"), OPTIONAL, 1, 40 },
    { TEXT_AS(struct group_body, regional_boundary, "regionalBoundary"), OPTIONAL, 1, 40 },
    { BOOL_AS(struct group_body, crash_dumps, "crashDumps"), OPTIONAL, 0, 0 },
};

static const struct field change_fields[] = {
    { TEXT(struct group_body, name), OPTIONAL, 1, 4 * PRODUCT_NAME_MAX },
    { TEXT(struct group_body, description), OPTIONAL, 0, PRODUCT_DESCRIPTION_MAX },
    { TEXT_AS(struct group_body, os_feed, "osFeed"), OPTIONAL, 1, 40 },
    { TEXT_AS(struct group_body, update_policy, "updatePolicy"), OPTIONAL, 1, 40 },
    { TEXT_AS(struct group_body, regional_boundary, "regionalBoundary"), OPTIONAL, 1, 40 },
    { BOOL_AS(struct group_body, crash_dumps, "crashDumps"), OPTIONAL, 0, 0 },
};

static void take_over(struct group *g, const struct group_body *b)
{
    g->name = b->name;
    g->description = b->description;
    g->os_feed = b->os_feed;
    g->update_policy = b->update_policy;
    g->regional_boundary = b->regional_boundary;
    g->crash_dumps = b->crash_dumps;
}

static enum rc find_product(struct req *q, const char *id, struct product *out, struct rows **rows,
                            struct fault *f)
{
    enum rc rc = product_load(q->store, q->catalog, id, rows, f);

    if (rc == RC_OK)
        product_at(*rows, 0, out);
    return rc;
}

static enum rc read_new(struct req *q, struct group *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct group_body b = { .description = "",
                            .os_feed = "retail",
                            .update_policy = "updateAll",
                            .regional_boundary = "none" };
    struct product p = { 0 };
    enum rc rc = BODY_READ(q->body, new_fields, &b, f);

    if (rc == RC_OK && find_product(q, b.product, &p, &rows, f) != RC_OK)
        rc = f->rc == RC_NOT_FOUND
                 ? fail(f, RC_INVALID, "product: this catalog has no such product")
                 : f->rc;
    take_over(out, &b);
    out->product = p.id;
    return rc == RC_OK ? group_check(out, f) : rc;
}

static enum rc make(struct req *q, struct reply *r, struct fault *f)
{
    struct group g = { 0 };
    char text[16];
    int32_t id = 0;
    enum rc rc = read_new(q, &g, f);

    if (rc == RC_OK)
        rc = group_add(q->store, q->catalog, &g, &id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(text, sizeof text, "%" PRId32, id);
    snprintf(r->object, sizeof r->object, "group %s", text);
    snprintf(r->detail, sizeof r->detail, "%s", g.name);
    snprintf(r->location, sizeof r->location, "/api/v1/catalogs/%s/device-groups/%s",
             q->catalog_name, text);
    return answer(q, r, 201, text, f);
}

// All groups of the product, those made before too.
static enum rc make_defaults(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *found = NULL, *rows = NULL;
    int64_t next = 0;
    struct product p;
    int made = 0;
    enum rc rc = find_product(q, q->params[1], &p, &found, f);

    if (rc == RC_OK)
        rc = group_add_defaults(q->store, q->catalog, p.id, &made, f);
    if (rc == RC_OK)
        rc = group_page(q->store, q->catalog, p.id, 0, MAX_LIMIT, &rows, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "product %" PRId32, p.id);
    snprintf(r->detail, sizeof r->detail, "%d default groups made", made);
    r->audit_count = made;
    r->no_audit = made == 0;
    json_t *o = json_object();
    add_json(o, "items", page_to_json(rows, MAX_LIMIT, &next));
    add_int(o, "made", made);
    return reply_json(r, 200, o);
}

// The group as the caller has seen it; rows hold its texts.
static enum rc load_seen(struct req *q, struct reply *r, struct rows **rows, struct group *out,
                         struct fault *f)
{
    enum rc rc = group_load(q->store, q->catalog, q->params[1], rows, f);

    if (rc != RC_OK)
        return rc;
    group_at(*rows, 0, out);
    snprintf(r->object, sizeof r->object, "group %" PRId32, out->id);
    snprintf(r->detail, sizeof r->detail, "%s / %s", out->product_name, out->name);
    return req_match(q, r, out->version, "device group", f);
}

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct group g;
    enum rc rc = load_seen(q, r, &rows, &g, f);

    if (rc != RC_OK)
        return rc;
    struct group_body b = { .name = g.name,
                            .description = g.description,
                            .os_feed = g.os_feed,
                            .update_policy = g.update_policy,
                            .regional_boundary = g.regional_boundary,
                            .crash_dumps = g.crash_dumps };
    rc = BODY_READ(q->body, change_fields, &b, f);
    take_over(&g, &b);
    if (rc == RC_OK)
        rc = group_check(&g, f);
    if (rc == RC_OK)
        rc = group_change(q->store, q->catalog, &g, &r->stale, f);
    return rc == RC_OK ? answer(q, r, 200, q->params[1], f) : rc;
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct group g;
    enum rc rc = load_seen(q, r, &rows, &g, f);

    if (rc == RC_OK)
        rc = group_drop(q->store, q->catalog, &g, &r->stale, f);
    return rc == RC_OK ? reply_empty(r) : rc;
}
