// SPDX-License-Identifier: Apache-2.0

#include "device/export.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "test.h"

static char *cell(const char *text)
{
    char *out = NULL;
    size_t len;
    FILE *to = open_memstream(&out, &len);

    export_cell(text, to);
    fclose(to);
    return out;
}

static void cells_are_quoted_where_they_must_be(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cell;
    } cases[] = {
        { "", "" },
        { "Lobby 3", "Lobby 3" },
        { "Luleå", "Luleå" },
        { "a,b", "\"a,b\"" },
        { "a;b", "\"a;b\"" },
        { "say \"hi\"", "\"say \"\"hi\"\"\"" },
        { "two\r\nlines", "\"two\r\nlines\"" },
        { " padded", "\" padded\"" },
        { "padded ", "\"padded \"" },
        { "=1+1", "\"'=1+1\"" },
        { "+49 30", "\"'+49 30\"" },
        { "-2", "\"'-2\"" },
        { "@SUM(A1)", "\"'@SUM(A1)\"" },
        { "\t=1", "\"'\t=1\"" },
        { "\r=1", "\"'\r=1\"" },
        { "\n=1", "\"'\n=1\"" },
        { "＝1", "\"'＝1\"" },
        { "＠a", "\"'＠a\"" },
        { "！a", "！a" },
        { "a=1", "a=1" },
        { "=\"\"", "\"'=\"\"\"\"\"" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        auto_free char *is = cell(cases[i].text);

        assert_string_equal(is, cases[i].cell);
    }
}

static void columns_come_in_the_order_they_are_named(void **state)
{
    (void)state;
    struct export_ask a = { 0 };
    char *out = NULL;
    size_t len;
    FILE *to = open_memstream(&out, &len);

    assert_int_equal(export_columns("seat,id,name", &a, NULL), RC_OK);
    export_head(&a, to);
    fclose(to);
    assert_string_equal(out, "seat,id,name\r\n");
    free(out);
}

static void a_wrong_column_is_named(void **state)
{
    (void)state;
    struct export_ask a = { 0 };
    struct fault f = { 0 };

    assert_int_equal(export_columns("id,secret", &a, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "'secret'"));
    assert_int_equal(export_columns("id,name,id", &a, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "'id'"));
    assert_int_equal(export_columns(",", &a, &f), RC_INVALID);
    assert_int_equal(export_columns("", &a, &f), RC_OK);
    assert_true(a.column_count > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_quoted_where_they_must_be),
        cmocka_unit_test(columns_come_in_the_order_they_are_named),
        cmocka_unit_test(a_wrong_column_is_named),
    };
    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
