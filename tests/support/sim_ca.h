// SPDX-License-Identifier: Apache-2.0
//
// sim_ca: a server CA of a test's own: TLS certificates and signed time, good and bad.

#pragma once

#include <openssl/types.h>
#include <stdint.h>

struct sim_ca {
    EVP_PKEY *key;
    X509 *cert;
};

void sim_ca_init(struct sim_ca *ca);
void sim_ca_done(struct sim_ca *ca);

struct sim_leaf {
    const char *san; // "IP:127.0.0.1"; NULL: none
    const char *eku; // "serverAuth"; NULL: none
    int64_t from_s, to_s;
};

// A new key and a certificate for it, signed by ca; both are the caller's.
X509 *sim_ca_issue(const struct sim_ca *ca, const struct sim_leaf *l, EVP_PKEY **key);
// A certificate of cn for that public key.
X509 *sim_ca_certify(const struct sim_ca *ca, const char *cn, EVP_PKEY *key, int64_t to_s);
// {"time":ms} signed by key, x5c = cert; the caller frees it.
char *sim_ca_time(X509 *cert, EVP_PKEY *key, int64_t time_ms);
X509_STORE *sim_ca_store(const struct sim_ca *ca);
char *sim_ca_pem(X509 *cert); // the caller frees it
