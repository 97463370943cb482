// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/auto.h"
#include "edge/client.h"

#define ACCEPTS_A_TURN 64
#define BUCKETS        1024
#define BACKLOG        1024

// ---------------------------------------------------------------- addresses

struct address {
    struct address *next;
    uint8_t key[16];
    int open;
};

struct addresses {
    struct address *buckets[BUCKETS];
    uint64_t seed;
};

struct addresses *addresses_new(void)
{
    struct addresses *a = calloc(1, sizeof *a);

    if (a)
        a->seed = (uint64_t)(uintptr_t)a | 1;
    return a;
}

void addresses_free(struct addresses *a)
{
    for (size_t i = 0; a && i < BUCKETS; i++)
        while (a->buckets[i]) {
            struct address *next = a->buckets[i]->next;

            free(a->buckets[i]);
            a->buckets[i] = next;
        }
    free(a);
}

// One IPv6 customer has a /64, so that is what counts as an address.
static void address_key(const uint8_t addr[16], uint8_t key[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    memcpy(key, addr, 16);
    if (memcmp(addr, mapped, sizeof mapped) != 0)
        memset(key + 8, 0, 8);
}

static struct address **address_find(struct addresses *a, const uint8_t key[16])
{
    uint64_t hash = a->seed;
    struct address **p;

    for (int i = 0; i < 16; i++)
        hash = (hash ^ key[i]) * 0x100000001b3u;
    p = &a->buckets[(hash >> 20) % BUCKETS];
    while (*p && memcmp((*p)->key, key, 16) != 0)
        p = &(*p)->next;
    return p;
}

static struct address *address_add(struct address **at, const uint8_t key[16])
{
    struct address *new = calloc(1, sizeof *new);

    if (new)
        memcpy(new->key, key, 16);
    *at = new; // the end of its chain
    return new;
}

static bool address_enters(struct edge *e, const uint8_t addr[16])
{
    struct address **p, *a;
    uint8_t key[16];

    address_key(addr, key);
    p = address_find(e->addresses, key);
    a = *p ? *p : address_add(p, key);
    if (!a || a->open >= e->per_address)
        return false;
    a->open++;
    return true;
}

void address_leaves(struct edge *e, const uint8_t addr[16])
{
    uint8_t key[16];
    struct address **p, *gone;

    address_key(addr, key);
    p = address_find(e->addresses, key);
    if (--(*p)->open > 0)
        return;
    gone = *p;
    *p = gone->next;
    free(gone);
}

// ---------------------------------------------------------------- listeners

static void read_address(const struct sockaddr_storage *from, uint8_t addr[16])
{
    memset(addr, 0, 16);
    if (from->ss_family == AF_INET6) {
        memcpy(addr, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
    } else if (from->ss_family == AF_INET) {
        addr[10] = addr[11] = 0xff;
        memcpy(addr + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
    }
}

// A reset, not a farewell: whoever is over the cap costs as little as possible.
static void turn_away(int fd)
{
    struct linger now = { .l_onoff = 1 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static void welcome(struct listener *l, int fd, const uint8_t addr[16])
{
    struct edge *e = l->edge;
    int one = 1;

    count(e, accepted);
    if (e->counts.clients >= (uint64_t)e->max_clients) {
        count(e, refused_full);
        turn_away(fd);
        return;
    }
    // Behind a proxy everybody has its address.
    if (l->kind == LISTEN_TLS && !address_enters(e, addr)) {
        count(e, refused_address);
        turn_away(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (client_open(e, fd, l->kind, addr))
        return;
    if (l->kind == LISTEN_TLS)
        address_leaves(e, addr);
    turn_away(fd);
}

static void on_listener(struct watch *w, uint32_t events)
{
    struct listener *l = (struct listener *)((char *)w - offsetof(struct listener, watch));

    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && w->fd >= 0; i++) {
        struct sockaddr_storage from = { 0 };
        socklen_t len = sizeof from;
        uint8_t addr[16];
        int fd = accept4(w->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            reactor_change(l->edge->reactor, w, 0);
            reactor_arm(l->edge->reactor, &l->edge->accepts, &l->timer);
            return;
        }
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0)
            continue;
        read_address(&from, addr);
        welcome(l, fd, addr);
    }
}

void accept_again(struct timer *t)
{
    struct listener *l = (struct listener *)((char *)t - offsetof(struct listener, timer));

    reactor_change(l->edge->reactor, &l->watch, EPOLLIN);
}

// "address:port" or "[address]:port" into its two halves.
static bool split(const char *where, char host[64], const char **port)
{
    const char *colon = strrchr(where, ':');
    size_t len = colon ? (size_t)(colon - where) : 0;

    if (!colon || !colon[1] || len >= 64)
        return false;
    if (len >= 2 && where[0] == '[' && where[len - 1] == ']') {
        where++;
        len -= 2;
    }
    memcpy(host, where, len);
    host[len] = '\0';
    *port = colon + 1;
    return true;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = sizeof at;

    getsockname(fd, (struct sockaddr *)&at, &len);
    if (at.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&at)->sin6_port);
    return ntohs(((struct sockaddr_in *)&at)->sin_port);
}

static int listen_at(const struct addrinfo *a)
{
    int one = 1, zero = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->ai_family == AF_INET6) // "[::]" takes IPv4 too
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

DEFINE_AUTO(struct addrinfo *, addrinfo_freep, freeaddrinfo)

enum rc listener_open(struct edge *e, const char *where, enum listener_kind kind, struct fault *f)
{
    struct addrinfo want = { .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
    auto_with(addrinfo_freep) struct addrinfo *found = NULL;
    struct listener *l = &e->listeners[e->listener_count];
    const char *port;
    char host[64];

    if (!split(where, host, &port) || getaddrinfo(*host ? host : NULL, port, &want, &found) != 0)
        return fail(f, RC_INVALID, "'%s' is not address:port, as in 0.0.0.0:8443 or [::]:8443",
                    where);
    *l = (struct listener){ .edge = e, .kind = kind };
    l->watch.ready = on_listener;
    l->watch.fd = listen_at(found);
    if (l->watch.fd < 0)
        return fail(f, RC_UNAVAILABLE, "cannot listen on %s: %s; set another address or port",
                    where, strerror(errno));
    e->listener_count++;
    l->port = port_of(l->watch.fd);
    if (!reactor_watch(e->reactor, &l->watch, EPOLLIN))
        return fail(f, RC_INTERNAL, "epoll: %s", strerror(errno));
    return RC_OK;
}

void listeners_close(struct edge *e)
{
    for (int i = 0; i < e->listener_count; i++) {
        struct listener *l = &e->listeners[i];
        int fd = l->watch.fd;

        reactor_disarm(&l->timer);
        reactor_unwatch(e->reactor, &l->watch);
        if (fd >= 0)
            close(fd);
    }
}
