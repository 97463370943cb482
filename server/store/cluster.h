// SPDX-License-Identifier: Apache-2.0
//
// cluster: the private PostgreSQL of an instance, so that nobody has to set one up.
//
//   (nothing) --initdb--> dir/pg --postgres--> up --crash--> restarted … --cluster_stop--> down
//
// It listens on a Unix socket in dir/run only, and lets in only the user it runs as. A thread
// of ours watches the postmaster and starts it again when it dies. When orreryd itself was killed,
// its postmaster lives on and the next start takes it over. Its log is dir/log/postgresql.log.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/rc.h"

struct cluster;

// Creates the cluster where there is none, starts it and waits until it answers (a recovery
// after a crash may take a while). dir is the instance folder, absolute. Faults say what to do.
enum rc cluster_start(const char *dir, struct cluster **out, struct fault *f);

// Fast shutdown: connections are ended, data is on disk when it returns. NULL is fine.
void cluster_stop(struct cluster *c);

// For libpq; of the database "orrery". Lives as long as c.
const char *cluster_conninfo(const struct cluster *c);

// Any thread may ask. False while the postmaster is down or recovering.
bool cluster_is_up(const struct cluster *c);
// How often the postmaster had to be started again since cluster_start().
int cluster_restarts(const struct cluster *c);
// Why it is down, for a person; "" while it is up.
void cluster_trouble(struct cluster *c, char *text, size_t size);
