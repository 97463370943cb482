// SPDX-License-Identifier: Apache-2.0

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "history/minute.h"
#include "test.h"

#define ROWS    4000
#define METRICS 3
#define HOUR    (1790000000000LL / CHUNK_SPAN_MS * CHUNK_SPAN_MS)

static struct squeezer *z;
static struct packer *packer;
static struct minutes_packed *out;
static int64_t t[ROWS];
static double v[ROWS * METRICS];
static uint64_t seed = 0x2545f4914f6cdd1d;

static int open_all(void **state)
{
    (void)state;
    z = squeezer_new();
    packer = packer_new();
    out = malloc(sizeof *out);
    return z && packer && out ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    squeezer_free(z);
    packer_free(packer);
    free(out);
    return 0;
}

static uint64_t chance(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static int by_time(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

// n messages somewhere in the hour; metric 0 decimals, 1 any bits that are a number, 2 a counter.
static struct chunk_source messages(size_t n)
{
    for (size_t i = 0; i < n; i++)
        t[i] = HOUR + (int64_t)(chance() % (uint64_t)CHUNK_SPAN_MS);
    qsort(t, n, sizeof *t, by_time);
    for (size_t i = 0; i < n; i++) {
        v[i * METRICS] = (double)(int64_t)(chance() % 2001 - 1000) / 100;
        v[i * METRICS + 1] = ldexp((double)(int64_t)chance(), (int)(chance() % 60) - 50);
        v[i * METRICS + 2] = (double)i;
    }
    return (struct chunk_source){ HOUR, n, METRICS, t, v };
}

static struct minutes_source source(size_t messages, size_t metric)
{
    return (struct minutes_source){
        .times = out->body,
        .times_len = (size_t)out->ends[0],
        .points = out->body + out->ends[metric],
        .points_len = (size_t)(out->ends[metric + 1] - out->ends[metric]),
        .messages = messages,
        .count = out->count,
        .hour = HOUR,
    };
}

static void pack(const struct chunk_source *from)
{
    struct chunk_packed packed;

    assert_true(chunk_pack(packer, from, &packed));
    minutes_pack(z, from, &packed, out);
    assert_int_equal((size_t)out->ends[METRICS], out->len);
}

// By the plainest way there is.
static void same_as_messages(const struct minute_sum *m, size_t n, size_t metric)
{
    struct minute_sum want = { 0 };

    for (size_t i = 0; i < n; i++) {
        double x = v[i * METRICS + metric];

        if (t[i] / MINUTE_MS != m->last_at / MINUTE_MS)
            continue;
        want.low = want.count && want.low < x ? want.low : x;
        want.high = want.count && want.high > x ? want.high : x;
        want.total += x;
        want.final = x;
        want.last_at = t[i];
        want.count++;
    }
    assert_memory_equal(m, &want, sizeof want);
}

static void minutes_are_those_of_the_messages(void **state)
{
    (void)state;
    for (size_t n = 1; n <= ROWS; n += n / 3 + 1) {
        struct chunk_source from = messages(n);

        pack(&from);
        for (size_t metric = 0; metric < METRICS; metric++) {
            struct minutes_source source_of = source(n, metric);
            struct minute_sum sums[MINUTES];
            int64_t count = 0;

            assert_true(minutes_read(z, &source_of, sums));
            for (size_t k = 0; k < out->count; k++) {
                same_as_messages(&sums[k], n, metric);
                count += sums[k].count;
                assert_true(k == 0 ||
                            sums[k].last_at / MINUTE_MS > sums[k - 1].last_at / MINUTE_MS);
            }
            assert_int_equal(count, n);
        }
    }
}

static void a_message_a_minute_is_the_chunk_itself(void **state)
{
    (void)state;
    struct chunk_source from = messages(60);
    struct minute_sum sums[MINUTES];

    for (size_t i = 0; i < 60; i++)
        t[i] = HOUR + (int64_t)i * MINUTE_MS + 17;
    pack(&from);
    assert_int_equal(out->count, 60);
    assert_ptr_not_equal(out->body, out->own);
    struct minutes_source source_of = source(60, 1);
    assert_true(minutes_read(z, &source_of, sums));
    for (size_t i = 0; i < 60; i++)
        same_as_messages(&sums[i], 60, 1);
}

static void what_overflows_is_told_as_it_is(void **state)
{
    (void)state;
    struct chunk_source from = messages(600);
    struct minute_sum sums[MINUTES];

    for (size_t i = 0; i < 600; i++)
        v[i * METRICS] = i % 2 ? -1.7e308 : i % 3 ? 1.7e308 : 5e-324;
    pack(&from);
    struct minutes_source source_of = source(600, 0);
    assert_true(minutes_read(z, &source_of, sums));
    for (size_t k = 0; k < out->count; k++)
        assert_true(sums[k].low <= sums[k].high && isfinite(sums[k].low) && isfinite(sums[k].high));
}

// Each copy is as long as it says: a sanitizer sees one byte too many.
static bool read_copy(struct minutes_source from)
{
    struct minute_sum sums[MINUTES];
    char *times = malloc(from.times_len + 1), *points = malloc(from.points_len + 1);
    bool good;

    assert_true(times && points);
    memcpy(times + 1, from.times, from.times_len);
    memcpy(points + 1, from.points, from.points_len);
    from.times = times + 1;
    from.points = points + 1;
    good = minutes_read(z, &from, sums);
    free(times);
    free(points);
    return good;
}

static void bytes_that_are_no_minutes_are_refused(void **state)
{
    (void)state;
    struct chunk_source from = messages(1000);
    struct minutes_source good, bad;

    pack(&from);
    good = source(1000, 0);
    assert_true(read_copy(good));
    for (size_t cut = 0; cut < good.times_len; cut++) {
        bad = good;
        bad.times_len = cut;
        assert_false(read_copy(bad));
    }
    for (size_t cut = 0; cut < good.points_len; cut++) {
        bad = good;
        bad.points_len = cut;
        assert_false(read_copy(bad));
    }
    for (size_t i = 0; i < 5000; i++) { // any byte may be any other: no crash, whatever it says
        char *at = out->own + chance() % out->len, was = *at;

        *at = (char)chance();
        (void)read_copy(good);
        *at = was;
    }
    for (size_t n = 0; n < 70; n++) {
        bad = good;
        bad.count = n;
        assert_true(read_copy(bad) == (n == good.count));
    }
    bad = good;
    bad.messages = 999;
    assert_false(read_copy(bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minutes_are_those_of_the_messages),
        cmocka_unit_test(a_message_a_minute_is_the_chunk_itself),
        cmocka_unit_test(what_overflows_is_told_as_it_is),
        cmocka_unit_test(bytes_that_are_no_minutes_are_refused),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
