// SPDX-License-Identifier: Apache-2.0
//
// A hundred thousand devices that break one rule, as the engine of rules raises them: a thousand
// hits a transaction. Then how long it takes to say how far it goes.
//
//   alert_bench
//
// Beside it, on the same private cluster: the same rows into a bare table with the same indexes.
// One JSON line a figure, in ms.

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>

#include "alert/alert.h"
#include "alert/reach.h"
#include "catalog/catalog.h"
#include "core/clock.h"
#include "store/cluster.h"
#include "store/migrate.h"
#include "store/store.h"
#include "support/folder.h"

#define DEVICES 100000
#define AT_ONCE 1000

static PGconn *pg;
static struct store *s;
static int32_t catalog;

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "alert_bench: %s\n", what);
    exit(1);
}

static int64_t run(const char *sql)
{
    PGresult *r = PQexec(pg, sql);
    int64_t n;

    check(PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK,
          PQerrorMessage(pg));
    n = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    return n;
}

static void fill(void)
{
    char sql[600];

    snprintf(sql, sizeof sql,
             "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, lifecycle,"
             " tags) SELECT %d, i, lpad(to_hex(i), 32, '0'), lpad(to_hex(i), 64, '0'), '', i, 1,"
             " jsonb_build_object('site', 'site ' || i %% 200) FROM generate_series(1, %d) i",
             catalog, DEVICES);
    run(sql);
    run("CREATE TABLE bare (catalog int, alert bigint, device bigint, since timestamptz,"
        " last_at timestamptz, cleared_at timestamptz, hits bigint, evidence text,"
        " PRIMARY KEY (catalog, alert, device));"
        "CREATE INDEX ON bare (catalog, device, alert)");
    run("ANALYZE");
}

static int64_t bare_leg(void)
{
    int64_t began = clock_mono_ms();
    char sql[300];

    for (int i = 0; i < DEVICES; i += AT_ONCE) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO bare SELECT 1, 1, i, now(), now(), NULL, 1, '{\"value\":71.4}'"
                 " FROM generate_series(%d, %d) i",
                 i + 1, i + AT_ONCE);
        run(sql);
    }
    return clock_mono_ms() - began;
}

static void raise_some(const struct alert_cause *c, const struct alert_hit *hits)
{
    struct store *tx = NULL;
    struct fault f = { 0 };

    check(store_begin(s, &tx, &f) == RC_OK, f.text);
    check(alert_raise(tx, c, hits, AT_ONCE, &f) == RC_OK, f.text);
    check(store_commit(tx, &f) == RC_OK, f.text);
}

static int64_t storm_leg(void)
{
    const struct alert_cause c = { .catalog = catalog,
                                   .key = "rule:1",
                                   .source = "rule",
                                   .code = "rule",
                                   .severity = ALERT_HIGH,
                                   .title = "Too hot" };
    static struct alert_hit hits[AT_ONCE];
    int64_t began = clock_mono_ms();

    for (int i = 0; i < DEVICES; i += AT_ONCE) {
        for (int k = 0; k < AT_ONCE; k++)
            hits[k] = (struct alert_hit){ .device = i + k + 1,
                                          .at = clock_now_ms(),
                                          .evidence = "{\"value\":71.4}" };
        raise_some(&c, hits);
    }
    return clock_mono_ms() - began;
}

static int64_t reach_leg(int64_t *devices)
{
    int64_t began = clock_mono_ms();
    json_t *o = NULL;
    struct fault f = { 0 };

    check(reach_show(s, catalog, run("SELECT id FROM alert"), &o, &f) == RC_OK, f.text);
    *devices = json_integer_value(json_object_get(o, "devices"));
    json_decref(o);
    return clock_mono_ms() - began;
}

int main(void)
{
    char folder[64];
    struct cluster *cluster = NULL;
    struct fault f = { 0 };
    int64_t bare, storm, reach, devices = 0;

    folder_make(folder, sizeof folder, "alert");
    check(cluster_start(folder, &cluster, &f) == RC_OK, f.text);
    check(migrate_run(cluster_conninfo(cluster), NULL, &f) == RC_OK, f.text);
    pg = PQconnectdb(cluster_conninfo(cluster));
    check(store_open(cluster_conninfo(cluster), 2, &s, &f) == RC_OK, f.text);
    check(catalog_ensure(s, "demo", &catalog, &f) == RC_OK, f.text);
    fill();
    bare = bare_leg();
    storm = storm_leg();
    reach = reach_leg(&devices);
    printf("{\"bare\":%lld,\"storm\":%lld,\"reach\":%lld,\"devices\":%lld,\"alerts\":%lld,"
           "\"told\":%lld}\n",
           (long long)bare, (long long)storm, (long long)reach, (long long)devices,
           (long long)run("SELECT count(*) FROM alert"),
           (long long)run("SELECT count(*) FROM alert_outbox"));
    store_close(s);
    PQfinish(pg);
    cluster_stop(cluster);
    return 0;
}
