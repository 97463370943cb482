// SPDX-License-Identifier: Apache-2.0
//
// telemetry/asked: which metric of which devices is meant, split by what.
//
//   ?metric=temp&by=site&state=healthy --asked_read()--> filter --found_read()--> values and keys
//
// What all questions about a fleet have in common; the filter is that of the device list.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/token.h"
#include "device/device.h"
#include "device/filter.h"
#include "telemetry/metric.h"

#define FOUND_MAX 200000 // devices of a filter or a split that are looked at

struct req;
struct rows;

struct asked {
    char metric[TOKEN_NAME_MAX + 1];
    char unit[4 * METRIC_UNIT_MAX + 1];
    char by[12], tag[TAG_NAME_MAX + 1]; // by "": no split
    int64_t now, window;
    struct device_filter filter;
};

// also: names of the route's own parameters beside the filter's, ended by NULL. RC_NOT_FOUND: no
// device has ever sent the metric.
enum rc asked_read(const struct req *q, const char *const *also, struct asked *a, struct fault *f);
void asked_done(struct asked *a);
// What each answer begins with.
json_t *asked_answer(const struct req *q, const struct asked *a);

// Devices of the filter, each with its key in the split and its value; NAN where it has none.
struct found {
    struct rows *rows; // owned
    size_t count;
    bool capped;
    int64_t *devices, *at; // owned
    double *values;        // owned
};

enum rc found_read(const struct req *q, const struct asked *a, struct found *x, struct fault *f);
const char *found_key(const struct found *x, size_t i); // "" for none
void found_done(struct found *x);
// What people call a part of the split; NULL for that of the devices that have none.
void asked_label(const struct req *q, const struct asked *a, json_t *o, const char *key);
