// SPDX-License-Identifier: Apache-2.0
//
// census: the topic of that name: how many devices are in which state.
//
// Each frame is whole, so that who fell behind needs the newest alone.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"

#define CENSUS_MS 200 // between two frames

struct seats;
struct track;

struct census {
    int64_t at; // of the last frame; monotonic ms
    int64_t counts[STATE_COUNT];
};

// Whether it made a frame.
bool census_tick(struct census *c, const struct seats *seats, struct track *t, int64_t now);
