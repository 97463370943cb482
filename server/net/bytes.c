// SPDX-License-Identifier: Apache-2.0

#include "net/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_ROOM 160

static bool grow(struct bytes *b, size_t room)
{
    char *data = realloc(b->data, room);

    if (!data)
        return false;
    if (b->tally)
        *b->tally += room - b->room;
    b->data = data;
    b->room = room;
    return true;
}

bool bytes_reserve(struct bytes *b, size_t n)
{
    size_t room = b->room ? b->room : 512;

    if (b->room - b->end >= n && b->data)
        return true;
    if (b->start > 0) {
        memmove(b->data, b->data + b->start, bytes_len(b));
        b->end -= b->start;
        b->start = 0;
    }
    while (room - b->end < n)
        room *= 2;
    if (room != b->room && !grow(b, room))
        b->failed = true;
    return !b->failed;
}

char *bytes_end(const struct bytes *b)
{
    return b->data + b->end;
}

bool bytes_add(struct bytes *b, const void *data, size_t n)
{
    if (n == 0)
        return true;
    if (!bytes_reserve(b, n))
        return false;
    memcpy(bytes_end(b), data, n);
    b->end += n;
    return true;
}

bool bytes_text(struct bytes *b, const char *text)
{
    return bytes_add(b, text, strlen(text));
}

// Most of what is printed fits at the first try.
bool bytes_print(struct bytes *b, const char *fmt, ...)
{
    for (size_t room = PRINT_ROOM;;) {
        va_list ap;
        int n;

        if (!bytes_reserve(b, room))
            return false;
        va_start(ap, fmt);
        n = vsnprintf(bytes_end(b), room, fmt, ap);
        va_end(ap);
        if (n < 0)
            return false;
        if ((size_t)n < room) {
            b->end += (size_t)n;
            return true;
        }
        room = (size_t)n + 1;
    }
}

void bytes_eat(struct bytes *b, size_t n)
{
    b->start += n;
    if (b->start == b->end)
        b->start = b->end = 0;
}

void bytes_done(struct bytes *b)
{
    if (b->tally)
        *b->tally -= b->room;
    free(b->data);
    b->data = NULL;
    b->start = b->end = b->room = 0;
    b->failed = false;
}
