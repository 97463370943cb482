// SPDX-License-Identifier: Apache-2.0
//
// lines: how many log lines and events a batch has, of which kind.
//
//   batch --lines_count--> rows of journal_count and event_count, in the batch's own transaction
//
// So the counters are as true as the lines are. Nothing is updated: two writers never wait for each
// other. The rows are few, as the lines of a batch mostly are of one minute and of a few sources.

#pragma once

#include "ingest/batch.h"

// Rows for COPY in binary, header and trailer included. False when out of memory.
bool lines_count(const struct batch *b, struct pile *out);
bool lines_count_events(const struct batch *b, struct pile *out);
bool lines_has_events(const struct batch *b);

#define COPY_COUNTS "COPY journal_count (catalog, at, level, event, source, n) FROM STDIN BINARY;"
#define COPY_EVENT_COUNTS                                                                          \
    "COPY event_count (catalog, device, at, name, source, level, n, first_at, last_at)"            \
    " FROM STDIN BINARY;"
