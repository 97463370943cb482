// SPDX-License-Identifier: Apache-2.0
//
// What orreryd says to words it does not know.

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char program[600];

static int run(const char *words, char *out, size_t size)
{
    char line[800];

    snprintf(line, sizeof line, "exec %s %s 2>&1", program, words);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t n = fread(out, 1, size - 1, p);
    out[n] = '\0';
    return WEXITSTATUS(pclose(p));
}

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
        int code = run(words[i], out, sizeof out);
        if (code != 2 || strncmp(out, "usage: orreryd", 14) != 0)
            fail_msg("%s: %d %s", words[i], code, out);
    }
}

static void config_and_config_markdown_print_settings(void **state)
{
    (void)state;
    char out[30000];

    assert_int_equal(run("config", out, sizeof out), 0);
    assert_non_null(strstr(out, "ingest.batch"));
    assert_int_equal(run("config markdown", out, sizeof out), 0);
    assert_non_null(strstr(out, "| "));
}

static void seed_wants_a_number_of_devices(void **state)
{
    (void)state;
    static const char *const words[] = { "seed", "seed --devices none", "seed --devices 0",
                                         "seed --devices 5000001", "seed --devices 1 --seed -1" };
    char out[4000];

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        int code = run(words[i], out, sizeof out);
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
    char self[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n < 0)
        return 1;
    self[n] = '\0';
    for (int i = 0; i < 3; i++) // build/tests/server/x_test, or the same below build/asan
        *strrchr(self, '/') = '\0';
    snprintf(program, sizeof program, "%s/orreryd", self);
    return cmocka_run_group_tests_name("orreryd words", tests, NULL, NULL);
}
