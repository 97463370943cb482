// SPDX-License-Identifier: Apache-2.0

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "fleet/corefile.h"
#include "fleet/fleet.h"
#include "fleet/forged.h"
#include "fleet/story.h"

#define LOG_ONE_IN   40
#define EVENT_ONE_IN 150
#define FOR_GOOD_MS  (365 * 86400000LL)
#define ELSEWHERE    (7u << 16) // 127.7.0.1 and on

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
    struct writer_who who = { &u->persona,      u->index, u->link.boot,
                              u->link.settings, u->drift, u->drift_ms };

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

static struct state_record *record_of(const struct unit *u)
{
    return u->copy ? u->copy : state_record(u->fleet->state, u->index);
}

static bool give_factory(void *owner, struct p256 *out)
{
    const struct unit *u = owner;

    *out = record_of(u)->factory;
    return true;
}

static bool give_credential(void *owner, struct credential *out)
{
    const struct unit *u = owner;

    if (behaviours[u->behaviour].forges)
        return forged_credential(&record_of(u)->factory, link_now_ms(&u->link), out);
    if (!state_credential(u->fleet->state, record_of(u), out))
        return false;
    if (behaviours[u->behaviour].keeps)
        out->not_after = out->renew_at = INT64_MAX;
    return true;
}

static void keep_credential(void *owner, const struct credential *c)
{
    const struct unit *u = owner;

    if (behaviours[u->behaviour].keeps && !c)
        return;
    state_keep(record_of(u), c);
    if (c)
        state_set_time(u->fleet->state, link_now_ms(&u->link));
}

static void give_facts(void *owner, struct eat_facts *out)
{
    static struct measurement log[PERSONA_LOG]; // one thread; used before the next call
    const struct unit *u = owner;
    const struct behaviour *b = &behaviours[u->behaviour];
    uint8_t seed[sizeof u->fleet->bootseed + sizeof u->index];

    persona_log(&u->persona, b, log);
    memcpy(seed, u->fleet->bootseed, sizeof u->fleet->bootseed);
    memcpy(seed + sizeof u->fleet->bootseed, &u->index, sizeof u->index);
    EVP_Digest(seed, sizeof seed, out->bootseed, NULL, EVP_sha256(), NULL);
    out->hwmodel = u->persona.hwmodel;
    out->swname = "orrery-fleet";
    out->swversion = u->persona.swversion;
    out->uptime_s = (clock_mono_us() - u->fleet->started_us) / 1000000;
    out->oemboot = true;
    out->dbgstat = b->debug ? 0 : 3; // enabled, or disabled permanently
    out->iat_s = b->clock_off_s;
    out->replayed = b->replays;
    out->log = log;
    out->log_count = PERSONA_LOG;
}

// ---------------------------------------------------------------- coming and going

static void offer_dump(struct unit *u)
{
    char text[COREFILE_SIZE], sha256[65];
    size_t len = corefile_print(u->persona.name, u->link.boot, text);

    if (u->fleet->env->now_ms < u->dump_ms)
        return;
    corefile_hash(u->persona.name, u->link.boot, sha256);
    link_offer_dump(&u->link, sha256, (int64_t)len, "application", link_now_ms(&u->link));
}

// One piece is all of it.
static void dump(void *owner, const struct link_dump *d)
{
    struct unit *u = owner;
    char text[COREFILE_SIZE];
    size_t len = corefile_print(u->persona.name, u->link.boot, text);

    if (d->refused)
        u->dump_ms = d->retry_s ? u->fleet->env->now_ms + d->retry_s * 1000 : INT64_MAX;
    else if (!d->stored && d->next == 0)
        link_send_piece(&u->link, 0, text, len);
}

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
    if (u->crashed && !u->link.quarantined) {
        unit_add(u, ITEM_CRASH, 1, clock_mono_us());
        offer_dump(u);
    }
    u->crashed = false;
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

// ---------------------------------------------------------------- time

// The same numbers in every run of a seed.
static int64_t dice(struct unit *u, int64_t limit)
{
    const struct fleet *f = u->fleet;
    uint64_t seed = f->o->seed >= 0 ? (uint64_t)f->o->seed : state_seed(f->state);
    uint64_t n = persona_dice(persona_dice(seed, u->slot), u->rolls++);

    return (int64_t)(n % (uint64_t)(limit > 0 ? limit : 1));
}

// Looks right, and is another one each time.
static const char *give_claim(void *owner)
{
    struct unit *u = owner;

    if (!behaviours[u->behaviour].guesses)
        return NULL;
    for (size_t i = 0; i < sizeof u->guess - 1; i++)
        u->guess[i] = i % 5 == 4 ? '-' : (char)('A' + dice(u, 8));
    u->guess[sizeof u->guess - 1] = '\0';
    return u->guess;
}

const struct link_ops unit_ops = {
    .factory = give_factory,
    .credential = give_credential,
    .claim = give_claim,
    .keep = keep_credential,
    .facts = give_facts,
    .next = next_message,
    .in_flight = in_flight,
    .settled = settled,
    .rewind = rewind_box,
    .nacked = nacked,
    .changed = changed,
    .dump = dump,
};

void unit_init(struct unit *u, struct fleet *fleet, uint32_t index, uint32_t slot)
{
    const struct state_record *r;
    char id[P256_ID_LEN + 1];

    u->fleet = fleet;
    u->index = index;
    u->slot = slot;
    r = record_of(u);
    p256_id(&r->factory, id);
    u->sample_ms = u->drop_ms = INT64_MAX;
    persona_make(state_seed(fleet->state), index, &u->persona);
    link_init(&u->link, fleet->env, &unit_ops, u, id, r->boot);
}

static void plan_drop(struct unit *u)
{
    int64_t every = (int64_t)behaviours[u->behaviour].drop_every_s * 1000;

    if (every && u->every_ms)
        every = u->every_ms;

    u->drop_ms = every ? u->fleet->env->now_ms + every / 2 + dice(u, every) : INT64_MAX;
}

void unit_start(struct unit *u)
{
    const struct fleet_options *o = u->fleet->o;

    if (o->interval_ms && behaviours[u->behaviour].talks)
        u->sample_ms = u->fleet->env->now_ms + dice(u, o->interval_ms);
    plan_drop(u);
    u->started = true;
    link_start(&u->link, u->behaviour == BEHAVIOUR_OFFLINE ? FOR_GOOD_MS : 0);
    unit_schedule(u);
}

void unit_done(struct unit *u)
{
    link_done(&u->link);
    outbox_done(&u->box);
    free(u->copy);
}

// Lines below the level that the server asked for stay with the device.
static bool says_line(const struct unit *u)
{
    const struct writer_who who = { .persona = &u->persona, .index = u->index };
    int64_t seq = u->box.next_seq ? u->box.next_seq : 1;

    return link_may_log(&u->link, writer_log_level(u->fleet->writer, &who, seq));
}

static void sample(struct unit *u)
{
    int64_t now_us = clock_mono_us();

    u->sample_ms += u->fleet->o->interval_ms;
    if (!unit_may_talk(u) || u->fleet->phase >= PHASE_DRAIN)
        return;
    for (unsigned i = 0; i <= behaviours[u->behaviour].repeats; i++)
        unit_add(u, ITEM_TELEMETRY, 1, now_us);
    if (!dice(u, LOG_ONE_IN) && says_line(u))
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

// A new boot: what was not acknowledged is lost with the old one.
static void restart(struct unit *u, int64_t again_ms)
{
    struct state_record *r = record_of(u);

    u->fleet->outstanding -= outbox_messages(&u->box);
    outbox_done(&u->box);
    u->link.boot = ++r->boot;
    u->crashed = u->behaviour == BEHAVIOUR_CRASHING;
    drop(u, again_ms);
}

static int64_t away(struct unit *u)
{
    int64_t ms = u->away_ms ? u->away_ms : (int64_t)behaviours[u->behaviour].away_s * 1000;

    return u->away_ms ? ms : 1000 + dice(u, ms);
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
        if (u->up && u->behaviour == BEHAVIOUR_CRASHING)
            restart(u, away(u));
        else if (u->up || behaviours[u->behaviour].guesses) // who guesses does not wait
            drop(u, away(u));
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
    wheel_set(u->fleet->wheel, u->slot, at);
}

// ---------------------------------------------------------------- stories

// Its firmware is another one now, which it can only show by new evidence, after a restart.
static void flash(struct unit *u)
{
    state_keep(record_of(u), NULL);
    if (u->started)
        restart(u, 0);
}

// Comes from there from now on.
static void appear(struct unit *u, uint32_t source)
{
    u->link.source = source;
    if (u->started)
        drop(u, dice(u, 1000));
}

// Somebody whom nobody has registered, in the place of the copy.
static void estrange(struct unit *u)
{
    if (p256_new(&u->copy->factory, NULL) != RC_OK)
        return;
    p256_id(&u->copy->factory, u->link.id);
    unit_start(u);
}

static void recover(struct unit *u, enum behaviour_id was)
{
    u->drift_ms = 0;
    if (behaviours[was].attested)
        flash(u);
    else if (was == BEHAVIOUR_OFFLINE && u->started)
        drop(u, dice(u, 3000)); // not all in the same instant
    else if (behaviours[was].copied)
        drop(u, FOR_GOOD_MS); // the copy itself is switched off
    else if (behaviours[was].keeps || behaviours[was].moves)
        appear(u, 0);
    else if (was == BEHAVIOUR_SILENT && u->fleet->o->interval_ms)
        u->sample_ms = u->fleet->env->now_ms + dice(u, u->fleet->o->interval_ms);
}

void unit_become(struct unit *u, enum behaviour_id what, const struct story_step *step)
{
    enum behaviour_id was = u->behaviour;

    u->behaviour = what;
    u->every_ms = step ? step->every_ms : 0;
    u->away_ms = step ? step->away_ms : 0;
    if (was != what)
        recover(u, was);
    if (behaviours[what].attested)
        flash(u);
    switch (what) {
    case BEHAVIOUR_SILENT:
        u->sample_ms = INT64_MAX;
        break;
    case BEHAVIOUR_OFFLINE:
        if (u->started)
            drop(u, FOR_GOOD_MS);
        break;
    case BEHAVIOUR_DRIFTING:
        u->drift = step ? step->amount : 0;
        u->drift_ms = link_now_ms(&u->link);
        break;
    case BEHAVIOUR_TWINNED:
        u->link.boot = u->copy->boot = state_record(u->fleet->state, u->index)->boot;
        unit_start(u);
        break;
    case BEHAVIOUR_CLONED:
        unit_start(u);
        break;
    case BEHAVIOUR_UNKNOWN:
    case BEHAVIOUR_GUESSING:
        estrange(u);
        break;
    case BEHAVIOUR_STUBBORN:
        appear(u, 0);
        break;
    case BEHAVIOUR_MOVED:
        appear(u, ELSEWHERE + u->index % 60000);
        break;
    case BEHAVIOUR_HEALTHY:
    case BEHAVIOUR_FLAKY:
    case BEHAVIOUR_TAMPERED:
    case BEHAVIOUR_CRASHING:
    case BEHAVIOUR_ROLLED_BACK:
    case BEHAVIOUR_DEBUGGED:
    case BEHAVIOUR_CLOCK_OFF:
    case BEHAVIOUR_LOUD:
    case BEHAVIOUR_FORGED:
    case BEHAVIOUR_REPLAYING:
    case BEHAVIOUR_COUNT:
        break;
    }
    plan_drop(u);
    unit_schedule(u);
}
