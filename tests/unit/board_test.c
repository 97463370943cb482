// SPDX-License-Identifier: Apache-2.0

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "live/board_own.h"
#include "live/seats.h"
#include "live/sse.h"
#include "test.h"

#define DEVICES 1000
#define BASE    1790000000000

static struct boards *boards;
static struct board *board;
static int64_t now = 100000;
static struct reader viewer; // has seen the fleet's picture, once something is shown
static int stirred;

static void stir(void *ctx)
{
    (void)ctx;
    stirred++;
}

static void tick(int64_t ms)
{
    now += ms;
    boards_tick(boards, now);
}

// What the loader does.
static void load(void)
{
    struct picture *p = &board->picture;

    p->seats = p->seats ? p->seats : seats_new();
    seats_load_begin(p->seats);
    for (int i = 0; i < DEVICES; i++) {
        const struct seat_row row = { .device = BASE + i,
                                      .seat = (uint32_t)i,
                                      .lifecycle = DEVICE_CLAIMED,
                                      .state = STATE_HEALTHY };
        assert_true(seats_load(p->seats, &row, 0));
    }
    seats_load_end(p->seats);
    p->loaded = true;
}

static void change(int device, int to)
{
    boards_take(boards, &(struct bus_event){ .kind = BUS_STATE,
                                             .catalog = 1,
                                             .device = BASE + device,
                                             .id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                             .at = now,
                                             .state = to,
                                             .text = "why" });
}

static struct frame *next(enum board_topic t, struct reader *r)
{
    bool whole;

    return board_next(board, t, r, &whole);
}

static json_t *parsed(enum board_topic t, struct reader *r)
{
    struct frame *f = next(t, r);
    json_t *o = f && !f->binary ? json_loadb(f->bytes, f->len, JSON_REJECT_DUPLICATES, NULL) : NULL;

    frame_drop(f);
    return o;
}

static uint32_t u32(const struct frame *f, size_t at)
{
    const unsigned char *b = (const unsigned char *)f->bytes + at;

    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static int64_t int_of(json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static void see(enum board_topic t, struct reader *r)
{
    struct frame *f = next(t, r);

    assert_non_null(f);
    frame_drop(f);
}

// ---------------------------------------------------------------- set-up

static int begin(void **state)
{
    (void)state;
    boards = boards_new(stir, NULL);
    board = board_join(boards, 1);
    return 0;
}

static int begin_shown(void **state)
{
    begin(state);
    load();
    tick(50);
    viewer = (struct reader){ 0 };
    see(BOARD_FLEET, &viewer);
    stirred = 0;
    return 0;
}

static int finish(void **state)
{
    (void)state;
    board_leave(board, now);
    boards_free(boards);
    return 0;
}

// ---------------------------------------------------------------- tests

static void nothing_is_shown_before_it_was_read(void **state)
{
    (void)state;
    struct reader r = { 0 };

    tick(50);
    assert_false(board_has(board, BOARD_FLEET, &r));
    assert_null(next(BOARD_FLEET, &r));
}

static void the_fleet_starts_with_a_picture_and_counts_on(void **state)
{
    (void)state;
    struct reader r = { 0 };
    struct frame *f = next(BOARD_FLEET, &r);

    assert_true(f->binary);
    assert_int_equal(f->len, 8 + DEVICES);
    assert_int_equal(u32(f, 4), DEVICES);
    uint32_t seq = u32(f, 0);
    frame_drop(f);
    assert_false(board_has(board, BOARD_FLEET, &r));
    change(5, STATE_OFFLINE);
    change(7, STATE_AT_RISK);
    change(5, STATE_UNKNOWN);
    tick(50);
    json_auto_t *o = parsed(BOARD_FLEET, &r);
    json_t *list = json_object_get(o, "changes");
    assert_int_equal(int_of(o, "seq"), seq + 1);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(list, 0), 0)), 5);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(list, 0), 1)), STATE_UNKNOWN);
}

static void a_frame_is_made_once_for_all_readers(void **state)
{
    (void)state;
    struct reader a = { 0 }, b = { 0 };

    see(BOARD_FLEET, &a);
    see(BOARD_FLEET, &b);
    change(5, STATE_OFFLINE);
    tick(50);
    struct frame *one = next(BOARD_FLEET, &a), *other = next(BOARD_FLEET, &b);
    assert_non_null(one);
    assert_ptr_equal(one, other);
    frame_drop(one);
    frame_drop(other);
}

static void no_more_than_twenty_frames_a_second(void **state)
{
    (void)state;
    int frames = 0;

    for (int ms = 0; ms < 1000; ms += 5) {
        change(ms % DEVICES, STATE_OFFLINE);
        tick(5);
        for (struct frame *f; (f = next(BOARD_FLEET, &viewer)); frames++)
            frame_drop(f);
    }
    assert_in_range(frames, 19, 20);
}

static void the_first_news_stir_and_the_others_wait(void **state)
{
    (void)state;

    for (int i = 0; i < 10; i++)
        change(i, STATE_OFFLINE);
    assert_int_equal(stirred, 1);
    tick(50);
    change(1, STATE_HEALTHY);
    assert_int_equal(stirred, 2);
}

static void who_fell_behind_gets_a_picture(void **state)
{
    (void)state;
    bool whole;

    for (int i = 0; i < TRACK_LAG + 1; i++) {
        change(i, STATE_OFFLINE);
        tick(50);
    }
    struct frame *f = board_next(board, BOARD_FLEET, &viewer, &whole);
    assert_true(whole);
    assert_true(f->binary);
    assert_int_equal((unsigned char)f->bytes[8 + TRACK_LAG], STATE_OFFLINE);
    frame_drop(f);
    assert_false(board_has(board, BOARD_FLEET, &viewer));
}

static void who_comes_back_gets_all_that_the_ring_has(void **state)
{
    (void)state;
    int frames = 0;

    for (int i = 0; i < 100; i++) {
        change(i, STATE_OFFLINE);
        tick(50);
    }
    viewer.patient = true;
    for (struct frame *f; (f = next(BOARD_FLEET, &viewer)); frames++) {
        assert_false(f->binary);
        frame_drop(f);
    }
    assert_int_equal(frames, 100);
}

static void where_many_change_at_once_the_picture_goes_out(void **state)
{
    (void)state;

    for (int i = 0; i < DEVICES; i++)
        change(i, STATE_OFFLINE);
    tick(50);
    struct frame *f = next(BOARD_FLEET, &viewer);
    assert_true(f->binary);
    const struct frame *text = picture_text(f);
    assert_false(text->binary);
    assert_ptr_equal(picture_text(f), text);
    json_auto_t *o = json_loadb(text->bytes, text->len, 0, NULL);
    assert_int_equal(int_of(o, "count"), DEVICES);
    frame_drop(f);
}

static void the_census_is_whole_and_told_when_it_changes(void **state)
{
    (void)state;
    struct reader r = { 0 };

    json_auto_t *first = parsed(BOARD_CENSUS, &r);
    assert_int_equal(int_of(first, "total"), DEVICES);
    tick(1000);
    assert_false(board_has(board, BOARD_CENSUS, &r));
    change(1, STATE_OFFLINE);
    tick(CENSUS_MS);
    json_auto_t *o = parsed(BOARD_CENSUS, &r);
    json_t *counts = json_object_get(o, "counts");
    assert_int_equal(int_of(counts, "offline"), 1);
    assert_int_equal(int_of(counts, "healthy"), DEVICES - 1);
}

static void devices_that_come_or_move_ask_for_a_new_layout(void **state)
{
    (void)state;

    boards_take(boards, &(struct bus_event){ .kind = BUS_DEVICE,
                                             .catalog = 1,
                                             .device = BASE + DEVICES,
                                             .id = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                                             .lifecycle = DEVICE_CLAIMED });
    assert_int_equal(board->picture.soon.count, 1); // it is looked up
    tick(PICTURE_LAYOUT_MS);
    json_auto_t *o = parsed(BOARD_FLEET, &viewer);
    assert_true(json_is_true(json_object_get(o, "layout")));
}

static void events_of_another_catalog_are_not_heard(void **state)
{
    (void)state;

    boards_take(boards,
                &(struct bus_event){
                    .kind = BUS_STATE, .catalog = 2, .device = BASE + 1, .state = STATE_OFFLINE });
    tick(50);
    assert_false(board_has(board, BOARD_FLEET, &viewer));
}

static void intake_is_per_second(void **state)
{
    (void)state;
    struct reader r = { 0 };

    json_decref(parsed(BOARD_INTAKE, &r));
    for (int i = 0; i < 10; i++)
        boards_take(boards, &(struct bus_event){
                                .kind = BUS_INTAKE, .catalog = 1, .messages = 200, .refused = 1 });
    tick(1000);
    json_auto_t *o = parsed(BOARD_INTAKE, &r);
    assert_int_equal(int_of(o, "messages"), 2000);
    assert_int_equal(int_of(o, "refused"), 10);
}

// What the loader does, without names.
static void tell_what_was_heard(void)
{
    struct news_item items[NEWS_MAX];
    size_t count = news_take(&board->news, items);

    for (size_t i = 0; i < count; i++)
        news_tell(&board->news, &items[i], NULL);
}

static void write_entry(const char *name, const char *text)
{
    boards_take(
        boards,
        &(struct bus_event){
            .kind = BUS_JOURNAL, .catalog = 1, .device = BASE, .name = name, .text = text });
    tell_what_was_heard();
    tick(NEWS_MS);
}

static void journals_are_for_those_who_may_read_them(void **state)
{
    (void)state;
    struct reader all = { 0 }, plain = { 0 };

    see(BOARD_NEWS, &all);
    see(BOARD_PLAIN, &plain);
    write_entry("door", "open");
    json_auto_t *o = parsed(BOARD_NEWS, &all);
    assert_int_equal(json_array_size(json_object_get(o, "items")), 1);
    assert_false(board_has(board, BOARD_PLAIN, &plain));
    plain = (struct reader){ 0 };
    json_auto_t *p = parsed(BOARD_PLAIN, &plain);
    assert_int_equal(json_array_size(json_object_get(p, "snapshot")), 0);
    assert_int_equal(board_topic_find("events", false), BOARD_PLAIN);
    assert_int_equal(board_topic_find("events", true), BOARD_NEWS);
}

static void tell_at(int64_t at)
{
    const struct news_item i = { .at = at, .kind = "state", .level = -1, .state = -1 };

    news_tell(&board->news, &i, NULL);
}

static void check_times(json_t *list, const int64_t *wanted, size_t count)
{
    assert_int_equal(json_array_size(list), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(list, i), "at")),
                         wanted[i]);
}

static void what_is_known_late_is_told_where_it_belongs(void **state)
{
    (void)state;
    struct reader first = { 0 }, later = { 0 };

    see(BOARD_NEWS, &first);
    tell_at(1000);
    tell_at(3000);
    tick(NEWS_MS);
    frame_drop(next(BOARD_NEWS, &first));
    tell_at(4000);
    tell_at(2000);
    tick(NEWS_MS);
    json_auto_t *items = parsed(BOARD_NEWS, &first);
    check_times(json_object_get(items, "items"), (int64_t[]){ 4000, 2000 }, 2);
    json_auto_t *whole = parsed(BOARD_NEWS, &later);
    check_times(json_object_get(whole, "snapshot"), (int64_t[]){ 4000, 3000, 2000, 1000 }, 4);
}

static void of_many_news_the_newest_stay(void **state)
{
    (void)state;
    struct reader r = { 0 };

    see(BOARD_NEWS, &r);
    for (int64_t at = 1; at <= NEWS_MAX + 2; at++)
        tell_at(at);
    tell_at(1);
    tick(NEWS_MS);
    json_auto_t *o = parsed(BOARD_NEWS, &r);
    json_t *list = json_object_get(o, "items");
    assert_int_equal(json_array_size(list), NEWS_MAX);
    json_t *oldest = json_array_get(list, NEWS_MAX - 1);
    assert_int_equal(json_integer_value(json_object_get(oldest, "at")), 3);
}

// A text has room for 199 bytes.
static void news_that_are_too_long_end_with_a_whole_character(void **state)
{
    (void)state;
    struct reader r = { 0 };
    char snow[3 * 70 + 1] = "";

    see(BOARD_NEWS, &r);
    for (size_t i = 0; i + 3 < sizeof snow; i += 3)
        memcpy(snow + i, "\xe2\x98\x83", 3);
    write_entry("a", snow);
    json_auto_t *o = parsed(BOARD_NEWS, &r);
    json_t *item = json_array_get(json_object_get(o, "items"), 0);
    assert_int_equal(json_string_length(json_object_get(item, "text")), strlen("a: ") + 3 * 65);
}

static void a_board_nobody_reads_rests_and_begins_anew(void **state)
{
    (void)state;

    board_leave(board, now);
    tick(BOARD_LINGER_MS + 1000);
    assert_null(board->picture.seats);
    change(1, STATE_OFFLINE); // costs nothing and breaks nothing
    assert_ptr_equal(board_join(boards, 1), board);
    assert_false(board_has(board, BOARD_FLEET, &viewer));
    load();
    tick(50);
    struct frame *f = next(BOARD_FLEET, &viewer);
    assert_true(f->binary);
    frame_drop(f);
}

static void an_id_of_a_stream_is_read_strictly(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "0000002a",
                                       "0000002a-1-2-3-4-5-6",
                                       "0000002a-1-2-3-4-5-6-7-8",
                                       "0000002b-1-2-3-4-5-6-7",
                                       "0000002a-1-2-3-4-5-6-",
                                       "0000002a-1-2-3-4-5-6--7",
                                       "0000002a-1-2-3-4-5-6-+7",
                                       "0000002a-1-2-3-4-5-6-7 ",
                                       "0000002a-1-2-3-4-5-6-99999999999999999999" };
    uint64_t at[BOARD_TOPICS] = { 0 };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(sse_id_read(bad[i], 42, at));
        assert_int_equal(at[0], 0);
    }
    assert_true(sse_id_read("0000002a-1-2-3-4-5-6-7", 42, at));
    assert_int_equal(at[0], 1);
    assert_int_equal(at[5], 6);
    assert_int_equal(at[6], 7);
}

#define BOARD_TEST(t) cmocka_unit_test_setup_teardown(t, begin, finish)
#define SHOWN_TEST(t) cmocka_unit_test_setup_teardown(t, begin_shown, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOARD_TEST(nothing_is_shown_before_it_was_read),
        SHOWN_TEST(the_fleet_starts_with_a_picture_and_counts_on),
        SHOWN_TEST(a_frame_is_made_once_for_all_readers),
        SHOWN_TEST(no_more_than_twenty_frames_a_second),
        SHOWN_TEST(the_first_news_stir_and_the_others_wait),
        SHOWN_TEST(who_fell_behind_gets_a_picture),
        SHOWN_TEST(who_comes_back_gets_all_that_the_ring_has),
        SHOWN_TEST(where_many_change_at_once_the_picture_goes_out),
        SHOWN_TEST(the_census_is_whole_and_told_when_it_changes),
        SHOWN_TEST(devices_that_come_or_move_ask_for_a_new_layout),
        SHOWN_TEST(events_of_another_catalog_are_not_heard),
        SHOWN_TEST(intake_is_per_second),
        SHOWN_TEST(journals_are_for_those_who_may_read_them),
        SHOWN_TEST(news_that_are_too_long_end_with_a_whole_character),
        SHOWN_TEST(what_is_known_late_is_told_where_it_belongs),
        SHOWN_TEST(of_many_news_the_newest_stay),
        SHOWN_TEST(a_board_nobody_reads_rests_and_begins_anew),
        cmocka_unit_test(an_id_of_a_stream_is_read_strictly),
    };
    return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
