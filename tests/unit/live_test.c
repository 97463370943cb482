// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "live/frame.h"
#include "live/hub.h"
#include "live/inbox.h"
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
    };
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
