// SPDX-License-Identifier: Apache-2.0
//
// A hundred thousand devices that break one rule within a minute, a thousand of them with readings
// that ingest stores, the others put in where ingest hands its rows on.
//
//   alert_bench [seconds]
//
//   readings --rule/watch--> alert            behind: the oldest reading that it does not count yet
//   a page that looks at list and reach once a second, meanwhile
//
// Before that, on the same private cluster: as many raised at once, a thousand a transaction, and
// the same rows into a bare table with the same indexes. One JSON line; all times in ms.

#include <libpq-fe.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alert/alert.h"
#include "alert/inbox.h"
#include "alert/reach.h"
#include "catalog/catalog.h"
#include "core/clock.h"
#include "ingest/pgcopy.h"
#include "rule/watch_own.h"
#include "store/cluster.h"
#include "store/migrate.h"
#include "store/store.h"
#include "support/feed.h"
#include "support/folder.h"

#define DEVICES 100000
#define REAL    1000
#define AT_ONCE 1000
#define TICK_MS 20
#define WAIT_MS 120000
#define ROW_MAX 200

static PGconn *pg;
static struct store *s;
static int32_t demo, other;
static struct feed fleet;
static struct rule_watch *watch;
static int64_t put_at[DEVICES]; // monotonic ms, in order
static size_t put_count;

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

static void nap(int64_t ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

// ---------------------------------------------------------------- all at once

static int64_t bare_leg(void)
{
    int64_t began;
    char sql[300];

    run("CREATE TABLE bare (catalog int, alert bigint, device bigint, since timestamptz,"
        " last_at timestamptz, cleared_at timestamptz, hits bigint, evidence text,"
        " PRIMARY KEY (catalog, alert, device));"
        "CREATE INDEX ON bare (catalog, device, alert)");
    began = clock_mono_ms();
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

static int64_t burst_leg(void)
{
    const struct alert_cause c = { .catalog = other,
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
    began = clock_mono_ms() - began;
    run("TRUNCATE alert, alert_device, alert_history, alert_outbox, alert_mark");
    return began;
}

// ---------------------------------------------------------------- within a minute

static void fill(void)
{
    char sql[500];

    snprintf(sql, sizeof sql,
             "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, lifecycle)"
             " SELECT %d, i, lpad(to_hex(i), 32, '0'), lpad(to_hex(i), 64, '0'), '', i, 1"
             " FROM generate_series(%d, %d) i;"
             "UPDATE device SET tags = jsonb_build_object('site', 'site ' || device %% 200)",
             demo, REAL + 1, DEVICES);
    run(sql);
    run("INSERT INTO rule (catalog, name, text, enabled, enabled_at) VALUES"
        " (1, 'Too hot', 'temp > 90 by device severity high', true, now())");
    run("ANALYZE");
}

static void start(void)
{
    struct rule_watch_stats known = { 0 };
    struct fault f = { 0 };
    int64_t end = clock_mono_ms() + WAIT_MS;

    feed_open(&fleet);
    check(rule_watch_start(s, fleet.g, fleet.bus, 7200 * 1000, &watch, &f) == RC_OK, f.text);
    while (known.rules == 0) {
        check(clock_mono_ms() < end, "the rule is not at work");
        nap(10);
        rule_watch_stats(watch, &known);
    }
}

static void send_real(int i, double temp)
{
    struct feed_device *d = &fleet.devices[i];
    struct token_reading m = { .seq = ++d->sent, .t = clock_now_ms(), .count = 1 };
    struct fault f = { 0 };
    const char *code = NULL;

    m.metrics[0] = (struct token_metric){ { "temp", 4 }, temp };
    check(ingest_reading(d->d, &m, &code, &f) == INGEST_TAKEN, "a reading was not taken");
}

static size_t write_row(char *to, int64_t device, int64_t shape)
{
    char *p = put16(to, 5);

    p = put_int4(p, demo);
    p = put_int8(p, device);
    p = put_time(p, clock_now_ms());
    p = put_int4(p, (int32_t)shape);
    p = put_floats(p, 1);
    p = put_float(p, 95);
    return (size_t)(p - to);
}

// The readings that are due, each of another device.
static void put_until(size_t due, int64_t shape)
{
    static char rows[AT_ONCE * ROW_MAX];

    while (put_count < due) {
        size_t len = 0;

        for (int n = 0; n < AT_ONCE && put_count < due; n++) {
            size_t i = put_count;

            put_at[put_count++] = clock_mono_ms();
            if (i % (DEVICES / REAL) == 0)
                send_real((int)(i / (DEVICES / REAL)), 95);
            else
                len += write_row(rows + len, (int64_t)(REAL + i - i / (DEVICES / REAL)), shape);
        }
        if (len)
            rule_feed_put(watch->feed, rows, len);
    }
}

static int64_t lag(void)
{
    size_t counted = (size_t)run("SELECT coalesce(max(devices), 0) FROM alert");

    return counted < put_count ? clock_mono_ms() - put_at[counted] : 0;
}

// How far behind the alert was at its worst.
static int64_t storm_leg(int64_t seconds)
{
    int64_t shape, worst = 0, began, end;

    send_real(0, 20);
    check(feed_wait(&fleet, WAIT_MS), "the first reading was not committed");
    shape = run("SELECT id FROM shape");
    began = clock_mono_ms();
    for (int64_t past = 0; past < seconds * 1000; past = clock_mono_ms() - began) {
        int64_t now;

        put_until((size_t)(DEVICES * past / (seconds * 1000)), shape);
        now = lag();
        worst = now > worst ? now : worst;
        nap(TICK_MS);
    }
    put_until(DEVICES, shape);
    end = clock_mono_ms() + WAIT_MS;
    for (int64_t now; (now = lag()) > 0; nap(TICK_MS)) {
        check(clock_mono_ms() < end, "the alert never counted all");
        worst = now > worst ? now : worst;
    }
    return worst;
}

// ---------------------------------------------------------------- who looks at it

static struct {
    pthread_t thread;
    atomic_bool enough;
    int64_t worst; // ms for list and reach
    json_t *reach;
} page;

static void look(void)
{
    const struct inbox_search all = { .owner = -1, .device = -1 };
    int64_t next, began = clock_mono_ms();
    json_t *list = NULL;
    struct fault f = { 0 };

    check(inbox_find(s, demo, &all, 0, 50, &list, &next, &f) == RC_OK, f.text);
    if (json_array_size(list) > 0) {
        const json_t *first = json_object_get(json_array_get(list, 0), "id");
        int64_t id = strtoll(json_string_value(first), NULL, 10);

        json_decref(page.reach);
        page.reach = NULL;
        check(reach_show(s, demo, id, &page.reach, &f) == RC_OK, f.text);
    }
    json_decref(list);
    began = clock_mono_ms() - began;
    page.worst = began > page.worst ? began : page.worst;
}

static void *look_on(void *unused)
{
    (void)unused;
    while (!atomic_load(&page.enough)) {
        look();
        nap(1000);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const int64_t seconds = argc > 1 ? strtoll(argv[1], NULL, 10) : 60;
    char folder[64];
    struct cluster *cluster = NULL;
    struct fault f = { 0 };
    int64_t bare, burst, behind;

    folder_make(folder, sizeof folder, "alert");
    check(cluster_start(folder, &cluster, &f) == RC_OK, f.text);
    check(migrate_run(cluster_conninfo(cluster), NULL, &f) == RC_OK, f.text);
    pg = PQconnectdb(cluster_conninfo(cluster));
    check(store_open(cluster_conninfo(cluster), 4, &s, &f) == RC_OK, f.text);
    check(catalog_ensure(s, "demo", &demo, &f) == RC_OK, f.text);
    check(catalog_ensure(s, "other", &other, &f) == RC_OK, f.text);
    bare = bare_leg();
    burst = burst_leg();
    feed_init(&fleet, cluster_conninfo(cluster), REAL);
    fill();
    start();
    check(pthread_create(&page.thread, NULL, look_on, NULL) == 0, "no thread");
    behind = storm_leg(seconds);
    atomic_store(&page.enough, true);
    pthread_join(page.thread, NULL);
    look();
    printf("{\"behind\":%lld,\"page\":%lld,\"burst\":%lld,\"bare\":%lld,\"devices\":%lld,"
           "\"alerts\":%lld,\"told\":%lld}\n",
           (long long)behind, (long long)page.worst, (long long)burst, (long long)bare,
           (long long)json_integer_value(json_object_get(page.reach, "devices")),
           (long long)run("SELECT count(*) FROM alert"),
           (long long)run("SELECT count(*) FROM alert_outbox"));
    json_decref(page.reach);
    feed_close(&fleet);
    rule_watch_stop(watch);
    feed_done(&fleet);
    store_close(s);
    PQfinish(pg);
    cluster_stop(cluster);
    return 0;
}
