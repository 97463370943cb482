// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <string.h>

#include "http/cursor.h"
#include "http/dispatch.h"
#include "http/query.h"
#include "test.h"

static void a_query_is_checked_before_anyone_reads_it(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        enum rc rc;
    } cases[] = {
        { "", RC_OK },
        { "a=1", RC_OK },
        { "a=1&b=2", RC_OK },
        { "a", RC_OK },
        { "a=", RC_OK },
        { "a=%20+x", RC_OK },
        { "a=1=2", RC_OK },
        { "a=1&a=2", RC_INVALID },
        { "a=1&%61=2", RC_INVALID },
        { "=1", RC_INVALID },
        { "a=%", RC_INVALID },
        { "a=%zz", RC_INVALID },
        { "%=1", RC_INVALID },
        { "a=%00", RC_INVALID },
        { "a=%ff", RC_INVALID },
        { "a=1&&b=2", RC_INVALID },
        { "&", RC_INVALID },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault f = { 0 };
        if (query_check(cases[i].query, false, &f) != cases[i].rc)
            fail_msg("'%s': %s", cases[i].query, f.text);
    }
}

static void a_query_is_bounded(void **state)
{
    (void)state;
    char *query = malloc(QUERY_MAX + 2);
    struct fault f;

    memset(query, 'a', QUERY_MAX + 1);
    query[1] = '=';
    query[QUERY_MAX] = '\0';
    assert_int_equal(query_check(query, false, &f), RC_OK);
    query[QUERY_MAX] = 'a';
    query[QUERY_MAX + 1] = '\0';
    assert_int_equal(query_check(query, false, &f), RC_INVALID);
    assert_int_equal(query_check("a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p", false, &f), RC_OK);
    assert_int_equal(query_check("a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", false, &f), RC_INVALID);
    assert_int_equal(query_check("a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&a", true, &f), RC_OK);
    assert_int_equal(query_check("a=1&a=%ff", true, &f), RC_INVALID);
    free(query);
}

static void a_value_that_does_not_fit_is_remembered(void **state)
{
    (void)state;
    struct dispatch d = { 0 };
    struct req q = { .query = "name=abcdef&x=1", .dispatch = &d };
    char out[4] = "old";

    assert_false(req_query(&q, "y", out, sizeof out));
    assert_null(d.unfit);
    assert_true(req_query(&q, "x", out, sizeof out));
    assert_string_equal(out, "1");
    assert_false(req_query(&q, "name", out, sizeof out));
    assert_string_equal(d.unfit, "name");
    assert_string_equal(out, "");
}

static void a_cursor_opens_only_where_it_was_sealed(void **state)
{
    (void)state;
    uint8_t key[CURSOR_KEY_LEN] = { 1 }, other[CURSOR_KEY_LEN] = { 2 };
    char sealed[CURSOR_SIZE], out[CURSOR_TEXT_MAX + 1];

    assert_true(cursor_seal(key, "/list", "42", sealed));
    assert_true(cursor_open(key, "/list", sealed, out, sizeof out));
    assert_string_equal(out, "42");
    assert_false(cursor_open(key, "/other", sealed, out, sizeof out));
    assert_false(cursor_open(other, "/list", sealed, out, sizeof out));
    assert_false(cursor_open(key, "/list", sealed, out, 2));
    assert_false(cursor_open(key, "/list", "", out, sizeof out));
    assert_false(cursor_open(key, "/list", "AAAA", out, sizeof out));
    assert_false(cursor_open(key, "/list", "not base64!", out, sizeof out));
    // Scope and text do not run into each other.
    assert_true(cursor_seal(key, "/a", "bc", sealed));
    assert_false(cursor_open(key, "/ab", sealed, out, sizeof out));
}

static void a_cursor_holds_a_bounded_text(void **state)
{
    (void)state;
    uint8_t key[CURSOR_KEY_LEN] = { 1 };
    char text[CURSOR_TEXT_MAX + 2], sealed[CURSOR_SIZE], out[CURSOR_TEXT_MAX + 1];

    memset(text, 'x', sizeof text);
    text[CURSOR_TEXT_MAX] = '\0';
    assert_true(cursor_seal(key, "/", text, sealed));
    assert_true(cursor_open(key, "/", sealed, out, sizeof out));
    assert_string_equal(out, text);
    text[CURSOR_TEXT_MAX] = 'x';
    text[CURSOR_TEXT_MAX + 1] = '\0';
    assert_false(cursor_seal(key, "/", text, sealed));
}

static void a_page_gives_the_next_cursor_or_null(void **state)
{
    (void)state;
    uint8_t key[CURSOR_KEY_LEN] = { 1 };
    struct dispatch d = { .cursor_key = key, .path = "/list" };
    struct req q = { .query = "", .dispatch = &d };
    struct reply r = { 0 };
    char query[CURSOR_SIZE + 10], out[20];
    struct fault f;

    assert_int_equal(reply_page(&q, &r, json_array(), "7"), RC_OK);
    snprintf(query, sizeof query, "cursor=%s", json_string_value(json_object_get(r.body, "next")));
    q.query = query;
    assert_int_equal(req_cursor(&q, out, sizeof out, &f), RC_OK);
    assert_string_equal(out, "7");
    assert_int_equal(reply_page(&q, &r, json_array(), NULL), RC_OK);
    assert_true(json_is_null(json_object_get(r.body, "next")));
    assert_string_equal(d.next, "");
    json_decref(r.body);
}

static void nesting_is_counted_outside_of_strings(void **state)
{
    (void)state;
    char deep[2 * JSON_DEPTH_MAX + 3];

    memset(deep, '[', JSON_DEPTH_MAX);
    assert_true(json_is_shallow(deep, JSON_DEPTH_MAX));
    deep[JSON_DEPTH_MAX] = '{';
    assert_false(json_is_shallow(deep, JSON_DEPTH_MAX + 1));
    memset(deep, '[', sizeof deep);
    deep[0] = '"';
    assert_true(json_is_shallow(deep, sizeof deep));
    assert_true(json_is_shallow("\"\\\"[[[[\"", 9));
    assert_true(json_is_shallow("\"\\", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_checked_before_anyone_reads_it),
        cmocka_unit_test(a_query_is_bounded),
        cmocka_unit_test(a_value_that_does_not_fit_is_remembered),
        cmocka_unit_test(a_cursor_opens_only_where_it_was_sealed),
        cmocka_unit_test(a_cursor_holds_a_bounded_text),
        cmocka_unit_test(a_page_gives_the_next_cursor_or_null),
        cmocka_unit_test(nesting_is_counted_outside_of_strings),
    };
    return cmocka_run_group_tests_name("http_query", tests, NULL, NULL);
}
