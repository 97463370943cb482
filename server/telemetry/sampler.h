// SPDX-License-Identifier: Apache-2.0
//
// sampler: many samples in, few points out, every peak kept.
//
// Up to the number of points asked for, samples are kept as they are. From the next one on
// the time is cut into half as many equal buckets, and each keeps its lowest and its
// highest sample. Samples may come in any order.

#pragma once

#include <stddef.h>
#include <stdint.h>

#define SAMPLER_POINTS_MAX 5000

struct sample {
    int64_t t; // Unix ms
    double value;
};

struct sampler;

// points: 2…SAMPLER_POINTS_MAX. NULL when out of memory.
struct sampler *sampler_new(int64_t from, int64_t to, int points);
void sampler_add(struct sampler *s, int64_t t, double value); // from <= t <= to
// By time, at most points of them. Borrowed; the sampler takes no more samples after this.
const struct sample *sampler_result(struct sampler *s, size_t *count);
void sampler_free(struct sampler *s); // NULL is fine
