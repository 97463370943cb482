// SPDX-License-Identifier: Apache-2.0

#include "window/knock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit/audit.h"
#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/hex.h"
#include "enroll/enroll.h"
#include "net/peer.h"
#include "store/arg.h"
#include "store/store.h"
#include "window/arrival.h"
#include "window/doors.h"
#include "window/window.h"
#include "window_sql.h"

#define HELD_S     5 // how soon somebody may have claimed it
#define HELD_MAX_S 300
#define WAIT_S     60
#define BAD_CODE_S 60

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, store_rollbackp, store_rollback)

__attribute__((format(printf, 4, 5))) static enum rc
turn_away(struct knock_result *out, enum knock_outcome outcome, int retry_s, const char *fmt, ...)
{
    va_list ap;

    out->outcome = outcome;
    out->retry_s = retry_s;
    va_start(ap, fmt);
    vsnprintf(out->text, sizeof out->text, fmt, ap);
    va_end(ap);
    return RC_OK;
}

// ---------------------------------------------------------------- without a code

static void tell_arrival(const struct knock_env *e, int32_t catalog, const struct device_key *key,
                         const char *remote)
{
    char text[100];
    const struct bus_event event = {
        .kind = BUS_ARRIVAL,
        .catalog = catalog,
        .id = key->id,
        .at = clock_now_ms(),
        .text = text,
    };

    snprintf(text, sizeof text, ARRIVAL_TEXT, remote);
    bus_publish(e->bus, &event);
}

// The more there are, the less often each may ask.
static int retry_of(int64_t arrived)
{
    return arrived < 50 * (HELD_MAX_S - HELD_S) ? HELD_S + (int)(arrived / 50) : HELD_MAX_S;
}

static enum rc hold(const struct knock_env *e, const struct knock *k, const struct door *door,
                    struct knock_result *out, struct fault *f)
{
    struct arrival_held held = { 0 };
    char remote[PEER_TEXT_MAX];
    struct device_key key;
    enum rc rc = enroll_key_from(k->spki, k->spki_len, &key, f);

    peer_text(&k->from, remote);
    const struct arrival_news news = { .key = &key, .remote = remote, .agent = k->agent };
    if (rc == RC_OK)
        rc = arrival_hold(e->store, door->catalog, door->window, &news, &held, f);
    if (rc != RC_OK)
        return rc;
    if (!held.open)
        return turn_away(out, KNOCK_WAIT, WAIT_S, "the registration window has just been closed");
    if (!held.held)
        return turn_away(out, KNOCK_WAIT, WAIT_S, "the registration window is full");
    if (held.fresh) {
        doors_add(e->doors, DOORS_HELD);
        tell_arrival(e, door->catalog, &key, remote);
    }
    return turn_away(out, KNOCK_HELD, retry_of(held.arrived),
                     "nobody has claimed this device yet: it is shown to those who can");
}

static enum rc without_code(const struct knock_env *e, const struct knock *k,
                            struct knock_result *out, struct fault *f)
{
    struct door door;
    int open = doors_open(e->doors, &door);

    if (open == 0)
        return turn_away(out, KNOCK_WAIT, WAIT_S, "no registration window is open");
    if (open > 1)
        return turn_away(out, KNOCK_WAIT, WAIT_S,
                         "several registration windows are open: say the claim code of one");
    return hold(e, k, &door, out, f);
}

// ---------------------------------------------------------------- with a code

static void tell_guess(const struct knock_env *e, const struct knock *k)
{
    char remote[PEER_TEXT_MAX];

    peer_text(&k->from, remote);
    bus_publish(e->bus, &(struct bus_event){ .kind = BUS_SIGNAL,
                                             .at = clock_now_ms(),
                                             .name = "guess-code",
                                             .source = remote });
}

static enum rc refuse_code(const struct knock_env *e, const struct knock *k,
                           struct knock_result *out, const char *text)
{
    doors_wrong(e->doors, &k->from);
    tell_guess(e, k);
    return turn_away(out, KNOCK_BAD_CODE, BAD_CODE_S, "%s", text);
}

// Why a window that exists does not take another device; NULL if it does.
static const char *shut(const struct rows *w)
{
    if (!rows_bool(w, 0, "open"))
        return "this claim code has expired: ask for a new one";
    if (rows_int(w, 0, "claimed") >= rows_int(w, 0, "most"))
        return "this claim code has been used as often as it may be: ask for a new one";
    return NULL;
}

// Why the device did not become claimed; NULL if it did, or was so before.
static const char *why_not(const struct device_touched *t, int64_t opened_s)
{
    if (t->full)
        return "this device would have more than 32 tags with those of this code's window";
    if (!t->device)
        return "this device cannot be claimed with this code: its key is in use";
    if (t->lifecycle == DEVICE_RETIRED)
        return "this device is retired";
    // Who was thrown out must not come back by the code it once came with.
    if (t->changed && t->refused_before > opened_s)
        return "this device was unclaimed after that code was made: ask for a new one";
    return NULL;
}

static enum rc audit_claim(struct store *tx, const struct rows *w, const struct device_key *key,
                           const struct knock *k, struct fault *f)
{
    char remote[PEER_TEXT_MAX], actor[40], detail[80];
    const struct audit_entry entry = {
        .chain = (int32_t)rows_int(w, 0, "catalog"),
        .actor = actor,
        .action = "claim by code",
        .object = key->id,
        .outcome = "ok",
        .remote = remote,
        .detail = detail,
    };

    peer_text(&k->from, remote);
    snprintf(actor, sizeof actor, "claim code %.4s…", rows_text(w, 0, "code_hint"));
    snprintf(detail, sizeof detail, "registration window %s", rows_text(w, 0, "id"));
    return audit_append(tx, &entry, f);
}

static void announce(const struct knock_env *e, int32_t catalog, const struct device_key *key,
                     const struct device_touched *t)
{
    struct enroll_news news = { .catalog = catalog, .what = *t };

    memcpy(news.id, key->id, sizeof news.id);
    enroll_announce(e->roster, e->bus, &news);
    if (t->changed)
        doors_add(e->doors, DOORS_CLAIMED);
}

static enum rc claim(const struct knock_env *e, struct store **tx, const struct rows *w,
                     const struct knock *k, struct knock_result *out, struct fault *f)
{
    struct device_entry entry = { .window = rows_int(w, 0, "id") };
    struct device_touched t = { 0 };
    int32_t catalog = (int32_t)rows_int(w, 0, "catalog");
    const char *why;
    enum rc rc = enroll_key_from(k->spki, k->spki_len, &entry.key, f);

    if (rc == RC_OK)
        rc = enroll_many(*tx, catalog, &entry, 1, &t, f);
    if (rc != RC_OK)
        return rc;
    why = why_not(&t, rows_int(w, 0, "opened_s"));
    if (why)
        return refuse_code(e, k, out, why);
    if (t.changed)
        rc = audit_claim(*tx, w, &entry.key, k, f);
    if (rc == RC_OK)
        rc = store_commit(take(tx), f);
    if (rc != RC_OK)
        return rc;
    announce(e, catalog, &entry.key, &t);
    *out = (struct knock_result){ .catalog = catalog, .device = t.device };
    return RC_OK;
}

static enum rc with_code(const struct knock_env *e, const struct knock *k, const uint8_t hash[32],
                         struct knock_result *out, struct fault *f)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    auto_with(rows_freep) struct rows *w = NULL;
    char code[65];
    const char *why;
    enum rc rc = store_begin(e->store, &tx, f);

    hex_encode(hash, 32, code);
    if (rc == RC_OK)
        rc = store_run(tx, &Q_WINDOW_OF_CODE, (const char *[]){ code }, &w, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(w) == 0)
        return refuse_code(e, k, out,
                           "this claim code is not known here: compare it letter by letter");
    why = shut(w);
    return why ? refuse_code(e, k, out, why) : claim(e, &tx, w, k, out, f);
}

enum rc knock_answer(const struct knock_env *e, const struct knock *k, struct knock_result *out,
                     struct fault *f)
{
    uint8_t hash[32];
    int wait_s;

    if (!*k->code)
        return without_code(e, k, out, f);
    wait_s = doors_wait_s(e->doors, &k->from);
    if (wait_s > 0) {
        tell_guess(e, k);
        return turn_away(out, KNOCK_TOO_FAST, wait_s,
                         "too many wrong claim codes came from this address: wait %d s", wait_s);
    }
    if (!code_read(k->code, hash))
        return refuse_code(e, k, out,
                           "a claim code has 16 letters and digits: XXXX-XXXX-XXXX-XXXX");
    return with_code(e, k, hash, out, f);
}
