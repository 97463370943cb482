// SPDX-License-Identifier: Apache-2.0
//
// http/route: which handler a method and a path mean.
//
// Paths match whole and case-sensitively; {name} takes one segment. A path is
// percent-decoded strictly before it is matched: "%2F", control bytes and bytes
// that are not UTF-8 have no meaning in a segment, so they are refused.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"

#define PATH_MAX_LEN 1024

extern const struct route *const route_tables[]; // ends with NULL

struct route_found {
    const struct route *route; // NULL: no such path, or not with this method
    char params[PARAM_MAX][PARAM_LEN];
    int count;      // of params
    char allow[64]; // "GET, HEAD, …"; "" when no route has this path
};

// Decodes raw into out (NUL-terminated); false for anything dubious.
bool path_decode(const char *raw, char *out, size_t size);
bool route_match(const struct route *t, const char *path, char params[PARAM_MAX][PARAM_LEN]);
// HEAD finds GET. tables may be route_tables or a test's own.
void route_find(const struct route *const *tables, const char *method, const char *path,
                struct route_found *out);
