// SPDX-License-Identifier: Apache-2.0
//
// attest: from evidence to a verdict, and from the verdict to a certificate.
//
//   challenge --EAT + CSR--> proof --reference values--> verdict --keeper--> certificate
//
// The proof (signature, binding to challenge, key and connection) fails as a whole: no
// verdict, nothing stored. What is measured is compared with the catalog's reference
// values; nothing is learnt from a device. Each finding names component, expected,
// found and remedy in words. Only this module writes device_trust.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/eat.h"
#include "attest/reference.h"
#include "core/rc.h"
#include "device/device.h"
#include "keeper/keeper.h"

struct bus;
struct store;

// What attest works with; borrowed.
struct attest {
    struct store *store;
    struct keeper *keeper;
    struct bus *bus;
    int32_t lifetime_s; // of certificates; 0: the keeper's own
    int32_t quarantine_s;
};

struct attest_device {
    int32_t catalog;
    const char *catalog_name;
    int64_t device;
    const char *id;
    bool online;                // has a session with a certificate
    const uint8_t *fingerprint; // 32 bytes: SHA-256 of the key the connection was opened with;
                                // NULL on a session with a certificate of ours
    const uint8_t *spki;        // that key, DER; with spki_len 0 it is not at hand
    size_t spki_len;
};

struct attest_evidence {
    const char *eat;
    size_t eat_len;
    const uint8_t *csr; // DER
    size_t csr_len;
    uint8_t nonce[32];
    uint8_t exporter[32];
    int64_t nonce_at; // Unix ms
    const char *attester;
    const char *network; // it comes from: "192.0.2.0/24"; NULL where that is not known
    bool may_quarantine; // a quarantine certificate is left for today
};

struct attest_result {
    enum verdict verdict;
    json_t *findings; // owned
    bool certified;
    bool unclaimed; // no certificate because nobody claimed the device
    enum cert_kind kind;
    struct certificate certificate;
    struct device_facts facts; // as they are now
};

// The whole way. Blocks (database, keeper). RC_DENIED: the proof of identity failed; RC_INVALID:
// the evidence or CSR is malformed; RC_NOT_FOUND: the device is not here any more.
enum rc attest_evidence(const struct attest *a, const struct attest_device *d,
                        const struct attest_evidence *e, struct attest_result *out,
                        struct fault *f);
void attest_result_done(struct attest_result *r);

// May this connection be challenged? RC_DENIED when the full fingerprint is not the device's.
enum rc attest_admit(const struct attest *a, const struct attest_device *d, struct fault *f);

// Why evidence was refused in the last day, most frequent first; calls once a reason.
enum rc attest_refusals(struct store *s, int32_t catalog,
                        void (*each)(void *ctx, const char *reason, int64_t n), void *ctx,
                        struct fault *f);
// Forgets refusals of more than a week ago. For the scheduler.
enum rc attest_upkeep(struct store *s, struct fault *f);

// What a session needs to know of its device.
enum rc attest_facts(struct store *s, int32_t catalog, int64_t device, struct device_facts *out,
                     struct fault *f);

// The evidence before this one.
struct attest_before {
    int64_t boot_count; // -1: there was none
    json_t *log;        // its orrery_log; may be NULL
};

// Judges claims against the reference values; now in Unix s. Appends to findings, and to reasons,
// a few words of ours for each finding that alone is a refusal, for counting.
enum verdict attest_judge(const struct eat *e, const struct reference *refs, size_t count,
                          const struct attest_before *before, int64_t now, json_t *findings,
                          json_t *reasons);
