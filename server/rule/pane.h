// SPDX-License-Identifier: Apache-2.0
//
// pane: what a stretch of a window holds, and what a window of several says.
//
//   values --pane_add--> pane, pane … --pane_join--> one --pane_value--> avg, p95, rate …
//
// A window that moves on takes a pane at its front and lets go of one behind. Values themselves are
// kept only for percentiles, and thinned evenly where there are many.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rule/rule.h"

#define PANE_VALUES 256

struct pane {
    int64_t number; // its start is number * hop
    int64_t count, first_at, last_at;
    double sum, min, max, first, last;
    double *values;               // owned; only where percentiles are wanted
    uint32_t kept, stride, skips; // each stride-th value is kept
};

void pane_done(struct pane *p);
// False: out of memory for the value's copy; the rest counts.
bool pane_add(struct pane *p, double v, int64_t at, bool keep);
// Adds all but the values.
void pane_join(struct pane *to, const struct pane *from);

// All aggregates but percentiles and stddev; NaN where there is none (the rate of one value).
double pane_value(const struct pane *p, enum rule_aggregate a);
// NaN when out of memory.
double pane_percentile(const struct pane *panes, size_t count, int percentile);
