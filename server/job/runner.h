// SPDX-License-Identifier: Apache-2.0
//
// job/runner: the one thread that does the jobs.
//
//   waiting for its turn --advisory lock--> a slice of a catalog's oldest job --> the next
//   catalog's
//
// Each server has one; the lock in PostgreSQL lets one of them work, and should two ever do, the
// row of the job, locked for each chunk, still lets every chunk happen once. A chunk that fails for
// want of the database is tried again until it works, one that fails for another reason three
// times.

#pragma once

#include "core/rc.h"
#include "job/job.h"

struct job_runner;

// What it works with outlives it. The thread begins with job_runner_start(), when all who listen to
// the bus are there.
enum rc job_runner_new(const char *conninfo, struct store *pool, const struct job_services *s,
                       struct job_runner **out, struct fault *f);
enum rc job_runner_start(struct job_runner *r, struct fault *f);
void job_runner_wake(struct job_runner *r); // there is something new; NULL is fine
void job_runner_stop(struct job_runner *r); // after the chunk that runs; NULL is fine
void job_runner_free(struct job_runner *r); // once it is stopped; NULL is fine
