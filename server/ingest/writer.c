// SPDX-License-Identifier: Apache-2.0
//
// One thread and one connection a shard. It takes the oldest batch, commits it, tells who is to be
// told, and only then takes the next: what comes meanwhile is the next batch, so that batches
// grow with the load by themselves. It never gives a batch up while the server runs.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "ingest/engine.h"
#include "ingest/lines.h"
#include "ingest/pgcopy.h"
#include "ingest_sql.h"

#define COMMIT_TIMEOUT_MS 60000
#define FENCE_AGAIN_MS    2000
#define DROPS_WAIT_MS     5000
#define PAUSE_MIN_MS      50
#define PAUSE_MAX_MS      1000
#define STAGE_BYTES       65536
#define LOCKED_AT_A_TIME  256
#define TOKEN_TEXT_LEN    36

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

enum rc writer_open(struct shard *h, int wait_ms, struct fault *f)
{
    char name[40];
    enum rc rc;

    snprintf(name, sizeof name, "orrery ingest %d", h->number);
    rc = link_open(h->g->conninfo, name, COMMIT_TIMEOUT_MS, &h->link, f);
    if (rc == RC_OK)
        rc = link_lock(h->link, FENCE_SPACE, h->number, wait_ms, f);
    if (rc != RC_OK) {
        link_close(h->link);
        h->link = NULL;
    }
    return rc;
}

// ---------------------------------------------------------------- waiting

static struct timespec at_us(int64_t us)
{
    return (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
}

// The shard is locked.
static bool is_due(const struct shard *h, const struct batch *b)
{
    const struct ingest *g = h->g;

    return b->messages > 0 && (b != h->tail || b->messages >= g->flush_at ||
                               clock_mono_us() >= b->due_us || atomic_load(&g->stopping));
}

static struct batch *take_head(struct shard *h)
{
    struct batch *b = h->head;

    h->head = b->next;
    if (!h->head)
        h->tail = NULL;
    h->busy = b;
    return b;
}

static void wait_for_more(struct shard *h, const struct batch *b)
{
    struct timespec at;

    h->writer_waits = true;
    if (b && b->messages) {
        at = at_us(b->due_us);
        pthread_cond_timedwait(&h->wake, &h->lock, &at);
    } else {
        pthread_cond_wait(&h->wake, &h->lock);
    }
    h->writer_waits = false;
}

static void acknowledge(struct shard *h, size_t count)
{
    if (count && h->g->hooks.acked)
        h->g->hooks.acked(h->g->hooks.ctx, h->acks, count);
}

static bool acks_room(struct shard *h, size_t count)
{
    struct ingest_ack *grown;

    if (count <= h->acks_room)
        return true;
    grown = reallocarray(h->acks, count, sizeof *grown);
    if (!grown)
        return false;
    h->acks = grown;
    h->acks_room = count;
    return true;
}

static size_t add_ack(struct shard *h, const struct slot *s, size_t n)
{
    if (!s->session || n == h->acks_room)
        return n;
    h->acks[n] =
        (struct ingest_ack){ s->session->loop, s->session->session, s->done.boot, s->done.seq };
    return n + 1;
}

// The shard is locked, and is again after.
static void acknowledge_replays(struct shard *h)
{
    size_t n = 0;

    acks_room(h, h->again_count);
    for (size_t i = 0; i < h->again_count; i++) {
        h->again[i]->again = false;
        n = add_ack(h, h->again[i], n);
    }
    h->again_count = 0;
    pthread_mutex_unlock(&h->lock);
    acknowledge(h, n);
    pthread_mutex_lock(&h->lock);
}

// NULL when the server stops and nothing is left.
static struct batch *next_batch(struct shard *h)
{
    struct batch *b = NULL;

    pthread_mutex_lock(&h->lock);
    for (;;) {
        b = h->head;
        if (h->again_count) {
            acknowledge_replays(h);
        } else if (b && is_due(h, b)) {
            b = take_head(h);
            break;
        } else if (atomic_load(&h->g->stopping)) {
            b = NULL;
            break;
        } else {
            wait_for_more(h, b);
        }
    }
    pthread_mutex_unlock(&h->lock);
    return b;
}

// ---------------------------------------------------------------- one transaction

static enum rc feed_rows(struct shard *h, struct batch *b, struct fault *f)
{
    struct batch_walk walk;
    enum rc rc = RC_OK;
    size_t n;

    h->scratch.len = 0;
    if (!pile_room(&h->scratch, STAGE_BYTES) || !batch_walk_start(&walk, b))
        return fail(f, RC_UNAVAILABLE, "out of memory");
    while (rc == RC_OK && (n = batch_rows_next(&walk, h->scratch.data, STAGE_BYTES)) > 0)
        rc = link_copy_put(h->link, h->scratch.data, n, f);
    batch_walk_done(&walk);
    return rc;
}

static enum rc feed_lines(struct shard *h, struct batch *b, struct fault *f)
{
    if (!batch_lines(b, &h->scratch))
        return fail(f, RC_UNAVAILABLE, "out of memory");
    return link_copy_put(h->link, h->scratch.data, h->scratch.len, f);
}

static enum rc feed_counts(struct shard *h, struct batch *b, struct fault *f)
{
    if (!lines_count(b, &h->scratch))
        return fail(f, RC_UNAVAILABLE, "out of memory");
    return link_copy_put(h->link, h->scratch.data, h->scratch.len, f);
}

static enum rc feed_event_counts(struct shard *h, struct batch *b, struct fault *f)
{
    if (!lines_count_events(b, &h->scratch))
        return fail(f, RC_UNAVAILABLE, "out of memory");
    return link_copy_put(h->link, h->scratch.data, h->scratch.len, f);
}

static enum rc feed_body(struct shard *h, struct batch *b, struct fault *f)
{
    if (!batch_body(b, &h->scratch))
        return fail(f, RC_UNAVAILABLE, "out of memory");
    return link_copy_put(h->link, h->scratch.data, h->scratch.len, f);
}

static enum rc store_shapes(struct shard *h, struct batch *b, struct fault *f)
{
    enum rc rc = RC_OK;

    for (uint32_t i = 0; rc == RC_OK && i < b->shape_count; i++)
        rc = shape_store(b->shapes[i], h->link, f);
    return rc;
}

static enum rc make_room(struct shard *h, struct batch *b, struct fault *f)
{
    int64_t now = clock_now_ms();
    enum rc rc = store_shapes(h, b, f);

    for (int t = 0; rc == RC_OK && t < PARTITION_TABLES; t++)
        rc = partitions_ensure(h->g->partitions, h->link, (enum partition_table)t, &b->hours[t],
                               now, f);
    return rc;
}

#define COPY_ROWS "COPY telemetry (catalog, device, ts, shape, vals) FROM STDIN BINARY;"
#define COPY_LINES                                                                                 \
    "COPY journal (catalog, device, ts, seq, event, level, name, source, text, fields)"            \
    " FROM STDIN BINARY;"
#define COPY_BODY "COPY ingest_batch (id, body) FROM STDIN BINARY;"

// Rows, lines and body in one query: one transaction, and as few waits as COPY allows.
static enum rc send(struct shard *h, struct batch *b, struct fault *f)
{
    typedef enum rc feeder(struct shard *, struct batch *, struct fault *);
    feeder *feeders[5];
    bool events = lines_has_events(b);
    char sql[800];
    int count = 0;
    enum rc rc;

    snprintf(sql, sizeof sql, "BEGIN;%s%s%s" COPY_BODY "COMMIT", b->row_count ? COPY_ROWS : "",
             b->line_count ? COPY_LINES COPY_COUNTS : "", events ? COPY_EVENT_COUNTS : "");
    if (b->row_count)
        feeders[count++] = feed_rows;
    if (b->line_count) {
        feeders[count++] = feed_lines;
        feeders[count++] = feed_counts;
    }
    if (events)
        feeders[count++] = feed_event_counts;
    feeders[count++] = feed_body;
    rc = link_copy_begin(h->link, sql, f);
    for (int i = 0; rc == RC_OK && i < count; i++) {
        bool more = false;

        rc = feeders[i](h, b, f);
        if (rc == RC_OK)
            rc = link_copy_end(h->link, &more, f);
        if (rc == RC_OK && more != (i + 1 < count))
            rc = fail(f, RC_INTERNAL, "COPY and its rows are out of step");
    }
    return rc;
}

static void token_text(const struct batch *b, char out[TOKEN_TEXT_LEN + 1])
{
    char hex[33];

    hex_encode(b->id, sizeof b->id, hex);
    snprintf(out, TOKEN_TEXT_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
}

// Whether an earlier connection committed the batch before it was lost. The fence says that it
// cannot do so any more.
static enum rc ask_token(struct shard *h, const struct batch *b, bool *found, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    char id[TOKEN_TEXT_LEN + 1];
    enum rc rc;

    token_text(b, id);
    rc = link_run(h->link, &Q_INGEST_BATCH_EXISTS, (const char *[]){ id }, &r, f);
    if (rc == RC_OK)
        *found = rows_count(r) > 0;
    return rc;
}

// ---------------------------------------------------------------- rows that PostgreSQL refuses

// A stretch of rows or of lines, tried in a transaction that is rolled back.
struct stretch {
    struct shard *h;
    struct batch *b;
    bool lines;
};

static bool *refused_mark(const struct stretch *s, uint32_t i)
{
    return s->lines ? &s->b->line[i].refused : &s->b->row[i].refused;
}

static enum rc feed_stretch(const struct stretch *s, uint32_t from, uint32_t to, struct fault *f)
{
    const struct batch *b = s->b;
    enum rc rc = link_copy_put(s->h->link, copy_head, sizeof copy_head, f);

    for (uint32_t i = from; rc == RC_OK && i < to; i++) {
        const char *at = s->lines ? b->lines.data + b->line[i].at : b->rows.data + b->row[i].at;

        if (!*refused_mark(s, i))
            rc = link_copy_put(s->h->link, at,
                               s->lines ? batch_line_len(b, i) : batch_row_len(b, i), f);
    }
    return rc == RC_OK ? link_copy_put(s->h->link, copy_tail, sizeof copy_tail, f) : rc;
}

static enum rc probe(const struct stretch *s, uint32_t from, uint32_t to, struct fault *f)
{
    struct link *l = s->h->link;
    enum rc rc = link_copy_begin(
        l, s->lines ? "BEGIN;" COPY_LINES "ROLLBACK" : "BEGIN;" COPY_ROWS "ROLLBACK", f);

    if (rc == RC_OK)
        rc = feed_stretch(s, from, to, f);
    if (rc == RC_OK)
        rc = link_copy_end(l, NULL, f);
    return rc;
}

static bool is_refusal(enum rc rc)
{
    return rc != RC_OK && rc != RC_UNAVAILABLE;
}

static void report_refused(const struct stretch *s, uint32_t i, const struct fault *f)
{
    const char *at =
        s->lines ? s->b->lines.data + s->b->line[i].at : s->b->rows.data + s->b->row[i].at;

    *refused_mark(s, i) = true;
    pthread_mutex_lock(&s->h->lock);
    s->h->stats.refused++;
    pthread_mutex_unlock(&s->h->lock);
    // Behind the field count: length and value of catalog, then of device.
    log_error(&ingest_log,
              "the database refused a %s of device %lld: %s, left out; please report this",
              s->lines ? "journal entry" : "reading", (long long)get64(at + 14), f->text);
}

// Halves until the bad ones stand alone. Depth is the logarithm of the batch.
static enum rc isolate(const struct stretch *s, uint32_t from, uint32_t to, struct fault *f)
{
    uint32_t middle = from + (to - from) / 2;
    enum rc rc = from < to ? probe(s, from, to, f) : RC_OK;

    if (!is_refusal(rc))
        return rc;
    if (to - from == 1) {
        report_refused(s, from, f);
        return RC_OK;
    }
    rc = isolate(s, from, middle, f);
    return rc == RC_OK ? isolate(s, middle, to, f) : rc;
}

// If even an empty COPY is refused, no row is to blame.
static enum rc isolate_all(struct shard *h, struct batch *b, struct fault *f)
{
    struct stretch rows = { h, b, false }, lines = { h, b, true };
    enum rc rc = probe(&rows, 0, 0, f);

    if (rc == RC_OK)
        rc = probe(&lines, 0, 0, f);
    if (rc == RC_OK)
        rc = isolate(&rows, 0, b->row_count, f);
    if (rc == RC_OK)
        rc = isolate(&lines, 0, b->line_count, f);
    return rc;
}

// ---------------------------------------------------------------- until it is committed

static void trouble(struct shard *h, const struct fault *f)
{
    bool news;

    pthread_mutex_lock(&h->lock);
    news = !h->troubled;
    h->troubled = true;
    snprintf(h->trouble, sizeof h->trouble, "telemetry is not committed: %s", f->text);
    pthread_mutex_unlock(&h->lock);
    if (news)
        log_warn(&ingest_log, "writer %d: %s, nothing is acknowledged, retrying", h->number,
                 f->text);
}

static void fine(struct shard *h)
{
    bool news;

    pthread_mutex_lock(&h->lock);
    news = h->troubled;
    h->troubled = false;
    pthread_mutex_unlock(&h->lock);
    if (news)
        log_info(&ingest_log, "writer %d: commits again", h->number);
}

static bool gives_up(const struct shard *h)
{
    return atomic_load(&h->g->stopping) && clock_mono_ms() >= h->g->stop_by;
}

static void pause_for(struct shard *h, int64_t ms)
{
    struct timespec at = at_us(clock_mono_us() + ms * 1000);
    int rc = 0;

    pthread_mutex_lock(&h->lock);
    while (rc == 0 && !atomic_load(&h->g->stopping))
        rc = pthread_cond_timedwait(&h->wake, &h->lock, &at);
    pthread_mutex_unlock(&h->lock);
    if (atomic_load(&h->g->stopping))
        nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MIN_MS * 1000000L }, NULL);
}

struct attempt {
    bool sent; // on a connection that is lost: it may have been committed
    int refusals;
    int64_t pause; // ms
};

// On a good connection: is it there already, or can it be put there?
static enum rc try_once(struct shard *h, struct batch *b, struct attempt *a, struct fault *f)
{
    bool found = false;
    enum rc rc = a->sent ? ask_token(h, b, &found, f) : RC_OK;

    if (rc != RC_OK)
        return rc;
    if (a->sent) {
        pthread_mutex_lock(&h->lock);
        h->stats.recovered_batches += found;
        h->stats.resent_batches += !found;
        pthread_mutex_unlock(&h->lock);
        a->sent = false;
    }
    if (found)
        return RC_OK;
    rc = make_room(h, b, f);
    if (rc != RC_OK)
        return rc;
    a->sent = true;
    rc = send(h, b, f);
    a->sent = rc == RC_UNAVAILABLE; // after a refusal it is certainly not there
    return rc;
}

// While nobody drops a partition and each that the batch needs is there, what is refused is a row.
static enum rc find_refused(struct shard *h, struct batch *b, struct fault *f)
{
    enum rc rc = link_lock(h->link, PARTITION_DROP_SPACE, PARTITION_DROP_KEY, DROPS_WAIT_MS, f);

    if (rc == RC_OK)
        rc = partitions_load(h->g->partitions, h->link, f);
    if (rc == RC_OK)
        rc = make_room(h, b, f);
    if (rc == RC_OK)
        rc = isolate_all(h, b, f);
    return rc == RC_OK ? link_unlock(h->link, PARTITION_DROP_SPACE, PARTITION_DROP_KEY, f) : rc;
}

// First it may be a partition that is gone, then rows.
static enum rc after_refusal(struct shard *h, struct batch *b, struct attempt *a, struct fault *f)
{
    a->refusals++;
    if (a->refusals == 1)
        return partitions_load(h->g->partitions, h->link, f);
    if (a->refusals == 2)
        return find_refused(h, b, f);
    return RC_UNAVAILABLE;
}

static void step_back(struct shard *h, struct attempt *a, const struct fault *f)
{
    trouble(h, f);
    // Whatever state the connection is in: a new one has the fence, or does not come to be.
    link_close(h->link);
    h->link = NULL;
    a->refusals = 0;
    pause_for(h, a->pause);
    a->pause = a->pause * 2 < PAUSE_MAX_MS ? a->pause * 2 : PAUSE_MAX_MS;
}

static bool commit(struct shard *h, struct batch *b)
{
    struct attempt a = { .pause = PAUSE_MIN_MS };

    while (!gives_up(h)) {
        struct fault f = { 0 };
        enum rc rc = h->link ? RC_OK : writer_open(h, FENCE_AGAIN_MS, &f);

        if (rc == RC_OK)
            rc = try_once(h, b, &a, &f);
        if (rc == RC_OK) {
            fine(h);
            return true;
        }
        if (h->link && is_refusal(rc))
            rc = after_refusal(h, b, &a, &f);
        if (rc != RC_OK)
            step_back(h, &a, &f);
    }
    return false;
}

// ---------------------------------------------------------------- after the commit

static void keep_values(struct slot *s, const struct batch *b, const struct batch_part *p)
{
    double *grown;

    if (p->newest == BATCH_NO_ROW || p->newest_at < s->last_at)
        return;
    if (!s->last_shape || s->last_shape->count != p->shape->count) {
        grown = reallocarray(s->last_values, p->shape->count, sizeof *grown);
        if (!grown)
            return;
        s->last_values = grown;
    }
    s->last_shape = p->shape;
    s->last_at = p->newest_at;
    batch_row_values(b, p->newest, s->last_values);
}

void shard_keep_token(struct shard *h, const unsigned char id[16])
{
    struct token *grown;

    if (h->token_count == h->token_room) {
        grown = reallocarray(h->tokens, h->token_room * 2 + 64, sizeof *grown);
        if (!grown)
            return; // it stays in ingest_batch until the next start
        h->tokens = grown;
        h->token_room = h->token_room * 2 + 64;
    }
    memcpy(h->tokens[h->token_count++].id, id, 16);
}

// Notes what is committed; how many acknowledgements that gives. In steps, so that the loops, which
// want the same lock, do not wait long.
static size_t note_commit(struct shard *h, const struct batch *b)
{
    int64_t now = clock_now_ms();
    size_t n = 0;

    acks_room(h, b->part_count);
    pthread_mutex_lock(&h->lock);
    for (uint32_t i = 0; i < b->part_count; i++) {
        const struct batch_part *p = &b->part[i];
        struct slot *s = p->slot;

        if (i % LOCKED_AT_A_TIME == LOCKED_AT_A_TIME - 1) {
            pthread_mutex_unlock(&h->lock);
            pthread_mutex_lock(&h->lock);
        }
        if (position_after((struct position){ p->boot, p->seq }, s->done))
            s->done = (struct position){ p->boot, p->seq };
        s->seen_at = now;
        keep_values(s, b, p);
        slot_soil(h, s);
        n = add_ack(h, s, n);
    }
    shard_keep_token(h, b->id);
    h->stats.batches++;
    h->stats.messages += b->messages;
    pthread_mutex_unlock(&h->lock);
    return n;
}

static void publish_reading(struct ingest *g, const struct batch *b, const struct batch_part *p)
{
    double values[TOKEN_METRICS_MAX];
    struct bus_event e = {
        .kind = BUS_READING,
        .catalog = p->catalog,
        .device = p->device,
        .id = p->slot->id,
        .at = p->newest_at,
        .names = p->shape->names,
        .values = values,
        .messages = p->fresh,
    };

    e.count = batch_row_values(b, p->newest, values);
    bus_publish(g->bus, &e);
}

// A copy with a NUL; at moves on behind it.
static const char *with_nul(char **at, const struct batch_text *t)
{
    char *text = *at;

    if (!t->at)
        return NULL;
    *at = (char *)mempcpy(text, t->at, t->len) + 1;
    (*at)[-1] = '\0';
    return text;
}

static void publish_line(struct shard *h, const struct batch *b, uint32_t i)
{
    const struct batch_part *p = &b->part[b->line[i].part];
    struct batch_line_view v;
    char *at;

    batch_line_read(b, i, &v);
    h->scratch.len = 0;
    if (!pile_room(&h->scratch, batch_line_len(b, i) + 4))
        return;
    at = h->scratch.data;
    bus_publish(h->g->bus, &(struct bus_event){
                               .kind = BUS_JOURNAL,
                               .catalog = p->catalog,
                               .device = p->device,
                               .id = p->slot->id,
                               .at = v.at,
                               .level = v.level,
                               .name = with_nul(&at, &v.name),
                               .source = with_nul(&at, &v.source),
                               .text = with_nul(&at, &v.text),
                               .fields = with_nul(&at, &v.fields),
                           });
}

// Once for each run of devices of one catalog, which a batch mostly is.
static void publish_intake(struct ingest *g, const struct batch *b)
{
    struct bus_event e = { .kind = BUS_INTAKE };

    for (uint32_t i = 0; i < b->part_count; i++) {
        if (e.catalog != b->part[i].catalog && e.messages > 0) {
            bus_publish(g->bus, &e);
            e.messages = 0;
        }
        e.catalog = b->part[i].catalog;
        e.messages += b->part[i].messages;
    }
    if (e.messages > 0)
        bus_publish(g->bus, &e);
}

// Rows lie in the order they came, a refused one now and then between them.
static void tell_tap(const struct ingest_tap *t, const struct batch *b)
{
    uint32_t from = 0, i = 0;

    if (!t->committed || b->row_count == 0 || !t->wants(t->ctx))
        return;
    for (; i <= b->row_count; i++) {
        if (i < b->row_count && !b->row[i].refused)
            continue;
        if (i > from) {
            uint32_t at = b->row[from].at, end = b->row[i - 1].at + batch_row_len(b, i - 1);

            t->committed(t->ctx, b->rows.data + at, end - at);
        }
        from = i + 1;
    }
}

static void publish(struct shard *h, const struct batch *b)
{
    if (!h->g->bus)
        return;
    publish_intake(h->g, b);
    for (uint32_t i = 0; i < b->part_count; i++) {
        if (b->part[i].newest != BATCH_NO_ROW && !b->row[b->part[i].newest].refused)
            publish_reading(h->g, b, &b->part[i]);
    }
    for (uint32_t i = 0; i < b->line_count; i++) {
        if (!b->line[i].refused)
            publish_line(h, b, i);
    }
}

void shard_drained(struct shard *h)
{
    struct ingest *g = h->g;

    bool drained;

    pthread_mutex_lock(&h->lock);
    drained = atomic_load(&h->full) && h->pending <= g->pending_max / 4 * 3 &&
              h->pending_bytes <= g->bytes_max / 4 * 3;
    if (drained)
        atomic_store(&h->full, false);
    pthread_mutex_unlock(&h->lock);
    if (drained && !ingest_is_full(g) && g->hooks.drained)
        g->hooks.drained(g->hooks.ctx);
}

// Lets go of the batch and its devices.
static void release(struct shard *h, struct batch *b)
{
    pthread_mutex_lock(&h->lock);
    for (uint32_t i = 0; i < b->part_count; i++)
        b->part[i].slot->pending--;
    h->pending -= b->messages;
    h->pending_bytes -= b->charged;
    h->busy = NULL;
    if (!h->spare || !h->spare->next) {
        b->next = h->spare;
        h->spare = b;
        b = NULL;
    }
    pthread_mutex_unlock(&h->lock);
    batch_free(b);
}

void *writer_main(void *shard)
{
    struct shard *h = shard;
    struct batch *b;

    while ((b = next_batch(h)) && commit(h, b)) {
        acknowledge(h, note_commit(h, b));
        tell_tap(&h->g->tap, b);
        publish(h, b);
        release(h, b);
        shard_drained(h);
    }
    return NULL;
}
