// SPDX-License-Identifier: Apache-2.0
//
// timeline: what happened to one device, of all kinds in one order, newest first.
//
//   device, trust, alerts, journal, audit --timeline_read(kinds)--> a page, next
//
// Nothing is kept for it: each kind is read where it lives, from where the page before ended. Of
// log lines only bursts are told, a minute with TIMELINE_BURST warnings or errors; where more than
// TIMELINE_LINES of these had to be read, the page ends there, and the next one goes on.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define TIMELINE_BURST  10
#define TIMELINE_LINES  20000
#define TIMELINE_CURSOR 96

struct store;

enum timeline_kind {
    TIMELINE_LIFE,  // registered, claimed
    TIMELINE_TRUST, // attested, its certificate
    TIMELINE_ALERT, // opened and resolved on this device
    TIMELINE_EVENT,
    TIMELINE_LOG, // bursts
    TIMELINE_ACT, // of people, settings too
    TIMELINE_KINDS,
};

const char *timeline_kind_name(enum timeline_kind k); // "life", …
int timeline_kind_from_name(const char *name);        // -1 if there is none of that name

struct timeline_ask {
    int32_t catalog;
    int64_t device;
    const char *id;    // of the device
    uint32_t kinds;    // 1 << kind
    const char *place; // where the page before ended; "" for the newest
    int limit;
};

// next is "" at the end. RC_INVALID: place is not one that it gave.
enum rc timeline_read(struct store *s, const struct timeline_ask *ask, json_t **out,
                      char next[TIMELINE_CURSOR], struct fault *f);
