// SPDX-License-Identifier: Apache-2.0

#include "http/route.h"

#include <string.h>

#include "http/percent.h"

bool path_decode(const char *raw, char *out, size_t size)
{
    size_t len = strlen(raw);

    if (len == 0 || len > PATH_MAX_LEN || raw[0] != '/')
        return false;
    for (const char *p = raw; (p = strchr(p, '%')); p++)
        if (p[1] == '2' && (p[2] == 'f' || p[2] == 'F'))
            return false;
    return percent_decode(raw, len, false, out, size);
}

// Walks pattern and path together; a {name} takes everything up to the next slash. Returns how
// many there were, or -1.
static int match(const struct route *t, const char *path, char params[PARAM_MAX][PARAM_LEN])
{
    const char *p = t->pattern;
    int n = 0;

    while (*p && *path) {
        if (*p != '{') {
            if (*p++ != *path++)
                return -1;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (len == 0 || len >= PARAM_LEN || n == PARAM_MAX)
            return -1;
        memcpy(params[n], path, len);
        params[n++][len] = '\0';
        path += len;
        p += strcspn(p, "}") + 1;
    }
    return *p == '\0' && *path == '\0' ? n : -1;
}

bool route_match(const struct route *t, const char *path, char params[PARAM_MAX][PARAM_LEN])
{
    return match(t, path, params) >= 0;
}

static void allow_add(char allow[64], const char *method)
{
    size_t used = strlen(allow);

    if (used + strlen(method) + 3 > 64)
        return;
    if (used)
        memcpy(allow + used, ", ", 3);
    memcpy(allow + strlen(allow), method, strlen(method) + 1);
}

static void consider(const struct route *t, const char *method, const char *path,
                     struct route_found *out)
{
    char params[PARAM_MAX][PARAM_LEN];
    int n = match(t, path, params);

    if (n < 0)
        return;
    allow_add(out->allow, t->method);
    if (!strcmp(t->method, "GET"))
        allow_add(out->allow, "HEAD");
    // "devices/facets" is closer than "devices/{id}".
    if (out->route && n >= out->count)
        return;
    if (!strcmp(t->method, method) || (!strcmp(method, "HEAD") && !strcmp(t->method, "GET"))) {
        out->route = t;
        out->count = n;
        memset(out->params, 0, sizeof out->params);
        memcpy(out->params, params, (size_t)n * PARAM_LEN);
    }
}

void route_find(const struct route *const *tables, const char *method, const char *path,
                struct route_found *out)
{
    memset(out, 0, sizeof *out);
    for (; *tables; tables++)
        for (const struct route *t = *tables; t->method; t++)
            consider(t, method, path, out);
    if (out->allow[0])
        allow_add(out->allow, "OPTIONS");
}
