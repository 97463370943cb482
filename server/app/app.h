// SPDX-License-Identifier: Apache-2.0
//
// app: the parts of the server, put together.
//
//   lock, database, migrations, keeper, catalogs --> ingest, http, live, gateway --> edge: ready
//
// Started in the order of need and stopped in the other one: first nobody new is let in, then
// what is in flight is finished, then what was acknowledged is on disk.

#pragma once

#include <stddef.h>

#include "core/rc.h"

struct app;
struct cluster;
struct config;

// The texts a first start has for its owner; "" at any other. password is shown once.
struct app_welcome {
    char owner_password[24];
};

// c must outlive the app.
enum rc app_start(const struct config *c, struct app **out, struct app_welcome *welcome,
                  struct fault *f);
void app_stop(struct app *a); // NULL is fine

// About once a second: what died is started again.
void app_mind(struct app *a);

// SIGHUP: certificates are read again, the edge's own from where now (borrowed for the call) says.
void app_reload(struct app *a, const struct config *now);

// https://localhost:8443
void app_url(const struct app *a, char *out, size_t size);

// For the verbs that only need a database: the instance's lock is not taken, and a private
// cluster must be running (its server holds it).
enum rc app_conninfo(const struct config *c, char *out, size_t size, struct fault *f);

// The same for the database's owner, and where no server runs its private cluster is started: then
// *cluster is the caller's to stop, else NULL.
enum rc app_borrow(const struct config *c, struct cluster **cluster, char *conninfo, size_t size,
                   struct fault *f);
