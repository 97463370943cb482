// SPDX-License-Identifier: Apache-2.0
//
// device/list: the devices of a filter in an order, page by page, both ways.
//
//   filter + order --device_page--> a page and the cursors of its neighbours
//                  --device_marks--> cursors to every so-many-th row
//
// A cursor is a place in an order, not in a snapshot: devices that come and go meanwhile shift
// nothing but themselves. Its text is for the one who sealed it.

#pragma once

#include "device/device.h"
#include "device/filter.h"

#define DEVICE_CURSOR_LEN 180
#define MARKS_MAX         5000

// state: offline first, then quarantined, atRisk, updating, healthy, unknown.
enum device_sort {
    SORT_CREATED,
    SORT_CREATED_DOWN,
    SORT_NAME,
    SORT_NAME_DOWN,
    SORT_ID,
    SORT_STATE,
    SORT_COUNT,
};

int device_sort_from_name(const char *name); // "-created", …; -1 if unknown
const char *device_sort_names(void);         // all of them, for a refusal

struct device_page {
    struct devices *found;        // owned
    char next[DEVICE_CURSOR_LEN]; // "" at the end
    char prev[DEVICE_CURSOR_LEN]; // "" at the start
};

void device_page_done(struct device_page *p);

// cursor: "" at the start. RC_INVALID for one of another order.
enum rc device_page(struct store *s, const struct device_filter *filter, enum device_sort sort,
                    const char *cursor, int limit, struct device_page *out, struct fault *f);

// What a virtual table jumps by: page n + 1 of every rows begins behind cursors[n].
struct device_marks {
    int64_t every; // as asked for, or so much larger that MARKS_MAX are enough
    int64_t total; // devices of the filter
    size_t count;
    char (*cursors)[DEVICE_CURSOR_LEN]; // owned
};

void device_marks_done(struct device_marks *m);
enum rc device_marks(struct store *s, const struct device_filter *filter, enum device_sort sort,
                     int64_t every, struct device_marks *out, struct fault *f);
