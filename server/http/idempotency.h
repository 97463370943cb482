// SPDX-License-Identifier: Apache-2.0
//
// http/idempotency: a write that may be sent again.
//
//   key new → run, keep the answer in the same transaction → same key and request → the kept answer
//
// The answer is committed with the act, so there is none without the other. Kept 24 h.
// The same key with another request is refused (422), a second one while the first runs too (409).

#pragma once

#include "http/http.h"

#define IDEMPOTENCY_KEY_MAX 128

struct idempotency {
    int64_t account;
    char key[IDEMPOTENCY_KEY_MAX + 1];
    uint8_t request[32]; // SHA-256 of method, path, query, If-Match and body
};

// 1 to 128 of [A-Za-z0-9._:-], in quotes or not.
bool idempotency_key_read(const char *header, char out[IDEMPOTENCY_KEY_MAX + 1]);
// *replayed: r holds the kept answer and the handler must not run.
enum rc idempotency_claim(struct store *tx, const struct idempotency *i, struct reply *r,
                          bool *replayed, struct fault *f);
// secret: the answer itself is not kept.
enum rc idempotency_keep(struct store *tx, const struct idempotency *i, const struct reply *r,
                         bool secret, struct fault *f);
