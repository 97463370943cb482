// SPDX-License-Identifier: Apache-2.0
//
// shape: the list of metric names a message has, said once; rows carry only its number.
//
//   names of a message --shapes_find--> shape --first batch that uses it--> row of table shape
//
// Held in memory whole and never forgotten. A shape is made by the first message that needs it and
// written before the batch that refers to it. A catalog has at most SHAPES_PER_CATALOG of them,
// so that a device that invents names cannot fill the memory.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "core/token.h"

#define SHAPES_PER_CATALOG 4096
#define SHAPES_PER_SESSION 64 // new ones

struct link;

struct shape {
    struct shape *next;
    uint64_t hash;
    int32_t catalog, id;
    atomic_bool stored;
    uint32_t count;
    const char *const *names; // with a NUL
    const uint8_t *lens;
};

struct shapes;

struct shapes *shapes_new(void);
void shapes_free(struct shapes *s); // NULL is fine
enum rc shapes_load(struct shapes *s, struct link *l, struct fault *f);

bool shape_fits(const struct shape *s, const struct token_reading *m);
// Any thread. NULL if there is none and may_make is false, or the catalog is full. *made says
// whether it is new.
struct shape *shapes_find(struct shapes *s, int32_t catalog, const struct token_reading *m,
                          bool may_make, bool *made);
// Writes it unless that was done.
enum rc shape_store(struct shape *s, struct link *l, struct fault *f);
