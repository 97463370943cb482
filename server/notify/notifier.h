// SPDX-License-Identifier: Apache-2.0
//
// notifier: the one thread that carries notifications out.
//
//   outbox --> deliveries --> due --courier--> settled: sent, tried again, dead
//
// Each server has one; an advisory lock lets one of them work. Several messages are on their way at
// once, of one route only one, so that a receiver that hangs delays nobody but itself. A route that
// fails again and again is an alert of its own, which every route but itself hears of.

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/rc.h"

struct config;
struct keeper;
struct notifier;
struct store;

struct notifier_options {
    const char *conninfo;
    struct store *store; // the pool
    struct keeper *keeper;
    const struct config *config;
    int64_t connect_ms, total_ms; // of an attempt; 0: 5 s and 15 s
};

struct notifier_stats {
    uint64_t sent, failed, dead; // attempts that arrived or did not, messages given up
    int busy;                    // on their way
};

// RC_INVALID: notify.allow cannot be read. What it works with outlives it; o is copied.
enum rc notifier_start(const struct notifier_options *o, struct notifier **out, struct fault *f);
void notifier_wake(struct notifier *n); // there is something new; NULL is fine
void notifier_stop(struct notifier *n); // drops what is on its way: it goes again; NULL is fine
void notifier_stats(struct notifier *n, struct notifier_stats *out);
// Each route's health as Prometheus text; as of the latest look, of at most 200 routes.
void notifier_metrics(struct notifier *n, FILE *to);
