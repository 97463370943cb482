// SPDX-License-Identifier: Apache-2.0
//
// credential: the certificate a device was given and the key it was given for.
//
//   CSR with a fresh key -> verdict -> credential --half life--> the next one
//
// An operational certificate opens telemetry sessions; a quarantine certificate opens nothing but
// the way out. The file form is text a person can read: one line of facts, then PEM.

#pragma once

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

enum credential_kind {
    CREDENTIAL_NONE,
    CREDENTIAL_OPERATIONAL,
    CREDENTIAL_QUARANTINE,
};

struct credential {
    enum credential_kind kind;
    int64_t not_after; // Unix ms
    int64_t renew_at;
    EVP_PKEY *key; // owned, as are the certificates
    X509 *leaf;
    X509 *issuer; // NULL if the server sent none
};

// Reads the verdict's "pem" (leaf, then its CA). RC_INVALID unless the leaf is for key; key is
// taken over only on success.
enum rc credential_parse(const char *kind, const char *pem, size_t len, int64_t not_after,
                         int64_t renew_at, EVP_PKEY *key, struct credential *out, struct fault *f);

enum rc credential_load(const char *path, struct credential *out, struct fault *f);
// Written beside and renamed, mode 0600, fsynced.
enum rc credential_save(const char *path, const struct credential *c, struct fault *f);
void credential_done(struct credential *c);
