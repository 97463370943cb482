// SPDX-License-Identifier: Apache-2.0
//
// A browser's WebSocket between the public port and whoever adopts it.

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/edge_rig.h"
#include "test.h"

#define H "Host: localhost\r\n"
#define UPGRADE                                                                                    \
    "GET /live?x=y HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"     \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static struct rig rig;
static atomic_int adopted = -1; // the end that was handed over last
static atomic_bool refusing;
static char shown[4096], remote[64];

static bool adopt(void *ctx, int fd, const char *head, size_t len, const char *from)
{
    (void)ctx;
    snprintf(shown, sizeof shown, "%.*s", (int)len, head);
    snprintf(remote, sizeof remote, "%s", from);
    if (atomic_load(&refusing)) {
        close(fd);
        return false;
    }
    atomic_store(&adopted, fd);
    return true;
}

static int take_adopted(void)
{
    int fd = -1;

    for (int i = 0; i < 3000 && fd < 0; i++) {
        fd = atomic_exchange(&adopted, -1);
        if (fd < 0)
            usleep(10000);
    }
    assert_true(fd >= 0);
    return fd;
}

static size_t read_some(int fd, char *to, size_t size, size_t want)
{
    size_t len = 0;

    while (len < want) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t n = poll(&p, 1, 30000) > 0 ? recv(fd, to + len, size - len, 0) : 0;

        if (n <= 0)
            break;
        len += (size_t)n;
    }
    return len;
}

// Opens one, reads the head off the adopter's end.
static struct caller *open_live(const struct call_options *o, int *fd)
{
    struct caller *c = rig_connect(&rig, o);
    char head[4096];
    size_t n;

    assert_non_null(c);
    assert_true(caller_text(c, UPGRADE "\r\n"));
    *fd = take_adopted();
    n = read_some(*fd, head, sizeof head - 1, strlen(shown));
    head[n] = '\0';
    assert_string_equal(head, shown);
    return c;
}

static void only_what_the_adopter_needs_is_handed_over(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, NULL);
    char text[4096];
    size_t n;
    int fd;

    assert_true(caller_text(c, UPGRADE
                            "Cookie: __Host-orrery=abc\r\nOrigin: https://localhost\r\n"
                            "Sec-WebSocket-Extensions: permessage-deflate\r\nX-Orrery-Peer: zz\r\n"
                            "User-Agent: x\r\n\r\n\x81\x85glued"));
    fd = take_adopted();
    n = read_some(fd, text, sizeof text - 1, strlen(shown) + 7);
    text[n] = '\0';
    assert_memory_equal(text, shown, strlen(shown));
    assert_string_equal(text + strlen(shown), "\x81\x85glued");
    assert_non_null(strstr(shown, "\r\nCookie: __Host-orrery=abc\r\n"));
    assert_non_null(strstr(shown, "\r\nOrigin: https://localhost\r\n"));
    assert_non_null(strstr(shown, "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    assert_null(strstr(shown, "Extensions"));
    assert_null(strstr(shown, "X-Orrery"));
    assert_null(strstr(shown, "User-Agent"));
    assert_null(strstr(shown, "x=y"));
    assert_string_equal(remote, "127.0.0.1");
    close(fd);
    caller_close(c);
}

static const struct {
    const char *name, *text;
    int status;
} refused[] = {
    { "no upgrade", "GET /live HTTP/1.1\r\n" H "\r\n", 426 },
    { "another upgrade", "GET /live HTTP/1.1\r\n" H "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
      426 },
    { "connection does not say it", "GET /live HTTP/1.1\r\n" H "Upgrade: websocket\r\n\r\n", 426 },
    { "POST", "POST /live HTTP/1.1\r\n" H "\r\n", 405 },
    { "no key",
      "GET /live HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n",
      400 },
    { "a subprotocol nobody speaks", UPGRADE "Sec-WebSocket-Protocol: chat\r\n\r\n", 400 },
    { "a body", UPGRADE "Content-Length: 3\r\n\r\nabc", 400 },
};

static void what_is_no_websocket_is_refused_here(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct answer a;
        int status = rig_ask(&rig, refused[i].text, &a);

        if (status != refused[i].status)
            fail_msg("%s: want %d, got %d", refused[i].name, refused[i].status, status);
        assert_non_null(strstr(a.head, "Connection: close"));
        answer_done(&a);
    }
    assert_int_equal(atomic_load(&adopted), -1);
}

static void the_subprotocol_is_named_only_to_whom_asked_for_it(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, NULL);

    assert_true(caller_text(c, UPGRADE "Sec-WebSocket-Protocol: other, orrery.test\r\n\r\n"));
    close(take_adopted());
    assert_non_null(strstr(shown, "\r\nSec-WebSocket-Protocol: orrery.test\r\n"));
    caller_close(c);
    c = rig_connect(&rig, NULL);
    assert_true(caller_text(c, UPGRADE "\r\n"));
    close(take_adopted());
    assert_null(strstr(shown, "Sec-WebSocket-Protocol"));
    caller_close(c);
}

static void a_refusing_adopter_is_a_503(void **state)
{
    (void)state;
    struct answer a;

    atomic_store(&refusing, true);
    assert_int_equal(rig_ask(&rig, UPGRADE "\r\n", &a), 503);
    answer_done(&a);
    atomic_store(&refusing, false);
}

// Sends and takes a mebibyte each way, both ends at once.
static void bytes_flow_both_ways_unchanged(void **state)
{
    (void)state;
    static char up[1 << 20], down[1 << 20], got[1 << 20];
    struct caller *c;
    size_t sent_down = 0, got_up = 0;
    int fd;

    for (size_t i = 0; i < sizeof up; i++) {
        up[i] = (char)(i % 251);
        down[i] = (char)(i % 241);
    }
    c = open_live(NULL, &fd);
    for (size_t at = 0; at < sizeof up; at += 8192) {
        ssize_t n;

        assert_true(caller_send(c, up + at, 8192));
        while ((n = recv(fd, got + got_up, sizeof got - got_up, MSG_DONTWAIT)) > 0)
            got_up += (size_t)n;
    }
    got_up += read_some(fd, got + got_up, sizeof got - got_up, sizeof got - got_up);
    assert_memory_equal(got, up, sizeof up);
    for (size_t got_down = 0; got_down < sizeof down;) {
        ssize_t n = send(fd, down + sent_down, sizeof down - sent_down, MSG_DONTWAIT);
        long m;

        sent_down += n > 0 ? (size_t)n : 0;
        m = caller_recv(c, got + got_down, sizeof got - got_down);
        assert_true(m > 0);
        got_down += (size_t)m;
    }
    assert_memory_equal(got, down, sizeof down);
    close(fd);
    caller_close(c);
}

static void either_end_ends_both(void **state)
{
    (void)state;
    struct edge_counts n;
    struct caller *c;
    char text[16];
    int fd;

    c = open_live(NULL, &fd);
    assert_int_equal(send(fd, "bye", 3, 0), 3);
    close(fd);
    assert_int_equal(caller_recv(c, text, sizeof text), 3);
    assert_int_equal(caller_recv(c, text, sizeof text), 0);
    caller_close(c);
    c = open_live(NULL, &fd);
    caller_close(c);
    assert_int_equal(read_some(fd, text, sizeof text, 1), 0);
    close(fd);
    for (int i = 0; i < 3000; i++) {
        edge_stats(rig.edge, &n);
        if (n.lives == 0)
            break;
        usleep(10000);
    }
    assert_int_equal(n.lives, 0);
}

// As much as fits between here and a browser that does not read.
static size_t fill(int fd)
{
    static char block[65536];
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    size_t sent = 0;

    while (poll(&p, 1, 300) > 0) {
        ssize_t n = send(fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL);

        assert_true(n > 0);
        sent += (size_t)n;
    }
    return sent;
}

static void what_was_said_before_the_end_waits_for_a_slow_reader(void **state)
{
    (void)state;
    static char text[65536];
    size_t sent, got = 0;
    long n;
    int fd;
    struct caller *c = open_live(&(struct call_options){ .receive_buffer = 4096 }, &fd);

    sent = fill(fd);
    close(fd);
    usleep(200000);
    while ((n = caller_recv(c, text, sizeof text)) > 0)
        got += (size_t)n;
    assert_int_equal(n, 0);
    assert_int_equal(got, sent);
    caller_close(c);
}

static void a_flood_towards_an_adopter_that_does_not_read_is_held_back(void **state)
{
    (void)state;
    static char block[65536];
    struct edge_counts n;
    struct caller *c;
    size_t sent = 0;
    int fd;

    c = open_live(NULL, &fd);
    for (int64_t until = rig_ms() + 1500; rig_ms() < until;) {
        struct pollfd p = { .fd = c->fd, .events = POLLOUT };

        if (poll(&p, 1, 100) > 0 && SSL_write(c->ssl, block, 4096) > 0)
            sent += 4096;
        if (sent > 64u << 20)
            break;
    }
    edge_stats(rig.edge, &n);
    assert_true(sent < 16u << 20); // what sockets hold, and no more
    assert_true(n.buffered < 100000);
    caller_close(c);
    close(fd);
}

static void a_browser_that_never_reads_is_closed_and_costs_little_until_then(void **state)
{
    (void)state;
    static char block[65536];
    struct edge_counts before, n;
    struct caller *c, *good;
    int64_t start;
    int fd, other;

    edge_stats(rig.edge, &before);
    c = open_live(&(struct call_options){ .receive_buffer = 4096 }, &fd);
    good = open_live(NULL, &other);
    start = rig_ms();
    for (bool open = true; open && rig_ms() - start < 120000;) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        if (poll(&p, 1, 200) > 0)
            open = send(fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 &&
                   !(p.revents & (POLLERR | POLLHUP));
        edge_stats(rig.edge, &n);
        assert_true(n.buffered < 200000);
        // Who sits quietly beside it is left alone.
        assert_int_equal(send(other, "x", 1, 0), 1);
        assert_int_equal(caller_recv(good, block, 1), 1);
    }
    assert_true(rig_ms() - start >= 15000);
    for (int i = 0; i < 3000 && n.timeouts_write == before.timeouts_write; i++) {
        usleep(10000);
        edge_stats(rig.edge, &n);
    }
    assert_int_equal(n.timeouts_write, before.timeouts_write + 1);
    close(fd);
    close(other);
    caller_close(c);
    caller_close(good);
}

static int setup(void **state)
{
    *state = &rig;
    rig_init(&rig);
    rig.options.hooks.live_adopt = adopt;
    rig.options.live_protocol = "orrery.test";
    rig_start(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_the_adopter_needs_is_handed_over),
        cmocka_unit_test(what_is_no_websocket_is_refused_here),
        cmocka_unit_test(the_subprotocol_is_named_only_to_whom_asked_for_it),
        cmocka_unit_test(a_refusing_adopter_is_a_503),
        cmocka_unit_test(bytes_flow_both_ways_unchanged),
        cmocka_unit_test(either_end_ends_both),
        cmocka_unit_test(what_was_said_before_the_end_waits_for_a_slow_reader),
        cmocka_unit_test(a_flood_towards_an_adopter_that_does_not_read_is_held_back),
        cmocka_unit_test(a_browser_that_never_reads_is_closed_and_costs_little_until_then),
    };
    return cmocka_run_group_tests(tests, setup, rig_teardown);
}
