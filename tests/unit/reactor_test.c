// SPDX-License-Identifier: Apache-2.0

#include "net/reactor.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static struct reactor *loop;

static int setup(void **state)
{
    struct fault f;

    (void)state;
    return reactor_open(&loop, &f) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    reactor_close(loop);
    return 0;
}

// ---------------------------------------------------------------- timers

static struct timer_queue soon, later;
static struct timer one, two, never;
static char order[8];
static int fired;

static void note_soon(struct timer *t)
{
    order[fired++] = t == &one ? '1' : '2';
}

static void note_later(struct timer *t)
{
    (void)t;
    order[fired++] = 'L';
    reactor_quit(loop);
}

static void timers_fire_in_order_once_and_not_when_disarmed(void **state)
{
    (void)state;
    struct timer last = { 0 };

    fired = 0;
    reactor_queue(loop, &soon, 5, note_soon);
    reactor_queue(loop, &later, 30, note_later);
    reactor_arm(loop, &later, &last);
    reactor_arm(loop, &soon, &two);
    reactor_arm(loop, &soon, &never);
    reactor_arm(loop, &soon, &one);
    reactor_arm(loop, &soon, &two); // again: now behind one
    reactor_disarm(&never);
    reactor_disarm(&never);
    reactor_run(loop);
    assert_int_equal(fired, 3);
    assert_memory_equal(order, "12L", 3);
}

// ---------------------------------------------------------------- tasks

static struct task again, gone;
static int runs, turns;

static void run_again(struct task *t)
{
    if (++runs < 5)
        reactor_post(loop, t);
}

static void run_gone(struct task *t)
{
    (void)t;
    fail();
}

static bool count_turns(void *ctx)
{
    (void)ctx;
    turns++;
    if (runs == 5)
        reactor_quit(loop);
    return false;
}

static void a_task_that_posts_itself_leaves_room_for_others(void **state)
{
    (void)state;

    runs = turns = 0;
    again.run = run_again;
    gone.run = run_gone;
    reactor_hooks(loop, count_turns, NULL, NULL);
    reactor_post(loop, &again);
    reactor_post(loop, &again); // once all the same
    reactor_post(loop, &gone);
    reactor_unpost(loop, &gone);
    reactor_unpost(loop, &gone);
    reactor_run(loop);
    assert_int_equal(runs, 5);
    assert_true(turns >= 2);
}

// ---------------------------------------------------------------- watches

struct end {
    struct watch watch;
    struct grave grave;
    struct end *other;
};

static int buried;

static void bury(struct grave *g)
{
    free((char *)g - offsetof(struct end, grave));
    if (++buried == 2)
        reactor_quit(loop);
}

static void leave(struct end *e)
{
    int fd = e->watch.fd;

    reactor_unwatch(loop, &e->watch);
    close(fd);
    reactor_free(loop, &e->grave, bury);
}

// Both ends are ready in one batch; whoever comes first frees both.
static void take_both(struct watch *w, uint32_t events)
{
    struct end *e = (struct end *)w;

    (void)events;
    leave(e->other);
    leave(e);
}

static void what_is_freed_is_not_called_in_the_same_batch(void **state)
{
    (void)state;
    struct end *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    int pair[2];

    buried = 0;
    assert_true(a && b && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    *a = (struct end){ .watch = { .fd = pair[0], .ready = take_both }, .other = b };
    *b = (struct end){ .watch = { .fd = pair[1], .ready = take_both }, .other = a };
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_true(reactor_watch(loop, &a->watch, EPOLLIN) && reactor_watch(loop, &b->watch, EPOLLIN));
    reactor_run(loop);
    assert_int_equal(buried, 2);
}

// ---------------------------------------------------------------- waking

static void stop(void *ctx)
{
    (void)ctx;
    reactor_quit(loop);
}

static void *wake(void *ctx)
{
    (void)ctx;
    usleep(20000);
    reactor_wake(loop);
    return NULL;
}

static void another_thread_can_wake_the_loop(void **state)
{
    (void)state;
    pthread_t t;

    reactor_hooks(loop, NULL, stop, NULL);
    assert_int_equal(pthread_create(&t, NULL, wake, NULL), 0);
    reactor_run(loop);
    pthread_join(t, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_once_and_not_when_disarmed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_task_that_posts_itself_leaves_room_for_others, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_freed_is_not_called_in_the_same_batch, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_thread_can_wake_the_loop, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
