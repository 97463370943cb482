// SPDX-License-Identifier: Apache-2.0
//
// permission: what a route asks for, and what the five roles hold.
//
// A role is a set of permissions, not a rank: an auditor sees what an operator
// cannot, and may change nothing.

#pragma once

#include <jansson.h>
#include <stdint.h>

enum permission {
    MAY_NOTHING = 0,       // the route is public
    MAY_SEE_SELF = 1 << 0, // any signed-in principal: own session, own account
    MAY_SEE_DEVICES = 1 << 1,
    MAY_CHANGE_DEVICES = 1 << 2, // name, tags
    MAY_CLAIM = 1 << 3,          // register, claim, unclaim
    MAY_SEE_TRUST = 1 << 4,      // evidence, reference values, certificates
    MAY_CHANGE_TRUST = 1 << 5,   // reference values, quarantine
    MAY_SEE_TELEMETRY = 1 << 6,  // readings, logs, events
    MAY_SEE_AUDIT = 1 << 7,
    MAY_SEE_USERS = 1 << 8,
    MAY_CHANGE_USERS = 1 << 9,
    MAY_CHANGE_CATALOG = 1 << 10, // retention, settings
    MAY_OWN_TOKENS = 1 << 11,     // make and drop API tokens of one's own
    MAY_HANDLE_ALERTS = 1 << 12,  // acknowledge, assign, silence, resolve
    MAY_READ_DUMPS = 1 << 13,     // what programs of devices held in memory; delete it
};

enum role {
    ROLE_OWNER,
    ROLE_ADMIN,
    ROLE_OPERATOR,
    ROLE_VIEWER,
    ROLE_AUDITOR,
    ROLE_COUNT,
};

uint32_t role_permissions(enum role r);
const char *role_name(enum role r);                // "owner", …
int role_from_name(const char *name);              // -1 if there is none of that name
const char *permission_name(enum permission);      // "devices:read", …: also the scopes of tokens
json_t *permissions_to_json(uint32_t permissions); // their names
