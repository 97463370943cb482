// SPDX-License-Identifier: Apache-2.0

#include "rule/watch.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "ingest/ingest.h"
#include "rule/watch_own.h"
#include "rule_sql.h"
#include "store/store.h"

#define TURN_MS   100  // between looks at the clock where nothing comes
#define POLL_MS   1000 // between looks for changed rules
#define MARK_MS   5000
#define RETRY_MS  1000
#define LOOK_PAGE 10000

const struct log_ctx rule_log = { .area = "rule" };

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static struct watch_catalog *catalog_of(const struct rule_watch *w, int32_t id)
{
    struct watch_catalog *c = w->catalogs;

    while (c && c->id != id)
        c = c->next;
    return c;
}

// ---------------------------------------------------------------- which rules there are

static bool want(struct rule_watch *w, int32_t id, const char *stamp)
{
    struct watch_catalog *c = catalog_of(w, id);

    if (!c) {
        c = calloc(1, sizeof *c);
        if (!c)
            return false;
        c->id = id;
        c->next = w->catalogs;
        w->catalogs = c;
    }
    memccpy(c->wanted, stamp, '\0', sizeof c->wanted - 1);
    return true;
}

static void poll_rules(struct rule_watch *w)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int64_t now = clock_mono_ms();

    if (w->polled_at && now - w->polled_at < POLL_MS)
        return;
    w->polled_at = now;
    if (store_run(w->pool, &Q_RULE_STAMPS, NULL, &rows, NULL) != RC_OK)
        return;
    for (struct watch_catalog *c = w->catalogs; c; c = c->next)
        *c->wanted = '\0';
    for (int i = 0; i < rows_count(rows); i++)
        (void)want(w, (int32_t)rows_int(rows, i, "catalog"), rows_text(rows, i, "stamp"));
    rule_feed_want(w->feed, rows_count(rows) > 0);
}

static void complain(struct watch_catalog *c, const struct fault *f)
{
    if (!c->again_at)
        log_warn(&rule_log, "catalog %d: %s; trying again", c->id, f->text);
    c->again_at = clock_mono_ms() + RETRY_MS;
}

// True once its engine is the one for the rules as they are.
static bool is_current(struct rule_watch *w, struct watch_catalog *c)
{
    struct fault f = { 0 };

    if (!*c->wanted) {
        watch_clear(c);
        *c->stamp = '\0';
        return false;
    }
    if (c->engine && !c->anew && !strcmp(c->stamp, c->wanted))
        return true;
    if (c->again_at > clock_mono_ms())
        return false;
    // What it knows and has not told goes with it; the table tells what was.
    if (c->engine && c->turn_count && watch_tell(w, c, 0, &f) != RC_OK) {
        complain(c, &f);
        return false;
    }
    if (watch_load(w, c, &f) != RC_OK) {
        watch_clear(c);
        complain(c, &f);
        return false;
    }
    c->again_at = 0;
    pthread_mutex_lock(&w->lock);
    w->stats.replays++;
    pthread_mutex_unlock(&w->lock);
    return true;
}

// ---------------------------------------------------------------- devices that changed

static void on_bus(void *ctx, const struct bus_event *e)
{
    struct rule_watch *w = ctx;
    bool minds = e->kind == BUS_DEVICE || (e->kind == BUS_STATE && atomic_load(&w->minds_states));

    if (!minds || !rule_feed_wants(w->feed))
        return;
    pthread_mutex_lock(&w->lock);
    if (w->moved_count < WATCH_MOVED) {
        w->moved[w->moved_count].catalog = e->catalog;
        w->moved[w->moved_count++].device = e->device;
    }
    pthread_mutex_unlock(&w->lock);
}

static enum rc look_at(struct rule_watch *w, struct watch_catalog *c, const int64_t *list, size_t n,
                       struct fault *f)
{
    enum rc rc = RC_OK;

    for (size_t from = 0; rc == RC_OK && from < n; from += LOOK_PAGE)
        rc = crowd_put(w->pool, &c->crowd, list + from, n - from < LOOK_PAGE ? n - from : LOOK_PAGE,
                       clock_now_ms(), f);
    return rc;
}

// Who moved to another group, got another tag, another state where a rule asks for it.
static void look_again(struct rule_watch *w, struct watch_catalog *c)
{
    auto_free int64_t *all = NULL;
    int64_t list[WATCH_MOVED];
    struct fault f = { 0 };
    size_t n = 0, kept = 0;

    pthread_mutex_lock(&w->lock);
    c->moved |= w->moved_count == WATCH_MOVED;
    for (size_t i = 0; i < w->moved_count; i++) {
        if (w->moved[i].catalog != c->id)
            w->moved[kept++] = w->moved[i];
        else if (!w->moved[i].device)
            c->moved = true;
        else if (engine_device(c->engine, w->moved[i].device))
            list[n++] = w->moved[i].device;
    }
    w->moved_count = kept;
    pthread_mutex_unlock(&w->lock);
    if (c->moved)
        all = engine_devices(c->engine, &n);
    if (look_at(w, c, c->moved && all ? all : list, c->moved && !all ? 0 : n, &f) == RC_OK)
        c->moved = c->moved && !all;
    else
        c->moved = true;
}

// ---------------------------------------------------------------- what comes

static enum rc know_piece(struct rule_watch *w, const struct feed_piece *p, struct fault *f)
{
    struct watch_catalog *c = NULL;
    int64_t list[512];
    struct feed_row row;
    size_t at = 0, n = 0;
    enum rc rc = RC_OK;

    while (rc == RC_OK && feed_next(p, &at, &row)) {
        if (!c || c->id != row.catalog || n == sizeof list / sizeof *list) {
            if (n)
                rc = crowd_put(w->pool, &c->crowd, list, n, clock_now_ms(), f);
            n = 0;
            c = catalog_of(w, row.catalog);
        }
        if (c && c->engine && !engine_device(c->engine, row.device) &&
            (n == 0 || list[n - 1] != row.device))
            list[n++] = row.device;
    }
    return rc == RC_OK && n ? crowd_put(w->pool, &c->crowd, list, n, clock_now_ms(), f) : rc;
}

static enum rc feed_row(struct rule_watch *w, struct watch_catalog *c, const struct feed_piece *p,
                        const struct feed_row *row, int64_t now, struct fault *f)
{
    struct engine_device *d = engine_device(c->engine, row->device);
    const struct engine_taps *taps = watch_taps(w, c, row->shape, f);

    if (!taps)
        return f->rc;
    if (d && (p->put_at > c->seen_until || !watch_was_seen(&c->seen, row->device, row->at)))
        engine_feed(c->engine, d, taps, row->values, row->at, now);
    return RC_OK;
}

static void feed_piece_to(struct rule_watch *w, const struct feed_piece *p)
{
    struct watch_catalog *c = NULL;
    struct fault f = { 0 };
    struct feed_row row;
    int64_t now = clock_now_ms();
    enum rc rc = know_piece(w, p, &f);

    for (size_t at = 0; feed_next(p, &at, &row);) {
        if (!c || c->id != row.catalog)
            c = catalog_of(w, row.catalog);
        if (!c || !c->engine)
            continue;
        if (rc == RC_OK)
            rc = feed_row(w, c, p, &row, now, &f);
        if (rc != RC_OK)
            c->anew = true; // it is all in the table
    }
}

static void take_all(struct rule_watch *w, int wait_ms)
{
    bool lost = false;
    struct feed_piece *p = rule_feed_take(w->feed, wait_ms, &lost);

    for (struct watch_catalog *c = w->catalogs; c && lost; c = c->next)
        c->anew = true;
    if (lost) {
        log_warn(&rule_log, "the rules fell behind, reading what they missed from the table");
        pthread_mutex_lock(&w->lock);
        w->stats.lost++;
        pthread_mutex_unlock(&w->lock);
    }
    while (p) {
        struct feed_piece *gone = p;

        feed_piece_to(w, p);
        p = p->next;
        free(gone);
    }
}

// ---------------------------------------------------------------- the thread

static void count(struct rule_watch *w)
{
    struct rule_watch_stats sum = { 0 };

    for (struct watch_catalog *c = w->catalogs; c; c = c->next) {
        struct engine_stats s = { 0 };

        if (c->engine)
            engine_stats(c->engine, &s);
        sum.readings += s.readings;
        sum.late += s.late;
        sum.rules += s.rules;
        sum.keys += s.keys;
    }
    pthread_mutex_lock(&w->lock);
    w->stats.readings = sum.readings;
    w->stats.late = sum.late;
    w->stats.rules = sum.rules;
    w->stats.keys = sum.keys;
    pthread_mutex_unlock(&w->lock);
}

// The feed was empty a moment ago: all that was committed before that is looked at.
static void turn(struct rule_watch *w, struct watch_catalog *c, int64_t looked_at)
{
    int64_t mono = clock_mono_ms();
    struct fault f = { 0 };
    bool mark;

    if (!is_current(w, c))
        return;
    look_again(w, c);
    engine_tick(c->engine, clock_now_ms());
    if (mono > c->seen_until + WATCH_BEHIND && c->seen.room)
        watch_seen_done(&c->seen);
    mark = c->turn_count || mono - c->marked_at >= MARK_MS;
    if (!mark || c->again_at > mono)
        return;
    if (watch_tell(w, c, looked_at - WATCH_BEHIND, &f) != RC_OK) {
        complain(c, &f);
        return;
    }
    c->again_at = 0;
    c->marked_at = mono;
}

static void *watch_main(void *watch)
{
    struct rule_watch *w = watch;
    bool last;

    do {
        int64_t looked_at = clock_now_ms();

        last = atomic_load(&w->stopping);
        poll_rules(w);
        take_all(w, last ? 0 : TURN_MS);
        for (struct watch_catalog *c = w->catalogs; c; c = c->next)
            turn(w, c, looked_at);
        count(w);
    } while (!last);
    return NULL;
}

enum rc rule_watch_start(struct store *pool, struct ingest *g, struct bus *bus, int64_t rows_ms,
                         struct rule_watch **out, struct fault *f)
{
    struct rule_watch *w = calloc(1, sizeof *w);

    if (!w)
        return fail(f, RC_INTERNAL, "out of memory");
    w->pool = pool;
    w->rows_ms = rows_ms;
    w->feed = rule_feed_new();
    pthread_mutex_init(&w->lock, NULL);
    if (!w->feed || pthread_create(&w->thread, NULL, watch_main, w) != 0) {
        rule_feed_free(w->feed);
        pthread_mutex_destroy(&w->lock);
        free(w);
        return fail(f, RC_INTERNAL, "cannot start the thread of the rules");
    }
    ingest_set_tap(g, &(struct ingest_tap){ w->feed, rule_feed_wants, rule_feed_put });
    bus_subscribe(bus, on_bus, w);
    *out = w;
    return RC_OK;
}

void rule_watch_stop(struct rule_watch *w)
{
    if (!w)
        return;
    atomic_store(&w->stopping, true);
    rule_feed_wake(w->feed);
    pthread_join(w->thread, NULL);
    while (w->catalogs) {
        struct watch_catalog *gone = w->catalogs;

        w->catalogs = gone->next;
        watch_clear(gone);
        free(gone);
    }
    rule_feed_free(w->feed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void rule_watch_stats(struct rule_watch *w, struct rule_watch_stats *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->stats;
    pthread_mutex_unlock(&w->lock);
}
