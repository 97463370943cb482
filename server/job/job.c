// SPDX-License-Identifier: Apache-2.0

#include "job/job.h"

#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "job_sql.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

const struct job_kind *job_kind_named(const char *name)
{
    for (const struct job_kind *const *k = job_kinds; *k; k++)
        if (!strcmp((*k)->name, name))
            return *k;
    return NULL;
}

static enum rc not_here(struct fault *f)
{
    return fail(f, RC_NOT_FOUND, "this catalog has no such job");
}

const char *job_count_text(int64_t n, char out[JOB_COUNT_SIZE])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, n), to = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[to++] = ',';
        out[to++] = digits[i];
    }
    out[to] = '\0';
    return out;
}

// ---------------------------------------------------------------- add

static enum rc check_room(struct store *tx, int32_t catalog, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(tx, &Q_JOB_OPEN_COUNT, (const char *[]){ ARG_INT(catalog) }, &rows, f);

    if (rc == RC_OK && rows_int(rows, 0, "n") >= JOB_OPEN_MAX)
        return fail(f, RC_LIMIT, "%d jobs are open: wait until some of them are done",
                    JOB_OPEN_MAX);
    return rc;
}

enum rc job_add(struct store *tx, const struct job_new *j, int64_t *id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_free char *request = json_dumps(j->request, JSON_COMPACT);
    auto_free char *problems = j->problems ? json_dumps(j->problems, JSON_COMPACT) : strdup("[]");
    char input[65];
    enum rc rc;

    if (!request || !problems)
        return fail(f, RC_INTERNAL, "out of memory");
    if (j->input)
        hex_encode(j->input, 32, input);
    const char *args[] = {
        ARG_INT(j->catalog),
        j->kind,
        j->title,
        request,
        j->input ? input : NULL,
        ARG_INT(j->total),
        ARG_INT(j->refused),
        problems,
        ARG_INT(j->account),
        j->actor,
        ARG_INT(j->needs),
    };
    rc = check_room(tx, j->catalog, f);
    if (rc == RC_OK)
        rc = store_run(tx, &Q_JOB_ADD, args, &rows, f);
    if (rc == RC_OK)
        *id = rows_int(rows, 0, "id");
    return rc;
}

enum rc job_settle(struct store *tx, int32_t catalog, int64_t id, int64_t total, const char *title,
                   struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(id), ARG_INT(total), title };

    return store_run(tx, &Q_JOB_SETTLE, args, NULL, f);
}

enum rc job_again(struct store *tx, int32_t catalog, const uint8_t input[32], int64_t *id,
                  struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char hex[65];

    hex_encode(input, 32, hex);
    *id = 0;
    enum rc rc = store_run(tx, &Q_JOB_AGAIN, (const char *[]){ ARG_INT(catalog), hex }, &rows, f);
    if (rc != RC_OK || rows_count(rows) == 0)
        return rc;
    *id = rows_int(rows, 0, "id");
    const char *state = rows_text(rows, 0, "state");
    bool ended = !strcmp(state, "stopped") || !strcmp(state, "failed");
    return ended ? job_resume(tx, catalog, *id, f) : RC_OK;
}

// ---------------------------------------------------------------- show

// All but what was refused in detail.
static json_t *summary(const struct rows *r, int row)
{
    int64_t changed = rows_int(r, row, "changed"), unchanged = rows_int(r, row, "unchanged");
    int64_t refused = rows_int(r, row, "refused");
    json_t *o = json_object();

    add_id(o, "id", rows_int(r, row, "id"));
    add_text(o, "kind", rows_text(r, row, "kind"));
    add_text(o, "state", rows_text(r, row, "state"));
    add_text(o, "title", rows_text(r, row, "title"));
    add_int(o, "total", rows_int(r, row, "total"));
    add_int(o, "done", changed + unchanged + refused);
    add_int(o, "changed", changed);
    add_int(o, "unchanged", unchanged);
    add_int(o, "refused", refused);
    add_text(o, "failure", rows_text(r, row, "failure"));
    add_text(o, "actor", rows_text(r, row, "actor"));
    add_time(o, "createdAt", rows_int(r, row, "created_at"));
    add_time(o, "updatedAt", rows_int(r, row, "updated_at"));
    return o;
}

static json_t *to_json(const struct rows *r, int row)
{
    json_t *o = summary(r, row);

    add_json(o, "problems", json_loads(rows_text(r, row, "problems"), 0, NULL));
    return o;
}

enum rc job_show(struct store *s, int32_t catalog, int64_t id, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(s, &Q_JOB_SHOW, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return not_here(f);
    *out = to_json(rows, 0);
    return RC_OK;
}

enum rc job_list(struct store *s, int32_t catalog, int64_t before, int limit, json_t **out,
                 int64_t *next, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(before ? before : INT64_MAX),
                           ARG_INT(limit + 1) };
    enum rc rc = store_run(s, &Q_JOB_PAGE, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    *out = json_array();
    for (int i = 0; i < rows_count(rows) && i < limit; i++)
        json_array_append_new(*out, to_json(rows, i));
    *next = rows_count(rows) > limit ? rows_int(rows, limit - 1, "id") : 0;
    return RC_OK;
}

enum rc job_recent(struct store *s, int32_t catalog, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(s, &Q_JOB_RECENT, (const char *[]){ ARG_INT(catalog) }, &rows, f);

    if (rc != RC_OK)
        return rc;
    *out = json_array();
    for (int i = 0; i < rows_count(rows); i++)
        json_array_append_new(*out, summary(rows, i));
    return RC_OK;
}

// ---------------------------------------------------------------- stop, resume

enum rc job_needs(struct store *s, int32_t catalog, int64_t id, uint32_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };
    enum rc rc = store_run(s, &Q_JOB_NEEDS, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return not_here(f);
    *out = (uint32_t)rows_int(rows, 0, "needs");
    return RC_OK;
}

static enum rc turn(struct store *tx, const struct query *q, int32_t catalog, int64_t id,
                    const char *conflict, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    json_auto_t *job = NULL;
    enum rc rc = store_run(tx, q, (const char *[]){ ARG_INT(catalog), ARG_INT(id) }, &rows, f);

    if (rc != RC_OK || rows_count(rows) > 0)
        return rc;
    rc = job_show(tx, catalog, id, &job, f);
    return rc == RC_OK ? fail(f, RC_CONFLICT, "%s", conflict) : rc;
}

enum rc job_stop(struct store *tx, int32_t catalog, int64_t id, struct fault *f)
{
    return turn(tx, &Q_JOB_STOP, catalog, id, "this job has ended already", f);
}

enum rc job_resume(struct store *tx, int32_t catalog, int64_t id, struct fault *f)
{
    return turn(tx, &Q_JOB_RESUME, catalog, id, "only a job that was stopped or failed can go on",
                f);
}

enum rc job_expire(struct store *s, struct fault *f)
{
    return store_run(s, &Q_JOB_EXPIRE, NULL, NULL, f);
}
