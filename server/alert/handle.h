// SPDX-License-Identifier: Apache-2.0
//
// alert/handle: what people do with an alert.
//
//   open --acknowledge--> acknowledged --assign--> assigned      any of them --resolve--> resolved
//   any of them --silence--> silenced --its end, by itself--> as it was
//
// Each says which version of the alert it has seen. Of two at once one wins, the other is told
// that it was late. What was done stays in the alert's history with its author.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define ALERT_NOTE_MAX    2000
#define ALERT_SILENCE_MAX (30 * 24 * 60) // minutes

struct store;

struct handle_by {
    int32_t catalog;
    int64_t alert, version;
    int64_t account; // who does it
    const char *actor;
    const char *note; // "" or NULL: none
    bool *stale;      // set with RC_CONFLICT where the version is not the present one
};

// RC_NOT_FOUND: not of this catalog; RC_CONFLICT: resolved, or already so.
enum rc handle_acknowledge(struct store *tx, const struct handle_by *by, struct fault *f);
// account 0: nobody's again. RC_INVALID: none that may handle alerts here.
enum rc handle_assign(struct store *tx, const struct handle_by *by, int64_t account,
                      struct fault *f);
// For minutes; 0: no longer.
enum rc handle_silence(struct store *tx, const struct handle_by *by, int64_t minutes,
                       struct fault *f);
// The devices are taken to show it no more; one that does later brings it back.
enum rc handle_resolve(struct store *tx, const struct handle_by *by, struct fault *f);
// Needs no version.
enum rc handle_comment(struct store *tx, const struct handle_by *by, struct fault *f);
