// SPDX-License-Identifier: Apache-2.0
//
// inbox: from any thread's bus event to the live loop's queue, only for devices somebody looks at,
// or catalogs whose log lines somebody reads.
//
//   writer thread --inbox_take (a bus sink)--> queue --wake--> live loop --inbox_next--> hub
//
// With nobody looking an event costs one atomic read. The queue is bounded; when it overflows the
// oldest go and inbox_next says so, upon which the hub sends snapshots.

#pragma once

#include <stdbool.h>

#include "core/bus.h"

struct inbox;

// wake runs in the publisher's thread after something was queued.
struct inbox *inbox_new(void (*wake)(void *ctx), void *ctx);
void inbox_free(struct inbox *i);

// Counted: as many unwatch as watch.
void inbox_watch(struct inbox *i, int32_t catalog, const char *id);
void inbox_unwatch(struct inbox *i, int32_t catalog, const char *id);

// The same for the log lines of a whole catalog. While the queue is half full they are not queued
// but counted.
void inbox_watch_logs(struct inbox *i, int32_t catalog);
void inbox_unwatch_logs(struct inbox *i, int32_t catalog);
uint64_t inbox_skipped(struct inbox *i, int32_t catalog); // since the first of them watched

void inbox_take(void *inbox, const struct bus_event *e); // a bus_sink

// The oldest event, or NULL; release with inbox_release(). *lost is set when some were dropped
// since the last call.
struct bus_event *inbox_next(struct inbox *i, bool *lost);
void inbox_release(struct bus_event *e);
