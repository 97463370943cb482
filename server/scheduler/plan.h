// SPDX-License-Identifier: Apache-2.0
//
// plan: which job is due when.
//
//   due --runs--> due again a period later        due --fails--> due again soon, then less soon
//
// Holds no thread and no lock: scheduler turns it, and tests do with a clock of their own.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct job {
    const char *name;
    int64_t period_ms;
    enum rc (*run)(void *ctx, struct fault *f);
};

struct planned {
    const struct job *job;
    int64_t due; // clock_mono_ms
    int failures;
};

// retry_ms is when it will be tried again.
typedef void plan_failed(void *ctx, const struct job *job, const struct fault *f, int64_t retry_ms);

// All jobs are due at once: what was missed while nobody was leader is made up for.
void plan_start(struct planned *list, const struct job *jobs, size_t count);
// Runs what is due, each at most once; returns the ms until the next one is.
int64_t plan_turn(struct planned *list, size_t count, void *ctx, plan_failed *failed);
