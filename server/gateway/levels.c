// SPDX-License-Identifier: Apache-2.0

#include "gateway/levels.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/log.h"
#include "journal/loudness.h"
#include "store/store.h"

#define AGAIN_MS 30000
#define PAUSE_MS 50 // after an end, so that the database's clock is past it too

struct levels {
    struct store *store;
    levels_tell *tell;
    void *ctx;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stirred, stopping;
    size_t told; // devices, last time
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static const struct log_ctx area = { .area = "gateway" };

static int by_device(const void *x, const void *y)
{
    const struct level_of *a = x, *b = y;

    if (a->catalog != b->catalog)
        return a->catalog < b->catalog ? -1 : 1;
    return (a->device > b->device) - (a->device < b->device);
}

int levels_find(const struct level_of *list, size_t count, int32_t catalog, int64_t device)
{
    const struct level_of key = { .catalog = catalog, .device = device };
    const struct level_of *found =
        count ? bsearch(&key, list, count, sizeof *list, by_device) : NULL;

    return found ? found->level : LOUDNESS_USUAL;
}

static enum rc read_all(struct levels *l, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = loudness_present(l->store, &r, f);
    size_t count = rc == RC_OK ? (size_t)rows_count(r) : 0;
    auto_free struct level_of *list = calloc(count + 1, sizeof *list);

    if (rc != RC_OK || !list)
        return rc != RC_OK ? rc : fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++)
        list[i] =
            (struct level_of){ (int32_t)rows_int(r, (int)i, "catalog"),
                               rows_int(r, (int)i, "device"), (int)rows_int(r, (int)i, "level") };
    qsort(list, count, sizeof *list, by_device);
    if (count || l->told)
        l->tell(l->ctx, list, count);
    l->told = count;
    return RC_OK;
}

// Until then nothing ends; at most AGAIN_MS.
static int64_t pause_of(struct levels *l)
{
    struct fault f = { 0 };
    int64_t end = 0, left;

    if (loudness_next_end(l->store, &end, &f) != RC_OK || end == 0)
        return AGAIN_MS;
    left = end - clock_now_ms() + PAUSE_MS;
    return left < PAUSE_MS ? PAUSE_MS : left < AGAIN_MS ? left : AGAIN_MS;
}

// False when it is to end.
static bool nap(struct levels *l, int64_t ms)
{
    int64_t at = clock_mono_ms() + ms;
    const struct timespec until = { .tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000 };
    bool go_on;
    int rc = 0;

    pthread_mutex_lock(&l->lock);
    while (rc == 0 && !l->stirred && !l->stopping)
        rc = pthread_cond_timedwait(&l->wake, &l->lock, &until);
    l->stirred = false;
    go_on = !l->stopping;
    pthread_mutex_unlock(&l->lock);
    return go_on;
}

static void *run(void *levels)
{
    struct levels *l = levels;
    bool troubled = false;

    do {
        struct fault f = { 0 };
        enum rc rc = read_all(l, &f);

        if (rc != RC_OK && !troubled)
            log_warn(&area, "log levels cannot be read: %s, retrying", f.text);
        troubled = rc != RC_OK;
    } while (nap(l, pause_of(l)));
    return NULL;
}

static void free_all(struct levels *l)
{
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

enum rc levels_start(struct store *store, levels_tell *tell, void *ctx, struct levels **out,
                     struct fault *f)
{
    struct levels *l = calloc(1, sizeof *l);
    pthread_condattr_t monotonic;

    if (!l)
        return fail(f, RC_INTERNAL, "out of memory");
    l->store = store;
    l->tell = tell;
    l->ctx = ctx;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&l->thread, NULL, run, l) != 0) {
        free_all(l);
        return fail(f, RC_INTERNAL, "no thread for log levels");
    }
    *out = l;
    return RC_OK;
}

void levels_stir(struct levels *l)
{
    pthread_mutex_lock(&l->lock);
    l->stirred = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

void levels_stop(struct levels *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    free_all(l);
}
