// SPDX-License-Identifier: Apache-2.0
//
// alert/inbox: alerts as people read them.
//
//   inbox_find --> a page of the list     inbox_show --> one     inbox_history --> what became of
//   it

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

struct store;

// NULL and -1 where it does not matter. Lists are arrays of PostgreSQL.
struct inbox_search {
    const char *states, *severities, *source, *code;
    int64_t owner;    // account; 0: nobody's; -1: whosever
    int64_t device;   // that shows it, or did; -1: any
    int64_t rule;     // that raised it; 0: any
    int64_t from, to; // open at any time between, Unix ms; 0: whenever
    bool worst_first;
};

// Below before, a rank (0: from the top); *next is where to go on, 0 at the end.
enum rc inbox_find(struct store *s, int32_t catalog, const struct inbox_search *x, int64_t before,
                   int limit, json_t **out, int64_t *next, struct fault *f);
// RC_NOT_FOUND also for an alert of another catalog. *version (may be NULL) is its entity tag.
enum rc inbox_show(struct store *s, int32_t catalog, int64_t id, json_t **out, int64_t *version,
                   struct fault *f);
// Newest first.
enum rc inbox_history(struct store *s, int32_t catalog, int64_t id, int64_t before, int limit,
                      json_t **out, int64_t *next, struct fault *f);
// Open ones by severity, and since when there is none.
enum rc inbox_summary(struct store *s, int32_t catalog, json_t **out, struct fault *f);
// Who may handle alerts of the catalog.
enum rc inbox_owners(struct store *s, int32_t catalog, json_t **out, struct fault *f);
