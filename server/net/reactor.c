// SPDX-License-Identifier: Apache-2.0

#include "net/reactor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"

#define BATCH 128

struct reactor {
    int epoll;
    struct watch wake;
    struct task *first, **last;
    size_t posted;
    struct timer_queue *queues;
    struct grave *graves;
    int64_t now;
    bool quit;
    bool (*turn)(void *ctx);
    void (*woken)(void *ctx);
    void *ctx;
};

// The wake watch is the only one whose callback needs the reactor itself.
static void on_wake(struct watch *w, uint32_t events)
{
    struct reactor *r = (struct reactor *)((char *)w - offsetof(struct reactor, wake));
    uint64_t n;

    (void)events;
    if (read(w->fd, &n, sizeof n) == (ssize_t)sizeof n && r->woken)
        r->woken(r->ctx);
}

enum rc reactor_open(struct reactor **out, struct fault *f)
{
    struct reactor *r = calloc(1, sizeof *r);

    if (!r)
        return fail(f, RC_INTERNAL, "out of memory");
    r->last = &r->first;
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    r->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->wake.ready = on_wake;
    r->now = clock_mono_ms();
    if (r->epoll < 0 || r->wake.fd < 0 || !reactor_watch(r, &r->wake, EPOLLIN)) {
        int error = errno;

        reactor_close(r);
        return fail(f, RC_INTERNAL, "event loop: %s", strerror(error));
    }
    *out = r;
    return RC_OK;
}

static void bury_all(struct reactor *r)
{
    while (r->graves) {
        struct grave *g = r->graves;

        r->graves = g->next;
        g->bury(g);
    }
}

void reactor_close(struct reactor *r)
{
    if (!r)
        return;
    bury_all(r);
    if (r->wake.fd >= 0)
        close(r->wake.fd);
    if (r->epoll >= 0)
        close(r->epoll);
    free(r);
}

void reactor_hooks(struct reactor *r, bool (*turn)(void *ctx), void (*woken)(void *ctx), void *ctx)
{
    r->turn = turn;
    r->woken = woken;
    r->ctx = ctx;
}

// Only those posted so far: one that posts itself again waits for the next turn.
static void run_tasks(struct reactor *r)
{
    for (size_t n = r->posted; n > 0 && r->first; n--) {
        struct task *t = r->first;

        r->first = t->next;
        if (!r->first)
            r->last = &r->first;
        t->next = NULL;
        t->posted = false;
        r->posted--;
        t->run(t);
    }
}

static void run_timers(struct reactor *r)
{
    for (struct timer_queue *q = r->queues; q; q = q->next)
        while (q->head.next != &q->head && q->head.next->due <= r->now) {
            struct timer *t = q->head.next;

            reactor_disarm(t);
            q->expired(t);
        }
}

static int wait_ms(const struct reactor *r, bool busy)
{
    int64_t soonest = 1000;

    if (busy || r->first)
        return 0;
    for (const struct timer_queue *q = r->queues; q; q = q->next)
        if (q->head.next != &q->head && q->head.next->due - r->now < soonest)
            soonest = q->head.next->due - r->now;
    return soonest < 0 ? 0 : (int)soonest;
}

void reactor_run(struct reactor *r)
{
    struct epoll_event batch[BATCH];
    bool busy = false;

    while (!r->quit) {
        int n = epoll_wait(r->epoll, batch, BATCH, wait_ms(r, busy));

        r->now = clock_mono_ms();
        for (int i = 0; i < n; i++) {
            struct watch *w = batch[i].data.ptr;

            if (w->fd >= 0)
                w->ready(w, batch[i].events);
        }
        run_tasks(r);
        run_timers(r);
        busy = r->turn && r->turn(r->ctx);
        run_tasks(r);
        bury_all(r);
    }
}

void reactor_quit(struct reactor *r)
{
    r->quit = true;
}

void reactor_wake(struct reactor *r)
{
    uint64_t one = 1;

    // A full counter means that a wake-up is pending already.
    if (write(r->wake.fd, &one, sizeof one) < 0)
        return;
}

static bool control(struct reactor *r, int op, struct watch *w, uint32_t events)
{
    struct epoll_event e = { .events = events, .data.ptr = w };

    w->events = events;
    return epoll_ctl(r->epoll, op, w->fd, &e) == 0;
}

bool reactor_watch(struct reactor *r, struct watch *w, uint32_t events)
{
    return control(r, EPOLL_CTL_ADD, w, events);
}

void reactor_change(struct reactor *r, struct watch *w, uint32_t events)
{
    if (w->fd >= 0 && w->events != events)
        control(r, EPOLL_CTL_MOD, w, events);
}

void reactor_unwatch(struct reactor *r, struct watch *w)
{
    if (w->fd >= 0)
        epoll_ctl(r->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    w->fd = -1;
}

void reactor_post(struct reactor *r, struct task *t)
{
    if (t->posted)
        return;
    t->posted = true;
    t->next = NULL;
    *r->last = t;
    r->last = &t->next;
    r->posted++;
}

void reactor_unpost(struct reactor *r, struct task *t)
{
    struct task **p = &r->first;

    if (!t->posted)
        return;
    while (*p != t)
        p = &(*p)->next;
    *p = t->next;
    if (!*p)
        r->last = p;
    r->posted--;
    t->posted = false;
}

void reactor_queue(struct reactor *r, struct timer_queue *q, int64_t after_ms,
                   void (*expired)(struct timer *t))
{
    q->head.prev = q->head.next = &q->head;
    q->after_ms = after_ms;
    q->expired = expired;
    q->next = r->queues;
    r->queues = q;
}

void reactor_arm(struct reactor *r, struct timer_queue *q, struct timer *t)
{
    reactor_disarm(t);
    t->due = r->now + q->after_ms;
    t->queue = q;
    t->prev = q->head.prev;
    t->next = &q->head;
    t->prev->next = t;
    q->head.prev = t;
}

void reactor_disarm(struct timer *t)
{
    if (!t->due)
        return;
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->prev = t->next = NULL;
    t->due = 0;
}

void reactor_free(struct reactor *r, struct grave *g, void (*bury)(struct grave *g))
{
    g->bury = bury;
    g->next = r->graves;
    r->graves = g;
}

int64_t reactor_now(const struct reactor *r)
{
    return r->now;
}
