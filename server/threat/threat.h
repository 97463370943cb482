// SPDX-License-Identifier: Apache-2.0
//
// threat: from what protocol and access code notices to an alert that says what to do.
//
//   BUS_SIGNAL --queue--> row, thresholds of the catalog, counts --> alert_raise
//   BUS_SIGNAL "attested" ------> what was not found again is over --> alert_clear
//
// One thread. Whoever publishes a signal knows nothing of threats; what makes one of it is in
// threat/table.h. While the database is away alerts wait, as many as there is room for. What no
// catalog can be told of belongs to the first catalog, whose owner runs the server.

#pragma once

#include <stdint.h>

#include "core/rc.h"

struct bus;
struct store;
struct threats;

struct threats_options {
    struct store *store; // the pool
    struct bus *bus;
};

// Before anybody publishes. What o points to outlives the threats.
enum rc threats_start(const struct threats_options *o, struct threats **out, struct fault *f);
void threats_stop(struct threats *t); // nobody publishes any more; NULL is fine
// A catalog's thresholds are others now. Any thread; NULL is fine.
void threats_changed(struct threats *t);

struct threats_stats {
    uint64_t signals; // heard
    uint64_t lost;    // no room for them
    uint64_t raised, cleared;
};
void threats_stats(struct threats *t, struct threats_stats *out);
