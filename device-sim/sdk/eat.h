// SPDX-License-Identifier: Apache-2.0
//
// eat: the evidence of a soft root of trust, an Entity Attestation Token (RFC 9711).
//
//   measured-boot log + claims + eat_nonce --factory key, ES256--> compact JWS
//
// eat_nonce binds the token to the server's challenge, to the key that asks for the certificate
// and to this very TLS connection, so that evidence can be neither replayed nor relayed.

#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "sdk/p256.h"

#define EAT_LOG_MAX 16

struct measurement {
    int pcr;
    char component[64];
    char version[100];
    char sha256[65];
    int64_t svn;
};

// What a device says of itself. Texts are borrowed.
struct eat_facts {
    const char *hwmodel, *swname, *swversion;
    int64_t bootcount;
    uint8_t bootseed[32]; // random, one a boot
    int64_t uptime_s;
    int64_t iat_s; // in what a link is given: how far its clock is off
    bool oemboot;
    int dbgstat; // 0 enabled … 4 disabled fully and permanently (RFC 9711 4.2.9)
    const struct measurement *log;
    size_t log_count;
    bool replayed; // made for another challenge: how a thief's evidence looks
};

// SHA-256(nonce || spki || exporter), what eat_nonce says.
void eat_binding(const uint8_t *nonce, size_t nonce_len, const uint8_t *spki, size_t spki_len,
                 const uint8_t *exporter, size_t exporter_len, uint8_t out[32]);

// *out is the signed token, owned by the caller. id is the device's, 32 hex digits.
enum rc eat_build(EVP_PKEY *factory, const char *id, const uint8_t binding[32],
                  const struct eat_facts *facts, char **out, struct fault *f);
