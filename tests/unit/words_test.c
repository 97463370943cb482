// SPDX-License-Identifier: Apache-2.0

#include "journal/words.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static struct words w;

static void take(const char *q)
{
    struct fault f = { 0 };

    if (words_read(q, &w, &f) != RC_OK)
        fail_msg("%s: %s", q, f.text);
}

static void punctuation_parts_words_and_quotes_make_phrases(void **state)
{
    (void)state;
    char query[WORDS_QUERY_MAX + 1], hint[WORDS_TEXT_MAX + 1];

    take("Pump \"timed  out\" -retry app.PUMP/2 -\"a b");
    words_query(&w, query, sizeof query);
    assert_string_equal(query,
                        "\" pump \" \" timed out \" -\" retry \" \" app pump 2 \" -\" a b \" ");
    words_hint(&w, hint);
    assert_string_equal(hint, "timed");
}

static void what_only_excludes_has_no_hint(void **state)
{
    (void)state;
    char hint[WORDS_TEXT_MAX + 1];

    take("-retry -\"timed out\"");
    words_hint(&w, hint);
    assert_string_equal(hint, "");
}

static void what_holds_no_word_or_too_much_is_refused(void **state)
{
    (void)state;
    char longest[WORDS_TEXT_MAX + 2];
    static const char *const bad[] = { "", " ", "-", "\"", "\"\"", "-\"\"", "--- ...", "\x01" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(words_read(bad[i], &w, NULL), RC_INVALID);
    memset(longest, 'a', sizeof longest);
    longest[WORDS_TEXT_MAX + 1] = '\0';
    assert_int_equal(words_read(longest, &w, NULL), RC_INVALID);
    longest[WORDS_TEXT_MAX] = '\0';
    assert_int_equal(words_read(longest, &w, NULL), RC_OK);
    for (size_t i = 1; i < WORDS_TEXT_MAX; i += 2)
        longest[i] = ' ';
    assert_int_equal(words_read(longest, &w, NULL), RC_INVALID);
}

static void a_line_is_found_as_the_database_would(void **state)
{
    (void)state;
    take("pump \"timed out\" -retry");
    assert_true(words_match(&w, NULL, "app.pump", "it TIMED-OUT again"));
    assert_false(words_match(&w, NULL, "app.pump", "it timed out, retry"));
    assert_false(words_match(&w, NULL, "app.pumps", "it timed out"));
    assert_false(words_match(&w, NULL, "app.pump", "out timed"));
    assert_true(words_match(&w, "pump", NULL, "timed out"));
    w.count = 0;
    assert_true(words_match(&w, NULL, NULL, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(punctuation_parts_words_and_quotes_make_phrases),
        cmocka_unit_test(what_only_excludes_has_no_hint),
        cmocka_unit_test(what_holds_no_word_or_too_much_is_refused),
        cmocka_unit_test(a_line_is_found_as_the_database_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
