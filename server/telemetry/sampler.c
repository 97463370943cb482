// SPDX-License-Identifier: Apache-2.0

#include "telemetry/sampler.h"

#include <stdbool.h>
#include <stdlib.h>

struct bucket {
    bool used;
    struct sample low, high;
};

struct sampler {
    int64_t from, to;
    size_t points, buckets;
    size_t count;          // of kept
    struct bucket *bucket; // NULL until kept is full
    struct sample kept[];
};

struct sampler *sampler_new(int64_t from, int64_t to, int points)
{
    struct sampler *s = calloc(1, sizeof *s + (size_t)points * sizeof s->kept[0]);

    if (!s)
        return NULL;
    s->from = from;
    s->to = to;
    s->points = (size_t)points;
    s->buckets = s->points / 2;
    return s;
}

void sampler_free(struct sampler *s)
{
    if (!s)
        return;
    free(s->bucket);
    free(s);
}

static struct bucket *bucket_of(struct sampler *s, int64_t t)
{
    unsigned __int128 at = (unsigned __int128)(uint64_t)(t - s->from) * s->buckets;

    return &s->bucket[at / ((uint64_t)(s->to - s->from) + 1)];
}

static void widen(struct sampler *s, struct sample x)
{
    struct bucket *b = bucket_of(s, x.t);

    if (!b->used || x.value < b->low.value)
        b->low = x;
    if (!b->used || x.value > b->high.value)
        b->high = x;
    b->used = true;
}

static void start_buckets(struct sampler *s)
{
    s->bucket = calloc(s->buckets, sizeof *s->bucket);
    if (!s->bucket)
        abort();
    for (size_t i = 0; i < s->count; i++)
        widen(s, s->kept[i]);
}

void sampler_add(struct sampler *s, int64_t t, double value)
{
    struct sample x = { t, value };

    if (!s->bucket && s->count < s->points) {
        s->kept[s->count++] = x;
        return;
    }
    if (!s->bucket)
        start_buckets(s);
    widen(s, x);
}

static int by_time(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;

    return (x->t > y->t) - (x->t < y->t);
}

static void keep(struct sampler *s, const struct bucket *b)
{
    bool low_first = b->low.t <= b->high.t;

    s->kept[s->count++] = low_first ? b->low : b->high;
    if (b->low.t != b->high.t || b->low.value < b->high.value)
        s->kept[s->count++] = low_first ? b->high : b->low;
}

const struct sample *sampler_result(struct sampler *s, size_t *count)
{
    if (s->bucket) {
        s->count = 0;
        for (size_t i = 0; i < s->buckets; i++)
            if (s->bucket[i].used)
                keep(s, &s->bucket[i]);
        free(s->bucket);
        s->bucket = NULL;
    } else {
        qsort(s->kept, s->count, sizeof s->kept[0], by_time);
    }
    *count = s->count;
    return s->kept;
}
