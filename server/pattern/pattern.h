// SPDX-License-Identifier: Apache-2.0
//
// pattern: what an operator should know about where devices are unwell, named in words.
//
//   counts + unwell devices --find.h--> struct pattern: "Luleå 2: 861 of 870 offline"
//
// Made when somebody asks, kept for a few seconds a catalog (longer where it takes long), so that
// a hundred open dashboards cost as much as one. Reads the index of devices, writes nothing.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "pattern/find.h"

#define PATTERN_SEATS 20  // samples of one
#define PATTERN_VALUE 256 // bytes; what has a longer value is left out

struct store;

struct pattern {
    enum device_state state;
    enum pattern_dimension dimension;
    char value[PATTERN_VALUE + 1]; // as filters take it; of a build "product version"
    char label[PATTERN_VALUE + 120];
    int64_t count, of;
    double expected, p; // p is at least 1e-300
    const char *shape;  // "wedge", "speckle", "cluster", "ring"
    const char *title;
    char text[PATTERN_VALUE + 300];
    char filter[3 * PATTERN_VALUE + 100]; // of the device list, percent-encoded
    int32_t ring;                         // the product nearly all are of; 0: several or none
    int64_t since;                        // Unix ms: when half of the samples were like this
    int32_t seats[PATTERN_SEATS];
    int seat_count;
};

struct pattern_list {
    int64_t at; // Unix ms
    size_t count;
    struct pattern items[PATTERN_MAX];
};

const char *pattern_dimension_name(enum pattern_dimension d); // "site", …
const char *pattern_state_words(enum device_state s);         // "at risk", …

// 1234567 as "1,234,567"; returns out.
const char *pattern_number(int64_t n, char out[32]);

// Fills shape, title, text and filter from the rest; ring_name may be NULL.
void pattern_word(struct pattern *p, const char *ring_name);

// The patterns of a catalog as they are now.
enum rc pattern_load(struct store *s, int32_t catalog, struct pattern_list *out, struct fault *f);
// The same of the devices of an alert against all others: those that show it, or did if it is
// resolved, count as at risk, the others as healthy. Without samples. *fleet: how many there are.
enum rc pattern_of_alert(struct store *s, int32_t catalog, int64_t alert, struct pattern_list *out,
                         int64_t *fleet, struct fault *f);

// The same, remembered. Thread-safe.
struct patterns;

struct patterns *patterns_new(void);
void patterns_free(struct patterns *p); // NULL is fine
// p may be NULL: nothing is remembered.
enum rc patterns_get(struct patterns *p, struct store *s, int32_t catalog, struct pattern_list *out,
                     struct fault *f);
