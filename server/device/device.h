// SPDX-License-Identifier: Apache-2.0
//
// device: one thing in the fleet, from first contact to retirement.
//
//   registered --claim--> claimed --unclaim--> registered      claimed --retire--> retired
//
// A device is known by its factory public key: the SHA-256 of that key's
// SubjectPublicKeyInfo is its fingerprint, the first half of it, as 32
// lowercase hex digits, its id. Inside the server it is a bigint. Only this module
// writes the device table; the others refer to a device by (catalog, bigint) or id.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define DEVICE_ID_LEN   32
#define FINGERPRINT_LEN 64
#define DEVICE_NAME_MAX 80

enum device_lifecycle {
    DEVICE_REGISTERED,
    DEVICE_CLAIMED,
    DEVICE_RETIRED,
};

// What a person sees, worst first where two apply (architecture: "State shown to people").
enum device_state {
    STATE_UNKNOWN,
    STATE_HEALTHY,
    STATE_UPDATING,
    STATE_AT_RISK,
    STATE_QUARANTINED,
    STATE_OFFLINE,
    STATE_COUNT,
};

enum verdict {
    VERDICT_NONE,
    VERDICT_AFFIRMING,
    VERDICT_WARNING,
    VERDICT_CONTRAINDICATED,
};

// Everything the state depends on.
struct device_facts {
    enum verdict verdict; // the last one
    bool quarantined_by_hand;
    bool installing; // an assignment is being installed
    bool high_alert; // an open alert of high severity
    bool attested_once;
    bool online;             // has a session
    int64_t last_session_at; // Unix ms; when the last session ended, or now
    int64_t renewal_due_at;  // Unix ms; 0 while there is no certificate
    int64_t now;
    int64_t ping_ms; // of the protocol
};

// First that applies: quarantined, updating, atRisk, offline, unknown, healthy.
// *why (may be NULL) is a sentence for people, static.
enum device_state device_state_of(const struct device_facts *facts, const char **why);

const char *device_state_name(enum device_state s); // "atRisk", …
int device_state_from_name(const char *name);       // -1 if unknown
const char *device_lifecycle_name(enum device_lifecycle l);
const char *verdict_name(enum verdict v);
bool device_id_valid(const char *id);
