// SPDX-License-Identifier: Apache-2.0

#include "telemetry/telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "fake_store.h"
#include "telemetry/sampler.h"
#include "test.h"

DEFINE_AUTO(struct sampler *, sampler_freep, sampler_free)
DEFINE_AUTO(struct series *, series_freep, series_free)

static uint32_t seed = 1;

static uint32_t any(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)seed * below) >> 32);
}

// ---------------------------------------------------------------- the sampler

#define MAX 3000
static struct sample all[MAX];

// Exactly; cmocka's assert_float_equal compares floats.
static bool same(double a, double b)
{
    return !(a < b) && !(a > b);
}

static bool was_given(const struct sample *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].t == p->t && same(all[i].value, p->value))
            return true;
    return false;
}

// Of every bucket the lowest and the highest value must be among the points.
static void check_bucket(int64_t from, int64_t to, const struct sample *p, size_t n, size_t count)
{
    double low = 1e300, high = -1e300, seen_low = 1e300, seen_high = -1e300;

    for (size_t i = 0; i < count; i++)
        if (all[i].t >= from && all[i].t < to) {
            low = all[i].value < low ? all[i].value : low;
            high = all[i].value > high ? all[i].value : high;
        }
    for (size_t i = 0; i < n; i++)
        if (p[i].t >= from && p[i].t < to) {
            seen_low = p[i].value < seen_low ? p[i].value : seen_low;
            seen_high = p[i].value > seen_high ? p[i].value : seen_high;
        }
    assert_true(same(low, seen_low));
    assert_true(same(high, seen_high));
}

static void check_points(int64_t from, int64_t span, int points, size_t count)
{
    auto_with(sampler_freep) struct sampler *s = sampler_new(from, from + span - 1, points);
    size_t n;

    for (size_t i = 0; i < count; i++)
        sampler_add(s, all[i].t, all[i].value);
    const struct sample *p = sampler_result(s, &n);
    assert_true(n <= (size_t)points);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || p[i].t >= p[i - 1].t);
        assert_true(was_given(&p[i], count));
    }
    if (count <= (size_t)points) {
        assert_int_equal(n, count);
        return;
    }
    int64_t buckets = points / 2;
    for (int64_t b = 0; b < buckets; b++) // bucket b: those t with t * buckets / span = b
        check_bucket(from + (b * span + buckets - 1) / buckets,
                     from + ((b + 1) * span + buckets - 1) / buckets, p, n, count);
}

static void every_stretch_of_time_keeps_its_lowest_and_highest_value(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        int64_t from = any(2) ? 0 : 1790000000000 + any(1000000);
        int64_t span = 1 + any(round % 3 ? 100000 : 50);
        size_t count = 1 + any(round % 5 ? 300 : MAX - 1);
        for (size_t i = 0; i < count; i++)
            all[i] = (struct sample){ from + any((uint32_t)span), any(1000) / 7.0 - 70 };
        check_points(from, span, 2 + (int)any(200), count);
    }
}

static void a_single_moment_can_be_asked_for(void **state)
{
    (void)state;
    auto_with(sampler_freep) struct sampler *s = sampler_new(5, 5, 2);
    size_t n;

    for (int i = 0; i < 10; i++)
        sampler_add(s, 5, i);
    const struct sample *p = sampler_result(s, &n);
    assert_int_equal(n, 2);
    assert_true(same(p[0].value + p[1].value, 9));
}

static void a_flat_line_is_not_doubled(void **state)
{
    (void)state;
    auto_with(sampler_freep) struct sampler *s = sampler_new(0, 99999, 10);
    size_t n;

    for (int i = 0; i < 1000; i++)
        sampler_add(s, i * 100, 21.5);
    sampler_result(s, &n);
    assert_int_equal(n, 5);
}

// ---------------------------------------------------------------- the series

static const char *const page_columns[] = { "t", "shape", "vals", NULL };
static const char *const name_columns[] = { "name", NULL };
static const char *const names_one[] = { "cpu", "temp" };
static const char *const names_two[] = { "temp" };
static const struct rows shape_one = { 2, name_columns, names_one };
static const struct rows shape_two = { 1, name_columns, names_two };

static struct series *read_series(const char *metrics)
{
    struct series_query q = { 0, 10000, 100, metrics };
    struct series *s = NULL;
    struct fault f = { 0 };

    assert_int_equal(telemetry_series(NULL, 1, 7, &q, &s, &f), RC_OK);
    store_was_asked();
    return s;
}

static void shapes_with_a_metric_in_common_feed_one_line(void **state)
{
    (void)state;
    static const char *const cells[] = { "300",    "1",   "{0.5,41.25}", "200",      "2",
                                         "{-1e3}", "100", "1",           "{NULL,40}" };
    static const struct rows page = { 3, page_columns, cells };
    size_t n;

    store_will("telemetry_page", RC_OK, &page);
    store_will("telemetry_shape", RC_OK, &shape_one);
    store_will("telemetry_shape", RC_OK, &shape_two);
    auto_with(series_freep) struct series *s = read_series("");
    assert_int_equal(series_count(s), 2);
    assert_string_equal(series_metric(s, 0), "cpu");
    series_points(s, 0, &n);
    assert_int_equal(n, 1);
    const struct sample *p = series_points(s, 1, &n);
    assert_int_equal(n, 3);
    assert_int_equal(p[0].t, 100);
    assert_true(same(p[1].value, -1000));
    assert_true(same(p[2].value, 41.25));
}

static void only_the_metrics_asked_for_are_given(void **state)
{
    (void)state;
    static const char *const cells[] = { "300", "1", "{0.5,41.25}" };
    static const struct rows page = { 1, page_columns, cells };

    store_will("telemetry_page", RC_OK, &page);
    store_will("telemetry_shape", RC_OK, &shape_one);
    auto_with(series_freep) struct series *s = read_series("tem,temp,temperature");
    assert_int_equal(series_count(s), 1);
    assert_string_equal(series_metric(s, 0), "temp");
}

static void odd_values_in_a_row_are_passed_over(void **state)
{
    (void)state;
    static const char *const cells[] = { "3", "1", "{}",       "2", "1", "{NaN,Infinity}",
                                         "1", "1", "{1,2,3,4}" };
    static const struct rows page = { 3, page_columns, cells };
    size_t n;

    store_will("telemetry_page", RC_OK, &page);
    store_will("telemetry_shape", RC_OK, &shape_one);
    auto_with(series_freep) struct series *s = read_series("");
    for (size_t i = 0; i < 2; i++) {
        series_points(s, i, &n);
        assert_int_equal(n, 1);
    }
}

static void trouble_on_the_way_gives_no_series(void **state)
{
    (void)state;
    static const char *const cells[] = { "3", "1", "{1,2}" };
    static const struct rows page = { 1, page_columns, cells };
    struct series_query q = { 0, 10, 2, "" };
    struct series *s = NULL;
    struct fault f = { 0 };

    store_will("telemetry_page", RC_OK, &page);
    store_will("telemetry_shape", RC_UNAVAILABLE, NULL);
    assert_int_equal(telemetry_series(NULL, 1, 7, &q, &s, &f), RC_UNAVAILABLE);
    assert_null(s);
    store_was_asked();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stretch_of_time_keeps_its_lowest_and_highest_value),
        cmocka_unit_test(a_single_moment_can_be_asked_for),
        cmocka_unit_test(a_flat_line_is_not_doubled),
        cmocka_unit_test(shapes_with_a_metric_in_common_feed_one_line),
        cmocka_unit_test(only_the_metrics_asked_for_are_given),
        cmocka_unit_test(odd_values_in_a_row_are_passed_over),
        cmocka_unit_test(trouble_on_the_way_gives_no_series),
    };
    return cmocka_run_group_tests_name("telemetry", tests, NULL, NULL);
}
