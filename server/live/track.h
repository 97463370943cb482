// SPDX-License-Identifier: Apache-2.0
//
// track: the frames of one topic, each made once for all who read it.
//
//   track_begin, members, track_end --track_publish--> ring --track_next--> readers
//
// A reader is a number, the next frame it wants: one that reads nothing costs nothing. One that is
// new or fell behind gets a snapshot, which is made when first asked for and kept as long as it is
// the newest there is. Belongs to the live thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "live/frame.h"

#define TRACK_RING 256 // frames kept, for those who come back
#define TRACK_LAG  16  // frames a reader may be behind before it gets a snapshot

struct reader { // all zero: new
    uint64_t next;
    bool patient; // takes all that the ring has, however far behind: it came back
};

struct track {
    const char *topic;              // its name
    uint64_t seq;                   // of the newest frame
    uint64_t oldest;                // in the ring
    struct frame *ring[TRACK_RING]; // the one of seq s is at s % TRACK_RING
    struct frame *snapshot;
    uint64_t snapshot_seq;
};

void track_init(struct track *t, const char *topic);
void track_clear(struct track *t);
// Whoever read it until now starts again with a snapshot.
void track_restart(struct track *t);

struct track_text { // a frame being written
    FILE *to;
    char *bytes;
    size_t len;
};

// Begins the object that is number seq of t; more members are to follow in text->to. False when
// out of memory.
bool track_begin(const struct track *t, uint64_t seq, struct track_text *text);
struct frame *track_end(struct track_text *text);

// owned becomes the next frame; NULL, which could not be made, leaves all readers behind. A whole
// one is a snapshot too, and makes those before it useless.
void track_publish(struct track *t, struct frame *owned, bool whole);

bool track_is_behind(const struct track *t, const struct reader *r);
bool track_has_next(const struct track *t, const struct reader *r);
// The next frame for one that is not behind; drop it.
struct frame *track_next(struct track *t, struct reader *r);

bool track_has_snapshot(const struct track *t); // of the newest frame
void track_keep(struct track *t, struct frame *owned);
