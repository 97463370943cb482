// SPDX-License-Identifier: Apache-2.0
//
// levels: tells devices with a session how much to say, when that changes and when it ends.
//
//   set by a person, or over --> one thread reads what holds now --tell--> loops --> settings
//
// A device that connects gets its level with its first settings. Every half minute all is read
// again while anything is set, so that what was missed is made good.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct levels;
struct store;

struct level_of {
    int32_t catalog;
    int64_t device;
    int level; // enum journal_level
};

// By (catalog, device); all that differ from the usual. list lives for the call.
typedef void levels_tell(void *ctx, const struct level_of *list, size_t count);

enum rc levels_start(struct store *store, levels_tell *tell, void *ctx, struct levels **out,
                     struct fault *f);
void levels_stir(struct levels *l); // any thread: something was set
void levels_stop(struct levels *l); // NULL is fine

// The level of a device in such a list, or the usual one.
int levels_find(const struct level_of *list, size_t count, int32_t catalog, int64_t device);
