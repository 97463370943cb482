// SPDX-License-Identifier: Apache-2.0
//
// seed: rows that look like a fleet, for demonstrations and measurements only.
//
//   products, groups, then chunks of 20,000: device_state, device_trust, device --COPY--> commit
//
// No such device has a key, so none can ever connect; each says "Seeded for demonstration" as the
// reason of its state and has the tag seeded. Four things are wrong with the fleet, for a map to
// show: a site that went dark, a version that is at risk, a refused batch, a site in mid-update.
// What a device is follows from the seed and its number: the same again, however it is cut.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define SEED_MAX 5000000

struct seed_options {
    const char *catalog; // by name; "demo" is made if it is missing
    int64_t devices;     // so many seeded ones there shall be in all
    uint64_t seed;
    const char *beside; // id of a real device that may be in the catalog; NULL: none
    bool force;         // … or any
};

struct seed_result {
    int64_t there; // before
    int64_t added;
};

// conninfo: of a migrated database. RC_CONFLICT where the catalog has real devices.
enum rc seed_run(const char *conninfo, const struct seed_options *o, struct seed_result *out,
                 struct fault *f);

// ---- plan.c: what a seeded device is

#define SEED_PRODUCTS 7

struct seed_product {
    const char *name, *description;
    const char *prefix; // of names
    const char *model;
    int share; // of all
};

extern const struct seed_product seed_products[SEED_PRODUCTS];

struct seed_device {
    int product; // index of seed_products
    bool trial;  // in the group "Field Test", else in "Production"
    char site[32], batch[32], network[32];
    const char *version; // that it attested
    int state;           // enum device_state
    int64_t ago_s;       // since when it is in that state
};

// Device number i of a seeded fleet of count.
void seed_plan(uint64_t seed, int64_t i, int64_t count, struct seed_device *out);
