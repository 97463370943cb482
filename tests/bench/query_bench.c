// SPDX-License-Identifier: Apache-2.0
//
// Charts of a day and of a month with sixty million points stored, and a fleet's last values, on a
// cluster that is kept.
//
//   query_bench folder
//
// The points are made once (some minutes): 11,000 devices, 8 metrics, a reading each two minutes,
// packed as the server packs them; of a hundred devices four weeks of hourly sums before that. The
// REST handlers are called as the dispatcher calls them. Beside each figure stands what there is to
// it: the bare query for the same rows, or a walk over the same values. One JSON line a figure: ms,
// the middle and the worst.

#include <libpq-fe.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "history/compact.h"
#include "ingest/partition.h"
#include "store/cluster.h"
#include "store/link.h"
#include "store/migrate.h"
#include "support/model.h"
#include "telemetry/fleet.h"
#include "telemetry/fleet_api.h"
#include "telemetry/series_api.h"

#define DAY     1785024000000LL // a whole day's start
#define HOUR_S  3600
#define HOURS   24
#define DEVICES 11000
#define EACH    30 // readings an hour
#define WEEKS_H (29 * 24)
#define MONTHLY 100 // devices with sums of weeks
#define MILLION 1000000
#define RUNS    31

#define SERIES "/api/v1/catalogs/{catalog}/telemetry/series"
#define FLEET  "/api/v1/catalogs/{catalog}/telemetry/fleet"
#define TOP    "/api/v1/catalogs/{catalog}/telemetry/top"

static const char *conninfo;
static int32_t catalog;
static struct store *store;
static struct services services;

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "query_bench: %s\n", what);
    exit(1);
}

__attribute__((format(printf, 1, 2))) static int64_t run(const char *format, ...)
{
    PGconn *pg = PQconnectdb(conninfo);
    char sql[4000];
    PGresult *r;
    int64_t n;
    va_list ap;

    va_start(ap, format);
    vsnprintf(sql, sizeof sql, format, ap);
    va_end(ap);
    check(PQstatus(pg) == CONNECTION_OK, PQerrorMessage(pg));
    PQclear(PQexec(pg, "SET synchronous_commit = off"));
    r = PQexec(pg, sql);
    check(PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK,
          PQerrorMessage(pg));
    n = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    PQfinish(pg);
    return n;
}

// ---------------------------------------------------------------- what is asked

static void pack_hour(struct link *l, int64_t hour)
{
    struct compact *c = compact_new();
    struct compact_place place = { 0 };
    struct compact_count count = { 0 };
    struct fault f = { 0 };
    bool done = false, gone;

    check(c && compact_make_room(l, hour, &f) == RC_OK, f.text);
    while (!done)
        check(compact_slice(c, l, hour, &place, &done, &count, &f) == RC_OK, f.text);
    check(compact_drop(l, hour, &gone, &f) == RC_OK, f.text);
    compact_free(c);
}

static void fill_hour(struct link *l, int64_t hour)
{
    char sql[2000];
    struct fault f = { 0 };

    partition_sql(PARTITION_TELEMETRY, hour, sql, sizeof sql);
    check(link_exec(l, sql, &f) == RC_OK, f.text);
    run("INSERT INTO telemetry SELECT %d, d, to_timestamp(%lld) + n * interval '2 minutes', 1,"
        " ARRAY[20 + d %% 7 + sin((%lld + n) / 50.0) * 3, 55 + (d * n) %% 11, n, 3.3, 1013 + d %% 9,"
        " (d + n) %% 100 / 10.0, %lld + n, d %% 2] FROM generate_series(1, %d) d,"
        " generate_series(0, %d) n",
        catalog, (long long)hour * HOUR_S, (long long)hour * EACH, (long long)hour * EACH, DEVICES,
        EACH - 1);
    pack_hour(l, hour);
}

static void fill_weeks(struct link *l)
{
    struct fault f = { 0 };

    for (int64_t h = 1; h <= WEEKS_H; h += 24)
        check(compact_make_room(l, DAY / 3600000 - h, &f) == RC_OK, f.text);
    run("INSERT INTO telemetry_rollup SELECT %d, d, to_timestamp(%lld) - h * interval '1 hour', 1,"
        " %d, to_timestamp(%lld) - h * interval '1 hour', ARRAY[h,1,1,1,1,1,1,1],"
        " ARRAY[h + 1,2,2,2,2,2,2,2], ARRAY[30 * h,9,9,9,9,9,9,9], ARRAY[900 * h,9,9,9,9,9,9,9],"
        " ARRAY[h,1,1,1,1,1,1,1] FROM generate_series(1, %d) d, generate_series(1, %d) h",
        catalog, DAY / 1000, EACH, DAY / 1000, MONTHLY, WEEKS_H - 24);
}

static void fill(void)
{
    struct link *l = NULL;
    struct fault f = { 0 };

    if (run("SELECT count(*) FROM pg_class WHERE relname = 'query_bench_minutes'"))
        return;
    // Of a fill that was cut short, or from before there were minutes.
    run("TRUNCATE telemetry, telemetry_chunk, telemetry_minute, telemetry_rollup");
    fprintf(stderr, "query_bench: sixty million points are made, once\n");
    check(link_open(conninfo, "query_bench", 0, &l, &f) == RC_OK, f.text);
    run("INSERT INTO shape VALUES (%d, 1, '{temp.in,temp.out,vib.x,batt.v,press,flow,passes,door}')"
        " ON CONFLICT DO NOTHING",
        catalog);
    run("INSERT INTO device (catalog, device, id, fingerprint, public_key, lifecycle, seat, tags)"
        " SELECT %d, i, md5(i::text), md5(i::text) || md5(i::text), '', 1, i,"
        " jsonb_build_object('site', 'site-' || i %% 20) FROM generate_series(1, %d) i"
        " ON CONFLICT DO NOTHING",
        catalog, DEVICES);
    for (int64_t h = 0; h < HOURS; h++)
        fill_hour(l, DAY / 3600000 + h);
    fill_weeks(l);
    run("VACUUM ANALYZE");
    run("CREATE TABLE query_bench_minutes ()");
    link_close(l);
}

// ---------------------------------------------------------------- measuring

static int by_value(const void *x, const void *y)
{
    const double *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

static void tell(const char *name, double ms[RUNS])
{
    qsort(ms, RUNS, sizeof *ms, by_value);
    printf("{\"name\":\"%s\",\"middle\":%.2f,\"worst\":%.2f}\n", name, ms[RUNS / 2], ms[RUNS - 1]);
}

// A call that must find something; how long it took.
static double call(const struct route *routes, const char *pattern, const char *query,
                   const char *list, size_t least)
{
    const struct model_call c = {
        .routes = routes, .method = "GET", .pattern = pattern, .query = query, .catalog = catalog
    };
    struct model_answer a = { 0 };
    int64_t began = clock_mono_us();

    model_run(store, &services, &c, &a);
    double ms = (double)(clock_mono_us() - began) / 1000;
    check(a.rc == RC_OK, a.text);
    check(json_array_size(json_object_get(a.body, list)) >= least, "an answer lacks something");
    if (routes == series_routes)
        check(json_array_size(
                  json_object_get(json_array_get(json_object_get(a.body, list), 0), "t")) > 100,
              "a chart lacks points");
    model_answer_done(&a);
    return ms;
}

// A chart, and the bare query for the rows that it is made of.
static void measure_chart(const char *name, int64_t from, const char *bare)
{
    double ours[RUNS], theirs[RUNS];
    PGconn *pg = PQconnectdb(conninfo);

    for (int i = 0; i < RUNS; i++) {
        char query[300], sql[400], id[40];
        int64_t device = 1 + i * 37 % MONTHLY, began;

        snprintf(sql, sizeof sql, "SELECT md5('%lld')", (long long)device);
        PGresult *r = PQexec(pg, sql);
        snprintf(id, sizeof id, "%s", PQgetvalue(r, 0, 0));
        PQclear(r);
        snprintf(query, sizeof query, "metric=temp.in&device=%s&from=%lld&to=%lld&points=300", id,
                 (long long)from, DAY + 86399999);
        ours[i] = call(series_routes, SERIES, query, "series", 1);
        snprintf(sql, sizeof sql,
                 "SELECT * FROM %s WHERE catalog = %d AND device = %lld AND hour >= "
                 "to_timestamp(%lld) AND hour < to_timestamp(%lld)",
                 bare, catalog, (long long)device, (long long)from / 1000, DAY / 1000 + 86400);
        began = clock_mono_us();
        r = PQexec(pg, sql);
        theirs[i] = (double)(clock_mono_us() - began) / 1000;
        check(PQntuples(r) >= HOURS, PQerrorMessage(pg));
        PQclear(r);
    }
    PQfinish(pg);
    tell(name, ours);
    tell("bare", theirs);
}

static void measure_calls(const char *name, const char *pattern, const char *query,
                          const char *list, size_t least)
{
    double ms[RUNS];

    for (int i = 0; i < RUNS; i++)
        ms[i] = call(fleet_routes, pattern, query, list, least);
    tell(name, ms);
}

static void fill_fleet(int count)
{
    static const char *const names[] = { "temp.in", "temp.out", "vib.x",  "batt.v",
                                         "press",   "flow",     "passes", "door" };
    int64_t now = clock_now_ms();

    fleet_free(services.fleet);
    services.fleet = fleet_new(FLEET_BYTES_MAX);
    check(services.fleet, "out of memory");
    for (int64_t d = 1; d <= count; d++) {
        double first = d <= DEVICES ? 1e6 + (double)(d * 7919 % DEVICES) : (double)(d % 1000);
        const double values[] = { first, 1, 2, 3, 4, 5, 6, 7 };

        fleet_put(services.fleet, catalog, d, now, names, values, 8);
    }
    check(!fleet_is_full(services.fleet), "the fleet does not fit");
}

// A walk over as many values and times, which is the least that an answer takes.
static void measure_walk(int count)
{
    double *values = calloc((size_t)count, sizeof *values), ms[RUNS];
    int64_t *at = calloc((size_t)count, sizeof *at);
    volatile double most = 0;

    check(values && at, "out of memory");
    for (int i = 0; i < count; i++)
        values[i] = i;
    for (int i = 0; i < RUNS; i++) {
        int64_t began = clock_mono_us();
        double high = 0;

        for (int k = 0; k < count; k++)
            high = at[k] >= 0 && values[k] > high ? values[k] : high;
        most = high;
        ms[i] = (double)(clock_mono_us() - began) / 1000;
    }
    check(most > 0, "nothing was walked over");
    free(values);
    free(at);
    tell("bare", ms);
}

int main(int argc, char **argv)
{
    struct cluster *cluster = NULL;
    struct fault f = { 0 };

    check(argc == 2, "usage: query_bench folder");
    check(cluster_start(argv[1], &cluster, &f) == RC_OK, f.text);
    conninfo = cluster_conninfo(cluster);
    check(migrate_run(conninfo, NULL, &f) == RC_OK, f.text);
    check(store_open(conninfo, 2, &store, &f) == RC_OK, f.text);
    catalog = model_catalog(store, "demo");
    fill();
    measure_chart("chart.day", DAY, "telemetry_chunk");
    measure_chart("chart.month", DAY - 29 * 86400000LL, "telemetry_rollup");
    fill_fleet(10000);
    measure_calls("fleet.all", FLEET, "metric=temp.in&window=1h", "groups", 0);
    measure_calls("fleet.split", FLEET, "metric=temp.in&window=1h&by=site", "groups", 20);
    measure_walk(10000);
    fill_fleet(MILLION);
    measure_calls("fleet.top", TOP, "metric=temp.in&window=1h&n=20", "items", 20);
    measure_walk(MILLION);
    fleet_free(services.fleet);
    store_close(store);
    cluster_stop(cluster);
    return 0;
}
