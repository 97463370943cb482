// SPDX-License-Identifier: Apache-2.0
//
// view: a search of the device list that somebody gave a name.
//
//   query of the page's address --view_add()--> seen by its maker, or by all of the catalog if
//   shared
//
// Whoever made it changes and deletes it. What it finds is not kept: it is asked anew each time.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define VIEW_NAME_MAX  80
#define VIEW_QUERY_MAX 2000
#define VIEWS_MAX      200 // an account and catalog

struct store;

struct view {
    const char *name, *query;
    bool shared;
};

// Own ones and shared ones, by name.
enum rc view_list(struct store *s, int32_t catalog, int64_t account, json_t **out, struct fault *f);
// RC_NOT_FOUND also where somebody else made it and did not share it. *version is its entity tag.
enum rc view_show(struct store *s, int32_t catalog, int64_t account, int64_t id, json_t **out,
                  int64_t *version, struct fault *f);
// RC_CONFLICT: one of one's own has that name.
enum rc view_add(struct store *tx, int32_t catalog, int64_t account, const struct view *v,
                 int64_t *id, struct fault *f);
// NULL members of v stay as they are; shared is set where set_shared says so. RC_NOT_FOUND where
// it is not one's own, RC_CONFLICT where version is not the present one.
enum rc view_change(struct store *tx, int32_t catalog, int64_t account, int64_t id, int64_t version,
                    const struct view *v, bool set_shared, struct fault *f);
enum rc view_delete(struct store *tx, int32_t catalog, int64_t account, int64_t id,
                    struct fault *f);
