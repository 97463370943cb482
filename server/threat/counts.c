// SPDX-License-Identifier: Apache-2.0

#include "threat/counts.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define PROBES   8
#define STALE_MS (24 * 3600 * 1000LL)

struct place {
    uint64_t key; // 0: empty
    int64_t first, last;
    int64_t n;
};

struct counts {
    size_t mask;
    uint64_t salt[2];
    struct place places[];
};

struct counts *counts_new(size_t places)
{
    struct counts *c = calloc(1, sizeof *c + places * sizeof c->places[0]);

    if (c && RAND_bytes((unsigned char *)c->salt, sizeof c->salt) != 1) {
        free(c);
        return NULL;
    }
    if (c)
        c->mask = places - 1;
    return c;
}

void counts_free(struct counts *c)
{
    free(c);
}

static uint64_t mix(uint64_t z, uint64_t salt) // splitmix64
{
    z += 0x9e3779b97f4a7c15u + salt;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t hash(const struct counts *c, const struct count_key *k)
{
    uint64_t h = mix((uint64_t)k->kind << 32 | (uint32_t)k->catalog, c->salt[0]);

    h = mix(h ^ (uint64_t)k->device, c->salt[1]);
    for (const char *at = k->text ? k->text : ""; *at; at++)
        h = mix(h ^ (uint8_t)*at, c->salt[0]);
    return h ? h : 1;
}

static int64_t worth(const struct place *p, int64_t at)
{
    return at - p->last > STALE_MS ? 0 : p->n;
}

// The place of key, or the one it may take.
static struct place *find(struct counts *c, uint64_t key, int64_t at)
{
    struct place *least = NULL;

    for (size_t i = 0; i < PROBES; i++) {
        struct place *p = &c->places[(key + i) & c->mask];

        if (p->key == key)
            return p;
        if (!least || worth(p, at) < worth(least, at) ||
            (worth(p, at) == worth(least, at) && p->last < least->last))
            least = p;
    }
    return least;
}

int64_t counts_add(struct counts *c, const struct count_key *k, int64_t at, int64_t window_ms)
{
    uint64_t key = hash(c, k);
    struct place *p = find(c, key, at);

    if (p->key != key || at - p->first > window_ms)
        *p = (struct place){ .key = key, .first = at };
    p->n += !k->once || p->last != at;
    p->last = at;
    return p->n;
}

void counts_forget(struct counts *c, const struct count_key *k, int64_t at)
{
    uint64_t key = hash(c, k);
    struct place *p = find(c, key, at);

    if (p->key == key && p->last < at)
        *p = (struct place){ 0 };
}
