// SPDX-License-Identifier: Apache-2.0

#include "live/seats.h"

#include "test.h"

#define LATER 60000

static void load(struct seats *s, int64_t device, uint32_t seat, int state, int64_t since)
{
    const struct seat_row row = {
        .device = device, .seat = seat, .lifecycle = DEVICE_CLAIMED, .state = state
    };

    assert_true(seats_load(s, &row, since));
}

static size_t news(const struct seats *s)
{
    const uint32_t *list;

    return seats_news(s, &list);
}

static void a_seat_shows_its_state_and_an_empty_one_nobody(void **state)
{
    (void)state;
    struct seats *s = seats_new();

    load(s, 7001, 3, STATE_OFFLINE, 0);
    assert_int_equal(seats_count(s), 4);
    assert_int_equal(seats_states(s)[3], STATE_OFFLINE);
    assert_int_equal(seats_states(s)[0], SEAT_EMPTY);
    seats_free(s);
}

static void each_change_is_told_once(void **state)
{
    (void)state;
    struct seats *s = seats_new();
    const uint32_t *list;

    load(s, 7001, 0, STATE_HEALTHY, 0);
    seats_news_taken(s);
    assert_true(seats_set(s, 7001, STATE_OFFLINE, 10));
    assert_true(seats_set(s, 7001, STATE_HEALTHY, 20));
    assert_false(seats_set(s, 7001, STATE_HEALTHY, 30));
    assert_int_equal(seats_news(s, &list), 1);
    assert_int_equal(list[0], 0);
    seats_news_taken(s);
    assert_int_equal(news(s), 0);
    assert_true(seats_set(s, 7001, STATE_AT_RISK, 40));
    assert_int_equal(news(s), 1);
    seats_free(s);
}

static void an_unknown_device_changes_nothing(void **state)
{
    (void)state;
    struct seats *s = seats_new();

    assert_false(seats_set(s, 7001, STATE_OFFLINE, 10));
    assert_false(seats_know(s, 7001));
    assert_int_equal(seats_lifecycle(s, 7001), -1);
    assert_int_equal(news(s), 0);
    seats_free(s);
}

static void a_query_does_not_overwrite_what_an_event_told_after_it_began(void **state)
{
    (void)state;
    struct seats *s = seats_new();

    load(s, 7001, 0, STATE_HEALTHY, 0);
    seats_set(s, 7001, STATE_OFFLINE, LATER + 500);
    load(s, 7001, 0, STATE_HEALTHY, LATER);
    assert_int_equal(seats_states(s)[0], STATE_OFFLINE);
    load(s, 7001, 0, STATE_HEALTHY, LATER + 1000); // the state flusher may not have written it yet
    assert_int_equal(seats_states(s)[0], STATE_OFFLINE);
    load(s, 7001, 0, STATE_HEALTHY, LATER + 5000);
    assert_int_equal(seats_states(s)[0], STATE_HEALTHY);
    seats_free(s);
}

static void who_is_not_in_a_whole_load_is_gone(void **state)
{
    (void)state;
    struct seats *s = seats_new();
    int64_t census[STATE_COUNT];

    seats_load_begin(s);
    load(s, 7001, 0, STATE_HEALTHY, 0);
    load(s, 7002, 1, STATE_HEALTHY, 0);
    seats_load_end(s);
    seats_load_begin(s);
    load(s, 7002, 1, STATE_HEALTHY, LATER);
    seats_load_end(s);
    assert_int_equal(seats_states(s)[0], SEAT_EMPTY);
    seats_census(s, census);
    assert_int_equal(census[STATE_HEALTHY], 1);
    seats_free(s);
}

static void the_retired_leave_and_the_unclaimed_are_unknown(void **state)
{
    (void)state;
    struct seats *s = seats_new();

    load(s, 7001, 0, STATE_HEALTHY, 0);
    load(s, 7002, 1, STATE_HEALTHY, 0);
    seats_live(s, 7001, DEVICE_RETIRED, LATER);
    seats_live(s, 7002, DEVICE_REGISTERED, LATER);
    assert_int_equal(seats_states(s)[0], SEAT_EMPTY);
    assert_int_equal(seats_states(s)[1], STATE_UNKNOWN);
    assert_false(seats_set(s, 7001, STATE_OFFLINE, LATER + 1));
    assert_int_equal(seats_states(s)[0], SEAT_EMPTY);
    seats_free(s);
}

static void the_census_holds_over_a_hundred_thousand(void **state)
{
    (void)state;
    struct seats *s = seats_new();
    int64_t census[STATE_COUNT];

    for (int i = 0; i < 100000; i++)
        load(s, 1790000000000000 + i * 977, (uint32_t)i, i % 2 ? STATE_HEALTHY : STATE_OFFLINE, 0);
    for (int i = 0; i < 100000; i += 4)
        assert_true(seats_set(s, 1790000000000000 + i * 977, STATE_AT_RISK, 5));
    seats_census(s, census);
    assert_int_equal(census[STATE_HEALTHY], 50000);
    assert_int_equal(census[STATE_OFFLINE], 25000);
    assert_int_equal(census[STATE_AT_RISK], 25000);
    assert_int_equal(seats_count(s), 100000);
    seats_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seat_shows_its_state_and_an_empty_one_nobody),
        cmocka_unit_test(each_change_is_told_once),
        cmocka_unit_test(an_unknown_device_changes_nothing),
        cmocka_unit_test(a_query_does_not_overwrite_what_an_event_told_after_it_began),
        cmocka_unit_test(who_is_not_in_a_whole_load_is_gone),
        cmocka_unit_test(the_retired_leave_and_the_unclaimed_are_unknown),
        cmocka_unit_test(the_census_holds_over_a_hundred_thousand),
    };
    return cmocka_run_group_tests_name("seats", tests, NULL, NULL);
}
