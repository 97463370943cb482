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

struct arrival {
    struct device_key key;
    int64_t window;
    int64_t group; // that the window gives; 0: none
    char *tags;    // that the window gives: JSON text; owned
};

void arrival_done(struct arrival *a);

// By fingerprint (64 digits). RC_NOT_FOUND also for one of another catalog.
enum rc arrival_load(struct store *s, int32_t catalog, const char *fingerprint, struct arrival *out,
                     struct fault *f);
// Newest first; before in microseconds and the fingerprint there, as the last row had them.
enum rc arrival_page(struct store *s, int32_t catalog, int64_t before_us, const char *fingerprint,
                     int limit, struct rows **out, struct fault *f);
enum rc arrival_drop(struct store *s, int32_t catalog, const char *fingerprint, struct fault *f);
// It is a device now: forgotten everywhere.
enum rc arrival_settle(struct store *s, const char *fingerprint, struct fault *f);
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
