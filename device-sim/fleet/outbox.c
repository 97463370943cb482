// SPDX-License-Identifier: Apache-2.0

#include "fleet/outbox.h"

#include <stdlib.h>
#include <string.h>

void outbox_done(struct outbox *b)
{
    free(b->ring);
    *b = (struct outbox){ 0 };
}

static struct item *at(struct outbox *b, uint32_t i)
{
    return &b->ring[(b->head + i) & (b->cap - 1)];
}

size_t outbox_messages(const struct outbox *b)
{
    size_t n = 0;

    for (uint32_t i = 0; i < b->len; i++)
        n += b->ring[(b->head + i) & (b->cap - 1)].count;
    return n;
}

static bool grow(struct outbox *b)
{
    uint32_t cap = b->cap ? b->cap * 2 : 4;
    struct item *ring = b->len < OUTBOX_ITEMS_MAX ? malloc(cap * sizeof *ring) : NULL;

    if (!ring)
        return false;
    for (uint32_t i = 0; i < b->len; i++)
        ring[i] = *at(b, i);
    free(b->ring);
    b->ring = ring;
    b->cap = cap;
    b->head = 0;
    return true;
}

bool outbox_add(struct outbox *b, enum item_kind kind, unsigned count, int64_t t_ms,
                int64_t from_us)
{
    if (b->len == b->cap && !grow(b))
        return false;
    if (!b->next_seq)
        b->next_seq = 1;
    *at(b, b->len++) = (struct item){
        .seq = b->next_seq,
        .t_ms = t_ms,
        .from_us = from_us,
        .count = (uint16_t)count,
        .kind = (uint8_t)kind,
    };
    b->next_seq += count;
    return true;
}

struct item *outbox_peek(struct outbox *b, int64_t *seq)
{
    if (b->unsent >= b->len)
        return NULL;
    struct item *i = at(b, b->unsent);
    *seq = i->seq + i->sent;
    return i;
}

void outbox_sent(struct outbox *b)
{
    struct item *i = at(b, b->unsent);

    if (i->seq + i->sent > b->sent_seq)
        b->sent_seq = i->seq + i->sent;
    b->in_flight++;
    if (++i->sent == i->count)
        b->unsent++;
}

void outbox_rewind(struct outbox *b)
{
    for (uint32_t i = 0; i < b->len && i <= b->unsent; i++)
        at(b, i)->sent = 0;
    b->unsent = 0;
    b->in_flight = 0;
}

static void take_part(struct outbox *b, struct item *i, unsigned count)
{
    unsigned sent = i->sent < count ? i->sent : count;

    b->in_flight -= sent;
    i->sent = (uint16_t)(i->sent - sent);
    i->seq += count;
    i->count = (uint16_t)(i->count - count);
}

bool outbox_settle(struct outbox *b, int64_t seq, struct item *out)
{
    struct item *i = b->len ? at(b, 0) : NULL;

    if (!i || i->seq > seq)
        return false;
    *out = *i;
    if (seq - i->seq + 1 < i->count)
        out->count = (uint16_t)(seq - i->seq + 1);
    b->settled_seq = i->seq + out->count - 1;
    take_part(b, i, out->count);
    if (i->count)
        return true;
    b->head = (b->head + 1) & (b->cap - 1);
    b->len--;
    if (b->unsent)
        b->unsent--;
    return true;
}
