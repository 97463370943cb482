// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include "ingest/batch.h"
#include "ingest/pgcopy.h"
#include "ingest/shape.h"
#include "test.h"

static struct shapes *shapes;
static struct batch *b;

static int make(void **state)
{
    (void)state;
    shapes = shapes_new();
    b = batch_new();
    batch_reset(b, 7);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    shapes_free(shapes);
    batch_free(b);
    return 0;
}

static struct token_reading reading(int64_t t, double value)
{
    struct token_reading m = { .seq = 1, .t = t, .count = 2 };

    m.metrics[0] = (struct token_metric){ { "a", 1 }, value };
    m.metrics[1] = (struct token_metric){ { "b", 1 }, -value };
    return m;
}

static void add(uint32_t part, int64_t t, double value)
{
    struct token_reading m = reading(t, value);
    bool made;

    assert_true(batch_reading(b, part, &m, shapes_find(shapes, 1, &m, true, &made)));
    batch_count(b, part, 1, (int64_t)value, 100);
}

static void a_row_is_what_copy_wants(void **state)
{
    (void)state;
    static const unsigned char wanted[] = {
        0, 5,                                         // fields
        0, 0, 0, 4,  0,    0, 0, 1,                   // catalog
        0, 0, 0, 8,  0,    0, 0, 0, 0, 0, 0,    9,    // device
        0, 0, 0, 8,  0,    0, 0, 0, 0, 0, 3,    0xe8, // ts: 1 ms after 2000-01-01, in us
        0, 0, 0, 4,  0,    0, 0, 1,                   // shape
        0, 0, 0, 44, 0,    0, 0, 1, 0, 0, 0,    0,    0, 0, 2, 0xbd, 0, 0,
        0, 2, 0, 0,  0,    1, 0, 0, 0, 8, 0x40, 0,    0, 0, 0, 0,    0, 0, // 2.0
        0, 0, 0, 8,  0xc0, 0, 0, 0, 0, 0, 0,    0,                         // -2.0
    };
    char out[1000];
    struct batch_walk w;
    size_t n;

    add(batch_join(b, NULL, 1, 9), PG_EPOCH_MS + 1, 2);
    assert_true(batch_walk_start(&w, b));
    n = batch_rows_next(&w, out, sizeof out);
    assert_int_equal(n, COPY_HEAD_LEN + sizeof wanted + 2);
    assert_memory_equal(out, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", COPY_HEAD_LEN);
    assert_memory_equal(out + COPY_HEAD_LEN, wanted, sizeof wanted);
    assert_memory_equal(out + n - 2, "\377\377", 2);
    assert_int_equal(batch_rows_next(&w, out, sizeof out), 0);
    batch_walk_done(&w);
}

// The first value of each row, in the order COPY gets them, through a buffer of that size.
static size_t order_of(size_t size, double *out)
{
    static char all[100000];
    struct batch_walk w;
    size_t len = 0, n, count = 0;

    assert_true(batch_walk_start(&w, b));
    while ((n = batch_rows_next(&w, all + len, size)) > 0)
        len += n;
    batch_walk_done(&w);
    for (size_t at = COPY_HEAD_LEN; at + 2 < len; at += 42 + PUT_FLOATS_LEN(2)) {
        uint64_t bits = get64(all + at + 42 + 24 + 4);

        memcpy(&out[count++], &bits, sizeof bits);
    }
    return count;
}

static void rows_go_out_by_device_in_the_order_they_came(void **state)
{
    (void)state;
    static const double wanted[] = { 2, 3, 6, 1, 5, 4 };
    const size_t sizes[] = { 200, 256, 1000, 65536 };
    double got[10];
    uint32_t nine = batch_join(b, NULL, 1, 9), two = batch_join(b, NULL, 1, 2),
             other = batch_join(b, NULL, 2, 1);

    add(nine, 1000, 1);
    add(two, 1000, 2);
    add(two, 900, 3);
    add(other, 1000, 4);
    add(nine, 2000, 5);
    add(two, 2000, 6);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(order_of(sizes[i], got), 6);
        assert_memory_equal(got, wanted, sizeof wanted);
    }
    assert_int_equal(b->part[two].newest_at, 2000);
    assert_int_equal(batch_row_values(b, b->part[two].newest, got), 2);
    assert_true(got[0] == 6 && got[1] == -6);
}

static void a_refused_row_is_left_out(void **state)
{
    (void)state;
    double got[10];
    uint32_t p = batch_join(b, NULL, 1, 1);

    for (int i = 1; i <= 3; i++)
        add(p, i, i);
    b->row[0].refused = b->row[2].refused = true;
    assert_int_equal(order_of(65536, got), 1);
    assert_true(got[0] == 2);
}

static void the_body_says_how_far_each_device_is(void **state)
{
    (void)state;
    struct pile body = { 0 };
    const char *p;

    batch_join(b, NULL, 1, 5);
    batch_join(b, NULL, 3, -6);
    batch_count(b, 0, 17, 900, 0);
    batch_count(b, 1, 1, 1, 0);
    batch_count(b, 0, 18, 2, 0);
    assert_true(batch_body(b, &body));
    assert_int_equal(body.len, COPY_HEAD_LEN + 2 + 20 + 4 + 2 * BATCH_BODY_ENTRY + 2);
    p = body.data + COPY_HEAD_LEN + 2 + 20 + 4;
    assert_int_equal(get32(p), 1);
    assert_int_equal(get64(p + 4), 5);
    assert_int_equal(get64(p + 12), 18);
    assert_int_equal(get64(p + 20), 2);
    assert_int_equal(get32(p + 28), 3);
    assert_int_equal((int64_t)get64(p + 32), -6);
    assert_int_equal(b->messages, 3);
    free(body.data);
}

static void a_journal_line_comes_back_as_it_went_in(void **state)
{
    (void)state;
    const struct ingest_entry log = { .seq = 4,
                                      .at = 1790000000123,
                                      .level = 3,
                                      .source = "s",
                                      .text = "t\xc3\xa9",
                                      .fields = "{\"a\":1}" };
    const struct ingest_entry event = { .seq = 5, .at = -5, .event = true, .name = "boot" };
    struct batch_line_view v;

    batch_join(b, NULL, 1, 5);
    assert_true(batch_entry(b, 0, &log));
    assert_true(batch_entry(b, 0, &event));
    batch_line_read(b, 0, &v);
    assert_int_equal(v.at, 1790000000123);
    assert_int_equal(v.level, 3);
    assert_false(v.event);
    assert_null(v.name.at);
    assert_int_equal(v.text.len, 3);
    assert_memory_equal(v.text.at, "t\xc3\xa9", 3);
    assert_int_equal(v.fields.len, 7);
    assert_memory_equal(v.fields.at, "{\"a\":1}", 7);
    batch_line_read(b, 1, &v);
    assert_true(v.event);
    assert_memory_equal(v.name.at, "boot", 4);
    assert_int_equal(v.text.len, 0);
    assert_null(v.fields.at);
}

static void tokens_differ_and_are_version_4(void **state)
{
    (void)state;
    unsigned char before[16];

    memcpy(before, b->id, 16);
    batch_reset(b, 8);
    assert_memory_not_equal(before, b->id, 16);
    assert_int_equal(b->id[6] >> 4, 4);
    assert_int_equal(b->id[8] >> 6, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_row_is_what_copy_wants),
        CASE(rows_go_out_by_device_in_the_order_they_came),
        CASE(a_refused_row_is_left_out),
        CASE(the_body_says_how_far_each_device_is),
        CASE(a_journal_line_comes_back_as_it_went_in),
        CASE(tokens_differ_and_are_version_4),
    };

    return cmocka_run_group_tests_name("ingest_batch", tests, NULL, NULL);
}
