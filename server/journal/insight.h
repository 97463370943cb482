// SPDX-License-Identifier: Apache-2.0
//
// journal/insight: what kinds of events there were, of a device or of all.
//
//   event --counted with its line--> class (its name), category (its source): how often, when, on
//   how many
//
// From counters by device and hour, which live as long as the lines: nothing is sampled or capped,
// and an event is in it as soon as it is acknowledged.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "journal/journal.h"

#define INSIGHTS_MAX 1000

struct store;

struct insight_ask {
    int64_t device;   // 0: all of the catalog
    int64_t from, to; // Unix ms; whole hours
    int limit;        // at most INSIGHTS_MAX
};

struct insight {
    const char *class, *category; // category may be NULL; borrowed for the call
    enum journal_level level;     // the worst
    int64_t count, devices;
    int64_t first, last; // Unix ms
};

typedef void insight_tell(void *ctx, const struct insight *i);

// The most frequent first. *more: there are more kinds than limit.
enum rc insight_list(struct store *s, int32_t catalog, const struct insight_ask *ask,
                     insight_tell *tell, void *ctx, bool *more, struct fault *f);
