// SPDX-License-Identifier: Apache-2.0

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "history/chunk.h"
#include "test.h"

#define MOST 5000
#define HOUR 1790000000000LL / CHUNK_SPAN_MS *CHUNK_SPAN_MS

static struct squeezer *z;
static double values[MOST], back[MOST];
static int64_t numbers[MOST], numbers_back[MOST];
static char packed[COLUMN_BOUND(MOST)];
static uint64_t seed = 0x9e3779b97f4a7c15;

static int open_squeezer(void **state)
{
    (void)state;
    z = squeezer_new();
    return z ? 0 : -1;
}

static int close_squeezer(void **state)
{
    (void)state;
    squeezer_free(z);
    return 0;
}

static uint64_t chance(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double part(void) // 0…1
{
    return (double)(chance() >> 11) / (double)(1ull << 53);
}

static double of_bits(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

// ---------------------------------------------------------------- what telemetry looks like

static double constant(double before)
{
    return before;
}

static double counter(double before)
{
    return before + (double)(chance() % 2000);
}

static double steady(double before)
{
    return before + 1.01;
}

static double huge_counter(double before)
{
    return fabs(before) < 0x1p62 ? 0x1p62 : before + 0x1p12 * (double)(chance() % 9);
}

static double past_int64(double before)
{
    return fabs(before) < 0x1p63 ? 0x1p63 : before * (chance() % 2 ? 1 : -1);
}

static double hundredths(double before)
{
    (void)before;
    return (double)((int64_t)(chance() % 10000) - 5000) / 100;
}

static double ratio(double before)
{
    (void)before;
    return (double)(chance() % 200) / (double)(198 + chance() % 4);
}

static double noise(double before)
{
    (void)before;
    return part() * 100;
}

static double any_bits(double before)
{
    double v = of_bits(chance());

    return isfinite(v) ? v : before;
}

static double odd_ones(double before)
{
    static const double odd[] = { 0,       -0.0,    DBL_MAX, -DBL_MAX, DBL_MIN, 5e-324,
                                  -5e-324, 0x1p53,  0x1p63,  -0x1p63,  1e-300,  0.1,
                                  1e22,    1 / 3.0, 9.2e18,  -9.3e18,  1e12,    123456.789 };

    (void)before;
    return odd[chance() % (sizeof odd / sizeof *odd)];
}

static double mostly_zero(double before)
{
    (void)before;
    return chance() % 50 ? 0 : chance() % 2 ? -0.0 : part();
}

static double (*const kinds[])(double) = { constant,   counter,    steady,     huge_counter,
                                           past_int64, hundredths, ratio,      noise,
                                           any_bits,   odd_ones,   mostly_zero };
#define KINDS (sizeof kinds / sizeof *kinds)

static void fill(size_t kind, size_t n)
{
    double v = chance() % 3 ? (double)(chance() % 1000) : any_bits(0);

    for (size_t i = 0; i < n; i++)
        values[i] = v = kinds[kind](isfinite(v) ? v : 0);
}

static void check_reals(size_t n)
{
    size_t len = column_put_reals(z, values, n, packed);

    assert_in_range(len, 1, COLUMN_BOUND(n));
    memset(back, 0x55, n * sizeof *back);
    assert_true(column_reals(z, packed, len, n, back));
    assert_memory_equal(back, values, n * sizeof *values);
}

static void every_value_comes_back_bit_by_bit(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        size_t n = round % 3 ? 1 + chance() % 100 : 1 + chance() % MOST;

        for (size_t kind = 0; kind < KINDS; kind++) {
            fill(kind, n);
            check_reals(n);
        }
    }
}

static void kinds_that_alternate_come_back_too(void **state)
{
    (void)state;
    for (int round = 0; round < 500; round++) {
        size_t n = 1 + chance() % 300;
        double v = 1;

        for (size_t i = 0; i < n; i++) {
            v = kinds[chance() % KINDS](v);
            values[i] = v = isfinite(v) ? v : 0;
        }
        check_reals(n);
    }
}

static void every_whole_number_comes_back(void **state)
{
    (void)state;
    for (int round = 0; round < 500; round++) {
        size_t n = 1 + chance() % 300, len;
        unsigned shift = (unsigned)(chance() % 64);

        for (size_t i = 0; i < n; i++)
            numbers[i] = (int64_t)(chance() >> shift);
        len = column_put_ints(z, numbers, n, packed);
        assert_true(column_ints(z, packed, len, n, numbers_back));
        assert_memory_equal(numbers, numbers_back, n * sizeof *numbers);
    }
}

static void what_hardly_changes_takes_hardly_any_room(void **state)
{
    (void)state;
    fill(0, 3600);
    assert_in_range(column_put_reals(z, values, 3600, packed), 1, 9);
    values[0] = 1e9;
    for (size_t i = 1; i < 3600; i++)
        values[i] = values[i - 1] + 10;
    assert_in_range(column_put_reals(z, values, 3600, packed), 1, 100);
    for (size_t i = 0; i < 3600; i++)
        values[i] = hundredths(0);
    assert_in_range(column_put_reals(z, values, 3600, packed), 1, 3600 * 5 / 2);
}

// ---------------------------------------------------------------- bytes from elsewhere

static void a_column_that_was_cut_short_is_refused(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        size_t len;

        fill(kind, 100);
        len = column_put_reals(z, values, 100, packed);
        for (size_t cut = 0; cut < len; cut++)
            assert_false(column_reals(z, packed, cut, 100, back));
    }
}

static void a_column_of_another_length_is_refused(void **state)
{
    (void)state;
    for (size_t kind = 1; kind < KINDS; kind++) {
        size_t len;

        fill(kind, 100);
        values[0] = 3; // so that no kind is all the same
        values[1] = 4;
        len = column_put_reals(z, values, 100, packed);
        assert_false(column_reals(z, packed, len, 99, back));
        assert_false(column_reals(z, packed, len, 101, back));
        assert_false(column_reals(z, packed, len, 0, back));
        assert_false(column_reals(z, packed, len, COLUMN_ROWS_MAX + 1, back));
    }
}

static void altered_bytes_harm_nobody(void **state)
{
    (void)state;
    for (int round = 0; round < 3000; round++) {
        size_t n = 1 + chance() % 200, len;

        fill((size_t)round % KINDS, n);
        len = column_put_reals(z, values, n, packed);
        for (int k = 0; k < 3; k++)
            packed[chance() % len] ^= (char)(1 << chance() % 8);
        (void)column_reals(z, packed, len, n, back);
        (void)column_ints(z, packed, len, n, numbers_back);
    }
}

static void a_frame_that_would_unfold_without_end_is_refused(void **state)
{
    (void)state;
    size_t len;

    for (size_t i = 0; i < MOST; i++)
        values[i] = (double)(i % 2);
    len = column_put_reals(z, values, MOST, packed);
    assert_true(len < 100);
    assert_false(column_reals(z, packed, len, 10, back));
}

// ---------------------------------------------------------------- chunks

#define ROWS    777
#define METRICS 9

static void one_metric_is_read_without_the_others(void **state)
{
    (void)state;
    static double v[ROWS * METRICS];
    static int64_t t[ROWS], times[ROWS];
    struct packer *p = packer_new();
    struct chunk_source from = { HOUR, ROWS, METRICS, t, v };
    struct chunk_packed out;

    assert_non_null(p);
    for (size_t i = 0; i < ROWS; i++) {
        t[i] = HOUR + (int64_t)i * 4000 + (int64_t)(chance() % 9);
        for (size_t k = 0; k < METRICS; k++)
            v[i * METRICS + k] = kinds[k](i ? v[(i - 1) * METRICS + k] : 5);
    }
    assert_true(chunk_pack(p, &from, &out));
    assert_int_equal(out.ends[METRICS], out.len);
    assert_true(chunk_times(z, out.body, (size_t)out.ends[0], ROWS, HOUR, times));
    assert_memory_equal(t, times, sizeof t);
    for (size_t k = 0; k < METRICS; k++) {
        size_t len = (size_t)(out.ends[k + 1] - out.ends[k]);
        char *alone = malloc(len); // nothing beside it, so that ASan would see

        memcpy(alone, out.body + out.ends[k], len);
        assert_true(chunk_column(z, alone, len, ROWS, back));
        for (size_t i = 0; i < ROWS; i++)
            assert_memory_equal(&back[i], &v[i * METRICS + k], sizeof(double));
        free(alone);
    }
    packer_free(p);
}

static void the_sums_are_those_of_the_values(void **state)
{
    (void)state;
    static const double v[] = { 3, 10, -1, 20, 7, 40 };
    static const int64_t t[] = { HOUR, HOUR + 1, HOUR + CHUNK_SPAN_MS - 1 };
    struct packer *p = packer_new();
    struct chunk_source from = { HOUR, 3, 2, t, v };
    struct chunk_packed out;

    assert_non_null(p);
    assert_true(chunk_pack(p, &from, &out));
    assert_true(out.sums[0].low == -1 && out.sums[0].high == 7 && out.sums[0].total == 9);
    assert_true(out.sums[0].squares == 59 && out.sums[0].final == 7);
    assert_true(out.sums[1].low == 10 && out.sums[1].high == 40 && out.sums[1].total == 70);
    packer_free(p);
}

static void times_out_of_order_or_hour_are_refused(void **state)
{
    (void)state;
    static const int64_t good[] = { 0, 5, 5, CHUNK_SPAN_MS - 1 };
    static const int64_t back_in_time[] = { 0, 5, 4, 6 };
    static const int64_t before[] = { -1, 5, 6, 7 };
    static const int64_t behind[] = { 0, 5, 6, CHUNK_SPAN_MS };
    const struct {
        const int64_t *t;
        bool good;
    } cases[] = { { good, true }, { back_in_time, false }, { before, false }, { behind, false } };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = column_put_ints(z, cases[i].t, 4, packed);

        assert_int_equal(chunk_times(z, packed, len, 4, HOUR, numbers_back), cases[i].good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back_bit_by_bit),
        cmocka_unit_test(kinds_that_alternate_come_back_too),
        cmocka_unit_test(every_whole_number_comes_back),
        cmocka_unit_test(what_hardly_changes_takes_hardly_any_room),
        cmocka_unit_test(a_column_that_was_cut_short_is_refused),
        cmocka_unit_test(a_column_of_another_length_is_refused),
        cmocka_unit_test(altered_bytes_harm_nobody),
        cmocka_unit_test(a_frame_that_would_unfold_without_end_is_refused),
        cmocka_unit_test(one_metric_is_read_without_the_others),
        cmocka_unit_test(the_sums_are_those_of_the_values),
        cmocka_unit_test(times_out_of_order_or_hour_are_refused),
    };

    return cmocka_run_group_tests(tests, open_squeezer, close_squeezer);
}
