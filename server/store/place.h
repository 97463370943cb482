// SPDX-License-Identifier: Apache-2.0
//
// place: the folders of the private cluster: created, tuned, and what its log said last.
//
// Internal to cluster. pg/ appears under that name only once initdb has finished, so that an
// interrupted first start is simply made again.

#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/rc.h"

struct place {
    char bin[PATH_MAX];  // of PostgreSQL's programs
    char data[PATH_MAX]; // dir/pg
    char run[PATH_MAX];  // dir/run, the socket's folder
    char log[PATH_MAX];  // dir/log/postgresql.log
    char user[64];       // whom we run as; also the database's superuser
};

// Fills in p, makes the folders and, where there is none, the cluster itself.
enum rc place_open(struct place *p, const char *dir, struct fault *f);

// Writes pg/orrery.conf for this machine; *changed says whether it differs from what was there.
enum rc place_tune(const struct place *p, bool *changed, struct fault *f);

// The last line of the log that says why PostgreSQL stopped, as a fault with the way out.
enum rc place_blame(const struct place *p, struct fault *f);

// path for use between single quotes, in a conninfo as well as in postgresql.conf.
void place_quote(const char *path, char *out, size_t size);
