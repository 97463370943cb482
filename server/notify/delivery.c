// SPDX-License-Identifier: Apache-2.0

#include "notify/delivery.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "delivery_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define TAKE         200 // alerts a turn
#define FIRST_MS     5000LL
#define AGAIN_MAX_MS (60 * 60 * 1000LL)
#define HOLD_MAX_MS  (10 * 60 * 1000LL)

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static void add_route(json_t *o, const struct rows *r, int row)
{
    json_t *route = json_object();

    add_id(route, "id", rows_int(r, row, "route"));
    add_text(route, "name", rows_text(r, row, "route_name"));
    add_json(o, "route", route);
}

static void add_alert(json_t *o, const struct rows *r, int row)
{
    json_t *alert = NULL;

    if (rows_text(r, row, "alert")) {
        alert = json_object();
        add_id(alert, "id", rows_int(r, row, "alert"));
        add_text(alert, "title", rows_text(r, row, "title"));
    }
    add_json(o, "alert", alert);
}

static json_t *to_json(const struct rows *r, int row)
{
    json_t *o = json_object();
    bool tried = rows_int(r, row, "attempts") > 0;

    add_id(o, "id", rows_int(r, row, "id"));
    add_route(o, r, row);
    add_alert(o, r, row);
    add_text(o, "event", rows_text(r, row, "event"));
    add_text(o, "change", rows_text(r, row, "change"));
    add_text(o, "state", rows_text(r, row, "state"));
    add_int(o, "attempts", rows_int(r, row, "attempts"));
    add_json(o, "status",
             rows_int(r, row, "status") ? json_integer(rows_int(r, row, "status")) : NULL);
    add_json(o, "tookMs", tried ? json_integer(rows_int(r, row, "took_ms")) : NULL);
    add_text(o, "result", rows_text(r, row, "error"));
    add_time(o, "at", rows_int(r, row, "at"));
    add_time(o, "nextAt", rows_int(r, row, "next_at"));
    add_time(o, "createdAt", rows_int(r, row, "created_at"));
    add_time(o, "endedAt", rows_int(r, row, "ended_at"));
    return o;
}

enum rc delivery_list(struct store *s, int32_t catalog, int64_t route, const char *state,
                      int64_t before, int limit, json_t **out, int64_t *next, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = {
        ARG_INT(catalog),
        NULL,
        route ? ARG_INT(route) : NULL,
        state,
        before ? ARG_INT(before) : NULL,
        ARG_INT(limit),
    };
    enum rc rc = store_run(s, &Q_DELIVERY_LIST, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    int n = rows_count(rows);
    *out = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(*out, to_json(rows, i));
    *next = n == limit ? rows_int(rows, n - 1, "id") : 0;
    return RC_OK;
}

enum rc delivery_show(struct store *s, int32_t catalog, int64_t id, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id), NULL, NULL, NULL, "1" };
    enum rc rc = store_run(s, &Q_DELIVERY_LIST, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "there is no such delivery here");
    *out = to_json(rows, 0);
    return RC_OK;
}

enum rc delivery_test(struct store *tx, int32_t catalog, int64_t route, int64_t *id,
                      struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(route) };
    enum rc rc = store_run(tx, &Q_DELIVERY_TEST, args, &rows, f);

    if (rc == RC_OK)
        *id = rows_int(rows, 0, "id");
    return rc;
}

enum rc delivery_replay(struct store *tx, int32_t catalog, int64_t id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(tx, &Q_DELIVERY_REPLAY, args, &rows, f);

    if (rc != RC_OK || rows_count(rows) > 0)
        return rc;
    return fail(f, RC_CONFLICT, "only a dead delivery of a route that is there can be replayed");
}

// ---------------------------------------------------------------- for the notifier

enum rc delivery_take(struct store *s, bool *more, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(s, &Q_DELIVERY_TAKE, (const char *[]){ ARG_INT(TAKE) }, &rows, f);

    *more = rc == RC_OK && rows_int(rows, 0, "taken") > 0;
    return rc;
}

enum rc delivery_upkeep(struct store *s, struct fault *f)
{
    enum rc rc = store_run(s, &Q_DELIVERY_RELEASE, NULL, NULL, f);

    return rc == RC_OK ? store_run(s, &Q_DELIVERY_GIVE_UP, NULL, NULL, f) : rc;
}

enum rc delivery_due(struct store *s, const char *busy, int limit, struct rows **out,
                     struct fault *f)
{
    return store_run(s, &Q_DELIVERY_DUE, (const char *[]){ busy, ARG_INT(limit) }, out, f);
}

// Twice as long after each attempt, a quarter more or less, so that routes that failed together
// are not tried together.
static int64_t pause_after(int64_t attempts, int64_t most)
{
    int64_t ms = attempts < 20 ? FIRST_MS << attempts : most;
    uint16_t random = 0;

    (void)RAND_bytes((uint8_t *)&random, sizeof random);
    if (ms > most)
        ms = most;
    return ms * 3 / 4 + ms / 2 * random / 65536;
}

static enum rc settle_failure(struct store *s, const struct delivery_result *r, struct rows **out,
                              struct fault *f)
{
    auto_with(rows_freep) struct rows *was = NULL;
    const char *which[] = { ARG_INT(r->catalog), ARG_INT(r->id) };
    enum rc rc = store_run(s, &Q_DELIVERY_ATTEMPTS, which, &was, f);

    if (rc != RC_OK)
        return rc;
    int64_t attempts = rows_count(was) ? rows_int(was, 0, "attempts") : 0;
    int64_t failures = rows_count(was) ? rows_int(was, 0, "failures") : 0;
    const char *args[] = {
        which[0],
        which[1],
        r->status ? ARG_INT(r->status) : NULL,
        ARG_INT(r->ms),
        r->text,
        ARG_INT(pause_after(attempts, AGAIN_MAX_MS)),
        ARG_INT(pause_after(failures, HOLD_MAX_MS)),
    };
    return store_run(s, &Q_DELIVERY_FAILED, args, out, f);
}

static enum rc settle_success(struct store *s, const struct delivery_result *r, struct rows **out,
                              struct fault *f)
{
    const char *args[] = { ARG_INT(r->catalog), ARG_INT(r->id),
                           r->status ? ARG_INT(r->status) : NULL, ARG_INT(r->ms), r->text };

    return store_run(s, &Q_DELIVERY_SENT, args, out, f);
}

enum rc delivery_settle(struct store *s, const struct delivery_result *r,
                        struct delivery_outcome *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = r->arrived ? settle_success(s, r, &rows, f) : settle_failure(s, r, &rows, f);

    *out = (struct delivery_outcome){ 0 };
    if (rc != RC_OK || rows_count(rows) == 0) // the route is gone
        return rc;
    out->route = rows_int(rows, 0, "route");
    snprintf(out->name, sizeof out->name, "%s", rows_text(rows, 0, "name"));
    out->failures = (int)rows_int(rows, 0, "failures");
    out->before = (int)rows_int(rows, 0, "before");
    out->dead = rows_bool(rows, 0, "dead");
    out->test = rows_bool(rows, 0, "test");
    return RC_OK;
}

enum rc delivery_health(struct store *s, struct rows **out, struct fault *f)
{
    return store_run(s, &Q_DELIVERY_HEALTH, NULL, out, f);
}

enum rc delivery_expire(struct store *s, struct fault *f)
{
    return store_run(s, &Q_DELIVERY_EXPIRE, NULL, NULL, f);
}
