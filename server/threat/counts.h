// SPDX-License-Identifier: Apache-2.0
//
// counts: how often something was seen lately, of more subjects than there is memory for.
//
//   counts_add(subject) --> 1, 2, 3 …   window over --> 1 again
//
// A fixed number of places. Where they are all taken, who was seen least often gives way, so that a
// million addresses that come once each cannot push out the one that comes a thousand times.
// Nobody outside can know which subjects share a place. One thread.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counts;

struct counts *counts_new(size_t places); // a power of two; NULL when out of memory
void counts_free(struct counts *c);       // NULL is fine

// What is counted: kind, and either catalog and device or catalog and a text.
struct count_key {
    int32_t kind, catalog;
    int64_t device;
    const char *text; // may be NULL
    bool once;        // what is seen at the same time is one occasion
};

// How often within window_ms, with this time. at: Unix ms.
int64_t counts_add(struct counts *c, const struct count_key *k, int64_t at, int64_t window_ms);
// Forgets it, unless it was seen at that time too.
void counts_forget(struct counts *c, const struct count_key *k, int64_t at);
