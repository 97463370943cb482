// SPDX-License-Identifier: Apache-2.0
//
// threaded

#include "core/nap.h"

#include "core/clock.h"
#include "test.h"

#define LONG_MS 60000

static void a_nap_lasts_as_long_as_it_was_to(void **state)
{
    (void)state;
    struct nap n;
    int64_t before = clock_mono_ms();

    nap_init(&n);
    assert_true(nap_take(&n, 20));
    assert_true(clock_mono_ms() - before >= 19);
    nap_done(&n);
}

static void a_wake_before_the_nap_ends_that_one_and_no_other(void **state)
{
    (void)state;
    struct nap n;
    int64_t before;

    nap_init(&n);
    nap_wake(&n);
    assert_true(nap_take(&n, LONG_MS));
    before = clock_mono_ms();
    assert_true(nap_take(&n, 20));
    assert_true(clock_mono_ms() - before >= 19);
    nap_done(&n);
}

static void *naps_until_stopped(void *arg)
{
    struct nap *n = arg;

    while (nap_take(n, LONG_MS))
        ;
    return NULL;
}

static void whoever_sleeps_is_woken_to_stop(void **state)
{
    (void)state;
    struct nap n;
    pthread_t thread;

    nap_init(&n);
    assert_false(nap_is_stopped(&n));
    assert_int_equal(pthread_create(&thread, NULL, naps_until_stopped, &n), 0);
    nap_wake(&n);
    nap_stop(&n);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(nap_is_stopped(&n));
    assert_false(nap_take(&n, LONG_MS));
    nap_done(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nap_lasts_as_long_as_it_was_to),
        cmocka_unit_test(a_wake_before_the_nap_ends_that_one_and_no_other),
        cmocka_unit_test(whoever_sleeps_is_woken_to_stop),
    };

    return cmocka_run_group_tests_name("nap", tests, NULL, NULL);
}
