// SPDX-License-Identifier: Apache-2.0
//
// crash: the dumps that programs of devices left behind, for their owner to read.
//
//   device --intake--> row + blob --owner reads--> … --deleted, or 29 days old--> gone
//
// Only of devices whose group lets them be collected, as that stands when one is offered and again
// when it is whole. A dump may hold all that a program knew: reading one is an owner's right, and
// written down. Only this module writes table crash_dump.

#pragma once

#include <jansson.h>
#include <stdint.h>

#include "blob/blob.h"
#include "core/rc.h"

struct store;

struct crash_dump {
    int64_t id;
    char sha256[BLOB_NAME_LEN + 1];
    int64_t bytes;
};

// Newest first; device 0: of all. before 0: from the newest.
enum rc crash_list(struct store *s, int32_t catalog, int64_t device, int64_t before, int limit,
                   json_t **items, int64_t *next, struct fault *f);
enum rc crash_find(struct store *s, int32_t catalog, int64_t id, struct crash_dump *out,
                   struct fault *f);
enum rc crash_drop(struct store *tx, const char *folder, int32_t catalog, int64_t id,
                   struct fault *f);
// For the scheduler: those older than days.
enum rc crash_expire(struct store *pool, const char *folder, int64_t days, struct fault *f);
