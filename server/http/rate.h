// SPDX-License-Identifier: Apache-2.0
//
// http/rate: token buckets, one for each (class, key), in memory.
//
//   full bucket --request takes a token--> empty: 429 --time--> refilled
//
// Keys are addresses or accounts. When there are more of them than places, the
// one that was quiet longest is forgotten, which only ever helps the forgotten. Thread-safe.

#pragma once

#include <stdbool.h>
#include <stdint.h>

enum rate_class {
    RATE_STRANGER, // an address without credentials, or with wrong ones
    RATE_READ,     // a principal
    RATE_WRITE,
    RATE_SLOW,    // what costs a key derivation or an export
    RATE_REFUSAL, // audit entries about refusals, an address
    RATE_CLASS_COUNT,
};

struct rate_state {
    const char *name; // NULL: no bucket was asked
    int quota;        // tokens of a full bucket
    int window_s;     // in which an empty one is refilled
    int left;
    int wait_s; // until there is a token again; 0 unless refused
};

struct rate;

struct rate *rate_new(void);
void rate_free(struct rate *r);
// False if the bucket holds no token. cost 0 only looks.
bool rate_take(struct rate *r, enum rate_class c, const char *key, int cost,
               struct rate_state *out);
