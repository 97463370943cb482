// SPDX-License-Identifier: Apache-2.0
//
// eat: what a device says about itself, signed (RFC 9711 as a JWS).
//
//   text --signature of the factory key--> claims --field tables--> struct eat
//
// Reading is all this does: whether the claims are good is attest's question. A claim
// that is missing, mistyped or out of bounds is refused by its name; claims that
// are not known here are kept for people to see and otherwise ignored.

#pragma once

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define EAT_LOG_MAX   64 // measured components
#define EAT_DEPTH_MAX 8

struct eat_entry { // one line of the measured-boot log; texts are borrowed from claims
    int64_t pcr;
    const char *component, *version, *sha256;
    int64_t svn; // security version number; 0 if the entry has none
};

struct eat {
    json_t *claims;      // owned: everything that was said
    uint8_t binding[32]; // eat_nonce
    uint8_t id[16];      // ueid
    int64_t issued_at;   // iat, Unix s
    int64_t boot_count;
    int64_t debug; // dbgstat: 0 enabled … 4 disabled fully and permanently
    const char *hw_model, *sw_name, *sw_version;
    size_t count;
    struct eat_entry log[EAT_LOG_MAX];
};

// RC_DENIED when key did not sign text, RC_INVALID when a claim is not as it should be.
enum rc eat_open(const char *text, size_t len, EVP_PKEY *key, struct eat *out, struct fault *f);
void eat_done(struct eat *e);

// Claims as text, already verified: what eat_open does after the signature.
enum rc eat_read(const char *payload, size_t len, struct eat *out, struct fault *f);

// What eat_nonce must be: SHA-256(nonce || SPKI of the CSR || TLS exporter). Ties the evidence to
// one challenge, one key and one connection.
void eat_expected_nonce(const uint8_t nonce[32], const uint8_t *spki, size_t spki_len,
                        const uint8_t exporter[32], uint8_t out[32]);
