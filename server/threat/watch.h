// SPDX-License-Identifier: Apache-2.0
//
// watch: the server's eye on itself.
//
//   every few seconds: look() --> facts --check, several times in a row--> alert_raise, source
//   "system"
//                                       --well again--> alert_clear
//
// What is wrong with the server is its operator's business, so it is an alert of the first
// catalog. While the database is away nothing can be written: that it was is said afterwards.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct store;
struct watch;

struct watch_facts {
    bool database, keeper, ingest; // they work
    double lag_s;                  // age of the oldest message not committed yet
    int64_t disk_free, disk_total; // bytes, where the instance lives
    int64_t data, data_forecast;   // bytes of readings and journal, and where retention holds them
    int hours_ahead;               // for which there are partitions; below 0: not known
    int64_t cert_until;            // Unix ms; of the certificate of ours that ends first; 0: none
    char cert[60];                 // which one that is
};

struct watch_options {
    struct store *store; // the pool
    // Fills in what is not known yet; hours_ahead is there already. The watch's thread.
    void (*look)(void *ctx, struct watch_facts *f);
    void *ctx;
    int64_t every_ms;
};

enum rc watch_start(const struct watch_options *o, struct watch **out, struct fault *f);
void watch_stop(struct watch *w); // NULL is fine

// For the tests of what is ill: the codes of checks that facts do not pass, separated by spaces.
void watch_words(const struct watch_facts *f, int64_t now_ms, char *out, size_t size);
