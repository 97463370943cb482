// SPDX-License-Identifier: Apache-2.0
//
// notify: who is told of which alerts, by what way.
//
//   alert opens --> each route that wants it --delivery--> a webhook, a mail, an Alertmanager
//
// A route belongs to a catalog. Its secret (the key of signatures, a password, a token) goes in and
// never comes out, but for a key that is made here and shown once. Deliveries are in delivery.h,
// who carries them in notifier.h.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define NOTIFY_NAME_MAX   80
#define NOTIFY_ROUTES_MAX 50 // a catalog
#define NOTIFY_LIST_MAX   20 // sources, codes, products, groups, sites
#define NOTIFY_DEAD_AFTER 5  // failures in a row until it is an alert of its own

struct store;

// Texts and lists are borrowed; lists are arrays of texts.
struct notify_route {
    const char *name, *kind, *url;
    json_t *mail; // NULL unless it is an e-mail
    const char *min_severity;
    json_t *sources, *codes, *products, *groups, *sites;
    int64_t escalate_min; // 0: at once
    bool enabled;
};

// All of a catalog, by name. full: with the whole URL.
enum rc notify_list(struct store *s, int32_t catalog, bool full, json_t **out, struct fault *f);
// RC_NOT_FOUND also for one of another catalog.
enum rc notify_show(struct store *s, int32_t catalog, int64_t id, bool full, json_t **out,
                    int64_t *version, struct fault *f);
// sealed may be NULL. RC_CONFLICT: the name is taken. RC_LIMIT: NOTIFY_ROUTES_MAX.
enum rc notify_add(struct store *tx, int32_t catalog, const struct notify_route *r,
                   const char *sealed, int64_t *id, struct fault *f);
// sealed: NULL leaves the secret as it is. RC_CONFLICT where version is not the present one.
enum rc notify_change(struct store *tx, int32_t catalog, int64_t id, int64_t version,
                      const struct notify_route *r, const char *sealed, bool forget_secret,
                      struct fault *f);
enum rc notify_set_secret(struct store *tx, int32_t catalog, int64_t id, const char *sealed,
                          struct fault *f);
enum rc notify_delete(struct store *tx, int32_t catalog, int64_t id, struct fault *f);
// RC_INVALID unless all of them are of this catalog.
enum rc notify_check_scope(struct store *s, int32_t catalog, const struct notify_route *r,
                           struct fault *f);
