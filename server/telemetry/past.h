// SPDX-License-Identifier: Apache-2.0
//
// telemetry/past: one metric of one device, read from where it lies.
//
//   rows --past_read()--> points by time      rows --past_hours()--> sums of whole hours
//
// The one door to stored readings for charts and exports: who asks does not know how they are kept.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define PAST_POINTS_MAX 200000 // of one reading; later ones are left out

struct store;

struct past_query {
    int32_t catalog;
    int64_t device;
    const char *metric;
    int64_t from, to; // Unix ms, both included
};

struct past_hour {
    int64_t t, count;
    double min, max, sum;
};

// By time. False ends the reading, which is RC_OK.
typedef bool past_points(void *ctx, const int64_t *t, const double *v, size_t n);
typedef bool past_sums(void *ctx, const struct past_hour *hours, size_t n);

// *whole is false where points were left out.
enum rc past_read(struct store *s, const struct past_query *q, past_points *sink, void *ctx,
                  bool *whole, struct fault *f);
// Hours that begin from from's own to to's.
enum rc past_hours(struct store *s, const struct past_query *q, past_sums *sink, void *ctx,
                   struct fault *f);
