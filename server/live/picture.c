// SPDX-License-Identifier: Apache-2.0

#include "live/picture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/hex.h"
#include "live/seats.h"
#include "live/track.h"

#define LOOKUPS_MAX 5000 // more than that, and reading all is cheaper
#define SETTLE_MS   3200 // after which the database has what an event told
#define HEAD_SIZE   8    // of a frame: its number and that of the seats
#define CHANGE_SIZE 14   // bytes of "[123456,1],", roughly

void picture_drop(struct picture *p)
{
    seats_free(p->seats);
    p->seats = NULL;
    p->loaded = false;
    p->load_at = 0;
    free(p->soon.devices);
    free(p->later.devices);
    p->soon = p->later = (struct lookups){ 0 };
}

// ---------------------------------------------------------------- what happened

static void look(struct picture *p, struct lookups *l, int64_t device)
{
    if (l->count == LOOKUPS_MAX) {
        p->load_at = clock_mono_ms() + SETTLE_MS;
        return;
    }
    if (l->count == l->room) {
        size_t room = l->room ? l->room * 2 : 64;
        int64_t *devices = reallocarray(l->devices, room, sizeof *devices);

        if (!devices) {
            p->load_at = 0;
            return;
        }
        l->devices = devices;
        l->room = room;
    }
    l->devices[l->count++] = device;
}

// And once more when the database has settled.
static void look_twice(struct picture *p, int64_t device, int64_t now)
{
    if (!seats_know(p->seats, device))
        look(p, &p->soon, device);
    if (p->later.count == 0)
        p->later_at = now + SETTLE_MS;
    look(p, &p->later, device);
}

bool picture_state(struct picture *p, const struct bus_event *e, int64_t now)
{
    if (seats_know(p->seats, e->device))
        return seats_set(p->seats, e->device, e->state, now);
    look_twice(p, e->device, now);
    return false;
}

void picture_device(struct picture *p, const struct bus_event *e, int64_t now)
{
    p->layout = true;
    if (!e->id) {
        p->load_at = p->loaded_at + PICTURE_LAYOUT_MS;
        return;
    }
    seats_live(p->seats, e->device, e->lifecycle, now);
    look_twice(p, e->device, now);
}

// ---------------------------------------------------------------- frames

static void put_u32(char *to, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(n >> (8 * i));
}

static uint32_t get_u32(const char *from)
{
    uint32_t n = 0;

    for (int i = 0; i < 4; i++)
        n |= (uint32_t)(uint8_t)from[i] << (8 * i);
    return n;
}

struct frame *picture_frame(const struct picture *p, uint64_t seq)
{
    uint32_t count = seats_count(p->seats);
    size_t size = HEAD_SIZE + (size_t)count;
    char *bytes = malloc(size);

    if (!bytes)
        return NULL;
    put_u32(bytes, (uint32_t)seq);
    put_u32(bytes + 4, count);
    if (count)
        memcpy(bytes + HEAD_SIZE, seats_states(p->seats), count);
    return frame_of(bytes, size, true);
}

static struct frame *changes(const struct picture *p, const struct track *t, const uint32_t *news,
                             size_t count)
{
    const uint8_t *states = seats_states(p->seats);
    struct track_text text;

    if (!track_begin(t, t->seq + 1, &text))
        return NULL;
    fprintf(text.to, ",\"changes\":[");
    for (size_t i = 0; i < count; i++)
        fprintf(text.to, "%s[%" PRIu32 ",%u]", i ? "," : "", news[i], states[news[i]]);
    fprintf(text.to, "]");
    return track_end(&text);
}

// Where so many changed that the whole picture is shorter, that.
static bool tick_changes(struct picture *p, struct track *t)
{
    const uint32_t *news;
    size_t count = seats_news(p->seats, &news);
    bool whole = count * CHANGE_SIZE > 64 + (size_t)seats_count(p->seats);

    if (count == 0)
        return false;
    track_publish(t, whole ? picture_frame(p, t->seq + 1) : changes(p, t, news, count), whole);
    seats_news_taken(p->seats);
    return true;
}

static struct frame *layout(const struct track *t)
{
    struct track_text text;

    if (!track_begin(t, t->seq + 1, &text))
        return NULL;
    fprintf(text.to, ",\"layout\":true");
    return track_end(&text);
}

static bool tick_layout(struct picture *p, struct track *t, int64_t now)
{
    if (!p->layout || now - p->layout_at < PICTURE_LAYOUT_MS)
        return false;
    p->layout = false;
    p->layout_at = now;
    track_publish(t, layout(t), false);
    return true;
}

bool picture_tick(struct picture *p, struct track *t, int64_t now)
{
    bool changed = tick_changes(p, t);

    return tick_layout(p, t, now) || changed;
}

const struct frame *picture_text(struct frame *f)
{
    uint32_t count;
    char *text;
    size_t room;
    int n;

    if (!f->binary || f->text)
        return f->binary ? f->text : f;
    count = (uint32_t)(f->len - HEAD_SIZE);
    room = 120 + BASE64_SIZE(count);
    text = malloc(room);
    if (!text)
        return NULL;
    n = snprintf(text, room,
                 "{\"topic\":\"fleet\",\"seq\":%" PRIu32 ",\"count\":%" PRIu32 ",\"states\":\"",
                 get_u32(f->bytes), count);
    n += (int)base64_encode((const uint8_t *)f->bytes + HEAD_SIZE, count, text + n);
    n += snprintf(text + n, room - (size_t)n, "\"}");
    f->text = frame_of(text, (size_t)n, false);
    return f->text;
}
