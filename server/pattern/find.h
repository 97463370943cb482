// SPDX-License-Identifier: Apache-2.0
//
// find: where a state is over-represented, as numbers alone.
//
//   sets (a site, a version, …) + cells (unwell devices) --pattern_find--> what stands out
//
// For each state and set the one-sided hypergeometric test (Fisher's) asks how likely so many of
// the set's devices would be in the state if the set did not matter. The answers are held against
// the Benjamini-Hochberg bound, so that of what is named at most a share of PATTERN_Q is chance.
// The strongest is named, the devices it explains are taken out, and all is asked again: a site
// that went dark does not show a second time as its network, its product or its version.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "device/device.h"

#define PATTERN_Q     0.01 // false discovery rate
#define PATTERN_LEAST 5    // devices, in a set and of a pattern
#define PATTERN_LIFT  2.0  // times as many as expected
#define PATTERN_MAX   12   // patterns named

// Of two explanations as good as each other the one of the earlier dimension is named.
enum pattern_dimension {
    PATTERN_SITE,
    PATTERN_BATCH,
    PATTERN_PRODUCT,
    PATTERN_BUILD, // a version of a product
    PATTERN_VERSION,
    PATTERN_GROUP,
    PATTERN_NETWORK,
    PATTERN_DIMENSIONS,
};

struct pattern_set { // devices that share a value
    enum pattern_dimension dimension;
    int64_t total;
    int64_t in[STATE_COUNT];
};

struct pattern_cell { // devices of one state that agree in every dimension
    enum device_state state;
    int64_t n;
    int32_t sets[PATTERN_DIMENSIONS]; // -1: in none
};

struct pattern_table {
    int64_t total;
    int64_t in[STATE_COUNT];
    const struct pattern_set *sets;
    size_t set_count;
    const struct pattern_cell *cells; // of the unwell
    size_t cell_count;
};

struct pattern_find {
    size_t set;
    enum device_state state;
    double expected; // if the set did not matter
    double log_p;    // natural logarithm, of the test
};

// Writes up to PATTERN_MAX, the strongest first; returns how many. 0 also when memory is short.
size_t pattern_find(const struct pattern_table *t, struct pattern_find out[PATTERN_MAX]);

// ln P(X >= k): so many of n devices drawn from total, of which in are in the state.
double pattern_log_p(int64_t total, int64_t in, int64_t n, int64_t k);
