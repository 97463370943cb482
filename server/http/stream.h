// SPDX-License-Identifier: Apache-2.0
//
// stream: answers that outlive their request, so that none of them sits on a worker.
//
//   handler --reply_stream--> ticket in an internal header --edge--> socketpair --streams_open-->
//   provider
//
// The edge honours the header only from its backend, drops it always, sends the head of the answer
// and from then on what the provider writes: the body in chunks of HTTP/1.1, the last of them empty
// only if all went well. The ticket is good once, for 10 s. A provider takes its descriptor, which
// does not block, and must return at once.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define STREAM_TICKET_LEN 32 // hex digits

enum stream_kind {
    STREAM_EVENTS,
    STREAM_EXPORT,
    STREAM_KINDS,
};

struct reply;
struct streams;

// Both own arg.
typedef bool stream_take(void *ctx, void *arg, int fd); // fd is consumed; false: it cannot be
typedef void stream_drop(void *ctx, void *arg);         // nobody came for it

struct streams *streams_new(void);
void streams_free(struct streams *s); // NULL is fine

// Before serving, and with NULLs after it.
void streams_provide(struct streams *s, enum stream_kind kind, stream_take *take, stream_drop *drop,
                     void *ctx);

// 200 with a body that the provider of that kind will write; type is static. arg is the stream's on
// RC_OK only. RC_LIMIT while too many wait, RC_UNAVAILABLE without a provider.
enum rc reply_stream(struct reply *r, struct streams *s, enum stream_kind kind, const char *type,
                     void *arg, struct fault *f);

// The edge's: any thread. fd is consumed; -1: nobody comes for the ticket, which is free again.
// False for a ticket that is none.
bool streams_open(struct streams *s, const char *ticket, int fd);
