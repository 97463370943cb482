// SPDX-License-Identifier: Apache-2.0
//
// delivery: one message to one route, and what became of it.
//
//   alert_outbox --delivery_take--> queued --> sent
//                      |              ^ '--> failed, tried again for a day --> dead
//                      '--> held -----'                                         |
//                    (until nobody acknowledged)                --replay--> queued
//
// Each row of the outbox becomes its deliveries in one statement, so a crash neither loses nor
// doubles any. An attempt may happen twice (the answer was lost): the event's id is the same at
// each attempt, by which a receiver knows it.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

struct rows;
struct store;

// Newest first, below before (0: the newest). route 0: all; state NULL: all.
enum rc delivery_list(struct store *s, int32_t catalog, int64_t route, const char *state,
                      int64_t before, int limit, json_t **out, int64_t *next, struct fault *f);
enum rc delivery_show(struct store *s, int32_t catalog, int64_t id, json_t **out, struct fault *f);
// A message that says it is a test; one attempt.
enum rc delivery_test(struct store *tx, int32_t catalog, int64_t route, int64_t *id,
                      struct fault *f);
// RC_CONFLICT unless it is dead, or its route is gone.
enum rc delivery_replay(struct store *tx, int32_t catalog, int64_t id, struct fault *f);

// ---------------------------------------------------------------- for the notifier

// Deliveries of what the outbox holds now. *more: there may be more of it.
enum rc delivery_take(struct store *s, bool *more, struct fault *f);
// What was held goes, or is dropped; what is too old is dead.
enum rc delivery_upkeep(struct store *s, struct fault *f);
// What is due, at most one a route, of routes that are not in busy ("{1,2}").
enum rc delivery_due(struct store *s, const char *busy, int limit, struct rows **out,
                     struct fault *f);

struct delivery_result {
    int32_t catalog;
    int64_t id;
    bool arrived;
    int status;
    int64_t ms;
    const char *text;
};

// What the route is like after that; name is cut to fit.
struct delivery_outcome {
    int64_t route;
    char name[81];
    int failures, before; // in a row, and before this attempt
    bool dead, test;
};

enum rc delivery_settle(struct store *s, const struct delivery_result *r,
                        struct delivery_outcome *out, struct fault *f);
// id, catalog_name, failures and delivered_s of at most 200 routes, the worst first.
enum rc delivery_health(struct store *s, struct rows **out, struct fault *f);
// Forgets the old. For the scheduler.
enum rc delivery_expire(struct store *s, struct fault *f);
