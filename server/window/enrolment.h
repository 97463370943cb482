// SPDX-License-Identifier: Apache-2.0
//
// enrolment: what a second machine has to know to become a device here.
//
//   edge.names, port of the gateway --> host:port      server CA --SHA-256 of its DER--> pin
//
// The first of edge.names that other machines are likely to know is taken; where there is none, or
// the gateway listens on loopback alone, a notice says what to set.

#pragma once

#include "core/rc.h"
#include "http/http.h"

struct enrolment {
    char server[300]; // host:port
    char ca_sha256[65];
    const char *notice; // static; NULL: a second machine can connect
};

enum rc enrolment_read(const struct services *s, struct enrolment *out, struct fault *f);
