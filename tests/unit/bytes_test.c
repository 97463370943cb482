// SPDX-License-Identifier: Apache-2.0

#include "net/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static void what_is_added_is_eaten_in_order(void **state)
{
    (void)state;
    struct bytes b = { 0 };
    char next = 0, expected = 0;

    for (int round = 0; round < 3000; round++) {
        char piece[37];
        size_t n = (size_t)round % sizeof piece;

        for (size_t i = 0; i < n; i++)
            piece[i] = next++;
        assert_true(bytes_add(&b, piece, n));
        for (size_t eat = (size_t)(round * 7) % 41; eat > 0 && bytes_len(&b) > 0; eat--) {
            assert_int_equal(*bytes_at(&b), expected++);
            bytes_eat(&b, 1);
        }
    }
    while (bytes_len(&b) > 0) {
        assert_int_equal(*bytes_at(&b), expected++);
        bytes_eat(&b, 1);
    }
    assert_int_equal(next, expected);
    bytes_done(&b);
}

static void what_is_printed_fits_whatever_its_length(void **state)
{
    (void)state;

    for (int n = 0; n < 2000; n += 13) {
        struct bytes b = { 0 };

        assert_true(bytes_text(&b, "<"));
        assert_true(bytes_print(&b, "%0*d", n, 0));
        assert_true(bytes_text(&b, ">"));
        assert_int_equal(bytes_len(&b), 2 + (n ? n : 1));
        assert_int_equal(bytes_at(&b)[bytes_len(&b) - 1], '>');
        assert_null(memchr(bytes_at(&b), 0, bytes_len(&b)));
        bytes_done(&b);
    }
}

static void a_tally_counts_what_all_have_and_returns_to_nothing(void **state)
{
    (void)state;
    static char block[5000];
    size_t tally = 0;
    struct bytes a = { .tally = &tally }, b = { .tally = &tally };

    assert_true(bytes_add(&a, block, sizeof block));
    assert_true(tally >= sizeof block);
    assert_true(bytes_add(&b, block, sizeof block));
    assert_true(tally >= 2 * sizeof block);
    bytes_eat(&a, sizeof block);
    bytes_done(&a);
    bytes_done(&b);
    assert_int_equal(tally, 0);
    assert_true(bytes_add(&a, "x", 1));
    assert_true(tally > 0);
    bytes_done(&a);
    assert_int_equal(tally, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_is_eaten_in_order),
        cmocka_unit_test(what_is_printed_fits_whatever_its_length),
        cmocka_unit_test(a_tally_counts_what_all_have_and_returns_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
