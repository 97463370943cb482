// SPDX-License-Identifier: Apache-2.0
//
// http/problem: the one place where an rc becomes a status and a document (RFC 9457).

#pragma once

#include <jansson.h>

#include "core/rc.h"

struct problem {
    int status;
    const char *detail;   // for a person: what is wrong and the way out; may be NULL
    const char *instance; // path of the request
    const char *request;  // its id
};

int rc_http_status(enum rc rc);
const char *problem_code(int status);  // "not-found", …: for programs
const char *problem_title(int status); // "Not found", …: for people
json_t *problem_to_json(const struct problem *p);
