// SPDX-License-Identifier: Apache-2.0

#include "history/compact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compact_sql.h"
#include "core/auto.h"
#include "core/clock.h"
#include "history/chunk.h"
#include "history/minute.h"
#include "ingest/batch.h"
#include "ingest/partition.h"
#include "ingest/pgcopy.h"
#include "store/arg.h"
#include "store/link.h"

#define SLICE_ROWS  30000
#define SMALL_BYTES (1 << 20) // looked through in no time
#define TIME_LEN    40
#define INT4_OID    23
#define ARRAY_HEAD  20
#define ELEMENT     12 // of a float8[]: its length and its bits

struct row {
    int32_t catalog, shape;
    int64_t device, t; // t: Unix ms
    uint32_t metrics, number;
    const char *values; // elements of a float8[]
};

struct compact {
    struct packer *packer;
    struct row *rows;
    int64_t *t;
    double *v;
    size_t v_room;
    struct pile chunks, minutes, rollups;
    struct squeezer *z;
    struct minutes_packed *packed;
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct compact *, compact_freep, compact_free)

void compact_free(struct compact *c)
{
    if (!c)
        return;
    packer_free(c->packer);
    free(c->rows);
    free(c->t);
    free(c->v);
    squeezer_free(c->z);
    free(c->packed);
    free(c->chunks.data);
    free(c->minutes.data);
    free(c->rollups.data);
    free(c);
}

struct compact *compact_new(void)
{
    auto_with(compact_freep) struct compact *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->packer = packer_new();
    c->rows = malloc(SLICE_ROWS * sizeof *c->rows);
    c->t = malloc(SLICE_ROWS * sizeof *c->t);
    c->z = squeezer_new();
    c->packed = malloc(sizeof *c->packed);
    return c->packer && c->rows && c->t && c->z && c->packed ? take(&c) : NULL;
}

// ---------------------------------------------------------------- rows in

// Microseconds keep what PostgreSQL has, so that a place is exact.
static void time_text(int64_t pg_us, char out[TIME_LEN])
{
    char whole[RFC3339_LEN + 1];
    int64_t ms = pg_us >= 0 ? pg_us / 1000 : -1 - (-1 - pg_us) / 1000;

    clock_rfc3339(ms + PG_EPOCH_MS, whole);
    snprintf(out, TIME_LEN, "%.*s%03dZ", RFC3339_LEN - 1, whole, (int)(pg_us - ms * 1000));
}

static const char *bytes_at(const struct rows *r, int row, int column)
{
    size_t len;

    return rows_bytes(r, row, column, &len);
}

// Columns: catalog, device, ts, shape, vals.
static enum rc read_row(const struct rows *r, int i, struct row *out, int64_t *us, struct fault *f)
{
    size_t len;
    const char *vals = rows_bytes(r, i, 4, &len);
    uint32_t metrics = len >= ARRAY_HEAD ? get32(vals + 12) : 0;

    if (!metrics || metrics > CHUNK_METRICS_MAX || len != ARRAY_HEAD + (size_t)metrics * ELEMENT)
        return fail(f, RC_INTERNAL, "a row of telemetry is not as it was asked for");
    *us = (int64_t)get64(bytes_at(r, i, 2));
    *out = (struct row){ .catalog = (int32_t)get32(bytes_at(r, i, 0)),
                         .device = (int64_t)get64(bytes_at(r, i, 1)),
                         .t = *us / 1000 + PG_EPOCH_MS,
                         .shape = (int32_t)get32(bytes_at(r, i, 3)),
                         .metrics = metrics,
                         .number = (uint32_t)i,
                         .values = vals + ARRAY_HEAD };
    return RC_OK;
}

static bool is_behind(const struct compact_place *p, const struct row *row, int64_t us)
{
    if (row->catalog != p->catalog)
        return row->catalog > p->catalog;
    return row->device != p->device ? row->device > p->device : us > p->ts;
}

#define BY(member)                                                                                 \
    if (x->member != y->member)                                                                    \
    return x->member < y->member ? -1 : 1

static int by_chunk(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    BY(catalog);
    BY(device);
    BY(shape);
    BY(metrics);
    BY(t);
    BY(number);
    return 0;
}

static enum rc read_rows(struct compact *c, const struct rows *r, struct compact_place *place,
                         struct fault *f)
{
    enum rc rc = RC_OK;

    for (int i = 0; rc == RC_OK && i < rows_count(r); i++) {
        int64_t us = 0;

        rc = read_row(r, i, &c->rows[i], &us, f);
        if (rc == RC_OK && is_behind(place, &c->rows[i], us))
            *place = (struct compact_place){ c->rows[i].catalog, c->rows[i].device, us };
    }
    if (rc == RC_OK)
        qsort(c->rows, (size_t)rows_count(r), sizeof *c->rows, by_chunk);
    return rc;
}

// ---------------------------------------------------------------- chunks out

static char *put_ends(char *p, const int32_t *ends, uint32_t metrics)
{
    p = put32(p, ARRAY_HEAD + 8 * (metrics + 1));
    p = put32(put32(put32(p, 1), 0), INT4_OID);
    p = put32(put32(p, metrics + 1), 1);
    for (uint32_t i = 0; i <= metrics; i++)
        p = put_int4(p, ends[i]);
    return p;
}

static bool put_chunk(struct pile *to, const struct row *first, const struct chunk_source *from,
                      const struct chunk_packed *k)
{
    char *p;

    if (!pile_room(to, 200 + 8 * CHUNK_METRICS_MAX + k->len))
        return false;
    p = put_int4(put16(to->data + to->len, 9), first->catalog);
    p = put_time(put_int8(p, first->device), from->hour);
    p = put_int4(put_int4(p, first->shape), (int32_t)from->rows);
    p = put_int4(p, (int32_t)(from->t[0] - from->hour));
    p = put_int4(p, (int32_t)(from->t[from->rows - 1] - from->hour));
    p = put_bytes(put_ends(p, k->ends, from->metrics), k->body, k->len);
    to->len = (size_t)(p - to->data);
    return true;
}

static bool put_minutes(struct pile *to, const struct row *first, const struct chunk_source *from,
                        const struct minutes_packed *k)
{
    char *p;

    if (!pile_room(to, 200 + 8 * CHUNK_METRICS_MAX + k->len))
        return false;
    p = put_int4(put16(to->data + to->len, 8), first->catalog);
    p = put_time(put_int8(p, first->device), from->hour);
    p = put_int4(put_int4(p, first->shape), (int32_t)from->rows);
    p = put_int4(p, (int32_t)k->count);
    p = put_bytes(put_ends(p, k->ends, from->metrics), k->body, k->len);
    to->len = (size_t)(p - to->data);
    return true;
}

// One member of the sums, as an array.
static char *put_sums(char *p, const struct chunk_packed *k, uint32_t metrics, size_t member)
{
    p = put_floats(p, metrics);
    for (uint32_t i = 0; i < metrics; i++) {
        double v;

        memcpy(&v, (const char *)&k->sums[i] + member, sizeof v);
        p = put_float(p, v);
    }
    return p;
}

static bool put_rollup(struct pile *to, const struct row *first, const struct chunk_source *from,
                       const struct chunk_packed *k)
{
    static const size_t members[] = { offsetof(struct chunk_sum, low),
                                      offsetof(struct chunk_sum, high),
                                      offsetof(struct chunk_sum, total),
                                      offsetof(struct chunk_sum, squares),
                                      offsetof(struct chunk_sum, final) };
    char *p;

    if (!pile_room(to, 200 + 5 * PUT_FLOATS_LEN(CHUNK_METRICS_MAX)))
        return false;
    p = put_int4(put16(to->data + to->len, 11), first->catalog);
    p = put_time(put_int8(p, first->device), from->hour);
    p = put_int4(put_int4(p, first->shape), (int32_t)from->rows);
    p = put_time(p, from->t[from->rows - 1]);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        p = put_sums(p, k, from->metrics, members[i]);
    to->len = (size_t)(p - to->data);
    return true;
}

static bool v_room(struct compact *c, size_t count)
{
    double *grown;

    if (count <= c->v_room)
        return true;
    grown = reallocarray(c->v, count, 2 * sizeof *grown);
    if (!grown)
        return false;
    c->v = grown;
    c->v_room = count * 2;
    return true;
}

// Rows of one device and shape, by time.
static bool pack_rows(struct compact *c, int64_t hour, const struct row *rows, size_t n,
                      struct compact_count *count)
{
    struct chunk_source from = { hour * HOUR_MS, n, rows->metrics, c->t, NULL };
    struct chunk_packed k;
    double *v;

    if (!v_room(c, n * rows->metrics))
        return false;
    v = c->v;
    for (size_t i = 0; i < n; i++) {
        c->t[i] = rows[i].t;
        for (uint32_t m = 0; m < rows->metrics; m++) {
            uint64_t bits = get64(rows[i].values + m * ELEMENT + 4);

            memcpy(v++, &bits, sizeof bits);
        }
    }
    from.v = c->v;
    if (!chunk_pack(c->packer, &from, &k))
        return false;
    count->rows += n;
    count->points += n * rows->metrics;
    count->chunks++;
    count->bytes += k.len;
    minutes_pack(c->z, &from, &k, c->packed);
    return put_chunk(&c->chunks, rows, &from, &k) &&
           put_minutes(&c->minutes, rows, &from, c->packed) &&
           put_rollup(&c->rollups, rows, &from, &k);
}

static bool is_same_chunk(const struct row *a, const struct row *b)
{
    return a->catalog == b->catalog && a->device == b->device && a->shape == b->shape &&
           a->metrics == b->metrics;
}

static bool start_copy(struct pile *p)
{
    p->len = 0;
    if (!pile_room(p, sizeof copy_head))
        return false;
    memcpy(p->data, copy_head, sizeof copy_head);
    p->len = sizeof copy_head;
    return true;
}

static bool end_copy(struct pile *p)
{
    if (!pile_room(p, sizeof copy_tail))
        return false;
    memcpy(p->data + p->len, copy_tail, sizeof copy_tail);
    p->len += sizeof copy_tail;
    return true;
}

static bool pack_all(struct compact *c, int64_t hour, size_t n, struct compact_count *count)
{
    bool ok = start_copy(&c->chunks) && start_copy(&c->minutes) && start_copy(&c->rollups);

    for (size_t from = 0, to; ok && from < n; from = to) {
        for (to = from + 1; to < n && is_same_chunk(&c->rows[from], &c->rows[to]);)
            to++;
        ok = pack_rows(c, hour, &c->rows[from], to - from, count);
    }
    return ok && end_copy(&c->chunks) && end_copy(&c->minutes) && end_copy(&c->rollups);
}

#define COPY_CHUNKS                                                                                \
    "COPY telemetry_chunk (catalog, device, hour, shape, n, first, last, ends, body)"              \
    " FROM STDIN BINARY;"
#define COPY_MINUTES                                                                               \
    "COPY telemetry_minute (catalog, device, hour, shape, n, minutes, ends, body)"                 \
    " FROM STDIN BINARY;"
#define COPY_ROLLUPS                                                                               \
    "COPY telemetry_rollup (catalog, device, hour, shape, n, last, low, high, total, squares,"     \
    " final) FROM STDIN BINARY;"

static enum rc put_all(struct compact *c, struct link *l, struct fault *f)
{
    const struct pile *const piles[] = { &c->chunks, &c->minutes, &c->rollups };
    bool more = false;
    enum rc rc = link_copy_begin(l, COPY_CHUNKS COPY_MINUTES COPY_ROLLUPS "COMMIT", f);

    for (size_t i = 0; rc == RC_OK && i < sizeof piles / sizeof *piles; i++) {
        rc = link_copy_put(l, piles[i]->data, piles[i]->len, f);
        if (rc == RC_OK)
            rc = link_copy_end(l, &more, f);
    }
    return rc;
}

static enum rc take_rows(struct link *l, int64_t hour, const struct compact_place *place,
                         struct rows **out, struct fault *f)
{
    char from[RFC3339_LEN + 1], to[RFC3339_LEN + 1], ts[TIME_LEN];
    const char *args[] = {
        from, to, ARG_INT(place->catalog), ARG_INT(place->device), ts, ARG_INT(SLICE_ROWS)
    };

    clock_rfc3339(hour * HOUR_MS, from);
    clock_rfc3339((hour + 1) * HOUR_MS, to);
    time_text(place->ts, ts);
    return link_run(l, &Q_COMPACT_TAKE, args, out, f);
}

// The index has the order; a table without statistics must not be sorted instead.
#define BEGIN "BEGIN; SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off"

enum rc compact_slice(struct compact *c, struct link *l, int64_t hour, struct compact_place *place,
                      bool *done, struct compact_count *count, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    struct compact_place next = *place;
    struct compact_count moved = *count;
    enum rc rc = link_exec(l, BEGIN, f);

    if (rc == RC_OK)
        rc = take_rows(l, hour, place, &r, f);
    if (rc != RC_OK)
        return rc;
    *done = rows_count(r) < SLICE_ROWS;
    rc = read_rows(c, r, &next, f);
    if (rc == RC_OK && !pack_all(c, hour, (size_t)rows_count(r), &moved))
        rc = fail(f, RC_UNAVAILABLE, "out of memory");
    if (rc != RC_OK || rows_count(r) == 0) {
        enum rc ended = link_exec(l, "ROLLBACK", rc == RC_OK ? f : NULL);

        return rc == RC_OK ? ended : rc;
    }
    rc = put_all(c, l, f);
    if (rc == RC_OK) {
        *place = next;
        *count = moved;
    }
    return rc;
}

// ---------------------------------------------------------------- partitions

enum rc compact_make_room(struct link *l, int64_t hour, struct fault *f)
{
    static const enum partition_table tables[] = { PARTITION_CHUNK, PARTITION_MINUTE,
                                                   PARTITION_ROLLUP };
    static const char *const columns[] = { "chunks", "minutes", "rollups" };
    auto_with(rows_freep) struct rows *r = NULL;
    char names[3][PARTITION_LEN + 1];
    enum rc rc;

    for (int i = 0; i < 3; i++)
        partition_name(tables[i], partition_start(tables[i], hour), names[i]);
    rc = link_run(l, &Q_COMPACT_ROOM, (const char *[]){ names[0], names[1], names[2] }, &r, f);
    for (int i = 0; rc == RC_OK && i < 3; i++) {
        char sql[PARTITION_SQL_LEN];

        if (rows_bool(r, 0, columns[i]))
            continue;
        partition_sql(tables[i], partition_start(tables[i], hour), sql, sizeof sql);
        rc = link_exec(l, sql, f);
    }
    return rc;
}

// Deleted rows still take room until they are vacuumed, and looking through them takes time.
static enum rc shrink(struct link *l, const char *name, int64_t *bytes, struct fault *f)
{
    char sql[PARTITION_LEN + 20];
    enum rc rc = RC_OK;

    snprintf(sql, sizeof sql, "VACUUM %s", name);
    for (int i = 0; rc == RC_OK && i < 2; i++) {
        auto_with(rows_freep) struct rows *r = NULL;

        rc = link_run(l, &Q_COMPACT_SIZE, (const char *[]){ name }, &r, f);
        *bytes = rc == RC_OK ? rows_int(r, 0, "bytes") : 0;
        if (rc == RC_OK && i == 0 && *bytes > SMALL_BYTES)
            rc = link_exec(l, sql, f);
    }
    return rc;
}

static enum rc ask_empty(struct link *l, int64_t hour, bool *empty, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    char from[RFC3339_LEN + 1], to[RFC3339_LEN + 1];
    enum rc rc;

    clock_rfc3339(hour * HOUR_MS, from);
    clock_rfc3339((hour + 1) * HOUR_MS, to);
    rc = link_run(l, &Q_COMPACT_EMPTY, (const char *[]){ from, to }, &r, f);
    if (rc == RC_OK)
        *empty = rows_bool(r, 0, "empty");
    return rc;
}

static enum rc ask_leave(struct link *l, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    const char *args[] = { ARG_INT(PARTITION_DROP_SPACE), ARG_INT(PARTITION_DROP_KEY) };
    enum rc rc = link_run(l, &Q_COMPACT_MAY_DROP, args, &r, f);

    if (rc != RC_OK || rows_bool(r, 0, "yes"))
        return rc;
    (void)link_exec(l, "ROLLBACK", NULL);
    return fail(f, RC_UNAVAILABLE, "a writer needs the partition");
}

// Under the lock nobody writes, so what is empty then stays so. Whoever waits for it meanwhile
// finds no partition, and makes it again.
static enum rc drop_locked(struct link *l, int64_t hour, const char *name, bool *gone,
                           struct fault *f)
{
    char sql[300];
    bool empty = false;
    enum rc rc;

    snprintf(sql, sizeof sql,
             "BEGIN; SET LOCAL lock_timeout = '100ms'; SET LOCAL statement_timeout = '1s';"
             "LOCK TABLE ONLY telemetry, %s IN ACCESS EXCLUSIVE MODE",
             name);
    rc = link_exec(l, sql, f);
    if (rc == RC_OK)
        rc = ask_leave(l, f);
    if (rc == RC_OK)
        rc = ask_empty(l, hour, &empty, f);
    if (rc != RC_OK)
        return rc;
    snprintf(sql, sizeof sql, "DROP TABLE %s; COMMIT", name);
    rc = link_exec(l, empty ? sql : "ROLLBACK", f);
    *gone = rc == RC_OK && empty;
    return rc;
}

enum rc compact_drop(struct link *l, int64_t hour, bool *gone, struct fault *f)
{
    char name[PARTITION_LEN + 1];
    int64_t bytes = 0;
    bool empty = false;
    enum rc rc;

    *gone = false;
    partition_name(PARTITION_TELEMETRY, hour, name);
    rc = ask_empty(l, hour, &empty, f);
    if (rc == RC_OK && empty)
        rc = shrink(l, name, &bytes, f);
    if (rc != RC_OK || !empty || bytes < 0 || bytes > SMALL_BYTES)
        return rc;
    return drop_locked(l, hour, name, gone, f);
}
