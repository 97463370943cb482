// SPDX-License-Identifier: Apache-2.0
//
// threaded

#include "device/roster.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "fake_store.h"
#include "test.h"

DEFINE_AUTO(struct roster *, roster_freep, roster_free)

static struct roster *empty(void)
{
    struct roster *r = NULL;
    struct fault f = { 0 };

    store_will("roster_page", RC_OK, &no_rows);
    assert_int_equal(roster_load(NULL, &r, &f), RC_OK);
    store_was_asked();
    return r;
}

// Different for every n; the first bytes, which place it, spread as a hash's do.
static struct roster_entry entry(uint64_t n)
{
    struct roster_entry e = { .catalog = (int32_t)(n % 7) + 1,
                              .device = (int64_t)n << 20,
                              .lifecycle = (enum device_lifecycle)(n % 3) };
    uint64_t h = n * 0x9e3779b97f4a7c15u;

    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
    memcpy(e.id, &h, 8);
    memcpy(e.id + 8, &n, 8);
    return e;
}

static void what_was_put_is_found_with_all_it_says(void **state)
{
    (void)state;
    auto_with(roster_freep) struct roster *r = empty();
    struct roster_entry e = entry(5), found;

    e.refused_before = 1790000000;
    roster_put(r, &e);
    assert_true(roster_find(r, e.id, &found));
    assert_memory_equal(found.id, e.id, 16);
    assert_int_equal(found.catalog, e.catalog);
    assert_int_equal(found.device, e.device);
    assert_int_equal(found.refused_before, 1790000000);
    assert_int_equal(found.lifecycle, e.lifecycle);
    e.id[15] ^= 1;
    assert_false(roster_find(r, e.id, &found));
}

static void putting_again_replaces_but_a_refusal_stays(void **state)
{
    (void)state;
    auto_with(roster_freep) struct roster *r = empty();
    struct roster_entry e = entry(1), found;

    e.refused_before = 100;
    roster_put(r, &e);
    e.refused_before = 50;
    e.lifecycle = DEVICE_RETIRED;
    roster_put(r, &e);
    assert_true(roster_find(r, e.id, &found));
    assert_int_equal(found.refused_before, 100);
    assert_int_equal(found.lifecycle, DEVICE_RETIRED);
}

#define MANY 20000

static void puts_in_any_order_agree_with_a_plain_list(void **state)
{
    (void)state;
    auto_with(roster_freep) struct roster *r = empty();
    static bool in[MANY];
    uint32_t seed = 42;

    for (int step = 0; step < MANY; step++) { // about a third of them never comes
        seed = seed * 1664525 + 1013904223;
        unsigned n = (seed >> 8) % MANY;
        struct roster_entry e = entry(n), found;
        assert_int_equal(roster_find(r, e.id, &found), in[n]);
        roster_put(r, &e);
        in[n] = true;
    }
    for (unsigned n = 0; n < MANY; n++) {
        struct roster_entry e = entry(n), found;
        assert_int_equal(roster_find(r, e.id, &found), in[n]);
    }
}

static void ids_that_share_a_place_do_not_hide_each_other(void **state)
{
    (void)state;
    auto_with(roster_freep) struct roster *r = empty();
    struct roster_entry e = { .catalog = 1 }, found;

    memset(e.id, 0xff, 8); // the last slot: the row of them goes on at the first
    for (uint8_t n = 1; n < 40; n += 2) {
        e.id[8] = n;
        e.device = n;
        roster_put(r, &e);
    }
    for (uint8_t n = 0; n < 40; n++) {
        e.id[8] = n;
        assert_int_equal(roster_find(r, e.id, &found), n % 2);
        if (n % 2)
            assert_int_equal(found.device, n);
    }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static size_t allocated(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static void an_entry_costs_at_most_64_bytes(void **state)
{
    (void)state;
    size_t before = allocated();
    auto_with(roster_freep) struct roster *r = empty();

    for (uint64_t n = 1; n <= 300000; n++) {
        struct roster_entry e = entry(n);
        roster_put(r, &e);
        if (n >= 1000 && n % 1000 == 0)
            assert_true((allocated() - before) / n <= 64);
    }
}
#endif

// ---------------------------------------------------------------- threads

static struct roster *shared;
static atomic_bool done;

static void *read_all(void *unused)
{
    (void)unused;
    struct roster_entry e, found;

    while (!atomic_load(&done))
        for (uint64_t n = 0; n < 100; n++) {
            e = entry(n);
            assert_true(roster_find(shared, e.id, &found));
            assert_int_equal(found.device, e.device);
        }
    return NULL;
}

static void readers_find_theirs_while_others_come(void **state)
{
    (void)state;
    auto_with(roster_freep) struct roster *r = empty();
    pthread_t readers[2];
    struct roster_entry e;

    shared = r;
    for (uint64_t n = 0; n < 100; n++) {
        e = entry(n);
        roster_put(r, &e);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all, NULL), 0);
    for (uint64_t n = 100; n < 5100; n++) {
        e = entry(n);
        roster_put(r, &e);
    }
    atomic_store(&done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
}

// ---------------------------------------------------------------- loading

static const char *const columns[] = { "catalog",   "device",         "id",
                                       "lifecycle", "refused_before", NULL };

static void every_device_of_the_database_is_on_it(void **state)
{
    (void)state;
    static const char *const cells[] = { "1", "100", "00112233445566778899aabbccddeeff", "1", NULL,
                                         "2", "200", "ff112233445566778899aabbccddeeff", "0", "9" };
    static const struct rows two = { 2, columns, cells };
    static const uint8_t id[16] = { 0xff, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
    struct roster *r = NULL;
    struct roster_entry e;
    struct fault f = { 0 };

    store_will("roster_page", RC_OK, &two);
    assert_int_equal(roster_load(NULL, &r, &f), RC_OK);
    assert_true(roster_find(r, id, &e));
    assert_int_equal(e.device, 200);
    assert_int_equal(e.refused_before, 9);
    roster_free(r);
    store_was_asked();
}

static void a_database_that_is_away_gives_no_roster(void **state)
{
    (void)state;
    struct roster *r = NULL;
    struct fault f = { 0 };

    store_will("roster_page", RC_UNAVAILABLE, NULL);
    assert_int_equal(roster_load(NULL, &r, &f), RC_UNAVAILABLE);
    assert_null(r);
    store_was_asked();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_with_all_it_says),
        cmocka_unit_test(putting_again_replaces_but_a_refusal_stays),
        cmocka_unit_test(puts_in_any_order_agree_with_a_plain_list),
        cmocka_unit_test(ids_that_share_a_place_do_not_hide_each_other),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(an_entry_costs_at_most_64_bytes),
#endif
        cmocka_unit_test(readers_find_theirs_while_others_come),
        cmocka_unit_test(every_device_of_the_database_is_on_it),
        cmocka_unit_test(a_database_that_is_away_gives_no_roster),
    };
    return cmocka_run_group_tests_name("roster", tests, NULL, NULL);
}
