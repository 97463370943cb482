// SPDX-License-Identifier: Apache-2.0

#include "ingest/shape.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

static struct token_reading named(const char *const *names, size_t count)
{
    struct token_reading m = { .count = count };

    for (size_t i = 0; i < count; i++)
        m.metrics[i].name = (struct token_slice){ names[i], strlen(names[i]) };
    return m;
}

static void the_same_names_have_the_same_shape(void **state)
{
    (void)state;
    const char *const names[] = { "cpu.load", "temp.board" };
    char copies[2][20] = { "cpu.load", "temp.board" };
    const char *const again[] = { copies[0], copies[1] };
    struct shapes *s = shapes_new();
    struct token_reading m = named(names, 2), n = named(again, 2);
    bool made;
    struct shape *one = shapes_find(s, 1, &m, true, &made);

    assert_true(made);
    assert_ptr_equal(shapes_find(s, 1, &n, true, &made), one);
    assert_false(made);
    assert_true(shape_fits(one, &n));
    assert_int_equal(one->count, 2);
    assert_string_equal(one->names[1], "temp.board");
    shapes_free(s);
}

static void order_borders_and_catalog_make_another_shape(void **state)
{
    (void)state;
    const char *const ab[] = { "a", "b" }, *const ba[] = { "b", "a" }, *const joined[] = { "ab" },
                      *const more[] = { "a", "b", "c" };
    struct shapes *s = shapes_new();
    struct token_reading m[] = { named(ab, 2), named(ba, 2), named(joined, 1), named(more, 3) };
    bool made;

    for (int catalog = 1; catalog < 3; catalog++) {
        for (int i = 0; i < 4; i++) {
            assert_int_equal(shapes_find(s, catalog, &m[i], true, &made)->id, i + 1);
            assert_true(made);
        }
    }
    shapes_free(s);
}

static void a_catalog_has_only_so_many(void **state)
{
    (void)state;
    struct shapes *s = shapes_new();
    bool made;

    for (int i = 0; i <= SHAPES_PER_CATALOG; i++) {
        char text[20];
        const char *const names[] = { text };
        struct token_reading m;

        snprintf(text, sizeof text, "m%d", i);
        m = named(names, 1);
        assert_null(shapes_find(s, 1, &m, false, &made));
        assert_int_equal(shapes_find(s, 1, &m, true, &made) != NULL, i < SHAPES_PER_CATALOG);
        assert_int_equal(made, i < SHAPES_PER_CATALOG);
    }
    shapes_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_names_have_the_same_shape),
        cmocka_unit_test(order_borders_and_catalog_make_another_shape),
        cmocka_unit_test(a_catalog_has_only_so_many),
    };

    return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
