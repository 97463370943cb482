// SPDX-License-Identifier: Apache-2.0

#include "core/nap.h"

#include <time.h>

#include "core/clock.h"

void nap_init(struct nap *n)
{
    pthread_condattr_t monotonic;

    *n = (struct nap){ .woken = false };
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&n->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&n->lock, NULL);
}

void nap_done(struct nap *n)
{
    pthread_cond_destroy(&n->wake);
    pthread_mutex_destroy(&n->lock);
}

bool nap_take(struct nap *n, int64_t ms)
{
    int64_t end = clock_mono_ms() + ms;
    struct timespec until = { .tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000 };

    pthread_mutex_lock(&n->lock);
    while (!n->stopped && !n->woken && pthread_cond_timedwait(&n->wake, &n->lock, &until) == 0)
        ;
    n->woken = false;
    bool go_on = !n->stopped;
    pthread_mutex_unlock(&n->lock);
    return go_on;
}

bool nap_is_stopped(struct nap *n)
{
    pthread_mutex_lock(&n->lock);
    bool stopped = n->stopped;
    pthread_mutex_unlock(&n->lock);
    return stopped;
}

static void say(struct nap *n, bool *flag)
{
    pthread_mutex_lock(&n->lock);
    *flag = true;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
}

void nap_wake(struct nap *n)
{
    say(n, &n->woken);
}

void nap_stop(struct nap *n)
{
    say(n, &n->stopped);
}
