// SPDX-License-Identifier: Apache-2.0
//
// ledger: what the fleet knows it sent and the server said it has, to be held against the database.
//
//   # id  boot  sent  acked  without-a-row      one line a device and boot, tab-separated
//
// sent and acked are sequence numbers: all from 1 to sent were sent at least once, all to acked
// were acknowledged. The last column lists numbers that carry no telemetry row (logs, events,
// reports, refused messages), or "-". Earlier boots are kept when a fleet starts again.

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/rc.h"

struct ledger_entry {
    char id[33];
    int64_t boot, sent, acked;
    int64_t *others; // owned, in any order
    uint32_t other_count, other_cap;
};

void ledger_entry_done(struct ledger_entry *e);
void ledger_other(struct ledger_entry *e, int64_t seq); // aborts when out of memory

struct ledger; // a file and what earlier runs wrote to it

enum rc ledger_open(const char *path, struct ledger **out, struct fault *f);
void ledger_close(struct ledger *l); // NULL is fine
// Writes beside and renames: a reader sees one state.
enum rc ledger_write(const struct ledger *l, const struct ledger_entry *const *entries,
                     size_t count, struct fault *f);

struct ledger_result {
    uint64_t devices, sent, acked, rows;
    uint64_t lost;    // acknowledged and not stored
    uint64_t dup;     // stored more than once
    uint64_t ghost;   // stored and never sent
    uint64_t unacked; // stored, but the ack did not arrive before the end; allowed
};

// Rows are lines "id boot seq", split by tabs, commas, bars or spaces; other lines are refused.
enum rc ledger_check(const char *path, FILE *rows, struct ledger_result *out, struct fault *f);
