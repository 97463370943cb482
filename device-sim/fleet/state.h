// SPDX-License-Identifier: Apache-2.0
//
// state: the memory of a fleet's devices in one file, mapped: keys, boot counters, certificates.
//
//   header | record | record | …        one record a device, all of one size, mode 0600
//
// What is written to a record is in the kernel's hands at once and so survives a kill of the
// process; a certificate counts only if its check sum fits, else the device attests again.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "sdk/credential.h"
#include "sdk/p256.h"

#define STATE_CERT_MAX 1700

struct state_record {
    int64_t boot;
    struct p256 factory;
    struct p256 key; // of the certificate
    uint8_t reserved[6];
    int64_t not_after, renew_at;
    uint32_t kind; // enum credential_kind
    uint32_t leaf_len, issuer_len;
    uint32_t sum; // of key, facts and certificates
    uint8_t certs[STATE_CERT_MAX];
    uint8_t tail[108];
};

struct state;

// Makes the file, or adds devices to it until there are count.
enum rc state_init(const char *dir, uint32_t count, uint64_t seed, struct fault *f);
// RC_CONFLICT if another process has it open.
enum rc state_open(const char *dir, struct state **out, struct fault *f);
void state_close(struct state *s); // NULL is fine

uint32_t state_count(const struct state *s);
uint64_t state_seed(const struct state *s);
int64_t state_time(const struct state *s); // newest signed time
void state_set_time(struct state *s, int64_t ms);
struct state_record *state_record(struct state *s, uint32_t i);
// Raises the boot counters of the first count devices; on disk when it returns.
enum rc state_boot(struct state *s, uint32_t count, struct fault *f);

void state_keep(struct state_record *r, const struct credential *c); // NULL: forget
// New references; the issuer is shared by all devices that have the same. False if there is none.
bool state_credential(struct state *s, const struct state_record *r, struct credential *out);
