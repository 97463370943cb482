// SPDX-License-Identifier: Apache-2.0
//
// link: one connection of its own, beside the pool, for a worker that keeps state in it.
//
//   link_open --lock, run, COPY …--> a fault, or link_close
//
// Ingest writes through links because its fence (an advisory lock) must live on the very
// connection that writes; the scheduler for its leader lock. A link never reconnects by itself:
// what lived in the session (locks, a transaction) went with it, and only its owner knows what
// that means. One thread at a time uses a link. After any error that
// leaves it up, it is outside a transaction (rolled back).

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "store/store.h"

struct link;

// Acts as the role orrery_server. name is what pg_stat_activity shows. timeout_ms is the
// statement_timeout, 0 for none. Waits at most 2 s for a server that is away and 30 s for a slow
// one, then RC_UNAVAILABLE.
enum rc link_open(const char *conninfo, const char *name, int timeout_ms, struct link **out,
                  struct fault *f);
void link_close(struct link *l); // NULL is fine; ends whatever was going on

// False once the connection is known to be lost: close it and open another.
bool link_is_up(const struct link *l);
// Asks the other end: while it answers, what lives in the session (a lock) is still there.
bool link_answers(struct link *l);

// Runs a named query, prepared at its first use here. out may be NULL.
enum rc link_run(struct link *l, const struct query *q, const char *const *args, struct rows **out,
                 struct fault *f);
// Runs text of one or several statements ("BEGIN", DDL); their rows are dropped.
enum rc link_exec(struct link *l, const char *sql, struct fault *f);

// Starts sql, which holds a COPY … FROM STDIN, perhaps amid other statements:
// "BEGIN; COPY a FROM STDIN BINARY; INSERT …; COMMIT" is one round trip.
// Then link_copy_put() any number of times (text or binary, as sql says; row borders do not matter)
// and link_copy_end(), which waits for all that follows the COPY too. RC_UNAVAILABLE from it
// means that nobody knows whether the COMMIT happened: ask for the token on a new link.
// Where sql holds several COPYs, *more says that the next one now wants its rows; more may be
// NULL where there is only one.
enum rc link_copy_begin(struct link *l, const char *sql, struct fault *f);
enum rc link_copy_put(struct link *l, const void *bytes, size_t len, struct fault *f);
enum rc link_copy_end(struct link *l, bool *more, struct fault *f);
// Instead of link_copy_end(): nothing of sql happened, its transaction is rolled back.
void link_copy_abort(struct link *l, const char *why);

// Any thread, while the link lives: asks the server to end the statement that runs, which then
// fails with RC_UNAVAILABLE. One that begins in the same moment may be missed.
void link_cancel(struct link *l);

// What others NOTIFY on a channel from now on (a plain word). link_hear() waits for one of it, at
// most wait_ms; payload is "" where none came, cut where it does not fit.
enum rc link_listen(struct link *l, const char *channel, struct fault *f);
enum rc link_hear(struct link *l, int wait_ms, char *payload, size_t size, struct fault *f);

// A session advisory lock; held until link_unlock(), link_close() or the connection's end.
// RC_CONFLICT if another session still holds it after wait_ms.
enum rc link_lock(struct link *l, int32_t space, int32_t key, int wait_ms, struct fault *f);
enum rc link_unlock(struct link *l, int32_t space, int32_t key, struct fault *f);
