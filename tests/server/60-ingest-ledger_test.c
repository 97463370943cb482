// SPDX-License-Identifier: Apache-2.0
// threaded
//
// What was acknowledged is in the table once, whatever was sent how often, in the good days.

#include <stdlib.h>
#include <string.h>

#include "core/bus.h"
#include "core/clock.h"
#include "ingest/engine.h"
#include "protocol/protocol.h"
#include "support/feed.h"
#include "support/pg.h"
#include "test.h"

static struct feed w;

static int open_feed(void **state)
{
    (void)state;
    feed_init(&w, pg_fresh(), 20);
    feed_open(&w);
    return 0;
}

static int close_feed(void **state)
{
    (void)state;
    feed_done(&w);
    return 0;
}

static void rows_are_what_was_acknowledged(void **state)
{
    (void)state;
    struct ingest_stats s;

    for (int round = 0; round < 200; round++)
        feed_pump(&w, 64);
    assert_true(feed_wait(&w, 60000));
    ingest_stats(w.g, &s);
    assert_int_equal(s.pending, 0);
    assert_int_equal(s.pending_bytes, 0);
    assert_int_equal(s.devices, 20);
    feed_check(&w);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry"), (int64_t)s.messages);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM shape"), 1);
}

static void a_replay_gives_no_row_and_is_acknowledged_again(void **state)
{
    (void)state;
    uint64_t before;

    for (int i = 0; i < 50; i++)
        feed_send(&w, 3);
    assert_true(feed_wait(&w, 60000));
    before = atomic_load(&w.acks);
    for (int64_t seq = 1; seq <= 50; seq++)
        assert_int_equal(feed_send_seq(&w, 3, seq, clock_now_ms(), NULL), INGEST_REPLAY);
    for (int i = 0; i < 60000 && atomic_load(&w.acks) == before; i++)
        idle_wait(w.g, 1);
    assert_true(atomic_load(&w.acks) > before);
    feed_check(&w);
}

static void the_sequence_goes_on_after_a_restart(void **state)
{
    (void)state;
    feed_pump(&w, 100);
    assert_true(feed_wait(&w, 60000));
    feed_close(&w);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM ingest_batch"), 0);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM device_state WHERE last_seq = 100 AND"
                                  " boot = 1 AND last_values[1] = 100 AND NOT online"),
                     20);
    feed_open(&w);
    assert_int_equal(w.devices[7].sent, 100);
    assert_int_equal(feed_send_seq(&w, 7, 100, clock_now_ms(), NULL), INGEST_REPLAY);
    feed_pump(&w, 10);
    assert_true(feed_wait(&w, 60000));
    feed_check(&w);
}

static void a_clock_that_is_off_is_told_so_and_the_number_is_used_up(void **state)
{
    (void)state;
    const char *code = NULL;
    int64_t now = clock_now_ms();

    assert_int_equal(feed_send_seq(&w, 0, 1, now + LIMIT_FUTURE_MS + 2000, &code), INGEST_NACK);
    assert_string_equal(code, "clock");
    code = NULL;
    assert_int_equal(feed_send_seq(&w, 0, 2, now - LIMIT_PAST_MS - 2000, &code), INGEST_NACK);
    assert_string_equal(code, "clock");
    assert_int_equal(feed_send_seq(&w, 0, 3, now + LIMIT_FUTURE_MS - 2000, &code), INGEST_TAKEN);
    assert_int_equal(feed_send_seq(&w, 0, 2, now, &code), INGEST_REPLAY);
    w.devices[0].sent = 3;
    assert_true(feed_wait(&w, 60000));
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry"), 1);
}

static void late_data_makes_its_partition(void **state)
{
    (void)state;
    int64_t before = feed_ask(&w, "SELECT count(*) FROM pg_inherits");

    w.base = clock_now_ms() - 20LL * 24 * HOUR_MS;
    feed_pump(&w, 5);
    assert_true(feed_wait(&w, 60000));
    feed_check(&w);
    assert_true(feed_ask(&w, "SELECT count(*) FROM pg_inherits") > before);
}

static void a_device_that_invents_names_is_stopped(void **state)
{
    (void)state;
    const char *code = NULL;
    enum ingest_result r = INGEST_TAKEN;
    int64_t seq = 0;

    while (r == INGEST_TAKEN && seq < 1000) {
        struct token_reading m = { .seq = ++seq, .t = clock_now_ms(), .count = 1 };
        char name[20];

        m.metrics[0].name.len = (size_t)snprintf(name, sizeof name, "m%d", (int)seq);
        m.metrics[0].name.at = name;
        m.metrics[0].value = 1;
        r = ingest_reading(w.devices[0].d, &m, &code, NULL);
    }
    assert_int_equal(r, INGEST_NACK);
    assert_string_equal(code, "shape");
    assert_int_equal(seq, SHAPES_PER_SESSION + 1);
    w.devices[0].sent = seq;
    assert_true(feed_wait(&w, 60000));
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry JOIN shape"
                                  " ON id = shape AND names[1] = 'm' || id"),
                     SHAPES_PER_SESSION);
}

static void logs_and_events_go_the_same_way(void **state)
{
    (void)state;
    struct ingest_entry e = { .seq = 1,
                              .at = clock_now_ms(),
                              .level = 1,
                              .source = "app.pump",
                              .text = "dry \xc3\xa9",
                              .fields = "{\"a\": [1, null]}" };

    assert_int_equal(ingest_entry(w.devices[0].d, &e, NULL, NULL), INGEST_TAKEN);
    e = (struct ingest_entry){ .seq = 2, .at = e.at, .event = true, .level = 2, .name = "boot" };
    assert_int_equal(ingest_entry(w.devices[0].d, &e, NULL, NULL), INGEST_TAKEN);
    assert_int_equal(ingest_settle(w.devices[0].d, 0, 3), INGEST_TAKEN);
    w.devices[0].sent = 3;
    assert_true(feed_wait(&w, 60000));
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM journal WHERE seq = 1 AND level = 1 AND NOT"
                                  " event AND source = 'app.pump' AND text = 'dry \xc3\xa9' AND"
                                  " fields = '{\"a\": [1, null]}' AND name IS NULL"),
                     1);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM journal WHERE seq = 2 AND event AND"
                                  " name = 'boot' AND fields IS NULL"),
                     1);
}

static void an_older_boot_is_refused_at_attach_and_a_newer_in_a_message(void **state)
{
    (void)state;
    struct ingest_who who = { .catalog = 1, .device = 1, .boot = 1 };
    struct token_reading m = { .seq = 1, .t = clock_now_ms(), .boot = 9 };
    struct ingest_device *d = NULL;
    const char *code = NULL;
    struct fault f;
    int64_t boot, seq;

    assert_int_equal(ingest_reading(w.devices[0].d, &m, &code, &f), INGEST_NACK);
    assert_string_equal(code, "boot");
    feed_close(&w);
    w.boot = 5;
    feed_open(&w);
    assert_int_equal(ingest_attach(w.g, &who, &d, &boot, &seq, &f), RC_CONFLICT);
    // What an older boot left unsent still comes first.
    m.boot = 4;
    assert_int_equal(ingest_reading(w.devices[0].d, &m, &code, &f), INGEST_TAKEN);
    m.boot = 0;
    assert_int_equal(ingest_reading(w.devices[0].d, &m, &code, &f), INGEST_TAKEN);
}

// ---------------------------------------------------------------- poison

static void a_row_the_database_refuses_costs_only_itself(void **state)
{
    (void)state;
    struct ingest_stats s;

    feed_run(&w,
             "ALTER TABLE telemetry ADD CONSTRAINT poison CHECK (vals[1] <> 777 OR device <> 5)");
    while (w.devices[0].sent < 1000)
        feed_pump(&w, 256);
    assert_true(feed_wait(&w, 60000));
    ingest_stats(w.g, &s);
    assert_int_equal(s.refused, 1);
    assert_true(ingest_is_ready(w.g, (char[200]){ 0 }, 200));
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry"), (int64_t)s.messages - 1);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry WHERE device = 5 AND"
                                  " vals[1] IN (776, 777, 778)"),
                     2);
}

static void a_table_that_refuses_everything_loses_nothing(void **state)
{
    (void)state;
    char text[TROUBLE_LEN];
    struct ingest_stats s;

    feed_run(&w, "ALTER TABLE telemetry RENAME TO elsewhere");
    feed_pump(&w, 50);
    assert_false(feed_wait(&w, 500));
    for (int i = 0; i < 6000 && ingest_is_ready(w.g, text, sizeof text); i++)
        idle_wait(w.g, 10);
    assert_false(ingest_is_ready(w.g, text, sizeof text));
    assert_non_null(strstr(text, "not committed"));
    feed_run(&w, "ALTER TABLE elsewhere RENAME TO telemetry");
    assert_true(feed_wait(&w, 60000));
    for (int i = 0; i < 6000 && !ingest_is_ready(w.g, text, sizeof text); i++)
        idle_wait(w.g, 10);
    assert_true(ingest_is_ready(w.g, text, sizeof text));
    ingest_stats(w.g, &s);
    assert_int_equal(s.refused, 0);
    feed_check(&w);
}

static void a_partition_somebody_dropped_is_made_again(void **state)
{
    (void)state;
    char sql[100], name[PARTITION_LEN + 1];

    partition_name(PARTITION_TELEMETRY, clock_now_ms() / HOUR_MS, name);
    snprintf(sql, sizeof sql, "DROP TABLE %s", name);
    feed_run(&w, sql);
    feed_pump(&w, 5);
    assert_true(feed_wait(&w, 60000));
    feed_check(&w);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, open_feed, close_feed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(rows_are_what_was_acknowledged),
        STORY(a_replay_gives_no_row_and_is_acknowledged_again),
        STORY(the_sequence_goes_on_after_a_restart),
        STORY(a_clock_that_is_off_is_told_so_and_the_number_is_used_up),
        STORY(late_data_makes_its_partition),
        STORY(a_device_that_invents_names_is_stopped),
        STORY(logs_and_events_go_the_same_way),
        STORY(an_older_boot_is_refused_at_attach_and_a_newer_in_a_message),
        STORY(a_row_the_database_refuses_costs_only_itself),
        STORY(a_table_that_refuses_everything_loses_nothing),
        STORY(a_partition_somebody_dropped_is_made_again),
    };

    return cmocka_run_group_tests_name("ingest ledger", tests, NULL, NULL);
}
