// SPDX-License-Identifier: Apache-2.0
//
// arrival: a device that came to an open window without a code and waits for a person.
//
//   knock --held--> arrival --claimed by a person--> device
//                      |--a day after window and last knock--> forgotten
//
// It has proven in the handshake that it holds its key, and nothing else: name, agent and address
// are what it says. It is held in one catalog, that of the window.

#pragma once

#include <stdint.h>

#include "core/rc.h"
#include "device/device.h"

struct rows;
struct store;

#define ARRIVAL_TEXT "A new device knocked from %s and waits to be claimed" // for people

struct arrival {
    struct device_key key;
    int64_t window;
};

// By fingerprint (64 digits). RC_NOT_FOUND also for one of another catalog.
enum rc arrival_load(struct store *s, int32_t catalog, const char *fingerprint, struct arrival *out,
                     struct fault *f);
// Newest first; before in microseconds and the fingerprint there, as the last row had them.
enum rc arrival_page(struct store *s, int32_t catalog, int64_t before_us, const char *fingerprint,
                     int limit, struct rows **out, struct fault *f);
enum rc arrival_drop(struct store *s, int32_t catalog, const char *fingerprint, struct fault *f);
// Fills in what is known of those entries that have knocked here: the key, where an entry names its
// device by less, and the window, where it names none.
enum rc arrivals_fill(struct store *s, int32_t catalog, struct device_entry *entries, size_t count,
                      struct fault *f);
// Once they are claimed: those that changed are arrivals no more, in no catalog, and their windows
// count them.
enum rc arrivals_settle(struct store *s, int32_t catalog, const struct device_entry *entries,
                        const struct device_touched *touched, size_t count, struct fault *f);
// For the scheduler.
enum rc arrival_expire(struct store *s, struct fault *f);

// What a stranger says of itself; spki and remote are known for sure.
struct arrival_news {
    const struct device_key *key;
    const char *remote, *agent;
};
struct arrival_held {
    bool open, held, fresh; // not held: the window is full, or not open; fresh: not held before
    int64_t arrived;        // so many had come before
};

enum rc arrival_hold(struct store *s, int32_t catalog, int64_t window,
                     const struct arrival_news *who, struct arrival_held *out, struct fault *f);
