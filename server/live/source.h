// SPDX-License-Identifier: Apache-2.0
//
// source: whence the topics of a catalog's board read what their events do not say.

#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct query;
struct rows;
struct store;

struct source {
    struct store *store;
    pthread_mutex_t *lock; // of the board; never held while a query runs
    int32_t catalog;
};

// Runs a query with the catalog and a list of devices.
enum rc source_of_devices(const struct source *s, const struct query *q, const int64_t *devices,
                          size_t count, struct rows **out, struct fault *f);
