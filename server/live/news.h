// SPDX-License-Identifier: Apache-2.0
//
// news: the topic events: what last happened in a catalog, in words.
//
//   bus event --news_state …--> heard --news_load adds names--> told --news_tick--> shown, frames
//
// Only so many of each are kept, the newest. A journal's entries are for those who may see
// telemetry; the others read a track of their own without them. All below the board's lock, but
// shown, which is the live thread's.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/rc.h"
#include "device/device.h"

#define NEWS_MAX 50
#define NEWS_MS  200 // between two frames

struct frame;
struct source;
struct track;

struct news_item {
    int64_t at, device;
    const char *kind; // borrowed until it is told
    char id[DEVICE_ID_LEN + 1];
    char text[200];
    int level; // -1: none
    int state; // -1: none
    bool journal;
};

struct news_text { // an item, told
    int64_t at;
    char *json; // owned
    bool journal;
};

struct news {
    struct news_item heard[NEWS_MAX]; // a ring: the newest
    size_t heard_count, heard_at;
    bool began;                      // knows what happened before anybody looked
    struct news_text told[NEWS_MAX]; // oldest first, by when it happened; the same for shown
    size_t told_count;
    struct news_text shown[NEWS_MAX];
    size_t shown_count;
    int64_t shown_at; // monotonic ms
};

void news_drop(struct news *n);

// What happened. before is the lifecycle that the device had; -1: none.
void news_state(struct news *n, const struct bus_event *e);
void news_device(struct news *n, const struct bus_event *e, int before);
void news_journal(struct news *n, const struct bus_event *e);
void news_job(struct news *n, const struct bus_event *e);
void news_alert(struct news *n, const struct bus_event *e);
void news_arrival(struct news *n, const struct bus_event *e);

// Up to NEWS_MAX that were heard, oldest first, which it then forgets.
size_t news_take(struct news *n, struct news_item out[NEWS_MAX]);
// name may be NULL. What nobody was shown yet gives way to what is newer. In order of when it
// happened: that a device is offline is known some time after it went.
void news_tell(struct news *n, const struct news_item *i, const char *name);

// The loader's, without the lock: tells what was heard, with names.
enum rc news_load(struct news *n, const struct source *from, struct fault *f);

// Frames for both kinds of readers; whether it made any.
bool news_tick(struct news *n, struct track *all, struct track *plain, int64_t now);
// All that is shown, at the newest frame of t; plain: without journals.
struct frame *news_snapshot(const struct news *n, const struct track *t, bool plain);
