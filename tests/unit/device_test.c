// SPDX-License-Identifier: Apache-2.0
//
// threaded

#include "device/device.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "device/device_api.h"
#include "device/list.h"
#include "fake_store.h"
#include "test.h"

#define ID "0123456789abcdef0123456789abcdef"

DEFINE_AUTO(struct devices *, devices_freep, devices_free)

static inline void page_donep(struct device_page *p)
{
    device_page_done(p);
}

static const char *const columns[] = { "device", "id",      "name", "lifecycle",
                                       "state",  "version", "tags", NULL };
static const char *const cells[] = { "7", ID, NULL, "1", "3", "4", "{\"site\":\"hq\"}" };
static const struct rows one = { 1, columns, cells };

static void id_needs_32_lowercase_hex_digits(void **state)
{
    (void)state;
    assert_true(device_id_valid(ID));
    assert_false(device_id_valid(""));
    assert_false(device_id_valid("0123456789ABCDEF0123456789ABCDEF"));
    assert_false(device_id_valid(ID "0"));
    assert_false(device_id_valid("0123456789abcdef0123456789abcde"));
}

// ---------------------------------------------------------------- state

static struct device_facts facts_of(unsigned bits, enum verdict v)
{
    return (struct device_facts){
        .verdict = v,
        .quarantined_by_hand = bits & 1,
        .installing = bits & 2,
        .high_alert = bits & 4,
        .attested_once = bits & 8,
        .online = bits & 16,
        .last_session_at = bits & 32 ? 1000 : 990000,
        .renewal_due_at = bits & 64 ? 500000 : 0,
        .now = 1000000,
        .ping_ms = 100000 / 3,
    };
}

// The rules of architecture.md once more, read from the last to the first.
static enum device_state expected(const struct device_facts *x)
{
    enum device_state s = STATE_HEALTHY;

    if (!x->attested_once)
        s = STATE_UNKNOWN;
    if (x->attested_once && !x->online && x->last_session_at == 1000)
        s = STATE_OFFLINE;
    if (x->verdict == VERDICT_WARNING || x->high_alert || x->renewal_due_at)
        s = STATE_AT_RISK;
    if (x->installing)
        s = STATE_UPDATING;
    if (x->verdict == VERDICT_CONTRAINDICATED || x->quarantined_by_hand)
        s = STATE_QUARANTINED;
    return s;
}

static void the_first_rule_that_applies_names_the_state(void **state)
{
    (void)state;
    int seen[STATE_COUNT] = { 0 };

    for (int v = VERDICT_NONE; v <= VERDICT_CONTRAINDICATED; v++)
        for (unsigned bits = 0; bits < 128; bits++) {
            struct device_facts x = facts_of(bits, (enum verdict)v);
            const char *why = NULL;
            enum device_state s = device_state_of(&x, &why);
            assert_int_equal(s, expected(&x));
            assert_int_equal(device_state_of(&x, NULL), s);
            assert_non_null(why);
            seen[s]++;
        }
    for (int s = 0; s < STATE_COUNT; s++)
        assert_true(seen[s] > 0);
}

static void a_renewal_is_overdue_only_after_its_moment(void **state)
{
    (void)state;
    struct device_facts x = { .verdict = VERDICT_AFFIRMING,
                              .attested_once = true,
                              .online = true,
                              .renewal_due_at = 5000,
                              .now = 5000 };

    assert_int_equal(device_state_of(&x, NULL), STATE_HEALTHY);
    x.now++;
    assert_int_equal(device_state_of(&x, NULL), STATE_AT_RISK);
}

static void a_device_is_offline_only_after_three_pings(void **state)
{
    (void)state;
    struct device_facts x = { .verdict = VERDICT_AFFIRMING,
                              .attested_once = true,
                              .last_session_at = 1000,
                              .ping_ms = 30000,
                              .now = 91000 };

    assert_int_equal(device_state_of(&x, NULL), STATE_HEALTHY);
    x.now++;
    assert_int_equal(device_state_of(&x, NULL), STATE_OFFLINE);
    x.attested_once = false;
    assert_int_equal(device_state_of(&x, NULL), STATE_UNKNOWN);
}

static void every_name_leads_back_to_its_number(void **state)
{
    (void)state;
    for (int s = 0; s < STATE_COUNT; s++)
        assert_int_equal(device_state_from_name(device_state_name((enum device_state)s)), s);
    for (int l = 0; l <= DEVICE_RETIRED; l++)
        assert_int_equal(
            device_lifecycle_from_name(device_lifecycle_name((enum device_lifecycle)l)), l);
    assert_int_equal(device_state_from_name("Healthy"), -1);
    assert_int_equal(device_lifecycle_from_name(""), -1);
}

// ---------------------------------------------------------------- numbers

#define MINTS 20000

static void *mint(void *to)
{
    int64_t *out = to;

    for (int i = 0; i < MINTS; i++)
        out[i] = device_mint();
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void numbers_grow_and_never_repeat_across_threads(void **state)
{
    (void)state;
    static int64_t all[4 * MINTS];
    pthread_t threads[4];

    for (int t = 0; t < 4; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, mint, &all[t * MINTS]), 0);
    for (int t = 0; t < 4; t++)
        pthread_join(threads[t], NULL);
    for (int t = 0; t < 4; t++)
        for (int i = 1; i < MINTS; i++)
            assert_true(all[t * MINTS + i] > all[t * MINTS + i - 1]);
    qsort(all, 4 * MINTS, sizeof *all, by_value);
    for (int i = 1; i < 4 * MINTS; i++)
        assert_true(all[i] > all[i - 1]);
}

// ---------------------------------------------------------------- rows

static void a_malformed_id_is_not_found_without_asking(void **state)
{
    (void)state;
    struct devices *found = NULL;
    struct fault f = { 0 };
    int64_t device;

    assert_int_equal(device_load(NULL, 1, "../../etc", &found, &f), RC_NOT_FOUND);
    assert_int_equal(device_find(NULL, 1, "x", &device, &f), RC_NOT_FOUND);
    assert_null(found);
    store_was_asked();
}

static void a_row_becomes_a_device_with_null_where_it_has_nothing(void **state)
{
    (void)state;
    auto_with(devices_freep) struct devices *found = NULL;
    struct fault f = { 0 };
    struct device d;

    store_will("device_by_id", RC_OK, &one);
    assert_int_equal(device_load(NULL, 3, ID, &found, &f), RC_OK);
    assert_string_equal(fake_args[0], "3");
    devices_at(found, 0, &d);
    assert_int_equal(d.device, 7);
    assert_int_equal(d.state, STATE_AT_RISK);
    json_auto_t *o = device_to_json(&d);
    assert_true(json_is_null(json_object_get(o, "name")));
    assert_true(json_is_null(json_object_get(o, "lastSeen")));
    assert_true(json_is_null(json_object_get(o, "certificate")));
    assert_string_equal(json_string_value(json_object_get(o, "state")), "atRisk");
    assert_string_equal(json_string_value(json_object_get(o, "lifecycle")), "claimed");
    assert_string_equal(json_string_value(json_object_get(json_object_get(o, "tags"), "site")),
                        "hq");
    store_was_asked();
}

static void the_stores_trouble_is_passed_on(void **state)
{
    (void)state;
    struct devices *found = NULL;
    struct fault f = { 0 };

    store_will("device_by_id", RC_UNAVAILABLE, NULL);
    assert_int_equal(device_load(NULL, 1, ID, &found, &f), RC_UNAVAILABLE);
    assert_null(found);
    store_was_asked();
}

static void a_change_that_touched_nothing_says_why(void **state)
{
    (void)state;
    struct fault f = { 0 };

    const struct device_edit edit = { .name = "x", .tags = "{}" };

    store_will("device_change", RC_OK, &no_rows);
    store_will("device_number", RC_OK, &one);
    assert_int_equal(device_change(NULL, 1, ID, 4, &edit, &f), RC_CONFLICT);
    store_will("device_change", RC_OK, &no_rows);
    store_will("device_number", RC_OK, &no_rows);
    assert_int_equal(device_change(NULL, 1, ID, 4, &edit, &f), RC_NOT_FOUND);
    store_was_asked();
}

// ---------------------------------------------------------------- pages

static const char *const place_columns[] = { "device", "key", NULL };
static const char *const places[] = { "11", "a", "12", "b c", "13", "d" };
static const struct rows three = { 3, place_columns, places };

static void page_of_two(enum device_sort sort, const char *cursor, const char *query,
                        const char *prev, const char *next)
{
    auto_with(page_donep) struct device_page page = { 0 };
    struct device_filter all = { .row = (char[]){ "(1)" } };
    struct fault f = { 0 };

    store_will(query, RC_OK, &three);
    assert_int_equal(device_page(NULL, &all, sort, cursor, 2, &page, &f), RC_OK);
    assert_int_equal(devices_count(page.found), 2);
    assert_string_equal(page.prev, prev);
    assert_string_equal(page.next, next);
    assert_string_equal(fake_args[2], "3");
    store_was_asked();
}

static void pages_lead_forth_and_back(void **state)
{
    (void)state;
    page_of_two(SORT_NAME, "", "device_page_name_up", "", ">n 12 b c");
    page_of_two(SORT_NAME, ">n 5 x", "device_page_name_up", "<n 11 a", ">n 12 b c");
    page_of_two(SORT_NAME, "<n 5 x", "device_page_name_down", "<n 12 b c", ">n 11 a");
    page_of_two(SORT_STATE, ">s 5 4", "device_page_state_down", "<s 11 a", ">s 12 b c");
    page_of_two(SORT_CREATED_DOWN, ">C 5 ", "device_page_created_down", "<C 11 a", ">C 12 b c");
}

static void a_cursor_of_another_order_is_refused(void **state)
{
    (void)state;
    static const char *const cursors[] = {
        "x", ">n 5 x", ">c", ">c 5", ">c -1 ", ">c 1a ", ">cc5 "
    };
    struct device_filter all = { .row = (char[]){ "(1)" } };
    struct device_page page;
    struct fault f = { 0 };

    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++)
        assert_int_equal(device_page(NULL, &all, SORT_CREATED, cursors[i], 2, &page, &f),
                         RC_INVALID);
}

static void marks_grow_apart_where_there_would_be_too_many(void **state)
{
    (void)state;
    enum {
        ROWS = MARKS_MAX + 2
    };
    static const char *const mark_columns[] = { "device", "key", "n", NULL };
    static const char *mark_cells[3 * ROWS];
    static char numbers[ROWS][12];
    struct device_filter all = { .row = (char[]){ "(1)" } };
    struct device_marks marks;
    struct fault f = { 0 };

    for (int i = 0; i < ROWS; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%d", 10 * (i + 1));
        mark_cells[3 * i] = mark_cells[3 * i + 2] = numbers[i];
        mark_cells[3 * i + 1] = "";
    }
    store_will("device_marks_created_up", RC_OK,
               &(struct rows){ .count = ROWS, .columns = mark_columns, .cells = mark_cells });
    assert_int_equal(device_marks(NULL, &all, SORT_CREATED, 10, &marks, &f), RC_OK);
    assert_int_equal(marks.every, 20);
    assert_int_equal(marks.total, 10 * ROWS);
    assert_int_equal(marks.count, MARKS_MAX / 2);
    assert_string_equal(marks.cursors[0], ">c 20 ");
    device_marks_done(&marks);
    store_was_asked();
}

// ---------------------------------------------------------------- names and tags

static void names_are_short_and_printable(void **state)
{
    (void)state;
    char name[DEVICE_NAME_MAX + 2];

    memset(name, 'x', sizeof name);
    name[DEVICE_NAME_MAX + 1] = '\0';
    assert_int_equal(device_name_check(name, NULL), RC_INVALID);
    name[DEVICE_NAME_MAX] = '\0';
    assert_int_equal(device_name_check(name, NULL), RC_OK);
    assert_int_equal(device_name_check("Füllstand № 7 \"<b>\"", NULL), RC_OK);
    assert_int_equal(device_name_check("", NULL), RC_INVALID);
    assert_int_equal(device_name_check("a\nb", NULL), RC_INVALID);
    assert_int_equal(device_name_check("a\x7f", NULL), RC_INVALID);
    assert_int_equal(device_name_check("a\xf4\x8f\xbf\xbf", NULL), RC_INVALID);
}

static enum rc check_tags(json_t *owned, struct fault *f)
{
    json_auto_t *tags = owned;

    return device_tags_check(tags, f);
}

static void tags_are_bounded_texts(void **state)
{
    (void)state;
    struct fault f = { 0 };
    char value[TAG_VALUE_MAX + 2] = "";
    json_t *many = json_object();

    assert_int_equal(check_tags(json_loads("{\"site\":\"hq\",\"line\":\"\"}", 0, NULL), &f), RC_OK);
    assert_int_equal(check_tags(json_loads("{\"site\":7}", 0, NULL), &f), RC_INVALID);
    assert_non_null(strstr(f.text, "site"));
    assert_int_equal(check_tags(json_loads("{\"a:b\":\"c\"}", 0, NULL), &f), RC_INVALID);
    assert_int_equal(check_tags(json_loads("{\"\":\"x\"}", 0, NULL), &f), RC_INVALID);
    assert_int_equal(check_tags(json_array(), &f), RC_INVALID);
    memset(value, 'v', TAG_VALUE_MAX + 1);
    json_t *long_one = json_object();
    json_object_set_new(long_one, "k", json_string(value));
    assert_int_equal(check_tags(long_one, &f), RC_INVALID);
    for (int i = 0; i <= DEVICE_TAGS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        json_object_set_new(many, name, json_string("x"));
    }
    assert_int_equal(check_tags(many, &f), RC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_needs_32_lowercase_hex_digits),
        cmocka_unit_test(the_first_rule_that_applies_names_the_state),
        cmocka_unit_test(a_renewal_is_overdue_only_after_its_moment),
        cmocka_unit_test(a_device_is_offline_only_after_three_pings),
        cmocka_unit_test(every_name_leads_back_to_its_number),
        cmocka_unit_test(numbers_grow_and_never_repeat_across_threads),
        cmocka_unit_test(a_malformed_id_is_not_found_without_asking),
        cmocka_unit_test(a_row_becomes_a_device_with_null_where_it_has_nothing),
        cmocka_unit_test(the_stores_trouble_is_passed_on),
        cmocka_unit_test(a_change_that_touched_nothing_says_why),
        cmocka_unit_test(pages_lead_forth_and_back),
        cmocka_unit_test(a_cursor_of_another_order_is_refused),
        cmocka_unit_test(marks_grow_apart_where_there_would_be_too_many),
        cmocka_unit_test(names_are_short_and_printable),
        cmocka_unit_test(tags_are_bounded_texts),
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
