// SPDX-License-Identifier: Apache-2.0
//
// api_token: what a program shows instead of a password.
//
//   orr_<8 id>_<43 secret>   made, shown once --> used --> expired or dropped
//
// The prefix lets secret scanners find it and people tell two of them apart; at rest
// there is only the SHA-256 of the whole. Its scopes are permission names; what it
// may is what its account may, cut to them. It always ends, after a year at most.

#pragma once

#include "access/access.h"

#define TOKEN_PREFIX_LEN   12 // orr_<8>
#define TOKEN_DAYS_MAX     365
#define TOKENS_PER_ACCOUNT 100

struct token_order {
    int64_t account;
    const char *name;
    uint32_t scopes; // permissions
    int32_t catalog; // 0: all the account may see
    int days;
    const uint8_t *parent; // credential of the token it is made with, or NULL
};

enum rc api_token_find(struct store *s, const uint8_t hash[32], struct identity *out,
                       struct fault *f);
enum rc api_token_make(struct store *tx, const struct token_order *o, char text[TOKEN_TEXT_LEN + 1],
                       int64_t *id, struct fault *f);
// Space-separated permission names to permissions.
uint32_t scopes_from_text(const char *text);
