// SPDX-License-Identifier: Apache-2.0
//
// fence: which addresses a notification may go to.
//
//   name --resolver--> address --fence_refuses()--> NULL: connect | why not, in words
//
// People choose where notifications go, so a route could be made to knock at what only this machine
// can reach: its own ports, the network behind it, a cloud's metadata service. What is not a public
// address is refused unless the operator listed it (notify.allow). It is asked with the address a
// socket is about to connect to, never with a name, so that a name that changes its mind between a
// check and a connection gains nothing.

#pragma once

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/rc.h"

#define FENCE_BLOCKS_MAX 64

struct fence_block {
    uint8_t address[16]; // IPv4 as ::ffff:a.b.c.d
    int bits;
};

struct fence {
    struct fence_block allowed[FENCE_BLOCKS_MAX];
    int count;
};

// cidrs: "10.1.0.0/16, 127.0.0.1, fd00::/8", or "". The fault names the one that is wrong.
enum rc fence_parse(const char *cidrs, struct fence *out, struct fault *f);
// NULL, or what kind of address it is: "a loopback address". Static.
const char *fence_refuses(const struct fence *fence, const struct sockaddr *to);
// The same for a host that is written as an address ("127.0.0.1", "[::1]"); NULL for a name.
const char *fence_refuses_host(const struct fence *fence, const char *host);
