// SPDX-License-Identifier: Apache-2.0
//
// guard: what guessing costs.
//
//   try → wrong → try → wrong → … five times → 30 s → wrong → 60 s → … at most 15 min → quiet for
//   30 min: forgotten
//
// Counted for an account at an address (so that a stranger cannot lock its
// owner out from elsewhere), and more generously for each of the two alone. A
// try counts as wrong until it is known to be right. In memory. Thread-safe.

#pragma once

#include <stdint.h>

struct guard;

struct guard *guard_new(void);
void guard_free(struct guard *g);
// Seconds to wait before this name may be tried from this address; 0 counts a try.
int guard_enter(struct guard *g, const char *name, const char *address);
void guard_right(struct guard *g, const char *name, const char *address);
// Whether it was right could not be found out: the try does not count.
void guard_undo(struct guard *g, const char *name, const char *address);
