// SPDX-License-Identifier: Apache-2.0

#include "attest/reference.h"

#include <string.h>

#include "fake_store.h"
#include "test.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char *const columns[] = { "id", "component", "version", "sha256", "svn", NULL };
static const char *const cells[] = { "1", "boot", "1.0", A, "3", "2", "boot", "2.0", B, "4" };
static const struct rows two = { 2, columns, cells };

static void a_value_needs_all_its_parts_in_form(void **state)
{
    (void)state;
    static const struct {
        struct reference v;
        const char *field; // NULL: it is fine
    } cases[] = {
        { { .component = "boot", .version = "1", .sha256 = A, .source = "x" }, NULL },
        { { .component = "boot", .version = "1", .sha256 = A, .source = "x", .svn = 9 }, NULL },
        { { .component = "", .version = "1", .sha256 = A, .source = "x" }, "component" },
        { { .component = "a\n", .version = "1", .sha256 = A, .source = "x" }, "component" },
        { { .component = "boot", .version = NULL, .sha256 = A, .source = "x" }, "version" },
        { { .component = "boot", .version = "1", .sha256 = "aa", .source = "x" }, "sha256" },
        { { .component = "boot", .version = "1", .sha256 = A "a", .source = "x" }, "sha256" },
        { { .component = "boot", .version = "1", .sha256 = A, .source = "" }, "source" },
        { { .component = "boot", .version = "1", .sha256 = A, .source = "x", .svn = -1 }, "svn" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault f = { 0 };
        enum rc rc = reference_check(&cases[i].v, &f);
        assert_int_equal(rc, cases[i].field ? RC_INVALID : RC_OK);
        if (cases[i].field)
            assert_non_null(strstr(f.text, cases[i].field));
    }
}

static void capital_hex_is_refused_rather_than_compared_in_vain(void **state)
{
    (void)state;
    struct reference v = { .component = "boot", .version = "1", .source = "x" };
    char hash[] = A;

    hash[0] = 'A';
    v.sha256 = hash;
    assert_int_equal(reference_check(&v, NULL), RC_INVALID);
}

static void one_bad_value_keeps_the_whole_call_from_the_database(void **state)
{
    (void)state;
    struct reference v[2] = { { .component = "a", .version = "1", .sha256 = A, .source = "x" },
                              { .component = "b", .version = "1", .sha256 = "", .source = "x" } };

    assert_int_equal(reference_add(NULL, 1, v, 2, NULL, NULL), RC_INVALID);
    store_was_asked();
}

static void a_hash_counts_for_its_own_component_alone(void **state)
{
    (void)state;
    struct reference_list *l = NULL;
    struct reference v;
    bool known;

    store_will("reference_of", RC_OK, &two);
    assert_int_equal(reference_of(NULL, 1, (const char *[]){ "boot", "os\"" }, 2, &l, NULL), RC_OK);
    assert_string_equal(fake_args[1], "[\"boot\",\"os\\\"\"]");
    assert_true(reference_find(l, "boot", B, &v, &known));
    assert_string_equal(v.version, "2.0");
    assert_int_equal(v.svn, 4);
    assert_true(known);
    assert_false(reference_find(l, "boot", A "a", &v, &known));
    assert_true(known);
    assert_false(reference_find(l, "os", A, &v, &known));
    assert_false(known);
    reference_list_free(l);
    store_was_asked();
}

static void a_drop_of_what_is_not_there_is_not_found(void **state)
{
    (void)state;
    struct fault f = { 0 };

    store_will("reference_drop", RC_OK, &no_rows);
    assert_int_equal(reference_drop(NULL, 1, 7, &f), RC_NOT_FOUND);
    store_was_asked();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_needs_all_its_parts_in_form),
        cmocka_unit_test(capital_hex_is_refused_rather_than_compared_in_vain),
        cmocka_unit_test(one_bad_value_keeps_the_whole_call_from_the_database),
        cmocka_unit_test(a_hash_counts_for_its_own_component_alone),
        cmocka_unit_test(a_drop_of_what_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
