// SPDX-License-Identifier: Apache-2.0

#include "view/view_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/body.h"
#include "core/number.h"
#include "http/percent.h"
#include "view/view.h"

static handler list, add, change, drop;

#define VIEWS "/api/v1/catalogs/{catalog}/saved-views"

const struct route view_routes[] = {
    { "GET", VIEWS, MAY_SEE_DEVICES, list, 0 },
    { "POST", VIEWS, MAY_CHANGE_DEVICES, add, 0 },
    { "PATCH", VIEWS "/{id}", MAY_CHANGE_DEVICES, change, ROUTE_IF_MATCH },
    { "DELETE", VIEWS "/{id}", MAY_CHANGE_DEVICES, drop, 0 },
    { 0 },
};

static enum rc read_id(const struct req *q, int64_t *out, struct fault *f)
{
    return number_read(q->params[1], out) ? RC_OK
                                          : fail(f, RC_NOT_FOUND, "you have no such view here");
}

static enum rc check(const struct view *v, struct fault *f)
{
    if (v->name && !utf8_is_clean(v->name, strlen(v->name)))
        return fail(f, RC_INVALID, "name must not contain control characters");
    if (v->query && !utf8_is_clean(v->query, strlen(v->query)))
        return fail(f, RC_INVALID, "query must not contain control characters");
    return RC_OK;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    json_t *items = NULL;
    enum rc rc = view_list(q->store, q->catalog, q->who->account, &items, f);

    return rc == RC_OK ? reply_page(q, r, items, "") : rc;
}

static enum rc reply_view(struct req *q, struct reply *r, int status, int64_t id, struct fault *f)
{
    json_t *view = NULL;
    int64_t version;
    enum rc rc = view_show(q->store, q->catalog, q->who->account, id, &view, &version, f);

    if (rc != RC_OK)
        return rc;
    snprintf(r->etag, sizeof r->etag, "%" PRId64, version);
    snprintf(r->object, sizeof r->object, "view %" PRId64, id);
    return reply_json(r, status, view);
}

static const struct field new_fields[] = {
    { TEXT(struct view, name), REQUIRED, 1, VIEW_NAME_MAX },
    { TEXT(struct view, query), REQUIRED, 0, VIEW_QUERY_MAX },
    { BOOL(struct view, shared), OPTIONAL, 0, 0 },
};

static enum rc add(struct req *q, struct reply *r, struct fault *f)
{
    struct view v = { 0 };
    int64_t id = 0;
    enum rc rc = BODY_READ(q->body, new_fields, &v, f);

    if (rc == RC_OK)
        rc = check(&v, f);
    if (rc == RC_OK)
        rc = view_add(q->store, q->catalog, q->who->account, &v, &id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->location, sizeof r->location, "/api/v1/catalogs/%s/saved-views/%" PRId64,
             q->catalog_name, id);
    return reply_view(q, r, 201, id, f);
}

static const struct field change_fields[] = {
    { TEXT(struct view, name), OPTIONAL, 1, VIEW_NAME_MAX },
    { TEXT(struct view, query), OPTIONAL, 0, VIEW_QUERY_MAX },
    { BOOL(struct view, shared), OPTIONAL, 0, 0 },
};

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    struct view v = { 0 };
    json_auto_t *was = NULL;
    int64_t id, version;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = view_show(q->store, q->catalog, q->who->account, id, &was, &version, f);
    if (rc == RC_OK && !json_is_true(json_object_get(was, "mine")))
        rc = fail(f, RC_DENIED, "only who made a view changes it: save one of your own");
    if (rc == RC_OK)
        rc = BODY_READ(q->body, change_fields, &v, f);
    if (rc == RC_OK)
        rc = check(&v, f);
    if (rc == RC_OK)
        rc = req_match(q, r, version, "view", f);
    if (rc != RC_OK)
        return rc;
    rc = view_change(q->store, q->catalog, q->who->account, id, version, &v,
                     json_object_get(q->body, "shared") != NULL, f);
    return rc == RC_OK ? reply_view(q, r, 200, id, f) : rc;
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    int64_t id;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = view_delete(q->store, q->catalog, q->who->account, id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "view %" PRId64, id);
    return reply_empty(r);
}
