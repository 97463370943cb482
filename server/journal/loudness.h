// SPDX-License-Identifier: Apache-2.0
//
// journal/loudness: how much devices say: the level below which they keep lines to themselves.
//
//   usual (info) --raised for minutes--> debug --until--> usual
//
// Set for a device, or for all of a group; a device's own goes before its group's. The gateway
// tells devices when it changes, when they connect, and when it ends (gateway/levels). What they
// answer is kept beside it: a person sees since when a device obeys.

#pragma once

#include <stdint.h>

#include "core/rc.h"
#include "journal/journal.h"

#define LOUDNESS_USUAL       JOURNAL_INFO
#define LOUDNESS_MINUTES_MAX 1440

struct store;
struct rows;

enum loudness_source {
    LOUDNESS_BY_DEFAULT,
    LOUDNESS_BY_DEVICE,
    LOUDNESS_BY_GROUP,
};

struct loudness {
    enum journal_level level;
    enum loudness_source source;
    int64_t until; // Unix ms; 0: for good
};

// minutes 0: ends what was set.
enum rc loudness_set_device(struct store *tx, int32_t catalog, int64_t device,
                            enum journal_level level, int64_t minutes, struct fault *f);
enum rc loudness_set_group(struct store *tx, int32_t catalog, int64_t group,
                           enum journal_level level, int64_t minutes, struct fault *f);
// What holds for a device now.
enum rc loudness_of(struct store *s, int32_t catalog, int64_t device, struct loudness *out,
                    struct fault *f);
// What a device last said it obeys. *since: Unix ms, 0 with the usual level.
enum rc loudness_reported(struct store *s, int32_t catalog, int64_t device,
                          enum journal_level *level, int64_t *since, struct fault *f);
enum rc loudness_report(struct store *s, int32_t catalog, int64_t device, enum journal_level level,
                        struct fault *f);
// What is set for a group itself.
enum rc loudness_of_group(struct store *s, int32_t catalog, int64_t group, struct loudness *out,
                          struct fault *f);
// All devices with a session for which something is set: catalog, device, level; by those two.
enum rc loudness_present(struct store *s, struct rows **out, struct fault *f);
// When the next of what is set ends, Unix ms; 0: nothing is set.
enum rc loudness_next_end(struct store *s, int64_t *out, struct fault *f);
// For the scheduler: forgets what is over.
enum rc loudness_expire(struct store *s, struct fault *f);
