// SPDX-License-Identifier: Apache-2.0
//
// The chunked body decoder: the first byte says in how large pieces the rest arrives;
// the outcome may not depend on that.

#include "edge/chunk.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum chunk_state end;
    size_t used, body;
    uint32_t sum;
};

static void must(bool good)
{
    if (!good)
        abort();
}

static void take(struct outcome *o, const char *data, size_t n)
{
    o->body += n;
    for (size_t i = 0; i < n; i++)
        o->sum = o->sum * 31 + (unsigned char)data[i];
}

// Each piece is an exact allocation, so that the sanitizer sees one byte too many.
static enum chunk_state feed_piece(struct chunk *c, const uint8_t *data, size_t n,
                                   struct outcome *o)
{
    char *copy = malloc(n ? n : 1);
    enum chunk_state s = CHUNK_MORE;
    size_t from = 0;

    must(copy);
    memcpy(copy, data, n);
    do {
        const char *got = NULL;
        size_t used = 0, len = 0;

        s = chunk_feed(c, copy + from, n - from, &used, &got, &len);
        must(used <= n - from);
        if (s == CHUNK_DATA) {
            must(len > 0 && got >= copy && got + len <= copy + n);
            take(o, got, len);
        }
        from += used;
    } while (s == CHUNK_DATA);
    must(s != CHUNK_MORE || from == n);
    o->used += from;
    free(copy);
    return s;
}

static struct outcome decode(const uint8_t *data, size_t size, size_t piece)
{
    struct outcome o = { CHUNK_MORE, 0, 0, 0 };
    struct chunk c;

    chunk_init(&c);
    for (size_t from = 0; from < size && o.end == CHUNK_MORE; from += piece)
        o.end = feed_piece(&c, data + from, size - from < piece ? size - from : piece, &o);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t piece = (size_t)data[0] % 17 + 1;
    struct outcome whole = decode(data + 1, size - 1, size);
    struct outcome parts = decode(data + 1, size - 1, piece);

    must(whole.end == parts.end && whole.body == parts.body && whole.sum == parts.sum);
    must(whole.end != CHUNK_END || whole.used == parts.used);
    return 0;
}
