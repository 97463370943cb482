// SPDX-License-Identifier: Apache-2.0

#include "store/migrate.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "migrations_gen.h"
#include "store/conn.h"

#define KNOWN   ((int)(sizeof migrations / sizeof *migrations))
#define WAIT_MS 600000 // one migration may rewrite a large table
#define SHA_LEN 64

// The lock's number is "orrery" in ASCII.
static const char lock_sql[] = "SET lock_timeout = '60s'; SELECT pg_advisory_lock(122550255710841);"
                               "SET lock_timeout = 0";

static const char table_sql[] = "CREATE TABLE IF NOT EXISTS public.schema_version ("
                                " version int PRIMARY KEY, name text NOT NULL,"
                                " sha256 text NOT NULL,"
                                " applied_at timestamptz NOT NULL DEFAULT now())";

// Roles belong to the whole server, so the lock of one database does not protect them. Where an
// administrator has granted the role already, we need not be able to.
static const char role_sql[] =
    "DO $$ BEGIN"
    " IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'orrery_server') THEN"
    "  CREATE ROLE orrery_server NOLOGIN;"
    " END IF;"
    " EXCEPTION WHEN unique_violation OR duplicate_object THEN NULL;"
    "END $$;"
    "DO $$ BEGIN"
    "  EXECUTE format('GRANT orrery_server TO %I', current_user);"
    " EXCEPTION WHEN insufficient_privilege THEN"
    "  IF NOT pg_has_role(current_user, 'orrery_server', 'MEMBER') THEN RAISE; END IF;"
    "END $$";

static const char grant_sql[] = "GRANT SELECT ON public.schema_version TO orrery_server";

static enum rc sha256_hex(const char *text, char out[SHA_LEN + 1], struct fault *f)
{
    uint8_t sum[32];

    if (!EVP_Digest(text, strlen(text), sum, NULL, EVP_sha256(), NULL))
        return fail(f, RC_INTERNAL, "SHA-256 is not available");
    hex_encode(sum, sizeof sum, out);
    return RC_OK;
}

static const struct migration *find(const struct migration *list, int count, int version)
{
    for (int i = 0; i < count; i++)
        if (list[i].version == version)
            return &list[i];
    return NULL;
}

static enum rc compare(int version, const char *name, const char *sha256,
                       const struct migration *list, int count, struct fault *f)
{
    char sha[SHA_LEN + 1];
    const struct migration *m = find(list, count, version);

    if (!m)
        return fail(f, RC_CONFLICT,
                    "the database was migrated by a newer version (%.60s): start that version, or "
                    "restore a backup made before it",
                    name);
    enum rc rc = sha256_hex(m->sql, sha, f);
    if (rc == RC_OK && strcmp(sha, sha256) != 0)
        return fail(f, RC_CONFLICT,
                    "%.60s is not the file that made this database: put the original back and add "
                    "a new migration instead",
                    m->name);
    return rc;
}

// Checks what ran already; *done is the highest version of it.
static enum rc inspect(PGconn *pg, const struct migration *list, int count, int *done,
                       struct fault *f)
{
    PGresult *r = NULL;
    enum rc rc =
        conn_query(pg, "SELECT version, name, sha256 FROM public.schema_version ORDER BY version",
                   0, NULL, WAIT_MS, &r, f);

    *done = 0;
    for (int i = 0; rc == RC_OK && i < PQntuples(r); i++) {
        *done = (int)strtol(PQgetvalue(r, i, 0), NULL, 10);
        rc = compare(*done, PQgetvalue(r, i, 1), PQgetvalue(r, i, 2), list, count, f);
    }
    PQclear(r);
    return rc;
}

static enum rc apply_in_transaction(PGconn *pg, const struct migration *m, struct fault *f)
{
    char version[16], sha[SHA_LEN + 1];
    const char *const args[] = { version, m->name, sha };
    struct fault why = { 0 };

    snprintf(version, sizeof version, "%d", m->version);
    enum rc rc = sha256_hex(m->sql, sha, f);
    if (rc != RC_OK)
        return rc;
    rc = conn_exec(pg, m->sql, WAIT_MS, &why);
    if (rc != RC_OK)
        return fail(f, rc, "migration %.60s: %.120s", m->name, why.text);
    return conn_query(pg,
                      "INSERT INTO public.schema_version (version, name, sha256) "
                      "VALUES ($1, $2, $3)",
                      3, args, WAIT_MS, NULL, f);
}

static enum rc apply(PGconn *pg, const struct migration *m, struct fault *f)
{
    enum rc rc = conn_exec(pg, "BEGIN", WAIT_MS, f);

    if (rc == RC_OK)
        rc = apply_in_transaction(pg, m, f);
    if (rc != RC_OK) {
        conn_exec(pg, "ROLLBACK", WAIT_MS, NULL);
        return rc;
    }
    return conn_exec(pg, "COMMIT", WAIT_MS, f);
}

static enum rc apply_missing(PGconn *pg, const struct migration *list, int count, int *applied,
                             struct fault *f)
{
    int done = 0, n = 0;
    enum rc rc = inspect(pg, list, count, &done, f);

    for (int i = 0; rc == RC_OK && i < count; i++) {
        if (list[i].version <= done)
            continue;
        rc = apply(pg, &list[i], f);
        n += rc == RC_OK;
    }
    if (applied)
        *applied = n;
    return rc;
}

static enum rc open_owner(const char *conninfo, PGconn **out, struct fault *f)
{
    return conn_open(conninfo, "orreryd migrate",
                     "-c timezone=UTC -c datestyle=ISO -c search_path=public", CONN_START_MS, out,
                     f);
}

enum rc migrate_apply(const char *conninfo, const struct migration *list, int count, int *applied,
                      struct fault *f)
{
    auto_with(conn_closep) PGconn *pg = NULL;
    enum rc rc = open_owner(conninfo, &pg, f);

    if (rc == RC_OK)
        rc = conn_exec(pg, lock_sql, WAIT_MS, f); // until the connection ends
    if (rc == RC_OK)
        rc = conn_exec(pg, table_sql, WAIT_MS, f);
    if (rc == RC_OK)
        rc = conn_exec(pg, role_sql, WAIT_MS, f);
    if (rc == RC_OK)
        rc = conn_exec(pg, grant_sql, WAIT_MS, f);
    if (rc == RC_OK)
        rc = apply_missing(pg, list, count, applied, f);
    return rc;
}

enum rc migrate_run(const char *conninfo, int *applied, struct fault *f)
{
    return migrate_apply(conninfo, migrations, KNOWN, applied, f);
}

enum rc migrate_role(const char *conninfo, struct fault *f)
{
    auto_with(conn_closep) PGconn *pg = NULL;
    enum rc rc = open_owner(conninfo, &pg, f);

    return rc == RC_OK ? conn_exec(pg, role_sql, WAIT_MS, f) : rc;
}

enum rc migrate_knows(int version, const char *name, const char *sha256, struct fault *f)
{
    return compare(version, name, sha256, migrations, KNOWN, f);
}
