// SPDX-License-Identifier: Apache-2.0

#include "device/filter.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "test.h"

static const char *const also[] = { "sort", "limit", NULL };

// The row of a query, or its refusal. Valid until the next call.
static const char *row_of(const char *query)
{
    static struct device_filter x;
    static struct fault f;

    device_filter_done(&x);
    f = (struct fault){ 0 };
    return device_filter_read(query, also, 7, &x, &f) == RC_OK ? x.row : f.text;
}

static void without_parameters_all_but_the_retired_are_meant(void **state)
{
    (void)state;
    struct device_filter x;

    assert_int_equal(device_filter_read("sort=name&limit=5", also, 7, &x, NULL), RC_OK);
    assert_true(x.empty);
    assert_false(x.prefix);
    assert_string_equal(x.row, "(7,,,,\"{0,1}\",,,,,,,,,,,,,)");
    device_filter_done(&x);
}

static void each_parameter_has_its_field(void **state)
{
    (void)state;
    static const struct {
        const char *query, *row;
    } cases[] = {
        { "q=Pump", "(7,\"Pump\",,,\"{0,1}\",,,,,,,,,,,,,)" },
        { "q=AB0", "(7,\"AB0\",\"ab0\",,\"{0,1}\",,,,,,,,,,,,,)" },
        { "q=", "(7,,,,\"{0,1}\",,,,,,,,,,,,,)" },
        { "state=offline", "(7,,,\"{5}\",\"{0,1}\",,,,,,,,,,,,,)" },
        { "lifecycle=retired", "(7,,,,\"{2}\",,,,,,,,,,,,,)" },
        { "product=3", "(7,,,,\"{0,1}\",\"{3}\",,,,,,,,,,,,)" },
        { "group=", "(7,,,,\"{0,1}\",,\"{NULL}\",,,,,,,,,,,)" },
        { "version=1.2", "(7,,,,\"{0,1}\",,,\"{\\\"1.2\\\"}\",,,,,,,,,,)" },
        { "attested=1.2", "(7,,,,\"{0,1}\",,,,\"{\\\"1.2\\\"}\",,,,,,,,,)" },
        { "site=Lule%C3%A5+2", "(7,,,,\"{0,1}\",,,,,\"{\\\"Luleå 2\\\"}\",,,,,,,,)" },
        { "batch=", "(7,,,,\"{0,1}\",,,,,,\"{NULL,\\\"\\\"}\",,,,,,,)" },
        // … and its tag, which has an index.
        { "batch=b", "(7,,,,\"{0,1}\",,,,,,\"{\\\"b\\\"}\",,\"{\\\"batch\\\":\\\"b\\\"}\",,,,,)" },
        { "network=10.0.0.0/24", "(7,,,,\"{0,1}\",,,,,,,\"{\\\"10.0.0.0/24\\\"}\",,,,,,)" },
        { "tag=env:prod", "(7,,,,\"{0,1}\",,,,,,,,\"{\\\"env\\\":\\\"prod\\\"}\",,,,,)" },
        { "alert=7", "(7,,,,\"{0,1}\",,,,,,,,,,,,,\"7\")" },
        { "seat=12", "(7,,,,\"{0,1}\",,,,,,,,,,,\"12\",,)" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(row_of(cases[i].query), cases[i].row);
}

static void commas_and_repeats_are_alternatives(void **state)
{
    (void)state;
    static const char *const same[] = { "state=offline,atRisk", "state=offline%2CatRisk",
                                        "state=offline&state=atRisk" };

    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_string_equal(row_of(same[i]), "(7,,,\"{5,3}\",\"{0,1}\",,,,,,,,,,,,,)");
    assert_string_equal(row_of("product=3,"), "(7,,,,\"{0,1}\",\"{3,NULL}\",,,,,,,,,,,,)");
    // A site's own comma comes encoded.
    assert_string_equal(row_of("site=a%2Cb,c"),
                        "(7,,,,\"{0,1}\",,,,,\"{\\\"a,b\\\",\\\"c\\\"}\",,,,,,,,)");
}

static void what_a_value_quotes_stays_in_it(void **state)
{
    (void)state;
    assert_string_equal(row_of("q=%22%5C%29%2C"), "(7,\"\\\"\\\\),\",,,\"{0,1}\",,,,,,,,,,,,,)");
    assert_string_equal(row_of("site=%22%7D"),
                        "(7,,,,\"{0,1}\",,,,,\"{\\\"\\\\\\\"}\\\"}\",,,,,,,,)");
}

static void seen_is_a_moment_before_or_after(void **state)
{
    (void)state;
    assert_non_null(strstr(row_of("seen=%3C5m"), "Z\",,,,)"));
    assert_non_null(strstr(row_of("seen=%3E24h"), ",,\"20"));
    assert_non_null(strstr(row_of("seen=%3E9999999d"), ",,\"1970-01-01T00:00:00.000Z"));
}

static void refusals_name_the_parameter(void **state)
{
    (void)state;
    static char much[11000];
    static const struct {
        const char *query, *says;
    } cases[] = {
        { "colour=red", "there is no parameter 'colour' here, but: q, state," },
        { "colour=red", "seat, alert, sort, limit" },
        { "limit=1&limit=2", "'limit' is given twice" },
        { "q=a&q=b", "'q' is given twice" },
        { "state=broken", "state must be one of healthy" },
        { "lifecycle=dead", "lifecycle must be one of registered" },
        { "product=0", "product takes numbers" },
        { "group=x", "group takes numbers" },
        { "group=99999999999", "group takes numbers" },
        { "tag=env", "tag takes name:value" },
        { "tag=:x", "tag takes name:value" },
        { "tag=a:1&tag=a:2", "tag a is given twice" },
        { "seen=5m", "seen takes < or >" },
        { "seen=%3C5", "seen takes < or >" },
        { "seen=%3C5y", "seen takes < or >" },
        { "seat=-1", "seat must be a number" },
        { "alert=x", "alert must be a number" },
        { "alert=1&alert=2", "'alert' is given twice" },
        { "site=%ff", "site has a value that is" },
        { much, "tag has a value that is longer than 321 bytes" },
    };

    memset(much, 'x', sizeof much - 1);
    memcpy(much, "tag=a:", 6);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!strstr(row_of(cases[i].query), cases[i].says))
            fail_msg("%.40s: %s", cases[i].query, row_of(cases[i].query));
}

static void json_says_the_same_as_a_query(void **state)
{
    (void)state;
    struct device_filter a, b;
    struct fault f = { 0 };

    assert_int_equal(device_filter_read("state=offline,atRisk&tag=env:prod&q=a", NULL, 7, &a, &f),
                     RC_OK);
    assert_int_equal(device_filter_from(a.params, 7, &b, &f), RC_OK);
    assert_string_equal(a.row, b.row);
    assert_true(b.prefix && !b.empty);
    device_filter_done(&a);
    device_filter_done(&b);
}

static void json_of_another_shape_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "[]",          "{\"state\":7}",       "{\"colour\":[\"red\"]}",
        "{\"q\":[]}",  "{\"tag\":[{}]}",      "{\"q\":[\"a\",\"b\"]}",
        "{\"id\":[]}", "{\"site\":[\"\\n\"]}"
    };
    struct fault f = { 0 };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct device_filter x = { 0 };
        json_auto_t *from = json_loads(cases[i], 0, NULL);

        if (device_filter_from(from, 7, &x, &f) != RC_INVALID)
            fail_msg("%s", cases[i]);
        assert_null(x.row);
    }
}

static void ids_are_32_digits_and_may_be_retired(void **state)
{
    (void)state;
    struct device_filter x = { 0 };
    json_auto_t *good = json_pack("[s]", "0123456789abcdef0123456789abcdef");
    json_auto_t *bad = json_pack("[s]", "0123456789ABCDEF0123456789abcdef");
    json_auto_t *none = json_array();

    assert_int_equal(device_filter_ids(good, 7, &x, NULL), RC_OK);
    assert_string_equal(x.row, "(7,,,,,,,,,,,,,,,,\"{0123456789abcdef0123456789abcdef}\",)");
    device_filter_done(&x);
    assert_int_equal(device_filter_ids(bad, 7, &x, NULL), RC_INVALID);
    assert_int_equal(device_filter_ids(none, 7, &x, NULL), RC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_parameters_all_but_the_retired_are_meant),
        cmocka_unit_test(each_parameter_has_its_field),
        cmocka_unit_test(commas_and_repeats_are_alternatives),
        cmocka_unit_test(what_a_value_quotes_stays_in_it),
        cmocka_unit_test(seen_is_a_moment_before_or_after),
        cmocka_unit_test(refusals_name_the_parameter),
        cmocka_unit_test(json_says_the_same_as_a_query),
        cmocka_unit_test(json_of_another_shape_is_refused),
        cmocka_unit_test(ids_are_32_digits_and_may_be_retired),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
