// SPDX-License-Identifier: Apache-2.0
//
// audit: who changed what, in chains that cannot be edited unseen.
//
//   entry 1 <--hash-- entry 2 <--hash-- … <--hash-- head, sealed by the keeper at intervals
//
// One chain a catalog and chain 0 for the installation. An entry is written in the
// transaction of the act it tells of; the server's database role may only insert. A
// changed, removed or invented entry breaks the hashes after it, and a chain cut off at
// its end no longer reaches its last seal.
//
// hash = SHA-256 over, in this order: prev (32 bytes), chain, seq, at (Unix ms), account,
// actor, action, object, count, outcome, remote, request, detail. Each is preceded by its
// length as 8 bytes, big-endian; numbers are decimal text; NULL is the length 2^64 - 1 and
// nothing more. prev of the first entry is 32 zero bytes.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

struct store;
struct keeper;

struct audit_entry {
    int32_t chain;
    int64_t account; // 0: none
    const char *actor;
    const char *action;                    // "POST /api/v1/catalogs/{catalog}/devices"
    const char *object;                    // NULL: ""
    int64_t count;                         // 0: 1
    const char *outcome;                   // "ok", "denied"
    const char *remote, *request, *detail; // NULL where there is none
};

// tx must be a transaction: the chain stays locked until it ends.
enum rc audit_append(struct store *tx, const struct audit_entry *e, struct fault *f);

struct audit_report {
    int64_t entries;
    int64_t first_bad; // 0: none
    uint8_t head[32];
    int64_t seal_seq; // 0: never sealed
    int64_t seal_at;  // Unix ms
    char *seal;       // owned; compact JWS or NULL
};

// Walks the whole chain. RC_OK whether or not it is sound. root_pem is the server root, which
// the last seal must lead to; NULL leaves its signature unchecked.
enum rc audit_verify(struct store *s, int32_t chain, const char *root_pem, struct audit_report *out,
                     struct fault *f);
void audit_report_done(struct audit_report *r);

// Has the keeper seal every chain that grew and whose last seal is an hour old. For the
// scheduler; s is the pool.
enum rc audit_seal_due(struct store *s, struct keeper *k, struct fault *f);

#define AUDIT_TEXT_MAX 200

// Which entries are meant; an empty text and a time of 0 leave that open.
struct audit_filter {
    char actor[AUDIT_TEXT_MAX + 1];  // its beginning, in either case
    char object[AUDIT_TEXT_MAX + 1]; // its beginning
    char outcome[16];
    int64_t since, until; // Unix ms; until is not included
};

// Entries below before (0: the newest), newest first, as JSON; *last is the lowest sequence number.
enum rc audit_list(struct store *s, int32_t chain, const struct audit_filter *only, int64_t before,
                   int count, json_t **out, int64_t *last, struct fault *f);
