// SPDX-License-Identifier: Apache-2.0
//
// book: the rules of a catalog as people keep them.
//
//   book_add() → disabled --enable--> enabled: rule/watch.h follows --disable--> its alerts end
//
// Only this module and the watch write the tables of rules. A rule is kept as text, in the form
// that rule_print() gives it; where it names products and groups, they must be there.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "device/filter.h"
#include "rule/rule.h"

#define RULES_MAX     2000 // a catalog
#define RULE_KEYS_MAX 1000000
#define RULE_NAME_MAX 80

struct store;

enum rc book_page(struct store *s, int32_t catalog, int64_t after, int limit, json_t **out,
                  int64_t *next, struct fault *f);
// Any of out, version and rule may be NULL; rule_done() is the caller's.
enum rc book_show(struct store *s, int32_t catalog, int64_t id, json_t **out, int64_t *version,
                  struct rule *rule, struct fault *f);
// RC_CONFLICT: one of that name is there. RC_LIMIT: RULES_MAX.
enum rc book_add(struct store *tx, int32_t catalog, const char *name, const struct rule *r,
                 const char *by, int64_t *id, struct fault *f);

// 0 … 100; heat: firings, each of which counts half as much a day later.
int book_noise(double heat);

struct book_change { // NULL: stays
    const char *name, *by;
    const struct rule *rule;
    const bool *enabled;
};

// What changes a rule's meaning, or disables it, ends its alerts. RC_CONFLICT: version is not the
// present one, or the name is taken.
enum rc book_change(struct store *tx, int32_t catalog, int64_t id, int64_t version,
                    const struct book_change *c, struct fault *f);
enum rc book_delete(struct store *tx, int32_t catalog, int64_t id, struct fault *f);

// The devices a rule is for. RC_INVALID: a product or group that is not there; where strict is
// false, that finds no device. device_filter_done() is the caller's.
enum rc book_filter(struct store *s, int32_t catalog, const struct rule *r, bool strict,
                    struct device_filter *out, struct fault *f);
// By how many keys it would group; RC_INVALID, with that number, above RULE_KEYS_MAX.
enum rc book_keys(struct store *s, int32_t catalog, const struct rule *r, int64_t *devices,
                  int64_t *keys, struct fault *f);
