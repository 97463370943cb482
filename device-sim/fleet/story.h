// SPDX-License-Identifier: Apache-2.0
//
// story: what happens to which devices of a fleet, and when.
//
//   "30s  site=largest  offline for 10m"  --story_read--> step --story_pick--> numbers of devices
//
// One step a line: a time since the start, who, and what. A text of ours or a file; both are read
// the same way, and whom it meets follows from the seed alone. docs/simulator.md has the words.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "fleet/persona.h"

#define STORY_STEPS 64
#define STORY_VALUE 64

struct story_step {
    int64_t at_ms, for_ms; // for_ms 0: to the end
    enum behaviour_id what;
    double amount; // of drift: swings a minute
    int64_t every_ms, away_ms;
    // Who; all that are given must hold.
    double share;  // of those that match; 1: all
    int64_t count; // of those that match; 0: as share says
    char site[STORY_VALUE], batch[STORY_VALUE], product[STORY_VALUE], group[STORY_VALUE];
};

struct story {
    struct story_step steps[STORY_STEPS];
    size_t count;
};

// The text of a story that comes with the program, NULL if there is none of that name.
const char *story_named(const char *name);

// RC_INVALID names the line and what is wrong there.
enum rc story_read(const char *text, struct story *out, struct fault *f);
// By name, else from a file of at most 64 kB.
enum rc story_load(const char *name_or_file, struct story *out, struct fault *f);

// Sets picked[i] for those of count personas that step number n means. dice decides among them.
void story_pick(const struct story *s, size_t n, uint64_t dice, const struct persona *personas,
                uint32_t count, bool *picked);
