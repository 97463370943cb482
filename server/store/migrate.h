// SPDX-License-Identifier: Apache-2.0
//
// migrate: brings the schema of a database to what this program was built with.
//
//   empty --0001--> spine --0002--> … one transaction a file, forward only
//
// The files db/migrations/NNNN_word.sql are embedded at build time. The table schema_version
// remembers each with its SHA-256: a file that was altered after it ran, or a database that a newer
// program has migrated, is refused, never guessed about.

#pragma once

#include "core/rc.h"

struct migration {
    int version;
    const char *name; // file name
    const char *sql;
};

// Applies what is missing; *applied (may be NULL) is how many. Makes the role orrery_server where
// it is missing and grants it to the role that conninfo logs in as, which owns the tables. Two at
// once are fine: the second waits and finds nothing left to do.
enum rc migrate_run(const char *conninfo, int *applied, struct fault *f);

// The same for another list than the embedded one.
enum rc migrate_apply(const char *conninfo, const struct migration *list, int count, int *applied,
                      struct fault *f);

// Only the role and its grant, for tables that come from elsewhere.
enum rc migrate_role(const char *conninfo, struct fault *f);

// Is it one of the embedded list? RC_CONFLICT says which way it is not.
enum rc migrate_knows(int version, const char *name, const char *sha256, struct fault *f);
