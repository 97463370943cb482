// SPDX-License-Identifier: Apache-2.0

#include "store/arg.h"

#include "core/auto.h"
#include "test.h"

static void a_list_is_an_array_as_postgresql_reads_it(void **state)
{
    (void)state;
    auto_free char *two = arg_list((int64_t[]){ 7, 42 }, 2);
    auto_free char *one = arg_list((int64_t[]){ 0 }, 1);
    auto_free char *none = arg_list(NULL, 0);

    assert_string_equal(two, "{7,42}");
    assert_string_equal(one, "{0}");
    assert_string_equal(none, "{}");
}

static void a_list_of_the_longest_numbers_has_room_for_all(void **state)
{
    (void)state;
    auto_free char *text = arg_list((int64_t[]){ INT64_MIN, INT64_MIN, INT64_MAX }, 3);

    assert_string_equal(text, "{-9223372036854775808,-9223372036854775808,9223372036854775807}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_an_array_as_postgresql_reads_it),
        cmocka_unit_test(a_list_of_the_longest_numbers_has_room_for_all),
    };

    return cmocka_run_group_tests_name("arg", tests, NULL, NULL);
}
