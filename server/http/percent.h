// SPDX-License-Identifier: Apache-2.0
//
// http/percent: strict percent-decoding, as RFC 3986 writes it.
//
// What comes out is UTF-8 without control bytes, so it may stand in a log, a
// problem document or an SQL text; anything else is refused, never repaired.

#pragma once

#include <stdbool.h>
#include <stddef.h>

// plus: "+" means a space, as in query strings. False when it does not decode or does not fit.
bool percent_decode(const char *in, size_t len, bool plus, char *out, size_t size);
bool utf8_is_clean(const char *text, size_t len); // UTF-8, no control bytes
