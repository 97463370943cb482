// SPDX-License-Identifier: Apache-2.0

#include "core/csv.h"

#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "test.h"

static struct fault fault;

// Writes rows as "line:a|b\n", bad ones as "line!reason\n".
static char *told(const char *bytes, size_t len)
{
    auto_with(csv_done) struct csv c = { 0 };
    struct csv_row row;
    enum csv_kind kind;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    fault = (struct fault){ 0 };
    if (csv_open(&c, bytes, len, &fault) != RC_OK) {
        fclose(out);
        free(text);
        return NULL;
    }
    while ((kind = csv_next(&c, &row)) != CSV_END) {
        fprintf(out, kind == CSV_BAD ? "%lld!%s" : "%lld:", (long long)row.line, row.reason);
        for (size_t i = 0; kind == CSV_ROW && i < row.count; i++)
            fprintf(out, "%s%s", i ? "|" : "", row.fields[i]);
        fputc('\n', out);
    }
    fclose(out);
    return text;
}

static void reads(const char *bytes, const char *expected)
{
    auto_free char *is = told(bytes, strlen(bytes));

    if (!is)
        fail_msg("refused: %s", fault.text);
    assert_string_equal(is, expected);
}

static void refuses(const char *bytes, size_t len, const char *because)
{
    auto_free char *is = told(bytes, len);

    assert_null(is);
    assert_int_equal(fault.rc, RC_INVALID);
    if (!strstr(fault.text, because))
        fail_msg("'%s' should say '%s'", fault.text, because);
}

static void commas_semicolons_and_tabs_are_found_out(void **state)
{
    (void)state;
    reads("a,b\n1,2\n", "1:a|b\n2:1|2\n");
    reads("a;b\n1,5;2\n", "1:a|b\n2:1,5|2\n");
    reads("a\tb\n1;x\t2", "1:a|b\n2:1;x|2\n");
    reads("alone\nx,y\n", "1:alone\n2:x|y\n");
    reads("\"a;b;c\",d\n1,2\n", "1:a;b;c|d\n2:1|2\n");
}

static void a_byte_order_mark_and_every_kind_of_line_end_are_fine(void **state)
{
    (void)state;
    reads("\xef\xbb\xbf"
          "a,b\r\n1,2\r\n",
          "1:a|b\n2:1|2\n");
    reads("a,b\r1,2\r", "1:a|b\n2:1|2\n");
    reads("\n\na,b\n\n\n1,2", "3:a|b\n6:1|2\n");
}

static void quotes_hold_separators_lines_and_quotes(void **state)
{
    (void)state;
    reads("a,b\n\"x,\"\"y\"\"\",2\n", "1:a|b\n2:x,\"y\"|2\n");
    reads("a,b\n\"two\nlines\",2\n3,4\n", "1:a|b\n2:two\nlines|2\n4:3|4\n");
    reads("a,b\n\"\",\"\"\n", "1:a|b\n2:|\n");
    reads("a,b\n1\"x,2\n", "1:a|b\n2:1\"x|2\n");
    reads("a,b\n,\n", "1:a|b\n2:|\n");
}

static void a_bad_row_costs_itself_alone(void **state)
{
    (void)state;
    reads("a,b\n\"x\"y,2\n3,4\n",
          "1:a|b\n2!there is text behind a closing quote: a quote within quotes is written twice\n"
          "3:3|4\n");
    reads("a,b\n1,\"never\n3,4\n5,6\n", "1:a|b\n2!a quote is never closed\n3:3|4\n4:5|6\n");
    reads("a,b\n\"x\"\"\ny\"z,1\n3,4\n",
          "1:a|b\n2!there is text behind a closing quote: a quote within quotes is written twice\n"
          "3:y\"z|1\n4:3|4\n");
    reads("a,b\ncaf\xe9,2\n3,4\n",
          "1:a|b\n2!this is not UTF-8: save the file as CSV UTF-8\n3:3|4\n");
}

static void a_row_has_at_most_64_columns(void **state)
{
    (void)state;
    char row[200] = "a,b\n";

    memset(row + 4, ',', 64);
    reads(row, "1:a|b\n2!there are more than 64 columns\n");
    row[4 + 63] = '\0';
    auto_free char *is = told(row, strlen(row));
    assert_null(strchr(is, '!'));
}

static void what_is_no_text_is_refused_by_name(void **state)
{
    (void)state;
    refuses("", 0, "empty");
    refuses("\xef\xbb\xbf\r\n\n", 6, "empty");
    refuses("PK\3\4rest", 8, "workbook");
    refuses("\xff\xfe"
            "a\0,\0",
            6, "UTF-16");
    refuses("a,b\n1\0,2", 8, "0x00 at offset 5");
    refuses("a,b\n\x1b[0m", 8, "0x1b at offset 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_semicolons_and_tabs_are_found_out),
        cmocka_unit_test(a_byte_order_mark_and_every_kind_of_line_end_are_fine),
        cmocka_unit_test(quotes_hold_separators_lines_and_quotes),
        cmocka_unit_test(a_bad_row_costs_itself_alone),
        cmocka_unit_test(a_row_has_at_most_64_columns),
        cmocka_unit_test(what_is_no_text_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
