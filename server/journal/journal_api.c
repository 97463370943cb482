// SPDX-License-Identifier: Apache-2.0

#include "journal/journal_api.h"

#include <string.h>

#include "core/auto.h"
#include "device/device.h"
#include "journal/journal.h"

static handler list;

const struct route journal_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/devices/{id}/journal", MAY_SEE_TELEMETRY, list, 0 },
    { 0 },
};

DEFINE_AUTO(struct journal_page *, page_freep, journal_page_free)

static enum rc read_filter(const struct req *q, struct journal_filter *out, struct fault *f)
{
    char text[8];

    *out = (struct journal_filter){ JOURNAL_DEBUG, JOURNAL_ALL };
    if (req_query(q, "level", text, sizeof text)) {
        int level = journal_level_from_name(text);
        if (level < 0)
            return fail(f, RC_INVALID, "level must be one of error, warn, info, debug");
        out->level = (enum journal_level)level;
    }
    if (req_query(q, "event", text, sizeof text)) {
        out->kind = !strcmp(text, "true") ? JOURNAL_EVENTS : JOURNAL_LOGS;
        if (out->kind == JOURNAL_LOGS && strcmp(text, "false") != 0)
            return fail(f, RC_INVALID, "event must be true or false");
    }
    return RC_OK;
}

static json_t *page_to_json(const struct journal_page *p)
{
    json_t *items = json_array();
    struct journal_entry e;

    for (int i = 0; i < journal_page_count(p); i++) {
        journal_page_entry(p, i, &e);
        json_array_append_new(items, journal_to_json(&e));
    }
    return items;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(page_freep) struct journal_page *page = NULL;
    struct journal_filter filter;
    char cursor[JOURNAL_CURSOR_LEN];
    int64_t device;
    int limit;
    enum rc rc = req_limit(q, &limit, f);

    if (rc == RC_OK)
        rc = req_cursor(q, cursor, sizeof cursor, f);
    if (rc == RC_OK)
        rc = read_filter(q, &filter, f);
    if (rc == RC_OK)
        rc = device_find(q->store, q->catalog, q->params[1], &device, f);
    if (rc == RC_OK)
        rc = journal_read(q->store, q->catalog, device, &filter, cursor, limit, &page, f);
    return rc == RC_OK ? reply_page(q, r, page_to_json(page), journal_page_next(page)) : rc;
}
