// SPDX-License-Identifier: Apache-2.0
//
// conn: a libpq connection with deadlines, and the one place where SQLSTATE becomes rc.
//
// Internal to store/: pool, link and migrate are built on it. Nothing here blocks for longer than
// the deadline it was given, even when the other end of the network fell silent.

#pragma once

#include <libpq-fe.h>

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "store/store.h"

#define CONN_WAIT_MS  2000  // for a connection
#define CONN_ENTER_MS 5000  // longer, where the server is there but slow to let us in
#define CONN_START_MS 30000 // the same at a start
#define CONN_GRACE_MS 3000  // past statement_timeout, until a silent server is given up
#define CONN_FOREVER  (-1)

// Tries for wait_ms (at least once), of which a server that is not there gets CONN_WAIT_MS. options
// are run-time settings ("-c role=…").
enum rc conn_open(const char *conninfo, const char *name, const char *options, int wait_ms,
                  PGconn **out, struct fault *f);
void conn_closep(PGconn **p);

// Settings of every connection that acts as the server.
void conn_options(char *out, size_t size, int timeout_ms);

// Looks whether the other end went away while nobody was listening. Never blocks.
bool conn_is_alive(PGconn *pg);

// The next result of what was sent; *out is NULL after the last one.
enum rc conn_next(PGconn *pg, int wait_ms, PGresult **out, struct fault *f);
// The last result of what was sent. A failed result becomes rc and fault; what names the query.
enum rc conn_finish(PGconn *pg, int wait_ms, const char *what, PGresult **out, struct fault *f);
// Runs one or several statements without rows.
enum rc conn_exec(PGconn *pg, const char *sql, int wait_ms, struct fault *f);
// Runs one statement with text arguments.
enum rc conn_query(PGconn *pg, const char *sql, int params, const char *const *args, int wait_ms,
                   PGresult **out, struct fault *f);

// Sends q, which was prepared here under its name. False where libpq could not.
bool conn_send(PGconn *pg, const struct query *q, const char *const *args);

// RC_OK for a result that is none of failure.
enum rc conn_judge(PGconn *pg, const PGresult *r, const char *what, struct fault *f);

// A result seen as rows, and back.
struct rows *rows_of(PGresult *owned);
