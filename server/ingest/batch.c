// SPDX-License-Identifier: Apache-2.0

#include "ingest/batch.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/pgcopy.h"
#include "ingest/shape.h"

const char copy_head[COPY_HEAD_LEN] = "PGCOPY\n\377\r\n"; // and NULs: signature, no flags
const char copy_tail[2] = { '\377', '\377' };

// Lengths on the wire: field count, then catalog, device, ts, shape.
#define ROW_FIXED (2 + 8 + 12 + 12 + 8)
// catalog, device, ts, seq, event, level, and four lengths; jsonb has a version byte.
#define LINE_FIXED (2 + 8 + 12 + 12 + 12 + 5 + 6 + 4 * 4 + 1)
// What a buffer may keep for the next batch.
#define KEEP_BYTES (8u << 20)

bool pile_room(struct pile *b, size_t more)
{
    size_t room = b->room ? b->room : 4096;
    char *grown;

    if (b->len + more <= b->room)
        return true;
    while (room < b->len + more)
        room *= 2;
    grown = realloc(b->data, room);
    if (!grown)
        return false;
    b->data = grown;
    b->room = room;
    return true;
}

// Room for one more of a growing array.
static bool room_for(void **array, uint32_t count, uint32_t *room, size_t size)
{
    uint32_t more = *room ? *room * 2 : 64;
    void *grown;

    if (count < *room)
        return true;
    grown = reallocarray(*array, more, size);
    if (!grown)
        return false;
    *array = grown;
    *room = more;
    return true;
}
#define ROOM_FOR(b, what)                                                                          \
    room_for((void **)&(b)->what, (b)->what##_count, &(b)->what##_room, sizeof *(b)->what)

struct batch *batch_new(void)
{
    return calloc(1, sizeof(struct batch));
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    free(b->rows.data);
    free(b->lines.data);
    free(b->row);
    free(b->line);
    free(b->part);
    free(b->shapes);
    free(b);
}

static void pile_reset(struct pile *b)
{
    b->len = 0;
    if (b->room <= KEEP_BYTES)
        return;
    free(b->data);
    b->data = NULL;
    b->room = 0;
}

void batch_reset(struct batch *b, uint32_t number)
{
    b->next = NULL;
    b->number = number;
    b->messages = b->row_count = b->line_count = b->part_count = b->shape_count = 0;
    b->charged = 0;
    pile_reset(&b->rows);
    pile_reset(&b->lines);
    memset(b->hours, 0, sizeof b->hours);
    RAND_bytes(b->id, sizeof b->id);
    b->id[6] = (unsigned char)((b->id[6] & 0x0f) | 0x40); // RFC 9562, version 4
    b->id[8] = (unsigned char)((b->id[8] & 0x3f) | 0x80);
}

uint32_t batch_join(struct batch *b, struct slot *slot, int32_t catalog, int64_t device)
{
    if (!ROOM_FOR(b, part))
        return BATCH_NO_ROW;
    b->part[b->part_count] = (struct batch_part){
        .slot = slot,
        .catalog = catalog,
        .device = device,
        .first = BATCH_NO_ROW,
        .last = BATCH_NO_ROW,
        .newest = BATCH_NO_ROW,
    };
    return b->part_count++;
}

void batch_count(struct batch *b, uint32_t part, int64_t boot, int64_t seq, size_t bytes)
{
    b->part[part].boot = boot;
    b->part[part].seq = seq;
    b->part[part].messages++;
    b->messages++;
    b->charged += bytes;
}

static bool needs_shape(struct batch *b, struct shape *shape)
{
    if (atomic_load_explicit(&shape->stored, memory_order_acquire))
        return true;
    for (uint32_t i = 0; i < b->shape_count; i++) {
        if (b->shapes[i] == shape)
            return true;
    }
    if (!room_for((void **)&b->shapes, b->shape_count, &b->shape_room, sizeof *b->shapes))
        return false;
    b->shapes[b->shape_count++] = shape;
    return true;
}

static void chain(struct batch *b, struct batch_part *p, uint32_t row)
{
    if (p->first == BATCH_NO_ROW)
        p->first = row;
    else
        b->row[p->last].next = row;
    p->last = row;
}

bool batch_reading(struct batch *b, uint32_t part, const struct token_reading *m,
                   struct shape *shape)
{
    struct batch_part *p = &b->part[part];
    char *at;

    if (!ROOM_FOR(b, row) || !pile_room(&b->rows, ROW_FIXED + PUT_FLOATS_LEN(m->count)) ||
        !needs_shape(b, shape))
        return false;
    b->row[b->row_count] = (struct batch_row){ (uint32_t)b->rows.len, BATCH_NO_ROW, false };
    at = put16(b->rows.data + b->rows.len, 5);
    at = put_int4(at, p->catalog);
    at = put_int8(at, p->device);
    at = put_time(at, m->t);
    at = put_int4(at, shape->id);
    at = put_floats(at, (uint32_t)m->count);
    for (size_t i = 0; i < m->count; i++)
        at = put_float(at, m->metrics[i].value);
    b->rows.len = (size_t)(at - b->rows.data);
    chain(b, p, b->row_count);
    if (p->newest == BATCH_NO_ROW || m->t >= p->newest_at) {
        p->newest = b->row_count;
        p->newest_at = m->t;
        p->shape = shape;
    }
    b->row_count++;
    hours_add(&b->hours[PARTITION_TELEMETRY], m->t / HOUR_MS);
    return true;
}

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

static char *put_json(char *p, const char *json)
{
    size_t len = length(json);

    if (!json)
        return put32(p, PG_NULL);
    p = put32(p, (uint32_t)len + 1);
    *p = 1; // jsonb's version
    return (char *)mempcpy(p + 1, json, len);
}

bool batch_entry(struct batch *b, uint32_t part, const struct ingest_entry *e)
{
    size_t more =
        LINE_FIXED + length(e->name) + length(e->source) + length(e->text) + length(e->fields);
    const struct batch_part *p = &b->part[part];
    char *at;

    if (!ROOM_FOR(b, line) || !pile_room(&b->lines, more))
        return false;
    b->line[b->line_count++] = (struct batch_line){ (uint32_t)b->lines.len, part, false };
    at = put16(b->lines.data + b->lines.len, 10);
    at = put_int4(at, p->catalog);
    at = put_int8(at, p->device);
    at = put_time(at, e->at);
    at = put_int8(at, e->seq);
    at = put_bool(at, e->event);
    at = put_int2(at, (int16_t)e->level);
    at = put_text(at, e->name);
    at = put_text(at, e->source);
    at = put_text(at, e->text ? e->text : "");
    at = put_json(at, e->fields);
    b->lines.len = (size_t)(at - b->lines.data);
    hours_add(&b->hours[PARTITION_JOURNAL], e->at / HOUR_MS);
    return true;
}

uint32_t batch_row_len(const struct batch *b, uint32_t row)
{
    size_t end = row + 1 < b->row_count ? b->row[row + 1].at : b->rows.len;

    return (uint32_t)(end - b->row[row].at);
}

uint32_t batch_line_len(const struct batch *b, uint32_t line)
{
    size_t end = line + 1 < b->line_count ? b->line[line + 1].at : b->lines.len;

    return (uint32_t)(end - b->line[line].at);
}

// ---------------------------------------------------------------- out again

static int by_device(const void *x, const void *y, void *parts)
{
    const struct batch_part *p = parts;
    const struct batch_part *a = &p[*(const uint32_t *)x], *b = &p[*(const uint32_t *)y];

    if (a->catalog != b->catalog)
        return a->catalog < b->catalog ? -1 : 1;
    return (a->device > b->device) - (a->device < b->device);
}

bool batch_walk_start(struct batch_walk *w, struct batch *b)
{
    *w = (struct batch_walk){ .b = b, .row = BATCH_NO_ROW };
    w->order = malloc((b->part_count + 1) * sizeof *w->order);
    if (!w->order)
        return false;
    for (uint32_t i = 0; i < b->part_count; i++)
        w->order[i] = i;
    qsort_r(w->order, b->part_count, sizeof *w->order, by_device, b->part);
    if (b->part_count)
        w->row = b->part[w->order[0]].first;
    return true;
}

void batch_walk_done(struct batch_walk *w)
{
    free(w->order);
    w->order = NULL;
}

// The row to send next, or BATCH_NO_ROW.
static uint32_t upcoming(struct batch_walk *w)
{
    const struct batch *b = w->b;

    for (;;) {
        while (w->row == BATCH_NO_ROW) {
            if (w->part + 1 >= b->part_count)
                return BATCH_NO_ROW;
            w->row = b->part[w->order[++w->part]].first;
        }
        if (!b->row[w->row].refused)
            return w->row;
        w->row = b->row[w->row].next;
    }
}

size_t batch_rows_next(struct batch_walk *w, char *out, size_t size)
{
    const struct batch *b = w->b;
    size_t n = 0;
    uint32_t row;

    if (w->stage == 0) {
        memcpy(out, copy_head, sizeof copy_head);
        n = sizeof copy_head;
        w->stage = 1;
    }
    while ((row = upcoming(w)) != BATCH_NO_ROW) {
        uint32_t len = batch_row_len(b, row);

        if (n + len > size)
            return n;
        memcpy(out + n, b->rows.data + b->row[row].at, len);
        n += len;
        w->row = b->row[row].next;
    }
    if (w->stage == 1 && n + sizeof copy_tail <= size) {
        memcpy(out + n, copy_tail, sizeof copy_tail);
        n += sizeof copy_tail;
        w->stage = 2;
    }
    return n;
}

bool batch_lines(const struct batch *b, struct pile *out)
{
    out->len = 0;
    if (!pile_room(out, COPY_HEAD_LEN + b->lines.len + sizeof copy_tail))
        return false;
    memcpy(out->data, copy_head, sizeof copy_head);
    out->len = sizeof copy_head;
    for (uint32_t i = 0; i < b->line_count; i++) {
        uint32_t len = batch_line_len(b, i);

        if (b->line[i].refused)
            continue;
        memcpy(out->data + out->len, b->lines.data + b->line[i].at, len);
        out->len += len;
    }
    memcpy(out->data + out->len, copy_tail, sizeof copy_tail);
    out->len += sizeof copy_tail;
    return true;
}

bool batch_body(const struct batch *b, struct pile *out)
{
    size_t body = (size_t)b->part_count * BATCH_BODY_ENTRY;
    char *p;

    out->len = 0;
    if (!pile_room(out, COPY_HEAD_LEN + 2 + 20 + 4 + body + sizeof copy_tail))
        return false;
    p = (char *)mempcpy(out->data, copy_head, sizeof copy_head);
    p = put16(p, 2);
    p = put_bytes(p, b->id, sizeof b->id);
    p = put32(p, (uint32_t)body);
    for (uint32_t i = 0; i < b->part_count; i++) {
        p = put32(p, (uint32_t)b->part[i].catalog);
        p = put64(p, (uint64_t)b->part[i].device);
        p = put64(p, (uint64_t)b->part[i].boot);
        p = put64(p, (uint64_t)b->part[i].seq);
    }
    p = (char *)mempcpy(p, copy_tail, sizeof copy_tail);
    out->len = (size_t)(p - out->data);
    return true;
}

size_t batch_row_values(const struct batch *b, uint32_t row, double *out)
{
    const char *p = b->rows.data + b->row[row].at + ROW_FIXED;
    uint32_t count = get32(p + 16);

    p += PUT_FLOATS_LEN(0);
    for (uint32_t i = 0; i < count; i++, p += 12) {
        uint64_t bits = get64(p + 4);

        memcpy(&out[i], &bits, sizeof bits);
    }
    return count;
}

static const char *read_text(const char *p, struct batch_text *out)
{
    uint32_t len = get32(p);

    *out = (struct batch_text){ 0 };
    if (len == PG_NULL)
        return p + 4;
    *out = (struct batch_text){ p + 4, len };
    return p + 4 + len;
}

void batch_line_read(const struct batch *b, uint32_t line, struct batch_line_view *out)
{
    const char *p = b->lines.data + b->line[line].at + 2 + 8 + 12;

    out->at = (int64_t)get64(p + 4) / 1000 + PG_EPOCH_MS;
    p += 12 + 12;
    out->event = p[4] != 0;
    out->level = (int16_t)(p[9] << 8 | (unsigned char)p[10]);
    p = read_text(p + 5 + 6, &out->name);
    p = read_text(p, &out->source);
    p = read_text(p, &out->text);
    read_text(p, &out->fields);
    if (out->fields.at) {
        out->fields.at++;
        out->fields.len--;
    }
}
