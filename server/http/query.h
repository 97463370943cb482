// SPDX-License-Identifier: Apache-2.0
//
// http/query: ?name=value&… read strictly.

#pragma once

#include "http/http.h"

#define QUERY_MAX 4096

enum query_found {
    QUERY_ABSENT,
    QUERY_FOUND,
    QUERY_UNFIT, // there, but longer than the handler takes
};

// Every pair decodes; unless repeats, there are few and no name comes twice.
enum rc query_check(const char *query, bool repeats, struct fault *f);
// query has passed query_check.
enum query_found query_value(const char *query, const char *name, char *out, size_t size);
