// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include "device/device.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

static const char *const lifecycle_names[] = {
    [DEVICE_REGISTERED] = "registered",
    [DEVICE_CLAIMED] = "claimed",
    [DEVICE_RETIRED] = "retired",
};

static const char *const state_names[STATE_COUNT] = {
    [STATE_UNKNOWN] = "unknown", [STATE_HEALTHY] = "healthy",         [STATE_UPDATING] = "updating",
    [STATE_AT_RISK] = "atRisk",  [STATE_QUARANTINED] = "quarantined", [STATE_OFFLINE] = "offline",
};

static const char *const verdict_names[] = {
    [VERDICT_NONE] = "none",
    [VERDICT_AFFIRMING] = "affirming",
    [VERDICT_WARNING] = "warning",
    [VERDICT_CONTRAINDICATED] = "contraindicated",
};

const char *device_lifecycle_name(enum device_lifecycle l)
{
    return (size_t)l < LENGTH(lifecycle_names) ? lifecycle_names[l] : "registered";
}

int device_lifecycle_from_name(const char *name)
{
    for (size_t i = 0; i < LENGTH(lifecycle_names); i++)
        if (!strcmp(name, lifecycle_names[i]))
            return (int)i;
    return -1;
}

const char *device_state_name(enum device_state s)
{
    return (size_t)s < STATE_COUNT ? state_names[s] : "unknown";
}

int device_state_from_name(const char *name)
{
    for (size_t i = 0; i < STATE_COUNT; i++)
        if (!strcmp(name, state_names[i]))
            return (int)i;
    return -1;
}

const char *verdict_name(enum verdict v)
{
    return (size_t)v < LENGTH(verdict_names) ? verdict_names[v] : "none";
}

bool device_id_valid(const char *id)
{
    return strspn(id, "0123456789abcdef") == DEVICE_ID_LEN && id[DEVICE_ID_LEN] == '\0';
}

static bool distrusted(const struct device_facts *x)
{
    return x->verdict == VERDICT_CONTRAINDICATED;
}

static bool by_hand(const struct device_facts *x)
{
    return x->quarantined_by_hand;
}

static bool installing(const struct device_facts *x)
{
    return x->installing;
}

static bool warned(const struct device_facts *x)
{
    return x->verdict == VERDICT_WARNING;
}

static bool overdue(const struct device_facts *x)
{
    return x->renewal_due_at != 0 && x->now > x->renewal_due_at;
}

static bool alerted(const struct device_facts *x)
{
    return x->high_alert;
}

static bool silent(const struct device_facts *x)
{
    return x->attested_once && !x->online && x->now - x->last_session_at > 3 * x->ping_ms;
}

static bool unproven(const struct device_facts *x)
{
    return !x->attested_once;
}

enum device_state device_state_of(const struct device_facts *facts, const char **why)
{
    static const struct {
        bool (*applies)(const struct device_facts *);
        enum device_state state;
        const char *why;
    } rules[] = {
        { distrusted, STATE_QUARANTINED, "Its last evidence did not match what it may run" },
        { by_hand, STATE_QUARANTINED, "A person put it in quarantine" },
        { installing, STATE_UPDATING, "An update is being installed" },
        { warned, STATE_AT_RISK, "Its last evidence passed with a warning" },
        { overdue, STATE_AT_RISK, "Its certificate should have been renewed by now" },
        { alerted, STATE_AT_RISK, "An alert of high severity is open" },
        { silent, STATE_OFFLINE, "It has no session" },
        { unproven, STATE_UNKNOWN, "It has never shown evidence" },
    };

    for (size_t i = 0; i < LENGTH(rules); i++)
        if (rules[i].applies(facts)) {
            if (why)
                *why = rules[i].why;
            return rules[i].state;
        }
    if (why)
        *why = "It is what it should be";
    return STATE_HEALTHY;
}
