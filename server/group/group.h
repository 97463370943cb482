// SPDX-License-Identifier: Apache-2.0
//
// group: devices that are treated alike, within one product for good.
//
//   product --makes--> group <--assigned-- device, its updates, its consents
//
// Feed and policy say which updates its devices get. A group that still has
// devices, retired ones too, cannot be dropped. Names are unique in a product, whatever their case.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "device/device.h"

struct group {
    int32_t id;
    int32_t product;
    const char *product_name; // texts are borrowed from the rows they came from
    const char *name;
    const char *description;
    const char *os_feed;           // retail, retailEvaluation
    const char *update_policy;     // updateAll, no3rdPartyAppUpdates
    const char *regional_boundary; // none, eu
    bool crash_dumps;              // may be collected
    int log_level;                 // enum journal_level, while it is not the usual one …
    int64_t log_until;             // … until then, Unix ms; 0: it is
    int64_t counts[STATE_COUNT];
    int64_t version;
    int64_t created_at; // Unix ms
};

struct rows;
struct store;

void group_at(const struct rows *r, int row, struct group *out);

// By id, those above after; product 0: of all.
enum rc group_page(struct store *s, int32_t catalog, int32_t product, int32_t after, int limit,
                   struct rows **out, struct fault *f);
// id as text; RC_NOT_FOUND also for one of another catalog and for what is no id.
enum rc group_load(struct store *s, int32_t catalog, const char *id, struct rows **out,
                   struct fault *f);

// The words that its settings take; NULL may not be among them.
enum rc group_check(const struct group *g, struct fault *f);

// RC_CONFLICT where the product has one of that name.
enum rc group_add(struct store *s, int32_t catalog, const struct group *g, int32_t *out,
                  struct fault *f);
// Those of Azure Sphere that the product lacks; *made of them.
enum rc group_add_defaults(struct store *s, int32_t catalog, int32_t product, int *made,
                           struct fault *f);
// RC_CONFLICT also when version is not the current one: then *stale.
enum rc group_change(struct store *s, int32_t catalog, const struct group *g, bool *stale,
                     struct fault *f);
enum rc group_drop(struct store *s, int32_t catalog, const struct group *g, bool *stale,
                   struct fault *f);
