// SPDX-License-Identifier: Apache-2.0
//
// A rule over six packed hours of 200 devices that measure each second, on a cluster that is kept.
//
//   backtest_bench folder
//
// Beside it the same points read by history_scan alone. One JSON line: points and points a second.

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "history/compact.h"
#include "history/history.h"
#include "ingest/partition.h"
#include "rule/backtest.h"
#include "store/cluster.h"
#include "store/link.h"
#include "store/migrate.h"
#include "store/store.h"
#include "support/model.h"

#define DAY     1785024000000LL // a whole day's start
#define HOUR_S  3600
#define HOURS   6
#define DEVICES 200
#define POINTS  ((int64_t)HOURS * HOUR_S * DEVICES)
#define RULE    "avg(temp) over 5m > 22 for 2 windows by device"

static const char *conninfo;
static int32_t catalog;
static struct store *store;

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "backtest_bench: %s\n", what);
    exit(1);
}

// ---------------------------------------------------------------- what is gone through

static void pack(struct link *l, int64_t hour)
{
    struct compact *c = compact_new();
    struct compact_place place = { 0 };
    struct compact_count count = { 0 };
    struct fault f = { 0 };
    bool done = false;

    check(c && compact_make_room(l, hour, &f) == RC_OK, f.text);
    while (!done)
        check(compact_slice(c, l, hour, &place, &done, &count, &f) == RC_OK, f.text);
    compact_free(c);
}

static void fill(void)
{
    struct link *l = NULL;
    struct fault f = { 0 };
    char sql[1000];

    if (model_sql(conninfo, "SELECT coalesce(sum(n), 0) FROM telemetry_chunk") == POINTS)
        return;
    model_sql(conninfo, "TRUNCATE telemetry, telemetry_chunk, telemetry_minute, telemetry_rollup,"
                        " shape, device CASCADE");
    model_sql(conninfo, "INSERT INTO shape VALUES (%d, 1, '{temp,fan,press}')", catalog);
    model_sql(conninfo,
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, lifecycle)"
              " SELECT %d, n, lpad(to_hex(n), 32, '0'), lpad(to_hex(n), 64, '0'), '\\x00', n, 1"
              " FROM generate_series(1, %d) AS n",
              catalog, DEVICES);
    check(link_open(conninfo, "backtest_bench", 0, &l, &f) == RC_OK, f.text);
    for (int64_t hour = DAY / 3600000; hour < DAY / 3600000 + HOURS; hour++) {
        partition_sql(PARTITION_TELEMETRY, hour, sql, sizeof sql);
        check(link_exec(l, sql, &f) == RC_OK, f.text);
        model_sql(conninfo,
                  "INSERT INTO telemetry SELECT %d, d, to_timestamp(%lld + n), 1,"
                  " ARRAY[round((20 + d %% 3 + sin((d + n) / 300.0) * 3)::numeric, 2)::float8,"
                  " (d * n) %% 11, 1013 + n %% 9]"
                  " FROM generate_series(1, %d) d, generate_series(0, %d) n",
                  catalog, (long long)hour * HOUR_S, DEVICES, HOUR_S - 1);
        pack(l, hour);
    }
    link_close(l);
}

// ---------------------------------------------------------------- how fast

static bool count(void *ctx, int64_t device, const int64_t *t, const double *v, size_t n)
{
    (void)device;
    (void)t;
    (void)v;
    *(int64_t *)ctx += (int64_t)n;
    return true;
}

static double bare(void)
{
    const struct history_scan q = {
        .catalog = catalog, .metric = "temp", .from = DAY, .to = DAY + HOURS * 3600000LL - 1
    };
    int64_t began = clock_mono_us(), points = 0;
    struct fault f = { 0 };

    check(history_scan(store, &q, count, &points, &f) == RC_OK, f.text);
    check(points == POINTS, "not all points are there");
    return (double)points * 1e6 / (double)(clock_mono_us() - began);
}

static const char *text_of(json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

static double backtest(struct backtests *b, int64_t *fired)
{
    struct rule r = { 0 };
    struct fault f = { 0 };
    struct backtest_ask a = { catalog, &r, DAY, DAY + HOURS * 3600000LL };
    int64_t began = clock_mono_us(), id = 0, points;
    json_t *o = NULL;

    check(rule_read(RULE, strlen(RULE), &r, NULL, &f) == RC_OK, f.text);
    check(backtests_add(b, &a, &id, &f) == RC_OK, f.text);
    rule_done(&r);
    for (;;) {
        check(backtests_show(b, store, catalog, id, &o, &f) == RC_OK, f.text);
        check(strcmp(text_of(o, "state"), "failed") != 0, "it failed");
        if (!strcmp(text_of(o, "state"), "done"))
            break;
        json_decref(o);
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    }
    points = json_integer_value(json_object_get(o, "points"));
    *fired = json_integer_value(json_object_get(o, "fired"));
    json_decref(o);
    check(points == POINTS, "not all points were gone through");
    return (double)points * 1e6 / (double)(clock_mono_us() - began);
}

int main(int argc, char **argv)
{
    struct cluster *cluster = NULL;
    struct backtests *b = NULL;
    struct fault f = { 0 };
    double own = 0, limit = 0;
    int64_t fired = 0;

    check(argc == 2, "usage: backtest_bench folder");
    check(cluster_start(argv[1], &cluster, &f) == RC_OK, f.text);
    conninfo = cluster_conninfo(cluster);
    check(migrate_run(conninfo, NULL, &f) == RC_OK, f.text);
    check(store_open(conninfo, 2, &store, &f) == RC_OK, f.text);
    catalog = model_catalog(store, "demo");
    fill();
    check(backtests_start(store, &b, &f) == RC_OK, f.text);
    for (int i = 0; i < 5; i++) {
        double one = backtest(b, &fired), other = bare();

        own = one > own ? one : own;
        limit = other > limit ? other : limit;
    }
    printf("{\"rate\":%.0f,\"bare\":%.0f,\"points\":%lld,\"fired\":%lld}\n", own, limit,
           (long long)POINTS, (long long)fired);
    backtests_stop(b);
    store_close(store);
    cluster_stop(cluster);
    return 0;
}
