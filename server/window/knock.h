// SPDX-License-Identifier: Apache-2.0
//
// knock: what becomes of a device that came through an open window.
//
//   hello with a good code --> registered and claimed, in one transaction with its audit entry
//   hello without          --> held as an arrival of the one open window
//   anything else          --> told precisely why not, and slowed
//
// A code is looked up by its hash alone: a device names no catalog and is told of none. What
// another catalog holds is "in use", whoever asks. Blocks on the database.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/rc.h"
#include "window/code.h"

#define KNOCK_AGENT_MAX 80

struct bus;
struct doors;
struct roster;
struct store;

struct knock_env { // borrowed
    struct store *store;
    struct roster *roster;
    struct bus *bus;
    struct doors *doors;
};

struct knock {
    struct sockaddr_storage from;
    const uint8_t *spki; // of the factory key, DER
    size_t spki_len;
    char agent[KNOCK_AGENT_MAX + 1];
    char code[CODE_MAX + 1]; // "" if it brought none
};

enum knock_outcome {
    KNOCK_CLAIMED,
    KNOCK_HELD, // as an arrival
    KNOCK_WAIT, // no code, and nothing to hold it in
    KNOCK_BAD_CODE,
    KNOCK_TOO_FAST,
};

struct knock_result {
    enum knock_outcome outcome;
    int32_t catalog; // of KNOCK_CLAIMED
    int64_t device;
    int retry_s;    // when to come again
    char text[200]; // for the device's log
};

// rc is about the server alone: a knock that leads nowhere is RC_OK.
enum rc knock_answer(const struct knock_env *e, const struct knock *k, struct knock_result *out,
                     struct fault *f);
