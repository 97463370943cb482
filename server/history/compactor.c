// SPDX-License-Identifier: Apache-2.0

#include "history/compactor.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "compact_sql.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/log.h"
#include "history/compact.h"
#include "ingest/partition.h"
#include "store/link.h"

#define LOCK_SPACE   0x6f727268 // "orrh"
#define LOCK_KEY     1
#define ROUND_MIN_MS 500
#define ROUND_MAX_MS 300000
#define TIMEOUT_MS   20000

struct compactor {
    struct compactor_options o;
    struct compact *work;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool stopping;
    struct compactor_stats stats; // guarded by lock
    struct link *link;            // the thread's, as are those below
    bool leads, troubled;
};

static const struct log_ctx ctx = { .area = "history" };

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// ---------------------------------------------------------------- one hour

static void note(struct compactor *c, const struct compact_count *n)
{
    pthread_mutex_lock(&c->lock);
    c->stats.rows += n->rows;
    c->stats.points += n->points;
    c->stats.chunks += n->chunks;
    c->stats.bytes += n->bytes;
    pthread_mutex_unlock(&c->lock);
}

static enum rc pack_slices(struct compactor *c, int64_t hour, struct fault *f)
{
    struct compact_place place = { 0 };
    bool done = false;
    enum rc rc = compact_make_room(c->link, hour, f);

    while (rc == RC_OK && !done && !atomic_load(&c->stopping)) {
        struct compact_count n = { 0 };

        rc = compact_slice(c->work, c->link, hour, &place, &done, &n, f);
        note(c, &n);
    }
    return rc;
}

// Whoever looks at the table for long keeps it from being dropped; then a later round does it.
static enum rc drop_hour(struct compactor *c, int64_t hour, bool *busy, struct fault *f)
{
    bool gone = false;
    enum rc rc = compact_drop(c->link, hour, &gone, f);

    if (rc == RC_UNAVAILABLE && link_is_up(c->link)) {
        *busy = true;
        return RC_OK;
    }
    if (rc != RC_OK || !gone)
        return rc;
    pthread_mutex_lock(&c->lock);
    c->stats.partitions++;
    pthread_mutex_unlock(&c->lock);
    if (c->o.dropped)
        c->o.dropped(c->o.ctx, hour);
    return RC_OK;
}

static enum rc pack_hours(struct compactor *c, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    int64_t newest = (clock_now_ms() - c->o.pack_after_s * 1000) / HOUR_MS; // not over yet
    bool busy = false;
    enum rc rc = link_run(c->link, &Q_COMPACT_HOURS, NULL, &r, f);

    for (int i = 0; rc == RC_OK && i < rows_count(r) && !atomic_load(&c->stopping); i++) {
        int64_t hour = partition_hour(PARTITION_TELEMETRY, rows_text(r, i, "name"));

        if (hour < 0 || hour >= newest)
            continue;
        rc = pack_slices(c, hour, f);
        if (rc == RC_OK && !busy && !atomic_load(&c->stopping))
            rc = drop_hour(c, hour, &busy, f);
    }
    return rc;
}

// ---------------------------------------------------------------- the thread

static enum rc take_lead(struct compactor *c, struct fault *f)
{
    enum rc rc = RC_OK;

    if (c->link && !link_is_up(c->link)) {
        link_close(c->link);
        c->link = NULL;
        c->leads = false;
    }
    if (!c->link)
        rc = link_open(c->o.conninfo, "orrery compactor", TIMEOUT_MS, &c->link, f);
    if (rc == RC_OK && !c->leads) {
        rc = link_lock(c->link, LOCK_SPACE, LOCK_KEY, 0, f);
        c->leads = rc == RC_OK;
        rc = rc == RC_CONFLICT ? RC_OK : rc; // another server packs
    }
    return rc;
}

static void run_round(struct compactor *c)
{
    struct fault f = { 0 };
    enum rc rc = take_lead(c, &f);

    if (rc == RC_OK && c->leads)
        rc = pack_hours(c, &f);
    if (rc != RC_OK) {
        pthread_mutex_lock(&c->lock);
        c->stats.failures++;
        pthread_mutex_unlock(&c->lock);
    }
    if (rc != RC_OK && !c->troubled)
        log_warn(&ctx, "telemetry is not packed: %s, retrying each round", f.text);
    c->troubled = rc != RC_OK;
}

static bool wait_round(struct compactor *c)
{
    int64_t ms = c->o.pack_after_s * 1000 / 24, until;
    struct timespec at;
    int rc = 0;

    ms = ms < ROUND_MIN_MS ? ROUND_MIN_MS : ms > ROUND_MAX_MS ? ROUND_MAX_MS : ms;
    until = clock_mono_us() + ms * 1000;
    at = (struct timespec){ .tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000 };
    pthread_mutex_lock(&c->lock);
    while (rc == 0 && !atomic_load(&c->stopping))
        rc = pthread_cond_timedwait(&c->wake, &c->lock, &at);
    pthread_mutex_unlock(&c->lock);
    return !atomic_load(&c->stopping);
}

static void *compactor_main(void *compactor)
{
    struct compactor *c = compactor;

    while (wait_round(c))
        run_round(c);
    link_close(c->link);
    return NULL;
}

static void compactor_free(struct compactor *c)
{
    compact_free(c->work);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

enum rc compactor_start(const struct compactor_options *o, struct compactor **out, struct fault *f)
{
    struct compactor *c = calloc(1, sizeof *c);
    pthread_condattr_t attr;

    if (!c)
        return fail(f, RC_INTERNAL, "out of memory");
    c->o = *o;
    c->work = compact_new();
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (!c->work || pthread_create(&c->thread, NULL, compactor_main, c) != 0) {
        compactor_free(c);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    *out = c;
    return RC_OK;
}

void compactor_stats(struct compactor *c, struct compactor_stats *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->stats;
    pthread_mutex_unlock(&c->lock);
}

void compactor_stop(struct compactor *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    atomic_store(&c->stopping, true);
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    compactor_free(c);
}
