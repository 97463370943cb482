// SPDX-License-Identifier: Apache-2.0

#include "gateway/presence.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/peer.h"

#define BUCKETS         65536
#define ADDRESS_BUCKETS 4096

struct present {
    struct present *next;
    uint8_t device[16];
    struct place at;
};

struct address {
    struct address *next;
    uint8_t key[PEER_KEY_LEN];
    uint32_t count, strangers;
};

struct presence {
    pthread_mutex_t lock;
    struct present *devices[BUCKETS];
    struct address *addresses[ADDRESS_BUCKETS];
};

struct presence *presence_new(void)
{
    struct presence *p = calloc(1, sizeof *p);

    if (p)
        pthread_mutex_init(&p->lock, NULL);
    return p;
}

void presence_free(struct presence *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (p->devices[i]) {
            struct present *d = p->devices[i];

            p->devices[i] = d->next;
            free(d);
        }
    for (size_t i = 0; i < ADDRESS_BUCKETS; i++)
        while (p->addresses[i]) {
            struct address *a = p->addresses[i];

            p->addresses[i] = a->next;
            free(a);
        }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

// Where the device is, or where its list ends. An id is half a SHA-256: its bytes are a hash.
static struct present **find(struct presence *p, const uint8_t device[16])
{
    struct present **at = &p->devices[(device[0] << 8 | device[1]) % BUCKETS];

    while (*at && memcmp((*at)->device, device, sizeof(*at)->device) != 0)
        at = &(*at)->next;
    return at;
}

bool presence_claim(struct presence *p, const uint8_t device[16], const struct place *now,
                    struct place *before)
{
    struct present **at;
    bool was;

    pthread_mutex_lock(&p->lock);
    at = find(p, device);
    was = *at != NULL;
    if (was) {
        *before = (*at)->at;
        (*at)->at = *now;
    } else if ((*at = calloc(1, sizeof **at))) {
        memcpy((*at)->device, device, sizeof(*at)->device);
        (*at)->at = *now;
    }
    pthread_mutex_unlock(&p->lock);
    return was;
}

void presence_release(struct presence *p, const uint8_t device[16], const struct place *now)
{
    struct present **at, *d;

    pthread_mutex_lock(&p->lock);
    at = find(p, device);
    d = *at;
    if (d && d->at.loop == now->loop && d->at.session == now->session) {
        *at = d->next;
        free(d);
    }
    pthread_mutex_unlock(&p->lock);
}

void address_network(const struct sockaddr_storage *from, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "";
    uint8_t key[PEER_KEY_LEN], net[16] = { 0 };
    bool v4;

    peer_key(from, key);
    v4 = key[0] == 4;
    memcpy(net, key + 1, v4 ? 3 : 6);
    *out = '\0';
    if ((from->ss_family == AF_INET || from->ss_family == AF_INET6) &&
        inet_ntop(v4 ? AF_INET : AF_INET6, net, text, sizeof text))
        snprintf(out, size, "%s/%d", text, v4 ? 24 : 48);
}

static struct address **find_address(struct presence *p, const uint8_t key[PEER_KEY_LEN])
{
    uint32_t h = 2166136261u; // FNV-1a
    struct address **at;

    for (int i = 0; i < PEER_KEY_LEN; i++)
        h = (h ^ key[i]) * 16777619u;
    at = &p->addresses[h % ADDRESS_BUCKETS];
    while (*at && memcmp((*at)->key, key, sizeof(*at)->key) != 0)
        at = &(*at)->next;
    return at;
}

struct address *address_enter(struct presence *p, const struct sockaddr_storage *from, uint32_t max)
{
    struct address **at, *a;
    uint8_t key[PEER_KEY_LEN];

    peer_key(from, key);
    pthread_mutex_lock(&p->lock);
    at = find_address(p, key);
    if (!*at && (*at = calloc(1, sizeof **at)))
        memcpy((*at)->key, key, sizeof key);
    a = *at && (*at)->count < max ? *at : NULL;
    if (a)
        a->count++;
    pthread_mutex_unlock(&p->lock);
    return a;
}

void address_leave(struct presence *p, struct address *a)
{
    struct address **at;

    if (!a)
        return;
    pthread_mutex_lock(&p->lock);
    if (--a->count == 0) {
        at = find_address(p, a->key);
        *at = a->next;
        free(a);
    }
    pthread_mutex_unlock(&p->lock);
}

bool address_stranger_enter(struct presence *p, struct address *a, uint32_t max)
{
    bool room;

    pthread_mutex_lock(&p->lock);
    room = a->strangers < max;
    a->strangers += room;
    pthread_mutex_unlock(&p->lock);
    return room;
}

void address_stranger_leave(struct presence *p, struct address *a)
{
    pthread_mutex_lock(&p->lock);
    a->strangers--;
    pthread_mutex_unlock(&p->lock);
}
