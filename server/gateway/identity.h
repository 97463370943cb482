// SPDX-License-Identifier: Apache-2.0
//
// identity: which device a client certificate belongs to, and whether it may connect now.
//
//   certificate --kind by key usage--> chain under the device root --roster--> struct identity
//
// Fails closed: what is not exactly an operational certificate, a quarantine
// certificate or a registered factory identity is refused in the handshake. Only while a
// registration window is open, a factory identity that nobody knows is let in as a stranger, which
// may do no more than say hello. Called by the TLS verify hook, and again for every established
// connection, because OpenSSL does not call the hook when a session is resumed.

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "device/device.h"
#include "keeper/keeper.h"

#define NETWORK_LEN 24 // "2001:db8:ffff::/48" and the like

struct roster;

enum identity_kind {
    IDENTITY_FACTORY, // self-signed by the factory key; may only be attested
    IDENTITY_OPERATIONAL,
    IDENTITY_QUARANTINE,
    IDENTITY_STRANGER, // self-signed by a factory key that nobody has registered
};

struct identity {
    enum identity_kind kind;
    uint8_t device_id[16];
    char id[DEVICE_ID_LEN + 1];
    int32_t catalog;
    int64_t device; // 0 of a stranger, as catalog
    enum device_lifecycle lifecycle;
    char catalog_name[KEEPER_CATALOG_MAX + 1];
    uint8_t fingerprint[32]; // of a factory key
    int64_t not_before;      // Unix s; 0 for a factory identity, whose dates mean nothing
    int64_t not_after;
    char network[NETWORK_LEN]; // of the connection, which the certificate does not know; "" if none
};

// What identities are judged by.
struct trust {
    X509_STORE *roots;      // the device root, nothing else
    X509_STORE *catalogs;   // the CAs under it that are known: they save a signature; may be NULL
    X509_STORE *quarantine; // the catalogs' quarantine CAs, which are roots of their own
    struct roster *roster;
    // Writes a catalog's name, false if there is no such catalog. Any thread.
    bool (*catalog_name)(void *ctx, int32_t catalog, char out[KEEPER_CATALOG_MAX + 1]);
    // Whether strangers may come in at all now; NULL: never. Any thread.
    bool (*open)(void *ctx);
    void *ctx;
};

#define IDENTITY_SPKI_LEN 91 // of a P-256 key in its usual form

// now in Unix s. *alert is the X509_V_ERR_… that tells the client why, best as TLS can. Of who is
// refused, out says who it claims to be, as far as that was looked at.
enum rc identity_verify(const struct trust *t, X509 *leaf, STACK_OF(X509) * chain, int64_t now,
                        struct identity *out, int *alert, struct fault *f);

// The same without the signatures of the chain, for a certificate that was verified before.
enum rc identity_check(const struct trust *t, X509 *leaf, int64_t now, struct identity *out,
                       int *alert, struct fault *f);

// The public key of a factory certificate (SubjectPublicKeyInfo, DER); 0 if it does not fit.
size_t identity_spki(X509 *leaf, uint8_t *out, size_t size);

// Adds the first certificate in pem to *store, which is made if it is NULL. All of a store's
// certificates end a chain, whether they are roots or not.
enum rc trust_add(X509_STORE **store, const char *pem, struct fault *f);
