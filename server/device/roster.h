// SPDX-License-Identifier: Apache-2.0
//
// roster: every device that may open a connection, in memory.
//
// TLS verification cannot wait for a database, so the gateway asks here:
// which catalog does this id belong to, is it claimed, is a certificate issued
// then still good? Loaded at start, kept by device_… calls and REVOKE events.
// Who is not on the roster is refused in the handshake. Thread-safe.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "device/device.h"

struct store;

struct roster_entry {
    uint8_t id[16]; // of the device, binary
    int32_t catalog;
    int64_t device;
    int64_t refused_before; // Unix s; certificates issued before it are denied; 0 = none
    enum device_lifecycle lifecycle;
};

struct roster;

enum rc roster_load(struct store *s, struct roster **out, struct fault *f);
void roster_free(struct roster *r);
bool roster_find(struct roster *r, const uint8_t id[16], struct roster_entry *out);
void roster_put(struct roster *r, const struct roster_entry *e); // adds or replaces
