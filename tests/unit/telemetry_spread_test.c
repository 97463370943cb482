// SPDX-License-Identifier: Apache-2.0

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "telemetry/spread.h"
#include "test.h"

#define MOST 1000

static void add_all(struct spread *s, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(spread_add(s, v[i]));
}

static void a_percentile_is_a_value_that_somebody_has(void **state)
{
    (void)state;
    struct spread s = { 0 };
    struct spread_facts x;

    for (size_t i = 0; i < MOST; i++) // 1…1000, mixed
        assert_true(spread_add(&s, (double)(i * 7919 % MOST + 1)));
    spread_tell(&s, &x);
    assert_int_equal(x.count, MOST);
    assert_true(x.min == 1 && x.max == 1000 && x.mean == 500.5);
    assert_true(x.p50 == 500 && x.p95 == 950 && x.p99 == 990);
    spread_done(&s);
}

static void one_value_is_all_of_them(void **state)
{
    (void)state;
    struct spread s = { 0 };
    struct spread_facts x;

    add_all(&s, (const double[]){ -3.5 }, 1);
    spread_tell(&s, &x);
    assert_true(x.min == -3.5 && x.max == -3.5 && x.mean == -3.5);
    assert_true(x.p50 == -3.5 && x.p99 == -3.5 && spread_at(&s, 0) == -3.5);
    spread_done(&s);
}

static void a_mean_of_the_largest_numbers_is_a_number(void **state)
{
    (void)state;
    static const double values[] = { DBL_MAX, DBL_MAX, 1, DBL_MAX };
    struct spread s = { 0 };
    struct spread_facts x;

    add_all(&s, values, 4);
    spread_tell(&s, &x);
    assert_true(isfinite(x.mean) && x.mean >= x.min && x.mean <= x.max);
    spread_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_is_a_value_that_somebody_has),
        cmocka_unit_test(one_value_is_all_of_them),
        cmocka_unit_test(a_mean_of_the_largest_numbers_is_a_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
