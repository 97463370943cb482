// SPDX-License-Identifier: Apache-2.0
//
// map: something found again by a number that is not 0.
//
//   map_put(&m, key, thing) --> map_get(&m, key)
//
// Open addressing; nothing is ever taken out but by map_done(). The things are the caller's.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_place {
    int64_t key; // 0: free
    void *thing;
};

struct map {
    struct map_place *places; // a power of two of them
    size_t count, room;
};

void *map_get(const struct map *m, int64_t key);       // NULL: not there
bool map_put(struct map *m, int64_t key, void *thing); // false: out of memory
void map_done(struct map *m);
