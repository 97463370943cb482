// SPDX-License-Identifier: Apache-2.0

#include "edge/chunk.h"

#include <stdbool.h>
#include <string.h>

// 2^60 is beyond any body we accept and far from overflowing.
#define MAX_DIGITS 15

enum step {
    SIZE,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,       // first byte of a trailer line, or of the last one
    TRAILER_NAME,  // inside a field name
    TRAILER_VALUE, // behind its colon
    TRAILER_LF,
    LAST_LF,
    OVER,
};

void chunk_init(struct chunk *c)
{
    *c = (struct chunk){ 0 };
}

static int hex_digit(unsigned char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    if (ch >= 'a' && ch <= 'f')
        return ch - 'a' + 10;
    if (ch >= 'A' && ch <= 'F')
        return ch - 'A' + 10;
    return -1;
}

static int size_step(struct chunk *c, unsigned char ch)
{
    int digit = hex_digit(ch);

    if (ch == '\r' && c->digits > 0)
        return SIZE_LF;
    if (digit < 0 || ++c->digits > MAX_DIGITS)
        return -1;
    c->left = c->left * 16 + (uint64_t)digit;
    return SIZE;
}

static bool name_char(unsigned char ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
           (ch && strchr("!#$%&'*+-.^_`|~", ch));
}

static int trailer_step(struct chunk *c, unsigned char ch)
{
    if (++c->trailers > CHUNK_TRAILERS_SIZE)
        return -1;
    switch (c->step) {
    case TRAILER:
        if (ch == '\r')
            return LAST_LF;
        return name_char(ch) ? TRAILER_NAME : -1;
    case TRAILER_NAME:
        if (ch == ':')
            return TRAILER_VALUE;
        return name_char(ch) ? TRAILER_NAME : -1;
    default:
        if (ch == '\r')
            return TRAILER_LF;
        return (ch >= ' ' && ch != 0x7f) || ch == '\t' ? TRAILER_VALUE : -1;
    }
}

// What follows one framing byte; -1 when it may not stand there.
static int next_step(struct chunk *c, unsigned char ch)
{
    switch (c->step) {
    case SIZE:
        return size_step(c, ch);
    case SIZE_LF:
        c->digits = 0;
        return ch != '\n' ? -1 : c->left ? DATA : TRAILER;
    case DATA_CR:
        return ch == '\r' ? DATA_LF : -1;
    case DATA_LF:
        return ch == '\n' ? SIZE : -1;
    case TRAILER_LF:
        return ch == '\n' ? TRAILER : -1;
    case LAST_LF:
        return ch == '\n' ? OVER : -1;
    default:
        return trailer_step(c, ch);
    }
}

enum chunk_state chunk_feed(struct chunk *c, const char *in, size_t len, size_t *used,
                            const char **data, size_t *n)
{
    for (*used = 0; *used < len && c->step != OVER;) {
        if (c->step == DATA) {
            *data = in + *used;
            *n = len - *used < c->left ? len - *used : (size_t)c->left;
            *used += *n;
            c->left -= *n;
            if (c->left == 0)
                c->step = DATA_CR;
            return CHUNK_DATA;
        }
        int step = next_step(c, (unsigned char)in[*used]);

        if (step < 0)
            return CHUNK_BAD;
        c->step = step;
        ++*used;
    }
    return c->step == OVER ? CHUNK_END : CHUNK_MORE;
}
