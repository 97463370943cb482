// SPDX-License-Identifier: Apache-2.0

#include "rule/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "test.h"

static enum rc read_text(const char *text, struct rule *r, int *column, struct fault *f)
{
    return rule_read(text, strlen(text), r, column, f);
}

static const char *const lines[] = {
    "temp > 90 by device",
    "temp >= -1.5e-07 by device severity critical",
    "avg(temp) over 5m > 70 for 2 windows by device where product = \"hvac\"",
    "max(temp) over 10m every 1m > 80 by group",
    "p95(latency) over 5m sliding > 250 by product late 30s",
    "sum(pulses) over session gap 2m < 3 by device",
    "count(message) over 1m > 100 by site severity low",
    "stddev(vibration) over 10m > 3 for 2 windows by device",
    "rate(water.level) over 90s <= -0.25 by device",
    "no message for 10m by device where state = \"offline\", \"atRisk\" and tag = \"env:prod\"",
    "no temp for 10m by device",
    "no \"message\" for 10m by device",
    "\"no\" > 1 and \"5g/signal\" < -90 by device",
    "(a > 1 or b > 2) and not c < 3 by device",
    "not (a > 1 and b > 2) or c < 3 and d < 4 by device",
    "not not a > 1 by device",
    "last(door) over 1s >= 1 by site where site = \"Lule\u00e5 \\\"2\\\" \\\\ x\"",
};

static void what_is_printed_reads_back_as_the_same_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct rule r = { 0 };
        struct fault f = { 0 };

        if (read_text(lines[i], &r, NULL, &f) != RC_OK)
            fail_msg("%s: %s", lines[i], f.text);
        auto_free char *text = rule_print(&r);
        assert_string_equal(text, lines[i]);
        rule_done(&r);
    }
}

static void both_forms_say_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct rule r = { 0 }, again = { 0 };
        struct fault f = { 0 };

        assert_int_equal(read_text(lines[i], &r, NULL, &f), RC_OK);
        json_auto_t *json = rule_json(&r);
        if (rule_from(json, &again, &f) != RC_OK)
            fail_msg("%s: %s", lines[i], f.text);
        json_auto_t *twice = rule_json(&again);
        auto_free char *text = rule_print(&again);
        assert_string_equal(text, lines[i]);
        assert_true(json_equal(json, twice));
        rule_done(&r);
        rule_done(&again);
    }
}

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    static const struct {
        const char *said, *meant;
    } cases[] = {
        { "temp>90", "temp > 90 by device" },
        { " avg( temp )  over 300s > +70.0 for 1 window", "avg(temp) over 5m > 70 by device" },
        { "((a > 1) and (b > 2 and c > 3))", "a > 1 and b > 2 and c > 3 by device" },
        { "a > -0 late 5s severity medium", "a > 0 by device" },
        { "min(a) over 24h < 1 late 1000ms", "min(a) over 1d < 1 by device late 1s" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rule r = { 0 };

        assert_int_equal(read_text(cases[i].said, &r, NULL, NULL), RC_OK);
        auto_free char *text = rule_print(&r);
        assert_string_equal(text, cases[i].meant);
        rule_done(&r);
    }
}

static void a_mistake_is_told_with_its_column_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *text, *told;
    } cases[] = {
        { "", "column 1: expected a metric's name" },
        { "avg(temp) over banana > 70", "column 16: expected a duration such as 5m" },
        { "avg(temp) over 5m > 70 for two windows", "column 28: expected how many windows" },
        { "avg(temp) over 5m > 70 for 2 by device", "column 30: expected 'windows'" },
        { "avg(temp) > 70", "column 11: expected 'over' and a window" },
        { "median(temp) over 5m > 70", "column 1: expected avg, min, max" },
        { "p49(temp) over 5m > 70", "column 1: expected avg, min, max" },
        { "temp = 70", "column 6: expected one of > >= < <=" },
        { "temp > hot", "column 8: expected a number" },
        { "temp > nan", "column 8: expected a number" },
        { "temp > 0x10", "column 8: expected a number" },
        { "temp > 1e999", "column 8: expected a number" },
        { "(temp > 1", "column 10: expected ')', 'and' or 'or'" },
        { "temp > 1 temp", "column 10: expected 'and', 'or', 'by'" },
        { "temp > 1 by planet", "column 13: expected device, group, product or site" },
        { "temp > 1 where colour = \"red\"", "column 16: expected state, product" },
        { "temp > 1 where site = red", "column 23: expected a value in quotes" },
        { "temp > 1 where site = \"\u00e5\u00e5\" x", "column 28: expected 'and', 'or', 'by'" },
        { "temp > 1 where state = \"tired\"", "column 24: state must be one of" },
        { "temp > 1 where tag = \"env\"", "column 22: tag takes name:value" },
        { "temp > 1 where site = \"a\" and site = \"b\"", "column 31: expected each name once" },
        { "temp > 1 where site = \"a", "column 23: expected a value in quotes" },
        { "no message for soon", "column 16: expected a duration" },
        { "no message for 31d", "column 1: expected a silence of 1s to 30d" },
        { "avg(temp) over 8d > 1", "column 1: expected a window of 1s to 7d" },
        { "avg(temp) over 5m every 7m > 1", "column 1: expected 'every' with a part" },
        { "avg(temp) over 5m every 7s > 1", "column 1: expected 'every' with a part" },
        { "avg(temp) over session gap 3h > 1", "column 1: expected a gap of 1s to 2h" },
        { "avg(message) over 5m > 1", "column 5: expected a metric's name" },
        { "temp > 1 by group", "column 1: expected 'by device'" },
        { "temp > 1 late 2h", "column 1: expected 'late' with at most 1h" },
        { "temp > 1 \xf0\x9f\x8c\xa1", "column 10: expected 'and', 'or'" },
        { "temp\n> 1", "a rule is one line of text" },
        { "temp > \xff", "a rule is one line of text" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rule r = { 0 };
        struct fault f = { 0 };
        int column = -1;

        assert_int_equal(read_text(cases[i].text, &r, &column, &f), RC_INVALID);
        if (strncmp(f.text, cases[i].told, strlen(cases[i].told)) != 0)
            fail_msg("%s: %s", cases[i].text, f.text);
        assert_int_equal(column, strncmp(f.text, "column ", 7) ? 0 : atol(f.text + 7));
    }
}

static void json_that_is_no_rule_names_the_member(void **state)
{
    (void)state;
    static const struct {
        const char *json, *told;
    } cases[] = {
        { "{}", "when is missing" },
        { "{\"when\":{}}", "is is missing" },
        { "{\"when\":{\"metric\":\"a\",\"is\":\"=\",\"value\":1}}", "is: expected one of" },
        { "{\"when\":{\"metric\":\"a\",\"is\":\">\",\"value\":\"1\"}}",
          "value: expected a number" },
        { "{\"when\":{\"metric\":\"a b\",\"is\":\">\",\"value\":1}}", "metric: expected 1 to 64" },
        { "{\"when\":{\"is\":\">\",\"value\":1}}", "metric: expected a name" },
        { "{\"when\":{\"all\":[]}}", "all: expected a list" },
        { "{\"when\":{\"all\":[1,2]}}", "when: expected objects" },
        { "{\"when\":{\"all\":[1],\"any\":[1]}}", "when: expected all, any or not alone" },
        { "{\"when\":{\"metric\":\"a\",\"over\":\"5m\",\"is\":\">\",\"value\":1}}",
          "aggregate: expected one" },
        { "{\"when\":{\"metric\":\"a\",\"aggregate\":\"avg\",\"is\":\">\",\"value\":1}}",
          "expected over" },
        { "{\"when\":{\"absent\":\"\",\"for\":\"x\"}}", "for: expected a duration" },
        { "{\"when\":{\"absent\":\"\",\"for\":\"1m\"},\"by\":\"x\"}", "by: expected device" },
        { "{\"when\":{\"absent\":\"\",\"for\":\"1m\"},\"where\":{\"site\":\"x\"}}",
          "where: expected a list" },
        { "{\"when\":{\"absent\":\"\",\"for\":\"1m\"},\"where\":{\"site\":[\"a\\u0000b\"]}}",
          "where: expected texts" },
        { "{\"when\":{\"absent\":\"\",\"for\":\"1m\"},\"why\":1}", "why is not a field" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_auto_t *json = json_loads(cases[i].json, JSON_ALLOW_NUL, NULL);
        struct rule r = { 0 };
        struct fault f = { 0 };

        assert_non_null(json);
        assert_int_equal(rule_from(json, &r, &f), RC_INVALID);
        if (strncmp(f.text, cases[i].told, strlen(cases[i].told)) != 0)
            fail_msg("%s: %s", cases[i].json, f.text);
    }
}

static void a_rule_has_bounds(void **state)
{
    (void)state;
    char text[10000];
    struct rule r = { 0 };
    struct fault f = { 0 };
    size_t n;

    memset(text, 'a', sizeof text);
    assert_int_equal(rule_read(text, sizeof text, &r, NULL, &f), RC_INVALID);
    assert_string_equal(f.text, "a rule has at most 2000 bytes");

    n = (size_t)snprintf(text, sizeof text, "a > 1");
    for (int i = 0; i < RULE_TESTS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " or a > 1");
    assert_int_equal(rule_read(text, n, &r, NULL, &f), RC_INVALID);
    assert_string_equal(f.text, "column 73: expected at most 8 conditions");

    memset(text, '(', 1500);
    assert_int_equal(rule_read(text, 1500, &r, NULL, &f), RC_INVALID);
    for (n = 0; n < 1600; n += 4)
        memcpy(text + n, "not ", 4);
    assert_int_equal(rule_read(text, n, &r, NULL, &f), RC_INVALID);
    assert_int_equal(read_text("not not not not not not not not a > 1", &r, NULL, &f), RC_INVALID);
    assert_string_equal(f.text, "column 1: expected at most 8 levels of conditions");
}

static void a_window_that_slides_has_whole_panes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t hop;
    } cases[] = {
        { "avg(a) over 5m sliding > 1", 5000 },       { "avg(a) over 61s sliding > 1", 1220 },
        { "avg(a) over 1s sliding > 1", 1000 },       { "avg(a) over 1500ms sliding > 1", 1500 },
        { "avg(a) over 7d sliding > 1", 10080000 },   { "avg(a) over 5m > 1", 300000 },
        { "avg(a) over session gap 2m > 1", 120000 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rule r = { 0 };

        assert_int_equal(read_text(cases[i].text, &r, NULL, NULL), RC_OK);
        assert_int_equal(r.tests[0].hop_ms, cases[i].hop);
        rule_done(&r);
    }
}

// ---------------------------------------------------------------- any rule

static uint32_t seed;

static int any(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}

static json_t *any_test(void)
{
    static const char *const names[] = { "temp", "no", "5g", "a.b/c:d-e_f", "message", "p95" };
    static const char *const aggregates[] = { "avg", "p50", "p99", "count", "stddev", "rate" };
    static const char *const ops[] = { ">", ">=", "<", "<=" };
    json_t *o = json_object();

    if (any(5) == 0) {
        json_object_set_new(o, "absent", json_string(any(2) ? names[any(6)] : ""));
        json_object_set_new(o, "for", json_string("10m"));
        return o;
    }
    json_object_set_new(o, "metric", json_string(names[any(6)]));
    json_object_set_new(o, "is", json_string(ops[any(4)]));
    json_object_set_new(o, "value", json_real((any(2000001) - 1000000) / 7.0));
    if (any(2)) {
        json_object_set_new(o, "aggregate", json_string(aggregates[any(6)]));
        json_object_set_new(o, any(3) ? "over" : "gap", json_string("90s"));
        if (any(3) == 0 && json_object_get(o, "over"))
            json_object_set_new(o, "every", json_string("30s"));
        json_object_set_new(o, "windows", json_integer(1 + any(3)));
    }
    return o;
}

static json_t *any_node(int depth)
{
    static const char *const joins[] = { "all", "any" };
    json_t *o = json_object(), *list;

    if (depth == 0 || any(3) == 0) {
        json_decref(o);
        return any_test();
    }
    if (any(4) == 0) {
        json_object_set_new(o, "not", any_node(depth - 1));
        return o;
    }
    list = json_array();
    for (int i = 0; i < 2; i++)
        json_array_append_new(list, any_node(depth - 1));
    json_object_set_new(o, joins[any(2)], list);
    return o;
}

// A rule of eight levels would have up to 128 conditions; those that fit are enough.
static void any_rule_survives_the_way_through_the_other_form(void **state)
{
    (void)state;
    int fitted = 0;

    for (uint32_t round = 1; round < 2000; round++) {
        struct rule r = { 0 }, again = { 0 };
        struct fault f = { 0 };

        seed = round * 7919u;
        json_auto_t *json = json_pack("{s:o}", "when", any_node(4));

        if (rule_from(json, &r, &f) == RC_OK) {
            fitted++;
            auto_free char *text = rule_print(&r);
            if (read_text(text, &again, NULL, &f) != RC_OK)
                fail_msg("%s: %s", text, f.text);
            json_auto_t *one = rule_json(&r), *two = rule_json(&again);
            auto_free char *twice = rule_print(&again);
            assert_true(json_equal(one, two));
            assert_string_equal(text, twice);
        }
        rule_done(&r);
        rule_done(&again);
    }
    assert_true(fitted > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_reads_back_as_the_same_text),
        cmocka_unit_test(both_forms_say_the_same),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(a_mistake_is_told_with_its_column_and_what_was_expected),
        cmocka_unit_test(json_that_is_no_rule_names_the_member),
        cmocka_unit_test(a_rule_has_bounds),
        cmocka_unit_test(a_window_that_slides_has_whole_panes),
        cmocka_unit_test(any_rule_survives_the_way_through_the_other_form),
    };
    return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
