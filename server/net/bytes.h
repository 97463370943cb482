// SPDX-License-Identifier: Apache-2.0
//
// bytes: a queue of bytes that grows at its end and is eaten at its start.
//
//   bytes_add --> [ eaten | waiting | room ] --> bytes_eat
//
// Empty ones hold no memory after bytes_done(). An optional tally, shared by many,
// counts what all of them have allocated, so that an owner can bound the sum.

#pragma once

#include <stdbool.h>
#include <stddef.h>

struct bytes {
    char *data;
    size_t start, end, room; // waiting are data[start…end)
    size_t *tally;           // NULL: uncounted
    bool failed;             // memory ran out; what was added since may be missing
};

static inline size_t bytes_len(const struct bytes *b)
{
    return b->end - b->start;
}

static inline char *bytes_at(const struct bytes *b)
{
    return b->data + b->start;
}

// Room for n more bytes at bytes_end(); false when out of memory.
bool bytes_reserve(struct bytes *b, size_t n);
char *bytes_end(const struct bytes *b);
bool bytes_add(struct bytes *b, const void *data, size_t n);
bool bytes_text(struct bytes *b, const char *text);
__attribute__((format(printf, 2, 3))) bool bytes_print(struct bytes *b, const char *fmt, ...);
void bytes_eat(struct bytes *b, size_t n);
void bytes_done(struct bytes *b); // frees; the queue is empty and usable again
