// SPDX-License-Identifier: Apache-2.0
//
// device/tally: how many devices of something are in which state.
//
//   device_tally in SQL --n0 … n5--> int64_t[STATE_COUNT] --> "devices" and "counts"

#pragma once

#include <jansson.h>
#include <stdint.h>

#include "device/device.h"

// From the columns n0 … n5.
void tally_read(const struct rows *r, int row, int64_t out[STATE_COUNT]);
json_t *tally_counts(const int64_t n[STATE_COUNT]);
// Adds "devices" and "counts".
void tally_add(json_t *o, const int64_t n[STATE_COUNT]);
