// SPDX-License-Identifier: Apache-2.0

#include "rule/feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "ingest/pgcopy.h"

// Field count, then catalog, device, time and shape, each with its length; then the array's head.
#define ROW_HEAD   (2 + 8 + 12 + 12 + 8)
#define ARRAY_HEAD 24

struct rule_feed {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct feed_piece *head, **tail;
    size_t bytes;
    bool lost, woken;
    atomic_bool wanted;
};

struct rule_feed *rule_feed_new(void)
{
    struct rule_feed *f = calloc(1, sizeof *f);
    pthread_condattr_t attr;

    if (!f)
        return NULL;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, &attr);
    pthread_condattr_destroy(&attr);
    f->tail = &f->head;
    return f;
}

static void free_all(struct feed_piece *p)
{
    while (p) {
        struct feed_piece *gone = p;

        p = p->next;
        free(gone);
    }
}

void rule_feed_free(struct rule_feed *f)
{
    if (!f)
        return;
    free_all(f->head);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->wake);
    free(f);
}

bool rule_feed_wants(void *feed)
{
    struct rule_feed *f = feed;

    return atomic_load_explicit(&f->wanted, memory_order_relaxed);
}

void rule_feed_want(struct rule_feed *f, bool yes)
{
    atomic_store(&f->wanted, yes);
}

void rule_feed_put(void *feed, const char *rows, size_t len)
{
    struct rule_feed *f = feed;
    struct feed_piece *p = malloc(sizeof *p + len);

    if (p) {
        *p = (struct feed_piece){ .put_at = clock_mono_ms(), .len = len };
        memcpy(p->data, rows, len);
    }
    pthread_mutex_lock(&f->lock);
    if (p && f->bytes + len <= FEED_BYTES_MAX) {
        *f->tail = p;
        f->tail = &p->next;
        f->bytes += len;
        p = NULL;
    } else {
        f->lost = true;
    }
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    free(p);
}

void rule_feed_wake(struct rule_feed *f)
{
    pthread_mutex_lock(&f->lock);
    f->woken = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

struct feed_piece *rule_feed_take(struct rule_feed *f, int wait_ms, bool *lost)
{
    struct feed_piece *all;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&f->lock);
    while (!f->head && !f->woken && pthread_cond_timedwait(&f->wake, &f->lock, &until) == 0)
        ;
    all = f->head;
    *lost = f->lost;
    f->head = NULL;
    f->tail = &f->head;
    f->bytes = 0;
    f->lost = f->woken = false;
    pthread_mutex_unlock(&f->lock);
    return all;
}

bool feed_next(const struct feed_piece *p, size_t *at, struct feed_row *out)
{
    const char *row = p->data + *at;

    if (p->len - *at < ROW_HEAD + ARRAY_HEAD)
        return false;
    out->catalog = (int32_t)get32(row + 6);
    out->device = (int64_t)get64(row + 14);
    out->at = (int64_t)get64(row + 26) / 1000 + PG_EPOCH_MS;
    out->shape = (int32_t)get32(row + 38);
    out->count = get32(row + ROW_HEAD + 16);
    if (out->count > TOKEN_METRICS_MAX ||
        p->len - *at < ROW_HEAD + ARRAY_HEAD + 12 * (size_t)out->count)
        return false;
    for (uint32_t i = 0; i < out->count; i++) {
        uint64_t bits = get64(row + ROW_HEAD + ARRAY_HEAD + 12 * (size_t)i + 4);

        memcpy(&out->values[i], &bits, sizeof bits);
    }
    *at += ROW_HEAD + ARRAY_HEAD + 12 * (size_t)out->count;
    return true;
}
