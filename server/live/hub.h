// SPDX-License-Identifier: Apache-2.0
//
// hub: who looks at what, and what each of them must be told next.
//
//   event --hub_note--> watched device (newest values, short rings) --hub_frame--> a client's frame
//
// Topics: "devices" (the rows in a viewer's window), "device:<id>" and "logs" (through a filter),
// which are everybody's own, and those of the catalog's board, which all share. A subscription
// starts with a snapshot and counts its frames from there; between frames changes are merged, so
// that a slow browser costs itself freshness and nobody else anything. Single-threaded, no I/O.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/rc.h"
#include "device/device.h"

#define HUB_WINDOW_MAX 500 // devices in one subscription
#define HUB_TOPICS_MAX 8   // subscriptions of one client
#define HUB_FRAME_MS   50  // at most 20 frames a second a topic

struct boards;
struct frame;
struct hub;
struct hub_client;
struct inbox;
struct tail_filter;

// What a snapshot query found of one device.
struct hub_device {
    char id[DEVICE_ID_LEN + 1];
    int state;
    const char *reason; // may be NULL
    bool online;
    int lifecycle;
    int64_t last_seen, at; // Unix ms; 0: never
    size_t count;
    const char *const *names;
    const double *values;
};

// inbox is told what is watched; boards have the shared topics. Both may be NULL.
struct hub *hub_new(struct inbox *inbox, struct boards *boards);
void hub_free(struct hub *h);

struct hub_client *hub_join(struct hub *h, int32_t catalog, bool may_see_telemetry);
void hub_leave(struct hub_client *c);

// Starts or replaces a subscription. One to devices then waits for its snapshot: load those of
// hub_wanted(), then hub_seed() each and hub_seeded(). ids only for "devices".
enum rc hub_subscribe(struct hub_client *c, const char *topic, const char *const *ids, size_t count,
                      struct fault *f);
// The topic "logs", RC_DENIED to those who may not see telemetry; it needs no snapshot.
enum rc hub_subscribe_logs(struct hub_client *c, const struct tail_filter *filter, struct fault *f);
bool hub_is_shared(const char *topic); // needs no such snapshot
bool hub_unsubscribe(struct hub_client *c, const char *topic);
// The client lost count, or events were lost: a snapshot of what the hub has goes out next.
bool hub_resend(struct hub_client *c, const char *topic);
void hub_resend_all(struct hub *h);

// Ids of a subscription, owned by it; returns how many.
size_t hub_wanted(struct hub_client *c, const char *topic, const char *out[HUB_WINDOW_MAX]);
void hub_seed(struct hub *h, int32_t catalog, const struct hub_device *d);
void hub_seeded(struct hub_client *c, const char *topic);

void hub_note(struct hub *h, const struct bus_event *e);

// Whether hub_frame() has one.
bool hub_has_frame(struct hub_client *c, int64_t now);
// The next frame for this client, or NULL; drop it. now is monotonic ms.
struct frame *hub_frame(struct hub_client *c, int64_t now);
