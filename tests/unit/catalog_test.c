// SPDX-License-Identifier: Apache-2.0

#include "catalog/catalog.h"

#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "fake_store.h"
#include "test.h"

static int64_t now = 1000;

int64_t clock_mono_ms(void)
{
    return now;
}

int64_t clock_mono_us(void)
{
    return now * 1000;
}

int64_t clock_now_ms(void)
{
    return now;
}

void clock_rfc3339(int64_t unix_ms, char out[RFC3339_LEN + 1])
{
    (void)unix_ms;
    *out = '\0';
}

static const char *const columns[] = { "id",      "name", "telemetry_hours", "journal_hours",
                                       "version", NULL };
static const char *const cells[] = { "1", "demo", "720", "48", "3", "2", "acme", "1", "2", "1" };
static const struct rows two = { 2, columns, cells };
static const char *const later_cells[] = { "3", "late", "720", "720", "1" };
static const struct rows later = { 1, columns, later_cells };

static void names_are_short_plain_and_not_reserved(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool valid;
    } cases[] = {
        { "demo", true },
        { "a", true },
        { "plant-7", true },
        { "apis", true },
        { "01234567890123456789012345678901234567890123456789", true },
        { "012345678901234567890123456789012345678901234567890", false },
        { "", false },
        { "Demo", false },
        { "a b", false },
        { ".hidden", false },
        { "a/b", false },
        { "ä", false },
        { "-", false },
        { "-a", false },
        { "a-", false },
        { "a--b", true },
        { "api", false },
        { "c", false },
        { "live", false },
        { "device", false },
        { "images", false },
        { "tuf", false },
        { "healthz", false },
        { "readyz", false },
        { "assets", false },
        { "login", false },
        { "metrics", false },
        { "subscriptions", false },
        { "twins", false },
        { "devices", false },
        { "jobs", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault f = { 0 };
        if (catalog_name_valid(cases[i].name, &f) != cases[i].valid)
            fail_msg("'%s'", cases[i].name);
        assert_int_equal(strlen(f.text) == 0, cases[i].valid);
    }
}

static void a_catalog_is_made_and_then_found(void **state)
{
    (void)state;
    struct fault f = { 0 };
    int32_t id = 0;

    store_will("catalog_add", RC_OK, &no_rows);
    store_will("catalog_number", RC_OK, &two);
    assert_int_equal(catalog_ensure(NULL, "demo", &id, &f), RC_OK);
    assert_int_equal(id, 1);
    assert_int_equal(catalog_ensure(NULL, "jobs", &id, &f), RC_INVALID);
    store_was_asked();
}

static void known_names_are_answered_from_memory(void **state)
{
    (void)state;
    struct catalogs *c = NULL;
    struct fault f = { 0 };
    char name[CATALOG_NAME_MAX + 1];

    store_will("catalog_page", RC_OK, &two);
    assert_int_equal(catalogs_load(NULL, &c, &f), RC_OK);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(catalogs_find(c, NULL, "acme"), 2);
    assert_true(catalogs_name(c, 1, name));
    assert_string_equal(name, "demo");
    assert_false(catalogs_name(c, 9, name));
    store_was_asked();
    catalogs_free(c);
}

static void an_unknown_name_is_looked_up_at_most_once_a_second(void **state)
{
    (void)state;
    struct catalogs *c = NULL;
    struct fault f = { 0 };

    store_will("catalog_page", RC_OK, &two);
    assert_int_equal(catalogs_load(NULL, &c, &f), RC_OK);
    assert_int_equal(catalogs_find(c, NULL, "late"), 0);
    now += 1000;
    assert_int_equal(catalogs_find(c, NULL, "No Name"), 0);
    store_will("catalog_page", RC_OK, &later);
    assert_int_equal(catalogs_find(c, NULL, "late"), 3);
    assert_string_equal(fake_args[1], "2");
    assert_int_equal(catalogs_find(c, NULL, "never"), 0);
    now += 1000;
    store_will("catalog_page", RC_UNAVAILABLE, NULL);
    assert_int_equal(catalogs_find(c, NULL, "never"), 0);
    store_was_asked();
    catalogs_free(c);
}

static void a_stale_version_changes_nothing(void **state)
{
    (void)state;
    struct fault f = { 0 };

    store_will("catalog_retain", RC_OK, &no_rows);
    assert_int_equal(catalog_retain(NULL, &(struct catalog){ .id = 1, .version = 2 }, &f),
                     RC_CONFLICT);
    assert_string_equal(fake_args[1], "2");
    store_was_asked();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_short_plain_and_not_reserved),
        cmocka_unit_test(a_catalog_is_made_and_then_found),
        cmocka_unit_test(known_names_are_answered_from_memory),
        cmocka_unit_test(an_unknown_name_is_looked_up_at_most_once_a_second),
        cmocka_unit_test(a_stale_version_changes_nothing),
    };
    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
