// SPDX-License-Identifier: Apache-2.0
//
// scheduler: what must be done now and then, by one server only.
//
//   waiting --advisory lock--> leader: runs jobs when they are due --connection lost--> waiting
//
// Each server has one; the lock in PostgreSQL, held on a connection of its own, makes one of
// them the leader, and another one follows within seconds when that connection ends. A job
// that fails is logged and tried again.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/rc.h"
#include "scheduler/plan.h"

struct config;
struct keeper;
struct scheduler;
struct store;

struct scheduler_options {
    const char *conninfo;
    struct store *store; // the pool
    struct keeper *keeper;
    const struct config *config;
};

// What a server's scheduler does (jobs.c); their ctx is a struct scheduler_options.
extern const struct job scheduler_jobs[];
extern const size_t scheduler_job_count;

// o is copied; what it points to outlives the scheduler.
enum rc scheduler_start(const struct scheduler_options *o, struct scheduler **out, struct fault *f);
// The same with other jobs. jobs and ctx outlive the scheduler.
enum rc scheduler_start_with(const char *conninfo, const struct job *jobs, size_t count, void *ctx,
                             struct scheduler **out, struct fault *f);
void scheduler_stop(struct scheduler *s); // waits for the job that runs; NULL is fine
