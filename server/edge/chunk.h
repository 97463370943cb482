// SPDX-License-Identifier: Apache-2.0
//
// chunk: the chunked transfer coding of RFC 9112 7.1, without its extras.
//
//   bytes --chunk_feed--> CHUNK_DATA (a slice) … CHUNK_END | CHUNK_BAD
//
// Pure. Extensions are refused, trailers are checked and dropped: both have carried
// smuggled requests and neither has a use here.

#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHUNK_TRAILERS_SIZE 4096

enum chunk_state {
    CHUNK_MORE, // all of the input was used
    CHUNK_DATA,
    CHUNK_END,
    CHUNK_BAD,
};

struct chunk {
    int step;
    int digits;
    uint64_t left;   // of the chunk being read
    size_t trailers; // bytes of them so far
};

void chunk_init(struct chunk *c);
// used says how much of the input is behind us; data and n are set with CHUNK_DATA.
enum chunk_state chunk_feed(struct chunk *c, const char *in, size_t len, size_t *used,
                            const char **data, size_t *n);
