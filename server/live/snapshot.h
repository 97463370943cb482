// SPDX-License-Identifier: Apache-2.0
//
// snapshot: reads what a new subscription first shows, on a thread of its own.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"
#include "live/hub.h"

struct snapshots;
struct access;
struct store;

struct snapshot_job {
    uint64_t socket; // whose; may be gone when the answer comes
    bool recheck;    // only ask whether who is still let in
    struct principal who;
    int32_t catalog;
    char topic[8 + DEVICE_ID_LEN];
    size_t count;
    char (*ids)[DEVICE_ID_LEN + 1]; // owned
    // The answer.
    enum rc rc;
    char problem[200];
    struct rows *rows; // owned; one a device
    struct snapshot_job *next;
};

// done runs on the snapshot thread after an answer was queued.
enum rc snapshots_start(struct store *s, struct access *a, void (*done)(void *ctx), void *ctx,
                        struct snapshots **out, struct fault *f);
void snapshots_stop(struct snapshots *s);

// Takes owned; false when too many wait already (owned is freed).
bool snapshots_ask(struct snapshots *s, struct snapshot_job *owned);
struct snapshot_job *snapshots_next(struct snapshots *s); // an answer, or NULL
void snapshot_free(struct snapshot_job *j);

// Feeds an answer's devices to the hub.
void snapshot_seed(const struct snapshot_job *j, struct hub *h);
