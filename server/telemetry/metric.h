// SPDX-License-Identifier: Apache-2.0
//
// metric: what a catalog's devices measure, with unit and meaning.
//
//   first message with a name --trigger on shape--> row --metric_change()--> unit, description
//
// Names come by themselves and stay. What their values mean only people can say, and every change
// of it is audited: a chart of last year is read with the unit of today. A name that the server
// knows (the agent's own, usual endings) begins with its unit.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define METRIC_UNIT_MAX        24  // characters
#define METRIC_DESCRIPTION_MAX 200 // characters

struct rows;
struct store;

struct metric { // texts are borrowed from rows
    const char *name, *unit, *description;
    bool counter;
    int64_t version;
    int64_t first_seen; // Unix ms; 0: not known
};

// By name, those after this one, whose name or description has part in it; "" for all. Rows are
// the caller's.
enum rc metric_page(struct store *s, int32_t catalog, const char *part, const char *after,
                    int limit, struct rows **out, struct fault *f);
// RC_NOT_FOUND: no device of the catalog has ever sent it.
enum rc metric_load(struct store *s, int32_t catalog, const char *name, struct rows **out,
                    struct fault *f);
void metric_at(const struct rows *rows, int row, struct metric *out);
// Lengths and control characters.
enum rc metric_check(const struct metric *m, struct fault *f);
// RC_CONFLICT, and *stale, unless m has the present version.
enum rc metric_change(struct store *tx, int32_t catalog, const struct metric *m, bool *stale,
                      struct fault *f);
