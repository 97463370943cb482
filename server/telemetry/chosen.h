// SPDX-License-Identifier: Apache-2.0
//
// telemetry/chosen: the devices that a query names one by one.
//
//   ?device=ID&device=ID,ID --chosen_read()--> numbers and names

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define CHOSEN_MAX 20

struct req;
struct rows;

struct chosen {
    struct rows *rows; // owned
    size_t count;
    struct {
        int64_t device;
        const char *id, *name; // borrowed from rows; name may be NULL
    } list[CHOSEN_MAX];        // in the order they were named
};

// 1 to CHOSEN_MAX, each once. RC_NOT_FOUND names the first that this catalog does not have. The
// names of the route's other parameters end with NULL; any further one is refused.
enum rc chosen_read(const struct req *q, const char *const *also, struct chosen *out,
                    struct fault *f);
void chosen_done(struct chosen *c);
