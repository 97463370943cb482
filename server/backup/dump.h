// SPDX-License-Identifier: Apache-2.0
//
// dump: the database on its way out and in, through pg_dump and pg_restore.
//
//   dump_begin (a snapshot; facts of it) --dump_write--> tape: database/00000001 … --> dump_end
//   dump_load --dump_feed…--> dump_settle: complete, or why not
//
// The custom format goes through pipes in parts, so neither way needs room for a second copy. The
// facts and the dump are of one snapshot, whatever is written meanwhile.

#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct tape;
struct dump;
struct load;

// Adds versions, schema and counts of the snapshot to facts.
enum rc dump_begin(const char *conninfo, json_t *facts, struct dump **out, struct fault *f);
enum rc dump_write(struct dump *d, struct tape *t, struct fault *f);
void dump_end(struct dump *d); // NULL is fine

// RC_CONFLICT unless that database has no tables.
enum rc dump_load(const char *conninfo, struct load **out, struct fault *f);
enum rc dump_feed(struct load *r, const void *bytes, size_t len, struct fault *f);
// Waits; then gives the tables to whom they belong and ends the sessions of people. Frees r.
enum rc dump_settle(struct load *r, struct fault *f);
// What came back, to be compared with the facts.
enum rc dump_counts(const char *conninfo, int64_t *devices, int64_t *audit, struct fault *f);
void dump_abandon(struct load *r); // NULL is fine
