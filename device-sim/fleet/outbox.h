// SPDX-License-Identifier: Apache-2.0
//
// outbox: what one emulated device has made and the server does not have yet, in memory.
//
//   add -> [item item item …] --next, message by message--> sent --settled--> gone
//                 ^ rewind: unsent again
//
// An item is a run of messages of one kind made at one moment, some 40 bytes; their text is
// written when it is sent, the same text each time.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/writer.h"

struct item {
    int64_t seq; // of the first message
    int64_t t_ms;
    int64_t from_us; // when it was meant to be sent, monotonic
    uint16_t count, sent;
    uint8_t kind; // enum item_kind
};

struct outbox {
    struct item *ring;
    uint32_t cap, head, len; // cap is a power of two
    uint32_t unsent;         // items before this one were sent whole
    uint32_t in_flight;      // messages
    int64_t next_seq, sent_seq, settled_seq;
};

#define OUTBOX_ITEMS_MAX 4096

void outbox_done(struct outbox *b);
size_t outbox_messages(const struct outbox *b); // not settled
// False if the outbox is full: nothing is added.
bool outbox_add(struct outbox *b, enum item_kind kind, unsigned count, int64_t t_ms,
                int64_t from_us);
// The item whose next message is to be sent, and that message's number; NULL if none.
struct item *outbox_peek(struct outbox *b, int64_t *seq);
void outbox_sent(struct outbox *b); // the message just peeked at
void outbox_rewind(struct outbox *b);
// Takes out what is settled up to seq, one item (or its part) a call: false if there is no more.
// out->count tells how many messages.
bool outbox_settle(struct outbox *b, int64_t seq, struct item *out);
