// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sdk/ws.h"
#include "test.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" // RFC 6455 1.3, with its answer

static const char good_head[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                "upgrade: WebSocket\r\n"
                                "Connection: keep-alive, Upgrade\r\n"
                                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                "Sec-WebSocket-Protocol: orrery.device.v1\r\n\r\n";

static long answer(const char *text, struct fault *f)
{
    return ws_response(text, strlen(text), "orrery.device.v1", KEY, f);
}

static void the_rfcs_own_handshake_is_accepted(void **state)
{
    (void)state;
    struct fault f = { 0 };
    char longer[400];

    assert_int_equal(answer(good_head, &f), sizeof good_head - 1);
    int n = snprintf(longer, sizeof longer, "%s\x81", good_head);
    assert_int_equal(ws_response(longer, (size_t)n, "orrery.device.v1", KEY, &f), n - 1);
    for (size_t len = 0; len < sizeof good_head - 1; len++)
        assert_int_equal(ws_response(good_head, len, "orrery.device.v1", KEY, &f), 0);
}

static void an_answer_that_does_not_switch_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *was, *is, *says;
    } cases[] = {
        { "101 S", "403 S", "403" },
        { "HTTP/1.1", "HTTP/1.0", "HTTP/1.1" },
        { "WebSocket\r", "h2c\r", "upgrade" },
        { "keep-alive, Upgrade", "close", "upgrade" },
        { "s3pPL", "s3pPX", "Accept" },
        { "device.v1", "device.v9", "orrery.device.v1" },
        { "Sec-WebSocket-Protocol: orrery.device.v1", "X: y", "orrery.device.v1" },
        { "orrery.device.v1\r\n", "orrery.device.v1\r\nSec-WebSocket-Extensions: x\r\n",
          "extension" },
        { "upgrade: W", "upgrade: websocket\r\nupgrade: W", "upgrade" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault f = { 0 };
        char text[500];
        const char *at = strstr(good_head, cases[i].was);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good_head), good_head, cases[i].is,
                 at + strlen(cases[i].was));
        assert_int_equal(answer(text, &f), -1);
        assert_non_null(strstr(f.text, cases[i].says));
    }
}

static void a_head_without_an_end_is_refused_in_time(void **state)
{
    (void)state;
    struct fault f = { 0 };
    char text[5000];

    memset(text, 'a', sizeof text);
    assert_int_equal(ws_response(text, 4095, "p", KEY, &f), 0);
    assert_int_equal(ws_response(text, 4096, "p", KEY, &f), -1);
}

static void what_is_sealed_is_what_a_server_reads(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 7, 125, 126, 127, 4000, 65535 };
    static const uint8_t mask[4] = { 1, 2, 3, 250 };
    uint8_t *frame = malloc(WS_PAYLOAD_MAX + WS_HEADER_MAX);

    assert_non_null(frame);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t len = sizes[i], head = len < 126 ? 6 : 8;
        for (size_t k = 0; k < len; k++)
            frame[WS_HEADER_MAX + k] = (uint8_t)(k * 31);
        assert_int_equal(ws_seal(frame, WS_TEXT, len, mask), head + len);
        assert_int_equal(frame[0], 0x81);
        assert_int_equal(frame[1], 0x80 | (len < 126 ? len : 126));
        if (len >= 126)
            assert_int_equal(frame[2] << 8 | frame[3], len);
        assert_memory_equal(frame + head - 4, mask, 4);
        for (size_t k = 0; k < len; k++)
            assert_int_equal(frame[head + k] ^ mask[k & 3], (uint8_t)(k * 31));
    }
    free(frame);
}

static void a_server_that_breaks_the_framing_gets_a_close_code(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[8];
        size_t len;
        long code;
    } cases[] = {
        { "masked", { 0x81, 0x81, 0, 0, 0, 0, 'a' }, 7, -1002 },
        { "reserved bit", { 0xc1, 0x01, 'a' }, 3, -1002 },
        { "unknown opcode", { 0x83, 0x00 }, 2, -1002 },
        { "fragmented ping", { 0x09, 0x00 }, 2, -1002 },
        { "long ping", { 0x89, 126, 0, 126 }, 4, -1002 },
        { "length not minimal", { 0x81, 126, 0, 5 }, 4, -1002 },
        { "64-bit length", { 0x81, 127 }, 2, -1009 },
        { "half a head", { 0x81 }, 1, 0 },
        { "half a length", { 0x81, 126, 1 }, 3, 0 },
        { "half a payload", { 0x81, 3, 'a', 'b' }, 4, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ws_frame f;
        if (ws_parse(cases[i].bytes, cases[i].len, &f) != cases[i].code)
            fail_msg("%s", cases[i].name);
    }
}

// As it comes from a socket: any number of bytes at a time.
static void fragments_and_a_ping_between_become_one_message(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 0x01, 3,   'a',  'b', 'c', 0x89, 1,    '!', 0x00,
                                     1,    'd', 0x80, 2,   'e', 'f',  0x81, 1,   'x' };
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(write(pair[0], bytes, sizeof bytes), sizeof bytes);
    close(pair[0]);
    uint8_t have[64];
    size_t len = 0, messages = 0;
    struct ws_inbox inbox = { 0 };
    while (read(pair[1], have + len, 1) == 1) {
        struct ws_frame f, m;
        long n = ws_parse(have, ++len, &f);
        assert_true(n >= 0);
        if (!n)
            continue;
        if (ws_join(&inbox, &f, &m) == 1) {
            static const char *const want[] = { "!", "abcdef", "x" };
            assert_true(messages < 3);
            assert_int_equal(m.len, strlen(want[messages]));
            assert_memory_equal(m.data, want[messages], m.len);
            messages++;
        }
        len = 0;
    }
    assert_int_equal(messages, 3);
    ws_inbox_done(&inbox);
    close(pair[1]);
}

static void fragments_out_of_order_are_an_error(void **state)
{
    (void)state;
    static const struct ws_frame lone = { .op = WS_CONTINUATION, .fin = true };
    static const struct ws_frame first = { .op = WS_TEXT, .data = (const uint8_t *)"a", .len = 1 };
    struct ws_inbox b = { 0 };
    struct ws_frame m;

    assert_int_equal(ws_join(&b, &lone, &m), -1002);
    assert_int_equal(ws_join(&b, &first, &m), 0);
    assert_int_equal(ws_join(&b, &first, &m), -1002);
    ws_inbox_done(&b);
}

static void a_message_longer_than_64_kib_is_refused(void **state)
{
    (void)state;
    static uint8_t part[40000];
    struct ws_frame f = { .op = WS_TEXT, .data = part, .len = sizeof part }, m;
    struct ws_inbox b = { 0 };

    assert_int_equal(ws_join(&b, &f, &m), 0);
    f.op = WS_CONTINUATION;
    assert_int_equal(ws_join(&b, &f, &m), -1009);
    ws_inbox_done(&b);
}

static void the_request_says_what_the_protocol_asks(void **state)
{
    (void)state;
    char text[500], key[WS_KEY_LEN + 1], other[WS_KEY_LEN + 1];
    size_t n = ws_request(text, sizeof text, "h:1", "/device", "p", key);

    assert_int_equal(n, strlen(text));
    assert_non_null(strstr(text, "GET /device HTTP/1.1\r\nHost: h:1\r\n"));
    assert_non_null(strstr(text, key));
    assert_int_equal(ws_request(text, 60, "h:1", "/device", "p", other), 0);
    assert_string_not_equal(key, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_own_handshake_is_accepted),
        cmocka_unit_test(an_answer_that_does_not_switch_is_refused_with_its_reason),
        cmocka_unit_test(a_head_without_an_end_is_refused_in_time),
        cmocka_unit_test(what_is_sealed_is_what_a_server_reads),
        cmocka_unit_test(a_server_that_breaks_the_framing_gets_a_close_code),
        cmocka_unit_test(fragments_and_a_ping_between_become_one_message),
        cmocka_unit_test(fragments_out_of_order_are_an_error),
        cmocka_unit_test(a_message_longer_than_64_kib_is_refused),
        cmocka_unit_test(the_request_says_what_the_protocol_asks),
    };
    return cmocka_run_group_tests_name("sim ws", tests, NULL, NULL);
}
