// SPDX-License-Identifier: Apache-2.0
//
// hex: bytes as text: lowercase hex, base64 and base64url (RFC 4648).
// Decoders are strict: no white space, no stray bits, exact padding.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Writes 2 * len digits and a NUL.
void hex_encode(const uint8_t *bytes, size_t len, char *out);
// Exactly 2 * len lowercase digits, then the end of text.
bool hex_decode(const char *text, uint8_t *out, size_t len);

// Sizes with the NUL that the encoders write.
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

// base64url without padding, as in JWS; returns the text's length.
size_t base64url_encode(const uint8_t *bytes, size_t len, char *out);
// Returns the number of bytes, or -1. out holds at least len * 3 / 4 bytes.
long base64url_decode(const char *text, size_t len, uint8_t *out, size_t max);

// Padded base64, as in PEM, x5c and JSON members named "csr".
size_t base64_encode(const uint8_t *bytes, size_t len, char *out);
long base64_decode(const char *text, size_t len, uint8_t *out, size_t max);
