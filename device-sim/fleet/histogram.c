// SPDX-License-Identifier: Apache-2.0

#include "fleet/histogram.h"

// Exact below 64; above, 32 steps to each doubling.
static unsigned bucket_of(uint64_t v)
{
    if (v < 64)
        return (unsigned)v;
    unsigned shift = (unsigned)(63 - __builtin_clzll(v)) - 5;
    unsigned i = 64 + (shift - 1) * 32 + (unsigned)(v >> shift) - 32;

    return i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1;
}

static double top_of(unsigned i)
{
    if (i < 64)
        return i;
    unsigned shift = (i - 64) / 32 + 1;

    return (double)(((uint64_t)(i - 64) % 32 + 33) << shift) - 1;
}

void histogram_add(struct histogram *h, int64_t us, uint64_t times)
{
    uint64_t v = us > 0 ? (uint64_t)us : 0;

    h->count += times;
    h->bucket[bucket_of(v)] += times;
    if (v > h->max)
        h->max = v;
}

double histogram_ms(const struct histogram *h, double part)
{
    uint64_t want = (uint64_t)(part * (double)h->count), seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > want || (seen == h->count && seen)) {
            double top = top_of(i);
            return (top < (double)h->max ? top : (double)h->max) / 1000;
        }
    }
    return 0;
}
