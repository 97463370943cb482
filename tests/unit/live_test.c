// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "live/frame.h"
#include "live/hub.h"
#include "live/inbox.h"
#include "live/tail.h"
#include "test.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char *const names[] = { "cpu.load", "temp.board" };

static void reading(struct hub *h, const char *id, int64_t at, double first)
{
    double values[] = { first, 41.5 };

    hub_note(h, &(struct bus_event){ .kind = BUS_READING,
                                     .catalog = 1,
                                     .id = id,
                                     .at = at,
                                     .count = 2,
                                     .names = names,
                                     .values = values });
}

static void seed(struct hub *h, const char *id, int64_t at)
{
    struct hub_device d = { .state = STATE_HEALTHY,
                            .reason = "attested",
                            .online = true,
                            .at = at,
                            .count = 2,
                            .names = names,
                            .values = (double[]){ 0.25, 40 } };

    snprintf(d.id, sizeof d.id, "%s", id);
    hub_seed(h, 1, &d);
}

// The next frame, parsed; NULL if there is none.
static json_t *next(struct hub_client *c, int64_t now)
{
    struct frame *f = hub_frame(c, now);
    json_t *frame = f ? json_loadb(f->bytes, f->len, JSON_REJECT_DUPLICATES, NULL) : NULL;

    assert_true(!f || frame);
    frame_drop(f);
    return frame;
}

static int64_t seq_of(json_t *frame)
{
    return json_integer_value(json_object_get(frame, "seq"));
}

static struct hub_client *watching(struct hub *h, const char *topic, const char *const *ids,
                                   size_t count)
{
    struct hub_client *c = hub_join(h, 1, true);

    assert_int_equal(hub_subscribe(c, topic, ids, count, NULL), RC_OK);
    return c;
}

// Looks at one device, and has its snapshot.
static struct hub_client *shown(struct hub *h)
{
    struct hub_client *c = watching(h, "device:" A, NULL, 0);

    seed(h, A, 1);
    hub_seeded(c, "device:" A);
    json_decref(next(c, 0));
    return c;
}

static void nothing_is_sent_before_the_snapshot(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    const char *ids[] = { A };
    struct hub_client *c = watching(h, "devices", ids, 1);

    reading(h, A, 1000, 0.5);
    assert_null(next(c, 10000));
    hub_free(h);
}

static void a_snapshot_does_not_overwrite_a_newer_reading(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    const char *ids[] = { A };
    struct hub_client *c = watching(h, "devices", ids, 1);

    reading(h, A, 2000, 0.5);
    seed(h, A, 1000);
    hub_seeded(c, "devices");
    json_auto_t *frame = next(c, 0);
    json_t *device = json_array_get(json_object_get(frame, "snapshot"), 0);

    assert_int_equal(seq_of(frame), 1);
    assert_string_equal(json_string_value(json_object_get(device, "id")), A);
    assert_string_equal(json_string_value(json_object_get(device, "state")), "healthy");
    assert_true(json_real_value(json_object_get(json_object_get(device, "m"), "cpu.load")) == 0.5);
    hub_free(h);
}

static void changes_between_frames_are_merged(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    const char *ids[] = { A, B };
    struct hub_client *c = watching(h, "devices", ids, 2);

    seed(h, A, 1);
    seed(h, B, 1);
    hub_seeded(c, "devices");
    json_decref(next(c, 0));
    for (int n = 0; n < 1000; n++)
        reading(h, A, 10 + n, n);
    assert_null(next(c, HUB_FRAME_MS - 1));
    json_auto_t *frame = next(c, HUB_FRAME_MS);
    json_t *changes = json_object_get(frame, "changes");

    assert_int_equal(seq_of(frame), 2);
    assert_int_equal(json_array_size(changes), 1);
    assert_null(next(c, 10 * HUB_FRAME_MS));
    hub_free(h);
}

static void sequence_numbers_start_again_with_a_snapshot(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    struct hub_client *c = shown(h);

    reading(h, A, 10, 1);
    json_decref(next(c, 100));
    assert_true(hub_resend(c, "device:" A));
    json_auto_t *frame = next(c, 100);

    assert_int_equal(seq_of(frame), 1);
    assert_non_null(json_object_get(frame, "snapshot"));
    hub_free(h);
}

static void a_device_topic_brings_every_reading_and_line_once(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    struct hub_client *c = shown(h);

    reading(h, A, 10, 1);
    reading(h, A, 11, 2);
    hub_note(h, &(struct bus_event){ .kind = BUS_JOURNAL,
                                     .catalog = 1,
                                     .id = A,
                                     .at = 12,
                                     .level = 1,
                                     .source = "app",
                                     .text = "say \"no\"\n",
                                     .fields = "{\"n\":1}" });
    json_auto_t *frame = next(c, 100);
    json_t *line = json_array_get(json_object_get(frame, "journal"), 0);

    assert_int_equal(json_array_size(json_object_get(frame, "readings")), 2);
    assert_string_equal(json_string_value(json_object_get(line, "text")), "say \"no\"\n");
    assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
    reading(h, A, 13, 3);
    json_auto_t *later = next(c, 200);
    assert_int_equal(json_array_size(json_object_get(later, "readings")), 1);
    assert_null(json_object_get(later, "journal"));
    hub_free(h);
}

static void who_may_not_see_telemetry_sees_states_only(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    struct hub_client *c = hub_join(h, 1, false);

    assert_int_equal(hub_subscribe(c, "device:" A, NULL, 0, NULL), RC_OK);
    seed(h, A, 1);
    hub_seeded(c, "device:" A);
    json_decref(next(c, 0));
    reading(h, A, 10, 1);
    json_auto_t *frame = next(c, 100);

    assert_null(json_object_get(frame, "readings"));
    assert_null(json_object_get(json_object_get(frame, "device"), "m"));
    hub_free(h);
}

static void a_device_of_another_catalog_is_not_there(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    const char *ids[] = { A };
    struct hub_client *c = hub_join(h, 2, true);

    assert_int_equal(hub_subscribe(c, "devices", ids, 1, NULL), RC_OK);
    reading(h, A, 10, 1); // catalog 1
    hub_seeded(c, "devices");
    json_auto_t *frame = next(c, 0);

    assert_int_equal(json_array_size(json_object_get(frame, "snapshot")), 0);
    hub_free(h);
}

static void a_subscription_is_bounded_and_named(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    struct hub_client *c = hub_join(h, 1, true);
    const char *bad[] = { "x" };
    struct fault f = { 0 };
    char topic[50];

    assert_int_equal(hub_subscribe(c, "fleet", NULL, 0, &f), RC_INVALID);
    assert_int_equal(hub_subscribe(c, "devices", bad, 1, &f), RC_INVALID);
    assert_int_equal(hub_subscribe(c, "devices", bad, HUB_WINDOW_MAX + 1, &f), RC_LIMIT);
    for (int n = 0; n < HUB_TOPICS_MAX; n++) {
        snprintf(topic, sizeof topic, "device:%032x", (unsigned)n);
        assert_int_equal(hub_subscribe(c, topic, NULL, 0, &f), RC_OK);
    }
    assert_int_equal(hub_subscribe(c, "device:" A, NULL, 0, &f), RC_LIMIT);
    assert_true(hub_unsubscribe(c, topic));
    assert_false(hub_unsubscribe(c, topic));
    assert_int_equal(hub_subscribe(c, "device:" A, NULL, 0, &f), RC_OK);
    hub_free(h);
}

static void count_wake(void *ctx)
{
    (*(int *)ctx)++;
}

static void the_inbox_takes_only_what_is_watched(void **state)
{
    (void)state;
    int wakes = 0;
    bool lost;
    struct inbox *i = inbox_new(count_wake, &wakes);
    struct bus_event e = { .kind = BUS_STATE, .catalog = 1, .id = A, .text = "because" };
    struct bus_event *got;

    inbox_take(i, &e);
    assert_null(inbox_next(i, &lost));
    inbox_watch(i, 1, A);
    inbox_watch(i, 1, A);
    inbox_take(i, &e);
    e.id = B;
    inbox_take(i, &e);
    e.id = A;
    e.catalog = 2;
    inbox_take(i, &e);
    got = inbox_next(i, &lost);
    assert_string_equal(got->text, "because");
    assert_ptr_not_equal(got->text, e.text);
    inbox_release(got);
    assert_null(inbox_next(i, &lost));
    assert_int_equal(wakes, 1);
    inbox_unwatch(i, 1, A);
    e.catalog = 1;
    inbox_take(i, &e);
    inbox_unwatch(i, 1, A);
    inbox_take(i, &e);
    inbox_release(inbox_next(i, &lost));
    assert_null(inbox_next(i, &lost));
    inbox_free(i);
}

static void an_overflowing_inbox_says_that_it_lost_something(void **state)
{
    (void)state;
    int wakes = 0, left = 0;
    bool lost, once = false;
    struct inbox *i = inbox_new(count_wake, &wakes);
    struct bus_event e = { .kind = BUS_STATE, .catalog = 1, .id = A }, *got;

    inbox_watch(i, 1, A);
    for (int n = 0; n < 30000; n++)
        inbox_take(i, &e);
    while ((got = inbox_next(i, &lost))) {
        once = once || lost;
        inbox_release(got);
        left++;
    }
    assert_true(once);
    assert_in_range(left, 1, 29999);
    inbox_free(i);
}

// ---------------------------------------------------------------- the log of a catalog

static struct bus_event line_of(const char *id, int level, const char *source, const char *text)
{
    return (struct bus_event){ .kind = BUS_JOURNAL,
                               .catalog = 1,
                               .id = id,
                               .at = 5,
                               .level = level,
                               .source = source,
                               .text = text };
}

static void hear(struct hub *h, const char *id, int level, const char *source, const char *text)
{
    struct bus_event e = line_of(id, level, source, text);

    hub_note(h, &e);
}

static struct hub_client *reading_log(struct hub *h, const char *filter)
{
    json_auto_t *m = json_loads(filter, 0, NULL);
    struct hub_client *c = hub_join(h, 1, true);
    struct tail_filter read;

    assert_int_equal(tail_filter_read(m, &read, NULL), RC_OK);
    assert_int_equal(hub_subscribe_logs(c, &read, NULL), RC_OK);
    json_auto_t *first = next(c, 1000);
    assert_non_null(json_object_get(first, "snapshot"));
    return c;
}

static size_t lines_of(json_t *frame)
{
    return json_array_size(json_object_get(frame, "items"));
}

static void the_log_is_told_newest_first_through_its_filter(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        size_t count;
    } cases[] = {
        { "{}", 4 },
        { "{\"level\":\"warn\"}", 2 },
        { "{\"source\":\"pump\"}", 2 },
        { "{\"device\":\"" B "\"}", 1 },
        { "{\"q\":\"dry -again\"}", 1 },
        { "{\"kind\":\"events\"}", 0 },
        { "{\"level\":\"error\",\"source\":\"net\"}", 1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hub *h = hub_new(NULL, NULL);
        struct hub_client *c = reading_log(h, cases[i].filter);

        hear(h, A, 1, "pump", "it is dry");
        hear(h, A, 2, "pump", "dry again");
        hear(h, A, 3, "net", "up");
        hear(h, B, 0, "net", "down");
        json_auto_t *frame = next(c, 2000);
        if (lines_of(frame) != cases[i].count)
            fail_msg("%s: %zu lines", cases[i].filter, lines_of(frame));
        if (cases[i].count == 4)
            assert_string_equal(json_string_value(json_object_get(
                                    json_array_get(json_object_get(frame, "items"), 0), "device")),
                                B);
        hub_free(h);
    }
}

static void a_filter_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"level\":\"loud\"}", "{\"kind\":\"all\"}", "{\"device\":\"x\"}", "{\"q\":\"...\"}",
        "{\"source\":\"01234567890123456789012345678901234567890123456789012345678901234\"}"
    };
    struct tail_filter read;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_auto_t *m = json_loads(bad[i], 0, NULL);

        assert_int_equal(tail_filter_read(m, &read, NULL), RC_INVALID);
    }
}

static void what_a_frame_cannot_hold_is_left_out_and_counted(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    struct hub_client *c = reading_log(h, "{}");

    for (int i = 0; i < TAIL_KEPT + 23; i++)
        hear(h, A, 2, "pump", "dry");
    json_auto_t *frame = next(c, 2000);
    assert_int_equal(lines_of(frame), TAIL_KEPT);
    assert_int_equal(json_integer_value(json_object_get(frame, "leftOut")), 23);
    hear(h, A, 2, "pump", "dry");
    assert_null(next(c, 2000 + HUB_FRAME_MS - 1));
    json_auto_t *later = next(c, 2000 + HUB_FRAME_MS);
    assert_int_equal(lines_of(later), 1);
    assert_int_equal(json_integer_value(json_object_get(later, "leftOut")), 0);
    hub_free(h);
}

static void the_log_is_for_those_who_may_and_of_their_catalog_alone(void **state)
{
    (void)state;
    struct hub *h = hub_new(NULL, NULL);
    struct hub_client *c = reading_log(h, "{}"), *blind = hub_join(h, 1, false);
    struct tail_filter all = { .level = JOURNAL_DEBUG };
    struct bus_event e = line_of(A, 2, "pump", "dry");

    assert_int_equal(hub_subscribe_logs(blind, &all, NULL), RC_DENIED);
    e.catalog = 2;
    hub_note(h, &e);
    assert_null(next(c, 2000));
    hub_free(h);
}

static void lines_reach_the_queue_while_somebody_reads_them(void **state)
{
    (void)state;
    int wakes = 0;
    struct inbox *i = inbox_new(count_wake, &wakes);
    struct bus_event e = line_of(A, 2, "pump", "dry"), *got;
    bool lost;

    inbox_take(i, &e);
    assert_null(inbox_next(i, &lost));
    inbox_watch_logs(i, 1);
    for (int n = 0; n < 10001; n++)
        inbox_take(i, &e);
    assert_int_equal(inbox_skipped(i, 1), 1);
    assert_int_equal(inbox_skipped(i, 2), 0);
    e.kind = BUS_READING;
    inbox_take(i, &e);
    for (int n = 0; n < 10000; n++) {
        got = inbox_next(i, &lost);
        assert_non_null(got);
        inbox_release(got);
    }
    assert_null(inbox_next(i, &lost));
    inbox_unwatch_logs(i, 1);
    e.kind = BUS_JOURNAL;
    inbox_take(i, &e);
    assert_null(inbox_next(i, &lost));
    inbox_free(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_before_the_snapshot),
        cmocka_unit_test(a_snapshot_does_not_overwrite_a_newer_reading),
        cmocka_unit_test(changes_between_frames_are_merged),
        cmocka_unit_test(sequence_numbers_start_again_with_a_snapshot),
        cmocka_unit_test(a_device_topic_brings_every_reading_and_line_once),
        cmocka_unit_test(who_may_not_see_telemetry_sees_states_only),
        cmocka_unit_test(a_device_of_another_catalog_is_not_there),
        cmocka_unit_test(a_subscription_is_bounded_and_named),
        cmocka_unit_test(the_inbox_takes_only_what_is_watched),
        cmocka_unit_test(an_overflowing_inbox_says_that_it_lost_something),
        cmocka_unit_test(the_log_is_told_newest_first_through_its_filter),
        cmocka_unit_test(a_filter_that_is_none_is_refused),
        cmocka_unit_test(what_a_frame_cannot_hold_is_left_out_and_counted),
        cmocka_unit_test(the_log_is_for_those_who_may_and_of_their_catalog_alone),
        cmocka_unit_test(lines_reach_the_queue_while_somebody_reads_them),
    };
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
