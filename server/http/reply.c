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

enum rc req_limit_to(const struct req *q, int most, int *out, struct fault *f)
{
    char text[8], *end;

    switch (query_value(q->query ? q->query : "", "limit", text, sizeof text)) {
    case QUERY_ABSENT:
        *out = DEFAULT_LIMIT;
        return RC_OK;
    case QUERY_UNFIT:
        return fail(f, RC_INVALID, "limit must be a number from 1 to %d", most);
    case QUERY_FOUND:
        break;
    }
    long n = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || n < 1 || n > most)
        return fail(f, RC_INVALID, "limit must be a number from 1 to %d", most);
    *out = (int)n;
    return RC_OK;
}

enum rc req_limit(const struct req *q, int *out, struct fault *f)
{
    return req_limit_to(q, MAX_LIMIT, out, f);
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

enum rc req_seal(const struct req *q, const char *place, char *out, size_t size)
{
    const struct dispatch *d = q->dispatch;
    char sealed[CURSOR_SIZE] = "";

    if (place && *place &&
        !cursor_seal(d ? d->cursor_key : no_key, d ? d->path : "", place, sealed))
        return RC_INTERNAL;
    if (strlen(sealed) >= size)
        return RC_INTERNAL;
    memcpy(out, sealed, strlen(sealed) + 1);
    return RC_OK;
}

static enum rc add_cursor(const struct req *q, json_t *page, const char *name, const char *place,
                          char sealed[CURSOR_SIZE])
{
    enum rc rc = req_seal(q, place, sealed, CURSOR_SIZE);

    if (rc == RC_OK)
        add_text(page, name, *sealed ? sealed : NULL);
    return rc;
}

enum rc reply_page_both(struct req *q, struct reply *r, json_t *owned_items, const char *next,
                        const char *prev)
{
    char sealed[CURSOR_SIZE] = "";
    enum rc rc = reply_page(q, r, owned_items, next);

    return rc == RC_OK ? add_cursor(q, r->body, "prev", prev, sealed) : rc;
}

enum rc reply_page(struct req *q, struct reply *r, json_t *owned_items, const char *next)
{
    struct dispatch *d = q->dispatch;
    char sealed[CURSOR_SIZE] = "";
    json_t *page = json_object();

    json_object_set_new(page, "items", owned_items);
    if (add_cursor(q, page, "next", next, sealed) != RC_OK) {
        json_decref(page);
        return RC_INTERNAL;
    }
    if (d)
        memcpy(d->next, sealed, sizeof sealed);
    return reply_json(r, 200, page);
}
