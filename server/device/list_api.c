// SPDX-License-Identifier: Apache-2.0
//
// Which devices there are: pages, facets, marks and the layout of the whole.

#include "device/list_api.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "core/number.h"
#include "device/device_api.h"
#include "device/facet.h"
#include "device/filter.h"
#include "device/layout.h"
#include "device/list.h"
#include "http/cursor.h"

#define DEVICES_LIMIT 500
#define EVERY_LEAST   10
#define EVERY_MOST    100000
#define EVERY_USUAL   200
#define LONG_AT_ONCE  2 // queries that may take seconds

static inline void filter_donep(struct device_filter *x)
{
    device_filter_done(x);
}

static inline void page_donep(struct device_page *p)
{
    device_page_done(p);
}

static inline void marks_donep(struct device_marks *m)
{
    device_marks_done(m);
}

static handler list, facets, marks, layout;

#define CATALOG "/api/v1/catalogs/{catalog}"
#define DEVICES CATALOG "/devices"

const struct route list_routes[] = {
    { "GET", DEVICES, MAY_SEE_DEVICES, list, ROUTE_REPEATS },
    { "GET", DEVICES "/facets", MAY_SEE_DEVICES, facets, ROUTE_REPEATS },
    { "GET", DEVICES "/marks", MAY_SEE_DEVICES, marks, ROUTE_REPEATS },
    { "GET", CATALOG "/fleet-layout", MAY_SEE_DEVICES, layout, 0 },
    { 0 },
};

static enum rc read_sort(const struct req *q, const struct device_filter *filter,
                         enum device_sort *out, struct fault *f)
{
    char text[24];
    int sort;

    // What begins alike is looked through by name.
    *out = filter->prefix ? SORT_NAME : SORT_CREATED;
    if (!req_query(q, "sort", text, sizeof text))
        return RC_OK;
    sort = device_sort_from_name(text);
    if (sort < 0)
        return fail(f, RC_INVALID, "sort must be one of %s", device_sort_names());
    *out = (enum device_sort)sort;
    return RC_OK;
}

static json_t *page_to_json(const struct devices *ds)
{
    json_t *items = json_array();
    struct device d;

    for (int i = 0; i < devices_count(ds); i++) {
        devices_at(ds, i, &d);
        json_array_append_new(items, device_to_json(&d));
    }
    return items;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    static const char *const also[] = { "sort", "limit", "cursor", NULL };
    auto_with(filter_donep) struct device_filter filter = { 0 };
    auto_with(page_donep) struct device_page page = { 0 };
    char cursor[DEVICE_CURSOR_LEN];
    enum device_sort sort;
    int limit;
    enum rc rc = device_filter_read(q->query, also, q->catalog, &filter, f);

    if (rc == RC_OK)
        rc = req_limit_to(q, DEVICES_LIMIT, &limit, f);
    if (rc == RC_OK)
        rc = req_cursor(q, cursor, sizeof cursor, f);
    if (rc == RC_OK)
        rc = read_sort(q, &filter, &sort, f);
    if (rc == RC_OK)
        rc = device_page(q->store, &filter, sort, cursor, limit, &page, f);
    return rc == RC_OK ? reply_page_both(q, r, page_to_json(page.found), page.next, page.prev) : rc;
}

// ---------------------------------------------------------------- the whole

// A few at once take a second each; more of them would hold up everybody's pages.
static atomic_int long_ones;

static enum rc long_begin(struct fault *f)
{
    if (atomic_fetch_add(&long_ones, 1) < LONG_AT_ONCE)
        return RC_OK;
    atomic_fetch_sub(&long_ones, 1);
    return fail(f, RC_UNAVAILABLE, "other whole counts are running: try again in a moment");
}

static void long_end(void)
{
    atomic_fetch_sub(&long_ones, 1);
}

static enum rc read_exact(const struct req *q, bool *out, struct fault *f)
{
    char text[8];

    *out = false;
    if (!req_query(q, "exact", text, sizeof text))
        return RC_OK;
    *out = !strcmp(text, "true");
    return *out || !strcmp(text, "false") ? RC_OK
                                          : fail(f, RC_INVALID, "exact must be true or false");
}

static enum rc count_facets(struct req *q, const struct device_filter *filter, bool exact,
                            json_t **out, struct fault *f)
{
    enum rc rc = exact ? long_begin(f) : RC_OK;

    if (rc != RC_OK)
        return rc;
    rc = device_facets(q->store, q->catalog, filter, exact, out, f);
    if (exact)
        long_end();
    return rc;
}

static enum rc facets(struct req *q, struct reply *r, struct fault *f)
{
    static const char *const also[] = { "exact", NULL };
    auto_with(filter_donep) struct device_filter filter = { 0 };
    json_t *found = NULL;
    bool exact = false;
    enum rc rc = device_filter_read(q->query, also, q->catalog, &filter, f);

    if (rc == RC_OK)
        rc = read_exact(q, &exact, f);
    if (rc == RC_OK)
        rc = count_facets(q, &filter, exact, &found, f);
    return rc == RC_OK ? reply_json(r, 200, found) : rc;
}

static enum rc read_every(const struct req *q, int64_t *out, struct fault *f)
{
    char text[12];

    *out = EVERY_USUAL;
    if (!req_query(q, "every", text, sizeof text))
        return RC_OK;
    if (number_read(text, out) && *out >= EVERY_LEAST && *out <= EVERY_MOST)
        return RC_OK;
    return fail(f, RC_INVALID, "every must be a number from %d to %d", EVERY_LEAST, EVERY_MOST);
}

// A mark is good as ?cursor= of the list, whose path it is sealed for.
static enum rc seal_marks(const struct req *q, const struct device_marks *m, json_t **out)
{
    char sealed[CURSOR_SIZE];
    json_auto_t *list = json_array();

    for (size_t i = 0; i < m->count; i++) {
        enum rc rc = req_seal(q, "/devices", m->cursors[i], sealed, sizeof sealed);
        if (rc != RC_OK)
            return rc;
        json_array_append_new(list, json_string(sealed));
    }
    *out = json_incref(list);
    return RC_OK;
}

static enum rc reply_marks(struct req *q, struct reply *r, const struct device_marks *m)
{
    json_t *cursors = NULL, *o;
    enum rc rc = seal_marks(q, m, &cursors);

    if (rc != RC_OK)
        return rc;
    o = json_object();
    add_int(o, "every", m->every);
    add_int(o, "total", m->total);
    add_json(o, "cursors", cursors);
    return reply_json(r, 200, o);
}

static enum rc marks(struct req *q, struct reply *r, struct fault *f)
{
    static const char *const also[] = { "every", "sort", NULL };
    auto_with(filter_donep) struct device_filter filter = { 0 };
    auto_with(marks_donep) struct device_marks found = { 0 };
    enum device_sort sort;
    int64_t every;
    enum rc rc = device_filter_read(q->query, also, q->catalog, &filter, f);

    if (rc == RC_OK)
        rc = read_every(q, &every, f);
    if (rc == RC_OK)
        rc = read_sort(q, &filter, &sort, f);
    if (rc == RC_OK)
        rc = long_begin(f);
    if (rc != RC_OK)
        return rc;
    rc = device_marks(q->store, &filter, sort, every, &found, f);
    long_end();
    return rc == RC_OK ? reply_marks(q, r, &found) : rc;
}

// ---------------------------------------------------------------- layout

static enum rc read_by(const struct req *q, int *out, struct fault *f)
{
    char text[12];

    *out = 0;
    if (!req_query(q, "by", text, sizeof text))
        return RC_OK;
    *out = layout_by_from_name(text);
    return *out >= 0 ? RC_OK : fail(f, RC_INVALID, "by must be product, group or version");
}

static enum rc layout(struct req *q, struct reply *r, struct fault *f)
{
    uint8_t digest[32];
    char *bytes = NULL;
    size_t len = 0;
    int by;
    enum rc rc = read_by(q, &by, f);

    if (rc == RC_OK)
        rc = layout_make(q->store, q->catalog, by, &bytes, &len, f);
    if (rc != RC_OK)
        return rc;
    if (EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) == 1)
        hex_encode(digest, 16, r->etag);
    return reply_text(r, "application/octet-stream", bytes, len);
}
