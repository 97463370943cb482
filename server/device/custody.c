// SPDX-License-Identifier: Apache-2.0

#include "device/custody.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/hex.h"
#include "custody_sql.h"
#include "device/roster.h"
#include "protocol/protocol.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// The words reach the device, which says them to its owner.
static const char *const words[] = {
    [CUSTODY_RETIRE] = "retired",
    [CUSTODY_QUARANTINE] = "quarantined",
    [CUSTODY_RELEASE] = "released",
    [CUSTODY_REATTEST] = "reattest",
};

static void from_row(const struct rows *r, int row, enum custody_act act,
                     struct custody_change *out)
{
    *out = (struct custody_change){
        .device = rows_int(r, row, "device"),
        .lifecycle = (enum device_lifecycle)rows_int(r, row, "lifecycle"),
        .state = (enum device_state)rows_int(r, row, "state"),
        .refused_before = rows_int(r, row, "refused_before"),
        .online = act != CUSTODY_RETIRE && rows_bool(r, row, "online"),
        .word = words[act],
    };
    snprintf(out->id, sizeof out->id, "%s", rows_text(r, row, "id"));
}

// What a released device is without the hand that held it.
static void judge(const struct rows *r, int row, struct custody_change *out)
{
    struct device_facts facts = {
        .verdict = (enum verdict)rows_int(r, row, "verdict"),
        .attested_once = rows_bool(r, row, "attested"),
        .high_alert = rows_bool(r, row, "alerted"),
        .online = out->online,
        .last_session_at = rows_int(r, row, "last_seen"),
        .now = clock_now_ms(),
        .ping_ms = PING_S * 1000,
    };

    out->state = device_state_of(&facts, &out->reason);
}

static enum rc settle(struct store *s, int32_t catalog, const struct rows *r, int row,
                      enum custody_act act, struct custody_change *out, struct fault *f)
{
    from_row(r, row, act, out);
    if (act == CUSTODY_QUARANTINE)
        device_state_of(&(struct device_facts){ .quarantined_by_hand = true }, &out->reason);
    if (act != CUSTODY_RELEASE || out->lifecycle == DEVICE_RETIRED)
        return RC_OK;
    judge(r, row, out);
    const char *args[] = { ARG_INT(catalog), ARG_INT(out->device), ARG_INT((int64_t)out->state),
                           out->reason };
    return store_run(s, &Q_CUSTODY_STATE, args, NULL, f);
}

static enum rc run(struct store *s, int32_t catalog, enum custody_act act, const char *devices,
                   const char *by_hand, struct rows **out, struct fault *f)
{
    static const struct query *const queries[] = {
        [CUSTODY_RETIRE] = &Q_CUSTODY_RETIRE,
        [CUSTODY_QUARANTINE] = &Q_CUSTODY_QUARANTINE,
        [CUSTODY_RELEASE] = &Q_CUSTODY_RELEASE,
        [CUSTODY_REATTEST] = &Q_CUSTODY_REATTEST,
    };
    const char *why = NULL;
    enum device_state state =
        device_state_of(&(struct device_facts){ .quarantined_by_hand = true }, &why);
    const char *args[] = { ARG_INT(catalog), devices, by_hand, ARG_INT((int64_t)state), why };

    return store_run(s, queries[act], args, out, f);
}

enum rc custody_act(struct store *s, int32_t catalog, enum custody_act act, const int64_t *devices,
                    size_t count, const char *by_hand, struct custody_change *out, size_t *changed,
                    struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_free char *list = arg_list(devices, count);
    enum rc rc;

    if (!list)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = run(s, catalog, act, list, by_hand, &rows, f);
    *changed = rc == RC_OK ? (size_t)rows_count(rows) : 0;
    for (size_t i = 0; i < *changed && rc == RC_OK; i++)
        rc = settle(s, catalog, rows, (int)i, act, &out[i], f);
    return rc;
}

void custody_announce(struct roster *r, struct bus *b, int32_t catalog,
                      const struct custody_change *c)
{
    struct roster_entry e = {
        .catalog = catalog,
        .device = c->device,
        .refused_before = c->refused_before,
        .lifecycle = c->lifecycle,
    };
    struct bus_event event = {
        .kind = BUS_REVOKE,
        .catalog = catalog,
        .device = c->device,
        .id = c->id,
        .at = clock_now_ms(),
        .lifecycle = (int)c->lifecycle,
        .state = (int)c->state,
        .online = c->online,
        .text = c->word,
    };

    // The roster first: a device that is thrown out must not slip in again.
    if (r && hex_decode(c->id, e.id, sizeof e.id))
        roster_put(r, &e);
    bus_publish(b, &event);
    event.kind = BUS_DEVICE;
    event.text = NULL;
    bus_publish(b, &event);
    event.kind = BUS_STATE;
    event.text = c->reason;
    if (c->lifecycle != DEVICE_RETIRED)
        bus_publish(b, &event);
}
