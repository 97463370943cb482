// SPDX-License-Identifier: Apache-2.0

#include "edge/edge.h"

#include <errno.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include "core/auto.h"
#include "edge/client.h"

#define PER_ADDRESS 200
#define BUFFERED    (64 * 1024 * 1024)
#define SPARE_FDS   200 // for the database, the device side, files and us

DEFINE_AUTO(struct edge *, edge_freep, edge_stop)

// ---------------------------------------------------------------- the loop's own hooks

static void start_drain(struct edge *e)
{
    e->draining = true;
    listeners_close(e);
    for (struct client *c = e->clients, *next; c; c = next) {
        next = c->next;
        // Whoever has nothing under way is told goodbye now.
        if (c->state == CLIENT_HANDSHAKE || (c->state == CLIENT_HEAD && !c->req))
            client_close(c);
    }
}

static void on_wake(void *ctx)
{
    struct edge *e = ctx;

    if (__atomic_load_n(&e->quitting, __ATOMIC_ACQUIRE))
        reactor_quit(e->reactor);
    if (__atomic_load_n(&e->asked_to_drain, __ATOMIC_ACQUIRE) && !e->draining)
        start_drain(e);
}

static bool is_busy(const struct client *c)
{
    return c->state == CLIENT_BODY || c->state == CLIENT_ANSWER || c->req;
}

static void tell_drained(struct edge *e)
{
    for (const struct client *c = e->clients; c; c = c->next)
        if (is_busy(c))
            return;
    pthread_mutex_lock(&e->lock);
    e->is_drained = true;
    pthread_cond_broadcast(&e->drained);
    pthread_mutex_unlock(&e->lock);
}

static bool on_turn(void *ctx)
{
    struct edge *e = ctx;
    bool more = handshake_turn(e);

    gauge(e, buffered, e->buffered);
    if (e->draining)
        tell_drained(e);
    return more;
}

static void *run(void *ctx)
{
    struct edge *e = ctx;

    reactor_run(e->reactor);
    return NULL;
}

// ---------------------------------------------------------------- start

static enum rc copy_options(struct edge *e, const struct edge_options *o, struct fault *f)
{
    struct rlimit fds = { .rlim_cur = 1024 };

    getrlimit(RLIMIT_NOFILE, &fds);
    e->hooks = o->hooks;
    e->backend_port = o->backend_port;
    e->buffered_max = o->buffered > 0 ? o->buffered : BUFFERED;
    e->per_address = o->per_address > 0 ? o->per_address : PER_ADDRESS;
    e->max_clients = fds.rlim_cur > 100000 ? 100000 : (int)fds.rlim_cur;
    e->max_clients =
        e->max_clients > 2 * SPARE_FDS ? e->max_clients - SPARE_FDS : e->max_clients / 2;
    if (o->max_clients > 0)
        e->max_clients = o->max_clients;
    e->backend_secret = strdup(o->backend_secret ? o->backend_secret : "");
    e->live_protocol = o->live_protocol ? strdup(o->live_protocol) : NULL;
    e->proxy_secret = o->proxy_secret ? strdup(o->proxy_secret) : NULL;
    if (!e->backend_secret || (o->live_protocol && !e->live_protocol) ||
        (o->proxy_secret && !e->proxy_secret))
        return fail(f, RC_INTERNAL, "out of memory");
    if (RAND_bytes((unsigned char *)&e->request_seed, sizeof e->request_seed) != 1)
        return fail(f, RC_INTERNAL, "no random bytes");
    if (o->web_dir && *o->web_dir)
        return assets_load(o->web_dir, &e->assets, f);
    return RC_OK;
}

static enum rc open_listeners(struct edge *e, const struct edge_options *o, struct fault *f)
{
    enum rc rc = RC_OK;

    e->addresses = addresses_new();
    if (!e->addresses)
        return fail(f, RC_INTERNAL, "out of memory");
    reactor_queue(e->reactor, &e->accepts, REOPEN_MS, accept_again);
    if (!o->plain) {
        rc = tls_new(&o->tls, NULL, &e->tls, f);
        if (rc == RC_OK)
            rc = tls_copy(&o->tls, &e->tls_options, f);
    }
    if (rc == RC_OK)
        rc = listener_open(e, o->listen, o->plain ? LISTEN_PLAIN : LISTEN_TLS, f);
    if (rc == RC_OK && o->metrics_listen && *o->metrics_listen)
        rc = listener_open(e, o->metrics_listen, LISTEN_METRICS, f);
    return rc;
}

// No signal is this thread's business, and a write to a gone client must be an error.
static enum rc start_thread(struct edge *e, struct fault *f)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&e->thread, NULL, run, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return fail(f, RC_INTERNAL, "edge thread: %s", strerror(error));
    pthread_setname_np(e->thread, "edge");
    e->started = true;
    return RC_OK;
}

enum rc edge_start(const struct edge_options *o, struct edge **out, struct fault *f)
{
    auto_with(edge_freep) struct edge *e = calloc(1, sizeof *e);
    enum rc rc;

    if (!e)
        return fail(f, RC_INTERNAL, "out of memory");
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->drained, NULL);
    e->handshake_last = &e->handshake_first;
    rc = reactor_open(&e->reactor, f);
    if (rc != RC_OK)
        return rc;
    reactor_hooks(e->reactor, on_turn, on_wake, e);
    client_queues(e);
    rc = copy_options(e, o, f);
    if (rc == RC_OK)
        rc = open_listeners(e, o, f);
    if (rc == RC_OK)
        rc = backends_open(e, f);
    if (rc == RC_OK)
        rc = start_thread(e, f);
    if (rc == RC_OK)
        *out = take(&e);
    return rc;
}

uint16_t edge_port(const struct edge *e)
{
    return e->listeners[0].port;
}

uint16_t edge_metrics_port(const struct edge *e)
{
    return e->listener_count > 1 ? e->listeners[1].port : 0;
}

// ---------------------------------------------------------------- later

enum rc edge_reload(struct edge *e, const struct edge_tls *tls, struct fault *f)
{
    struct edge_tls copy = { 0 };
    SSL_CTX *new = NULL, *old;
    enum rc rc;

    if (!e->tls)
        return RC_OK;
    rc = tls_new(tls ? tls : &e->tls_options, e->tls, &new, f);
    if (rc == RC_OK && tls)
        rc = tls_copy(tls, &copy, f);
    if (rc != RC_OK) {
        SSL_CTX_free(new);
        return rc;
    }
    pthread_mutex_lock(&e->lock);
    old = e->tls;
    e->tls = new;
    pthread_mutex_unlock(&e->lock);
    SSL_CTX_free(old); // lives on in the connections made with it
    if (tls) {
        tls_done(&e->tls_options);
        e->tls_options = copy;
    }
    return RC_OK;
}

static struct timespec in_ms(int64_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

bool edge_drain(struct edge *e, int64_t ms)
{
    struct timespec until = in_ms(ms);
    bool done;

    __atomic_store_n(&e->asked_to_drain, 1, __ATOMIC_RELEASE);
    reactor_wake(e->reactor);
    pthread_mutex_lock(&e->lock);
    while (!e->is_drained && pthread_cond_timedwait(&e->drained, &e->lock, &until) != ETIMEDOUT)
        ;
    done = e->is_drained;
    pthread_mutex_unlock(&e->lock);
    return done;
}

static void stop_thread(struct edge *e)
{
    if (!e->started)
        return;
    __atomic_store_n(&e->quitting, 1, __ATOMIC_RELEASE);
    reactor_wake(e->reactor);
    pthread_join(e->thread, NULL);
}

static void close_all(struct edge *e)
{
    // Nobody is served any more, so nobody may wait for a backend.
    while (e->clients)
        client_close(e->clients);
    while (e->handshake_first)
        handshake_turn(e);
    listeners_close(e);
    backends_close(e);
}

void edge_stop(struct edge *e)
{
    if (!e)
        return;
    stop_thread(e);
    if (e->reactor)
        close_all(e);
    reactor_close(e->reactor);
    SSL_CTX_free(e->tls);
    tls_done(&e->tls_options);
    addresses_free(e->addresses);
    assets_free(e->assets);
    free(e->live_protocol);
    free(e->backend_secret);
    free(e->proxy_secret);
    pthread_cond_destroy(&e->drained);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

void edge_stats(struct edge *e, struct edge_counts *out)
{
    const uint64_t *from = (const uint64_t *)&e->counts;
    uint64_t *to = (uint64_t *)out;

    for (size_t i = 0; i < sizeof *out / sizeof *to; i++)
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
