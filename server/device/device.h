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
#define DEVICE_TAGS_MAX 32
#define TAG_NAME_MAX    64
#define TAG_VALUE_MAX   256
#define DEVICE_NOTE_MAX 4000 // characters

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
    int64_t renewal_due_at;  // Unix ms; overdue after it; 0 while there is no certificate
    int64_t now;
    int64_t ping_ms; // of the protocol
};

// First that applies: quarantined, updating, atRisk, offline, unknown, healthy.
// *why (may be NULL) is a sentence for people, static.
enum device_state device_state_of(const struct device_facts *facts, const char **why);

const char *device_state_name(enum device_state s); // "atRisk", …
int device_state_from_name(const char *name);       // -1 if unknown
const char *device_lifecycle_name(enum device_lifecycle l);
int device_lifecycle_from_name(const char *name); // -1 if unknown
const char *verdict_name(enum verdict v);
bool device_id_valid(const char *id);

// A row as people see it. Texts are borrowed from the struct devices it came from; times are
// Unix ms, 0 where there is none.
struct device {
    int64_t device;
    const char *id;
    const char *fingerprint;
    const char *name; // NULL until someone names it
    const char *tags; // a JSON object as text
    enum device_lifecycle lifecycle;
    enum device_state state;
    const char *state_reason;
    int64_t state_since;
    bool online;
    int64_t last_seen;
    int64_t created_at;
    int64_t claimed_at;
    enum verdict verdict;
    int64_t attested_at;
    const char *os_version;
    const char *attested_version; // of the last evidence that was not refused
    const char *model;
    const char *network; // that it attested from
    int64_t group;       // 0: in none
    const char *group_name;
    int64_t product; // of its group
    const char *product_name;
    const char *note;
    int64_t seat;
    bool by_hand;            // a person put it in quarantine
    const char *cert_serial; // hex; NULL while there is no certificate
    int cert_kind;           // enum cert_kind
    int64_t cert_not_before;
    int64_t cert_not_after;
    int64_t version;
};

struct devices; // what a query found
struct rows;
struct store;

// How many devices of the catalog are in each state.
enum rc device_count(struct store *s, int32_t catalog, int64_t out[STATE_COUNT], struct fault *f);

// Adds up what triggers have counted since, so that reading the counters stays quick.
enum rc device_count_fold(struct store *s, struct fault *f);

int devices_count(const struct devices *ds);
void devices_at(const struct devices *ds, int index, struct device *out);
void devices_free(struct devices *ds); // NULL is fine
// The first count rows of device_row, in turned order with backwards. Takes over rows; NULL when
// out of memory.
struct devices *devices_of(struct rows *rows, int count, bool backwards);

// Grows with time and is unique in this process.
int64_t device_mint(void);

// RC_NOT_FOUND also covers a malformed id and a device of another catalog, so that asking does
// not reveal which ids exist.
enum rc device_load(struct store *s, int32_t catalog, const char *id, struct devices **out,
                    struct fault *f);
// Only the number: for what hangs on a device. The same RC_NOT_FOUND.
enum rc device_find(struct store *s, int32_t catalog, const char *id, int64_t *out,
                    struct fault *f);

// 1…DEVICE_NAME_MAX bytes without control characters.
enum rc device_name_check(const char *name, struct fault *f);
// An object of at most DEVICE_TAGS_MAX texts.
enum rc device_tags_check(json_t *tags, struct fault *f);

// A row to add. The bytes of spki are SubjectPublicKeyInfo, DER. A device may be named by less than
// its key: with spki_len 0 only its fingerprint is known, with an empty fingerprint only its id.
struct device_key {
    char id[DEVICE_ID_LEN + 1];
    char fingerprint[FINGERPRINT_LEN + 1];
    uint8_t spki[128];
    size_t spki_len;
};

struct device_entry {
    struct device_key key;
    bool skip;        // this one is left out of what the call does
    int64_t device;   // from device_mint(); for device_add
    const char *name; // may be NULL
    json_t *tags;     // borrowed; may be NULL
    int32_t group;    // 0: none
    int64_t window; // registration window that it came by, which gives it its group, unless one is
                    // named here, and tags, over which these go; 0: none
};

// What became of an entry.
struct device_touched {
    int64_t device; // 0: this catalog has no such device
    bool changed;   // by this call
    bool added;     // it was not known before
    bool other_key; // the device of this id has another fingerprint
    bool full;      // not changed: it would have more than DEVICE_TAGS_MAX tags
    enum device_lifecycle lifecycle;
    int64_t refused_before; // Unix s; 0 = never unclaimed
};

// Adds those that no catalog knows yet, registered or claimed, with their state and trust rows. One
// round trip; touched has an element an entry.
enum rc device_add(struct store *s, int32_t catalog, enum device_lifecycle as,
                   const struct device_entry *entries, size_t count, struct device_touched *touched,
                   struct fault *f);
// registered -> claimed for those of this catalog that touched does not show as added. One round
// trip, or none.
enum rc device_claim(struct store *s, int32_t catalog, const struct device_entry *entries,
                     size_t count, struct device_touched *touched, struct fault *f);
// The key of a device that was claimed by its fingerprint, which the caller has compared.
enum rc device_learn_key(struct store *s, int32_t catalog, int64_t device, const uint8_t *spki,
                         size_t len, struct fault *f);
// What a person may change. Texts may be NULL but for tags, which is JSON.
struct device_edit {
    const char *name;
    const char *tags;
    const char *note;
    int64_t group; // 0: none; it has to be one of the catalog
};

// RC_CONFLICT when version is not the current one; RC_INVALID when the catalog has no such group.
enum rc device_change(struct store *s, int32_t catalog, const char *id, int64_t version,
                      const struct device_edit *edit, struct fault *f);
// At most DEVICE_NOTE_MAX characters; line breaks and tabs are fine.
enum rc device_note_check(const char *note, struct fault *f);
