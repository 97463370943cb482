// SPDX-License-Identifier: Apache-2.0
//
// histogram: latencies in microseconds, kept within 3 % of their value in 10 kB.

#pragma once

#include <stdint.h>

#define HISTOGRAM_BUCKETS 1280

struct histogram {
    uint64_t count, max;
    uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, int64_t us, uint64_t times);
double histogram_ms(const struct histogram *h, double part); // part 0.99: p99, in ms
