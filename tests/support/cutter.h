// SPDX-License-Identifier: Apache-2.0
//
// cutter: a Unix socket in front of PostgreSQL that can lose a connection at the worst moment.
//
//   client --> cutter --> PostgreSQL
//
// Only connections whose application_name starts as given are cut, and only the next time.

#pragma once

#include <stdbool.h>

enum cut {
    CUT_NOTHING,
    CUT_BEFORE_COMMIT, // rows have come, their end never does: nothing is committed
    CUT_AFTER_COMMIT,  // it is committed, the answer never comes
    CUT_ALL,           // the database is away: every connection, also new ones
};

struct cutter;

struct cutter *cutter_start(const char *folder,
                            const char *application); // folder of the real socket
void cutter_stop(struct cutter *c);
const char *cutter_folder(const struct cutter *c); // host= of a conninfo
void cutter_set(struct cutter *c, enum cut cut);
int cutter_count(const struct cutter *c);     // how often it has cut
bool cutter_is_apart(const struct cutter *c); // after CUT_ALL: nobody is connected any more
