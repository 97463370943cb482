// SPDX-License-Identifier: Apache-2.0
//
// keeper: the only holder of the CA and online signing keys, in a process of its own.
//
//   server --typed request over a socketpair--> keeper --its own checks--> signature
//
// The keeper decides by itself what it signs: fixed profiles, lifetimes, names,
// one live public key a device, a rate a catalog, an append-only issuance log. A server
// that was taken over can ask, but not bend those rules. The calls below are thread-safe,
// block for one round trip (a few ms; at most 15 s, then RC_UNAVAILABLE) and
// survive a restart of the keeper, which its parent starts again.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define KEEPER_CATALOG_MAX 50
#define SERIAL_LEN         16
#define KEEPER_BACK_DATE_S 300 // of each certificate, for devices whose clock is a little behind

struct keeper;

struct keeper_options {
    const char *dir;             // var/pki
    const char *passphrase_file; // read by the keeper, not by the server
    const char *exe; // re-executed as "EXE keeper DIR PASSPHRASE_FILE"; NULL: this binary
};

enum cert_kind {
    CERT_OPERATIONAL, // 24 h, EKU clientAuth
    CERT_QUARANTINE,  // 1 h, own issuing CA, own EKU
};

struct cert_request {
    const char *catalog;
    const char *device_id; // 32 hex digits
    enum cert_kind kind;
    const uint8_t *csr; // PKCS#10, DER; the keeper checks its signature
    size_t csr_len;
    uint8_t evidence_sha256[32]; // of the evidence that earned it
    int32_t lifetime_s;          // 0: the profile's own; never longer than it
};

struct certificate {
    char *pem; // owned: leaf, then its issuing CA
    uint8_t serial[SERIAL_LEN];
    int64_t not_before; // Unix s
    int64_t not_after;
};

enum rc keeper_start(const struct keeper_options *o, struct keeper **out, struct fault *f);
void keeper_stop(struct keeper *k); // NULL is fine

// Never blocks. False once its process has ended and until it is started again.
bool keeper_is_alive(struct keeper *k);
// Asks it for a sign of life; starts it again when it has none.
enum rc keeper_check(struct keeper *k, struct fault *f);

// Makes the catalog's CA and quarantine CA if they do not exist yet.
enum rc keeper_catalog(struct keeper *k, const char *catalog, struct fault *f);
enum rc keeper_issue(struct keeper *k, const struct cert_request *q, struct certificate *out,
                     struct fault *f);
void certificate_done(struct certificate *c);

// PEM texts, *out owned by the caller. CA_DEVICE_ROOT is the anchor of all device certificates.
enum ca_name {
    CA_SERVER_ROOT,
    CA_DEVICE_ROOT,
    CA_CATALOG,
    CA_QUARANTINE,
};
enum rc keeper_ca(struct keeper *k, enum ca_name which, const char *catalog, char **out,
                  struct fault *f);

// A certificate for the server's own TLS key: csr DER in, PEM chain out. Names are DNS names or
// IP addresses, at most 16; 90 days.
enum rc keeper_server_cert(struct keeper *k, const uint8_t *csr, size_t csr_len,
                           const char *const *names, size_t count, char **out, struct fault *f);

// Signed server time: a compact JWS, ES256, x5c = the keeper's time certificate under the server
// root, payload {"time":unix ms}. The keeper reads its own clock.
enum rc keeper_time(struct keeper *k, char **out, struct fault *f);

// Signs the head of an audit chain: compact JWS over {"chain","seq","hash","time"}, same
// certificate rules as keeper_time.
enum rc keeper_seal_audit(struct keeper *k, int32_t chain, int64_t seq, const uint8_t hash[32],
                          char **out, struct fault *f);

// A key of the server's own for one purpose (a label of lowercase letters), the same at each call
// and after a restore: with it, secrets are sealed before they go into the database.
#define KEEPER_SECRET_LEN 32
enum rc keeper_secret(struct keeper *k, const char *label, uint8_t out[KEEPER_SECRET_LEN],
                      struct fault *f);

// What "orreryd keeper DIR PASSPHRASE_FILE" runs: serves the socket on file descriptor 3 until
// the parent is gone. Returns the exit code.
int keeper_main(const char *dir, const char *passphrase_file);
#define KEEPER_FD 3
