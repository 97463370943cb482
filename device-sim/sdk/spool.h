// SPDX-License-Identifier: Apache-2.0
//
// spool: messages on disk from the moment they are made until the server has them.
//
//   put -> NNNNNNNN.seg (append only) --next--> sent --settled--> segment deleted
//
// Each record carries its own boot, sequence number and CRC. A torn or damaged tail is cut off
// when the spool is opened; what was written before a kill -9 is sent again, oldest boot first.
// The folder never holds more than its limit: the oldest segment goes first, and is counted.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define SPOOL_TEXT_MAX 16384

struct spool_record {
    int64_t boot, seq;
    const char *text; // borrowed
    size_t len;
};

struct spool;

// boot is that of the messages to come; records of another are sent with their own.
enum rc spool_open(const char *dir, int64_t limit_bytes, int64_t boot, struct spool **out,
                   struct fault *f);
void spool_close(struct spool *s); // NULL is fine; keeps the files

// text is one JSON object. RC_UNAVAILABLE if the disk did not take it: counted as dropped.
enum rc spool_put(struct spool *s, int64_t seq, const char *text, size_t len, struct fault *f);

// The next unsent message, with its boot when that is not this one. Returns its length, 0 if there
// is none or it needs more room.
size_t spool_next(struct spool *s, char *to, size_t room);
size_t spool_in_flight(const struct spool *s); // sent and not settled
size_t spool_waiting(const struct spool *s);   // not settled, sent or not
void spool_settled(struct spool *s, int64_t boot, int64_t seq);
void spool_rewind(struct spool *s); // the connection is gone: what is not settled is unsent

// Messages lost to the limit, a full disk or a damaged file since the last call.
size_t spool_take_dropped(struct spool *s);

// One record at the start of bytes: its size, or 0 if there is no whole, undamaged one.
size_t spool_parse(const uint8_t *bytes, size_t len, struct spool_record *out);
