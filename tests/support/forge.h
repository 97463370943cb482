// SPDX-License-Identifier: Apache-2.0
//
// forge: certificates for tests, good ones and every kind of bad one.

#pragma once

#include <openssl/x509.h>
#include <stdint.h>

struct forged {
    EVP_PKEY *key;
    X509 *cert;
};

struct forge_leaf {
    const char *cn, *uri; // NULL: none
    const char *eku;      // as in openssl.cnf; NULL: none
    int64_t not_before, not_after;
    int serial;
};

EVP_PKEY *forge_key(void);
// A CA; issuer NULL: a root. constraint: the URI host it may issue for, or NULL.
struct forged forge_ca(const char *cn, const struct forged *issuer, const char *constraint);
struct forged forge_leaf(const struct forge_leaf *what, const struct forged *issuer);
// Self-signed by key, which stays the caller's.
X509 *forge_factory(EVP_PKEY *key);
// The 16 bytes of the id that a factory key has, and the whole fingerprint.
void forge_fingerprint(EVP_PKEY *key, uint8_t out[32]);
char *forge_pem(X509 *cert);
char *forge_key_pem(EVP_PKEY *key);
void forged_done(struct forged *f);
