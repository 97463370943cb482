// SPDX-License-Identifier: Apache-2.0
// threaded
//
// What follows the messages: states that people see, what the bus tells, partitions that go.

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/bus.h"
#include "core/clock.h"
#include "ingest/engine.h"
#include "support/feed.h"
#include "support/pg.h"
#include "test.h"

#define WAIT_MS 60000 // for what comes on any machine
#define HEARD   64

static struct feed w;

static struct {
    pthread_mutex_t lock;
    int readings, states, lines;
    struct bus_event changes[HEARD]; // the first of them, by states
    char name[40], id[40], text[80];
    double value;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void nap(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static void listen_in(void *ctx, const struct bus_event *e)
{
    (void)ctx;
    pthread_mutex_lock(&heard.lock);
    if (e->kind == BUS_STATE && heard.states < HEARD)
        heard.changes[heard.states] = *e;
    heard.readings += e->kind == BUS_READING;
    heard.states += e->kind == BUS_STATE;
    heard.lines += e->kind == BUS_JOURNAL;
    snprintf(heard.id, sizeof heard.id, "%s", e->id);
    snprintf(heard.text, sizeof heard.text, "%s", e->text ? e->text : "");
    if (e->kind == BUS_READING) {
        snprintf(heard.name, sizeof heard.name, "%s", e->names[0]);
        heard.value = e->values[0];
    }
    pthread_mutex_unlock(&heard.lock);
}

static int count_of(const int *what)
{
    int n;

    pthread_mutex_lock(&heard.lock);
    n = *what;
    pthread_mutex_unlock(&heard.lock);
    return n;
}

// Where a change of the device is told, from the nth on: where, or -1.
static int told(int from, int64_t device, enum device_state state, bool online)
{
    int at = -1;

    pthread_mutex_lock(&heard.lock);
    for (int i = from; i >= 0 && i < heard.states && i < HEARD && at < 0; i++) {
        const struct bus_event *e = &heard.changes[i];

        if (e->device == device && e->state == (int)state && e->online == online)
            at = i;
    }
    pthread_mutex_unlock(&heard.lock);
    return at;
}

static int open_feed(void **state)
{
    (void)state;
    feed_init(&w, pg_fresh(), 4);
    feed_run(&w, "INSERT INTO device_trust (catalog, device, verdict, attested_at)"
                 " SELECT catalog, device, 1, now() FROM device");
    heard.readings = heard.states = heard.lines = 0;
    feed_open(&w);
    bus_subscribe(w.bus, listen_in, NULL);
    return 0;
}

static int close_feed(void **state)
{
    (void)state;
    feed_done(&w);
    return 0;
}

static bool becomes(const char *sql, int64_t wanted, int timeout_ms)
{
    int64_t until = clock_mono_ms() + timeout_ms;

    while (feed_ask(&w, sql) != wanted) {
        if (clock_mono_ms() > until)
            return false;
        nap(50);
    }
    return true;
}

static void detach(int i)
{
    ingest_detach(w.devices[i].d);
    w.devices[i].d = NULL;
}

static void a_commit_is_told_on_the_bus(void **state)
{
    (void)state;
    struct ingest_entry e = { .seq = 3, .at = clock_now_ms(), .level = 1, .text = "dry" };
    int64_t until = clock_mono_ms() + WAIT_MS;

    feed_send(&w, 2);
    feed_send(&w, 2);
    assert_true(feed_wait(&w, WAIT_MS));
    ingest_entry(w.devices[2].d, &e, NULL, NULL);
    while (count_of(&heard.lines) == 0 && clock_mono_ms() < until)
        nap(1);
    pthread_mutex_lock(&heard.lock);
    assert_true(heard.readings >= 1);
    assert_int_equal(heard.lines, 1);
    assert_string_equal(heard.name, "n");
    assert_true(heard.value == 2);
    assert_string_equal(heard.id, w.devices[2].id);
    assert_string_equal(heard.text, "dry");
    pthread_mutex_unlock(&heard.lock);
}

static void a_state_follows_within_a_second_or_two(void **state)
{
    (void)state;
    feed_send(&w, 0);
    assert_true(becomes("SELECT count(*) FROM device_state WHERE device = 1 AND online AND state ="
                        " 1 AND boot = 1 AND last_seq = 1 AND last_values = '{1, 41.5}'",
                        1, WAIT_MS));
    assert_true(becomes("SELECT count(*) FROM ingest_batch", 0, WAIT_MS));
    detach(0);
    assert_true(becomes("SELECT online::int FROM device_state WHERE device = 1", 0, WAIT_MS));
}

static void a_device_goes_offline_three_pings_after_its_session(void **state)
{
    (void)state;
    struct device_facts facts = { .verdict = VERDICT_AFFIRMING,
                                  .attested_once = true,
                                  .ping_ms = 200 };
    int at;

    ingest_facts(w.devices[1].d, &facts);
    detach(1);
    at = told(0, 2, STATE_HEALTHY, false); // it went: still healthy, but not online
    assert_true(at >= 0);
    assert_true(becomes("SELECT state FROM device_state WHERE device = 2", STATE_OFFLINE, WAIT_MS));
    at = told(at, 2, STATE_OFFLINE, false);
    assert_true(at >= 0);
    feed_attach(&w, 1);
    assert_true(told(at, 2, STATE_HEALTHY, true) >= 0);
    assert_true(becomes("SELECT state FROM device_state WHERE device = 2", STATE_HEALTHY, WAIT_MS));
}

static void a_new_verdict_changes_the_state(void **state)
{
    (void)state;
    struct device_facts facts = { .verdict = VERDICT_WARNING, .attested_once = true };

    ingest_facts(w.devices[3].d, &facts);
    assert_true(told(0, 4, STATE_AT_RISK, true) >= 0);
    assert_true(becomes("SELECT state FROM device_state WHERE device = 4", STATE_AT_RISK, WAIT_MS));
}

static void what_others_write_of_a_device_without_session_stays(void **state)
{
    (void)state;
    struct bus_event e = { .kind = BUS_STATE, .catalog = 1, .device = 4, .id = w.devices[3].id };

    assert_true(becomes("SELECT online::int FROM device_state WHERE device = 4", 1, WAIT_MS));
    detach(3);
    assert_true(becomes("SELECT online::int FROM device_state WHERE device = 4", 0, WAIT_MS));
    feed_run(&w, "UPDATE device_trust SET verdict = 3 WHERE device = 4");
    feed_run(&w, "UPDATE device_state SET state = 4 WHERE device = 4");
    bus_publish(w.bus, &e);
    assert_true(
        becomes("SELECT state FROM device_state WHERE device = 4", STATE_QUARANTINED, WAIT_MS));
    nap(2500);
    assert_int_equal(feed_ask(&w, "SELECT state FROM device_state WHERE device = 4"),
                     STATE_QUARANTINED);
}

// An open alert of that severity on a device, as alert_raise() would leave it; 0: it ends.
static void alert_on(int device, int severity)
{
    char sql[400];

    snprintf(sql, sizeof sql,
             "WITH a AS (INSERT INTO alert (catalog, key, source, code, severity, title, since,"
             " last_at, told_severity) VALUES (1, 'k%d-%d', 'rule', 'r', %d, 't', now(), now(), 0)"
             " RETURNING id) INSERT INTO alert_device (catalog, alert, device, since, last_at)"
             " SELECT 1, id, %d, now(), now() FROM a",
             device, severity, severity, device);
    if (severity)
        feed_run(&w, sql);
    else
        feed_run(&w, "UPDATE alert SET resolved_at = now()");
    snprintf(sql, sizeof sql, "INSERT INTO alert_mark (catalog, device) VALUES (1, %d)", device);
    feed_run(&w, sql);
}

static void a_high_alert_puts_its_devices_at_risk_until_it_ends(void **state)
{
    (void)state;
    struct device_facts facts = { .verdict = VERDICT_AFFIRMING, .attested_once = true };

    ingest_facts(w.devices[0].d, &facts);
    assert_true(becomes("SELECT state FROM device_state WHERE device = 1", STATE_HEALTHY, WAIT_MS));
    alert_on(1, 1);
    assert_true(becomes("SELECT count(*) FROM alert_mark", 0, WAIT_MS));
    assert_int_equal(feed_ask(&w, "SELECT state FROM device_state WHERE device = 1"),
                     STATE_HEALTHY);
    alert_on(1, 2);
    assert_true(becomes("SELECT state FROM device_state WHERE device = 1", STATE_AT_RISK, WAIT_MS));
    assert_true(told(0, 1, STATE_AT_RISK, true) >= 0);
    alert_on(1, 0);
    assert_true(becomes("SELECT state FROM device_state WHERE device = 1", STATE_HEALTHY, WAIT_MS));
    assert_true(becomes("SELECT count(*) FROM alert_mark", 0, WAIT_MS));
}

static void an_alert_reaches_devices_without_a_session(void **state)
{
    (void)state;
    detach(1);
    assert_true(becomes("SELECT online::int FROM device_state WHERE device = 2", 0, WAIT_MS));
    alert_on(2, 3);
    assert_true(becomes("SELECT state FROM device_state WHERE device = 2", STATE_AT_RISK, WAIT_MS));
    feed_run(&w, "INSERT INTO alert_mark (catalog, device) VALUES (1, 99999)"); // nobody
    alert_on(2, 0);
    assert_true(
        becomes("SELECT count(*) FROM device_state WHERE device = 2 AND state = 3", 0, WAIT_MS));
    assert_true(becomes("SELECT count(*) FROM alert_mark", 0, WAIT_MS));
}

static void evidence_that_came_by_another_session_counts_at_once(void **state)
{
    (void)state;
    struct bus_event e = { .kind = BUS_STATE, .catalog = 1, .device = 2, .id = w.devices[1].id };

    assert_true(becomes("SELECT state FROM device_state WHERE device = 2", STATE_HEALTHY, WAIT_MS));
    feed_run(&w, "UPDATE device_trust SET verdict = 2 WHERE device = 2");
    bus_publish(w.bus, &e);
    assert_true(becomes("SELECT state FROM device_state WHERE device = 2", STATE_AT_RISK, WAIT_MS));
    feed_send(&w, 1); // what the device says does not wash it away
    assert_true(feed_wait(&w, WAIT_MS));
    nap(2500);
    assert_int_equal(feed_ask(&w, "SELECT state FROM device_state WHERE device = 2"),
                     STATE_AT_RISK);
    assert_int_equal(feed_ask(&w, "SELECT online::int FROM device_state WHERE device = 2"), 1);
    feed_run(&w, "UPDATE device_trust SET verdict = 1 WHERE device = 2");
    bus_publish(w.bus, &e);
    assert_true(becomes("SELECT state FROM device_state WHERE device = 2", STATE_HEALTHY, WAIT_MS));
}

static void a_copy_that_is_refused_changes_no_state(void **state)
{
    (void)state;
    struct ingest_who copy = { .catalog = 1,
                               .device = 4,
                               .boot = 1,
                               .facts = { .verdict = VERDICT_CONTRAINDICATED,
                                          .attested_once = true } };
    struct ingest_device *d = NULL;
    int64_t boot, seq;

    assert_true(becomes("SELECT state FROM device_state WHERE device = 4", STATE_HEALTHY, WAIT_MS));
    feed_close(&w);
    feed_run(&w, "UPDATE device_trust SET verdict = 3 WHERE device = 4");
    feed_run(&w, "UPDATE device_state SET state = 4, hello_boot = 9, online = false"
                 " WHERE device = 4");
    assert_int_equal(feed_try(&w, NULL), RC_OK); // nobody has a session
    memcpy(copy.id, w.devices[3].id, sizeof copy.id);
    assert_int_equal(ingest_attach(w.g, &copy, &d, &boot, &seq, NULL), RC_CONFLICT);
    nap(2500);
    assert_int_equal(feed_ask(&w, "SELECT state FROM device_state WHERE device = 4"),
                     STATE_QUARANTINED);
}

static void an_unclaim_lets_the_sequence_start_again(void **state)
{
    (void)state;
    struct bus_event e = { .kind = BUS_DEVICE,
                           .catalog = 1,
                           .device = 3,
                           .id = w.devices[2].id,
                           .lifecycle = DEVICE_REGISTERED };

    feed_send(&w, 2);
    assert_true(feed_wait(&w, WAIT_MS));
    assert_true(becomes("SELECT last_seq FROM device_state WHERE device = 3", 1, WAIT_MS));
    bus_publish(w.bus, &e);
    detach(2);
    assert_true(becomes("SELECT last_seq FROM device_state WHERE device = 3", 0, WAIT_MS));
    feed_attach(&w, 2);
    assert_int_equal(w.devices[2].sent, 0);
}

static void sessions_of_a_server_that_died_go_offline(void **state)
{
    (void)state;
    assert_true(becomes("SELECT count(*) FROM device_state WHERE online", 4, WAIT_MS));
    feed_close(&w);
    feed_run(&w, "UPDATE device_state SET online = true");
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM device_state WHERE online"), 4);
    w.count = 0; // nobody comes back
    feed_open(&w);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM device_state WHERE online"), 0);
}

// ---------------------------------------------------------------- retention

static void clean_up(void)
{
    struct link *l = NULL;
    struct fault f = { 0 };

    if (link_open(w.conninfo, "test", 10000, &l, &f) != RC_OK || retention_run(w.g, l, &f) != RC_OK)
        fail_msg("%s", f.text);
    link_close(l);
}

static void send_aged(int hours)
{
    w.base = clock_now_ms() - hours * HOUR_MS;
    for (int i = 0; i < w.count; i++)
        feed_send(&w, i);
    assert_true(feed_wait(&w, WAIT_MS));
}

// What is counted in hours is counted within one.
static void keep_clear_of_the_full_hour(void)
{
    int64_t left = HOUR_MS - clock_now_ms() % HOUR_MS;

    if (left < 60000)
        nap((long)left + 100);
}

static void partitions_no_catalog_wants_are_dropped(void **state)
{
    (void)state;
    const char *code = NULL;
    struct ingest_stats s;

    keep_clear_of_the_full_hour();
    send_aged(100);
    send_aged(30);
    send_aged(0);
    feed_run(&w, "UPDATE catalog SET telemetry_hours = 48");
    clean_up();
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry"), 8);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM pg_class WHERE relname ~"
                                  " '^telemetry_[0-9]+$' AND relkind = 'r'"),
                     5);
    assert_int_equal(feed_send_seq(&w, 0, 1000, clock_now_ms() - 60 * HOUR_MS, &code), INGEST_NACK);
    assert_string_equal(code, "clock");
    ingest_stats(w.g, &s);
    assert_true(s.disk_bytes > 0);
}

static void a_catalog_with_shorter_retention_loses_only_its_rows(void **state)
{
    (void)state;
    feed_run(&w, "INSERT INTO catalog (name, telemetry_hours) VALUES ('short', 10)");
    send_aged(30);
    feed_run(&w, "INSERT INTO telemetry SELECT 2, 1, ts, shape, vals FROM telemetry");
    feed_run(&w, "INSERT INTO telemetry SELECT 2, 2, now(), shape, vals FROM telemetry LIMIT 1");
    clean_up();
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry WHERE catalog = 1"), 4);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry WHERE catalog = 2"), 1);
}

static void a_drop_that_was_interrupted_is_finished(void **state)
{
    (void)state;
    char name[PARTITION_LEN + 1], sql[200];
    int64_t hour = clock_now_ms() / HOUR_MS - 10;

    send_aged(10);
    partition_name(PARTITION_TELEMETRY, hour, name);
    snprintf(sql, sizeof sql, "ALTER TABLE telemetry DETACH PARTITION %s", name);
    feed_run(&w, sql);
    clean_up();
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_class WHERE relname = '%s'", name);
    assert_int_equal(feed_ask(&w, sql), 0);
    w.base = 0;
    feed_pump(&w, 5);
    assert_true(feed_wait(&w, WAIT_MS));
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, open_feed, close_feed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_commit_is_told_on_the_bus),
        STORY(a_state_follows_within_a_second_or_two),
        STORY(a_device_goes_offline_three_pings_after_its_session),
        STORY(a_new_verdict_changes_the_state),
        STORY(what_others_write_of_a_device_without_session_stays),
        STORY(a_high_alert_puts_its_devices_at_risk_until_it_ends),
        STORY(an_alert_reaches_devices_without_a_session),
        STORY(evidence_that_came_by_another_session_counts_at_once),
        STORY(a_copy_that_is_refused_changes_no_state),
        STORY(an_unclaim_lets_the_sequence_start_again),
        STORY(sessions_of_a_server_that_died_go_offline),
        STORY(partitions_no_catalog_wants_are_dropped),
        STORY(a_catalog_with_shorter_retention_loses_only_its_rows),
        STORY(a_drop_that_was_interrupted_is_finished),
    };

    return cmocka_run_group_tests_name("ingest state", tests, NULL, NULL);
}
