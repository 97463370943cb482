// SPDX-License-Identifier: Apache-2.0
//
// intake: the topic of that name: messages a second, taken and refused.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"

#define INTAKE_MS 1000

struct track;

struct intake {
    atomic_uint_fast64_t messages, refused; // any thread's
    // The live thread's: what they were, and when; 0: nobody has looked yet.
    uint64_t messages_before, refused_before;
    int64_t at;
};

void intake_take(struct intake *i, const struct bus_event *e);
// Counts from now; what was before is of no interest.
void intake_begin(struct intake *i);
// Whether it made a frame.
bool intake_tick(struct intake *i, struct track *t, int64_t now);
