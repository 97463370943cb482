// SPDX-License-Identifier: Apache-2.0

#include "backup/dump.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backup/tape.h"
#include "core/auto.h"
#include "core/json_out.h"
#include "store/conn.h"
#include "store/migrate.h"
#include "store/program.h"

#define PART    (8u * 1024 * 1024)
#define WAIT_MS 60000 // for one question; copying waits for as long as it takes

#define OPTIONS                                                                                    \
    "-c timezone=UTC -c datestyle=ISO -c search_path=public -c statement_timeout=0 "               \
    "-c idle_in_transaction_session_timeout=0"

struct dump {
    const char *conninfo;
    PGconn *pg; // holds the snapshot
    char snapshot[64];
};

struct load {
    const char *conninfo;
    struct program_pipe pipe;
    int said;
    bool running;
};

DEFINE_AUTO(struct dump *, dump_endp, dump_end)
DEFINE_AUTO(struct load *, dump_abandonp, dump_abandon)

static void results_free(PGresult *r)
{
    PQclear(r);
}

DEFINE_AUTO(PGresult *, results_freep, results_free)

static enum rc ask(PGconn *pg, const char *sql, PGresult **out, struct fault *f)
{
    return conn_query(pg, sql, 0, NULL, WAIT_MS, out, f);
}

// ---------------------------------------------------------------- a program and what it said

// What a program of PostgreSQL said about its failure, without its name.
static enum rc blame(int said, const char *what, struct fault *f)
{
    char text[2000] = "";
    ssize_t n = pread(said, text, sizeof text - 1, 0);
    const char *error = n > 0 ? strstr(text, "error: ") : NULL;

    if (error)
        return fail(f, RC_UNAVAILABLE, "%s: %.*s", what, (int)strcspn(error + 7, "\n"), error + 7);
    return fail(f, RC_UNAVAILABLE, "%s: it ended early", what);
}

static enum rc open_said(int *out, struct fault *f)
{
    *out = memfd_create("said", MFD_CLOEXEC);
    return *out >= 0 ? RC_OK : fail(f, RC_INTERNAL, "no memory file: %s", strerror(errno));
}

// ---------------------------------------------------------------- out

static const char facts_sql[] = "SELECT current_setting('server_version') AS postgresql,"
                                " (SELECT count(*) FROM device) AS devices,"
                                " (SELECT count(*) FROM catalog) AS catalogs,"
                                " (SELECT count(*) FROM audit) AS audit";

static enum rc add_schema(PGconn *pg, json_t *facts, struct fault *f)
{
    auto_with(results_freep) PGresult *r = NULL;
    json_t *list = json_array();
    enum rc rc =
        ask(pg, "SELECT version, name, sha256 FROM schema_version ORDER BY version", &r, f);

    json_object_set_new(facts, "schema", list);
    for (int i = 0; rc == RC_OK && i < PQntuples(r); i++) {
        json_t *o = json_object();

        add_int(o, "version", strtoll(PQgetvalue(r, i, 0), NULL, 10));
        add_text(o, "name", PQgetvalue(r, i, 1));
        add_text(o, "sha256", PQgetvalue(r, i, 2));
        json_array_append_new(list, o);
    }
    return rc;
}

static enum rc add_facts(PGconn *pg, json_t *facts, struct fault *f)
{
    static const char *const counts[] = { NULL, "devices", "catalogs", "auditEntries" };
    auto_with(results_freep) PGresult *r = NULL;
    enum rc rc = ask(pg, facts_sql, &r, f);

    if (rc != RC_OK)
        return rc;
    add_text(facts, "postgresql", PQgetvalue(r, 0, 0));
    for (int i = 1; i < 4; i++)
        add_int(facts, counts[i], strtoll(PQgetvalue(r, 0, i), NULL, 10));
    return add_schema(pg, facts, f);
}

static enum rc take_snapshot(struct dump *d, struct fault *f)
{
    auto_with(results_freep) PGresult *r = NULL;
    enum rc rc = conn_open(d->conninfo, "orreryd backup", OPTIONS, CONN_WAIT_MS, &d->pg, f);

    if (rc == RC_OK)
        rc = conn_exec(d->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", WAIT_MS, f);
    if (rc == RC_OK)
        rc = ask(d->pg, "SELECT pg_export_snapshot()", &r, f);
    if (rc == RC_OK)
        snprintf(d->snapshot, sizeof d->snapshot, "%s", PQgetvalue(r, 0, 0));
    return rc;
}

enum rc dump_begin(const char *conninfo, json_t *facts, struct dump **out, struct fault *f)
{
    auto_with(dump_endp) struct dump *d = calloc(1, sizeof *d);
    enum rc rc;

    if (!d)
        return fail(f, RC_INTERNAL, "out of memory");
    d->conninfo = conninfo;
    rc = take_snapshot(d, f);
    if (rc == RC_OK)
        rc = add_facts(d->pg, facts, f);
    if (rc == RC_OK)
        *out = take(&d);
    return rc;
}

void dump_end(struct dump *d)
{
    if (!d)
        return;
    conn_closep(&d->pg);
    free(d);
}

// Fills buf as far as the program has something to say.
static size_t fill(int fd, char *buf)
{
    size_t len = 0;
    ssize_t n = 1;

    while (len < PART && n != 0) {
        n = read(fd, buf + len, PART - len);
        if (n < 0 && errno != EINTR)
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    return len;
}

static enum rc copy_parts(int fd, struct tape *t, struct fault *f)
{
    auto_free char *buf = malloc(PART);
    enum rc rc = buf ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
    size_t len = PART;

    for (int part = 1; rc == RC_OK && len == PART; part++) {
        char path[40];

        len = fill(fd, buf);
        snprintf(path, sizeof path, "database/%08d", part);
        if (len > 0)
            rc = tape_put(t, path, buf, len, f);
    }
    return rc;
}

// Compressed lightly: readings shrink to a third, and the server needs its cores.
enum rc dump_write(struct dump *d, struct tape *t, struct fault *f)
{
    char program[PATH_MAX];
    const char *const argv[] = { program,      "-Fc",       "-Z1", "--lock-wait-timeout=60s",
                                 "--snapshot", d->snapshot, "-d",  d->conninfo,
                                 NULL };
    struct program_pipe pipe;
    int said;
    enum rc rc = program_client("pg_dump", program, f);

    if (rc == RC_OK)
        rc = open_said(&said, f);
    if (rc != RC_OK)
        return rc;
    rc = program_pipe(argv, false, said, &pipe, f);
    if (rc == RC_OK) {
        rc = copy_parts(pipe.fd, t, f);
        if (!program_end(&pipe) && rc == RC_OK)
            rc = blame(said, "the database was not dumped", f);
    }
    close(said);
    return rc;
}

// ---------------------------------------------------------------- in

static enum rc check_empty(const char *conninfo, struct fault *f)
{
    auto_with(conn_closep) PGconn *pg = NULL;
    auto_with(results_freep) PGresult *r = NULL;
    enum rc rc = conn_open(conninfo, "orreryd restore", OPTIONS, CONN_WAIT_MS, &pg, f);

    if (rc == RC_OK)
        rc = ask(pg,
                 "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                 " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')",
                 &r, f);
    if (rc == RC_OK && strcmp(PQgetvalue(r, 0, 0), "0") != 0)
        return fail(f, RC_CONFLICT,
                    "the database holds tables already: name an empty one with --set database=…");
    return rc;
}

enum rc dump_load(const char *conninfo, struct load **out, struct fault *f)
{
    auto_with(dump_abandonp) struct load *r = calloc(1, sizeof *r);
    char program[PATH_MAX];
    const char *const argv[] = { program, "--no-owner", "--exit-on-error", "-d", conninfo, NULL };
    enum rc rc;

    if (!r)
        return fail(f, RC_INTERNAL, "out of memory");
    r->conninfo = conninfo;
    r->said = -1;
    rc = check_empty(conninfo, f);
    if (rc == RC_OK)
        rc = migrate_role(conninfo, f);
    if (rc == RC_OK)
        rc = program_client("pg_restore", program, f);
    if (rc == RC_OK)
        rc = open_said(&r->said, f);
    if (rc == RC_OK)
        rc = program_pipe(argv, true, r->said, &r->pipe, f);
    if (rc != RC_OK)
        return rc;
    r->running = true;
    *out = take(&r);
    return RC_OK;
}

enum rc dump_feed(struct load *r, const void *bytes, size_t len, struct fault *f)
{
    for (const char *at = bytes; len > 0;) {
        ssize_t n = write(r->pipe.fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return blame(r->said, "the database was not restored", f);
        at += n;
        len -= (size_t)n;
    }
    return RC_OK;
}

// As pg_restore made them, all belong to whom it logged in as. Sessions that were ended since the
// backup must not come back to life.
static const char settle_sql[] =
    "DO $$ DECLARE part regclass; BEGIN"
    " FOR part IN SELECT relid FROM pg_partition_tree('telemetry')"
    "             UNION ALL SELECT relid FROM pg_partition_tree('journal')"
    "             UNION ALL SELECT relid FROM pg_partition_tree('telemetry_chunk')"
    "             UNION ALL SELECT relid FROM pg_partition_tree('telemetry_minute')"
    "             UNION ALL SELECT relid FROM pg_partition_tree('telemetry_rollup') LOOP"
    "  EXECUTE format('ALTER TABLE %s OWNER TO orrery_server', part);"
    " END LOOP;"
    "END $$;"
    "DELETE FROM session;"
    "ANALYZE";

static enum rc settle(const char *conninfo, struct fault *f)
{
    auto_with(conn_closep) PGconn *pg = NULL;
    enum rc rc = conn_open(conninfo, "orreryd restore", OPTIONS, CONN_WAIT_MS, &pg, f);

    return rc == RC_OK ? conn_exec(pg, settle_sql, CONN_FOREVER, f) : rc;
}

enum rc dump_settle(struct load *r, struct fault *f)
{
    enum rc rc = RC_OK;

    r->running = false;
    if (!program_end(&r->pipe))
        rc = blame(r->said, "the database was not restored", f);
    if (rc == RC_OK)
        rc = settle(r->conninfo, f);
    dump_abandon(r);
    return rc;
}

enum rc dump_counts(const char *conninfo, int64_t *devices, int64_t *audit, struct fault *f)
{
    auto_with(conn_closep) PGconn *pg = NULL;
    auto_with(results_freep) PGresult *r = NULL;
    enum rc rc = conn_open(conninfo, "orreryd restore", OPTIONS, CONN_WAIT_MS, &pg, f);

    if (rc == RC_OK)
        rc = ask(pg, facts_sql, &r, f);
    if (rc != RC_OK)
        return rc;
    *devices = strtoll(PQgetvalue(r, 0, 1), NULL, 10);
    *audit = strtoll(PQgetvalue(r, 0, 3), NULL, 10);
    return RC_OK;
}

void dump_abandon(struct load *r)
{
    if (!r)
        return;
    if (r->running)
        (void)program_end(&r->pipe);
    if (r->said >= 0)
        close(r->said);
    free(r);
}
