// SPDX-License-Identifier: Apache-2.0
//
// web_session: a signed-in browser.
//
//   name and password --sign-in--> cookie of 256 random bits --idle, absolute limit or sign-out-->
//   gone
//
// The cookie's text is in the browser alone; here lives its SHA-256. A changed password or
// role ends every session of the account.

#pragma once

#include "access/access.h"

#define SESSION_COOKIE       "__Host-orrery"
#define SESSIONS_PER_ACCOUNT 50

// RC_DENIED when there is none, or it has ended.
enum rc web_session_find(struct store *s, const uint8_t hash[32], int64_t idle_s,
                         int64_t absolute_s, struct identity *out, struct fault *f);
// RC_DENIED: unknown name, wrong password or disabled, never told apart. who gets the account
// wherever the name is known.
enum rc web_session_check(struct store *s, const char *name, const char *password,
                          struct identity *out, struct fault *f);
// cookie gets the secret, credential its hash.
enum rc web_session_make(struct store *tx, int64_t account, const char *remote, const char *agent,
                         char cookie[CREDENTIAL_TEXT_LEN + 1], uint8_t credential[32],
                         struct fault *f);
enum rc web_session_end(struct store *tx, const uint8_t hash[32], struct fault *f);
