// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>

#include "core/clock.h"
#include "history/history_own.h"
#include "history/minute.h"
#include "history_sql.h"
#include "store/arg.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct squeezer *, squeezer_freep, squeezer_free)

// Columns of a row, which is a packed hour's minutes, a chunk's count, or a message.
enum {
    AT,
    MESSAGES,
    COUNT,
    TIMES,
    POINTS,
    VALUE
};

struct hour_slot {
    int64_t hour;
    int64_t packed, summed; // messages in chunks, and in minutes
    struct history_hour minutes[MINUTES];
};

struct slots {
    struct squeezer *z;
    struct hour_slot *list; // by time
    size_t count, room;
    struct history_reach *reach;
};

static void slots_done(struct slots *s)
{
    squeezer_free(s->z);
    free(s->list);
}

static struct hour_slot *slot_of(struct slots *s, int64_t hour)
{
    if (s->count && s->list[s->count - 1].hour == hour)
        return &s->list[s->count - 1];
    if (s->count == s->room) {
        size_t room = s->room ? s->room * 2 : 32;
        struct hour_slot *grown = reallocarray(s->list, room, sizeof *grown);

        if (!grown)
            return NULL;
        s->list = grown;
        s->room = room;
    }
    s->list[s->count] = (struct hour_slot){ .hour = hour };
    return &s->list[s->count++];
}

static void add_sum(struct slots *s, struct hour_slot *slot, const struct minute_sum *m)
{
    size_t at = (size_t)((m->last_at - slot->hour) / MINUTE_MS);
    const struct history_hour part = { .t = m->last_at / MINUTE_MS * MINUTE_MS,
                                       .count = m->count,
                                       .min = m->low,
                                       .max = m->high,
                                       .sum = bounded(m->total),
                                       .last = m->final,
                                       .last_at = m->last_at };

    slot->minutes[at].t = part.t;
    hour_merge(&slot->minutes[at], &part);
    s->reach->messages += m->count;
}

static enum rc add_minutes(struct slots *s, struct hour_slot *slot, const struct rows *r, int i,
                           struct fault *f)
{
    struct minutes_source from = { .messages = (size_t)int4_at(r, i, MESSAGES),
                                   .count = (size_t)int4_at(r, i, COUNT),
                                   .hour = slot->hour };
    struct minute_sum sums[MINUTES];

    from.times = rows_bytes(r, i, TIMES, &from.times_len);
    from.points = rows_bytes(r, i, POINTS, &from.points_len);
    if (!from.times || !from.points || !minutes_read(s->z, &from, sums))
        return fail(f, RC_INTERNAL, "minutes of telemetry are damaged");
    for (size_t k = 0; k < from.count; k++)
        add_sum(s, slot, &sums[k]);
    slot->summed += (int64_t)from.messages;
    s->reach->any = true;
    return RC_OK;
}

static enum rc add_row(struct slots *s, const struct rows *r, int i, struct fault *f)
{
    int64_t t = time_at(r, i, AT);
    struct hour_slot *slot = slot_of(s, hour_of(t));

    if (!slot)
        return fail(f, RC_INTERNAL, "out of memory");
    if (!is_null(r, i, COUNT))
        return add_minutes(s, slot, r, i, f);
    if (!is_null(r, i, MESSAGES)) {
        slot->packed += int4_at(r, i, MESSAGES);
    } else if (!is_null(r, i, VALUE)) {
        double v = real_at(r, i, VALUE);

        add_sum(s, slot, &(struct minute_sum){ 1, t, v, v, v, v });
    }
    return RC_OK;
}

static enum rc add_rows(struct slots *s, const struct rows *r, struct fault *f)
{
    enum rc rc = RC_OK;

    for (int i = 0; rc == RC_OK && i < rows_count(r); i++)
        rc = add_row(s, r, i, f);
    for (size_t i = 0; i < s->count; i++) {
        s->reach->whole &= s->list[i].packed <= s->list[i].summed;
        s->reach->kept &= s->list[i].summed <= s->list[i].packed;
    }
    return rc;
}

static void hand_on(const struct slots *s, const struct history_query *q, history_hours_sink *sink,
                    void *ctx)
{
    bool more = true;

    for (size_t i = 0; more && i < s->count; i++) {
        struct history_hour list[MINUTES];
        size_t n = 0;

        for (size_t k = 0; k < MINUTES; k++) {
            const struct history_hour *m = &s->list[i].minutes[k];

            if (m->count && m->t + MINUTE_MS > q->from && m->t <= q->to)
                list[n++] = *m;
        }
        more = n == 0 || sink(ctx, 0, list, n);
    }
}

static enum rc ask(struct store *s, const struct history_query *q, const struct places *places,
                   struct rows **out, struct fault *f)
{
    char hour[RFC3339_LEN + 1], from[RFC3339_LEN + 1], to[RFC3339_LEN + 1];
    const char *args[] = {
        ARG_INT(q->catalog), ARG_INT(q->device), places->shapes, places->in_shape, hour, from, to
    };

    clock_rfc3339(hour_of(q->from), hour);
    clock_rfc3339(q->from - q->from % MINUTE_MS, from);
    clock_rfc3339(q->to - q->to % MINUTE_MS + MINUTE_MS - 1, to);
    return store_run(s, &Q_HISTORY_MINUTES, args, out, f);
}

enum rc history_minutes(struct store *s, const struct history_query *q, history_hours_sink *sink,
                        void *ctx, struct history_reach *reach, struct fault *f)
{
    auto_places places = { 0 };
    auto_with(rows_freep) struct rows *r = NULL;
    auto_with(slots_done) struct slots slots = { .z = squeezer_new(), .reach = reach };
    enum rc rc = slots.z ? places_find(s, q->catalog, q->metrics[0], &places, f)
                         : fail(f, RC_INTERNAL, "out of memory");

    *reach = (struct history_reach){ .whole = true, .kept = true };
    if (rc != RC_OK || places.nobody)
        return rc;
    rc = ask(s, q, &places, &r, f);
    if (rc == RC_OK)
        rc = add_rows(&slots, r, f);
    if (rc == RC_OK && reach->whole)
        hand_on(&slots, q, sink, ctx);
    return rc;
}
