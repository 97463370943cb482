// SPDX-License-Identifier: Apache-2.0
//
// enroll/claim: what a claim says, read from JSON: one row of a list, a file or a body.
//
//   {"publicKey" | "fingerprint" | "id", "name", "group", "tags"} --claim_read()--> device_entry
//
// A group is named by its id or as "Product / Group". A fingerprint may have colons and capitals,
// as other tools print it.

#pragma once

#include <jansson.h>

#include "core/rc.h"
#include "device/device.h"

struct store;
struct claim_groups; // those of one catalog

enum rc claim_groups_load(struct store *s, int32_t catalog, struct claim_groups **out,
                          struct fault *f);
void claim_groups_free(struct claim_groups *g); // NULL is fine

// out borrows from row. groups may be NULL where only the key matters.
enum rc claim_read(json_t *row, struct claim_groups *groups, struct device_entry *out,
                   struct fault *f);
