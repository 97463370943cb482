// SPDX-License-Identifier: Apache-2.0
//
// seats: the state of every device of a catalog, one byte each, by seat.
//
//   device_index --seats_load--> [seat] = state <--seats_set-- bus events;  seats_news: what
//   changed
//
// A seat is minted once a catalog and never used again, so a page can keep its picture by seat and
// be told of a change with two numbers. What an event said is newer than what a query read that
// began before it: seats_load() leaves such a seat alone. Not locked; its owner does that.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"

#define SEAT_EMPTY 255 // nobody sits there, or a retired device

struct seats;

struct seat_row { // of device_index
    int64_t device;
    uint32_t seat;
    int lifecycle, state;
};

struct seats *seats_new(void);
void seats_free(struct seats *s); // NULL is fine

// Of a query that began at since (monotonic ms). False when out of memory.
bool seats_load(struct seats *s, const struct seat_row *row, int64_t since);
// Around the seats_load()s of a query that reads all: who was not among them is gone.
void seats_load_begin(struct seats *s);
void seats_load_end(struct seats *s);

bool seats_know(const struct seats *s, int64_t device);
// -1 where nobody knows the device.
int seats_lifecycle(const struct seats *s, int64_t device);
// What an event said at now (monotonic ms). True if the state was another one; false also for a
// device that is not known.
bool seats_set(struct seats *s, int64_t device, int state, int64_t now);
void seats_live(struct seats *s, int64_t device, int lifecycle, int64_t now);

uint32_t seats_count(const struct seats *s); // the highest seat and one
const uint8_t *seats_states(const struct seats *s);
void seats_census(const struct seats *s, int64_t out[STATE_COUNT]);

// Seats whose state is another one than at the last seats_news_taken(), each once.
size_t seats_news(const struct seats *s, const uint32_t **out);
void seats_news_taken(struct seats *s);
