// SPDX-License-Identifier: Apache-2.0

#include "access/guard.h"

#include <ctype.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define SLOTS     4096
#define PROBES    8
#define DELAY_MS  30000
#define DELAY_MAX (15 * 60 * 1000)
#define FORGET_MS (30 * 60 * 1000)
#define NAME_MAX_ 80

enum kind {
    PAIR,
    ADDRESS,
    NAME,
    KIND_COUNT,
};

// How many wrong ones are free of delay.
static const int free_tries[KIND_COUNT] = { [PAIR] = 5, [ADDRESS] = 20, [NAME] = 50 };

struct slot {
    uint64_t key; // 0: empty
    int wrong;
    int64_t last; // clock_mono_ms
    int64_t until;
};

struct guard {
    pthread_mutex_t lock;
    uint8_t salt[16]; // nobody can aim at somebody's slot
    struct slot slots[SLOTS];
};

struct guard *guard_new(void)
{
    struct guard *g = calloc(1, sizeof *g);

    if (!g)
        return NULL;
    if (RAND_bytes(g->salt, sizeof g->salt) != 1) {
        free(g);
        return NULL;
    }
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void guard_free(struct guard *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static uint64_t key_of(const struct guard *g, enum kind kind, const char *name, const char *address)
{
    uint8_t input[16 + 1 + NAME_MAX_ + 1 + 64] = { 0 };
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint64_t key;

    memcpy(input, g->salt, 16);
    input[16] = (uint8_t)kind;
    for (size_t i = 0; kind != ADDRESS && name[i] && i < NAME_MAX_; i++)
        input[17 + i] = (uint8_t)tolower((unsigned char)name[i]);
    for (size_t i = 0; kind != NAME && address[i] && i < 64; i++)
        input[17 + NAME_MAX_ + 1 + i] = (uint8_t)address[i];
    SHA256(input, sizeof input, digest);
    memcpy(&key, digest, sizeof key);
    return key ? key : 1;
}

// The slot of key; a new one takes the place of the one heard of longest ago.
static struct slot *slot_of(struct guard *g, uint64_t key, int64_t now)
{
    struct slot *oldest = NULL;

    for (size_t i = 0; i < PROBES; i++) {
        struct slot *s = &g->slots[(key + i) % SLOTS];
        if (s->key == key) {
            if (now - s->last > FORGET_MS)
                *s = (struct slot){ .key = key };
            return s;
        }
        if (!oldest || s->last < oldest->last)
            oldest = s;
    }
    *oldest = (struct slot){ .key = key };
    return oldest;
}

static void count_wrong(struct slot *s, enum kind kind, int64_t now)
{
    s->last = now;
    if (++s->wrong < free_tries[kind])
        return;
    int over = s->wrong - free_tries[kind];
    int64_t delay = over > 5 ? DELAY_MAX : (int64_t)DELAY_MS << over;
    s->until = now + (delay > DELAY_MAX ? DELAY_MAX : delay);
}

int guard_enter(struct guard *g, const char *name, const char *address)
{
    struct slot *slots[KIND_COUNT];
    int64_t now = clock_mono_ms(), wait = 0;

    pthread_mutex_lock(&g->lock);
    for (int k = 0; k < KIND_COUNT; k++) {
        slots[k] = slot_of(g, key_of(g, (enum kind)k, name, address), now);
        slots[k]->last = now;
        if (slots[k]->until - now > wait)
            wait = slots[k]->until - now;
    }
    for (int k = 0; wait == 0 && k < KIND_COUNT; k++)
        count_wrong(slots[k], (enum kind)k, now);
    pthread_mutex_unlock(&g->lock);
    return (int)((wait + 999) / 1000);
}

// The pair, if right, is known to be good; the others only get this try back.
static void settle(struct guard *g, const char *name, const char *address, bool right)
{
    int64_t now = clock_mono_ms();

    pthread_mutex_lock(&g->lock);
    for (int k = 0; k < KIND_COUNT; k++) {
        struct slot *s = slot_of(g, key_of(g, (enum kind)k, name, address), now);
        s->wrong = (right && k == PAIR) || s->wrong == 0 ? 0 : s->wrong - 1;
        s->until = s->wrong < free_tries[k] ? 0 : s->until;
    }
    pthread_mutex_unlock(&g->lock);
}

void guard_right(struct guard *g, const char *name, const char *address)
{
    settle(g, name, address, true);
}

void guard_undo(struct guard *g, const char *name, const char *address)
{
    settle(g, name, address, false);
}
