// SPDX-License-Identifier: Apache-2.0
//
// store: PostgreSQL, seen by the modules as named queries.
//
// The queries live beside the modules, in *.sql, and are embedded at build
// time. Each pooled connection prepares all of them when it opens, so a query
// that no longer fits the schema stops the server at start, not at 3 a.m.
//
// A struct store is either the pool or one transaction of it: a module never
// needs to know which. RC_UNAVAILABLE means the database is away; trying again
// may help.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct store;
struct rows; // a result; release with rows_free()

struct query {
    const char *name;
    const char *sql;
    int params;
    bool fresh;  // "-- plan: fresh": planned at each run, with its arguments as constants
    bool binary; // "-- result: binary": its columns are read with rows_bytes() alone
};

// Opens size connections to conninfo and prepares every query on each.
// They act as the role orrery_server. A connection that breaks is reopened when it
// is next wanted, waiting at most 2 s before RC_UNAVAILABLE.
enum rc store_open(const char *conninfo, int size, struct store **out, struct fault *f);
void store_close(struct store *s);
// The same for other queries than the embedded ones; list lives as long as the store.
enum rc store_open_with(const char *conninfo, int size, const struct query *const *list, int count,
                        struct store **out, struct fault *f);

// Runs one query; args are text, NULL for SQL NULL. out may be NULL where the
// rows do not matter. Blocks until a pooled connection is free (at most 5 s, then
// RC_UNAVAILABLE) and until the answer is there (statement_timeout, 5 s).
enum rc store_run(struct store *s, const struct query *q, const char *const *args,
                  struct rows **out, struct fault *f);

// Takes a connection out of the pool for one transaction; inside a transaction, begins a savepoint
// of it, so that a failure there (a query that failed makes all later ones fail too) can be
// rolled back without the rest. On RC_OK, *out must be
// ended by exactly one of store_commit and store_rollback, which free it.
enum rc store_begin(struct store *pool, struct store **out, struct fault *f);
enum rc store_commit(struct store *tx, struct fault *f);
// For what looks at a whole fleet: until its end, each query of tx may take 20 s.
enum rc store_patient(struct store *tx, struct fault *f);
void store_rollback(struct store *tx); // NULL is fine

// True while the last thing asked of the database was answered.
bool store_is_up(const struct store *pool);

int rows_count(const struct rows *r);
// NULL for SQL NULL. Lives as long as r.
const char *rows_text(const struct rows *r, int row, const char *column);
int64_t rows_int(const struct rows *r, int row, const char *column); // 0 for NULL
double rows_real(const struct rows *r, int row, const char *column); // 0 for NULL
bool rows_bool(const struct rows *r, int row, const char *column);   // false for NULL
// Of a binary result: the value of the column with that number, from 0, as PostgreSQL sends it;
// NULL for SQL NULL.
const void *rows_bytes(const struct rows *r, int row, int column, size_t *len);
void rows_free(struct rows *r);
