// SPDX-License-Identifier: Apache-2.0

#include "live/tickets.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/hex.h"

#define TICKETS     2048
#define PER_ACCOUNT 20
#define LIFETIME_MS 30000

struct kept {
    uint8_t hash[SHA256_DIGEST_LENGTH];
    int64_t until; // clock_mono_ms; 0: free
    struct ticket ticket;
};

struct tickets {
    pthread_mutex_t lock;
    struct kept kept[TICKETS];
};

struct tickets *tickets_new(void)
{
    struct tickets *t = calloc(1, sizeof *t);

    if (t)
        pthread_mutex_init(&t->lock, NULL);
    return t;
}

void tickets_free(struct tickets *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

// A free place, unless the account has too many or all are taken.
static struct kept *place_for(struct tickets *t, int64_t account, int64_t now)
{
    struct kept *place = NULL;
    int held = 0;

    for (size_t i = 0; i < TICKETS; i++) {
        struct kept *k = &t->kept[i];
        if (k->until <= now) {
            place = place ? place : k;
            continue;
        }
        held += k->ticket.who.account == account;
    }
    return held < PER_ACCOUNT ? place : NULL;
}

enum rc tickets_issue(struct tickets *t, const struct ticket *for_whom,
                      char out[TICKET_TEXT_LEN + 1], struct fault *f)
{
    uint8_t random[32];
    int64_t now = clock_mono_ms();

    if (RAND_bytes(random, sizeof random) != 1)
        return fail(f, RC_INTERNAL, "no random bytes");
    base64url_encode(random, sizeof random, out);
    pthread_mutex_lock(&t->lock);
    struct kept *place = place_for(t, for_whom->who.account, now);
    if (place) {
        SHA256((const uint8_t *)out, TICKET_TEXT_LEN, place->hash);
        place->until = now + LIFETIME_MS;
        place->ticket = *for_whom;
    }
    pthread_mutex_unlock(&t->lock);
    return place ? RC_OK
                 : fail(f, RC_LIMIT, "too many unused live tickets; they end after %d s",
                        LIFETIME_MS / 1000);
}

bool tickets_redeem(struct tickets *t, const char *text, struct ticket *out)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    int64_t now = clock_mono_ms();
    bool found = false;

    if (strnlen(text, TICKET_TEXT_LEN + 1) != TICKET_TEXT_LEN)
        return false;
    SHA256((const uint8_t *)text, TICKET_TEXT_LEN, hash);
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < TICKETS && !found; i++) {
        struct kept *k = &t->kept[i];
        if (k->until <= now || CRYPTO_memcmp(k->hash, hash, sizeof hash) != 0)
            continue;
        *out = k->ticket;
        k->until = 0;
        found = true;
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}
