// SPDX-License-Identifier: Apache-2.0

#include "ingest/lines.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "ingest/pgcopy.h"

#define MINUTE_MS 60000

struct kind {
    int32_t catalog;
    int64_t device; // of an event
    int64_t start;  // of its minute, or hour
    int64_t at;
    int level;
    bool event;
    struct batch_text name, source;
};

static int by_text(const struct batch_text *a, const struct batch_text *b)
{
    size_t shorter = a->len < b->len ? a->len : b->len;
    int differ = (a->at != NULL) - (b->at != NULL);

    if (!differ && shorter)
        differ = memcmp(a->at, b->at, shorter);
    return differ ? differ : (a->len > b->len) - (a->len < b->len);
}

static int by_number(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_kind(const void *x, const void *y)
{
    const struct kind *a = x, *b = y;
    int differ = by_number(a->catalog, b->catalog);

    differ = differ ? differ : by_number(a->device, b->device);
    differ = differ ? differ : by_number(a->start, b->start);
    differ = differ ? differ : by_number(a->level, b->level);
    differ = differ ? differ : a->event - b->event;
    differ = differ ? differ : by_text(&a->source, &b->source);
    return differ ? differ : by_text(&a->name, &b->name);
}

// Of its lines, or of its events with device and name; sorted. How many; NULL when out of memory.
static struct kind *kinds_of(const struct batch *b, bool events, size_t *count)
{
    struct kind *kinds = calloc(b->line_count + 1, sizeof *kinds);

    *count = 0;
    for (uint32_t i = 0; kinds && i < b->line_count; i++) {
        const struct batch_part *p = &b->part[b->line[i].part];
        int64_t span = events ? HOUR_MS : MINUTE_MS;
        struct batch_line_view v;

        batch_line_read(b, i, &v);
        if (b->line[i].refused || (events && !v.event))
            continue;
        kinds[(*count)++] = (struct kind){ .catalog = p->catalog,
                                           .device = events ? p->device : 0,
                                           .start = v.at / span * span,
                                           .at = v.at,
                                           .level = v.level,
                                           .event = v.event,
                                           .name = events ? v.name : (struct batch_text){ 0 },
                                           .source = v.source };
    }
    if (kinds)
        qsort(kinds, *count, sizeof *kinds, by_kind);
    return kinds;
}

static char *put_view(char *to, const struct batch_text *t)
{
    return t->at ? put_bytes(to, t->at, t->len) : put32(to, PG_NULL);
}

static bool start(struct pile *out)
{
    out->len = 0;
    if (!pile_room(out, COPY_HEAD_LEN))
        return false;
    memcpy(out->data, copy_head, COPY_HEAD_LEN);
    out->len = COPY_HEAD_LEN;
    return true;
}

static bool finish(struct pile *out)
{
    if (!pile_room(out, sizeof copy_tail))
        return false;
    memcpy(out->data + out->len, copy_tail, sizeof copy_tail);
    out->len += sizeof copy_tail;
    return true;
}

static bool put_count(struct pile *out, const struct kind *k, int64_t n)
{
    char *at;

    if (!pile_room(out, 2 + 8 + 12 + 6 + 5 + 4 + k->source.len + 12))
        return false;
    at = put16(out->data + out->len, 6);
    at = put_int4(at, k->catalog);
    at = put_time(at, k->start);
    at = put_int2(at, (int16_t)k->level);
    at = put_bool(at, k->event);
    at = put_view(at, &k->source);
    at = put_int8(at, n);
    out->len = (size_t)(at - out->data);
    return true;
}

static bool put_events(struct pile *out, const struct kind *k, int64_t n)
{
    int64_t first = k->at, last = first;
    char *at;

    for (int64_t i = 1; i < n; i++) {
        first = k[i].at < first ? k[i].at : first;
        last = k[i].at > last ? k[i].at : last;
    }
    if (!pile_room(out, 2 + 8 + 12 + 12 + 4 + k->name.len + 4 + k->source.len + 6 + 3 * 12))
        return false;
    at = put16(out->data + out->len, 9);
    at = put_int4(at, k->catalog);
    at = put_int8(at, k->device);
    at = put_time(at, k->start);
    at = put_bytes(at, k->name.at ? k->name.at : "", k->name.len);
    at = put_view(at, &k->source);
    at = put_int2(at, (int16_t)k->level);
    at = put_int8(at, n);
    at = put_time(at, first);
    at = put_time(at, last);
    out->len = (size_t)(at - out->data);
    return true;
}

static bool count(const struct batch *b, bool events, struct pile *out)
{
    size_t left;
    auto_free struct kind *kinds = kinds_of(b, events, &left);
    bool ok = kinds && start(out);

    for (const struct kind *k = kinds; ok && left > 0;) {
        size_t n = 1;

        while (n < left && by_kind(k, k + n) == 0)
            n++;
        ok = events ? put_events(out, k, (int64_t)n) : put_count(out, k, (int64_t)n);
        k += n;
        left -= n;
    }
    return ok && finish(out);
}

bool lines_count(const struct batch *b, struct pile *out)
{
    return count(b, false, out);
}

bool lines_count_events(const struct batch *b, struct pile *out)
{
    return count(b, true, out);
}

bool lines_has_events(const struct batch *b)
{
    struct batch_line_view v;

    for (uint32_t i = 0; i < b->line_count; i++) {
        batch_line_read(b, i, &v);
        if (v.event && !b->line[i].refused)
            return true;
    }
    return false;
}
