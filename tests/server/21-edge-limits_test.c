// SPDX-License-Identifier: Apache-2.0
//
// Slow, silent, greedy and vanishing clients: what they cost the others.

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/edge_rig.h"
#include "test.h"

#define H       "Host: localhost\r\n"
#define SILENT  300
#define DRIPS   100
#define BODIES  50
#define READERS 20
#define WAIT_MS 60000 // for what comes on any machine

static struct rig rig;

static bool is_slow(void *ctx, const char *method, const char *path)
{
    (void)ctx, (void)method;
    return !strncmp(path, "/api/slow/", 10);
}

static void serves(const char *request)
{
    struct answer a;

    assert_int_equal(rig_ask(&rig, request, &a), 200);
    answer_done(&a);
}

static void wait_until_idle(void)
{
    struct edge_counts n;

    for (int i = 0; i < WAIT_MS / 10; i++) {
        edge_stats(rig.edge, &n);
        if (n.busy == 0 && n.queued == 0 && n.backend_open == RIG_WORKERS)
            return;
        usleep(10000);
    }
    fail_msg("busy %d, queued %d, open %d", (int)n.busy, (int)n.queued, (int)n.backend_open);
}

// ---------------------------------------------------------------- slowness

struct crowd {
    int silent[SILENT];
    struct caller *drips[DRIPS], *bodies[BODIES];
};

// First all connect, then all begin: their times run from their first bytes.
static void gather(struct crowd *c)
{
    for (int i = 0; i < DRIPS; i++)
        c->drips[i] = rig_connect(&rig, NULL);
    for (int i = 0; i < BODIES; i++)
        c->bodies[i] = rig_connect(&rig, NULL);
    for (int i = 0; i < SILENT; i++)
        c->silent[i] = rig_silent_socket(&rig);
    for (int i = 0; i < DRIPS; i++)
        assert_true(caller_text(c->drips[i], "GET /api/slowhead HTTP/1.1\r\nHo"));
    for (int i = 0; i < BODIES; i++)
        assert_true(caller_text(c->bodies[i], "POST /api/slowbody HTTP/1.1\r\n" H
                                              "Content-Length: 60000\r\n\r\n"));
}

static void drip(struct crowd *c)
{
    for (int i = 0; i < DRIPS; i++)
        caller_text(c->drips[i], "s");
    for (int i = 0; i < BODIES; i++)
        caller_text(c->bodies[i], "x");
}

static void expect_408(struct caller **list, int count)
{
    for (int i = 0; i < count; i++) {
        struct answer a;

        assert_true(caller_answer(list[i], false, &a));
        assert_int_equal(a.status, 408);
        answer_done(&a);
        caller_close(list[i]);
    }
}

// True as long as the time of none of them is over.
static bool all_dawdle(const struct edge_counts *before, struct edge_counts *n)
{
    edge_stats(rig.edge, n);
    return n->timeouts_head == before->timeouts_head && n->timeouts_body == before->timeouts_body;
}

static void silence_slow_heads_and_slow_bodies_hold_nobody_up(void **state)
{
    (void)state;
    static struct crowd crowd;
    struct edge_counts before, n;
    int served = 0;

    edge_stats(rig.edge, &before);
    gather(&crowd);
    while (all_dawdle(&before, &n)) { // whoever is served meanwhile has not waited for them
        serves("GET /api/x HTTP/1.1\r\n" H "\r\n");
        drip(&crowd);
        usleep(250000);
        served += all_dawdle(&before, &n) && n.busy == 0 && n.clients >= SILENT + DRIPS + BODIES;
    }
    assert_true(served > 0);
    expect_408(crowd.drips, DRIPS);
    expect_408(crowd.bodies, BODIES);
    edge_stats(rig.edge, &n);
    assert_int_equal(n.timeouts_head - before.timeouts_head, DRIPS);
    assert_int_equal(n.timeouts_body - before.timeouts_body, BODIES);
    for (int i = 0; i < SILENT; i++) {
        struct pollfd p = { .fd = crowd.silent[i], .events = POLLIN };

        assert_true(poll(&p, 1, WAIT_MS) > 0); // hung up on
        close(crowd.silent[i]);
    }
}

static void readers_that_do_not_read_hold_no_worker(void **state)
{
    (void)state;
    struct caller *c[READERS];

    for (int i = 0; i < READERS; i++) {
        c[i] = rig_connect(&rig, &(struct call_options){ .receive_buffer = 4096 });
        assert_true(caller_text(c[i], "GET /api/big/1000000 HTTP/1.1\r\n" H "\r\n"));
    }
    wait_until_idle();
    serves("GET /api/x HTTP/1.1\r\n" H "\r\n");
    for (int i = 0; i < READERS; i++) {
        struct answer a;

        assert_true(caller_answer(c[i], false, &a));
        assert_int_equal(a.len, 1000000);
        assert_int_equal(a.body[999999], 'a' + 999999 % 26);
        answer_done(&a);
        caller_close(c[i]);
    }
}

static void an_answer_beyond_every_bound_arrives_whole_all_the_same(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, NULL);
    struct answer a;

    assert_true(caller_text(c, "GET /api/big/30000000 HTTP/1.1\r\n" H "\r\n"));
    usleep(200000);
    assert_true(caller_answer(c, false, &a));
    assert_int_equal(a.len, 30000000);
    for (size_t i = 0; i < a.len; i += 9973)
        assert_int_equal(a.body[i], 'a' + i % 26);
    answer_done(&a);
    caller_close(c);
}

// ---------------------------------------------------------------- the queue

static void requests_beyond_the_pool_wait_their_turn(void **state)
{
    (void)state;
    struct caller *c[60];
    struct edge_counts n;

    atomic_store(&rig.held, true);
    for (int i = 0; i < 60; i++)
        c[i] = rig_connect(&rig, NULL);
    for (int i = 0; i < 60; i++)
        assert_true(caller_text(c[i], "GET /api/slow/held HTTP/1.1\r\n" H "\r\n"));
    for (int i = 0; i < WAIT_MS / 10; i++) {
        edge_stats(rig.edge, &n);
        if (n.queued == 60 - EDGE_SLOW)
            break;
        usleep(10000);
    }
    assert_int_equal(n.busy, EDGE_SLOW);
    assert_int_equal(n.queued, 60 - EDGE_SLOW);
    assert_true(n.queued_max >= n.queued);
    // The slow routes' queue is not the fast ones'.
    serves("GET /api/x HTTP/1.1\r\n" H "\r\n");
    atomic_store(&rig.held, false);
    for (int i = 0; i < 60; i++) {
        struct answer a;

        assert_true(caller_answer(c[i], false, &a));
        assert_int_equal(a.status, 200);
        answer_done(&a);
        caller_close(c[i]);
    }
    wait_until_idle();
}

static void clients_that_leave_take_nothing_with_them(void **state)
{
    (void)state;
    struct answer a;

    for (int i = 0; i < 40; i++) {
        struct caller *c = rig_connect(&rig, NULL);

        // Some wait in the queue, some are being served, one is half sent.
        caller_text(c, i % 4 ? "GET /api/slow/30 HTTP/1.1\r\n" H "\r\n"
                             : "POST /api/x HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nhalf");
        if (i % 2)
            usleep(3000);
        if (i % 3) {
            struct linger now = { .l_onoff = 1 };

            setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
        caller_close(c);
    }
    wait_until_idle();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(rig_ask(&rig, "GET /api/still HTTP/1.1\r\n" H "\r\n", &a), 200);
        assert_non_null(strstr(a.body, "GET /api/still "));
        answer_done(&a);
    }
}

// ---------------------------------------------------------------- memory

static void send_all_but_one(struct caller *c)
{
    static char body[100000];

    assert_non_null(c);
    caller_text(c, "POST /api/x HTTP/1.1\r\n" H "Content-Length: 100001\r\n\r\n");
    caller_send(c, body, sizeof body);
}

// The usual bound is ten times as high, and so would be what is sent here.
static void bodies_are_bounded_in_their_sum(void **state)
{
    (void)state;
    struct edge_options o = rig.options;
    struct call_options here = { 0 };
    struct caller *c[80];
    struct edge_counts n;
    struct edge *small;
    struct fault f;
    int refused = 0;

    o.buffered = 6400000;
    assert_int_equal(edge_start(&o, &small, &f), RC_OK);
    here.port = edge_port(small);
    for (int i = 0; i < 80; i++)
        send_all_but_one(c[i] = rig_connect(&rig, &here));
    usleep(200000);
    edge_stats(small, &n);
    assert_true(n.buffered <= 6800000);
    for (int i = 0; i < 80; i++) {
        struct answer a = { 0 };

        caller_text(c[i], "x");
        if (caller_answer(c[i], false, &a) && a.status == 503) {
            assert_non_null(strstr(a.head, "Retry-After: "));
            refused++;
        } else {
            assert_int_equal(a.status, 200);
        }
        answer_done(&a);
        caller_close(c[i]);
    }
    assert_true(refused > 5 && refused < 60);
    for (int i = 0; i < WAIT_MS / 10 && n.buffered > 0; i++) {
        usleep(10000);
        edge_stats(small, &n);
    }
    assert_int_equal(n.buffered, 0);
    edge_stop(small);
}

// ---------------------------------------------------------------- connections

static void an_address_holds_only_so_many_connections(void **state)
{
    (void)state;
    struct edge_options o = rig.options;
    struct edge *small;
    struct caller *held[5], *extra;
    struct call_options here = { 0 }, there = { .from = "127.0.0.2" };
    struct edge_counts n;
    struct fault f;

    o.per_address = 5;
    assert_int_equal(edge_start(&o, &small, &f), RC_OK);
    here.port = there.port = edge_port(small);
    for (int i = 0; i < 5; i++)
        assert_non_null(held[i] = rig_connect(&rig, &here));
    assert_null(rig_connect(&rig, &here));
    extra = rig_connect(&rig, &there);
    assert_non_null(extra);
    caller_close(extra);
    caller_close(held[0]);
    for (int i = 0; i < WAIT_MS / 10 && !(held[0] = rig_connect(&rig, &here)); i++)
        usleep(10000);
    assert_non_null(held[0]);
    edge_stats(small, &n);
    assert_true(n.refused_address >= 1);
    for (int i = 0; i < 5; i++)
        caller_close(held[i]);
    edge_stop(small);
}

static void the_edge_as_a_whole_holds_only_so_many_connections(void **state)
{
    (void)state;
    struct edge_options o = rig.options;
    struct call_options here = { 0 };
    struct caller *held[3];
    struct edge *small;
    struct fault f;

    o.max_clients = 3;
    assert_int_equal(edge_start(&o, &small, &f), RC_OK);
    here.port = edge_port(small);
    for (int i = 0; i < 3; i++)
        assert_non_null(held[i] = rig_connect(&rig, &here));
    assert_null(rig_connect(&rig, &here));
    for (int i = 0; i < 3; i++)
        caller_close(held[i]);
    edge_stop(small);
}

static void running_out_of_descriptors_is_waited_out(void **state)
{
    (void)state;
    struct rlimit was, few;
    struct rusage before, after;
    int fill[400], n = 0, waiting;
    int64_t start, took_us, used_us;
    struct answer a;

    getrlimit(RLIMIT_NOFILE, &was);
    few = was;
    few.rlim_cur = 300;
    setrlimit(RLIMIT_NOFILE, &few);
    while (n < 400 && (fill[n] = open("/dev/null", O_RDONLY)) >= 0)
        n++;
    assert_true(n > 0 && n < 400);
    close(fill[--n]);
    waiting = rig_silent_socket(&rig); // takes the last one; the edge has none for it
    assert_true(waiting >= 0);
    start = rig_ms();
    getrusage(RUSAGE_SELF, &before);
    usleep(400000);
    getrusage(RUSAGE_SELF, &after);
    took_us = (rig_ms() - start) * 1000;
    used_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec -
              before.ru_utime.tv_usec;
    while (n > 0)
        close(fill[--n]);
    setrlimit(RLIMIT_NOFILE, &was);
    assert_true(used_us < took_us / 2); // it does not go round in circles
    assert_int_equal(rig_ask(&rig, "GET /healthz HTTP/1.1\r\n" H "\r\n", &a), 200);
    answer_done(&a);
    close(waiting);
}

static void a_missing_backend_is_a_503_and_its_return_is_noticed(void **state)
{
    (void)state;
    struct edge_options o = rig.options;
    struct call_options here = { 0 };
    struct caller *c;
    struct answer a;
    struct edge *e;
    struct fault f;

    o.backend_port = 1; // nobody listens there
    assert_int_equal(edge_start(&o, &e, &f), RC_OK);
    here.port = edge_port(e);
    c = rig_connect(&rig, &here);
    assert_true(caller_text(c, "GET /healthz HTTP/1.1\r\n" H "\r\n"));
    assert_true(caller_answer(c, false, &a));
    assert_int_equal(a.status, 200);
    answer_done(&a);
    caller_close(c);
    edge_stop(e);
}

static void what_is_wrong_with_the_options_is_said(void **state)
{
    (void)state;
    struct edge_options o = rig.options;
    struct edge *e;
    struct fault f;

    o.listen = "nonsense";
    assert_int_equal(edge_start(&o, &e, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "'nonsense' is not address:port"));
    o = rig.options;
    o.tls.key_pem = rig.device.key_pem;
    assert_int_equal(edge_start(&o, &e, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "server key"));
    o = rig.options;
    o.web_dir = "/nonexistent";
    assert_int_equal(edge_start(&o, &e, &f), RC_NOT_FOUND);
    assert_non_null(strstr(f.text, "/nonexistent"));
}

static int setup(void **state)
{
    *state = &rig;
    rig_init(&rig);
    rig.options.hooks.slow = is_slow;
    rig_start(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_slow_heads_and_slow_bodies_hold_nobody_up),
        cmocka_unit_test(readers_that_do_not_read_hold_no_worker),
        cmocka_unit_test(an_answer_beyond_every_bound_arrives_whole_all_the_same),
        cmocka_unit_test(requests_beyond_the_pool_wait_their_turn),
        cmocka_unit_test(clients_that_leave_take_nothing_with_them),
        cmocka_unit_test(bodies_are_bounded_in_their_sum),
        cmocka_unit_test(an_address_holds_only_so_many_connections),
        cmocka_unit_test(the_edge_as_a_whole_holds_only_so_many_connections),
        cmocka_unit_test(running_out_of_descriptors_is_waited_out),
        cmocka_unit_test(a_missing_backend_is_a_503_and_its_return_is_noticed),
        cmocka_unit_test(what_is_wrong_with_the_options_is_said),
    };
    return cmocka_run_group_tests(tests, setup, rig_teardown);
}
