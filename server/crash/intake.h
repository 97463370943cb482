// SPDX-License-Identifier: Apache-2.0
//
// crash/intake: a dump on its way in, piece by piece, over a device's session.
//
//   offer --consent, quota--> "next": 0 --piece, in order--> "next": n … --hash right--> stored
//                       `--refused, with a code and words         `--wrong: refused, all forgotten
//
// Whoever may block calls: a step is one message of the device and the answer to it. At most one
// piece of a device is in memory; some devices at a time, others are told to come again. A dump
// that is there already is stored at once, but only where this very device sent it: to know a hash
// does not mean to have the content.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blob/blob.h"
#include "core/rc.h"
#include "protocol/protocol.h"

struct intake;
struct intakes;
struct store;

#define INTAKES_MAX         32 // at once
#define INTAKES_CATALOG_MAX 8  // of them of a catalog
#define CRASH_DUMPS_MAX     10000

struct intake_limits {
    int64_t day;   // dumps of a device in 24 h
    int64_t bytes; // that a catalog holds
    int64_t dumps; // that a catalog holds
};

struct intake_offer {
    int32_t catalog;
    int64_t device;
    char sha256[BLOB_NAME_LEN + 1];
    int64_t bytes;
    char name[LIMIT_NAME_BYTES + 1]; // of the program
    int64_t at;                      // Unix ms
};

struct intake_said {
    const char *refused; // code, or NULL; static
    char text[160];      // why
    int64_t retry_s;     // 0: not again
    int64_t next;        // the byte to go on with
    bool stored;
};

struct intake_step {
    struct intake *intake;     // owned; NULL: the offer, and once it is over
    struct intake_offer offer; // what it is about, in every step
    char *data;                // owned: base64; NULL with the offer
    int64_t from;              // its first byte
    struct intake_said said;
};

// store and folder (of blobs) are borrowed. Tidies the folder.
enum rc intakes_new(struct store *store, const char *folder, const struct intake_limits *limits,
                    struct intakes **out, struct fault *f);
void intakes_free(struct intakes *all); // after all of it; NULL is fine

void intake_step(struct intakes *all, struct intake_step *s);
void intake_step_free(struct intake_step *s); // NULL is fine
void intake_free(struct intake *i);           // forgets what came; NULL is fine
