// SPDX-License-Identifier: Apache-2.0
//
// crowd: the devices of a catalog as rules see them: in whose 'where', in which group.
//
//   rule --crowd_scope--> number of its where      devices --crowd_put--> engine
//
// What devices are now counts, also for what they sent before.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "rule/engine.h"
#include "rule/rule.h"

#define CROWD_SITE 257

struct store;

struct crowd_site {
    int64_t key;
    char name[CROWD_SITE];
};

struct crowd {
    int32_t catalog;
    struct engine *engine;   // the caller's
    bool unheard;            // silence begins with the first message that is fed, for all
    const atomic_bool *stop; // ends crowd_put_all(); may be NULL
    char **scopes;           // filters, owned
    size_t scope_count;
    struct crowd_site *sites; // owned
    size_t site_count;
};

void crowd_done(struct crowd *c);
// The number of a rule's where among the different ones. RC_LIMIT: ENGINE_SCOPES.
enum rc crowd_scope(struct store *s, struct crowd *c, const struct rule *r, int *out,
                    struct fault *f);
// Puts devices into the engine, or changes them there. One that is not there (any more) is put
// with no scope: it is not asked for again.
enum rc crowd_put(struct store *s, struct crowd *c, const int64_t *devices, size_t n, int64_t now,
                  struct fault *f);
// All that a scope has; those so far when it is to stop.
enum rc crowd_put_all(struct store *s, struct crowd *c, int scope, int64_t now, struct fault *f);
const char *crowd_site(const struct crowd *c, int64_t key); // NULL: none of that key
