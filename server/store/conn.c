// SPDX-License-Identifier: Apache-2.0

#include "store/conn.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"

// First match by prefix decides; errcodes are PostgreSQL's appendix A.
static const struct {
    const char *state;
    enum rc rc;
    const char *text; // NULL: what PostgreSQL says
} states[] = {
    { "23505", RC_CONFLICT, "this exists already" },
    { "23P01", RC_CONFLICT, "this exists already" },
    { "23503", RC_CONFLICT, "something else still refers to this, or what it refers to is gone" },
    { "23", RC_INVALID, NULL },
    { "22", RC_INVALID, NULL },
    { "25006", RC_UNAVAILABLE, "the database is read-only" },
    { "40", RC_UNAVAILABLE, "another change came in between, try again" },
    { "55P03", RC_UNAVAILABLE, "somebody else holds the lock, try again" },
    { "53100", RC_UNAVAILABLE, "the database's disk is full" },
    { "53", RC_UNAVAILABLE, NULL },
    { "57014", RC_UNAVAILABLE, "the database took too long" },
    { "57", RC_UNAVAILABLE, "the database is stopping or starting" },
    { "58030", RC_UNAVAILABLE, NULL },
    { "08", RC_UNAVAILABLE, NULL },
    { "", RC_INTERNAL, NULL },
};

static int line_len(const char *text)
{
    return (int)strcspn(text, "\n");
}

static enum rc lost(PGconn *pg, struct fault *f)
{
    const char *text = PQerrorMessage(pg);

    return fail(f, RC_UNAVAILABLE, "the database is away: %.*s", line_len(text), text);
}

static enum rc judge_state(const PGresult *r, const char *state, const char *what, struct fault *f)
{
    size_t i = 0;
    const char *said = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *constraint = PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);

    while (strncmp(state, states[i].state, strlen(states[i].state)) != 0)
        i++;
    if (!states[i].text)
        return fail(f, states[i].rc, "%s: %s", what, said ? said : state);
    if (constraint)
        return fail(f, states[i].rc, "%s (%s)", states[i].text, constraint);
    return fail(f, states[i].rc, "%s", states[i].text);
}

enum rc conn_judge(PGconn *pg, const PGresult *r, const char *what, struct fault *f)
{
    ExecStatusType status = r ? PQresultStatus(r) : PGRES_FATAL_ERROR;
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN ||
        status == PGRES_PIPELINE_SYNC)
        return RC_OK;
    if (state)
        return judge_state(r, state, what, f);
    if (PQstatus(pg) != CONNECTION_OK || !r)
        return lost(pg, f);
    return fail(f, RC_INTERNAL, "%s: unexpected answer %s", what, PQresStatus(status));
}

void conn_closep(PGconn **p)
{
    PQfinish(*p);
    *p = NULL;
}

static void drop_notice(void *ctx, const char *text)
{
    (void)ctx, (void)text;
}

void conn_options(char *out, size_t size, int timeout_ms)
{
    snprintf(out, size,
             "-c role=orrery_server -c statement_timeout=%d -c timezone=UTC -c datestyle=ISO "
             "-c search_path=public -c synchronous_commit=on",
             timeout_ms);
}

static int left(int64_t until)
{
    int64_t ms = until - clock_mono_ms();

    return ms < 0 ? 0 : (int)ms;
}

// One attempt: the one deadline is for somebody to be there, the other for who is there to let us
// in.
static PGconn *attempt(const char *conninfo, const char *name, const char *options, int64_t there,
                       int64_t in)
{
    // Before dbname: what conninfo may override. After it: what it may not.
    const char *const keys[] = { "tcp_user_timeout", "keepalives_idle", "dbname", "options",
                                 "application_name", "client_encoding", NULL };
    const char *const values[] = { "10000", "10", conninfo, options, name, "UTF8", NULL };
    PGconn *pg = PQconnectStartParams(keys, values, 1);
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;

    while (pg && PQstatus(pg) != CONNECTION_BAD && want != PGRES_POLLING_OK &&
           want != PGRES_POLLING_FAILED) {
        struct pollfd p = { .fd = PQsocket(pg),
                            .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT };
        if (poll(&p, 1, left(PQstatus(pg) == CONNECTION_STARTED ? there : in)) <= 0)
            break;
        want = PQconnectPoll(pg);
    }
    return pg;
}

static enum rc refused(PGconn *pg, struct fault *f)
{
    const char *text = pg ? PQerrorMessage(pg) : "";

    if (strstr(text, "permission denied to set role"))
        return fail(f, RC_DENIED,
                    "the login in database= may not act as the role orrery_server: have an "
                    "administrator run GRANT orrery_server TO that login");
    if (strstr(text, "role \"orrery_server\" does not exist"))
        return fail(f, RC_CONFLICT, "the database was never migrated: run `orreryd migrate`");
    return pg ? lost(pg, f) : fail(f, RC_INTERNAL, "out of memory");
}

enum rc conn_open(const char *conninfo, const char *name, const char *options, int wait_ms,
                  PGconn **out, struct fault *f)
{
    int64_t until = clock_mono_ms() + (wait_ms < CONN_WAIT_MS ? wait_ms : CONN_WAIT_MS);

    for (;;) {
        // Even without time to wait, a server on this machine gets its chance, and a slow one its
        // time: what is given up half way would have to be begun again.
        int64_t now = clock_mono_ms();
        PGconn *pg = attempt(conninfo, name, options, until > now + 500 ? until : now + 500,
                             now + (wait_ms > CONN_ENTER_MS ? wait_ms : CONN_ENTER_MS));
        if (pg && PQstatus(pg) == CONNECTION_OK) {
            PQsetNoticeProcessor(pg, drop_notice, NULL);
            *out = pg;
            return RC_OK;
        }
        if (clock_mono_ms() + 50 >= until) {
            enum rc rc = refused(pg, f);
            PQfinish(pg);
            return rc;
        }
        PQfinish(pg);
        nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000000L }, NULL);
    }
}

bool conn_is_alive(PGconn *pg)
{
    for (int i = 0; i < 4 && PQstatus(pg) == CONNECTION_OK; i++) {
        struct pollfd p = { .fd = PQsocket(pg), .events = POLLIN };

        if (poll(&p, 1, 0) <= 0)
            return true;
        PQconsumeInput(pg); // a notice, the server's last words, or the end
    }
    return PQstatus(pg) == CONNECTION_OK;
}

enum rc conn_next(PGconn *pg, int wait_ms, PGresult **out, struct fault *f)
{
    int64_t until = clock_mono_ms() + wait_ms;

    while (PQisBusy(pg)) {
        struct pollfd p = { .fd = PQsocket(pg), .events = POLLIN };
        int n = poll(&p, 1, wait_ms < 0 ? -1 : left(until));

        if (n == 0)
            return fail(f, RC_UNAVAILABLE, "the database does not answer");
        if (n > 0 && !PQconsumeInput(pg))
            return lost(pg, f);
    }
    *out = PQgetResult(pg);
    return RC_OK;
}

enum rc conn_finish(PGconn *pg, int wait_ms, const char *what, PGresult **out, struct fault *f)
{
    PGresult *last = NULL, *r = NULL;
    enum rc first = RC_OK;

    for (;;) {
        enum rc rc = conn_next(pg, wait_ms, &r, f);
        if (rc != RC_OK) {
            PQclear(last);
            return rc;
        }
        if (!r)
            break;
        PQclear(last);
        last = r;
        if (first == RC_OK)
            first = conn_judge(pg, r, what, f);
        if (PQresultStatus(r) == PGRES_COPY_IN)
            PQputCopyEnd(pg, "no rows are coming");
    }
    if (first == RC_OK && last && out)
        *out = last;
    else
        PQclear(last);
    return first == RC_OK && !last ? lost(pg, f) : first;
}

enum rc conn_exec(PGconn *pg, const char *sql, int wait_ms, struct fault *f)
{
    char what[60];

    snprintf(what, sizeof what, "'%.*s'", line_len(sql) < 50 ? line_len(sql) : 50, sql);
    if (!PQsendQuery(pg, sql))
        return lost(pg, f);
    return conn_finish(pg, wait_ms, what, NULL, f);
}

enum rc conn_query(PGconn *pg, const char *sql, int params, const char *const *args, int wait_ms,
                   PGresult **out, struct fault *f)
{
    char what[60];

    snprintf(what, sizeof what, "'%.*s'", line_len(sql) < 50 ? line_len(sql) : 50, sql);
    if (!PQsendQueryParams(pg, sql, params, NULL, args, NULL, NULL, 0))
        return lost(pg, f);
    return conn_finish(pg, wait_ms, what, out, f);
}

// A statement without a name is never replaced by a plan that fits all arguments.
bool conn_send(PGconn *pg, const struct query *q, const char *const *args)
{
    return q->fresh ? PQsendQueryParams(pg, q->sql, q->params, NULL, args, NULL, NULL, q->binary)
                    : PQsendQueryPrepared(pg, q->name, q->params, args, NULL, NULL, q->binary);
}
