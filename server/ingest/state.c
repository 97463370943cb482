// SPDX-License-Identifier: Apache-2.0
//
// One thread and one connection, with synchronous_commit off: what is lost in a crash is still in
// ingest_batch. Each second it writes device_state for the devices that changed and deletes, in
// the same transaction, the batch rows that are thereby covered. Many devices are spread over as
// many seconds as they need at PACE rows a second, so that no burst disturbs the writers.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "ingest/engine.h"
#include "ingest/pgcopy.h"
#include "ingest_sql.h"
#include "store/arg.h"

#define TICK_MS        1000
#define CHUNK          1000 // rows a transaction
#define UNPACED        2000 // rows that go at once
#define PACE           2500 // rows a second above that
#define PACED_CHUNK    100  // rows a transaction then: some 2 ms that a writer may have to wait
#define TIMEOUT_MS     120000
#define NEWS_MAX       100000
#define SWEPT_A_SECOND 20000
#define SWEEP_BUCKETS  512 // under one lock
#define ROW_FIXED      200
#define MARKS          5000 // a tick
#define TOKEN_SQL_LEN  37

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static const char inbox_sql[] =
    "SET synchronous_commit = off;"
    "CREATE TEMP TABLE IF NOT EXISTS state_in (catalog int, device bigint, state smallint,"
    " reason text, state_since timestamptz, online boolean, last_seen timestamptz, boot bigint,"
    " last_seq bigint, hello_boot bigint, last_at timestamptz, last_shape int,"
    " last_values float8[]) ON COMMIT DELETE ROWS";

#define WRITE_HEAD "BEGIN; COPY state_in FROM STDIN BINARY;"
#define WRITE_TAIL                                                                                 \
    "INSERT INTO device_state AS s (catalog, device, state, reason, state_since, online,"          \
    " last_seen, boot, last_seq, hello_boot, last_at, last_shape, last_values)"                    \
    " SELECT * FROM state_in ON CONFLICT (catalog, device) DO UPDATE SET state = EXCLUDED.state,"  \
    " reason = EXCLUDED.reason, online = EXCLUDED.online, last_seen = EXCLUDED.last_seen,"         \
    " state_since = CASE WHEN s.state = EXCLUDED.state THEN s.state_since"                         \
    " ELSE EXCLUDED.state_since END,"                                                              \
    " boot = EXCLUDED.boot, last_seq = EXCLUDED.last_seq, hello_boot = EXCLUDED.hello_boot,"       \
    " last_at = coalesce(EXCLUDED.last_at, s.last_at),"                                            \
    " last_shape = coalesce(EXCLUDED.last_shape, s.last_shape),"                                   \
    " last_values = coalesce(EXCLUDED.last_values, s.last_values);"

// The database may have crashed, and with it the last asynchronous commits: what they wrote is
// written again, what they deleted is deleted again.
static void write_all_again(struct shard *h)
{
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->bucket_count; i++) {
        for (struct slot *s = h->buckets[i]; s; s = s->next)
            slot_soil(h, s);
    }
    for (size_t i = 0; i < h->deleted_count; i++)
        shard_keep_token(h, h->deleted[i].id);
    h->deleted_count = 0;
    pthread_mutex_unlock(&h->lock);
}

static void close_state_link(struct ingest *g)
{
    link_close(g->state_link);
    g->state_link = NULL;
}

enum rc state_open(struct ingest *g, struct fault *f)
{
    enum rc rc;

    if (g->state_link && link_is_up(g->state_link))
        return RC_OK;
    close_state_link(g);
    rc = link_open(g->conninfo, "orrery ingest state", TIMEOUT_MS, &g->state_link, f);
    if (rc == RC_OK)
        rc = link_exec(g->state_link, inbox_sql, f);
    if (rc != RC_OK) {
        close_state_link(g);
        return rc;
    }
    for (int i = 0; g->state_was_open && i < g->shard_count; i++)
        write_all_again(&g->shards[i]);
    g->state_was_open = true;
    return RC_OK;
}

// ---------------------------------------------------------------- writing

// One transaction: slots of a shard, and the tokens that they, and what went before, cover.
struct chunk {
    struct slot *slots[CHUNK];
    size_t count;
    struct pile rows;
    struct pile sql;
};

static char *put_values(char *p, const struct slot *s)
{
    if (!s->last_shape)
        return put32(put32(put32(p, PG_NULL), PG_NULL), PG_NULL);
    p = put_time(p, s->last_at);
    p = put_int4(p, s->last_shape->id);
    p = put_floats(p, s->last_shape->count);
    for (uint32_t i = 0; i < s->last_shape->count; i++)
        p = put_float(p, s->last_values[i]);
    return p;
}

static bool put_slot(struct chunk *c, const struct slot *s)
{
    size_t values = s->last_shape ? s->last_shape->count : 0;
    char *p;

    if (!pile_room(&c->rows, ROW_FIXED + strlen(s->why ? s->why : "") + PUT_FLOATS_LEN(values)))
        return false;
    p = put16(c->rows.data + c->rows.len, 13);
    p = put_int4(p, s->catalog);
    p = put_int8(p, s->device);
    p = put_int2(p, s->state);
    p = put_text(p, s->why);
    p = put_time(p, s->state_since ? s->state_since : s->seen_at);
    p = put_bool(p, s->facts.online);
    p = s->seen_at ? put_time(p, s->seen_at) : put32(p, PG_NULL);
    p = put_int8(p, s->done.boot);
    p = put_int8(p, s->done.seq);
    p = put_int8(p, s->hello_boot);
    p = put_values(p, s);
    c->rows.len = (size_t)(p - c->rows.data);
    return true;
}

static bool put_raw(struct pile *b, const void *at, size_t len)
{
    if (!pile_room(b, len))
        return false;
    memcpy(b->data + b->len, at, len);
    b->len += len;
    return true;
}

// From list to chunk; the shard is locked. What is taken counts as written until told otherwise.
static void fill(struct chunk *c, struct slot **list, size_t most)
{
    int64_t now = clock_mono_ms();

    c->count = 0;
    c->rows.len = 0;
    if (!put_raw(&c->rows, copy_head, sizeof copy_head))
        return;
    while (*list && c->count < most && put_slot(c, *list)) {
        struct slot *s = *list;

        s->written_at = now;
        *list = s->next_dirty;
        s->dirty = false;
        c->slots[c->count++] = s;
    }
}

static bool put_words(struct pile *b, const char *text)
{
    return put_raw(b, text, strlen(text));
}

static bool write_sql(struct pile *sql, const struct token *tokens, size_t count)
{
    char hex[33];
    bool ok;

    sql->len = 0;
    ok = put_words(sql, WRITE_HEAD WRITE_TAIL);
    if (ok && count)
        ok = put_words(sql, "DELETE FROM ingest_batch WHERE id = ANY ('{");
    for (size_t i = 0; ok && i < count; i++) {
        hex_encode(tokens[i].id, sizeof tokens[i].id, hex);
        ok = (i == 0 || put_words(sql, ",")) && put_words(sql, hex);
    }
    if (ok && count)
        ok = put_words(sql, "}');");
    return ok && put_raw(sql, "COMMIT", sizeof "COMMIT");
}

static enum rc write_chunk(struct ingest *g, struct chunk *c, const struct token *tokens,
                           size_t count, struct fault *f)
{
    enum rc rc = state_open(g, f);

    if (rc != RC_OK)
        return rc;
    if (!write_sql(&c->sql, tokens, count) || !put_raw(&c->rows, copy_tail, sizeof copy_tail))
        return fail(f, RC_UNAVAILABLE, "out of memory");
    rc = link_copy_begin(g->state_link, c->sql.data, f);
    if (rc == RC_OK)
        rc = link_copy_put(g->state_link, c->rows.data, c->rows.len, f);
    if (rc == RC_OK)
        rc = link_copy_end(g->state_link, NULL, f);
    if (rc != RC_OK) // the temporary table may be gone with a session
        close_state_link(g);
    return rc;
}

// A shard's share of one flush.
struct share {
    struct slot *list;
    size_t left;
    struct token *tokens;
    size_t token_count;
};

static void take_share(struct shard *h, struct share *s)
{
    pthread_mutex_lock(&h->lock);
    *s = (struct share){ h->dirty, h->dirty_count, h->tokens, h->token_count };
    h->dirty = NULL;
    h->dirty_count = 0;
    h->tokens = NULL;
    h->token_count = h->token_room = 0;
    pthread_mutex_unlock(&h->lock);
}

// Not written: dirty again, all of it.
static void give_back(struct shard *h, struct share *s, struct chunk *c)
{
    struct slot *next;

    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < c->count; i++)
        slot_soil(h, c->slots[i]);
    for (struct slot *d = s->list; d; d = next) {
        next = d->next_dirty;
        d->dirty = false;
        slot_soil(h, d);
    }
    for (size_t i = 0; i < s->token_count; i++)
        shard_keep_token(h, s->tokens[i].id);
    pthread_mutex_unlock(&h->lock);
}

// They may come back in a crash, until they are old.
static void remember_deleted(struct shard *h, const struct share *s)
{
    int64_t now = clock_mono_ms();
    size_t old = 0;
    struct token *grown =
        reallocarray(h->deleted, h->deleted_count + s->token_count + 1, sizeof *grown);

    if (!grown)
        return;
    h->deleted = grown;
    while (old < h->deleted_count && now - grown[old].deleted_at > DURABLE_MS)
        old++;
    h->deleted_count -= old;
    memmove(grown, grown + old, h->deleted_count * sizeof *grown);
    for (size_t i = 0; i < s->token_count; i++) {
        grown[h->deleted_count] = s->tokens[i];
        grown[h->deleted_count++].deleted_at = now;
    }
}

static enum rc flush_share(struct shard *h, struct share *s, bool paced, struct chunk *c,
                           struct fault *f)
{
    enum rc rc = RC_OK;

    while (rc == RC_OK && (s->list || s->token_count)) {
        bool last;

        pthread_mutex_lock(&h->lock);
        fill(c, &s->list, paced ? PACED_CHUNK : CHUNK);
        last = !s->list;
        pthread_mutex_unlock(&h->lock);
        rc = c->count || last ? write_chunk(h->g, c, s->tokens, last ? s->token_count : 0, f)
                              : fail(f, RC_UNAVAILABLE, "out of memory");
        if (rc != RC_OK)
            give_back(h, s, c);
        else if (last)
            remember_deleted(h, s);
        if (rc != RC_OK || last)
            s->token_count = 0;
        else if (paced)
            idle_wait(h->g, c->count * 1000 / PACE);
    }
    return rc;
}

enum rc state_flush(struct ingest *g, bool hurry, struct fault *f)
{
    auto_free struct chunk *c = calloc(1, sizeof *c);
    enum rc rc = c ? RC_OK : fail(f, RC_INTERNAL, "out of memory");

    for (int i = 0; rc == RC_OK && i < g->shard_count; i++) {
        struct share s;

        take_share(&g->shards[i], &s);
        rc = flush_share(&g->shards[i], &s, !hurry && s.left * (size_t)g->shard_count > UNPACED, c,
                         f);
        free(s.tokens);
    }
    if (c) {
        free(c->rows.data);
        free(c->sql.data);
    }
    return rc;
}

// ---------------------------------------------------------------- what time changes

struct sweep {
    struct change changes[SWEEP_BUCKETS];
    size_t count;
};

// Judges the slots of a bucket, forgets those that nothing can happen to. The shard is locked.
static void sweep_bucket(struct shard *h, struct slot **at, int64_t now, struct sweep *w)
{
    while (*at && w->count < SWEEP_BUCKETS) {
        struct slot *s = *at;

        slot_start_anew(h, s);
        if (slot_judge(h, s, now, &w->changes[w->count]))
            w->count++;
        if (!slot_is_idle(s, clock_mono_ms())) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        h->slot_count--;
        h->forgotten++;
        slot_free(s);
    }
}

static void sweep_shard(struct shard *h, int64_t now, struct sweep *w)
{
    bool more = true;

    for (size_t i = 0; more; i += SWEEP_BUCKETS) {
        w->count = 0;
        pthread_mutex_lock(&h->lock);
        for (size_t k = i; k < i + SWEEP_BUCKETS && k < h->bucket_count; k++)
            sweep_bucket(h, &h->buckets[k], now, w);
        more = i + SWEEP_BUCKETS < h->bucket_count;
        pthread_mutex_unlock(&h->lock);
        for (size_t k = 0; k < w->count; k++)
            change_publish(h->g, &w->changes[k]);
    }
}

static void sweep(struct ingest *g)
{
    auto_free struct sweep *w = malloc(sizeof *w);
    int64_t now = clock_now_ms();

    for (int i = 0; w && i < g->shard_count; i++)
        sweep_shard(&g->shards[i], now, w);
}

// ---------------------------------------------------------------- what others say

void state_news(struct ingest *g, const struct news *n)
{
    pthread_mutex_lock(&g->idle_lock);
    if (g->news_count == g->news_room && g->news_count < NEWS_MAX) {
        size_t room = g->news_room * 2 + 64;
        struct news *grown = reallocarray(g->news, room, sizeof *grown);

        if (grown) {
            g->news = grown;
            g->news_room = room;
        }
    }
    if (g->news_count < g->news_room)
        g->news[g->news_count++] = *n;
    pthread_mutex_unlock(&g->idle_lock);
}

// A device as the database now has it. Of one with a session only what evidence says is news:
// another session (a copy of the device) may have brought it. The shard is locked.
static bool refresh(struct shard *h, const struct rows *r, int row, int64_t since,
                    struct change *out)
{
    int32_t catalog = (int32_t)rows_int(r, row, "catalog");
    int64_t device = rows_int(r, row, "device");
    struct slot *s = slot_find(h, catalog, device);

    if (s && s->session) {
        slot_load_facts(s, r, row);
        return slot_judge(h, s, clock_now_ms(), out);
    }
    if (!s) {
        s = slot_make(h, catalog, device, rows_text(r, row, "id"));
        if (!s)
            return false;
        slot_load(s, r, row);
        s->facts.last_session_at = since;
    }
    slot_load_facts(s, r, row);
    if (rows_bool(r, row, "online"))
        slot_soil(h, s);
    return slot_judge(h, s, clock_now_ms(), out);
}

static void mark_anew(struct shard *h, const struct news *n)
{
    struct slot *s = slot_find(h, n->catalog, n->device);

    if (s)
        s->anew = true;
}

static enum rc take_news(struct ingest *g, const struct news *n, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    struct shard *h = shard_of(g, n->device);
    char catalog[16], device[24];
    struct change change;
    bool changed = false;
    enum rc rc = state_open(g, f);

    snprintf(catalog, sizeof catalog, "%d", n->catalog);
    snprintf(device, sizeof device, "%" PRId64, n->device);
    if (rc == RC_OK)
        rc = link_run(g->state_link, &Q_INGEST_FACTS, (const char *[]){ catalog, device }, &r, f);
    if (rc != RC_OK)
        return rc;
    pthread_mutex_lock(&h->lock);
    if (rows_count(r) > 0)
        changed = refresh(h, r, 0, clock_now_ms(), &change);
    if (n->anew)
        mark_anew(h, n);
    pthread_mutex_unlock(&h->lock);
    if (changed)
        change_publish(g, &change);
    return RC_OK;
}

static void take_all_news(struct ingest *g)
{
    auto_free struct news *news = NULL;
    size_t count;
    enum rc rc = RC_OK;

    pthread_mutex_lock(&g->idle_lock);
    news = take(&g->news);
    count = g->news_count;
    g->news_count = g->news_room = 0;
    pthread_mutex_unlock(&g->idle_lock);
    for (size_t i = 0; i < count; i++) {
        if (rc == RC_OK)
            rc = take_news(g, &news[i], NULL);
        if (rc != RC_OK)
            state_news(g, &news[i]); // later
    }
}

// ---------------------------------------------------------------- what alerts say

// Some of the devices that an alert of high severity came to or left. They stay marked until their
// states are written: what is lost in a crash is done again.
static enum rc take_marks(struct ingest *g, int64_t **marks, size_t *count, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    int64_t now = clock_now_ms();
    enum rc rc = state_open(g, f);

    if (rc == RC_OK)
        rc = link_run(g->state_link, &Q_INGEST_MARKED, (const char *[]){ ARG_INT(MARKS) }, &r, f);
    if (rc != RC_OK)
        return rc;
    *marks = calloc((size_t)rows_count(r) + 1, sizeof **marks);
    if (!*marks)
        return fail(f, RC_UNAVAILABLE, "out of memory");
    for (int i = 0; i < rows_count(r); i++) {
        struct shard *h = shard_of(g, rows_int(r, i, "device"));
        struct change change;
        bool changed = false;

        (*marks)[(*count)++] = rows_int(r, i, "mark");
        if (!rows_text(r, i, "id") || !rows_text(r, i, "state"))
            continue;
        pthread_mutex_lock(&h->lock);
        changed = refresh(h, r, i, rows_bool(r, i, "online") ? now : rows_int(r, i, "last_seen"),
                          &change);
        pthread_mutex_unlock(&h->lock);
        if (changed)
            change_publish(g, &change);
    }
    return rc;
}

static enum rc drop_marks(struct ingest *g, const int64_t *marks, size_t count, struct fault *f)
{
    auto_free char *list = arg_list(marks, count);

    if (!list)
        return fail(f, RC_UNAVAILABLE, "out of memory");
    return count ? link_run(g->state_link, &Q_INGEST_UNMARK, (const char *[]){ list }, NULL, f)
                 : RC_OK;
}

// ---------------------------------------------------------------- start

static enum rc recover_slots(struct ingest *g, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    int64_t now = clock_now_ms();
    struct change unused;
    enum rc rc = link_run(g->state_link, &Q_INGEST_FACTS, (const char *[]){ NULL, NULL }, &r, f);

    for (int i = 0; rc == RC_OK && i < rows_count(r); i++) {
        struct shard *h = shard_of(g, rows_int(r, i, "device"));
        // Its session ended with the server; it has the usual time to come back.
        int64_t since = rows_bool(r, i, "online") ? now : rows_int(r, i, "last_seen");

        pthread_mutex_lock(&h->lock);
        refresh(h, r, i, since, &unused);
        pthread_mutex_unlock(&h->lock);
    }
    return rc;
}

enum rc state_recover(struct ingest *g, struct fault *f)
{
    // By a connection whose commits are on disk: not every device gets a slot here.
    enum rc rc = link_run(g->shards[0].link, &Q_INGEST_FOLD, NULL, NULL, f);

    if (rc == RC_OK)
        rc = recover_slots(g, f);
    if (rc == RC_OK)
        rc = state_flush(g, true, f);
    return rc;
}

// ---------------------------------------------------------------- the thread

static size_t slots_of(struct ingest *g)
{
    size_t sum = 0;

    for (int i = 0; i < g->shard_count; i++) {
        pthread_mutex_lock(&g->shards[i].lock);
        sum += g->shards[i].slot_count;
        pthread_mutex_unlock(&g->shards[i].lock);
    }
    return sum;
}

static void report(enum rc rc, const struct fault *f, bool *troubled)
{
    if ((rc != RC_OK) == *troubled)
        return;
    *troubled = rc != RC_OK;
    if (*troubled)
        log_warn(&ingest_log, "device states are not written: %s, retrying", f->text);
    else
        log_info(&ingest_log, "device states are written again");
}

void *state_main(void *ingest)
{
    struct ingest *g = ingest;
    bool troubled = false;
    size_t ticks = 0;

    while (idle_wait(g, TICK_MS)) {
        auto_free int64_t *marks = NULL;
        size_t marked = 0;
        struct fault f = { 0 };
        enum rc rc;

        take_all_news(g);
        rc = take_marks(g, &marks, &marked, &f);
        // A large fleet is gone through less often, at the same cost.
        if (ticks++ % (1 + slots_of(g) / SWEPT_A_SECOND) == 0)
            sweep(g);
        if (rc == RC_OK)
            rc = state_flush(g, false, &f);
        if (rc == RC_OK)
            rc = drop_marks(g, marks, marked, &f);
        report(rc, &f, &troubled);
    }
    return NULL;
}
