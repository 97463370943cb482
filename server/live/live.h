// SPDX-License-Identifier: Apache-2.0
//
// live: the browsers' WebSockets, and their twin for scripts, server-sent events.
//
//   edge --live_adopt--> lws --first message: a ticket, within 5 s--> topics --> frames
//   edge --streams_open--> sse --> the same topics as text/event-stream
//
// One libwebsockets context on one thread. Who may look at what was decided when the ticket was
// made and is asked again whenever rights change and each half minute: a socket ends with
// its session, token, role or right. Snapshots are read by a thread of their own, so that a slow
// database delays a first picture and no other frame.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define LIVE_PROTOCOL "orrery.live.v1" // of the handshake; asking for none is fine too

struct live;
struct access;
struct bus;
struct store;
struct streams;
struct tickets;

struct live_options {
    struct store *store;
    struct tickets *tickets;
    struct streams *streams; // where events are asked for; may be NULL
    struct access *access;
    struct bus *bus;
    const char *names; // host names of the server, by commas: also good as Origin
};

enum rc live_start(const struct live_options *o, struct live **out, struct fault *f);
// Says goodbye (1001) and ends; at most a second.
void live_stop(struct live *l); // NULL is fine

// For edge_hooks: ctx is the struct live. fd is consumed; false when no more are taken.
bool live_adopt(void *ctx, int fd, const char *head, size_t head_len, const char *remote);

struct live_counts {
    uint64_t sockets, opened, refused, frames, bytes, snapshots, streams;
};
void live_stats(const struct live *l, struct live_counts *out);
