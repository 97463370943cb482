// SPDX-License-Identifier: Apache-2.0

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "core/number.h"
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
        *out = '\0'; // not a part of it, which may end within a letter
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

enum rc req_numbered(const struct req *q, int64_t *from, int *limit, struct fault *f)
{
    char cursor[24];
    enum rc rc = req_limit(q, limit, f);

    if (rc == RC_OK)
        rc = req_cursor(q, cursor, sizeof cursor, f);
    if (rc == RC_OK && *cursor && !number_read(cursor, from))
        rc = fail(f, RC_INVALID, "cursor is not from this list: start again without it");
    return rc;
}

enum rc req_match(const struct req *q, struct reply *r, int64_t version, const char *what,
                  struct fault *f)
{
    char tag[24];

    snprintf(tag, sizeof tag, "%" PRId64, version);
    r->stale = !q->if_match || strcmp(q->if_match, tag) != 0;
    return r->stale ? fail(f, RC_CONFLICT, "the %s changed meanwhile: read it again", what) : RC_OK;
}

static enum rc seal(const struct req *q, const char *path, const char *place,
                    char sealed[CURSOR_SIZE])
{
    const struct dispatch *d = q->dispatch;

    *sealed = '\0';
    if (!place || !*place)
        return RC_OK;
    return cursor_seal(d ? d->cursor_key : no_key, path, place, sealed) ? RC_OK : RC_INTERNAL;
}

static const char *path_of(const struct req *q)
{
    const struct dispatch *d = q->dispatch;

    return d ? d->path : "";
}

enum rc req_seal(const struct req *q, const char *tail, const char *place, char *out, size_t size)
{
    char sealed[CURSOR_SIZE];
    const char *path = path_of(q), *end = strrchr(path, '/');
    size_t len = end ? (size_t)(end - path) : 0, tail_len = strlen(tail);

    if (*path && (len < tail_len || memcmp(end - tail_len, tail, tail_len) != 0))
        return RC_INTERNAL;
    auto_free char *list = strndup(path, len);
    enum rc rc = list ? seal(q, list, place, sealed) : RC_INTERNAL;
    if (rc == RC_OK)
        snprintf(out, size, "%s", sealed);
    return rc;
}

static enum rc add_cursor(const struct req *q, json_t *page, const char *name, const char *place,
                          char sealed[CURSOR_SIZE])
{
    enum rc rc = seal(q, path_of(q), place, sealed);

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

enum rc reply_numbered(struct req *q, struct reply *r, json_t *owned_items, int64_t next)
{
    char text[24] = "";

    if (next)
        snprintf(text, sizeof text, "%" PRId64, next);
    return reply_page(q, r, owned_items, text);
}
