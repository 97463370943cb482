// SPDX-License-Identifier: Apache-2.0

#include "http/problem.h"

#include <stdio.h>

#include "core/json_out.h"

static const struct {
    int status;
    const char *code, *title;
} kinds[] = {
    { 400, "invalid", "The request is not valid" },
    { 401, "unauthenticated", "Sign-in is needed" },
    { 403, "denied", "Not allowed" },
    { 404, "not-found", "Not found" },
    { 405, "method-not-allowed", "Method not allowed here" },
    { 406, "not-acceptable", "No representation that was asked for" },
    { 408, "too-slow", "The request did not arrive in time" },
    { 409, "conflict", "Not possible in the present state" },
    { 411, "length-required", "Content-Length is needed" },
    { 412, "changed-meanwhile", "Changed meanwhile" },
    { 413, "too-large", "The body is too large" },
    { 414, "uri-too-long", "The address is too long" },
    { 415, "unsupported-type", "Content type not supported" },
    { 417, "expectation-failed", "What Expect asks for is not done here" },
    { 422, "key-reused", "Idempotency-Key used for another request" },
    { 426, "upgrade-required", "Only WebSocket is spoken here" },
    { 428, "if-match-required", "If-Match is needed" },
    { 429, "too-many", "Too many requests" },
    { 431, "headers-too-large", "The headers are too long" },
    { 500, "internal", "Something went wrong on the server" },
    { 501, "not-implemented", "Not implemented" },
    { 502, "lost", "The request was lost inside the server" },
    { 503, "unavailable", "Not available just now" },
    { 504, "timed-out", "No answer in time" },
    { 505, "version-not-supported", "HTTP version not supported" },
};

int rc_http_status(enum rc rc)
{
    switch (rc) {
    case RC_OK:
        return 200;
    case RC_INVALID:
        return 400;
    case RC_DENIED:
        return 403;
    case RC_NOT_FOUND:
        return 404;
    case RC_CONFLICT:
        return 409;
    case RC_LIMIT:
        return 429;
    case RC_UNAVAILABLE:
        return 503;
    case RC_INTERNAL:
        return 500;
    }
    return 500;
}

const char *problem_code(int status)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].status == status)
            return kinds[i].code;
    return "internal";
}

const char *problem_title(int status)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].status == status)
            return kinds[i].title;
    return "Something went wrong on the server";
}

json_t *problem_to_json(const struct problem *p)
{
    json_t *o = json_object();
    char type[80];

    snprintf(type, sizeof type, "urn:orrery:problem:%s", problem_code(p->status));
    add_text(o, "type", type);
    add_text(o, "title", problem_title(p->status));
    add_int(o, "status", p->status);
    add_text(o, "detail", p->detail && *p->detail ? p->detail : problem_title(p->status));
    add_text(o, "instance", p->instance);
    add_text(o, "code", problem_code(p->status));
    add_text(o, "requestId", p->request);
    return o;
}
