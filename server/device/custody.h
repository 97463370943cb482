// SPDX-License-Identifier: Apache-2.0
//
// device/custody: what a person decides about devices, against which no evidence helps.
//
//   claimed --quarantine--> quarantined --release--> what its evidence says      any --retire-->
//   retired
//   claimed --reattest--> as it was, once it has shown evidence anew
//
// Each of them ends the device's session and denies the certificates issued so far. Under
// quarantine it may come back, prove itself and report, but gets no certificate for operation.
// Retired is for good: it is out of every count and may not connect.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "device/device.h"

#define CUSTODY_REASON_MAX 400

struct bus;
struct roster;

struct custody_change {
    int64_t device;
    char id[DEVICE_ID_LEN + 1];
    enum device_lifecycle lifecycle;
    enum device_state state;
    const char *reason; // static, or NULL
    bool online;
    int64_t refused_before; // Unix s
    const char *word;       // static: retired, quarantined, released, reattest
};

enum custody_act {
    CUSTODY_RETIRE,
    CUSTODY_QUARANTINE,
    CUSTODY_RELEASE,
    CUSTODY_REATTEST,
};

// Acts on those of the catalog's devices to which it applies; out has room for count, *changed is
// how many there were. by_hand: why, for people; of a quarantine.
enum rc custody_act(struct store *s, int32_t catalog, enum custody_act act, const int64_t *devices,
                    size_t count, const char *by_hand, struct custody_change *out, size_t *changed,
                    struct fault *f);

// After the commit. r and b may be NULL.
void custody_announce(struct roster *r, struct bus *b, int32_t catalog,
                      const struct custody_change *c);
