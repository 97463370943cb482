// SPDX-License-Identifier: Apache-2.0

#include "journal/journal.h"

#include <string.h>

#include "core/auto.h"
#include "fake_store.h"
#include "test.h"

DEFINE_AUTO(struct journal_page *, page_freep, journal_page_free)

static const char *const columns[] = { "t",    "ts",     "seq",  "place",  "event", "level",
                                       "name", "source", "text", "fields", NULL };
#define ROW(seq, event, name)                                                                      \
    "1790000000123", "2026-09-21 14:13:20.123+00", seq, "(3,7)", event, "1", name, "app.pump",     \
        "too hot", "{\"c\":91}"
static const char *const cells[] = { ROW("9", "f", NULL), ROW("8", "t", "boot") };
static const struct rows two = { 2, columns, cells };

static const struct journal_filter everything = { JOURNAL_DEBUG, JOURNAL_ALL };

static void every_level_name_leads_back_to_its_number(void **state)
{
    (void)state;
    for (int l = 0; l < JOURNAL_LEVEL_COUNT; l++)
        assert_int_equal(journal_level_from_name(journal_level_name((enum journal_level)l)), l);
    assert_int_equal(journal_level_from_name("Warn"), -1);
    assert_true(JOURNAL_ERROR < JOURNAL_WARN && JOURNAL_WARN < JOURNAL_DEBUG);
}

static void a_full_page_leads_to_the_next_one(void **state)
{
    (void)state;
    auto_with(page_freep) struct journal_page *p = NULL, *after = NULL;
    struct fault f = { 0 };

    store_will("journal_page", RC_OK, &two);
    assert_int_equal(journal_read(NULL, 1, 7, &everything, "", 1, &p, &f), RC_OK);
    assert_string_equal(fake_args[4], "2");
    assert_int_equal(journal_page_count(p), 1);
    assert_string_equal(journal_page_next(p), "9 (3,7) 2026-09-21 14:13:20.123+00");
    store_will("journal_page_after", RC_OK, &two);
    assert_int_equal(journal_read(NULL, 1, 7, &everything, journal_page_next(p), 2, &after, &f),
                     RC_OK);
    assert_string_equal(fake_args[5], "2026-09-21 14:13:20.123+00");
    assert_string_equal(fake_args[6], "9");
    assert_string_equal(fake_args[7], "(3,7)");
    assert_null(journal_page_next(after));
    store_was_asked();
}

static void the_kind_chooses_logs_or_events(void **state)
{
    (void)state;
    static const struct {
        enum journal_kind kind;
        const char *arg;
    } cases[] = { { JOURNAL_ALL, NULL }, { JOURNAL_LOGS, "false" }, { JOURNAL_EVENTS, "true" } };

    for (size_t i = 0; i < 3; i++) {
        auto_with(page_freep) struct journal_page *p = NULL;
        struct journal_filter x = { JOURNAL_WARN, cases[i].kind };
        store_will("journal_page", RC_OK, &no_rows);
        assert_int_equal(journal_read(NULL, 1, 7, &x, "", 1, &p, NULL), RC_OK);
        assert_string_equal(fake_args[2], "1");
        if (cases[i].arg)
            assert_string_equal(fake_args[3], cases[i].arg);
        else
            assert_null(fake_args[3]);
    }
    store_was_asked();
}

static void an_entry_is_told_with_null_where_it_has_nothing(void **state)
{
    (void)state;
    auto_with(page_freep) struct journal_page *p = NULL;
    struct journal_entry e;

    store_will("journal_page", RC_OK, &two);
    assert_int_equal(journal_read(NULL, 1, 7, &everything, "", 5, &p, NULL), RC_OK);
    journal_page_entry(p, 0, &e);
    json_auto_t *o = journal_to_json(&e);
    auto_free char *text = json_dumps(o, JSON_COMPACT);
    assert_string_equal(text,
                        "{\"t\":1790000000123,\"event\":false,\"level\":\"warn\",\"name\":null,"
                        "\"source\":\"app.pump\",\"text\":\"too hot\",\"fields\":{\"c\":91}}");
    store_was_asked();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_name_leads_back_to_its_number),
        cmocka_unit_test(a_full_page_leads_to_the_next_one),
        cmocka_unit_test(the_kind_chooses_logs_or_events),
        cmocka_unit_test(an_entry_is_told_with_null_where_it_has_nothing),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
