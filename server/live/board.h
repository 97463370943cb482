// SPDX-License-Identifier: Apache-2.0
//
// board: what all who look at a catalog share: its seats, its counts, its news.
//
//   any thread's bus event --boards_take--> topics --boards_tick--> frames --board_next--> readers
//
// Topics fleet, census, events, intake, jobs and alerts say the same to everybody, so each frame is
// made once, at most 20 a second, and kept in the topic's track. A board works from its first
// reader until a minute after its last; board_load reads what it begins with.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/rc.h"
#include "live/frame.h"
#include "live/track.h"

#define BOARD_LINGER_MS 60000

enum board_topic {
    BOARD_FLEET,
    BOARD_CENSUS,
    BOARD_NEWS,  // "events" for who may see telemetry and journals
    BOARD_PLAIN, // "events" for the others
    BOARD_INTAKE,
    BOARD_JOBS,
    BOARD_ALERTS,
    BOARD_TOPICS,
};

struct boards;
struct board;

// stir runs in the publisher's thread at the first news since a tick.
struct boards *boards_new(void (*stir)(void *ctx), void *ctx);
void boards_free(struct boards *b); // NULL is fine; after all that publish have ended

void boards_take(void *boards, const struct bus_event *e); // a bus_sink
// The live thread's: makes frames of what happened. now is monotonic ms; within 50 ms of the last
// frames it does nothing. Whether it made any.
bool boards_tick(struct boards *b, int64_t now);

// The catalog's board; as many leave as join. NULL when out of memory.
struct board *board_join(struct boards *b, int32_t catalog);
void board_leave(struct board *b, int64_t now); // NULL is fine

// -1 if there is no such topic.
int board_topic_find(const char *name, bool may_see_telemetry);
const char *board_topic_name(enum board_topic t);

bool board_has(const struct board *b, enum board_topic t, const struct reader *r);
// The next frame for r, or NULL; drop it. *whole says that it is a snapshot.
struct frame *board_next(struct board *b, enum board_topic t, struct reader *r, bool *whole);
