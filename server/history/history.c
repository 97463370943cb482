// SPDX-License-Identifier: Apache-2.0

#include "history/history.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "history/chunk.h"
#include "history/history_own.h"
#include "history_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define WINDOW_MAX    (HOUR << 26) // a clock's whole range in few steps
#define WINDOW_FEW    100000       // points: the next stretch may be longer
#define WINDOW_LEAP   32           // where they were that many times fewer
#define WINDOW_MANY   1000000      // the next one is shorter
#define SCAN_PAGE     5000
#define SCAN_PAGE_MAX 5000000 // rows of one device in one hour

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// ---------------------------------------------------------------- shapes

void places_done(struct places *p)
{
    rows_free(p->rows);
}

enum rc places_find(struct store *s, int32_t catalog, const char *metric, struct places *out,
                    struct fault *f)
{
    enum rc rc = store_run(s, &Q_HISTORY_SHAPES, (const char *[]){ ARG_INT(catalog), metric },
                           &out->rows, f);

    if (rc != RC_OK)
        return rc;
    out->shapes = rows_text(out->rows, 0, "shapes");
    out->in_shape = rows_text(out->rows, 0, "places");
    out->nobody = !strcmp(out->shapes, "{}");
    return RC_OK;
}

// ---------------------------------------------------------------- an hour of points

struct point {
    int64_t t;
    double v;
};

struct heap {
    struct squeezer *z;
    int64_t from, to; // what is wanted
    size_t count, room;
    int64_t *t;
    double *v;
    bool ordered;
    bool beats; // messages, whatever is in them
};

static void heap_done(struct heap *h)
{
    squeezer_free(h->z);
    free(h->t);
    free(h->v);
}
#define auto_heap auto_with(heap_done) struct heap

static bool heap_room(struct heap *h, size_t more)
{
    size_t room = (h->count + more) * 2;
    int64_t *t;
    double *v;

    if (h->count + more <= h->room)
        return true;
    t = reallocarray(h->t, room, sizeof *t);
    if (t)
        h->t = t;
    v = reallocarray(h->v, room, sizeof *v);
    if (v)
        h->v = v;
    if (!t || !v)
        return false;
    h->room = room;
    return true;
}

static void heap_add(struct heap *h, int64_t t, double v)
{
    if (t < h->from || t > h->to)
        return;
    if (h->count && t < h->t[h->count - 1])
        h->ordered = false;
    h->t[h->count] = t;
    h->v[h->count++] = v;
}

static enum rc out_of_memory(struct fault *f)
{
    return fail(f, RC_INTERNAL, "out of memory");
}

// Columns of a row, from first on: at, n, times, points, value.
static enum rc add_chunk(struct heap *h, const struct rows *r, int row, int first, struct fault *f)
{
    size_t rows = (size_t)int4_at(r, row, first + 1), times_len, points_len;
    const void *times = rows_bytes(r, row, first + 2, &times_len);
    const void *points = rows_bytes(r, row, first + 3, &points_len);
    size_t start = h->count;

    if (rows > CHUNK_ROWS_MAX)
        rows = 0; // as none can have
    if (!heap_room(h, rows))
        return out_of_memory(f);
    if (!times ||
        !chunk_times(h->z, times, times_len, rows, time_at(r, row, first), h->t + start) ||
        (!h->beats && (!points || !chunk_column(h->z, points, points_len, rows, h->v + start))))
        return fail(f, RC_INTERNAL, "a chunk of telemetry is damaged");
    for (size_t i = start; h->beats && i < start + rows; i++)
        h->v[i] = 1;
    for (size_t i = start; i < start + rows; i++)
        heap_add(h, h->t[i], h->v[i]);
    return RC_OK;
}

static enum rc add_row(struct heap *h, const struct rows *r, int row, int first, struct fault *f)
{
    if (!is_null(r, row, first + 1))
        return add_chunk(h, r, row, first, f);
    if (!heap_room(h, 1))
        return out_of_memory(f);
    if (!is_null(r, row, first + 4))
        heap_add(h, time_at(r, row, first), real_at(r, row, first + 4));
    return RC_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    return (x->t > y->t) - (x->t < y->t);
}

// What came late lies behind what came in time.
static enum rc put_in_order(struct heap *h, struct fault *f)
{
    auto_free struct point *list = NULL;

    if (h->ordered)
        return RC_OK;
    list = calloc(h->count, sizeof *list);
    if (!list)
        return out_of_memory(f);
    for (size_t i = 0; i < h->count; i++)
        list[i] = (struct point){ h->t[i], h->v[i] };
    qsort(list, h->count, sizeof *list, by_time);
    for (size_t i = 0; i < h->count; i++) {
        h->t[i] = list[i].t;
        h->v[i] = list[i].v;
    }
    return RC_OK;
}

static void heap_clear(struct heap *h)
{
    h->count = 0;
    h->ordered = true;
}

static enum rc heap_open(struct heap *h, int64_t from, int64_t to, struct fault *f)
{
    *h = (struct heap){ .z = squeezer_new(), .from = from, .to = to, .ordered = true };
    return h->z ? RC_OK : out_of_memory(f);
}

// ---------------------------------------------------------------- one device

struct reading {
    struct store *store;
    const struct history_query *q;
    const struct places *places;
    size_t which;
    history_points *sink;
    void *ctx;
    struct heap *heap;
    size_t seen; // points of this stretch
    bool ended;
};

static enum rc hand_on(struct reading *g, struct fault *f)
{
    struct heap *h = g->heap;
    enum rc rc = put_in_order(h, f);

    g->seen += h->count;
    if (rc == RC_OK && h->count && !g->sink(g->ctx, g->which, h->t, h->v, h->count))
        g->ended = true;
    heap_clear(h);
    return rc;
}

// The end of the rows of an hour that begin at row, or their start where they end there.
static int hour_edge(const struct rows *r, int row, int step)
{
    int64_t hour = hour_of(time_at(r, row, 0));

    while (row >= 0 && row < rows_count(r) && hour_of(time_at(r, row, 0)) == hour)
        row += step;
    return row;
}

static enum rc read_hour(struct reading *g, const struct rows *r, int from, int to, struct fault *f)
{
    enum rc rc = RC_OK;

    for (int i = from; rc == RC_OK && i < to; i++)
        rc = add_row(g->heap, r, i, 0, f);
    return rc == RC_OK ? hand_on(g, f) : rc;
}

static enum rc read_rows(struct reading *g, const struct rows *r, struct fault *f)
{
    int low = 0, high = rows_count(r);
    enum rc rc = RC_OK;

    while (rc == RC_OK && !g->ended && low < high) {
        if (g->q->newest_first) {
            int edge = hour_edge(r, high - 1, -1) + 1;

            rc = read_hour(g, r, edge, high, f);
            high = edge;
        } else {
            int edge = hour_edge(r, low, 1);

            rc = read_hour(g, r, low, edge, f);
            low = edge;
        }
    }
    return rc;
}

static enum rc read_window(struct reading *g, int64_t from, int64_t to, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    const struct history_query *q = g->q;
    char hour[RFC3339_LEN + 1], first[RFC3339_LEN + 1], last[RFC3339_LEN + 1];
    const char *args[] = { ARG_INT(q->catalog),
                           ARG_INT(q->device),
                           g->places->shapes,
                           g->places->in_shape,
                           hour,
                           first,
                           last };

    clock_rfc3339(hour_of(from), hour);
    clock_rfc3339(from, first);
    clock_rfc3339(to, last);
    enum rc rc = store_run(g->store, &Q_HISTORY_POINTS, args, &r, f);
    return rc == RC_OK ? read_rows(g, r, f) : rc;
}

// In stretches that are as long as few points allow, so that a device that says much is never read
// in one piece, nor one that says little in many: a day of most devices takes two.
static int64_t next_window(const struct reading *g, int64_t window)
{
    if (g->seen < WINDOW_FEW / WINDOW_LEAP && window < WINDOW_MAX / WINDOW_LEAP)
        return window * WINDOW_LEAP;
    if (g->seen < WINDOW_FEW && window < WINDOW_MAX)
        return window * 4;
    return g->seen > WINDOW_MANY && window > HOUR ? window / 4 : window;
}

static enum rc read_metric(struct reading *g, struct fault *f)
{
    const struct history_query *q = g->q;
    int64_t from = q->from, to = q->to, window = HOUR;
    enum rc rc = RC_OK;

    while (rc == RC_OK && !g->ended && from <= to) {
        int64_t edge = q->newest_first ? hour_of(to) - window + HOUR : hour_of(from) + window;

        g->seen = 0;
        if (q->newest_first) {
            rc = read_window(g, edge > from ? edge : from, to, f);
            to = edge - 1;
        } else {
            rc = read_window(g, from, edge - 1 < to ? edge - 1 : to, f);
            from = edge;
        }
        window = next_window(g, window);
    }
    return rc;
}

static enum rc read_which(struct reading *g, struct fault *f)
{
    auto_places places = { 0 };
    enum rc rc = places_find(g->store, g->q->catalog, g->q->metrics[g->which], &places, f);

    g->places = &places;
    if (rc == RC_OK && !places.nobody)
        rc = read_metric(g, f);
    g->places = NULL;
    return rc;
}

enum rc history_read(struct store *s, const struct history_query *q, history_points *sink,
                     void *ctx, struct fault *f)
{
    auto_heap heap = { 0 };
    struct reading g = { .store = s, .q = q, .sink = sink, .ctx = ctx, .heap = &heap };
    enum rc rc = heap_open(&heap, q->from, q->to, f);

    for (; rc == RC_OK && g.which < q->count && !g.ended; g.which++)
        rc = read_which(&g, f);
    return rc;
}

// ---------------------------------------------------------------- its hours

void hour_merge(struct history_hour *h, const struct history_hour *part)
{
    if (!h->count || part->min < h->min)
        h->min = part->min;
    if (!h->count || part->max > h->max)
        h->max = part->max;
    if (!h->count || part->last_at >= h->last_at) {
        h->last = part->last;
        h->last_at = part->last_at;
    }
    h->sum = bounded(h->sum + part->sum);
    h->squares = bounded(h->squares + part->squares);
    h->count += part->count;
}

// Columns: at, n, last, low, high, total, squares, final; of a single row only at and low.
static struct history_hour part_of(const struct rows *r, int i)
{
    double v = real_at(r, i, 3);
    struct history_hour h = { .t = hour_of(time_at(r, i, 0)),
                              .count = 1,
                              .min = v,
                              .max = v,
                              .sum = v,
                              .squares = bounded(v * v),
                              .last = v,
                              .last_at = time_at(r, i, 2) };

    if (is_null(r, i, 1))
        return h;
    h.count = int4_at(r, i, 1);
    h.max = real_at(r, i, 4);
    h.sum = bounded(real_at(r, i, 5));
    h.squares = bounded(real_at(r, i, 6));
    h.last = real_at(r, i, 7);
    return h;
}

static enum rc merge_hours(const struct rows *r, struct history_hour **out, size_t *count,
                           struct fault *f)
{
    auto_free struct history_hour *list = calloc((size_t)rows_count(r) + 1, sizeof *list);
    size_t n = 0;

    if (!list)
        return out_of_memory(f);
    for (int i = 0; i < rows_count(r); i++) {
        struct history_hour part;

        if (is_null(r, i, 3))
            continue;
        part = part_of(r, i);
        if (!n || list[n - 1].t != part.t)
            list[n++].t = part.t;
        hour_merge(&list[n - 1], &part);
    }
    *out = take(&list);
    *count = n;
    return RC_OK;
}

static enum rc read_hours(struct store *s, const struct history_query *q,
                          const struct places *places, struct history_hour **out, size_t *count,
                          struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    char from[RFC3339_LEN + 1], to[RFC3339_LEN + 1];
    const char *args[] = {
        ARG_INT(q->catalog), ARG_INT(q->device), places->shapes, places->in_shape, from, to
    };

    clock_rfc3339(hour_of(q->from), from);
    clock_rfc3339(hour_of(q->to) + HOUR, to);
    enum rc rc = store_run(s, &Q_HISTORY_HOURS, args, &r, f);
    return rc == RC_OK ? merge_hours(r, out, count, f) : rc;
}

enum rc history_hours(struct store *s, const struct history_query *q, history_hours_sink *sink,
                      void *ctx, struct fault *f)
{
    enum rc rc = RC_OK;
    bool more = true;

    for (size_t which = 0; rc == RC_OK && which < q->count && more; which++) {
        auto_places places = { 0 };
        auto_free struct history_hour *list = NULL;
        size_t count = 0;

        rc = places_find(s, q->catalog, q->metrics[which], &places, f);
        if (rc == RC_OK && !places.nobody)
            rc = read_hours(s, q, &places, &list, &count, f);
        if (rc == RC_OK && count)
            more = sink(ctx, which, list, count);
    }
    return rc;
}

// ---------------------------------------------------------------- a catalog

struct scan {
    struct store *store;
    const struct history_scan *q;
    const struct places *places;
    const char *devices; // text of an array, or NULL
    history_scan_sink *sink;
    void *ctx;
    struct heap *heap;
    int64_t after; // the last device that was handed on
    int limit;
    bool ended;
};

static enum rc hand_device_on(struct scan *c, int64_t device, struct fault *f)
{
    struct heap *h = c->heap;
    enum rc rc = put_in_order(h, f);

    if (rc == RC_OK && h->count && !c->sink(c->ctx, device, h->t, h->v, h->count))
        c->ended = true;
    heap_clear(h);
    c->after = device;
    return rc;
}

// Of a full page the last device may not be whole: it comes again with the next page.
static enum rc take_page(struct scan *c, const struct rows *r, struct fault *f)
{
    int count = rows_count(r);
    bool full = count == c->limit;
    int64_t device = count ? int8_at(r, 0, 0) : 0, first = device;
    enum rc rc = RC_OK;

    for (int i = 0; rc == RC_OK && !c->ended && i < count; i++) {
        int64_t next = int8_at(r, i, 0);

        if (next != device)
            rc = hand_device_on(c, device, f);
        device = next;
        if (rc == RC_OK && !c->ended)
            rc = add_row(c->heap, r, i, 1, f);
    }
    if (full)
        heap_clear(c->heap);
    else if (rc == RC_OK && count && !c->ended)
        rc = hand_device_on(c, device, f);
    if (full && device == first)
        c->limit *= 8;
    return rc;
}

static enum rc scan_page(struct scan *c, int64_t hour, bool *more, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    const struct history_scan *q = c->q;
    char at[RFC3339_LEN + 1], first[RFC3339_LEN + 1], last[RFC3339_LEN + 1];
    const char *args[] = {
        ARG_INT(q->catalog), c->places->shapes, c->places->in_shape, at, first, last,
        c->devices,          ARG_INT(c->after), ARG_INT(c->limit)
    };
    const char *beats[] = { ARG_INT(q->catalog), at, first, last, c->devices, ARG_INT(c->after),
                            ARG_INT(c->limit) };
    int limit = c->limit;

    clock_rfc3339(hour, at);
    clock_rfc3339(hour > q->from ? hour : q->from, first);
    clock_rfc3339(hour + HOUR - 1 < q->to ? hour + HOUR - 1 : q->to, last);
    enum rc rc = q->metric ? store_run(c->store, &Q_HISTORY_SCAN, args, &r, f)
                           : store_run(c->store, &Q_HISTORY_BEATS, beats, &r, f);
    if (rc == RC_OK)
        rc = take_page(c, r, f);
    *more = rc == RC_OK && rows_count(r) == limit && !c->ended;
    if (rc == RC_OK && c->limit > SCAN_PAGE_MAX)
        return fail(f, RC_LIMIT, "a device has more than %d messages in an hour", SCAN_PAGE_MAX);
    return rc;
}

static enum rc scan_hour(struct scan *c, int64_t hour, struct fault *f)
{
    bool more = true;
    enum rc rc = RC_OK;

    c->after = INT64_MIN;
    c->limit = SCAN_PAGE;
    while (rc == RC_OK && more)
        rc = scan_page(c, hour, &more, f);
    return rc;
}

enum rc history_scan(struct store *s, const struct history_scan *q, history_scan_sink *sink,
                     void *ctx, struct fault *f)
{
    auto_heap heap = { 0 };
    auto_places places = { 0 };
    auto_free char *devices = q->devices ? arg_list(q->devices, q->device_count) : NULL;
    struct scan c = { s, q, &places, devices, sink, ctx, &heap, INT64_MIN, SCAN_PAGE, false };
    enum rc rc = heap_open(&heap, q->from, q->to, f);

    if (q->devices && !devices)
        rc = out_of_memory(f);
    heap.beats = !q->metric;
    if (rc == RC_OK && q->metric)
        rc = places_find(s, q->catalog, q->metric, &places, f);
    if (rc != RC_OK || places.nobody)
        return rc;
    for (int64_t hour = hour_of(q->from); rc == RC_OK && !c.ended && hour <= q->to; hour += HOUR)
        rc = scan_hour(&c, hour, f);
    return rc;
}
