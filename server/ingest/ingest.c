// SPDX-License-Identifier: Apache-2.0

#include "ingest/ingest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/config.h"
#include "ingest/engine.h"
#include "ingest/lexicon.h"
#include "ingest_sql.h"
#include "protocol/protocol.h"

#define FLUSH_AT        1000  // messages; below that the linger decides
#define QUIET_US        10000 // nothing came for so long
#define QUIET_LINGERS   16
#define FRESH_MS        30000 // what is older was kept back
#define BYTES_A_MESSAGE 512   // of the pending ones, on average at most
#define FENCE_WAIT_MS   10000
#define STOP_WAIT_MS    5000
#define LAG_ALARM_S     10
#define ATTACH_TIMEOUT  5000

const struct log_ctx ingest_log = { .area = "ingest" };

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// ---------------------------------------------------------------- the hot path

// Where messages are rare, a commit for each would cost more than all else the server does: there
// one waits longer for others.
static int64_t linger_of(const struct shard *h, int64_t now_us)
{
    bool quiet = now_us - h->due_us > QUIET_US;

    return quiet ? QUIET_LINGERS * h->g->linger_us : h->g->linger_us;
}

// An open batch of this shard, and the device's part in it. The shard is locked.
static struct batch *open_batch(struct shard *h)
{
    struct batch *b = h->tail;

    if (b && b->messages < h->g->batch_max)
        return b;
    b = h->spare ? h->spare : batch_new();
    if (!b)
        return NULL;
    h->spare = b == h->spare ? b->next : h->spare;
    batch_reset(b, ++h->last_number);
    b->born_us = clock_mono_us();
    b->due_us = h->due_us = b->born_us + linger_of(h, b->born_us);
    if (h->tail)
        h->tail->next = b;
    else
        h->head = b;
    h->tail = b;
    return b;
}

static struct batch *place(struct shard *h, struct slot *s)
{
    struct batch *b = open_batch(h);

    if (!b || s->batch == b->number)
        return b;
    s->part = batch_join(b, s, s->catalog, s->device);
    if (s->part == BATCH_NO_ROW)
        return NULL;
    s->batch = b->number;
    s->pending++;
    return b;
}

// The message is in the batch, or settled by it.
static void count(struct shard *h, struct slot *s, struct batch *b, struct position p, size_t bytes)
{
    batch_count(b, s->part, p.boot, p.seq, bytes);
    s->taken = p;
    h->pending++;
    h->pending_bytes += bytes;
    if (h->writer_waits && (b->messages == 1 || b->messages == h->g->flush_at)) {
        h->writer_waits = false;
        pthread_cond_signal(&h->wake);
    }
}

static enum ingest_result out_of_memory(struct shard *h)
{
    atomic_store(&h->full, true);
    return INGEST_FULL;
}

static void acknowledge_again(struct shard *h, struct slot *s)
{
    struct slot **grown;

    if (s->again)
        return;
    if (h->again_count == h->again_room) {
        grown = reallocarray(h->again, h->again_room * 2 + 16, sizeof(struct slot *));
        if (!grown)
            return; // the device asks once more
        h->again = grown;
        h->again_room = h->again_room * 2 + 16;
    }
    s->again = true;
    h->again[h->again_count++] = s;
    if (h->writer_waits) {
        h->writer_waits = false;
        pthread_cond_signal(&h->wake);
    }
}

// What was said to be committed when the session began need not have been sent again: once a
// session that is worth telling.
static enum ingest_result replay(struct ingest_device *d, struct position p)
{
    struct shard *h = d->shard;

    h->stats.replays++;
    if (!position_after(p, d->slot->done))
        acknowledge_again(h, d->slot);
    if (!d->went_back.seq && !position_after(p, d->told))
        d->went_back = p;
    return INGEST_REPLAY;
}

static enum ingest_result refuse(struct shard *h, const char **code, const char *which)
{
    if (code)
        *code = which;
    h->stats.nacks++;
    return INGEST_NACK;
}

// Whether a message may be taken at all. *p: its place in the sequence.
static enum ingest_result admit(struct ingest_device *d, int64_t boot, int64_t seq,
                                struct position *p, const char **code, struct fault *f)
{
    struct shard *h = d->shard;

    *p = (struct position){ boot ? boot : d->boot, seq };
    if (p->boot > d->boot) {
        fail(f, RC_INVALID, "boot %" PRId64 " is later than the one of this session, %" PRId64,
             p->boot, d->boot);
        return refuse(h, code, "boot");
    }
    if (!position_after(*p, d->slot->taken))
        return replay(d, *p);
    if (h->pending >= h->g->pending_max || h->pending_bytes >= h->g->bytes_max)
        atomic_store_explicit(&h->full, true, memory_order_relaxed);
    return atomic_load_explicit(&h->full, memory_order_relaxed) ? INGEST_FULL : INGEST_TAKEN;
}

static bool in_time(struct ingest *g, enum partition_table table, int64_t t, struct fault *f)
{
    int64_t now = clock_now_ms();
    int64_t floor = atomic_load_explicit(&g->floor[table], memory_order_relaxed);

    if (t > now + LIMIT_FUTURE_MS) {
        fail(f, RC_INVALID, "'t' lies %" PRId64 " s ahead of the server's clock", (t - now) / 1000);
        return false;
    }
    if (t < now - LIMIT_PAST_MS) {
        fail(f, RC_INVALID, "'t' lies more than 30 days back");
        return false;
    }
    if (t < floor) {
        fail(f, RC_INVALID, "'t' is older than what any catalog here keeps");
        return false;
    }
    return true;
}

// Its number is used up, without a row.
static enum ingest_result settle(struct shard *h, struct slot *s, struct position p,
                                 enum ingest_result result)
{
    struct batch *b = place(h, s);

    if (!b)
        return out_of_memory(h);
    count(h, s, b, p, sizeof(struct batch_part));
    return result;
}

static struct shape *shape_of(struct ingest_device *d, const struct token_reading *m)
{
    struct slot *s = d->slot;
    struct shape *first = s->recent[0], *found;
    bool made;

    if (first && shape_fits(first, m))
        return first;
    found = s->recent[1];
    if (!found || !shape_fits(found, m)) {
        found =
            shapes_find(d->g->shapes, s->catalog, m, d->shapes_made < SHAPES_PER_SESSION, &made);
        if (!found)
            return NULL;
        d->shapes_made += made;
    }
    s->recent[1] = first;
    s->recent[0] = found;
    return found;
}

// Admitted: into the batch, or refused and settled.
static enum ingest_result take_reading(struct ingest_device *d, const struct token_reading *m,
                                       struct position p, const char **code, struct fault *f)
{
    struct shard *h = d->shard;
    struct shape *shape;
    struct batch *b;
    size_t before;

    if (m->count == 0)
        return settle(h, d->slot, p, INGEST_TAKEN);
    if (!in_time(d->g, PARTITION_TELEMETRY, m->t, f))
        return settle(h, d->slot, p, refuse(h, code, "clock"));
    shape = shape_of(d, m);
    if (!shape) {
        fail(f, RC_LIMIT, "too many different sets of metric names from this device or catalog");
        return settle(h, d->slot, p, refuse(h, code, "shape"));
    }
    b = place(h, d->slot);
    if (!b)
        return out_of_memory(h);
    before = b->rows.len;
    if (!batch_reading(b, d->slot->part, m, shape))
        return out_of_memory(h);
    b->part[d->slot->part].fresh += clock_now_ms() - m->t < FRESH_MS;
    count(h, d->slot, b, p, b->rows.len - before);
    return INGEST_TAKEN;
}

static void tell_refused(const struct ingest_device *d)
{
    bus_publish(d->g->bus, &(struct bus_event){
                               .kind = BUS_INTAKE, .catalog = d->slot->catalog, .refused = 1 });
}

static void tell_replay(struct ingest_device *d)
{
    char fields[120];

    if (!d->went_back.seq || d->went_back_told)
        return;
    d->went_back_told = true;
    snprintf(fields, sizeof fields,
             "{\"boot\":%" PRId64 ",\"sequence\":%" PRId64 ",\"before\":%" PRId64 "}",
             d->went_back.boot, d->went_back.seq, d->told.seq);
    bus_publish(d->g->bus, &(struct bus_event){ .kind = BUS_SIGNAL,
                                                .catalog = d->slot->catalog,
                                                .device = d->slot->device,
                                                .id = d->slot->id,
                                                .at = clock_now_ms(),
                                                .name = "sequence-back",
                                                .fields = fields });
}

enum ingest_result ingest_reading(struct ingest_device *d, const struct token_reading *m,
                                  const char **code, struct fault *f)
{
    struct position p;
    enum ingest_result r;

    pthread_mutex_lock(&d->shard->lock);
    r = admit(d, m->boot, m->seq, &p, code, f);
    if (r == INGEST_TAKEN)
        r = take_reading(d, m, p, code, f);
    pthread_mutex_unlock(&d->shard->lock);
    if (r == INGEST_NACK)
        tell_refused(d);
    else if (r == INGEST_REPLAY)
        tell_replay(d);
    return r;
}

static enum ingest_result take_entry(struct ingest_device *d, const struct ingest_entry *e,
                                     struct position p, const char **code, struct fault *f)
{
    struct shard *h = d->shard;
    struct batch *b;
    size_t before;

    if (!in_time(d->g, PARTITION_JOURNAL, e->at, f))
        return settle(h, d->slot, p, refuse(h, code, "clock"));
    b = place(h, d->slot);
    if (!b)
        return out_of_memory(h);
    before = b->lines.len;
    if (!batch_entry(b, d->slot->part, e))
        return out_of_memory(h);
    count(h, d->slot, b, p, b->lines.len - before);
    return INGEST_TAKEN;
}

enum ingest_result ingest_entry(struct ingest_device *d, const struct ingest_entry *e,
                                const char **code, struct fault *f)
{
    struct position p;
    enum ingest_result r;

    pthread_mutex_lock(&d->shard->lock);
    r = admit(d, e->boot, e->seq, &p, code, f);
    if (r == INGEST_TAKEN)
        r = take_entry(d, e, p, code, f);
    pthread_mutex_unlock(&d->shard->lock);
    if (r == INGEST_NACK)
        tell_refused(d);
    else if (r == INGEST_REPLAY)
        tell_replay(d);
    return r;
}

enum ingest_result ingest_settle(struct ingest_device *d, int64_t boot, int64_t seq)
{
    struct position p;
    enum ingest_result r;

    pthread_mutex_lock(&d->shard->lock);
    r = admit(d, boot, seq, &p, NULL, NULL);
    if (r == INGEST_TAKEN)
        r = settle(d->shard, d->slot, p, INGEST_TAKEN);
    pthread_mutex_unlock(&d->shard->lock);
    return r;
}

// ---------------------------------------------------------------- sessions

// Asks the database what it knows of the device. out is NULL if it is nothing.
static enum rc ask(struct ingest *g, int32_t catalog, int64_t device, struct rows **out,
                   struct fault *f)
{
    char catalog_text[16], device_text[24];
    const char *args[] = { catalog_text, device_text };
    enum rc rc = RC_OK;

    snprintf(catalog_text, sizeof catalog_text, "%d", catalog);
    snprintf(device_text, sizeof device_text, "%" PRId64, device);
    pthread_mutex_lock(&g->attach_lock);
    if (g->attach_link && !link_is_up(g->attach_link)) {
        link_close(g->attach_link);
        g->attach_link = NULL;
    }
    if (!g->attach_link)
        rc = link_open(g->conninfo, "orrery ingest attach", ATTACH_TIMEOUT, &g->attach_link, f);
    if (rc == RC_OK)
        rc = link_run(g->attach_link, &Q_INGEST_DEVICE, args, out, f);
    pthread_mutex_unlock(&g->attach_lock);
    return rc;
}

// The session may be refused yet; then it is by these that the device is judged, without one.
static void begin_facts(struct slot *s, const struct ingest_who *who)
{
    s->facts = who->facts;
    s->facts.online = false;
    s->facts.last_session_at = s->seen_at;
    if (s->facts.ping_ms == 0)
        s->facts.ping_ms = PING_S * 1000;
}

// The device's slot. The shard is locked on RC_OK only. What the database said is believed only
// if no slot was forgotten meanwhile: it could have been this one, with newer positions.
static enum rc lock_slot(struct shard *h, const struct ingest_who *who, struct slot **out,
                         struct fault *f)
{
    auto_with(rows_freep) struct rows *known = NULL;
    uint64_t forgotten = 0;
    enum rc rc = RC_OK;

    pthread_mutex_lock(&h->lock);
    while (!(*out = slot_find(h, who->catalog, who->device)) &&
           (!known || forgotten != h->forgotten)) {
        forgotten = h->forgotten;
        pthread_mutex_unlock(&h->lock);
        if (known)
            rows_free(take(&known));
        rc = ask(h->g, who->catalog, who->device, &known, f);
        if (rc != RC_OK)
            return rc;
        pthread_mutex_lock(&h->lock);
    }
    if (!*out) {
        *out = slot_make(h, who->catalog, who->device, who->id);
        if (*out && rows_count(known) > 0)
            slot_load(*out, known, 0);
        if (*out)
            begin_facts(*out, who);
    }
    if (*out)
        return RC_OK;
    pthread_mutex_unlock(&h->lock);
    return fail(f, RC_INTERNAL, "out of memory");
}

// The shard is locked.
static enum rc join(struct ingest_device *d, const struct ingest_who *who, struct slot *s,
                    struct change *change, struct fault *f)
{
    int64_t now = clock_now_ms();

    slot_start_anew(d->shard, s);
    if (who->boot < s->hello_boot || who->boot < s->taken.boot)
        return fail(f, RC_CONFLICT,
                    "boot %" PRId64 " is older than one seen before, %" PRId64
                    ": a restored disk or a copy of this device",
                    who->boot, s->hello_boot > s->taken.boot ? s->hello_boot : s->taken.boot);
    d->slot = s;
    s->hello_boot = who->boot;
    s->session = d;
    s->facts = who->facts;
    s->facts.online = true;
    s->facts.last_session_at = s->seen_at = now;
    if (s->facts.ping_ms == 0)
        s->facts.ping_ms = PING_S * 1000;
    slot_judge(d->shard, s, now, change);
    slot_soil(d->shard, s);
    d->shard->session_count++;
    return RC_OK;
}

// A boot count beside the one before it.
static void tell_boot(struct ingest *g, const struct ingest_who *who, const char *name,
                      int64_t before)
{
    char fields[80];

    snprintf(fields, sizeof fields, "{\"boot\":%" PRId64 ",\"before\":%" PRId64 "}", who->boot,
             before);
    bus_publish(g->bus, &(struct bus_event){ .kind = BUS_SIGNAL,
                                             .catalog = who->catalog,
                                             .device = who->device,
                                             .id = who->id,
                                             .at = clock_now_ms(),
                                             .name = name,
                                             .fields = fields });
}

static enum rc attach(struct ingest_device *d, const struct ingest_who *who, int64_t *last_boot,
                      int64_t *last_seq, struct fault *f)
{
    struct change change;
    struct slot *s = NULL;
    int64_t before;
    enum rc rc = lock_slot(d->shard, who, &s, f);

    if (rc != RC_OK || !s)
        return rc;
    before = s->hello_boot > s->taken.boot ? s->hello_boot : s->taken.boot;
    rc = join(d, who, s, &change, f);
    if (rc == RC_OK) {
        d->told = s->done;
        *last_boot = s->done.boot;
        *last_seq = s->done.seq;
    }
    pthread_mutex_unlock(&d->shard->lock);
    if (rc == RC_OK)
        change_publish(d->g, &change);
    if (before > 0 && who->boot != before)
        tell_boot(d->g, who, rc == RC_OK ? "booted" : "boot-back", before);
    return rc;
}

enum rc ingest_attach(struct ingest *g, const struct ingest_who *who, struct ingest_device **out,
                      int64_t *last_boot, int64_t *last_seq, struct fault *f)
{
    struct ingest_device *d = calloc(1, sizeof *d);
    enum rc rc;

    if (!d)
        return fail(f, RC_INTERNAL, "out of memory");
    d->g = g;
    d->shard = shard_of(g, who->device);
    d->session = who->session;
    d->boot = who->boot;
    d->loop = who->loop;
    rc = attach(d, who, last_boot, last_seq, f);
    if (rc == RC_OK)
        *out = d;
    else
        free(d);
    return rc;
}

void ingest_detach(struct ingest_device *d)
{
    struct slot *s = d->slot;
    struct change change;
    bool last;

    pthread_mutex_lock(&d->shard->lock);
    d->shard->session_count--;
    last = s->session == d;
    if (last) {
        s->session = NULL;
        s->facts.online = false;
        s->facts.last_session_at = s->seen_at = clock_now_ms();
        slot_judge(d->shard, s, s->seen_at, &change);
        slot_soil(d->shard, s);
    }
    pthread_mutex_unlock(&d->shard->lock);
    if (last)
        change_publish(d->g, &change);
    free(d);
}

void ingest_facts(struct ingest_device *d, const struct device_facts *facts)
{
    struct slot *s = d->slot;
    struct change change;
    bool changed = false;

    pthread_mutex_lock(&d->shard->lock);
    if (s->session == d) {
        int64_t since = s->facts.last_session_at, ping = s->facts.ping_ms;

        s->facts = *facts;
        s->facts.online = true;
        s->facts.last_session_at = since;
        s->facts.ping_ms = facts->ping_ms ? facts->ping_ms : ping;
        changed = slot_judge(d->shard, s, clock_now_ms(), &change);
        slot_soil(d->shard, s);
    }
    pthread_mutex_unlock(&d->shard->lock);
    if (changed)
        change_publish(d->g, &change);
}

// ---------------------------------------------------------------- what others say of devices

// Others write states too (a verdict without a session, a quarantine by hand) and let devices go:
// what is kept here of a device is then out of date.
static void hear(void *ctx, const struct bus_event *e)
{
    struct news n = { .catalog = e->catalog, .device = e->device };

    if (change_is_ours() || (e->kind != BUS_STATE && e->kind != BUS_DEVICE))
        return;
    n.anew = e->kind == BUS_DEVICE && e->lifecycle == DEVICE_REGISTERED;
    state_news(ctx, &n);
}

// ---------------------------------------------------------------- health

bool ingest_is_full(const struct ingest *g)
{
    for (int i = 0; i < g->shard_count; i++) {
        if (atomic_load_explicit(&g->shards[i].full, memory_order_relaxed))
            return true;
    }
    return false;
}

// Seconds since the oldest message that is not committed. The shard is locked.
static double lag_of(const struct shard *h)
{
    const struct batch *oldest = h->busy ? h->busy : h->head;

    return oldest ? (double)(clock_mono_us() - oldest->born_us) / 1e6 : 0;
}

bool ingest_is_ready(const struct ingest *g, char *text, size_t size)
{
    bool ready = true;

    for (int i = 0; ready && i < g->shard_count; i++) {
        struct shard *h = &g->shards[i];

        pthread_mutex_lock(&h->lock);
        ready = !h->troubled && lag_of(h) < LAG_ALARM_S;
        if (!ready)
            snprintf(text, size, "%s", h->troubled ? h->trouble : "commits take longer than 10 s");
        pthread_mutex_unlock(&h->lock);
    }
    return ready;
}

void ingest_stats(const struct ingest *g, struct ingest_stats *out)
{
    struct ingest_stats sum = { 0 };

    for (int i = 0; i < g->shard_count; i++) {
        struct shard *h = &g->shards[i];
        double lag;

        pthread_mutex_lock(&h->lock);
        lag = lag_of(h);
        sum.messages += h->stats.messages;
        sum.batches += h->stats.batches;
        sum.replays += h->stats.replays;
        sum.nacks += h->stats.nacks;
        sum.refused += h->stats.refused;
        sum.resent_batches += h->stats.resent_batches;
        sum.recovered_batches += h->stats.recovered_batches;
        sum.pending += h->pending;
        sum.pending_bytes += h->pending_bytes;
        sum.devices += h->session_count;
        sum.lag_s = lag > sum.lag_s ? lag : sum.lag_s;
        pthread_mutex_unlock(&h->lock);
    }
    sum.disk_bytes = (uint64_t)atomic_load(&g->disk_bytes);
    sum.disk_bytes_per_hour = (uint64_t)atomic_load(&g->disk_bytes_per_hour);
    sum.disk_forecast_bytes = (uint64_t)atomic_load(&g->disk_forecast_bytes);
    *out = sum;
}

// ---------------------------------------------------------------- start and stop

static void init_wake(pthread_cond_t *c)
{
    pthread_condattr_t a;

    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

bool idle_wait(struct ingest *g, int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;
    struct timespec at = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
    int rc = 0;

    pthread_mutex_lock(&g->idle_lock);
    while (rc == 0 && !atomic_load(&g->stopping))
        rc = pthread_cond_timedwait(&g->idle_wake, &g->idle_lock, &at);
    pthread_mutex_unlock(&g->idle_lock);
    return !atomic_load(&g->stopping);
}

static void free_shard(struct shard *h)
{
    struct batch *next;

    for (struct batch *b = h->head; b; b = next) {
        next = b->next;
        batch_free(b);
    }
    for (struct batch *b = h->spare; b; b = next) {
        next = b->next;
        batch_free(b);
    }
    for (size_t i = 0; i < h->bucket_count; i++) {
        for (struct slot *s = h->buckets[i], *later; s; s = later) {
            later = s->next;
            slot_free(s);
        }
    }
    batch_free(h->busy);
    free(h->buckets);
    free(h->tokens);
    free(h->deleted);
    free(h->again);
    free(h->scratch.data);
    free(h->acks);
    link_close(h->link);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->wake);
}

static void free_all(struct ingest *g)
{
    for (int i = 0; i < g->shard_count; i++)
        free_shard(&g->shards[i]);
    link_close(g->state_link);
    link_close(g->attach_link);
    shapes_free(g->shapes);
    partitions_free(g->partitions);
    pthread_mutex_destroy(&g->attach_lock);
    pthread_mutex_destroy(&g->idle_lock);
    pthread_cond_destroy(&g->idle_wake);
    free(g->news);
    free(g->shards);
    free(g->conninfo);
    free(g);
}

DEFINE_AUTO(struct ingest *, free_allp, free_all)

static struct ingest *make(const struct config *c, const char *conninfo, struct bus *bus)
{
    struct ingest *g = calloc(1, sizeof *g);

    if (!g)
        return NULL;
    pthread_mutex_init(&g->attach_lock, NULL);
    pthread_mutex_init(&g->idle_lock, NULL);
    init_wake(&g->idle_wake);
    g->conninfo = strdup(conninfo);
    g->shapes = shapes_new();
    g->partitions = partitions_new();
    g->shards = calloc((size_t)c->ingest_writers, sizeof *g->shards);
    g->linger_us = c->ingest_linger_ms * 1000;
    g->batch_max = (uint32_t)c->ingest_batch;
    g->flush_at = g->batch_max < FLUSH_AT ? g->batch_max : FLUSH_AT;
    g->pending_max = (size_t)(c->ingest_pending_max / c->ingest_writers) + 1;
    g->bytes_max = g->pending_max * BYTES_A_MESSAGE;
    g->bus = bus;
    g->shard_count = g->shards ? (int)c->ingest_writers : 0;
    for (int i = 0; i < g->shard_count; i++) {
        g->shards[i].g = g;
        g->shards[i].number = i;
        pthread_mutex_init(&g->shards[i].lock, NULL);
        init_wake(&g->shards[i].wake);
    }
    return g;
}

// All fences, also those an earlier server with more writers held, and before anything is read:
// its connections may still be committing.
static enum rc take_fences(struct ingest *g, struct fault *f)
{
    int64_t until = clock_mono_ms() + FENCE_WAIT_MS;
    enum rc rc = RC_OK;

    for (int i = 0; rc == RC_OK && i < g->shard_count; i++) {
        int64_t left = until - clock_mono_ms();

        rc = writer_open(&g->shards[i], left > 0 ? (int)left : 0, f);
    }
    for (int i = g->shard_count; rc == RC_OK && i < FENCES; i++) {
        rc = link_lock(g->shards[0].link, FENCE_SPACE, i, FENCE_WAIT_MS, f);
        if (rc == RC_OK)
            rc = link_unlock(g->shards[0].link, FENCE_SPACE, i, f);
    }
    if (rc == RC_CONFLICT)
        return fail(f, RC_CONFLICT,
                    "another orreryd writes to this database: stop it first, or wait until its "
                    "connections have ended");
    return rc;
}

static enum rc prepare(struct ingest *g, struct fault *f)
{
    struct link *l;
    enum rc rc = take_fences(g, f);

    if (rc != RC_OK)
        return rc;
    l = g->shards[0].link;
    rc = shapes_load(g->shapes, l, f);
    if (rc == RC_OK)
        rc = partitions_load(g->partitions, l, f);
    if (rc == RC_OK)
        rc = retention_ahead(g, l, f);
    if (rc == RC_OK)
        rc = state_open(g, f);
    if (rc == RC_OK)
        rc = state_recover(g, f);
    return rc;
}

static enum rc start_threads(struct ingest *g, struct fault *f)
{
    int failed = 0;

    for (int i = 0; i < g->shard_count; i++)
        failed |= pthread_create(&g->shards[i].thread, NULL, writer_main, &g->shards[i]);
    failed |= pthread_create(&g->state_thread, NULL, state_main, g);
    failed |= pthread_create(&g->retention_thread, NULL, retention_main, g);
    if (failed) // a process that cannot make five threads at its start is not going to serve
        return fail(f, RC_INTERNAL, "cannot start threads");
    return RC_OK;
}

enum rc ingest_start(const struct config *c, const char *conninfo, struct bus *bus,
                     struct ingest **out, struct fault *f)
{
    auto_with(free_allp) struct ingest *g = make(c, conninfo, bus);
    enum rc rc;

    if (!g || !g->shards || !g->conninfo || !g->shapes || !g->partitions)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = prepare(g, f);
    if (rc != RC_OK)
        return rc;
    if (bus)
        bus_subscribe(bus, hear, g);
    rc = start_threads(g, f);
    if (rc == RC_OK)
        *out = take(&g);
    return rc;
}

void ingest_set_tap(struct ingest *g, const struct ingest_tap *t)
{
    g->tap = *t;
}

void ingest_hook(struct ingest *g, const struct ingest_hooks *h)
{
    g->hooks = *h;
}

void ingest_forget(struct ingest *g, int64_t hour)
{
    partitions_forget(g->partitions, PARTITION_TELEMETRY, hour);
}

// A statement of it that only begins now is met by the next try.
static void join_retention(struct ingest *g)
{
    struct timespec at;

    do {
        lexicon_stop(g);
        (void)clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec++;
    } while (pthread_timedjoin_np(g->retention_thread, NULL, &at) == ETIMEDOUT);
}

void ingest_stop(struct ingest *g)
{
    if (!g)
        return;
    g->stop_by = clock_mono_ms() + STOP_WAIT_MS;
    pthread_mutex_lock(&g->idle_lock);
    atomic_store(&g->stopping, true);
    pthread_cond_broadcast(&g->idle_wake);
    pthread_mutex_unlock(&g->idle_lock);
    for (int i = 0; i < g->shard_count; i++) {
        pthread_mutex_lock(&g->shards[i].lock);
        pthread_cond_signal(&g->shards[i].wake);
        pthread_mutex_unlock(&g->shards[i].lock);
    }
    for (int i = 0; i < g->shard_count; i++)
        pthread_join(g->shards[i].thread, NULL);
    pthread_join(g->state_thread, NULL);
    join_retention(g);
    state_flush(g, true, NULL);
    free_all(g);
}
