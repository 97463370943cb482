// SPDX-License-Identifier: Apache-2.0
//
// frame: what is said to many at once: encoded one time, shared by reference.
//
//   frame_of(bytes) --frame_share--> each who is to hear it --frame_drop--> the last one frees it
//
// Belongs to the live thread alone, so the count needs no lock.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct frame {
    int users;
    bool binary;
    size_t len;
    char *bytes;        // owned
    struct frame *text; // of a binary one: the same as text, once somebody needed it
};

// NULL for NULL, and when out of memory.
static inline struct frame *frame_of(char *owned, size_t len, bool binary)
{
    struct frame *f = owned ? malloc(sizeof *f) : NULL;

    if (f)
        *f = (struct frame){ .users = 1, .binary = binary, .len = len, .bytes = owned };
    else
        free(owned);
    return f;
}

static inline struct frame *frame_share(struct frame *f)
{
    if (f)
        f->users++;
    return f;
}

static inline void frame_drop(struct frame *f) // NULL is fine
{
    if (!f || --f->users > 0)
        return;
    frame_drop(f->text);
    free(f->bytes);
    free(f);
}
