// SPDX-License-Identifier: Apache-2.0
//
// sign: how a receiver knows that a notification is from this server, and new.
//
//   Orrery-Signature: t=1790000000,v1=<HMAC-SHA256 of "1790000000." and the body, in hex>
//
// The time is signed too, so that what somebody recorded cannot be sent again later.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define SIGN_NAME "Orrery-Signature"
#define SIGN_SIZE 100

// Writes the header's value; at in seconds, key as the text that people copy.
enum rc sign_header(const char *key, int64_t at, const char *body, size_t len, char out[SIGN_SIZE],
                    struct fault *f);
