// SPDX-License-Identifier: Apache-2.0
//
// rates: how much each device says in a minute, beside what it used to say.
//
//   reading --minute by minute--> messages, values --mean and deviation of about a day--> far more?
//
// Minutes are those of the readings' own time, and what was kept back during an outage is not
// counted, so that a device that catches up is no threat. A device is judged after half an hour. A
// fixed number of devices is remembered; where there are more, some are not judged. Thread-safe.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_LEARN 30 // minutes before anything is judged

struct rates;

struct rate_jump {    // a minute that was unlike the others
    const char *what; // "messages", "values"
    double found, usual, deviations;
};

struct rate_said {
    int32_t catalog;
    int64_t device, at; // Unix ms
    uint32_t messages, values;
};

struct rates *rates_new(size_t places); // a power of two; NULL when out of memory
void rates_free(struct rates *r);       // NULL is fine
// True, and *out, where this reading ends a minute that was a jump.
bool rates_add(struct rates *r, const struct rate_said *s, struct rate_jump *out);
