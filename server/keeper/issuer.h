// SPDX-License-Identifier: Apache-2.0
//
// issuer: the certificate hierarchy and its fixed profiles (RFC 5280).
//
//   server root -> server certificate, signing certificate (time, audit)
//   device root -> catalog CA -> operational leaf (clientAuth, at most 24 h)
//   quarantine CA, one a catalog, by itself -> quarantine leaf (own key usage, at most 1 h)
//
// A catalog CA may only vouch for orrery://<catalog>.orrery.invalid/…: its name constraints say
// so, and a verifier that never heard of Orrery holds it to that. Nothing a caller sends ends up
// in a certificate but names and keys that were checked here.

#pragma once

#include <openssl/x509.h>

#include "core/rc.h"
#include "keeper/keeper.h"
#include "keeper/ledger.h"
#include "keeper/vault.h"

struct issuer;

// Makes the roots and the signing certificate if they are not there; renews the latter.
enum rc issuer_open(struct vault *v, struct ledger *l, struct issuer **out, struct fault *f);
void issuer_close(struct issuer *i);

enum rc issuer_catalog(struct issuer *i, const char *catalog, struct fault *f);
enum rc issuer_issue(struct issuer *i, const struct cert_request *q, struct certificate *out,
                     struct fault *f);
enum rc issuer_ca(struct issuer *i, enum ca_name which, const char *catalog, char **out,
                  struct fault *f);
enum rc issuer_server_cert(struct issuer *i, const uint8_t *csr, size_t csr_len,
                           const char *const *names, size_t count, char **out, struct fault *f);
// A JWS over payload, x5c = the signing certificate.
enum rc issuer_sign(struct issuer *i, const char *payload, char **out, struct fault *f);
