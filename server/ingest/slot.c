// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <string.h>

#include "ingest/engine.h"
#include "protocol/protocol.h"

#define FIRST_BUCKETS 256
// Later than any deadline of a state.
#define FAR_FUTURE (INT64_MAX / 4)

static _Thread_local bool publishing;

static size_t bucket_of(const struct shard *h, int64_t device)
{
    return (size_t)((uint64_t)device * 0x9e3779b97f4a7c15u >> 20) & (h->bucket_count - 1);
}

struct slot *slot_find(const struct shard *h, int32_t catalog, int64_t device)
{
    if (!h->bucket_count)
        return NULL;
    for (struct slot *s = h->buckets[bucket_of(h, device)]; s; s = s->next) {
        if (s->device == device && s->catalog == catalog)
            return s;
    }
    return NULL;
}

static void put(struct shard *h, struct slot *s)
{
    struct slot **bucket = &h->buckets[bucket_of(h, s->device)];

    s->next = *bucket;
    *bucket = s;
}

static bool grow(struct shard *h)
{
    size_t count = h->bucket_count, more = count ? count * 2 : FIRST_BUCKETS;
    struct slot **old = h->buckets, **buckets;

    if (h->slot_count < count)
        return true;
    buckets = calloc(more, sizeof(struct slot *));
    if (!buckets)
        return false;
    h->buckets = buckets;
    h->bucket_count = more;
    for (size_t i = 0; i < count; i++) {
        for (struct slot *s = old[i], *next; s; s = next) {
            next = s->next;
            put(h, s);
        }
    }
    free(old);
    return true;
}

struct slot *slot_make(struct shard *h, int32_t catalog, int64_t device, const char *id)
{
    struct slot *s = grow(h) ? calloc(1, sizeof *s) : NULL;

    if (!s)
        return NULL;
    s->catalog = catalog;
    s->device = device;
    memccpy(s->id, id, '\0', DEVICE_ID_LEN);
    put(h, s);
    h->slot_count++;
    return s;
}

void slot_load(struct slot *s, const struct rows *r, int row)
{
    s->state = (uint8_t)rows_int(r, row, "state");
    s->done.boot = s->taken.boot = rows_int(r, row, "boot");
    s->done.seq = s->taken.seq = rows_int(r, row, "last_seq");
    s->hello_boot = rows_int(r, row, "hello_boot");
    s->last_at = rows_int(r, row, "last_at");
    s->seen_at = rows_int(r, row, "last_seen");
}

void slot_load_facts(struct slot *s, const struct rows *r, int row)
{
    s->facts.verdict = (enum verdict)rows_int(r, row, "verdict");
    s->facts.quarantined_by_hand = rows_bool(r, row, "by_hand");
    s->facts.attested_once = rows_bool(r, row, "attested");
    s->facts.renewal_due_at = rows_int(r, row, "renewal_due");
    s->facts.high_alert = rows_bool(r, row, "alerted");
    s->facts.ping_ms = PING_S * 1000;
}

void slot_soil(struct shard *h, struct slot *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    s->next_dirty = h->dirty;
    h->dirty = s;
    h->dirty_count++;
}

bool slot_judge(struct shard *h, struct slot *s, int64_t now, struct change *out)
{
    enum device_state state;
    bool changed;

    s->facts.now = now;
    state = device_state_of(&s->facts, &s->why);
    changed = state != (enum device_state)s->state;
    if (changed) {
        s->state = (uint8_t)state;
        s->state_since = now;
        slot_soil(h, s);
    }
    *out = (struct change){
        .catalog = s->catalog,
        .device = s->device,
        .at = s->facts.online ? now : s->facts.last_session_at,
        .state = state,
        .online = s->facts.online,
        .why = s->why,
    };
    memcpy(out->id, s->id, sizeof out->id);
    return changed;
}

void slot_start_anew(struct shard *h, struct slot *s)
{
    if (!s->anew || s->session || s->pending)
        return;
    s->anew = false;
    s->hello_boot = 0;
    s->taken = s->done = (struct position){ 0 };
    slot_soil(h, s);
}

bool slot_is_idle(const struct slot *s, int64_t mono_ms)
{
    struct device_facts later = s->facts;

    if (s->session || s->pending || s->dirty || s->again || s->anew ||
        mono_ms - s->written_at < DURABLE_MS)
        return false;
    later.now = FAR_FUTURE;
    return device_state_of(&later, NULL) == (enum device_state)s->state;
}

void slot_free(struct slot *s)
{
    free(s->last_values);
    free(s);
}

void change_publish(struct ingest *g, const struct change *c)
{
    struct bus_event e = {
        .kind = BUS_STATE,
        .catalog = c->catalog,
        .device = c->device,
        .id = c->id,
        .at = c->at,
        .state = (int)c->state,
        .online = c->online,
        .text = c->why,
    };

    publishing = true;
    bus_publish(g->bus, &e);
    publishing = false;
}

bool change_is_ours(void)
{
    return publishing;
}
