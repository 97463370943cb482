// SPDX-License-Identifier: Apache-2.0
//
// gate: a whole gateway on real parts, in this process, for tests that come in through its port.
//
//   pg + store + keeper (own process) + ingest + gateway on a free loopback port, catalogs demo,
//   acme
//
// main() must hand "keeper" calls on: if (gate_is_keeper(argc, argv)) return gate_keeper(argv);

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "core/bus.h"
#include "device/change.h"
#include "device/custody.h"
#include "device/device.h"
#include "device/roster.h"
#include "gateway/gateway.h"
#include "ingest/ingest.h"
#include "keeper/keeper.h"
#include "store/store.h"
#include "support/wire.h"
#include "threat/threat.h"
#include "window/code.h"
#include "window/doors.h"

struct intakes;

struct gate {
    struct store *store;
    struct catalogs *catalogs;
    struct roster *roster;
    struct doors *doors;
    struct keeper *keeper;
    struct bus *bus;
    struct ingest *ingest;
    struct gateway *gateway;
    struct threats *threats; // NULL unless asked for
    struct intakes *intakes;
    char blobs[600]; // folder
    int32_t demo, acme;
    int port;
};

struct gate_options {
    const char *host; // in the certificate, and it listens everywhere; NULL: 127.0.0.1 alone
    int loops;
    int64_t lifetime_s, quarantine_s; // of certificates; 0: as they are
    int64_t per_address;              // 0: many
    int64_t idle_s;                   // before a ping; 0: as the protocol says
    bool threats;
};

bool gate_is_keeper(int argc, char **argv);
int gate_keeper(char **argv);

struct gate *gate_up(const struct gate_options *o); // ends the test program when it cannot
void gate_down(struct gate *g);
int gate_teardown(void **state); // of a group whose state is the gate
// What a program asks for as --ca: the root that the gate's certificate comes from.
void gate_ca_file(struct gate *g, const char *path);

// A device as a stranger would write it.
struct gate_device {
    EVP_PKEY *factory, *key;
    X509 *factory_cert, *cert, *ca;
    char id[DEVICE_ID_LEN + 1];
    char sha256[65]; // of the one component it measures
    int64_t boot;
    int svn, dbgstat;
    int64_t clock_off_s;
};

// Registered in catalog; claimed if asked for. Its measurement is a reference value of the catalog.
struct gate_device *gate_device(struct gate *g, int32_t catalog, bool claim);
void gate_device_free(struct gate_device *d);
// A device that has its key elsewhere: registered, claimed if asked for; id is filled in.
void gate_admit(struct gate *g, int32_t catalog, const char *pem, bool claim,
                char id[DEVICE_ID_LEN + 1]);
void gate_unclaim(struct gate *g, struct gate_device *d);
// Retires it, quarantines it, releases it.
void gate_custody(struct gate *g, const char *id, enum custody_act act);
void gate_claim(struct gate *g, struct gate_device *d);
void gate_accept(struct gate *g, int32_t catalog, const char *component, const char *version,
                 const char *sha256, int svn);

// A key that nobody has registered.
struct gate_device *gate_stranger(struct gate *g);
// Opens a registration window in catalog, with a code that is written to code unless it is NULL.
int64_t gate_window(struct gate *g, int32_t catalog, int64_t most, char code[CODE_LEN + 1]);
void gate_window_close(struct gate *g, int32_t catalog, int64_t window);

struct wire_options gate_as_factory(const struct gate *g, const struct gate_device *d);
struct wire_options gate_as_certified(const struct gate *g, const struct gate_device *d);

json_t *gate_hello(const struct gate_device *d);
// What would be right; for tests to spoil. exporter as the connection has it.
json_t *gate_claims(const struct gate_device *d, const char *nonce, EVP_PKEY *key,
                    const uint8_t exporter[32]);
json_t *gate_evidence(const struct gate_device *d, json_t *claims_owned, EVP_PKEY *csr_key,
                      EVP_PKEY *signer);
void gate_exporter(struct wire *w, uint8_t out[32]);
// From hello to verdict on an open connection; keeps what certificate it gets. The verdict's JSON.
json_t *gate_attest(struct gate *g, struct gate_device *d, struct wire *w);
// After challenge came: evidence, verdict.
json_t *gate_answer(struct gate_device *d, struct wire *w, json_t *challenge_owned);
// A factory session from start to end; true if the verdict is status.
bool gate_enroll(struct gate *g, struct gate_device *d, const char *status);
// A session with the certificate, hello said and settings heard.
struct wire *gate_session(struct gate *g, struct gate_device *d, json_t **settings);
