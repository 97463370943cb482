// SPDX-License-Identifier: Apache-2.0
//
// sse: the topics of a catalog's board as text/event-stream, for those who cannot do WebSockets.
//
//   edge's socketpair --sse_open--> id, event, data; id, event, data … --the reader leaves--> gone
//
// Each message is one chunk of HTTP, so that whoever reads can tell an end from a cut. Its id has
// the next number of every topic: with it in Last-Event-ID the stream goes on where it broke, or
// says "reset" and starts with snapshots. Belongs to the live thread.

#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"
#include "live/board.h"

#define SSE_ID_MAX 140

struct sse;
struct snapshots;

struct sse_ask {
    struct principal who;
    int32_t catalog;
    bool topics[BOARD_TOPICS];
    char last_id[SSE_ID_MAX + 1]; // Last-Event-ID; "" if there is none
};

struct sse *sse_new(struct ev_loop *loop, struct boards *boards, struct snapshots *snapshots);
void sse_free(struct sse *s); // ends all; NULL is fine

// fd is consumed. id is unique among all that ask for a recheck. False when out of memory.
bool sse_open(struct sse *s, int fd, uint64_t id, const struct sse_ask *ask);
// Sends what there is; each 50 ms.
void sse_tick(struct sse *s, int64_t now);
// The rights of an account (0: all) may have changed.
void sse_recheck(struct sse *s, int64_t account);
// id may look no more, and is told why.
void sse_end(struct sse *s, uint64_t id, const char *why);
void sse_end_all(struct sse *s, const char *why);
unsigned sse_count(const struct sse *s);

// Reads what an id says: false unless boot is the same and each topic has its number.
bool sse_id_read(const char *text, uint32_t boot, uint64_t next[BOARD_TOPICS]);
