// SPDX-License-Identifier: Apache-2.0
//
// tickets: single-use tokens with which a browser opens its live socket.
// In memory, 30 s, bound to account, credential and catalog; kept as hashes. Thread-safe.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"

#define TICKET_TEXT_LEN 43 // base64url of 32 bytes

struct tickets;

struct ticket {
    struct principal who;
    int32_t catalog;
    char catalog_name[51];
};

struct tickets *tickets_new(void);
void tickets_free(struct tickets *t);
// RC_LIMIT when an account already holds 20 unused ones.
enum rc tickets_issue(struct tickets *t, const struct ticket *for_whom,
                      char out[TICKET_TEXT_LEN + 1], struct fault *f);
bool tickets_redeem(struct tickets *t, const char *text, struct ticket *out);
