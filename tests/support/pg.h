// SPDX-License-Identifier: Apache-2.0
//
// pg: a throw-away PostgreSQL for one test program.
//
// The first call makes it in a short folder under /tmp (initdb --no-sync, Unix socket only) and
// migrates its database; it is gone when the program ends, however it ends. Run by root, it
// runs as an unprivileged user. Trouble ends the program with a sentence.

#pragma once

#include <stdbool.h>
#include <sys/types.h>

// conninfo of a migrated database that all tests of this program share.
const char *pg_conninfo(void);
// conninfo of a new, empty database.
const char *pg_empty(void);
// conninfo of a new database, migrated.
const char *pg_fresh(void);

// The text of a file of SQL, from the root of the clone; owned by the caller.
char *pg_script(const char *path);

// The folder of the cluster (data in pg/), and its postmaster.
const char *pg_folder(void);
pid_t pg_postmaster(void);

void pg_crash(void);   // kill -9 of the postmaster; waits until it is gone
void pg_stop(void);    // fast shutdown; waits until it is gone
void pg_restart(void); // starts it again after either; waits until it answers

// Also false for a process that has ended but that nobody has waited for yet.
bool pg_is_running(pid_t pid);

// The unprivileged user that everything PostgreSQL must run as; our own where we are not root.
uid_t pg_uid(void);
gid_t pg_gid(void);
