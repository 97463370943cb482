// SPDX-License-Identifier: Apache-2.0
// threaded
//
// A rule over the past says what it said when that was the present.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "history/compact.h"
#include "ingest/ingest.h"
#include "rule/backtest.h"
#include "rule/watch.h"
#include "store/link.h"
#include "store/store.h"
#include "support/feed.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

#define WAIT_MS  30000
#define DEVICES  4
#define STEPS    1200 // seconds of the story
#define CALM     300  // of them at the end
#define TOGETHER 20
#define HOUR_MS  3600000LL

static struct feed w;
static struct store *db;
static struct backtests *tests;
static int64_t base;

#define SQL(...) model_sql(w.conninfo, __VA_ARGS__)

static void nap(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static int setup(void **state)
{
    struct fault f = { 0 };

    (void)state;
    feed_init(&w, pg_fresh(), DEVICES);
    SQL("INSERT INTO product (catalog, name) VALUES (1, 'pump')");
    SQL("INSERT INTO device_group (catalog, product, name) VALUES (1, 1, 'north')");
    SQL("UPDATE device SET device_group = 1 WHERE device < %d", DEVICES);
    db = model_store(w.conninfo);
    // Ten minutes before an hour ends, so that the story goes through two.
    base = (clock_now_ms() / HOUR_MS - 4) * HOUR_MS - 600000;
    if (backtests_start(db, &tests, &f) != RC_OK)
        fail_msg("%s", f.text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    backtests_stop(tests);
    store_close(db);
    feed_done(&w);
    return 0;
}

// ---------------------------------------------------------------- the story

// Up and down, each device at a pace of its own; calm at the end, but for one last value.
static double temp_of(int device, int s)
{
    if (s == STEPS - 1 && device == 0)
        return 91;
    return s >= STEPS - CALM ? 20 : 75 + 25 * sin((double)s / (20 + 11 * device));
}

static void send(int device, int s)
{
    struct token_reading m = { .seq = ++w.devices[device].sent, .t = base + s * 1000, .count = 2 };
    struct fault f = { 0 };
    const char *code = NULL;

    m.metrics[0] = (struct token_metric){ { "temp", 4 }, temp_of(device, s) };
    m.metrics[1] =
        (struct token_metric){ { "fan", 3 }, s >= STEPS - CALM ? 50 : 25 + 25 * cos(s / 90.0) };
    if (ingest_reading(w.devices[device].d, &m, &code, &f) != INGEST_TAKEN)
        fail_msg("%s: %s", code ? code : "not taken", f.text);
}

static void tell_story(void)
{
    for (int s = 0; s < STEPS; s++) {
        for (int i = 0; i < DEVICES; i++)
            send(i, s);
        if (s % TOGETHER == 0)
            assert_true(feed_wait(&w, WAIT_MS));
    }
    assert_true(feed_wait(&w, WAIT_MS));
}

static const char *const rules[] = {
    "temp > 90 by device",
    "temp > 90 by device where product = \"pump\"",
    "avg(temp) over 1m > 70 for 2 windows by device late 2m",
    "max(temp) over 2m every 30s > 90 and min(fan) over 1m < 20 by device late 2m",
    "not temp < 97 by device late 2m",
    "p90(temp) over 3m every 20s > 98 or temp < 52 by device late 2m",
    "avg(temp) over 1m > 85 by product late 2m",
    "stddev(temp) over 30s > 2 by device late 2m",
    "count(message) over 1m < 60 by device late 2m",
    "rate(temp) over 10s > 0.4 by device late 2m",
};

#define RULES (sizeof rules / sizeof *rules)

static void follow_story(void)
{
    struct rule_watch *watch = NULL;
    struct rule_watch_stats stats;
    int64_t end = clock_mono_ms() + 3 * WAIT_MS;
    struct fault f = { 0 };

    for (size_t i = 0; i < RULES; i++)
        SQL("INSERT INTO rule (catalog, name, text, enabled, enabled_at)"
            " VALUES (1, 'rule %zu', '%s', true, to_timestamp(%lld))",
            i, rules[i], (long long)base / 1000);
    feed_open(&w);
    if (rule_watch_start(db, w.g, w.bus, 24 * HOUR_MS, &watch, &f) != RC_OK)
        fail_msg("%s", f.text);
    // What comes while they are loaded counts as late: it is hours old.
    while (rule_watch_stats(watch, &stats), stats.rules != RULES) {
        nap(10);
        if (clock_mono_ms() > end)
            fail_msg("%zu rules are at work, not %zu", stats.rules, RULES);
    }
    tell_story();
    // Turns are told in their order: the last value's is the last.
    while (SQL("SELECT count(*) FROM rule_turn WHERE rule = 1 AND key = 1 AND fires"
               " AND at = to_timestamp(%lld)",
               (long long)base / 1000 + STEPS - 1) == 0) {
        nap(20);
        if (clock_mono_ms() > end)
            fail_msg("the rules do not come to the end of the story");
    }
    feed_close(&w);
    rule_watch_stop(watch);
}

static void pack(int64_t hour)
{
    struct compact *work = compact_new();
    struct compact_place place = { 0 };
    struct compact_count n = { 0 };
    struct link *l = NULL;
    struct fault f = { 0 };
    bool done = false;

    if (!work || link_open(w.conninfo, "test", WAIT_MS, &l, &f) != RC_OK ||
        compact_make_room(l, hour, &f) != RC_OK)
        fail_msg("%s", f.text);
    while (!done)
        if (compact_slice(work, l, hour, &place, &done, &n, &f) != RC_OK)
            fail_msg("%s", f.text);
    assert_true(n.rows > 0);
    link_close(l);
    compact_free(work);
}

// ---------------------------------------------------------------- over the past

static int64_t begin(const char *text, int64_t from, int64_t to)
{
    struct rule r = { 0 };
    struct fault f = { 0 };
    int64_t id = 0;
    const struct backtest_ask a = { .catalog = 1, .rule = &r, .from = from, .to = to };

    if (rule_read(text, strlen(text), &r, NULL, &f) != RC_OK ||
        backtests_add(tests, &a, &id, &f) != RC_OK)
        fail_msg("%s: %s", text, f.text);
    rule_done(&r);
    return id;
}

static json_t *show(int64_t id)
{
    struct fault f = { 0 };
    json_t *o = NULL;

    if (backtests_show(tests, db, 1, id, &o, &f) != RC_OK)
        fail_msg("%s", f.text);
    return o;
}

static const char *state_of(json_t *o)
{
    return json_string_value(json_object_get(o, "state"));
}

static int64_t number(json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static json_t *run(const char *text, int64_t from, int64_t to)
{
    int64_t id = begin(text, from, to), end = clock_mono_ms() + WAIT_MS;
    json_t *o = show(id);

    while (!strcmp(state_of(o), "waiting") || !strcmp(state_of(o), "running")) {
        json_decref(o);
        nap(10);
        o = show(id);
        assert_true(clock_mono_ms() < end);
    }
    if (strcmp(state_of(o), "done") != 0)
        fail_msg("%s: %s %s", text, state_of(o), json_string_value(json_object_get(o, "failure")));
    return o;
}

static int64_t sum_of_buckets(json_t *o)
{
    json_t *list = json_object_get(o, "buckets"), *one;
    int64_t sum = 0;
    size_t i;

    json_array_foreach (list, i, one)
        sum += number(one, "fired");
    return sum;
}

// Each rule as often as it was, and on the same.
static void compare(const char *when)
{
    for (size_t i = 0; i < RULES; i++) {
        json_auto_t *o = run(rules[i], base, base + STEPS * 1000);
        int64_t fired = SQL("SELECT fired FROM rule WHERE name = 'rule %zu'", i);
        int64_t keys = SQL("SELECT count(*) FROM rule_turn WHERE rule = %zu", i + 1);

        if (number(o, "fired") != fired || number(o, "firedDevices") != keys)
            fail_msg("%s, %s: %lld times on %lld, live %lld on %lld", when, rules[i],
                     (long long)number(o, "fired"), (long long)number(o, "firedDevices"),
                     (long long)fired, (long long)keys);
        assert_int_equal(sum_of_buckets(o), fired);
    }
}

static void a_rule_over_the_past_says_what_it_said_when_it_was_now(void **state)
{
    (void)state;
    follow_story();
    assert_true(SQL("SELECT min(fired) FROM rule WHERE id NOT IN (9)") > 0);
    compare("in rows");
    pack(base / HOUR_MS);
    compare("half of it packed");
    pack(base / HOUR_MS + 1);
    compare("all of it packed");
}

static void what_it_says_of_a_device_has_its_name_and_time(void **state)
{
    (void)state;
    SQL("UPDATE device SET name = 'Luleå' WHERE device = 2");
    base = (clock_now_ms() / HOUR_MS - 1) * HOUR_MS;
    feed_open(&w);
    for (int s = 0; s < 60; s++) {
        struct token_reading m = { .seq = ++w.devices[1].sent, .t = base + s * 1000, .count = 1 };
        struct fault f = { 0 };
        const char *code = NULL;

        m.metrics[0] = (struct token_metric){ { "temp", 4 }, s < 10 || s >= 30 ? 95 : 20 };
        assert_int_equal(ingest_reading(w.devices[1].d, &m, &code, &f), INGEST_TAKEN);
    }
    assert_true(feed_wait(&w, WAIT_MS));
    feed_close(&w);

    json_auto_t *o = run("temp > 90", base, base + 60000);
    json_t *top = json_array_get(json_object_get(o, "top"), 0);
    assert_int_equal(number(o, "points"), 60);
    assert_int_equal(number(o, "devices"), 1);
    assert_int_equal(number(o, "fired"), 2);
    assert_int_equal(number(o, "noise"), 10);
    assert_int_equal(number(top, "fired"), 2);
    assert_int_equal(number(top, "standingSeconds"), 40);
    assert_string_equal(json_string_value(json_object_get(top, "name")), "Luleå");
    assert_int_equal(strlen(json_string_value(json_object_get(top, "device"))), 32);

    // What held at the beginning counts once.
    json_auto_t *late = run("max(temp) over 5s > 90", base + 40000, base + 60000);
    assert_int_equal(number(late, "fired"), 1);
    // It was silent, and then no more.
    json_auto_t *silent = run("no message for 10m", base, base + 1200000);
    top = json_array_get(json_object_get(silent, "top"), 0);
    assert_int_equal(number(silent, "fired"), 1);
    assert_int_equal(number(top, "standingSeconds"), 1200 - 659);
    json_auto_t *nobody = run("no fan for 10m", base, base + 1200000);
    assert_int_equal(number(nobody, "fired"), 0);
}

static void too_much_at_once_is_refused_and_what_waits_can_be_stopped(void **state)
{
    (void)state;
    int64_t now = clock_now_ms(), ids[BACKTESTS_OPEN + 1], id;
    struct rule r = { 0 };
    struct fault f = { 0 };
    int n = 0;

    assert_int_equal(rule_read("temp > 1", 8, &r, NULL, &f), RC_OK);
    struct backtest_ask a = {
        .catalog = 1, .rule = &r, .from = now - 90 * 24 * HOUR_MS, .to = now
    };
    // Those before may end meanwhile: more than can be open are tried.
    while (n <= BACKTESTS_OPEN && backtests_add(tests, &a, &ids[n], &f) == RC_OK)
        n++;
    if (n <= BACKTESTS_OPEN)
        assert_non_null(strstr(f.text, "stop one"));
    for (int i = 0; i < n; i++) {
        json_t *none = NULL;

        assert_int_equal(backtests_forget(tests, 2, ids[i], &f), RC_NOT_FOUND);
        assert_int_equal(backtests_forget(tests, 1, ids[i], &f), RC_OK);
        assert_int_equal(backtests_show(tests, db, 1, ids[i], &none, &f), RC_NOT_FOUND);
        assert_int_equal(backtests_forget(tests, 1, ids[i], &f), RC_NOT_FOUND);
    }
    a.from = now - 93 * 24 * HOUR_MS;
    assert_int_equal(backtests_add(tests, &a, &id, &f), RC_INVALID);
    a.from = now;
    assert_int_equal(backtests_add(tests, &a, &id, &f), RC_INVALID);
    rule_done(&r);
}

static void the_server_ends_while_one_runs(void **state)
{
    (void)state;
    int64_t now = clock_now_ms();

    for (int i = 0; i < BACKTESTS_OPEN; i++)
        begin("no message for 1m by site", now - 92 * 24 * HOUR_MS, now);
    // teardown() stops them.
}

int main(void)
{
    const struct CMUnitTest list[] = {
        cmocka_unit_test_setup_teardown(a_rule_over_the_past_says_what_it_said_when_it_was_now,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_says_of_a_device_has_its_name_and_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(too_much_at_once_is_refused_and_what_waits_can_be_stopped,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_server_ends_while_one_runs, setup, teardown),
    };
    return cmocka_run_group_tests_name("backtest", list, NULL, NULL);
}
