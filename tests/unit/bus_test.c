// SPDX-License-Identifier: Apache-2.0

// threaded

#include "core/bus.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/rc.h"
#include "test.h"

struct heard {
    atomic_int count;
    enum bus_kind last;
};

static void hear(void *ctx, const struct bus_event *e)
{
    struct heard *h = ctx;

    atomic_fetch_add(&h->count, 1);
    if (e->kind == BUS_REVOKE)
        h->last = e->kind;
}

static void every_sink_hears_every_event(void **state)
{
    (void)state;
    struct bus *b = bus_new();
    struct heard first = { 0 }, second = { 0 };

    bus_publish(b, &(struct bus_event){ .kind = BUS_STATE }); // nobody listens yet
    bus_subscribe(b, hear, &first);
    bus_subscribe(b, hear, &second);
    bus_publish(b, &(struct bus_event){ .kind = BUS_STATE });
    bus_publish(b, &(struct bus_event){ .kind = BUS_REVOKE });
    assert_int_equal(atomic_load(&first.count), 2);
    assert_int_equal(atomic_load(&second.count), 2);
    assert_int_equal(second.last, BUS_REVOKE);
    bus_free(b);
}

static void without_a_bus_nothing_happens(void **state)
{
    (void)state;
    bus_publish(NULL, &(struct bus_event){ .kind = BUS_STATE });
    bus_free(NULL);
}

static void *publish_many(void *b)
{
    for (int i = 0; i < 1000; i++)
        bus_publish(b, &(struct bus_event){ .kind = BUS_READING });
    return NULL;
}

static void any_thread_may_publish(void **state)
{
    (void)state;
    struct bus *b = bus_new();
    struct heard h = { 0 };
    pthread_t threads[4];

    bus_subscribe(b, hear, &h);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, publish_many, b), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&h.count), 4000);
    bus_free(b);
}

#undef fail // cmocka's

static void a_fault_is_filled_in_and_cut_to_its_room(void **state)
{
    (void)state;
    struct fault f = { 0 };
    char text[400];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(fail(&f, RC_LIMIT, "%d of %s", 3, "4"), RC_LIMIT);
    assert_int_equal(f.rc, RC_LIMIT);
    assert_string_equal(f.text, "3 of 4");
    assert_int_equal(fail(&f, RC_INVALID, "%s", text), RC_INVALID);
    assert_int_equal(strlen(f.text), sizeof f.text - 1);
    assert_int_equal(fail(NULL, RC_DENIED, "nobody reads this"), RC_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sink_hears_every_event),
        cmocka_unit_test(without_a_bus_nothing_happens),
        cmocka_unit_test(any_thread_may_publish),
        cmocka_unit_test(a_fault_is_filled_in_and_cut_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
