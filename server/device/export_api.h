// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/http.h"

extern const struct route export_routes[];

struct export_ask;

// The parts that every export has: ?format=; …
enum rc export_read_format(const struct req *q, struct export_ask *a, struct fault *f);
// … whether one more may run; …
enum rc export_room(const struct req *q, struct reply *r, struct fault *f);
// … its entry in the audit, for a copy leaves the house; …
struct export_told {
    const char *action, *object, *said;
    int64_t count;
};
enum rc export_audit(const struct req *q, const struct export_told *told, struct fault *f);
// … and the stream, which owns *a on RC_OK. The file is named after what.
enum rc export_reply(const struct req *q, struct reply *r, struct export_ask **a, const char *what,
                     struct fault *f);
