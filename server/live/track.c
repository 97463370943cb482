// SPDX-License-Identifier: Apache-2.0

#include "live/track.h"

#include <inttypes.h>

void track_init(struct track *t, const char *topic)
{
    *t = (struct track){ .topic = topic, .oldest = 1 };
}

void track_clear(struct track *t)
{
    for (size_t i = 0; i < TRACK_RING; i++) {
        frame_drop(t->ring[i]);
        t->ring[i] = NULL;
    }
    frame_drop(t->snapshot);
    t->snapshot = NULL;
    t->oldest = t->seq + 1;
}

void track_restart(struct track *t)
{
    t->seq++;
    track_clear(t);
}

// ---------------------------------------------------------------- writing

bool track_begin(const struct track *t, uint64_t seq, struct track_text *text)
{
    text->to = open_memstream(&text->bytes, &text->len);
    if (text->to)
        fprintf(text->to, "{\"topic\":\"%s\",\"seq\":%" PRIu64, t->topic, seq);
    return text->to;
}

struct frame *track_end(struct track_text *text)
{
    fprintf(text->to, "}");
    (void)fclose(text->to);
    return frame_of(text->bytes, text->len, false);
}

static void put(struct track *t, struct frame *owned)
{
    struct frame **at = &t->ring[t->seq % TRACK_RING];

    frame_drop(*at);
    *at = owned;
    if (t->seq >= TRACK_RING && t->oldest <= t->seq - TRACK_RING)
        t->oldest = t->seq - TRACK_RING + 1;
}

void track_publish(struct track *t, struct frame *owned, bool whole)
{
    if (whole)
        track_clear(t);
    t->seq++;
    if (!owned)
        t->oldest = t->seq + 1;
    put(t, owned);
    if (whole)
        track_keep(t, frame_share(owned));
}

// ---------------------------------------------------------------- reading

bool track_is_behind(const struct track *t, const struct reader *r)
{
    return r->next == 0 || r->next < t->oldest || r->next > t->seq + 1 ||
           (!r->patient && t->seq + 1 - r->next > TRACK_LAG);
}

bool track_has_next(const struct track *t, const struct reader *r)
{
    return r->next <= t->seq;
}

struct frame *track_next(struct track *t, struct reader *r)
{
    if (!track_has_next(t, r))
        return NULL;
    return frame_share(t->ring[r->next++ % TRACK_RING]);
}

bool track_has_snapshot(const struct track *t)
{
    return t->snapshot && t->snapshot_seq == t->seq;
}

void track_keep(struct track *t, struct frame *owned)
{
    frame_drop(t->snapshot);
    t->snapshot = owned;
    t->snapshot_seq = t->seq;
}
