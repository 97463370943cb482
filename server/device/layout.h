// SPDX-License-Identifier: Apache-2.0
//
// device/layout: where each seat of a catalog belongs in the picture of the fleet.
//
//   u32 length, JSON {"by","rings":[{"id","name","count","sites":[{"name","count"}]}],"total"},
//   u32 count, u32 seat[count]
//
// The seats follow each other ring by ring, site by site, then by id, so that the
// JSON's counts cut the list; states come over live by seat. Little-endian, the JSON padded with
// spaces to four bytes. Retired devices have no place.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct store;

int layout_by_from_name(const char *name); // product, group, version; -1 if unknown

// *out is owned.
enum rc layout_make(struct store *s, int32_t catalog, int by, char **out, size_t *len,
                    struct fault *f);
