// SPDX-License-Identifier: Apache-2.0
//
// alert/remedy: what to do about an alert, step by step, and some of it done from here.
//
//   code --remedy_steps--> ordered words, some with an action
//   step --remedy_read--> a change to the alert's devices --> preview, then a job, then its result
//
// An action is one of those that changes to many devices know (bulk): whoever runs it must hold
// what that takes, and what became of it is written into the alert's history when the job ends.

#pragma once

#include <jansson.h>
#include <stdint.h>

#include "bulk/bulk.h"
#include "core/rc.h"

struct store;

// [{"text","action" or null},…]: custom (JSON of the cause; may be NULL), or those of the code.
json_t *remedy_steps(const char *code, const char *custom);

// The change that step n (from 1) of an alert is. RC_NOT_FOUND: no such alert or step; RC_INVALID:
// the step has no action.
enum rc remedy_read(struct store *s, int32_t catalog, int64_t alert, int64_t n, int64_t expect,
                    struct bulk *out, struct fault *f);
// Remembers the job, so that its result is told.
enum rc remedy_note(struct store *tx, int32_t catalog, int64_t alert, int64_t job, int64_t account,
                    const char *actor, struct fault *f);
// Writes what became of jobs that have ended. For the scheduler.
enum rc remedy_upkeep(struct store *s, struct fault *f);
