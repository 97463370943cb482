// SPDX-License-Identifier: Apache-2.0
// threaded
//
// From a committed reading to an alert: once, whatever happens in between.

#include <libpq-fe.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/bus.h"
#include "core/clock.h"
#include "ingest/ingest.h"
#include "rule/watch.h"
#include "store/store.h"
#include "support/feed.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

#define WAIT_MS 30000
#define DEVICES 4

static struct feed w;
static struct store *db;
static struct rule_watch *watch;

#define SQL(...) model_sql(w.conninfo, __VA_ARGS__)

static void nap(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static void until(const char *sql, int64_t wanted)
{
    int64_t end = clock_mono_ms() + WAIT_MS, n;

    while ((n = SQL("%s", sql)) != wanted) {
        if (clock_mono_ms() > end)
            fail_msg("%s: %lld, not %lld", sql, (long long)n, (long long)wanted);
        nap(20);
    }
}

static void open_all(void)
{
    struct fault f = { 0 };

    feed_open(&w);
    db = model_store(w.conninfo);
    if (rule_watch_start(db, w.g, w.bus, 7200 * 1000, &watch, &f) != RC_OK)
        fail_msg("%s", f.text);
}

static void close_all(void)
{
    feed_close(&w);
    rule_watch_stop(watch);
    store_close(db);
}

static int setup(void **state)
{
    (void)state;
    feed_init(&w, pg_fresh(), DEVICES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    feed_done(&w);
    return 0;
}

// Enabled in SQL, so that what happens does not hang on a second of polling.
static int64_t rule(const char *name, const char *text)
{
    return SQL("INSERT INTO rule (catalog, name, text, enabled, enabled_at)"
               " VALUES (1, '%s', '%s', true, now()) RETURNING id",
               name, text);
}

static void wait_for_rules(size_t count)
{
    int64_t end = clock_mono_ms() + WAIT_MS;
    struct rule_watch_stats s;

    do {
        nap(10);
        rule_watch_stats(watch, &s);
        if (clock_mono_ms() > end)
            fail_msg("%zu rules are at work, not %zu", s.rules, count);
    } while (s.rules != count);
}

static void send_at(int i, int64_t t, double temp)
{
    struct token_reading m = { .seq = ++w.devices[i].sent, .t = t, .count = 1 };
    struct fault f = { 0 };
    const char *code = NULL;

    m.metrics[0] = (struct token_metric){ { "temp", 4 }, temp };
    if (ingest_reading(w.devices[i].d, &m, &code, &f) != INGEST_TAKEN)
        fail_msg("%s: %s", code ? code : "not taken", f.text);
}

static void send_now(int i, double temp)
{
    send_at(i, clock_now_ms(), temp);
}

// ---------------------------------------------------------------- one life

static void a_reading_over_the_limit_is_an_alert_and_one_below_ends_it(void **state)
{
    (void)state;
    open_all();
    rule("Too hot", "temp > 90 by device severity high");
    wait_for_rules(1);
    send_now(0, 95);
    send_now(1, 20);
    until("SELECT count(*) FROM alert WHERE key LIKE 'rule:%' AND devices = 1"
          " AND title = 'Too hot' AND severity = 2 AND resolved_at IS NULL",
          1);
    send_now(1, 99);
    until("SELECT devices FROM alert", 2);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
    send_now(0, 20);
    send_now(1, 20);
    until("SELECT count(*) FROM alert WHERE resolved_at IS NOT NULL", 1);
    assert_int_equal(SQL("SELECT fired FROM rule"), 2);
    close_all();
}

static void a_window_closes_by_the_clock_when_nobody_speaks(void **state)
{
    (void)state;
    open_all();
    rule("Warm", "avg(temp) over 1s > 70 by device late 1s");
    wait_for_rules(1);
    // A window that began before its rule is looked at too: what was stored is read.
    send_now(0, 80);
    until("SELECT devices FROM alert", 1);
    close_all();
}

static void a_group_is_a_cause_of_its_own(void **state)
{
    (void)state;
    SQL("INSERT INTO product (catalog, name) VALUES (1, 'pump')");
    SQL("INSERT INTO device_group (catalog, product, name) VALUES (1, 1, 'north')");
    SQL("INSERT INTO device_group (catalog, product, name) VALUES (1, 1, 'south')");
    SQL("UPDATE device SET device_group = device %% 2 + 1");
    open_all();
    rule("Warm groups", "max(temp) over 1s > 70 by group late 1s");
    wait_for_rules(1);
    for (int i = 0; i < DEVICES; i++)
        send_now(i, 80);
    until("SELECT count(*) FROM alert WHERE devices = 0 AND resolved_at IS NULL", 2);
    assert_int_equal(SQL("SELECT count(*) FROM alert WHERE title = 'Warm groups: pump / north'"),
                     1);
    close_all();
}

static void only_those_in_scope_are_looked_at_and_who_leaves_it_is_done(void **state)
{
    (void)state;
    SQL("UPDATE device SET tags = '{\"env\":\"prod\"}' WHERE device = 1");
    open_all();
    rule("Too hot", "temp > 90 by device where tag = \"env:prod\"");
    wait_for_rules(1);
    for (int i = 0; i < DEVICES; i++)
        send_now(i, 95);
    until("SELECT devices FROM alert", 1);
    assert_int_equal(SQL("SELECT device FROM alert_device"), 1);
    SQL("UPDATE device SET tags = '{}' WHERE device = 1");
    bus_publish(w.bus, &(struct bus_event){ .kind = BUS_DEVICE, .catalog = 1, .device = 1 });
    until("SELECT count(*) FROM alert WHERE resolved_at IS NOT NULL", 1);
    close_all();
}

static void a_rule_that_is_changed_or_disabled_says_no_more(void **state)
{
    (void)state;
    open_all();
    int64_t id = rule("Too hot", "temp > 90 by device");
    wait_for_rules(1);
    send_now(0, 95);
    until("SELECT devices FROM alert", 1);
    SQL("UPDATE rule SET enabled = false, version = version + 1 WHERE id = %lld", (long long)id);
    wait_for_rules(0);
    send_now(1, 95);
    SQL("UPDATE rule SET enabled = true, enabled_at = now(), text = 'temp > 200 by device',"
        " version = version + 1");
    wait_for_rules(1);
    send_now(2, 95);
    send_now(3, 201);
    until("SELECT count(*) FROM alert_device WHERE device = 4 AND cleared_at IS NULL", 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_device WHERE device IN (2, 3)"), 0);
    // What was told of the first is no longer so.
    until("SELECT devices FROM alert", 1);
    close_all();
}

// ---------------------------------------------------------------- several lives

static void a_server_that_was_away_looks_at_what_came_before_it_went(void **state)
{
    (void)state;
    int64_t then;

    open_all();
    rule("Too hot", "temp > 90 by device");
    wait_for_rules(1);
    send_now(0, 95);
    until("SELECT devices FROM alert", 1);
    then = SQL("SELECT (extract(epoch FROM at) * 1000)::bigint FROM rule_mark");
    close_all();

    // Committed, but not looked at: as after a crash.
    feed_open(&w);
    send_at(0, then + 3000, 96);
    send_at(1, then + 3000, 97);
    assert_true(feed_wait(&w, WAIT_MS));
    feed_close(&w);

    open_all();
    until("SELECT devices FROM alert", 2);
    send_now(2, 99);
    until("SELECT devices FROM alert", 3);
    assert_int_equal(SQL("SELECT hits FROM alert"), 3);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
    close_all();
}

// The child comes as far as writing what it told, and no further.
static void live_and_die(void)
{
    open_all();
    wait_for_rules(1);
    for (int s = 0; s < 3; s++)
        send_now(0, 95);
    for (;;)
        pause();
}

static void a_kill_between_window_and_commit_gives_exactly_one_alert(void **state)
{
    (void)state;
    PGconn *pg;
    pid_t child;
    int status;

    rule("Warm", "avg(temp) over 1s > 70 by device late 1s");
    pg = PQconnectdb(w.conninfo);
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    PQclear(PQexec(pg, "BEGIN"));
    // The alert is written then, but what was told is not, and so neither is committed.
    PQclear(PQexec(pg, "INSERT INTO rule_turn (catalog, rule, key, fires, at)"
                       " SELECT 1, id, 1, true, now() FROM rule"));
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        live_and_die();
        _exit(1);
    }
    until("SELECT (count(*) > 0)::int FROM pg_locks"
          " WHERE locktype = 'transactionid' AND NOT granted",
          1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    PQclear(PQexec(pg, "ROLLBACK"));
    PQfinish(pg);
    // Its sessions end with it, and with them what they had not committed.
    until("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
          " AND datname = current_database() AND pid <> pg_backend_pid()",
          0);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 0);

    open_all();
    until("SELECT devices FROM alert", 1);
    // Another one is seen to come after, so that a second one of the first would have come, too.
    send_now(1, 95);
    until("SELECT devices FROM alert", 2);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
    assert_int_equal(SQL("SELECT hits FROM alert_device WHERE device = 1"), 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox WHERE change = 'opened'"), 1);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_kill_between_window_and_commit_gives_exactly_one_alert,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_reading_over_the_limit_is_an_alert_and_one_below_ends_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_window_closes_by_the_clock_when_nobody_speaks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_group_is_a_cause_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(only_those_in_scope_are_looked_at_and_who_leaves_it_is_done,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_rule_that_is_changed_or_disabled_says_no_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_server_that_was_away_looks_at_what_came_before_it_went,
                                        setup, teardown),
    };
    return cmocka_run_group_tests_name("rule-watch", tests, NULL, NULL);
}
