// SPDX-License-Identifier: Apache-2.0

#include "rule/map.h"

#include <stdlib.h>

#define FIRST_ROOM 16

static struct map_place *place_of(const struct map *m, int64_t key)
{
    size_t i = (size_t)((uint64_t)key * 0x9e3779b97f4a7c15u >> 17);

    for (i &= m->room - 1; m->places[i].key && m->places[i].key != key;)
        i = (i + 1) & (m->room - 1);
    return &m->places[i];
}

void *map_get(const struct map *m, int64_t key)
{
    return m->count ? place_of(m, key)->thing : NULL;
}

static bool grow(struct map *m)
{
    struct map old = *m;

    if (m->count * 4 < m->room * 3)
        return true;
    m->room = old.room ? old.room * 2 : FIRST_ROOM;
    m->places = calloc(m->room, sizeof *m->places);
    if (!m->places) {
        *m = old;
        return false;
    }
    for (size_t i = 0; i < old.room; i++)
        if (old.places[i].key)
            *place_of(m, old.places[i].key) = old.places[i];
    free(old.places);
    return true;
}

bool map_put(struct map *m, int64_t key, void *thing)
{
    struct map_place *p;

    if (!grow(m))
        return false;
    p = place_of(m, key);
    m->count += p->key == 0;
    *p = (struct map_place){ key, thing };
    return true;
}

void map_done(struct map *m)
{
    free(m->places);
    *m = (struct map){ 0 };
}
