// SPDX-License-Identifier: Apache-2.0
//
// picture: the topic fleet: one byte a seat with its device's state, and what changes in them.
//
//   device_index --picture_load--> seats --picture_tick--> changes, or where many, all of it
//   bus event --picture_state, picture_device--> seats; a stranger is looked up by the next load
//
// What an event told is in the database a little later, so who came or moved is looked up at once
// and once more. All below the board's lock but where it says otherwise.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/rc.h"

#define PICTURE_LAYOUT_MS 1000 // between two words that the layout is another

struct frame;
struct seats;
struct source;
struct track;

struct lookups { // devices to read again
    int64_t *devices;
    size_t count, room;
};

struct picture {
    struct seats *seats; // NULL until the first load
    bool loaded;
    bool layout; // devices came or moved since layout_at
    int64_t layout_at;
    int64_t load_at, loaded_at;   // when to read all again, and when that was; monotonic ms
    int64_t next_seat, looked_at; // of the catalog, when the loader last looked
    struct lookups soon, later;
    int64_t later_at;
};

void picture_drop(struct picture *p);

// What happened. picture_state is true where that is another state than before. Of a device whose
// event has no id many are meant.
bool picture_state(struct picture *p, const struct bus_event *e, int64_t now);
void picture_device(struct picture *p, const struct bus_event *e, int64_t now);

// The loader's, without the lock: reads what is due.
enum rc picture_load(struct picture *p, const struct source *from, struct fault *f);

// Whether it made a frame.
bool picture_tick(struct picture *p, struct track *t, int64_t now);
// All of it, as frame seq.
struct frame *picture_frame(const struct picture *p, uint64_t seq);
// Such a frame as text, for those who cannot read it; any other as it is. Borrowed; NULL when out
// of memory.
const struct frame *picture_text(struct frame *f);
