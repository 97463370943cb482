// SPDX-License-Identifier: Apache-2.0
//
// persona: what an emulated device is: its name, site, model, firmware and signals.
//
// Everything follows from the fleet's seed and the device's number, and each signal from the time
// besides, so that nothing needs to be stored and a message that is sent again says the same.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sdk/eat.h"

#define PERSONA_NAME_MAX 48
#define PERSONA_LOG      4 // measurements of the firmware

enum behaviour_id {
    BEHAVIOUR_HEALTHY,
    BEHAVIOUR_FLAKY,
    BEHAVIOUR_TAMPERED,
    BEHAVIOUR_SILENT,
    BEHAVIOUR_OFFLINE,
    BEHAVIOUR_DRIFTING, // its first signal wanders off
    BEHAVIOUR_CRASHING, // starts again and again
    BEHAVIOUR_CLONED,   // a copy of an older image of it is about
    BEHAVIOUR_ROLLED_BACK,
    BEHAVIOUR_DEBUGGED,
    BEHAVIOUR_CLOCK_OFF,
    BEHAVIOUR_LOUD,      // says all far more often than it should
    BEHAVIOUR_TWINNED,   // a copy of it as it is now is about
    BEHAVIOUR_FORGED,    // its certificate is of a CA that nobody knows
    BEHAVIOUR_REPLAYING, // what it sends as evidence was made for another challenge
    BEHAVIOUR_STUBBORN,  // shows the certificate it has for ever, and renews nothing
    BEHAVIOUR_UNKNOWN,   // beside it is somebody whose certificate names nobody
    BEHAVIOUR_GUESSING,  // beside it is somebody who tries claim codes
    BEHAVIOUR_MOVED,     // comes from another network
    BEHAVIOUR_COUNT,
};

// How a device lives; what happens to it in a story is a row here.
struct behaviour {
    const char *name;
    const char *app_text;          // what its application measures as; NULL: the real one
    unsigned drop_every_s, away_s; // loses its connection about so often, for up to so long
    unsigned repeats;              // of each reading
    int clock_off_s;               // of the evidence
    bool talks;
    bool attested; // shows only in new evidence
    bool older;    // runs the withdrawn system
    bool debug, replays, forges;
    bool copied; // a unit of its own lives like this, beside the device
    bool keeps, guesses, moves;
};

extern const struct behaviour behaviours[BEHAVIOUR_COUNT];

struct persona {
    char name[PERSONA_NAME_MAX];
    char site[32], batch[16];
    const char *product, *group;
    const char *hwmodel, *swversion;
    int kind;
};

void persona_make(uint64_t seed, uint32_t index, struct persona *out);
void persona_log(const struct persona *p, const struct behaviour *b,
                 struct measurement log[PERSONA_LOG]);
// Members of the "m" object at that time, without braces; returns the length. The first signal is
// off by drift of its swings.
size_t persona_signals(const struct persona *p, uint64_t seed, uint32_t index, int64_t t_ms,
                       double drift, char *out, size_t size);
// A log line (or an event, with its name) such a device may have at that time.
struct persona_line {
    const char *name, *level, *source, *text;
};
const struct persona_line *persona_line(const struct persona *p, bool event, uint64_t dice);

// Calls with the measurements of each model's healthy firmware, and of the one before it, which is
// withdrawn.
void persona_each_model(void (*each)(void *ctx, const struct measurement *log, size_t count),
                        void *ctx);

// Calls with the name of each product.
void persona_each_product(void (*each)(void *ctx, const char *product), void *ctx);

uint64_t persona_dice(uint64_t a, uint64_t b); // a well mixed number
