// SPDX-License-Identifier: Apache-2.0
//
// password: scrypt by OpenSSL, kept as a PHC string.
//
//   $scrypt$ln=15,r=8,p=3$<salt>$<hash>      32 MiB and about 0.25 s each
//
// At most two are computed at a time, so that a flood of sign-ins costs neither
// the memory nor the workers; who waits longer than 5 s gets RC_UNAVAILABLE. The
// parameters travel with the hash, so they can be raised later.

#pragma once

#include <stdbool.h>

#include "core/rc.h"

#define PASSWORD_MIN      12
#define PASSWORD_MAX      200
#define PASSWORD_PHC_SIZE 100

enum rc password_hash(const char *password, char out[PASSWORD_PHC_SIZE], struct fault *f);
// phc NULL: nobody of that name; takes as long and is never a match.
enum rc password_verify(const char *phc, const char *password, bool *match, struct fault *f);
// Whether a person may choose it.
enum rc password_check(const char *password, const char *account_name, struct fault *f);
// Four groups of five unmistakable characters (about 99 bits), 23 in all.
enum rc password_invent(char out[24], struct fault *f);
