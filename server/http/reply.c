// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <string.h>

#include "core/json_out.h"
#include "http/dispatch.h"
#include "http/query.h"

static const uint8_t no_key[CURSOR_KEY_LEN];

enum rc reply_json(struct reply *r, int status, json_t *owned)
{
    if (!owned)
        return RC_INTERNAL;
    json_decref(r->body);
    r->status = status;
    r->body = owned;
    return RC_OK;
}

enum rc reply_empty(struct reply *r)
{
    json_decref(r->body);
    r->body = NULL;
    r->status = 204;
    return RC_OK;
}

enum rc reply_text(struct reply *r, const char *type, char *owned, size_t len)
{
    if (!owned)
        return RC_INTERNAL;
    free(r->text);
    r->status = 200;
    r->type = type;
    r->text = owned;
    r->text_len = len;
    return RC_OK;
}

bool req_query(const struct req *q, const char *name, char *out, size_t size)
{
    struct dispatch *d = q->dispatch;

    switch (query_value(q->query ? q->query : "", name, out, size)) {
    case QUERY_FOUND:
        return true;
    case QUERY_UNFIT:
        if (d)
            d->unfit = name;
        return false;
    case QUERY_ABSENT:
        return false;
    }
    return false;
}

enum rc req_limit(const struct req *q, int *out, struct fault *f)
{
    char text[8], *end;

    switch (query_value(q->query ? q->query : "", "limit", text, sizeof text)) {
    case QUERY_ABSENT:
        *out = DEFAULT_LIMIT;
        return RC_OK;
    case QUERY_UNFIT:
        return fail(f, RC_INVALID, "limit must be a number from 1 to %d", MAX_LIMIT);
    case QUERY_FOUND:
        break;
    }
    long n = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || n < 1 || n > MAX_LIMIT)
        return fail(f, RC_INVALID, "limit must be a number from 1 to %d", MAX_LIMIT);
    *out = (int)n;
    return RC_OK;
}

enum rc req_cursor(const struct req *q, char *out, size_t size, struct fault *f)
{
    const struct dispatch *d = q->dispatch;
    char sealed[CURSOR_SIZE];

    switch (query_value(q->query ? q->query : "", "cursor", sealed, sizeof sealed)) {
    case QUERY_ABSENT:
        *out = '\0';
        return RC_OK;
    case QUERY_FOUND:
        if (cursor_open(d ? d->cursor_key : no_key, d ? d->path : "", sealed, out, size))
            return RC_OK;
        break;
    case QUERY_UNFIT:
        break;
    }
    return fail(f, RC_INVALID, "cursor is not one that this list gave out; start without it");
}

enum rc reply_page(struct req *q, struct reply *r, json_t *owned_items, const char *next)
{
    struct dispatch *d = q->dispatch;
    char sealed[CURSOR_SIZE] = "";
    json_t *page = json_object();

    json_object_set_new(page, "items", owned_items);
    if (next && *next && !cursor_seal(d ? d->cursor_key : no_key, d ? d->path : "", next, sealed)) {
        json_decref(page);
        return RC_INTERNAL;
    }
    add_text(page, "next", *sealed ? sealed : NULL);
    if (d)
        memcpy(d->next, sealed, sizeof sealed);
    return reply_json(r, 200, page);
}
