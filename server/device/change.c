// SPDX-License-Identifier: Apache-2.0

#include "device/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change_sql.h"
#include "core/auto.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static const char *const names[DEVICE_ACTION_COUNT] = {
    [DEVICE_MOVE] = "move",
    [DEVICE_TAG] = "tag",
    [DEVICE_UNTAG] = "untag",
    [DEVICE_LOGLEVEL] = "loglevel",
    [DEVICE_UNCLAIM] = "unclaim",
    [DEVICE_RETIRE] = "retire",
    [DEVICE_QUARANTINE] = "quarantine",
    [DEVICE_RELEASE] = "release",
    [DEVICE_REATTEST] = "reattest",
};

const char *device_action_name(enum device_action a)
{
    return a >= 0 && a < DEVICE_ACTION_COUNT ? names[a] : "";
}

int device_action_from_name(const char *name)
{
    for (int a = 0; name && a < DEVICE_ACTION_COUNT; a++)
        if (!strcmp(names[a], name))
            return a;
    return -1;
}

// ---------------------------------------------------------------- group, tags, unclaim

static void read_turned(const struct rows *r, int row, enum device_action action,
                        struct device_turned *out)
{
    *out = (struct device_turned){ .device = rows_int(r, row, "device"),
                                   .refused = rows_bool(r, row, "refused") };
    snprintf(out->id, sizeof out->id, "%s", rows_text(r, row, "id"));
    snprintf(out->why, sizeof out->why, "%s", rows_text(r, row, "why"));
    out->changed = !*out->why;
    out->touched = (struct device_touched){
        .device = out->device,
        .changed = out->changed,
        .lifecycle = action == DEVICE_UNCLAIM
                         ? DEVICE_REGISTERED
                         : (enum device_lifecycle)rows_int(r, row, "lifecycle"),
        .refused_before = rows_int(r, row, "refused_before"),
    };
}

static enum rc turn_here(struct store *tx, int32_t catalog, const struct device_order *o,
                         const char *devices, struct device_turned *out, size_t *found,
                         struct fault *f)
{
    static const struct query *const queries[] = {
        [DEVICE_MOVE] = &Q_DEVICE_TURN_MOVE,       [DEVICE_TAG] = &Q_DEVICE_TURN_TAG,
        [DEVICE_UNTAG] = &Q_DEVICE_TURN_UNTAG,     [DEVICE_LOGLEVEL] = &Q_DEVICE_TURN_LOGLEVEL,
        [DEVICE_UNCLAIM] = &Q_DEVICE_TURN_UNCLAIM,
    };
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *group = o->group ? ARG_INT(o->group) : NULL;
    const char *args[] = { ARG_INT(catalog), devices,
                           o->action == DEVICE_MOVE       ? group
                           : o->action == DEVICE_TAG      ? o->tags
                           : o->action == DEVICE_LOGLEVEL ? ARG_INT(o->level)
                                                          : o->names,
                           ARG_INT(o->minutes) };
    enum rc rc = store_run(tx, queries[o->action], args, &rows, f);

    if (rc != RC_OK)
        return rc;
    *found = (size_t)rows_count(rows);
    for (size_t i = 0; i < *found; i++)
        read_turned(rows, (int)i, o->action, &out[i]);
    return RC_OK;
}

// ---------------------------------------------------------------- custody

static const char *why_not(enum device_action action, bool retired, bool by_hand)
{
    if (retired)
        return action == DEVICE_RETIRE ? "it is retired already" : "it is retired";
    if (action == DEVICE_QUARANTINE && by_hand)
        return "it is in quarantine by hand already";
    if (action == DEVICE_RELEASE && !by_hand)
        return "nobody put it in quarantine by hand";
    return "";
}

// Those it fits go to device/custody.
static size_t look(const struct rows *r, enum device_action action, struct device_turned *out,
                   int64_t *fit)
{
    size_t n = 0;

    for (int i = 0; i < rows_count(r); i++) {
        bool retired = rows_int(r, i, "lifecycle") == DEVICE_RETIRED;

        out[i] = (struct device_turned){ .device = rows_int(r, i, "device"),
                                         .refused = retired && action != DEVICE_RETIRE };
        snprintf(out[i].id, sizeof out[i].id, "%s", rows_text(r, i, "id"));
        snprintf(out[i].why, sizeof out[i].why, "%s",
                 why_not(action, retired, rows_bool(r, i, "by_hand")));
        if (!*out[i].why)
            fit[n++] = out[i].device;
    }
    return n;
}

static void note_custody(struct device_turned *out, size_t found,
                         const struct custody_change *changes, size_t count)
{
    for (size_t c = 0; c < count; c++)
        for (size_t i = 0; i < found; i++)
            if (out[i].device == changes[c].device) {
                out[i].changed = true;
                out[i].custody = changes[c];
            }
}

static enum rc turn_custody(struct store *tx, int32_t catalog, const struct device_order *o,
                            const char *devices, struct device_turned *out, size_t *found,
                            struct fault *f)
{
    static const enum custody_act acts[] = { [DEVICE_RETIRE] = CUSTODY_RETIRE,
                                             [DEVICE_QUARANTINE] = CUSTODY_QUARANTINE,
                                             [DEVICE_RELEASE] = CUSTODY_RELEASE,
                                             [DEVICE_REATTEST] = CUSTODY_REATTEST };
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_free struct custody_change *changes = calloc(DEVICE_TURN_MAX, sizeof *changes);
    int64_t fit[DEVICE_TURN_MAX];
    size_t changed = 0;
    enum rc rc =
        store_run(tx, &Q_DEVICE_TURN_LOOK, (const char *[]){ ARG_INT(catalog), devices }, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (!changes)
        return fail(f, RC_INTERNAL, "out of memory");
    *found = (size_t)rows_count(rows);
    size_t n = look(rows, o->action, out, fit);
    if (n > 0)
        rc = custody_act(tx, catalog, acts[o->action], fit, n, o->reason, changes, &changed, f);
    if (rc == RC_OK)
        note_custody(out, *found, changes, changed);
    return rc;
}

enum rc device_turn(struct store *tx, int32_t catalog, const struct device_order *o,
                    const int64_t *devices, size_t count, struct device_turned *out, size_t *found,
                    struct fault *f)
{
    auto_free char *list = arg_list(devices, count);

    if (!list)
        return fail(f, RC_INTERNAL, "out of memory");
    return o->action < DEVICE_RETIRE ? turn_here(tx, catalog, o, list, out, found, f)
                                     : turn_custody(tx, catalog, o, list, out, found, f);
}

enum rc device_unclaim(struct store *s, int32_t catalog, const char *id, struct device_touched *out,
                       struct fault *f)
{
    const struct device_order order = { .action = DEVICE_UNCLAIM };
    struct device_turned turned = { 0 };
    size_t found = 0;
    int64_t device;
    enum rc rc = device_find(s, catalog, id, &device, f);

    if (rc == RC_OK)
        rc = device_turn(s, catalog, &order, &device, 1, &turned, &found, f);
    if (rc != RC_OK)
        return rc;
    if (!turned.changed)
        return fail(f, RC_CONFLICT, "this device is not claimed");
    *out = turned.touched;
    return RC_OK;
}
