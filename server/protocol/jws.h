// SPDX-License-Identifier: Apache-2.0
//
// jws: compact JSON Web Signatures (RFC 7515) with ES256 (RFC 7518 3.4), the one form in
// which Orrery's parts sign JSON: signed time, audit seals, evidence.
//
//   header.payload.signature, each base64url; the signature is r and s, 32 bytes each

#pragma once

#include <openssl/evp.h>
#include <stddef.h>

#include "core/rc.h"

#define JWS_MAX (64 * 1024) // longest text looked at

// Signs payload with a P-256 key. header is the protected header as JSON text. *out is owned
// by the caller.
enum rc jws_sign(EVP_PKEY *key, const char *header, const char *payload, size_t len, char **out,
                 struct fault *f);

struct jws {
    char *header;  // JSON text, NUL-terminated
    char *payload; // bytes, NUL-terminated for convenience
    size_t header_len, payload_len;
    const char *signed_text; // borrowed: header.payload as received
    size_t signed_len;
    unsigned char signature[64];
};

// Splits and decodes; checks nothing yet. text must outlive out. jws_done() even after a failure
// is not needed: out is untouched then.
enum rc jws_parse(const char *text, size_t len, struct jws *out, struct fault *f);
// RC_DENIED unless key (P-256) made the signature.
enum rc jws_verify(const struct jws *j, EVP_PKEY *key, struct fault *f);
void jws_done(struct jws *j);
