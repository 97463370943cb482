// SPDX-License-Identifier: Apache-2.0

#include "crash/crash.h"

#include <stdio.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "crash_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define BATCH 100

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, store_rollbackp, store_rollback)

static json_t *to_json(const struct rows *r, int i)
{
    json_t *o = json_object();

    add_text(o, "id", rows_text(r, i, "number"));
    add_text(o, "device", rows_text(r, i, "id"));
    add_text(o, "deviceName", rows_text(r, i, "device_name"));
    add_text(o, "name", rows_text(r, i, "name"));
    add_text(o, "sha256", rows_text(r, i, "sha256"));
    add_int(o, "bytes", rows_int(r, i, "bytes"));
    add_time(o, "at", rows_int(r, i, "at"));
    add_time(o, "receivedAt", rows_int(r, i, "received_at"));
    return o;
}

static enum rc page(struct store *s, int32_t catalog, int64_t device, int64_t before, int limit,
                    struct rows **out, struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), device ? ARG_INT(device) : NULL,
                           ARG_INT(before ? before : INT64_MAX), ARG_INT(limit) };

    return store_run(s, &Q_CRASH_PAGE, args, out, f);
}

enum rc crash_list(struct store *s, int32_t catalog, int64_t device, int64_t before, int limit,
                   json_t **items, int64_t *next, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = page(s, catalog, device, before, limit + 1, &rows, f);

    if (rc != RC_OK)
        return rc;
    *items = json_array();
    for (int i = 0; i < rows_count(rows) && i < limit; i++)
        json_array_append_new(*items, to_json(rows, i));
    *next = rows_count(rows) > limit ? rows_int(rows, limit - 1, "number") : 0;
    return RC_OK;
}

enum rc crash_find(struct store *s, int32_t catalog, int64_t id, struct crash_dump *out,
                   struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = id < INT64_MAX ? page(s, catalog, 0, id + 1, 1, &rows, f) : RC_OK;

    if (rc != RC_OK)
        return rc;
    if (!rows || rows_count(rows) == 0 || rows_int(rows, 0, "number") != id)
        return fail(f, RC_NOT_FOUND, "this catalog has no such crash dump");
    *out = (struct crash_dump){ .id = id, .bytes = rows_int(rows, 0, "bytes") };
    snprintf(out->sha256, sizeof out->sha256, "%s", rows_text(rows, 0, "sha256"));
    return RC_OK;
}

enum rc crash_drop(struct store *tx, const char *folder, int32_t catalog, int64_t id,
                   struct fault *f)
{
    auto_with(rows_freep) struct rows *gone = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(tx, &Q_CRASH_DROP, args, &gone, f);

    if (rc == RC_OK && rows_count(gone) == 0)
        return fail(f, RC_NOT_FOUND, "this catalog has no such crash dump");
    return rc == RC_OK ? blob_release(tx, folder, rows_text(gone, 0, "sha256"), f) : rc;
}

static enum rc expire_some(struct store *pool, const char *folder, int64_t days, int *count,
                           struct fault *f)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    auto_with(rows_freep) struct rows *gone = NULL;
    enum rc rc = store_begin(pool, &tx, f);

    if (rc == RC_OK)
        rc = store_run(tx, &Q_CRASH_DROP_OLD, (const char *[]){ ARG_INT(days) }, &gone, f);
    *count = rc == RC_OK ? rows_count(gone) : 0;
    for (int i = 0; rc == RC_OK && i < *count; i++)
        rc = blob_release(tx, folder, rows_text(gone, i, "sha256"), f);
    return rc == RC_OK ? store_commit(take(&tx), f) : rc;
}

enum rc crash_expire(struct store *pool, const char *folder, int64_t days, struct fault *f)
{
    int count = BATCH;
    enum rc rc = RC_OK;

    while (rc == RC_OK && count == BATCH)
        rc = expire_some(pool, folder, days, &count, f);
    return rc;
}
