// SPDX-License-Identifier: Apache-2.0
//
// product: a kind of device that a company makes, as Azure Sphere has it.
//
//   product --has--> groups --have--> devices
//
// A device belongs to the product of its group. A product that still has
// groups cannot be dropped. Names are unique in a catalog, whatever their case.

#pragma once

#include <stdint.h>

#include "core/rc.h"
#include "device/device.h"

#define PRODUCT_NAME_MAX        50 // characters
#define PRODUCT_DESCRIPTION_MAX 400

struct product {
    int32_t id;
    const char *name; // texts are borrowed from the rows they came from
    const char *description;
    int64_t groups;
    int64_t counts[STATE_COUNT];
    int64_t version;
    int64_t created_at; // Unix ms
};

struct rows;
struct store;

void product_at(const struct rows *r, int row, struct product *out);

// By id, those above after.
enum rc product_page(struct store *s, int32_t catalog, int32_t after, int limit, struct rows **out,
                     struct fault *f);
// id as text; RC_NOT_FOUND also for one of another catalog and for what is no id.
enum rc product_load(struct store *s, int32_t catalog, const char *id, struct rows **out,
                     struct fault *f);

// 1…PRODUCT_NAME_MAX characters, none of control; for groups too.
enum rc product_name_check(const char *name, struct fault *f);

// RC_CONFLICT where the name is taken.
enum rc product_add(struct store *s, int32_t catalog, const char *name, const char *description,
                    int32_t *out, struct fault *f);
// RC_CONFLICT also when version is not the current one: then *stale.
enum rc product_change(struct store *s, int32_t catalog, const struct product *p, bool *stale,
                       struct fault *f);
enum rc product_drop(struct store *s, int32_t catalog, const struct product *p, bool *stale,
                     struct fault *f);
