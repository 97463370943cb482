// SPDX-License-Identifier: Apache-2.0
//
// watch: the thread in which the enabled rules of all catalogs follow the telemetry.
//
//   ingest --rule/feed--> engine of the catalog --turns--> one transaction: alert, rule_turn, mark
//
// What is told of a rule and up to where it has looked are committed together with the alert, so
// that a crash at any moment neither repeats nor loses one. At its start, when rules change and
// when the feed overflowed, an engine is made anew from stored telemetry: from as long before the
// mark as its windows remember. Rows are read, not what history has packed: a window that began
// before the oldest row is left out, rather than looked at in part.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct bus;
struct ingest;
struct rule_watch;
struct store;

struct rule_watch_stats {
    uint64_t readings, late; // since the start
    uint64_t turns, replays, lost;
    size_t rules, keys;
};

// Before ingest begins to take readings, and after the bus is there.
// rows_ms: how long telemetry stays in rows after the end of its hour.
enum rc rule_watch_start(struct store *pool, struct ingest *g, struct bus *bus, int64_t rows_ms,
                         struct rule_watch **out, struct fault *f);
// After ingest has stopped; what it still gave is looked at.
void rule_watch_stop(struct rule_watch *w); // NULL is fine
void rule_watch_stats(struct rule_watch *w, struct rule_watch_stats *out);
