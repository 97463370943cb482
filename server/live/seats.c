// SPDX-License-Identifier: Apache-2.0

#include "live/seats.h"

#include <stdlib.h>
#include <string.h>

#define STAMP_MS  100  // what a stamp counts in; 16 bits of it last 109 minutes
#define SETTLE_MS 3000 // a state that an event told is in the database within this

struct place {
    uint8_t lifecycle;
    uint8_t round;  // of the load that saw it last
    bool fresh;     // among the news
    bool stamped;   // stamp holds
    uint16_t stamp; // when an event last said something
};

struct slot { // of the table by device; open addressing
    int64_t device;
    uint32_t seat;
};

struct seats {
    uint32_t count, room; // of seats
    uint8_t *states;
    struct place *places;
    struct slot *slots;
    size_t slot_count, slot_used; // slot_count is a power of two
    uint32_t *news;
    size_t news_count, news_room;
    int64_t census[STATE_COUNT];
    uint8_t round;
};

struct seats *seats_new(void)
{
    return calloc(1, sizeof(struct seats));
}

void seats_free(struct seats *s)
{
    if (!s)
        return;
    free(s->states);
    free(s->places);
    free(s->slots);
    free(s->news);
    free(s);
}

// ---------------------------------------------------------------- by device

static size_t slot_at(const struct slot *slots, size_t count, int64_t device)
{
    uint64_t hash = (uint64_t)device * 0x9e3779b97f4a7c15u; // Fibonacci hashing
    size_t at = (size_t)(hash >> 20) & (count - 1);

    while (slots[at].device && slots[at].device != device)
        at = (at + 1) & (count - 1);
    return at;
}

static const struct slot *find(const struct seats *s, int64_t device)
{
    const struct slot *slot;

    if (!s->slot_count || !device)
        return NULL;
    slot = &s->slots[slot_at(s->slots, s->slot_count, device)];
    return slot->device ? slot : NULL;
}

static bool grow_slots(struct seats *s)
{
    size_t count = s->slot_count ? s->slot_count * 2 : 1024;
    struct slot *slots = calloc(count, sizeof *slots);

    if (!slots)
        return false;
    for (size_t i = 0; i < s->slot_count; i++)
        if (s->slots[i].device)
            slots[slot_at(slots, count, s->slots[i].device)] = s->slots[i];
    free(s->slots);
    s->slots = slots;
    s->slot_count = count;
    return true;
}

static bool add_slot(struct seats *s, int64_t device, uint32_t seat)
{
    struct slot *slot;

    if (s->slot_used * 4 >= s->slot_count * 3 && !grow_slots(s))
        return false;
    slot = &s->slots[slot_at(s->slots, s->slot_count, device)];
    s->slot_used += slot->device == 0;
    *slot = (struct slot){ device, seat };
    return true;
}

// ---------------------------------------------------------------- by seat

static bool grow_seats(struct seats *s, uint32_t seat)
{
    uint32_t room = s->room ? s->room : 1024;
    uint8_t *states;
    struct place *places;

    while (room <= seat && room < UINT32_MAX / 2)
        room *= 2;
    states = realloc(s->states, room);
    if (!states)
        return false;
    s->states = states;
    places = reallocarray(s->places, room, sizeof *places);
    if (!places || room <= seat)
        return false;
    s->places = places;
    memset(states + s->room, SEAT_EMPTY, room - s->room);
    memset(places + s->room, 0, (room - s->room) * sizeof *places);
    s->room = room;
    return true;
}

static void tell(struct seats *s, uint32_t seat)
{
    if (s->places[seat].fresh)
        return;
    if (s->news_count == s->news_room) {
        size_t room = s->news_room ? s->news_room * 2 : 256;
        uint32_t *news = reallocarray(s->news, room, sizeof *news);

        if (!news)
            return; // the next change of this seat, or the next load, tells it
        s->news = news;
        s->news_room = room;
    }
    s->news[s->news_count++] = seat;
    s->places[seat].fresh = true;
}

static bool put_state(struct seats *s, uint32_t seat, int state)
{
    uint8_t old = s->states[seat];
    uint8_t now = state >= 0 && state < STATE_COUNT ? (uint8_t)state : SEAT_EMPTY;

    if (old == now)
        return false;
    if (old < STATE_COUNT)
        s->census[old]--;
    if (now < STATE_COUNT)
        s->census[now]++;
    s->states[seat] = now;
    tell(s, seat);
    return true;
}

static void stamp(struct place *p, int64_t now)
{
    p->stamp = (uint16_t)(now / STAMP_MS);
    p->stamped = true;
}

// Whether an event said something that the database may not have had at since.
static bool is_newer(const struct place *p, int64_t since)
{
    uint16_t age = (uint16_t)((uint16_t)(since / STAMP_MS) - p->stamp);

    return p->stamped && (age < SETTLE_MS / STAMP_MS || age > UINT16_MAX / 2);
}

// ---------------------------------------------------------------- loading

void seats_load_begin(struct seats *s)
{
    s->round++;
}

bool seats_load(struct seats *s, const struct seat_row *row, int64_t since)
{
    struct place *p;
    bool known = seats_know(s, row->device);

    if ((row->seat >= s->room && !grow_seats(s, row->seat)) ||
        (!known && !add_slot(s, row->device, row->seat)))
        return false;
    if (row->seat >= s->count)
        s->count = row->seat + 1;
    p = &s->places[row->seat];
    p->round = s->round;
    if (known && is_newer(p, since))
        return true;
    p->stamped = false;
    p->lifecycle = (uint8_t)row->lifecycle;
    put_state(s, row->seat, row->lifecycle == DEVICE_RETIRED ? SEAT_EMPTY : row->state);
    return true;
}

void seats_load_end(struct seats *s)
{
    for (size_t i = 0; i < s->slot_count; i++) {
        const struct slot *slot = &s->slots[i];

        if (slot->device && s->places[slot->seat].round != s->round)
            put_state(s, slot->seat, SEAT_EMPTY);
    }
}

// ---------------------------------------------------------------- events

bool seats_know(const struct seats *s, int64_t device)
{
    return find(s, device) != NULL;
}

int seats_lifecycle(const struct seats *s, int64_t device)
{
    const struct slot *slot = find(s, device);

    return slot ? s->places[slot->seat].lifecycle : -1;
}

bool seats_set(struct seats *s, int64_t device, int state, int64_t now)
{
    const struct slot *slot = find(s, device);

    if (!slot || s->places[slot->seat].lifecycle == DEVICE_RETIRED)
        return false;
    stamp(&s->places[slot->seat], now);
    return put_state(s, slot->seat, state);
}

// Who is unclaimed has no past and is unknown again; who is retired leaves the picture.
void seats_live(struct seats *s, int64_t device, int lifecycle, int64_t now)
{
    const struct slot *slot = find(s, device);
    struct place *p;

    if (!slot)
        return;
    p = &s->places[slot->seat];
    if (p->lifecycle == lifecycle)
        return;
    p->lifecycle = (uint8_t)lifecycle;
    stamp(p, now);
    if (lifecycle == DEVICE_RETIRED)
        put_state(s, slot->seat, SEAT_EMPTY);
    else if (lifecycle == DEVICE_REGISTERED || s->states[slot->seat] == SEAT_EMPTY)
        put_state(s, slot->seat, STATE_UNKNOWN);
}

// ---------------------------------------------------------------- reading

uint32_t seats_count(const struct seats *s)
{
    return s->count;
}

const uint8_t *seats_states(const struct seats *s)
{
    return s->states;
}

void seats_census(const struct seats *s, int64_t out[STATE_COUNT])
{
    memcpy(out, s->census, sizeof s->census);
}

size_t seats_news(const struct seats *s, const uint32_t **out)
{
    *out = s->news;
    return s->news_count;
}

void seats_news_taken(struct seats *s)
{
    for (size_t i = 0; i < s->news_count; i++)
        s->places[s->news[i]].fresh = false;
    s->news_count = 0;
}
