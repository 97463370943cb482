// SPDX-License-Identifier: Apache-2.0
//
// http/call: one request on its way through the dispatcher. Private to it.
//
// A step returns RC_OK to go on; otherwise its rc and fault become the problem
// document, with the status that stands in the reply where the rc's own is not right.

#pragma once

#include "http/dispatch.h"

struct call {
    struct dispatcher *to;
    const struct request *in;
    struct answer *out;
    struct route_found found;
    struct identity identity;
    struct dispatch dispatch;
    struct req q;
    json_t *body; // owned
    bool write;   // may change something
    char etag[40];
    char path[PATH_MAX_LEN + 1];
};

typedef enum rc step(struct call *c, struct fault *f);

// Refuses with a status that no rc has.
__attribute__((format(printf, 4, 5))) enum rc call_refuse(struct call *c, struct fault *f,
                                                          int status, const char *fmt, ...);

step gate_identify; // who is asking
step gate_limit;    // not too often
step gate_origin;   // from our own pages, if from a browser
step gate_permit;   // the route's permission
