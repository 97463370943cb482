// SPDX-License-Identifier: Apache-2.0

#include "http/stream.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/hex.h"
#include "http/http.h"

#define OFFERS      64
#define LIFETIME_MS 10000

struct offer {
    char ticket[STREAM_TICKET_LEN + 1]; // "": free
    enum stream_kind kind;
    int64_t until; // clock_mono_ms
    void *arg;     // owned
};

struct streams {
    pthread_mutex_t lock;
    struct {
        stream_take *take;
        stream_drop *drop;
        void *ctx;
    } providers[STREAM_KINDS];
    struct offer offers[OFFERS];
};

struct streams *streams_new(void)
{
    struct streams *s = calloc(1, sizeof *s);

    if (s)
        pthread_mutex_init(&s->lock, NULL);
    return s;
}

// Under the lock.
static void drop(struct streams *s, struct offer *o)
{
    if (s->providers[o->kind].drop)
        s->providers[o->kind].drop(s->providers[o->kind].ctx, o->arg);
    *o = (struct offer){ 0 };
}

static void drop_if(struct streams *s, bool all, enum stream_kind kind, int64_t before)
{
    for (size_t i = 0; i < OFFERS; i++) {
        struct offer *o = &s->offers[i];

        if (*o->ticket && ((all && o->kind == kind) || o->until < before))
            drop(s, o);
    }
}

void streams_provide(struct streams *s, enum stream_kind kind, stream_take *take,
                     stream_drop *dropped, void *ctx)
{
    pthread_mutex_lock(&s->lock);
    drop_if(s, true, kind, 0);
    s->providers[kind].take = take;
    s->providers[kind].drop = dropped;
    s->providers[kind].ctx = ctx;
    pthread_mutex_unlock(&s->lock);
}

void streams_free(struct streams *s)
{
    if (!s)
        return;
    for (int kind = 0; kind < STREAM_KINDS; kind++)
        streams_provide(s, (enum stream_kind)kind, NULL, NULL, NULL);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

// ---------------------------------------------------------------- tickets

static struct offer *free_place(struct streams *s)
{
    drop_if(s, false, STREAM_EVENTS, clock_mono_ms());
    for (size_t i = 0; i < OFFERS; i++)
        if (!*s->offers[i].ticket)
            return &s->offers[i];
    return NULL;
}

// Under the lock.
static enum rc offer(struct streams *s, enum stream_kind kind, void *arg, char *ticket,
                     struct fault *f)
{
    uint8_t random[STREAM_TICKET_LEN / 2];
    struct offer *o = free_place(s);

    if (!s->providers[kind].take)
        return fail(f, RC_UNAVAILABLE, "streams are not served now");
    if (!o)
        return fail(f, RC_LIMIT, "too many streams are being opened");
    if (RAND_bytes(random, sizeof random) != 1)
        return fail(f, RC_INTERNAL, "no random bytes");
    *o = (struct offer){ .kind = kind, .until = clock_mono_ms() + LIFETIME_MS, .arg = arg };
    hex_encode(random, sizeof random, o->ticket);
    memcpy(ticket, o->ticket, sizeof o->ticket);
    return RC_OK;
}

enum rc reply_stream(struct reply *r, struct streams *s, enum stream_kind kind, const char *type,
                     void *arg, struct fault *f)
{
    enum rc rc;

    if (!s)
        return fail(f, RC_UNAVAILABLE, "streams are not served now");
    pthread_mutex_lock(&s->lock);
    rc = offer(s, kind, arg, r->stream, f);
    pthread_mutex_unlock(&s->lock);
    if (rc != RC_OK)
        return rc;
    r->status = 200;
    r->type = type;
    return RC_OK;
}

// Under the lock. All are compared, so that time tells nothing.
static struct offer *find(struct streams *s, const char *ticket)
{
    struct offer *found = NULL;

    drop_if(s, false, STREAM_EVENTS, clock_mono_ms());
    for (size_t i = 0; i < OFFERS && strlen(ticket) == STREAM_TICKET_LEN; i++)
        if (*s->offers[i].ticket &&
            CRYPTO_memcmp(s->offers[i].ticket, ticket, STREAM_TICKET_LEN) == 0)
            found = &s->offers[i];
    return found;
}

static void decline(struct streams *s, const char *ticket)
{
    struct offer *o;

    pthread_mutex_lock(&s->lock);
    o = find(s, ticket);
    if (o)
        drop(s, o);
    pthread_mutex_unlock(&s->lock);
}

// The provider runs outside the lock.
static bool hand_over(struct streams *s, const char *ticket, int fd)
{
    struct offer found = { 0 }, *o;
    stream_take *take;
    void *ctx;

    pthread_mutex_lock(&s->lock);
    o = find(s, ticket);
    if (o) {
        found = *o;
        *o = (struct offer){ 0 };
    }
    take = s->providers[found.kind].take;
    ctx = s->providers[found.kind].ctx;
    pthread_mutex_unlock(&s->lock);
    if (!*found.ticket || !take) {
        close(fd);
        return false;
    }
    return take(ctx, found.arg, fd);
}

bool streams_open(struct streams *s, const char *ticket, int fd)
{
    if (fd >= 0)
        return hand_over(s, ticket, fd);
    decline(s, ticket);
    return false;
}
