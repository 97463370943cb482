// SPDX-License-Identifier: Apache-2.0
//
// job: what a session asks of the worker threads, because it may block.
//
//   loop --clerks_submit--> bounded queue --> worker: keeper, database --> answer --> loop
//
// A job carries the question and comes back with the answer. It names its session by
// number: the session may be gone by then, and what it was given is released.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/attest.h"
#include "core/rc.h"
#include "gateway/identity.h"
#include "window/knock.h"

struct clerks;
struct ingest;
struct ingest_device;
struct intakes;
struct intake_step;

enum job_kind {
    JOB_CHALLENGE, // admit the device, draw a nonce, get the signed time
    JOB_ATTACH,    // load what is known of the device, attach it to ingest
    JOB_JUDGE,     // evidence to verdict and certificate
    JOB_KNOCK,     // a stranger, or a device with a claim code
    JOB_DUMP,      // a step of a crash dump
    JOB_LEVEL,     // keeps what level the device says it obeys
};

struct job {
    struct job *next;
    enum job_kind kind;
    uint32_t loop;    // where the answer goes
    uint64_t session; // there
    struct identity who;

    int64_t boot; // JOB_ATTACH

    uint8_t spki[128]; // of the factory key: JOB_CHALLENGE of a factory session, JOB_KNOCK
    size_t spki_len;
    struct knock *knock; // JOB_KNOCK; owned
    struct knock_result answer;

    struct intake_step *dump; // JOB_DUMP; owned

    char *eat; // JOB_JUDGE; owned
    size_t eat_len;
    uint8_t *csr; // owned
    size_t csr_len;
    uint8_t nonce[32]; // also the answer of JOB_CHALLENGE
    uint8_t exporter[32];
    int64_t nonce_at;

    enum rc rc; // the answer
    struct fault fault;
    char *time; // JOB_CHALLENGE; owned, JWS
    struct ingest_device *ingest;
    int64_t last_boot, last_seq;
    int level; // enum journal_level: JOB_ATTACH, and the question of JOB_LEVEL
    bool loud; // JOB_ATTACH: it said it obeys another than the usual one
    struct device_facts facts;
    struct attest_result result;
};

// Detaches and frees whatever the job still holds. NULL is fine.
void job_free(struct job *j);

struct clerk_options {
    struct attest attest;
    struct ingest *ingest;
    struct intakes *intakes; // NULL: no dumps
    struct knock_env door;
    bool (*catalog_name)(void *ctx, int32_t catalog, char out[KEEPER_CATALOG_MAX + 1]);
    bool (*clock_is_good)(void *ctx);
    void (*answer)(void *ctx, struct job *owned); // worker thread
    void *ctx;
};

enum rc clerks_start(const struct clerk_options *o, struct clerks **out, struct fault *f);
void clerks_stop(struct clerks *c); // finishes the job in hand, drops the others
// False when the queue is full; then the job stays the caller's.
bool clerks_submit(struct clerks *c, struct job *j);
uint64_t clerks_waiting(struct clerks *c);
