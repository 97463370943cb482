// SPDX-License-Identifier: Apache-2.0
//
// enroll: how a device comes into a catalog, and how it leaves.
//
//   public key, or its fingerprint --register--> registered --claim--> claimed --unclaim-->
//   registered
//
// A factory public key is known to at most one catalog. Whoever asks with a key that
// another one holds is refused without learning whose it is. What the rest of
// the server must hear (roster, sessions, pages) is told by enroll_announce(), after the
// commit and never before.

#pragma once

#include "core/rc.h"
#include "device/device.h"

#define ENROLL_PEM_MAX   4096
#define ENROLL_BATCH_MAX 500

struct bus;
struct roster;
struct store;

// Reads one PEM block PUBLIC KEY that holds a P-256 key, and nothing else.
enum rc enroll_key_read(const char *pem, struct device_key *out, struct fault *f);
// The same from SubjectPublicKeyInfo, DER.
enum rc enroll_key_from(const uint8_t *der, size_t len, struct device_key *out, struct fault *f);

// *created is false where this catalog has that device already; entry->name and tags then do
// nothing. RC_CONFLICT if the key is another catalog's.
enum rc enroll_register(struct store *s, int32_t catalog, struct device_entry *entry, bool *created,
                        struct device_touched *touched, struct fault *f);

// RC_CONFLICT if it is claimed already or retired.
enum rc enroll_claim(struct store *s, int32_t catalog, const char *id, const char *name,
                     struct device_touched *touched, struct fault *f);

// Registers what is unknown and claims all of it, by key, fingerprint or id. Who has knocked at a
// window of this catalog gets what that gives, and its key from there where only less is named.
enum rc enroll_many(struct store *s, int32_t catalog, struct device_entry *entries, size_t count,
                    struct device_touched *touched, struct fault *f);
// Why an entry was not claimed; NULL where it was, or had been already. Static.
const char *enroll_refusal(const struct device_entry *e, const struct device_touched *t);

// One change to tell of. revoked: sessions and certificates end.
struct enroll_news {
    int32_t catalog;
    bool revoked;
    char id[DEVICE_ID_LEN + 1];
    struct device_touched what;
};
void enroll_announce(struct roster *r, struct bus *b, const struct enroll_news *news);
