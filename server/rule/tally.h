// SPDX-License-Identifier: Apache-2.0
//
// tally: what a rule said over a time, counted: how often, on whom, how long.
//
//   turns, each key's in order --tally_turn--> firings, standing time, buckets, the worst
//
// What already held when the time begins counts as one firing then.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rule/engine.h"
#include "rule/map.h"

#define TALLY_BUCKETS 200
#define TALLY_TOP     20

struct tally_key {
    int64_t key, since, standing_ms; // since: 0, or it holds from then on
    int64_t fired;
};

struct tally {
    int64_t from, to, width; // of a bucket, in ms
    size_t buckets;
    int64_t fired[TALLY_BUCKETS], began[TALLY_BUCKETS], ended[TALLY_BUCKETS];
    int64_t total, keys; // keys: that fired
    double heat;         // as book_noise() takes it
    bool open;           // from is behind us
    struct map all;      // of struct tally_key
    bool out_of_memory;
};

void tally_init(struct tally *y, int64_t from, int64_t to);
void tally_done(struct tally *y);
void tally_turn(void *tally, const struct engine_turn *t); // as the engine's sink
// All before from was fed.
void tally_open(struct tally *y);
// Those that fired most, and stood longest; standing_ms up to now. How many.
size_t tally_top(const struct tally *y, int64_t now, struct tally_key out[TALLY_TOP]);
