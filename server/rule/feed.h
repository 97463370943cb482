// SPDX-License-Identifier: Apache-2.0
//
// feed: every committed reading on its way from ingest's writers to the rules.
//
//   writer --rule_feed_put, a copy--> pieces --rule_feed_take--> the rules' thread --feed_next-->
//   rows
//
// Bounded: when the rules are too slow, what does not fit is dropped, and rule_feed_take() says so;
// it is all in the table. Nothing is copied while nobody wants it.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/token.h"

#define FEED_BYTES_MAX (64u << 20)

struct rule_feed;

struct feed_piece { // rows as COPY has them
    struct feed_piece *next;
    int64_t put_at; // monotonic ms
    size_t len;
    char data[];
};

struct feed_row {
    int64_t device, at; // Unix ms
    int32_t catalog, shape;
    uint32_t count;
    double values[TOKEN_METRICS_MAX];
};

struct rule_feed *rule_feed_new(void);
void rule_feed_free(struct rule_feed *f); // NULL is fine
// As ingest's tap.
bool rule_feed_wants(void *feed);
void rule_feed_put(void *feed, const char *rows, size_t len);

void rule_feed_want(struct rule_feed *f, bool yes);
// All there is, oldest first, after at most wait_ms; each is the caller's to free(). *lost says
// whether some are missing.
struct feed_piece *rule_feed_take(struct rule_feed *f, int wait_ms, bool *lost);
void rule_feed_wake(struct rule_feed *f);

// The next row from *at on; false at the end.
bool feed_next(const struct feed_piece *p, size_t *at, struct feed_row *out);
