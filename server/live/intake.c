// SPDX-License-Identifier: Apache-2.0

#include "live/intake.h"

#include <inttypes.h>

#include "core/clock.h"
#include "live/track.h"

void intake_take(struct intake *i, const struct bus_event *e)
{
    atomic_fetch_add_explicit(&i->messages, e->messages, memory_order_relaxed);
    atomic_fetch_add_explicit(&i->refused, e->refused, memory_order_relaxed);
}

void intake_begin(struct intake *i)
{
    i->messages_before = atomic_load(&i->messages);
    i->refused_before = atomic_load(&i->refused);
}

static struct frame *frame(const struct track *t, double messages, double refused)
{
    struct track_text text;

    if (!track_begin(t, t->seq + 1, &text))
        return NULL;
    fprintf(text.to, ",\"snapshot\":true,\"messages\":%.0f,\"refused\":%.0f,\"at\":%" PRId64,
            messages, refused, clock_now_ms());
    return track_end(&text);
}

bool intake_tick(struct intake *i, struct track *t, int64_t now)
{
    uint64_t messages = atomic_load(&i->messages), refused = atomic_load(&i->refused);
    // Since when the first ones are is not known: they count as none.
    double seconds = i->at ? (double)(now - i->at) / 1000 : 1e12;

    if (now - i->at < INTAKE_MS)
        return false;
    track_publish(t,
                  frame(t, (double)(messages - i->messages_before) / seconds,
                        (double)(refused - i->refused_before) / seconds),
                  true);
    i->at = now;
    i->messages_before = messages;
    i->refused_before = refused;
    return true;
}
