// SPDX-License-Identifier: Apache-2.0
//
// alert: what needs a person, one for each cause, however many devices show it.
//
//   hits --alert_raise--> open --alert_clear, or a person--> resolved
//                          ^                                    |
//                          '--- comes back before it is calm ---'
//
// Raised by rules, threats and the server's watch over itself, in their own transactions: what
// they know and what people are told cannot fall apart. Everything is set-based, so that a hundred
// thousand devices with one trouble are one alert, one line in the outbox and a few statements.
// What flaps stays the same alert, and people hear of it once.

#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define ALERT_KEY_MAX      200
#define ALERT_TITLE_MAX    200
#define ALERT_CODE_MAX     40
#define ALERT_EVIDENCE_MAX 2048
#define ALERT_OPEN_MAX     2000 // a catalog

struct store;

enum alert_severity {
    ALERT_LOW,
    ALERT_MEDIUM,
    ALERT_HIGH, // from here on its devices are at risk
    ALERT_CRITICAL,
    ALERT_SEVERITIES,
};

const char *alert_severity_name(enum alert_severity s); // "low", …
int alert_severity_from_name(const char *name);         // -1 if there is none of that name

// One cause has at most one open alert a catalog. What is raised again is counted into it.
struct alert_cause {
    int32_t catalog;
    const char *key; // "rule:12", "threat:T05:<component>", "system:disk"; ≤ ALERT_KEY_MAX bytes
    const char *source; // "rule", "threat", "system"
    const char *code;   // "T05", "rule", "disk"; ≤ ALERT_CODE_MAX bytes
    enum alert_severity severity;
    const char *title;    // one sentence for people; what is over ALERT_TITLE_MAX bytes is cut
    int64_t rule;         // 0: none
    const json_t *remedy; // ordered steps [{"text","action"?}], borrowed; NULL: those of code
    int64_t lasts_s; // 0: it stands until it is cleared; else also until no hit came for so long
};

struct alert_hit {        // a device (or none: device 0) that shows the cause
    int64_t device, at;   // at: Unix ms, event time
    const char *evidence; // a JSON object as text; left out where it is over ALERT_EVIDENCE_MAX
};

// In the caller's transaction; thousands of hits at once. Idempotent for the same (key, device,
// at), and a hit that is not newer than what is known of its device changes nothing. Whoever
// raises several causes in one transaction does so in order of key. RC_LIMIT: ALERT_OPEN_MAX.
enum rc alert_raise(struct store *tx, const struct alert_cause *c, const struct alert_hit *hits,
                    size_t n, struct fault *f);
// The cause is over on these devices (n 0: on all); the alert resolves itself when none is left. A
// device that has shown it after at still does.
enum rc alert_clear(struct store *tx, int32_t catalog, const char *key, const int64_t *devices,
                    size_t n, int64_t at, struct fault *f);
// What time does: silences end, causes that nobody clears do, and what is long over is forgotten.
// For the scheduler.
enum rc alert_upkeep(struct store *pool, struct fault *f);
