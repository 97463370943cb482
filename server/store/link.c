// SPDX-License-Identifier: Apache-2.0

#include "store/link.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "store/conn.h"

#define PREPARED_MAX 64
#define LOCK_POLL_MS 20

struct link {
    PGconn *pg;
    PGcancel *cancel; // knows how to reach the server without pg
    int wait_ms;      // for an answer, or CONN_FOREVER
    int prepared;
    const char *names[PREPARED_MAX]; // of the queries prepared here
};

void link_close(struct link *l)
{
    if (!l)
        return;
    PQfreeCancel(l->cancel);
    PQfinish(l->pg);
    free(l);
}

DEFINE_AUTO(struct link *, link_closep, link_close)

enum rc link_open(const char *conninfo, const char *name, int timeout_ms, struct link **out,
                  struct fault *f)
{
    char options[200];
    auto_with(link_closep) struct link *l = calloc(1, sizeof *l);

    if (!l)
        return fail(f, RC_INTERNAL, "out of memory");
    l->wait_ms = timeout_ms ? timeout_ms + CONN_GRACE_MS : CONN_FOREVER;
    conn_options(options, sizeof options, timeout_ms);
    enum rc rc = conn_open(conninfo, name, options, CONN_START_MS, &l->pg, f);
    if (rc != RC_OK)
        return rc;
    l->cancel = PQgetCancel(l->pg);
    *out = take(&l);
    return RC_OK;
}

void link_cancel(struct link *l)
{
    char why[256];

    PQcancel(l->cancel, why, sizeof why);
}

bool link_is_up(const struct link *l)
{
    return PQstatus(l->pg) == CONNECTION_OK;
}

// After a failure: out of the transaction, or, when an answer is still owed, out of use.
static enum rc settle(struct link *l, enum rc rc)
{
    PGTransactionStatusType t = PQtransactionStatus(l->pg);

    if (rc == RC_OK)
        return rc;
    if (t == PQTRANS_ACTIVE)
        conn_closep(&l->pg); // libpq's functions take NULL for a lost connection
    else if (t == PQTRANS_INERROR || t == PQTRANS_INTRANS)
        conn_exec(l->pg, "ROLLBACK", l->wait_ms, NULL);
    return rc;
}

static bool is_prepared(const struct link *l, const char *name)
{
    for (int i = 0; i < l->prepared; i++)
        if (!strcmp(l->names[i], name))
            return true;
    return false;
}

static enum rc prepare(struct link *l, const struct query *q, struct fault *f)
{
    if (is_prepared(l, q->name))
        return RC_OK;
    if (l->prepared == PREPARED_MAX)
        return fail(f, RC_INTERNAL, "more than %d queries on one connection", PREPARED_MAX);
    if (!PQsendPrepare(l->pg, q->name, q->sql, 0, NULL))
        return conn_judge(l->pg, NULL, q->name, f);
    enum rc rc = conn_finish(l->pg, l->wait_ms, q->name, NULL, f);
    if (rc == RC_OK)
        l->names[l->prepared++] = q->name;
    return rc;
}

enum rc link_run(struct link *l, const struct query *q, const char *const *args, struct rows **out,
                 struct fault *f)
{
    PGresult *r = NULL;
    enum rc rc = prepare(l, q, f);

    if (rc != RC_OK)
        return settle(l, rc);
    if (!conn_send(l->pg, q, args))
        return settle(l, conn_judge(l->pg, NULL, q->name, f));
    rc = conn_finish(l->pg, l->wait_ms, q->name, &r, f);
    if (rc == RC_OK && out)
        *out = rows_of(r);
    else
        PQclear(r);
    return settle(l, rc);
}

enum rc link_exec(struct link *l, const char *sql, struct fault *f)
{
    return settle(l, conn_exec(l->pg, sql, l->wait_ms, f));
}

bool link_answers(struct link *l)
{
    return link_exec(l, "SELECT 1", NULL) == RC_OK && link_is_up(l);
}

// ---------------------------------------------------------------- COPY

// Reads results up to the next COPY; *copying is false when there is none.
static enum rc until_copy(struct link *l, bool *copying, struct fault *f)
{
    PGresult *r = NULL;
    enum rc first = RC_OK;

    *copying = false;
    while (!*copying) {
        enum rc rc = conn_next(l->pg, l->wait_ms, &r, f);
        if (rc != RC_OK)
            return rc;
        if (!r)
            return PQstatus(l->pg) == CONNECTION_OK || first != RC_OK
                       ? first
                       : conn_judge(l->pg, NULL, "COPY", f);
        if (first == RC_OK)
            first = conn_judge(l->pg, r, "COPY", f);
        *copying = PQresultStatus(r) == PGRES_COPY_IN;
        PQclear(r);
    }
    return first;
}

enum rc link_copy_begin(struct link *l, const char *sql, struct fault *f)
{
    bool copying = false;

    if (!PQsendQuery(l->pg, sql))
        return settle(l, conn_judge(l->pg, NULL, "COPY", f));
    enum rc rc = until_copy(l, &copying, f);
    if (rc == RC_OK && !copying)
        rc = fail(f, RC_INTERNAL, "no COPY FROM STDIN in '%.60s'", sql);
    return settle(l, rc);
}

enum rc link_copy_put(struct link *l, const void *bytes, size_t len, struct fault *f)
{
    const char *at = bytes;

    while (len) {
        int n = len > 1 << 20 ? 1 << 20 : (int)len;

        if (PQputCopyData(l->pg, at, n) != 1)
            return conn_judge(l->pg, NULL, "COPY", f);
        at += n;
        len -= (size_t)n;
    }
    return RC_OK;
}

enum rc link_copy_end(struct link *l, bool *more, struct fault *f)
{
    bool copying = false;

    if (PQputCopyEnd(l->pg, NULL) != 1)
        return settle(l, conn_judge(l->pg, NULL, "COPY", f));
    enum rc rc = until_copy(l, &copying, f);
    if (rc == RC_OK && copying && !more) {
        link_copy_abort(l, "only one COPY was expected");
        return fail(f, RC_INTERNAL, "a second COPY that nobody feeds");
    }
    if (rc == RC_OK && more)
        *more = copying;
    return settle(l, rc);
}

void link_copy_abort(struct link *l, const char *why)
{
    PQputCopyEnd(l->pg, why);
    settle(l, conn_finish(l->pg, l->wait_ms, "COPY", NULL, NULL));
}

// ---------------------------------------------------------------- what others notify

enum rc link_listen(struct link *l, const char *channel, struct fault *f)
{
    char sql[80];

    snprintf(sql, sizeof sql, "LISTEN %s", channel);
    return link_exec(l, sql, f);
}

static bool take_notice(struct link *l, char *payload, size_t size)
{
    PGnotify *n = PQnotifies(l->pg);

    snprintf(payload, size, "%s", n ? n->extra : "");
    PQfreemem(n);
    return n != NULL;
}

enum rc link_hear(struct link *l, int wait_ms, char *payload, size_t size, struct fault *f)
{
    struct pollfd p = { .fd = PQsocket(l->pg), .events = POLLIN };

    if (take_notice(l, payload, size) || poll(&p, 1, wait_ms) <= 0)
        return RC_OK;
    if (!PQconsumeInput(l->pg) || !link_is_up(l))
        return conn_judge(l->pg, NULL, "LISTEN", f);
    take_notice(l, payload, size);
    return RC_OK;
}

// ---------------------------------------------------------------- locks

static enum rc ask_lock(struct link *l, const char *sql, int32_t space, int32_t key, bool *yes,
                        struct fault *f)
{
    char a[16], b[16];
    PGresult *r = NULL;

    snprintf(a, sizeof a, "%d", space);
    snprintf(b, sizeof b, "%d", key);
    enum rc rc = conn_query(l->pg, sql, 2, (const char *[]){ a, b }, l->wait_ms, &r, f);
    if (rc == RC_OK)
        *yes = *PQgetvalue(r, 0, 0) == 't';
    PQclear(r);
    return settle(l, rc);
}

enum rc link_lock(struct link *l, int32_t space, int32_t key, int wait_ms, struct fault *f)
{
    int64_t until = clock_mono_ms() + wait_ms;
    bool mine = false;

    for (;;) {
        enum rc rc =
            ask_lock(l, "SELECT pg_try_advisory_lock($1::int, $2::int)", space, key, &mine, f);
        if (rc != RC_OK || mine)
            return rc;
        if (clock_mono_ms() >= until)
            return fail(f, RC_CONFLICT, "another server holds lock %d/%d of this database", space,
                        key);
        nanosleep(&(struct timespec){ .tv_nsec = LOCK_POLL_MS * 1000000L }, NULL);
    }
}

enum rc link_unlock(struct link *l, int32_t space, int32_t key, struct fault *f)
{
    bool was = false;
    enum rc rc = ask_lock(l, "SELECT pg_advisory_unlock($1::int, $2::int)", space, key, &was, f);

    if (rc == RC_OK && !was)
        return fail(f, RC_CONFLICT, "lock %d/%d was not held", space, key);
    return rc;
}
