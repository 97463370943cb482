// SPDX-License-Identifier: Apache-2.0

#include "journal/search_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/number.h"
#include "device/device.h"
#include "device/export_api.h"
#include "journal/lines.h"

#define HOUR_MS (3600LL * 1000)
#define DAY_MS  (24 * HOUR_MS)
#define BUCKETS 60
#define LOGS    "/api/v1/catalogs/{catalog}/logs"

static handler list, histogram, sources, export_lines;

const struct route search_routes[] = {
    { "GET", LOGS, MAY_SEE_TELEMETRY, list, ROUTE_SLOW },
    { "GET", LOGS "/histogram", MAY_SEE_TELEMETRY, histogram, ROUTE_SLOW },
    { "GET", LOGS "/sources", MAY_SEE_TELEMETRY, sources, ROUTE_SLOW },
    { "GET", LOGS "/export", MAY_SEE_TELEMETRY, export_lines, ROUTE_SLOW },
    { 0 },
};

DEFINE_AUTO(struct export_ask *, export_ask_freep, export_ask_free)

// ---------------------------------------------------------------- what is asked for

static enum rc read_time(const struct req *q, const char *name, int64_t otherwise, int64_t *out,
                         struct fault *f)
{
    char text[20];

    *out = otherwise;
    if (!req_query(q, name, text, sizeof text))
        return RC_OK;
    if (number_read(text, out) && *out <= CLOCK_MAX_MS)
        return RC_OK;
    return fail(f, RC_INVALID, "%s must be a time in Unix ms, at most %lld", name, CLOCK_MAX_MS);
}

static enum rc read_level(const struct req *q, struct search *out, struct fault *f)
{
    char text[8];
    int level = JOURNAL_DEBUG;

    if (req_query(q, "level", text, sizeof text))
        level = journal_level_from_name(text);
    if (level < 0)
        return fail(f, RC_INVALID, "level must be one of error, warn, info, debug");
    out->level = (enum journal_level)level;
    return RC_OK;
}

static enum rc read_kind(const struct req *q, struct search *out, struct fault *f)
{
    char text[8];

    if (!req_query(q, "kind", text, sizeof text))
        return RC_OK;
    out->kind = !strcmp(text, "events") ? JOURNAL_EVENTS : JOURNAL_LOGS;
    if (out->kind == JOURNAL_LOGS && strcmp(text, "logs") != 0)
        return fail(f, RC_INVALID, "kind must be logs or events");
    return RC_OK;
}

static enum rc read_device(const struct req *q, struct search *out, struct fault *f)
{
    char id[DEVICE_ID_LEN + 1];

    return req_query(q, "device", id, sizeof id)
               ? device_find(q->store, q->catalog, id, &out->device, f)
               : RC_OK;
}

static enum rc read_words(const struct req *q, struct search *out, struct fault *f)
{
    char text[WORDS_TEXT_MAX + 1];

    return req_query(q, "q", text, sizeof text) && *text ? words_read(text, &out->words, f) : RC_OK;
}

// The last day unless the query says otherwise; a device's clock may be ahead.
static enum rc read_range(const struct req *q, struct search *out, struct fault *f)
{
    enum rc rc = read_time(q, "to", clock_now_ms() + LIMIT_FUTURE_MS, &out->to, f);

    if (rc == RC_OK)
        rc = read_time(q, "from", out->to > DAY_MS ? out->to - DAY_MS : 0, &out->from, f);
    if (rc == RC_OK && out->from > out->to)
        rc = fail(f, RC_INVALID, "from must not be later than to");
    return rc;
}

static enum rc read_search(const struct req *q, struct search *out, struct fault *f)
{
    typedef enum rc reader(const struct req *q, struct search *out, struct fault *f);
    static reader *const readers[] = { read_range, read_level, read_kind, read_words, read_device };
    enum rc rc = RC_OK;

    *out = (struct search){ .kind = JOURNAL_ALL };
    req_query(q, "source", out->source, sizeof out->source);
    for (size_t i = 0; rc == RC_OK && i < sizeof readers / sizeof *readers; i++)
        rc = readers[i](q, out, f);
    return rc;
}

// ---------------------------------------------------------------- answers

static void add_line(void *items, const struct search_line *l)
{
    json_t *o = journal_to_json(&l->entry);

    add_text(o, "device", l->id);
    add_text(o, "deviceName", l->device_name);
    json_array_append_new(items, o);
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    json_auto_t *items = json_array();
    struct search s = { 0 };
    struct search_end end;
    char cursor[JOURNAL_CURSOR_LEN];
    int limit;
    enum rc rc = req_limit(q, &limit, f);

    if (rc == RC_OK)
        rc = req_cursor(q, cursor, sizeof cursor, f);
    if (rc == RC_OK)
        rc = read_search(q, &s, f);
    if (rc == RC_OK)
        rc = search_run(q->store, q->catalog, &s, cursor, limit, add_line, items, &end, f);
    if (rc == RC_OK)
        rc = reply_page(q, r, json_incref(items), *end.next ? end.next : NULL);
    if (rc != RC_OK)
        return rc;
    add_bool(r->body, "complete", end.complete);
    add_int(r->body, "reached", end.reached);
    return RC_OK;
}

static json_t *bucket_to_json(const struct histogram *h, int i)
{
    json_t *o = json_object();

    add_int(o, "t", h->from + i * h->width);
    for (int l = 0; l < JOURNAL_LEVEL_COUNT; l++)
        add_int(o, journal_level_name((enum journal_level)l), h->buckets[i].n[l]);
    return o;
}

static enum rc histogram(struct req *q, struct reply *r, struct fault *f)
{
    struct search s = { 0 };
    struct histogram h;
    char text[20];
    int64_t buckets = BUCKETS, total = 0;
    enum rc rc = read_search(q, &s, f);

    if (rc == RC_OK && req_query(q, "buckets", text, sizeof text) &&
        !(number_read(text, &buckets) && buckets >= 1 && buckets <= HISTOGRAM_BUCKETS_MAX))
        rc = fail(f, RC_INVALID, "buckets must be a number from 1 to %d", HISTOGRAM_BUCKETS_MAX);
    if (rc == RC_OK)
        rc = search_histogram(q->store, q->catalog, &s, (int)buckets, &h, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = json_object(), *list = json_array();
    for (int i = 0; i < h.count; i++) {
        json_array_append_new(list, bucket_to_json(&h, i));
        for (int l = 0; l < JOURNAL_LEVEL_COUNT; l++)
            total += h.buckets[i].n[l];
    }
    add_int(o, "from", h.from);
    add_int(o, "width", h.width);
    add_int(o, "total", total);
    add_bool(o, "exact", h.exact);
    add_int(o, "reached", h.reached);
    add_json(o, "buckets", list);
    return reply_json(r, 200, o);
}

static void add_source(void *items, const char *source, int64_t n)
{
    json_t *o = json_object();

    add_text(o, "source", source);
    add_int(o, "n", n);
    json_array_append_new(items, o);
}

static enum rc sources(struct req *q, struct reply *r, struct fault *f)
{
    json_auto_t *items = json_array();
    struct search s = { 0 };
    enum rc rc = read_search(q, &s, f);

    if (rc == RC_OK)
        rc = search_sources(q->store, q->catalog, &s, add_source, items, f);
    return rc == RC_OK ? reply_page(q, r, json_incref(items), NULL) : rc;
}

// ---------------------------------------------------------------- as a file

static enum rc read_export(const struct req *q, struct export_ask *a, struct fault *f)
{
    struct lines *l = calloc(1, sizeof *l);
    enum rc rc = l ? export_read_format(q, a, f) : fail(f, RC_INTERNAL, "out of memory");

    a->what = l;
    a->what_free = free;
    a->write = lines_write;
    if (rc != RC_OK)
        return rc;
    l->store = q->store;
    l->catalog = q->catalog;
    l->format = a->format;
    return read_search(q, &l->search, f);
}

static enum rc export_lines(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(export_ask_freep) struct export_ask *a = calloc(1, sizeof *a);
    char said[200];
    const struct export_told told = { "GET " LOGS "/export", "logs", said, 1 };
    enum rc rc = a ? read_export(q, a, f) : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK)
        rc = export_room(q, r, f);
    if (rc != RC_OK)
        return rc;
    const struct search *s = &((const struct lines *)a->what)->search;
    snprintf(said, sizeof said, "%s, %lld to %lld, %s and worse%s%s",
             a->format == EXPORT_CSV ? "csv" : "ndjson", (long long)s->from, (long long)s->to,
             journal_level_name(s->level), s->device ? ", of one device" : "",
             s->words.count ? ", with words" : "");
    rc = export_audit(q, &told, f);
    return rc == RC_OK ? export_reply(q, r, &a, "logs", f) : rc;
}
