// SPDX-License-Identifier: Apache-2.0
//
// p256: a device's key pairs on NIST P-256, as bytes and as OpenSSL keys.
//
//   p256_new -> secret + point (97 bytes, what is stored) -> p256_key (while it is used)
//
// The factory key names the device: its id is the first half of the SHA-256 of the public key
// (SubjectPublicKeyInfo, DER). Each certificate gets a key of its own.

#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auto.h"
#include "core/rc.h"

#define P256_SECRET_LEN 32
#define P256_POINT_LEN  65
#define P256_SPKI_LEN   91
#define P256_ID_LEN     32 // hex digits

struct p256 {
    uint8_t secret[P256_SECRET_LEN];
    uint8_t point[P256_POINT_LEN];
};

enum rc p256_new(struct p256 *out, struct fault *f);

// NULL if the bytes are no key pair. Yours to free.
EVP_PKEY *p256_key(const struct p256 *k);
bool p256_from_key(const EVP_PKEY *key, struct p256 *out);

void p256_spki(const struct p256 *k, uint8_t out[P256_SPKI_LEN]);
void p256_id(const struct p256 *k, char out[P256_ID_LEN + 1]);
// The public key as PEM; owned by the caller, NULL if out of memory.
char *p256_public_pem(const struct p256 *k);

// A factory certificate: CN = id, no expiry (RFC 5280 4.1.2.5). Yours to free.
X509 *p256_self_signed(EVP_PKEY *key, const char *id);
// A PKCS#10 request of that subject in DER; *out is yours, NULL on failure.
size_t p256_csr(EVP_PKEY *key, const char *id, uint8_t **out);

void p256_key_free_(EVP_PKEY **key);
void p256_x509_free_(X509 **cert);
#define auto_key  auto_with(p256_key_free_)
#define auto_x509 auto_with(p256_x509_free_)
