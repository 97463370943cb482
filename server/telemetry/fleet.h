// SPDX-License-Identifier: Apache-2.0
//
// fleet: the last value of each metric of each device, in memory.
//
//   committed reading --bus--> fleet_take() --> pages of columns, one set a list of names
//   device_state --at start, in a thread of its own--> the same, where nothing newer came
//
// Readings with the same list of names lie together, a column a metric, so that a question about
// one metric of a million devices walks over two arrays. A device that sends several lists
// has a row in each; the newest value counts. Of what would go beyond FLEET_BYTES_MAX (some four
// million devices with eight metrics) nothing is kept, and answers say so. Thread-safe: a lock is
// held for a page at a time, so that writers never wait long and an answer may be a moment blurred.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define FLEET_BYTES_MAX  (512ULL << 20)
#define FLEET_PER_DEVICE 128 // lists of names
#define FLEET_PAGE       4096

struct bus_event;
struct fleet;
struct store;

struct fleet *fleet_new(size_t bytes_max); // NULL when out of memory
void fleet_free(struct fleet *f);          // NULL is fine; after fleet_stop
// Reads device_state in a thread; until it is through, fleet_is_loading().
enum rc fleet_start(struct fleet *f, struct store *s, struct fault *fault);
void fleet_stop(struct fleet *f); // NULL is fine
bool fleet_is_loading(const struct fleet *f);
// Something is missing: there was no room for it.
bool fleet_is_full(const struct fleet *f);

// A sink of the bus: readings, and devices that retire or leave.
void fleet_take(void *fleet, const struct bus_event *e);
// What is older than the value that is there changes nothing.
void fleet_put(struct fleet *f, int32_t catalog, int64_t device, int64_t at,
               const char *const *names, const double *values, size_t count);
void fleet_drop(struct fleet *f, int32_t catalog, int64_t device);

struct fleet_value {
    int64_t device, at; // at: Unix ms
    double value;
};

// Calls for each device whose last value of the metric is not older than since; index counts them.
// Quick: the lock is held meanwhile.
typedef void fleet_tell(void *ctx, size_t index, const struct fleet_value *v);
void fleet_each(struct fleet *f, int32_t catalog, const char *metric, int64_t since,
                fleet_tell *tell, void *ctx);
// The same, but values below low or above high are passed over at once. tell may narrow them.
struct fleet_bounds {
    double low, high;
};
void fleet_each_within(struct fleet *f, int32_t catalog, const char *metric, int64_t since,
                       const struct fleet_bounds *bounds, fleet_tell *tell, void *ctx);
// As fleet_each for those of a list; index is the place in it.
void fleet_some(struct fleet *f, int32_t catalog, const char *metric, int64_t since,
                const int64_t *devices, size_t count, fleet_tell *tell, void *ctx);
// When any device sent it last; 0: none is known. Cheap.
int64_t fleet_newest(struct fleet *f, int32_t catalog, const char *metric);
