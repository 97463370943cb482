// SPDX-License-Identifier: Apache-2.0
//
// telemetry/sample: some devices that stand for many, the same ones each time.
//
//   devices that sent a metric since from --by a hash of their number--> at most so many a part
//
// Where devices are split, the PARTS_MAX largest parts share the sample evenly.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define SAMPLE_MAX 200
#define PARTS_MAX  8

struct asked;
struct req;

struct sample_part {
    char *key;    // owned; NULL: not split
    size_t of;    // devices it has
    size_t first; // in devices
    size_t count;
};

struct sample_set {
    size_t of, count; // of all parts
    size_t part_count;
    struct sample_part parts[PARTS_MAX];
    int64_t devices[SAMPLE_MAX];
};

// most: 1…SAMPLE_MAX.
enum rc sample_take(const struct req *q, const struct asked *a, size_t most, struct sample_set *out,
                    struct fault *f);
void sample_done(struct sample_set *s);
