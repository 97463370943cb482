// SPDX-License-Identifier: Apache-2.0

#include "gateway/resume.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SETS 16384 // a power of two
#define WAYS 4

// Newest first. Session numbers are random, so that sets fill evenly.
struct set {
    SSL_SESSION *ways[WAYS];
};

struct resume {
    pthread_mutex_t lock;
    struct set sets[SETS];
};

struct resume *resume_new(void)
{
    struct resume *r = calloc(1, sizeof *r);

    if (r)
        pthread_mutex_init(&r->lock, NULL);
    return r;
}

void resume_free(struct resume *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++)
            SSL_SESSION_free(r->sets[i].ways[k]);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static struct set *set_of(struct resume *r, const unsigned char *id, unsigned len)
{
    uint32_t h = 0;

    memcpy(&h, id, len < sizeof h ? len : sizeof h);
    return &r->sets[h & (SETS - 1)];
}

static bool has_id(const SSL_SESSION *s, const unsigned char *id, unsigned len)
{
    unsigned n;
    const unsigned char *own = s ? SSL_SESSION_get_id(s, &n) : NULL;

    return own && n == len && memcmp(own, id, len) == 0;
}

// Takes it out of the table: good once.
static SSL_SESSION *take_session(struct resume *r, const unsigned char *id, unsigned len)
{
    struct set *set = set_of(r, id, len);
    SSL_SESSION *found = NULL;

    pthread_mutex_lock(&r->lock);
    for (size_t k = 0; k < WAYS && !found; k++)
        if (has_id(set->ways[k], id, len)) {
            found = set->ways[k];
            set->ways[k] = NULL;
        }
    pthread_mutex_unlock(&r->lock);
    return found;
}

static SSL_SESSION *on_wanted(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    struct resume *r = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    *copy = 0; // the table's reference becomes OpenSSL's
    return take_session(r, id, (unsigned)len);
}

void resume_serve(struct resume *r, SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET); // TLS 1.3 then sends numbers as tickets
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL |
                                            SSL_SESS_CACHE_NO_AUTO_CLEAR);
    SSL_CTX_set_timeout(ctx, RESUME_S);
    SSL_CTX_set_app_data(ctx, r);
    SSL_CTX_sess_set_get_cb(ctx, on_wanted);
}

// A copy, because OpenSSL spoils the original when a connection breaks off without a farewell, and
// those are the devices that come back soonest.
void resume_keep(struct resume *r, SSL *ssl)
{
    SSL_SESSION *now = SSL_get_session(ssl);
    SSL_SESSION *copy = now && SSL_SESSION_is_resumable(now) ? SSL_SESSION_dup(now) : NULL;
    const unsigned char *id;
    struct set *set;
    unsigned len;

    if (!copy)
        return;
    id = SSL_SESSION_get_id(copy, &len);
    set = set_of(r, id, len);
    pthread_mutex_lock(&r->lock);
    now = set->ways[WAYS - 1];
    memmove(set->ways + 1, set->ways, sizeof set->ways - sizeof *set->ways);
    set->ways[0] = copy;
    pthread_mutex_unlock(&r->lock);
    SSL_SESSION_free(now);
}
