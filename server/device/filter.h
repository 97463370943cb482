// SPDX-License-Identifier: Apache-2.0
//
// device/filter: which devices are meant, said the same way everywhere.
//
//   ?state=offline,atRisk&tag=env:prod --read--> {"state":[…],"tag":[…]} --> one argument of SQL
//
// The list, the facets, an export, a change to many and the address of a page
// all take these parameters. Within one of them the values are alternatives; different ones must
// all hold. Without lifecycle, retired devices are left out. A filter is
// an argument like any other: "FROM device_found($1)" in a .sql file, whose query says "-- plan:
// fresh", because only with the values in hand can PostgreSQL choose the index.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define FILTER_VALUES_MAX 100 // of one parameter

struct device_filter {
    json_t *params; // owned; {"state":["offline"],…}, what device_filter_from() takes
    char *row;      // owned; the argument: a device_filter of db/migrations, with the catalog
    bool empty;     // all devices but the retired
    bool prefix;    // it has q
};

void device_filter_done(struct device_filter *x); // leaves it empty

// Reads a raw query string. also, ended by NULL, names what else the route takes ("sort"); any
// other parameter is refused, and one of those given twice.
enum rc device_filter_read(const char *query, const char *const *also, int32_t catalog,
                           struct device_filter *out, struct fault *f);
// The same from JSON: texts or lists of texts by parameter.
enum rc device_filter_from(json_t *params, int32_t catalog, struct device_filter *out,
                           struct fault *f);
// Devices by id, retired ones too: a list of 32 digits each. An id of another catalog finds
// nothing.
enum rc device_filter_ids(json_t *ids, int32_t catalog, struct device_filter *out, struct fault *f);
