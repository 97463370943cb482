// SPDX-License-Identifier: Apache-2.0

#include "telemetry/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "http/http.h"
#include "telemetry/asked.h"
#include "telemetry/fleet.h"

struct pick {
    uint64_t hash;
    int64_t device;
    const char *key; // borrowed; "" for none
};

// Neighbours in number differ in all digits.
static uint64_t hash_of(int64_t device)
{
    uint64_t z = (uint64_t)device * 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int by_hash(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

static int by_key(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : by_hash(a, b);
}

// ---------------------------------------------------------------- not split: from memory alone

struct sieve { // the smallest hashes so far, and some that may be among them
    size_t of, count, most;
    uint64_t below;
    struct pick list[4 * SAMPLE_MAX];
};

static void settle(struct sieve *s)
{
    qsort(s->list, s->count, sizeof s->list[0], by_hash);
    if (s->count < s->most)
        return;
    s->count = s->most;
    s->below = s->list[s->most - 1].hash;
}

static void offer(void *ctx, size_t index, const struct fleet_value *v)
{
    struct sieve *s = ctx;
    uint64_t hash = hash_of(v->device);

    (void)index;
    s->of++;
    if (hash > s->below)
        return;
    if (s->count == sizeof s->list / sizeof s->list[0])
        settle(s);
    s->list[s->count++] = (struct pick){ hash, v->device, "" };
}

static enum rc take_any(const struct req *q, const struct asked *a, size_t most,
                        struct sample_set *out, struct fault *f)
{
    auto_free struct sieve *s = calloc(1, sizeof *s);

    if (!s)
        return fail(f, RC_INTERNAL, "out of memory");
    s->most = most;
    s->below = UINT64_MAX;
    fleet_each(q->services->fleet, q->catalog, a->metric, a->now - a->window, offer, s);
    settle(s);
    out->of = s->of;
    out->count = s->count;
    for (size_t i = 0; i < s->count; i++)
        out->devices[i] = s->list[i].device;
    out->part_count = 1;
    out->parts[0] = (struct sample_part){ .of = s->of, .count = s->count };
    return RC_OK;
}

// ---------------------------------------------------------------- split or filtered

static size_t run_of(const struct pick *list, size_t at, size_t count)
{
    size_t n = 1;

    while (at + n < count && !strcmp(list[at].key, list[at + n].key))
        n++;
    return n;
}

struct run {
    size_t at, count;
};

static int longer_first(const void *a, const void *b)
{
    const struct run *x = a, *y = b;

    return (x->count < y->count) - (x->count > y->count);
}

// The longest runs of one key; how many.
static size_t longest(const struct pick *list, size_t count, struct run out[PARTS_MAX + 1])
{
    size_t n = 0;

    for (size_t at = 0, len; at < count; at += len) {
        len = run_of(list, at, count);
        out[n++] = (struct run){ at, len };
        qsort(out, n, sizeof out[0], longer_first);
        n = n > PARTS_MAX ? PARTS_MAX : n;
    }
    return n;
}

static enum rc take_parts(const struct pick *list, size_t count, bool split, size_t most,
                          struct sample_set *out, struct fault *f)
{
    struct run runs[PARTS_MAX + 1];

    out->part_count = longest(list, count, runs);
    for (size_t i = 0; i < out->part_count; i++) {
        size_t share = (most + out->part_count - 1 - i) / out->part_count;
        struct sample_part *p = &out->parts[i];

        *p = (struct sample_part){ .of = runs[i].count, .first = out->count };
        p->key = split ? strdup(list[runs[i].at].key) : NULL;
        if (split && !p->key)
            return fail(f, RC_INTERNAL, "out of memory");
        for (size_t k = 0; k < runs[i].count && k < share; k++, p->count++)
            out->devices[out->count++] = list[runs[i].at + k].device;
    }
    return RC_OK;
}

static enum rc take_found(const struct asked *a, const struct found *x, size_t most,
                          struct sample_set *out, struct fault *f)
{
    auto_free struct pick *list = calloc(x->count + 1, sizeof *list);

    if (!list)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < x->count; i++)
        if (!isnan(x->values[i]))
            list[out->of++] = (struct pick){ hash_of(x->devices[i]), x->devices[i],
                                             *a->by ? found_key(x, i) : "" };
    qsort(list, out->of, sizeof *list, by_key);
    return take_parts(list, out->of, *a->by, most, out, f);
}

enum rc sample_take(const struct req *q, const struct asked *a, size_t most, struct sample_set *out,
                    struct fault *f)
{
    struct found x = { 0 };
    enum rc rc;

    *out = (struct sample_set){ 0 };
    if (a->filter.empty && !*a->by)
        return take_any(q, a, most, out, f);
    rc = found_read(q, a, &x, f);
    if (rc == RC_OK)
        rc = take_found(a, &x, most, out, f);
    found_done(&x);
    return rc;
}

void sample_done(struct sample_set *s)
{
    for (size_t i = 0; i < s->part_count; i++)
        free(s->parts[i].key);
    s->part_count = 0;
}
