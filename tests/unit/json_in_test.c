// SPDX-License-Identifier: Apache-2.0

#include "core/json_in.h"

#include <string.h>

#include "test.h"

static void mistake_of(const char *text, size_t len, char out[JSON_MISTAKE_SIZE])
{
    json_error_t e;
    json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);

    if (o)
        fail_msg("%s is JSON", text);
    json_mistake(&e, out);
}

static void a_mistake_is_a_sentence_that_neither_dangles_nor_names_the_library(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "{\"a\":\"x\\u0000y\"}", ": a text holds the character U+0000" },
        { "{\"a\\u0000b\":1}", ": a text holds the character U+0000" },
        { "{\"secret\" \"hunter2\"}", ": this does not belong here" },
        { "{\n\"a\":1,\n\"a\":2}", ": an object has a duplicate member" },
        { "{\"a\":", ": it ends too early" },
        { "{} {}", ": something follows after its end" },
        { "{\"a\":1e400}", ": a number is larger than a 64-bit integer or a double" },
        { "{\"a\":\"\xff\"}", "the text is not UTF-8" },
        { "", "it ends too early" },
        { "7", "this does not belong here" },
        { "nonsense", "this does not belong here" },
    };
    char said[JSON_MISTAKE_SIZE];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mistake_of(cases[i].text, strlen(cases[i].text), said);
        if (!strstr(said, cases[i].says))
            fail_msg("%s: %s", cases[i].text, said);
        assert_null(strstr(said, "near"));
        assert_null(strstr(said, "hunter2"));
        assert_null(strstr(said, "JSON_"));
        assert_int_not_equal(said[strlen(said) - 1], ' ');
    }
}

static void a_mistake_says_where_it_is(void **state)
{
    (void)state;
    char said[JSON_MISTAKE_SIZE];

    mistake_of("{\n\n!", 4, said);
    assert_string_equal(said, "line 3, column 1: this does not belong here");
}

static void a_raw_nul_is_refused_in_words_too(void **state)
{
    (void)state;
    char said[JSON_MISTAKE_SIZE];

    mistake_of("{\"a\":\"x\0y\"}", 11, said);
    assert_null(strstr(said, "near"));
    assert_int_not_equal(said[strlen(said) - 1], ' ');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistake_is_a_sentence_that_neither_dangles_nor_names_the_library),
        cmocka_unit_test(a_mistake_says_where_it_is),
        cmocka_unit_test(a_raw_nul_is_refused_in_words_too),
    };
    return cmocka_run_group_tests_name("json_in", tests, NULL, NULL);
}
