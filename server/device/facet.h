// SPDX-License-Identifier: Apache-2.0
//
// device/facet: how many devices of a filter have which value.
//
//   no filter --counters--> exact, at once     filter of facets alone --kinds--> exact
//   any other filter --scan, at most FACET_MOST--> exact or "20,000+"
//
// Each facet has its most frequent values; "" where a device has none. Where devices are looked at,
// the counts beyond FACET_MOST matches are of the first ones found, which shows their shape; the
// whole count may take seconds and is asked for on its own.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "device/filter.h"

#define FACET_MOST 20000

struct store;

// {"total":n,"capped":false,"facets":{"state":[{"value":"offline","n":1}],…}}; owned.
enum rc device_facets(struct store *s, int32_t catalog, const struct device_filter *filter,
                      bool exact, json_t **out, struct fault *f);
