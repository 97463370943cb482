// SPDX-License-Identifier: Apache-2.0

#include "alert/handle.h"

#include <stdio.h>
#include <string.h>

#include "access/permission.h"
#include "alert/inbox.h"
#include "core/auto.h"
#include "handle_sql.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// Why nothing changed.
static enum rc why_not(struct store *tx, const struct handle_by *by, const char *already,
                       struct fault *f)
{
    json_auto_t *alert = NULL;
    int64_t version = 0;
    enum rc rc = inbox_show(tx, by->catalog, by->alert, &alert, &version, f);

    if (rc != RC_OK)
        return rc;
    if (version != by->version) {
        *by->stale = true;
        return fail(f, RC_CONFLICT, "the alert has changed since: look at it again");
    }
    if (!strcmp(json_string_value(json_object_get(alert, "state")), "resolved"))
        return fail(f, RC_CONFLICT, "this alert is resolved");
    return fail(f, RC_CONFLICT, "%s", already);
}

static enum rc note(struct store *tx, const struct handle_by *by, const char *act,
                    const char *detail, struct fault *f)
{
    const char *args[] = {
        ARG_INT(by->catalog), ARG_INT(by->alert), ARG_INT(by->account), by->actor, act,
        detail ? detail : ""
    };

    return store_run(tx, &Q_HANDLE_NOTE, args, NULL, f);
}

// One guarded change and its line in the history.
static enum rc act(struct store *tx, const struct handle_by *by, const struct query *q,
                   const char *const *args, const char *name, const char *detail, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(tx, q, args, &rows, f);

    if (rc == RC_OK && rows_count(rows) == 0)
        return why_not(tx, by, "somebody has acknowledged this alert already", f);
    return rc == RC_OK ? note(tx, by, name, detail, f) : rc;
}

enum rc handle_acknowledge(struct store *tx, const struct handle_by *by, struct fault *f)
{
    const char *args[] = { ARG_INT(by->catalog), ARG_INT(by->alert), ARG_INT(by->version),
                           by->actor };

    return act(tx, by, &Q_HANDLE_ACKNOWLEDGE, args, "acknowledged", by->note, f);
}

static enum rc find_owner(struct store *tx, int32_t catalog, int64_t account, char name[81],
                          struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(account) };
    enum rc rc = store_run(tx, &Q_HANDLE_OWNER, args, &rows, f);
    int role;

    if (rc != RC_OK)
        return rc;
    role = rows_count(rows) ? role_from_name(rows_text(rows, 0, "role")) : -1;
    if (role < 0 || !(role_permissions((enum role)role) & MAY_HANDLE_ALERTS))
        return fail(f, RC_INVALID, "account: nobody of that id handles alerts here");
    snprintf(name, 81, "%s", rows_text(rows, 0, "name"));
    return RC_OK;
}

enum rc handle_assign(struct store *tx, const struct handle_by *by, int64_t account,
                      struct fault *f)
{
    const char *args[] = { ARG_INT(by->catalog), ARG_INT(by->alert), ARG_INT(by->version),
                           by->actor, account ? ARG_INT(account) : NULL };
    char name[81] = "";
    enum rc rc = account ? find_owner(tx, by->catalog, account, name, f) : RC_OK;

    return rc == RC_OK
               ? act(tx, by, &Q_HANDLE_ASSIGN, args, account ? "assigned" : "unassigned", name, f)
               : rc;
}

enum rc handle_silence(struct store *tx, const struct handle_by *by, int64_t minutes,
                       struct fault *f)
{
    const char *args[] = { ARG_INT(by->catalog), ARG_INT(by->alert), ARG_INT(by->version),
                           ARG_INT(minutes) };
    char detail[24] = "";

    if (minutes)
        snprintf(detail, sizeof detail, "%" PRId64, minutes);
    return act(tx, by, &Q_HANDLE_SILENCE, args, minutes ? "silenced" : "woken", detail, f);
}

enum rc handle_resolve(struct store *tx, const struct handle_by *by, struct fault *f)
{
    const char *args[] = { ARG_INT(by->catalog), ARG_INT(by->alert), ARG_INT(by->version),
                           by->actor };

    return act(tx, by, &Q_HANDLE_RESOLVE, args, "resolved", by->note, f);
}

enum rc handle_comment(struct store *tx, const struct handle_by *by, struct fault *f)
{
    json_auto_t *alert = NULL;
    enum rc rc = inbox_show(tx, by->catalog, by->alert, &alert, NULL, f);

    return rc == RC_OK ? note(tx, by, "commented", by->note, f) : rc;
}
