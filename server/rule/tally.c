// SPDX-License-Identifier: Apache-2.0

#include "rule/tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS   86400000.0
#define WIDTH_MS 1000 // of a bucket at least

void tally_init(struct tally *y, int64_t from, int64_t to)
{
    int64_t width = (to - from + TALLY_BUCKETS - 1) / TALLY_BUCKETS;

    *y = (struct tally){ .from = from, .to = to, .width = width > WIDTH_MS ? width : WIDTH_MS };
    y->buckets = (size_t)((to - from + y->width - 1) / y->width);
}

void tally_done(struct tally *y)
{
    for (size_t i = 0; i < y->all.room; i++)
        if (y->all.places[i].key)
            free(y->all.places[i].thing);
    map_done(&y->all);
}

static size_t bucket_of(const struct tally *y, int64_t at)
{
    size_t i = (size_t)((at - y->from) / y->width);

    return i < y->buckets ? i : y->buckets - 1;
}

static struct tally_key *key_of(struct tally *y, int64_t key)
{
    struct tally_key *k = map_get(&y->all, key);

    if (k)
        return k;
    k = calloc(1, sizeof *k);
    if (!k || !map_put(&y->all, key, k)) {
        free(k);
        y->out_of_memory = true;
        return NULL;
    }
    k->key = key;
    return k;
}

// Each halves in a day, as it does for a rule at work.
static void fire(struct tally *y, struct tally_key *k, int64_t at)
{
    k->since = at;
    y->keys += k->fired++ == 0;
    y->total++;
    y->fired[bucket_of(y, at)]++;
    y->began[bucket_of(y, at)]++;
    y->heat += pow(0.5, (double)(y->to - at) / DAY_MS);
}

void tally_turn(void *tally, const struct engine_turn *t)
{
    struct tally *y = tally;
    struct tally_key *k = key_of(y, t->key);
    int64_t at = t->at > y->from ? t->at : y->from;

    if (!k)
        return;
    if (!y->open) {
        k->since = t->fires ? t->at : 0;
    } else if (t->fires) {
        fire(y, k, at);
    } else if (k->since) {
        k->standing_ms += at - k->since;
        k->since = 0;
        y->ended[bucket_of(y, at)]++;
    }
}

void tally_open(struct tally *y)
{
    y->open = true;
    for (size_t i = 0; i < y->all.room; i++) {
        struct tally_key *k = y->all.places[i].key ? y->all.places[i].thing : NULL;

        if (k && k->since)
            fire(y, k, y->from);
    }
}

static bool is_worse(const struct tally_key *a, const struct tally_key *b)
{
    if (a->fired != b->fired)
        return a->fired > b->fired;
    if (a->standing_ms != b->standing_ms)
        return a->standing_ms > b->standing_ms;
    return a->key < b->key;
}

size_t tally_top(const struct tally *y, int64_t now, struct tally_key out[TALLY_TOP])
{
    size_t n = 0, at;

    for (size_t i = 0; i < y->all.room; i++) {
        struct tally_key k = { 0 };

        if (y->all.places[i].key)
            k = *(const struct tally_key *)y->all.places[i].thing;
        if (!k.fired)
            continue;
        k.standing_ms += k.since && now > k.since ? now - k.since : 0;
        for (at = n; at > 0 && is_worse(&k, &out[at - 1]); at--)
            if (at < TALLY_TOP)
                out[at] = out[at - 1];
        if (at < TALLY_TOP)
            out[at] = k;
        n += n < TALLY_TOP;
    }
    return n;
}
