// SPDX-License-Identifier: Apache-2.0

#include "live/census.h"

#include <inttypes.h>
#include <string.h>

#include "core/clock.h"
#include "live/seats.h"
#include "live/track.h"

static struct frame *frame(const struct census *c, const struct track *t)
{
    int64_t total = 0;
    struct track_text text;

    if (!track_begin(t, t->seq + 1, &text))
        return NULL;
    fprintf(text.to, ",\"snapshot\":true,\"counts\":{");
    for (int s = 0; s < STATE_COUNT; s++) {
        fprintf(text.to, "%s\"%s\":%" PRId64, s ? "," : "", device_state_name((enum device_state)s),
                c->counts[s]);
        total += c->counts[s];
    }
    fprintf(text.to, "},\"total\":%" PRId64 ",\"at\":%" PRId64, total, clock_now_ms());
    return track_end(&text);
}

bool census_tick(struct census *c, const struct seats *seats, struct track *t, int64_t now)
{
    int64_t counts[STATE_COUNT];

    if (now - c->at < CENSUS_MS)
        return false;
    seats_census(seats, counts);
    if (t->snapshot && !memcmp(counts, c->counts, sizeof counts))
        return false;
    c->at = now;
    memcpy(c->counts, counts, sizeof counts);
    track_publish(t, frame(c, t), true);
    return true;
}
