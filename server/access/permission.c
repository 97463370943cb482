// SPDX-License-Identifier: Apache-2.0

#include "access/permission.h"

#include <stddef.h>
#include <string.h>

#define EVERYTHING (2u * MAY_READ_DUMPS - 1)

// The whole of who may do what.
static const struct {
    const char *name;
    uint32_t permissions;
} roles[ROLE_COUNT] = {
    [ROLE_OWNER] = { "owner", EVERYTHING },
    [ROLE_ADMIN] = { "admin", MAY_SEE_SELF | MAY_SEE_DEVICES | MAY_CHANGE_DEVICES | MAY_CLAIM |
                                  MAY_SEE_TRUST | MAY_CHANGE_TRUST | MAY_SEE_TELEMETRY |
                                  MAY_SEE_AUDIT | MAY_SEE_USERS | MAY_CHANGE_USERS |
                                  MAY_CHANGE_CATALOG | MAY_OWN_TOKENS | MAY_HANDLE_ALERTS },
    [ROLE_OPERATOR] = { "operator", MAY_SEE_SELF | MAY_SEE_DEVICES | MAY_CHANGE_DEVICES |
                                        MAY_CLAIM | MAY_SEE_TRUST | MAY_SEE_TELEMETRY |
                                        MAY_OWN_TOKENS | MAY_HANDLE_ALERTS },
    [ROLE_VIEWER] = { "viewer",
                      MAY_SEE_SELF | MAY_SEE_DEVICES | MAY_SEE_TRUST | MAY_SEE_TELEMETRY },
    [ROLE_AUDITOR] = { "auditor", MAY_SEE_SELF | MAY_SEE_DEVICES | MAY_SEE_TRUST | MAY_SEE_AUDIT |
                                      MAY_SEE_USERS },
};

static const char *const names[] = {
    "self:read",     "devices:read",   "devices:write", "devices:claim", "trust:read",
    "trust:write",   "telemetry:read", "audit:read",    "users:read",    "users:write",
    "catalog:write", "tokens:write",   "alerts:write",  "dumps:read",
};

uint32_t role_permissions(enum role r)
{
    return r >= 0 && r < ROLE_COUNT ? roles[r].permissions : 0;
}

const char *role_name(enum role r)
{
    return r >= 0 && r < ROLE_COUNT ? roles[r].name : "";
}

int role_from_name(const char *name)
{
    for (int i = 0; name && i < ROLE_COUNT; i++)
        if (!strcmp(roles[i].name, name))
            return i;
    return -1;
}

const char *permission_name(enum permission p)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (p == 1u << i)
            return names[i];
    return "";
}

json_t *permissions_to_json(uint32_t permissions)
{
    json_t *a = json_array();

    for (uint32_t p = 1; p <= EVERYTHING; p <<= 1)
        if (permissions & p)
            json_array_append_new(a, json_string(permission_name((enum permission)p)));
    return a;
}
