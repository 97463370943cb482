// SPDX-License-Identifier: Apache-2.0
//
// What orreryd says to words it does not know.

#include <stdio.h>
#include <string.h>

#include "support/binary.h"
#include "test.h"

static void a_word_that_a_verb_does_not_know_is_not_passed_over(void **state)
{
    (void)state;
    static const char *const words[] = { "config bogus", "config markdown more",
                                         "migrate now",  "bogus",
                                         "owner",        "owner reset now",
                                         "backup",       "backup a b",
                                         "restore",      "restore a b" };
    char out[4000];

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        int code = binary_run(out, sizeof out, "orreryd %s", words[i]);
        if (code != 2 || strncmp(out, "usage: orreryd", 14) != 0)
            fail_msg("%s: %d %s", words[i], code, out);
    }
}

static void config_and_config_markdown_print_settings(void **state)
{
    (void)state;
    char out[30000];

    assert_int_equal(binary_run(out, sizeof out, "orreryd config"), 0);
    assert_non_null(strstr(out, "ingest.batch"));
    assert_int_equal(binary_run(out, sizeof out, "orreryd config markdown"), 0);
    assert_non_null(strstr(out, "| "));
}

static void seed_wants_a_number_of_devices(void **state)
{
    (void)state;
    static const char *const words[] = { "seed", "seed --devices none", "seed --devices 0",
                                         "seed --devices 5000001", "seed --devices 1 --seed -1" };
    char out[4000];

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        int code = binary_run(out, sizeof out, "orreryd %s", words[i]);
        if (code != 1 || !strstr(out, "must be a number"))
            fail_msg("%s: %d %s", words[i], code, out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_that_a_verb_does_not_know_is_not_passed_over),
        cmocka_unit_test(config_and_config_markdown_print_settings),
        cmocka_unit_test(seed_wants_a_number_of_devices),
    };
    return cmocka_run_group_tests_name("orreryd words", tests, NULL, NULL);
}
