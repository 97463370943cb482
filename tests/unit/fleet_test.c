// threaded
// SPDX-License-Identifier: Apache-2.0
//
// Last values in memory, their percentiles, and how people say when.

#include "telemetry/fleet.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/bus.h"
#include "device/device.h"
#include "fake_store.h"
#include "telemetry/range.h"
#include "telemetry/spread.h"
#include "test.h"

DEFINE_AUTO(struct fleet *, fleet_freep, fleet_free)

static const char *const two[] = { "temp", "load" };
static const char *const one[] = { "temp" };

static bool same(double a, double b)
{
    return !(a < b) && !(a > b);
}

struct heard {
    size_t count;
    double sum;
    int64_t newest;
};

static void hear(void *ctx, size_t index, const struct fleet_value *v)
{
    struct heard *h = ctx;

    (void)index;
    h->count++;
    h->sum += v->value;
    h->newest = v->at > h->newest ? v->at : h->newest;
}

static struct heard ask(struct fleet *f, int32_t catalog, const char *metric, int64_t since)
{
    struct heard h = { 0 };

    fleet_each(f, catalog, metric, since, hear, &h);
    return h;
}

static void put(struct fleet *f, int64_t device, int64_t at, double temp)
{
    fleet_put(f, 1, device, at, two, (const double[]){ temp, 1 }, 2);
}

static void the_newest_value_of_each_device_counts(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(FLEET_BYTES_MAX);

    put(f, 7, 1000, 20);
    put(f, 8, 1000, 30);
    put(f, 7, 2000, 40);
    put(f, 7, 1500, 99); // late
    assert_int_equal(ask(f, 1, "temp", 0).count, 2);
    assert_true(same(ask(f, 1, "temp", 0).sum, 70));
    assert_int_equal(ask(f, 1, "temp", 1500).count, 1);
    assert_int_equal(fleet_newest(f, 1, "load"), 2000);
}

static void what_is_not_there_is_not_told(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(FLEET_BYTES_MAX);

    put(f, 7, 1000, 20);
    put(f, 8, 1000, (double)NAN);
    put(f, 0, 1000, 5);
    assert_int_equal(ask(f, 1, "temp", 0).count, 1);
    assert_int_equal(ask(f, 1, "humidity", 0).count, 0);
    assert_int_equal(ask(f, 2, "temp", 0).count, 0);
    assert_int_equal(fleet_newest(f, 2, "temp"), 0);
}

static void a_device_with_several_lists_of_names_counts_once(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(FLEET_BYTES_MAX);

    put(f, 7, 1000, 20);
    fleet_put(f, 1, 7, 3000, one, (const double[]){ 50 }, 1);
    put(f, 8, 1000, 1);
    assert_int_equal(ask(f, 1, "temp", 0).count, 2);
    assert_true(same(ask(f, 1, "temp", 0).sum, 51));
    put(f, 7, 4000, 60);
    assert_true(same(ask(f, 1, "temp", 0).sum, 61));
    assert_int_equal(ask(f, 1, "load", 0).count, 2);
}

static void those_of_a_list_are_told_by_their_place(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(FLEET_BYTES_MAX);
    const int64_t wanted[] = { 9, 7, 12345 };
    struct heard h = { 0 };

    for (int i = 1; i < 10; i++)
        put(f, i, 1000, i);
    fleet_some(f, 1, "temp", 0, wanted, 3, hear, &h);
    assert_int_equal(h.count, 2);
    assert_true(same(h.sum, 16));
}

static void a_device_that_retires_is_forgotten_until_it_speaks(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(FLEET_BYTES_MAX);
    struct bus_event e = {
        .kind = BUS_DEVICE, .catalog = 1, .device = 7, .id = "x", .lifecycle = DEVICE_CLAIMED
    };

    put(f, 7, 1000, 20);
    fleet_take(f, &e);
    assert_int_equal(ask(f, 1, "temp", 0).count, 1);
    e.lifecycle = DEVICE_RETIRED;
    fleet_take(f, &e);
    assert_int_equal(ask(f, 1, "temp", 0).count, 0);
    put(f, 7, 500, 21);
    assert_int_equal(ask(f, 1, "temp", 0).count, 1);
}

static void many_devices_fill_many_pages(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(FLEET_BYTES_MAX);

    for (int i = 1; i <= 3 * FLEET_PAGE + 1; i++)
        put(f, (int64_t)i << 22, i, 1);
    assert_int_equal(ask(f, 1, "temp", 0).count, 3 * FLEET_PAGE + 1);
    assert_false(fleet_is_full(f));
}

static void memory_ends_where_it_was_said(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(1 << 20);

    for (int i = 1; i <= 100000; i++)
        put(f, i, 1000, 1);
    assert_true(fleet_is_full(f));
    assert_in_range(ask(f, 1, "temp", 0).count, 1, 50000);
    put(f, 1, 2000, 2); // who has a place keeps it
    assert_int_equal(ask(f, 1, "temp", 2000).count, 1);
}

static void a_device_that_invents_lists_fills_only_its_share(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(FLEET_BYTES_MAX);
    char name[20];
    const char *names[] = { name };

    for (int i = 0; i < FLEET_PER_DEVICE + 50; i++) {
        snprintf(name, sizeof name, "n%d", i);
        fleet_put(f, 1, 7, 1000, names, (const double[]){ 1 }, 1);
    }
    assert_int_equal(ask(f, 1, "n0", 0).count, 1);
    assert_int_equal(ask(f, 1, "n170", 0).count, 0);
    assert_true(fleet_is_full(f));
}

static void *write_some(void *arg)
{
    for (int round = 1; round <= 20; round++)
        for (int i = 1; i <= 500; i++)
            put(arg, i, round, round);
    return NULL;
}

static void writers_and_askers_do_not_disturb_each_other(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(FLEET_BYTES_MAX);
    pthread_t writers[2];

    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_some, f), 0);
    for (int i = 0; i < 50; i++)
        assert_in_range(ask(f, 1, "temp", 0).count, 0, 500);
    for (int i = 0; i < 2; i++)
        pthread_join(writers[i], NULL);
    assert_int_equal(ask(f, 1, "temp", 20).count, 500);
}

static void last_values_of_before_are_read_at_the_start(void **state)
{
    (void)state;
    auto_with(fleet_freep) struct fleet *f = fleet_new(FLEET_BYTES_MAX);
    static const char *const device_columns[] = { "catalog", "device", "t", "shape", "vals", NULL };
    static const char *const device_cells[] = { "1", "7", "1000", "4",  "{20.5,1}",
                                                "1", "8", "1000", "4",  "{NaN,1}",
                                                "1", "9", NULL,   NULL, NULL };
    static const char *const name_columns[] = { "name", NULL };
    static const char *const name_cells[] = { "temp", "load" };
    static const struct rows devices = { 3, device_columns, device_cells };
    static const struct rows names = { 2, name_columns, name_cells };

    store_will("fleet_load", RC_OK, &devices);
    store_will("fleet_shape", RC_OK, &names);
    assert_int_equal(fleet_start(f, NULL, NULL), RC_OK);
    for (int i = 0; i < 3000 && fleet_is_loading(f); i++)
        usleep(10000);
    fleet_stop(f);
    store_was_asked();
    assert_false(fleet_is_loading(f));
    assert_int_equal(ask(f, 1, "temp", 0).count, 1);
    assert_int_equal(ask(f, 1, "load", 0).count, 2);
}

// ---------------------------------------------------------------- percentiles

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void a_percentile_is_the_value_of_its_rank(void **state)
{
    (void)state;
    static const double shares[] = { 0, 0.01, 0.5, 0.95, 0.99, 1 };
    uint32_t seed = 3;

    for (size_t n = 1; n < 300; n += n < 20 ? 1 : 37) {
        struct spread s = { 0 };
        double sorted[300];

        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            sorted[i] = seed >> (n % 2 ? 16 : 29); // with and without many equal ones
            assert_true(spread_add(&s, sorted[i]));
        }
        qsort(sorted, n, sizeof *sorted, by_value);
        for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
            double rank = ceil(shares[k] * (double)n);
            size_t place = rank < 1 ? 0 : (size_t)rank - 1;

            assert_true(same(spread_at(&s, shares[k]), sorted[place]));
        }
        spread_done(&s);
    }
}

// ---------------------------------------------------------------- times

static void times_are_read_as_people_say_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t is;
    } cases[] = {
        { "now", 1790000000000 },
        { "-24h", 1790000000000 - DAY_MS },
        { "-2w", 1790000000000 - 14 * DAY_MS },
        { "-90s", 1790000000000 - 90000 },
        { "-3000d", 1790000000000 - 3000 * DAY_MS },
        { "0", 0 },
        { "1790000000001", 1790000000001 },
        { "1970-01-02T00:00:00Z", DAY_MS },
        { "1970-01-02T00:00:00.25Z", DAY_MS + 250 },
        { "1970-01-02T00:00:00.123999Z", DAY_MS + 123 },
    };
    static const char *const wrong[] = {
        "",
        "-",
        "-h",
        "24h",
        "-24",
        "-24x",
        "-24hh",
        "tomorrow",
        "1e3",
        " 1",
        "-99999999999d",
        "1969-12-31T23:59:59Z",
        "2026-11-22",
        "2026-11-22T10:00:00+01:00",
        "999999999999999999999",
        "-1790000000000",
    };
    int64_t at;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(range_time(cases[i].text, 1790000000000, &at));
        assert_int_equal(at, cases[i].is);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (range_time(wrong[i], 1790000000000, &at))
            fail_msg("'%s' was taken for a time", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_value_of_each_device_counts),
        cmocka_unit_test(what_is_not_there_is_not_told),
        cmocka_unit_test(a_device_with_several_lists_of_names_counts_once),
        cmocka_unit_test(those_of_a_list_are_told_by_their_place),
        cmocka_unit_test(a_device_that_retires_is_forgotten_until_it_speaks),
        cmocka_unit_test(many_devices_fill_many_pages),
        cmocka_unit_test(memory_ends_where_it_was_said),
        cmocka_unit_test(a_device_that_invents_lists_fills_only_its_share),
        cmocka_unit_test(writers_and_askers_do_not_disturb_each_other),
        cmocka_unit_test(last_values_of_before_are_read_at_the_start),
        cmocka_unit_test(a_percentile_is_the_value_of_its_rank),
        cmocka_unit_test(times_are_read_as_people_say_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
