// SPDX-License-Identifier: Apache-2.0
//
// The head parser: whatever it accepts must be one request to any reader, and feeding
// it in two pieces must come to the same end as feeding it whole.

#include "edge/head.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_span(struct span s, const struct head *h)
{
    must(s.at <= h->size && s.len <= h->size - s.at);
}

static void check_accepted(const struct head *h, const char *at)
{
    must(h->size >= 4 && h->size <= HEAD_SIZE && !memcmp(at + h->size - 4, "\r\n\r\n", 4));
    must(h->count <= HEAD_FIELDS);
    must(!memchr(at, 0, h->size));
    must(!(h->chunked && h->length >= 0));
    check_span(h->target, h);
    check_span(h->path, h);
    check_span(h->query, h);
    for (int i = 0; i < h->count; i++) {
        check_span(h->fields[i].name, h);
        check_span(h->fields[i].value, h);
        must(h->fields[i].name.len > 0);
        must(!memchr(at + h->fields[i].value.at, '\r', h->fields[i].value.len));
        must(!memchr(at + h->fields[i].value.at, '\n', h->fields[i].value.len));
    }
    must(h->answer || h->minor == 0 || h->hosts == 1);
    must(h->answer || !memmem(at + h->path.at, h->path.len, "/../", 4));
    must(h->answer || !memmem(at + h->path.at, h->path.len, "//", 2));
    span_lists(at, h->query, "x");
    head_find(h, at, "host");
}

static enum head_state feed(struct head *h, bool answer, const uint8_t *data, size_t size,
                            size_t first)
{
    enum head_state s = HEAD_MORE;
    size_t pieces[2] = { first, size };

    head_init(h, answer);
    for (int i = 0; i < 2 && s == HEAD_MORE; i++) {
        char *copy = malloc(pieces[i] ? pieces[i] : 1);

        must(copy);
        memcpy(copy, data, pieces[i]);
        s = head_feed(h, copy, pieces[i]);
        if (s == HEAD_DONE)
            check_accepted(h, copy);
        free(copy);
    }
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int answer = 0; answer < 2; answer++) {
        struct head whole, halves;
        enum head_state a = feed(&whole, answer, data, size, size);
        enum head_state b = feed(&halves, answer, data, size, size / 2);

        must(a == b);
        must(a != HEAD_BAD || (whole.bad == halves.bad && whole.reason));
        must(a != HEAD_DONE || (whole.size == halves.size && whole.count == halves.count));
    }
    return 0;
}
