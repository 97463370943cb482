// SPDX-License-Identifier: Apache-2.0
//
// bulk: one change to all devices of a search, or to a list of them.
//
//   order --bulk_preview()--> how many, of which kinds, who is left out --bulk_start()--> job
//
// Which devices are meant is fixed when the job is made: whoever comes to match later is not
// touched. A job whose number has moved by more than one in a hundred since it was looked at is
// refused, so that nobody changes what they have not seen.

#pragma once

#include <jansson.h>
#include <stdint.h>

#include "core/rc.h"
#include "device/change.h"
#include "device/filter.h"
#include "job/job.h"

#define BULK_IDS_MAX 500
#define BULK_MAX     250000 // devices of a job

struct bulk {
    struct device_order order; // texts are owned by request
    struct device_filter filter;
    json_t *request;    // owned; what the job keeps
    char *tags, *names; // owned; as JSON
    uint32_t needs;     // enum permission
    int64_t expect;     // -1: nothing said
    char where[120];    // what a title ends with: "Product / Group" of a move; "" for none
};

struct store;

// Reads a body. RC_INVALID also for a group that is not there.
enum rc bulk_read(struct store *s, int32_t catalog, json_t *body, struct bulk *out,
                  struct fault *f);
void bulk_done(struct bulk *b);

enum rc bulk_preview(struct store *tx, const struct bulk *b, json_t **out, struct fault *f);
// RC_CONFLICT when the number is not the expected one, RC_LIMIT when it is more than BULK_MAX.
enum rc bulk_start(struct store *tx, int32_t catalog, const struct bulk *b, int64_t account,
                   const char *actor, int64_t *job, struct fault *f);

extern const struct job_kind bulk_job;
