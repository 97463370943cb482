// SPDX-License-Identifier: Apache-2.0

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "fleet/fleet.h"

#define LOG_ONE_IN   40
#define EVENT_ONE_IN 150

// ---------------------------------------------------------------- messages

bool unit_may_talk(const struct unit *u)
{
    return behaviours[u->behaviour].talks && !u->link.quarantined;
}

bool unit_add(struct unit *u, enum item_kind kind, unsigned count, int64_t from_us)
{
    int64_t seq = u->box.next_seq ? u->box.next_seq : 1;

    if (!outbox_add(&u->box, kind, count, link_now_ms(&u->link), from_us)) {
        u->fleet->overrun += count;
        return false;
    }
    if (u->book && kind != ITEM_TELEMETRY)
        ledger_other(u->book, seq);
    u->fleet->outstanding += count;
    return true;
}

// In a closed loop the next frame is made when there is room for a whole one.
static struct item *refill(struct unit *u, int64_t *seq)
{
    const struct fleet_options *o = u->fleet->o;

    if (!o->closed || u->fleet->phase != PHASE_MEASURE || !behaviours[u->behaviour].talks ||
        u->box.in_flight + (uint64_t)o->frame > (uint64_t)o->closed)
        return NULL;
    if (!unit_add(u, ITEM_TELEMETRY, (unsigned)o->frame, clock_mono_us()))
        return NULL;
    return outbox_peek(&u->box, seq);
}

static size_t next_message(void *owner, char *to, size_t room)
{
    struct unit *u = owner;
    int64_t seq;
    struct item *i = outbox_peek(&u->box, &seq);
    struct writer_who who = { &u->persona, u->index, u->link.boot, u->link.settings };

    if (!i && !(i = refill(u, &seq)))
        return 0;
    size_t n = writer_print(u->fleet->writer, &who, i->kind, seq, i->t_ms, to, room);
    if (!n)
        return 0;
    outbox_sent(&u->box);
    u->fleet->sent++;
    if (u->book && seq > u->book->sent)
        u->book->sent = seq;
    return n;
}

static size_t in_flight(void *owner)
{
    const struct unit *u = owner;

    return u->box.in_flight;
}

static void settled(void *owner, int64_t boot, int64_t seq)
{
    struct unit *u = owner;
    struct fleet *f = u->fleet;
    struct item i;

    if (boot != u->link.boot) // of an earlier run of the fleet, which kept nothing
        return;
    int64_t now_us = clock_mono_us();
    while (outbox_settle(&u->box, seq, &i)) {
        f->outstanding -= i.count;
        if (i.kind != ITEM_TELEMETRY)
            continue;
        f->acked += i.count;
        if (f->phase == PHASE_MEASURE)
            histogram_add(&f->latency, now_us - i.from_us, i.count);
    }
    if (u->book && u->box.settled_seq > u->book->acked)
        u->book->acked = u->box.settled_seq;
}

static void rewind_box(void *owner)
{
    struct unit *u = owner;

    outbox_rewind(&u->box);
}

static void nacked(void *owner, int64_t seq, const char *code, const char *text)
{
    struct unit *u = owner;

    u->fleet->nacked++;
    if (u->book && seq > 0 && strcmp(code, "rate")) // those are sent again
        ledger_other(u->book, seq);
    if (u->fleet->o->stats)
        fprintf(stderr, "%s: message %lld refused (%.32s): %.200s\n", u->persona.name,
                (long long)seq, code, text);
}

// ---------------------------------------------------------------- keys and evidence

static bool give_factory(void *owner, struct p256 *out)
{
    const struct unit *u = owner;

    *out = state_record(u->fleet->state, u->index)->factory;
    return true;
}

static bool give_credential(void *owner, struct credential *out)
{
    const struct unit *u = owner;

    return state_credential(u->fleet->state, state_record(u->fleet->state, u->index), out);
}

static void keep_credential(void *owner, const struct credential *c)
{
    const struct unit *u = owner;

    state_keep(state_record(u->fleet->state, u->index), c);
    if (c)
        state_set_time(u->fleet->state, link_now_ms(&u->link));
}

static void give_facts(void *owner, struct eat_facts *out)
{
    static struct measurement log[PERSONA_LOG]; // one thread; used before the next call
    const struct unit *u = owner;
    uint8_t seed[sizeof u->fleet->bootseed + sizeof u->index];

    persona_log(&u->persona, &behaviours[u->behaviour], log);
    memcpy(seed, u->fleet->bootseed, sizeof u->fleet->bootseed);
    memcpy(seed + sizeof u->fleet->bootseed, &u->index, sizeof u->index);
    EVP_Digest(seed, sizeof seed, out->bootseed, NULL, EVP_sha256(), NULL);
    out->hwmodel = u->persona.hwmodel;
    out->swname = "orrery-fleet";
    out->swversion = u->persona.swversion;
    out->uptime_s = (clock_mono_us() - u->fleet->started_us) / 1000000;
    out->oemboot = true;
    out->dbgstat = 3; // disabled permanently
    out->log = log;
    out->log_count = PERSONA_LOG;
}

// ---------------------------------------------------------------- coming and going

static void went_up(struct unit *u)
{
    struct fleet *f = u->fleet;

    u->up = true;
    f->up++;
    f->quarantined += u->link.quarantined;
    f->last_up_us = clock_mono_us();
    if (u->cycles < (uint32_t)f->o->cycles && ++u->cycles < (uint32_t)f->o->cycles)
        u->drop_now = true;
    else if (!u->link.quarantined)
        unit_add(u, ITEM_REPORTED, 1, clock_mono_us());
}

static void went_down(struct unit *u)
{
    if (!u->up)
        return;
    u->up = false;
    u->fleet->up--;
    u->fleet->quarantined -= u->link.quarantined;
}

static void judged(struct fleet *f, const char *status)
{
    f->attested++;
    f->affirming += !strcmp(status, "affirming");
    f->warning += !strcmp(status, "warning");
    f->contraindicated += !strcmp(status, "contraindicated");
}

static void changed(void *owner, enum link_event e, const char *text)
{
    struct unit *u = owner;
    struct fleet *f = u->fleet;

    switch (e) {
    case LINK_UP:
        went_up(u);
        break;
    case LINK_SETTINGS:
        if (!u->link.quarantined)
            unit_add(u, ITEM_REPORTED, 1, clock_mono_us());
        break;
    case LINK_ATTESTED:
        judged(f, text);
        break;
    case LINK_TROUBLE:
        break;
    case LINK_DOWN:
    case LINK_UNKNOWN:
    case LINK_WRONG_SERVER:
        went_down(u);
        f->downs++;
        snprintf(f->last_down, sizeof f->last_down, "%s", text);
        break;
    }
}

const struct link_ops unit_ops = {
    .factory = give_factory,
    .credential = give_credential,
    .keep = keep_credential,
    .facts = give_facts,
    .next = next_message,
    .in_flight = in_flight,
    .settled = settled,
    .rewind = rewind_box,
    .nacked = nacked,
    .changed = changed,
};

// ---------------------------------------------------------------- time

static int64_t dice(const struct unit *u, int64_t limit)
{
    uint64_t n = persona_dice((uint64_t)clock_mono_us(), u->index);

    return (int64_t)(n % (uint64_t)(limit > 0 ? limit : 1));
}

void unit_init(struct unit *u, struct fleet *fleet, uint32_t index)
{
    const struct state_record *r = state_record(fleet->state, index);
    char id[P256_ID_LEN + 1];

    p256_id(&r->factory, id);
    u->fleet = fleet;
    u->index = index;
    u->sample_ms = u->drop_ms = INT64_MAX;
    persona_make(state_seed(fleet->state), index, &u->persona);
    link_init(&u->link, fleet->env, &unit_ops, u, id, r->boot);
}

static void plan_drop(struct unit *u)
{
    int64_t every = (int64_t)behaviours[u->behaviour].drop_every_s * 1000;

    u->drop_ms = every ? u->fleet->env->now_ms + every / 2 + dice(u, every) : INT64_MAX;
}

void unit_start(struct unit *u)
{
    const struct fleet_options *o = u->fleet->o;

    if (o->interval_ms && behaviours[u->behaviour].talks)
        u->sample_ms = u->fleet->env->now_ms + dice(u, o->interval_ms);
    plan_drop(u);
    link_start(&u->link, 0);
    unit_schedule(u);
}

void unit_done(struct unit *u)
{
    link_done(&u->link);
    outbox_done(&u->box);
}

static void sample(struct unit *u)
{
    int64_t now_us = clock_mono_us();

    u->sample_ms += u->fleet->o->interval_ms;
    if (!unit_may_talk(u) || u->fleet->phase >= PHASE_DRAIN)
        return;
    unit_add(u, ITEM_TELEMETRY, 1, now_us);
    if (!dice(u, LOG_ONE_IN))
        unit_add(u, ITEM_LOG, 1, now_us);
    if (!dice(u, EVENT_ONE_IN))
        unit_add(u, ITEM_EVENT, 1, now_us);
    link_pump(&u->link);
}

static void drop(struct unit *u, int64_t again_ms)
{
    u->drop_now = false;
    went_down(u);
    link_drop(&u->link, again_ms);
}

void unit_tick(struct unit *u)
{
    int64_t now = u->fleet->env->now_ms;

    if (now >= u->link.wake_ms)
        link_tick(&u->link);
    if (now >= u->sample_ms)
        sample(u);
    if (now >= u->drop_ms) {
        plan_drop(u);
        if (u->up)
            drop(u, 1000 + dice(u, (int64_t)behaviours[u->behaviour].away_s * 1000));
    }
    unit_schedule(u);
}

void unit_schedule(struct unit *u)
{
    if (u->drop_now)
        drop(u, 0);
    int64_t at = u->link.wake_ms;
    if (u->sample_ms < at)
        at = u->sample_ms;
    if (u->drop_ms < at)
        at = u->drop_ms;
    wheel_set(u->fleet->wheel, u->index, at);
}
