// SPDX-License-Identifier: Apache-2.0
//
// vault: the keeper's folder of encrypted keys and their certificates.
//
//   NAME.key  PKCS#8, AES-256-CBC under scrypt of the passphrase      NAME.crt  PEM certificate
//
// A key is made here, written once, read by this process only. Files are written
// to a temporary name, synced and renamed, so that a crash leaves the old one or
// the new one. Removing device-root.key takes the root offline.

#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "core/rc.h"

struct vault;

// Makes the folder if it is missing; refuses one that others can read. Reads the passphrase.
enum rc vault_open(const char *dir, const char *passphrase_file, struct vault **out,
                   struct fault *f);
void vault_close(struct vault *v);

bool vault_has(const struct vault *v, const char *name, const char *suffix);

// A new P-256 key, not written yet.
enum rc vault_make_key(EVP_PKEY **out, struct fault *f);
// cert may be NULL: a key that nobody vouches for.
enum rc vault_put(struct vault *v, const char *name, EVP_PKEY *key, X509 *cert, struct fault *f);
// RC_NOT_FOUND when the key file is not there, RC_DENIED when the passphrase does not open it.
enum rc vault_get_key(struct vault *v, const char *name, EVP_PKEY **out, struct fault *f);
enum rc vault_get_cert(struct vault *v, const char *name, X509 **out, struct fault *f);

// The folder, as a descriptor for openat().
int vault_fd(const struct vault *v);
