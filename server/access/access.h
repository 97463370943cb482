// SPDX-License-Identifier: Apache-2.0
//
// access: who somebody is, by session cookie or API token, and what that allows.
//
//   sign-in --> session: 256 random bits, at rest only as SHA-256 --idle or absolute limit--> gone
//   token made (shown once) --> used --> expired, dropped or its account disabled
//
// What was just looked up is remembered for a second, so that a busy client costs one
// query a second; whatever ends a session, a token or a right is told to
// access_changed(), which forgets it at once. Only this module writes the tables
// account, session and api_token.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "access/guard.h"
#include "http/http.h"

#define CREDENTIAL_TEXT_LEN 43 // base64url of 32 bytes
#define TOKEN_TEXT_LEN      56 // orr_<8>_<43>
#define KEY_LEN             32

struct access;
struct bus;
struct config;

struct identity {
    struct principal who;
    bool must_change; // may do nothing but set a password of its own
};

enum rc access_new(struct store *s, const struct config *c, struct bus *bus, struct access **out,
                   struct fault *f);
void access_free(struct access *a); // NULL is fine

// RC_DENIED for a credential that is unknown, ended or of a disabled account.
enum rc access_by_cookie(struct access *a, struct store *s, const char *cookie,
                         struct identity *out, struct fault *f);
enum rc access_by_token(struct access *a, struct store *s, const char *token, struct identity *out,
                        struct fault *f);
// Whether who, let in earlier, still has the same role and rights; for sockets that stay open.
enum rc access_recheck(struct access *a, struct store *s, const struct principal *who,
                       struct fault *f);

// After the commit of anything that ends or changes what account may do. Tells the bus.
void access_changed(struct access *a, int64_t account);

int64_t access_idle_s(const struct access *a);
int64_t access_absolute_s(const struct access *a);
struct guard *access_guard(struct access *a);
// A key for one purpose, the same after a restart.
void access_key(const struct access *a, const char *purpose, uint8_t out[KEY_LEN]);
// What a page of this session sends back as X-Orrery-CSRF; 43 characters.
void access_csrf(const struct access *a, const uint8_t credential[32],
                 char out[CREDENTIAL_TEXT_LEN + 1]);

// Removes expired sessions and long expired tokens.
enum rc access_upkeep(struct store *s, const struct config *c, struct fault *f);

// The verbs of orreryd; s is the pool. Each writes its audit entry as "local".
// Makes the account "owner" with an invented password (23 characters) if there is no account at
// all; RC_CONFLICT otherwise.
enum rc access_first_owner(struct store *s, char password_out[24], struct fault *f);
// A new password for the oldest owner; its sessions and tokens end.
enum rc access_owner_reset(struct store *s, char name_out[81], char password_out[24],
                           struct fault *f);
// An owner's token for 30 days; the previous one made here ends.
enum rc access_admin_token(struct store *s, char token_out[TOKEN_TEXT_LEN + 1], struct fault *f);
