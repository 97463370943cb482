// SPDX-License-Identifier: Apache-2.0

#include "live/board_load.h"

#include <stdlib.h>
#include <time.h>

#include "core/log.h"
#include "live/board_own.h"
#include "live/source.h"

#define LOOK_MS 100 // how often an awake loader looks for work

static const struct log_ctx ctx = { .area = "live" };

struct board_loader {
    struct boards *boards;
    struct store *store;
    pthread_t thread;
};

static void work_on(struct board_loader *l, struct board *b)
{
    const struct source from = { .store = l->store, .lock = &b->lock, .catalog = b->catalog };
    struct fault f = { 0 };
    enum rc rc;

    rc = picture_load(&b->picture, &from, &f);
    if (rc == RC_OK)
        rc = news_load(&b->news, &from, &f);
    if (rc == RC_OK)
        rc = whole_load(&b->jobs, whole_jobs, &from, &f);
    if (rc == RC_OK)
        rc = whole_load(&b->alerts, whole_alerts, &from, &f);
    if (rc != RC_OK)
        log_warn(&ctx, "a picture of the fleet is late: %s, trying again", f.text);
}

// True if there is a board to work on.
static bool work_on_all(struct board_loader *l)
{
    bool any = false;

    for (struct board *b = atomic_load(&l->boards->first); b; b = b->next) {
        if (!atomic_load(&b->watched))
            continue;
        any = true;
        work_on(l, b);
    }
    return any;
}

static void wait_for_work(struct boards *b, bool any)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&b->lock);
    while (!b->woken && !b->stopping)
        if (!any)
            pthread_cond_wait(&b->wake, &b->lock);
        else if (pthread_cond_timedwait(&b->wake, &b->lock, &until) != 0)
            break;
    b->woken = false;
    pthread_mutex_unlock(&b->lock);
}

static bool is_stopping(struct boards *b)
{
    bool stopping;

    pthread_mutex_lock(&b->lock);
    stopping = b->stopping;
    pthread_mutex_unlock(&b->lock);
    return stopping;
}

static void *run(void *arg)
{
    struct board_loader *l = arg;

    pthread_setname_np(pthread_self(), "live-board");
    while (!is_stopping(l->boards))
        wait_for_work(l->boards, work_on_all(l));
    return NULL;
}

enum rc board_loader_start(struct boards *b, struct store *s, struct board_loader **out,
                           struct fault *f)
{
    struct board_loader *l = calloc(1, sizeof *l);

    if (!l)
        return fail(f, RC_INTERNAL, "out of memory");
    l->boards = b;
    l->store = s;
    if (pthread_create(&l->thread, NULL, run, l) != 0) {
        free(l);
        return fail(f, RC_UNAVAILABLE, "cannot start a thread");
    }
    *out = l;
    return RC_OK;
}

void board_loader_stop(struct board_loader *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->boards->lock);
    l->boards->stopping = true;
    pthread_cond_signal(&l->boards->wake);
    pthread_mutex_unlock(&l->boards->lock);
    pthread_join(l->thread, NULL);
    free(l);
}
