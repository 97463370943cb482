// SPDX-License-Identifier: Apache-2.0

#include "http/rate.h"

#include <math.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define SLOTS  8192
#define PROBES 8

// Readers are bounded far above what one needs (a full core's worth), so that only a
// runaway script meets the limit; writers and strangers are bounded in earnest.
static const struct {
    const char *name;
    double per_s, burst;
} rules[RATE_CLASS_COUNT] = {
    [RATE_STRANGER] = { "stranger", 20, 200 }, [RATE_READ] = { "read", 10000, 20000 },
    [RATE_WRITE] = { "write", 100, 1000 },     [RATE_SLOW] = { "slow", 2, 40 },
    [RATE_REFUSAL] = { "refusal", 1, 30 },
};

struct bucket {
    uint64_t key; // 0: empty
    int64_t at;   // clock_mono_us of the last refill
    double tokens;
};

struct rate {
    pthread_mutex_t lock;
    uint64_t seed;
    struct bucket buckets[SLOTS];
};

struct rate *rate_new(void)
{
    struct rate *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    if (RAND_bytes((uint8_t *)&r->seed, sizeof r->seed) != 1) {
        free(r);
        return NULL;
    }
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void rate_free(struct rate *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

// The finisher of SplitMix64 after each byte; the seed keeps others from choosing collisions.
static uint64_t key_of(const struct rate *r, enum rate_class c, const char *key)
{
    uint64_t h = r->seed ^ (uint64_t)c;

    for (; *key; key++) {
        h += 0x9e3779b97f4a7c15u + (unsigned char)*key;
        h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
        h = (h ^ h >> 27) * 0x94d049bb133111ebu;
        h ^= h >> 31;
    }
    return h ? h : 1;
}

static struct bucket *bucket_of(struct rate *r, uint64_t key, double burst, int64_t now)
{
    struct bucket *oldest = NULL;

    for (size_t i = 0; i < PROBES; i++) {
        struct bucket *b = &r->buckets[(key + i) % SLOTS];
        if (b->key == key)
            return b;
        if (!oldest || b->at < oldest->at)
            oldest = b;
    }
    *oldest = (struct bucket){ .key = key, .at = now, .tokens = burst };
    return oldest;
}

bool rate_take(struct rate *r, enum rate_class c, const char *key, int cost, struct rate_state *out)
{
    int64_t now = clock_mono_us();

    pthread_mutex_lock(&r->lock);
    struct bucket *b = bucket_of(r, key_of(r, c, key), rules[c].burst, now);
    b->tokens = fmin(rules[c].burst, b->tokens + (double)(now - b->at) * rules[c].per_s / 1e6);
    b->at = now;
    bool taken = b->tokens >= 1;
    if (taken)
        b->tokens -= cost;
    double tokens = b->tokens;
    pthread_mutex_unlock(&r->lock);
    *out = (struct rate_state){
        .name = rules[c].name,
        .quota = (int)rules[c].burst,
        .window_s = (int)ceil(rules[c].burst / rules[c].per_s),
        .left = tokens > 0 ? (int)tokens : 0,
        .wait_s = taken ? 0 : (int)ceil((1 - tokens) / rules[c].per_s),
    };
    return taken;
}
