// SPDX-License-Identifier: Apache-2.0

#include "core/number.h"

#include "test.h"

static void numbers_of_19_digits_are_read_up_to_the_largest(void **state)
{
    (void)state;
    int64_t n = -1;

    assert_true(number_read("0", &n));
    assert_int_equal(n, 0);
    assert_true(number_read("007", &n));
    assert_int_equal(n, 7);
    assert_true(number_read("1876543210987654321", &n));
    assert_true(n == 1876543210987654321);
    assert_true(number_read("9223372036854775807", &n));
    assert_true(n == INT64_MAX);
}

static void what_is_not_a_number_or_too_large_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "-1",
                                       "+1",
                                       " 1",
                                       "1 ",
                                       "0x1",
                                       "1.",
                                       "9223372036854775808",
                                       "1e3",
                                       "18446744073709551617",
                                       "99999999999999999999999" };
    int64_t n = 42;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(number_read(bad[i], &n));
    assert_int_equal(n, 42);
}

static void an_id_is_1_to_the_largest_of_32_bits(void **state)
{
    (void)state;
    static const char *const bad[] = { NULL, "", "0", "-1", "2147483648", "4294967297", "1a" };
    int32_t id = 42;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(number_id(bad[i], &id));
    assert_int_equal(id, 42);
    assert_true(number_id("1", &id));
    assert_int_equal(id, 1);
    assert_true(number_id("2147483647", &id));
    assert_int_equal(id, INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_19_digits_are_read_up_to_the_largest),
        cmocka_unit_test(what_is_not_a_number_or_too_large_is_refused_and_changes_nothing),
        cmocka_unit_test(an_id_is_1_to_the_largest_of_32_bits),
    };
    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
