// SPDX-License-Identifier: Apache-2.0
//
// device/change: one and the same change to many devices.
//
//   order + devices --device_turn()--> each changed, or not and why --> told after the commit
//
// What ends certificates and sessions is decided in device/custody and by unclaiming; the rest
// (group, tags) only changes what people see, or what the device says (log level). A device that a
// change does not fit is told with the reason, and the others are changed.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "device/custody.h"
#include "device/device.h"

#define DEVICE_TURN_MAX 500

enum device_action {
    DEVICE_MOVE,
    DEVICE_TAG,
    DEVICE_UNTAG,
    DEVICE_LOGLEVEL, // the device hears of it by whoever publishes BUS_LEVELS
    DEVICE_UNCLAIM,
    DEVICE_RETIRE,
    DEVICE_QUARANTINE,
    DEVICE_RELEASE,
    DEVICE_REATTEST,
    DEVICE_ACTION_COUNT,
};

const char *device_action_name(enum device_action a); // "move", …
int device_action_from_name(const char *name);        // -1 if there is none of that name

struct device_order {
    enum device_action action;
    int32_t group;      // DEVICE_MOVE; 0: into none
    const char *tags;   // DEVICE_TAG: a JSON object of texts
    const char *names;  // DEVICE_UNTAG: a JSON array of texts
    const char *reason; // DEVICE_QUARANTINE
    int level;          // DEVICE_LOGLEVEL: enum journal_level
    int64_t minutes;    // … and for how long
};

struct device_turned {
    int64_t device;
    char id[DEVICE_ID_LEN + 1];
    bool changed;
    bool refused;                  // it cannot be; else, where nothing changed, it was so already
    char why[60];                  // it did not change
    struct device_touched touched; // of an unclaim
    struct custody_change custody; // of what device/custody did
};

struct store;

// At most DEVICE_TURN_MAX; out has an element for each that this catalog has, in order of device,
// *found how many. RC_CONFLICT: there is no such group (any more).
enum rc device_turn(struct store *tx, int32_t catalog, const struct device_order *o,
                    const int64_t *devices, size_t count, struct device_turned *out, size_t *found,
                    struct fault *f);

// The same for one. claimed -> registered: forgets trust, boot and sequence; certificates issued so
// far are denied. RC_CONFLICT if it is not claimed.
enum rc device_unclaim(struct store *s, int32_t catalog, const char *id, struct device_touched *out,
                       struct fault *f);
