// SPDX-License-Identifier: Apache-2.0

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "telemetry/sampler.h"
#include "test.h"

DEFINE_AUTO(struct sampler *, sampler_freep, sampler_free)

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stretch_of_time_keeps_its_lowest_and_highest_value),
        cmocka_unit_test(a_single_moment_can_be_asked_for),
        cmocka_unit_test(a_flat_line_is_not_doubled),
    };
    return cmocka_run_group_tests_name("telemetry", tests, NULL, NULL);
}
