// SPDX-License-Identifier: Apache-2.0
//
// doors: which registration windows are open, in memory, and how fast strangers may knock.
//
//   window opened --doors_put--> a stranger's handshake passes --doors_knock--> it may say hello
//
// TLS verification cannot wait for a database, so the gateway asks here. All of it is of a fixed
// size but the list of open windows, of which a catalog has a few. What a window really takes is
// decided in the database; this only keeps the crowd small that gets there. Thread-safe.

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/rc.h"

struct doors;
struct store;

struct door {
    int32_t catalog;
    int64_t window;
    int64_t closes_at; // Unix ms
};

enum rc doors_load(struct store *s, struct doors **out, struct fault *f);
void doors_free(struct doors *d); // NULL is fine
// Opens it, or closes it where closes_at has passed.
void doors_put(struct doors *d, const struct door *what);
// How many are open; *only (may be NULL) is one of them. 0 for NULL.
int doors_open(struct doors *d, struct door *only);

// A stranger from there knocks: false when it, or all together, come too fast.
bool doors_knock(struct doors *d, const struct sockaddr_storage *from);
// After a wrong code from there; and the seconds that an address has to wait for the next try.
void doors_wrong(struct doors *d, const struct sockaddr_storage *from);
int doors_wait_s(struct doors *d, const struct sockaddr_storage *from);

enum doors_count {
    DOORS_KNOCKS,  // strangers let in to say hello
    DOORS_CROWDED, // turned away: too fast, or too many at a time
    DOORS_CLAIMED, // by a code
    DOORS_HELD,    // as new arrivals
    DOORS_WRONG,   // wrong, expired or used codes
    DOORS_COUNTS,
};

void doors_add(struct doors *d, enum doors_count what);
uint64_t doors_total(struct doors *d, enum doors_count what); // since the start; 0 for NULL
