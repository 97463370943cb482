// SPDX-License-Identifier: Apache-2.0
//
// What a client may and may not say to the public port, byte by byte.

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/edge_rig.h"
#include "support/folder.h"
#include "test.h"

static struct rig rig;

#define H "Host: localhost\r\n"

// ---------------------------------------------------------------- smuggling

#define SMUGGLED "GET /api/smuggled HTTP/1.1\r\n" H "\r\n"

static const struct {
    const char *name, *text;
    int status;
} refused[] = {
    { "length and coding",
      "POST /api/x HTTP/1.1\r\n" H "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\n" SMUGGLED,
      400 },
    { "coding and length",
      "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
      "0\r\n\r\n" SMUGGLED,
      400 },
    { "two lengths",
      "POST /api/x HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" SMUGGLED,
      400 },
    { "two equal lengths",
      "POST /api/x HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400 },
    { "a list of lengths", "POST /api/x HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello", 400 },
    { "plus five", "POST /api/x HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello", 400 },
    { "minus five", "POST /api/x HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nhello", 400 },
    { "0x5", "POST /api/x HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello", 400 },
    { "an empty length", "POST /api/x HTTP/1.1\r\n" H "Content-Length: \r\n\r\nhello", 400 },
    { "twenty digits",
      "POST /api/x HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\nhello", 400 },
    { "a space before the colon", "POST /api/x HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nhello",
      400 },
    { "a fold", "GET /api/x HTTP/1.1\r\n" H "X-A: b\r\n c\r\n\r\n", 400 },
    { "a leading fold", "GET /api/x HTTP/1.1\r\n X-A: b\r\n" H "\r\n", 400 },
    { "a bare line feed", "GET /api/x HTTP/1.1\r\n" H "X-A: b\nX-B: c\r\n\r\n", 400 },
    { "a bare carriage return", "GET /api/x HTTP/1.1\r\n" H "X-A: b\rX-B: c\r\n\r\n", 400 },
    { "no host", "GET /api/x HTTP/1.1\r\n\r\n", 400 },
    { "two hosts", "GET /api/x HTTP/1.1\r\n" H H "\r\n", 400 },
    { "an empty host", "GET /api/x HTTP/1.1\r\nHost:\r\n\r\n", 400 },
    { "a bad host", "GET /api/x HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
    { "absolute form", "GET http://localhost/api/x HTTP/1.1\r\n" H "\r\n", 400 },
    { "an asterisk", "GET * HTTP/1.1\r\n" H "\r\n", 400 },
    { "CONNECT", "CONNECT localhost:1 HTTP/1.1\r\n" H "\r\n", 400 },
    { "two codings",
      "POST /api/x HTTP/1.1\r\n" H
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400 },
    { "a coding in HTTP/1.0",
      "POST /api/x HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
    { "a vertical tab",
      "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400 },
    { "xchunked", "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      501 },
    { "chunked twice",
      "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501 },
    { "an unknown method", "BREW /api/x HTTP/1.1\r\n" H "\r\n", 501 },
    { "a chunk size that overflows",
      "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 400 },
    { "a chunk of 0x5",
      "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
      400 },
    { "a chunk extension",
      "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
      400 },
    { "a chunk line of a bare line feed",
      "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400 },
    { "a chunk without its end",
      "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n", 400 },
    { "HTTP/2.0", "GET /api/x HTTP/2.0\r\n" H "\r\n", 505 },
    { "HTTP/1.2", "GET /api/x HTTP/1.2\r\n" H "\r\n", 505 },
    { "the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
    { "another expectation", "POST /api/x HTTP/1.1\r\n" H "Expect: x\r\nContent-Length: 1\r\n\r\n",
      417 },
    { "dot dot", "GET /api/../x HTTP/1.1\r\n" H "\r\n", 400 },
    { "an escaped dot", "GET /api/%2e%2e/x HTTP/1.1\r\n" H "\r\n", 400 },
    { "an escaped slash", "GET /api/a%2fb HTTP/1.1\r\n" H "\r\n", 400 },
    { "two slashes", "GET //api/x HTTP/1.1\r\n" H "\r\n", 400 },
    { "an escaped NUL", "GET /api/x%00 HTTP/1.1\r\n" H "\r\n", 400 },
    { "a stray line first", "\r\nGET /api/x HTTP/1.1\r\n" H "\r\n", 400 },
    { "a body over 1 MiB", "POST /api/x HTTP/1.1\r\n" H "Content-Length: 1048577\r\n\r\n", 413 },
    { "an upgrade of version 12 with a request behind it",
      "GET /live HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" SMUGGLED,
      426 },
    { "a request behind a body nobody reads",
      "POST /page HTTP/1.1\r\n" H "Content-Length: 44\r\n\r\n" SMUGGLED, 405 },
};

static void what_is_refused_never_reaches_a_backend_and_ends_the_connection(void **state)
{
    (void)state;
    long before = atomic_load(&rig.bytes);

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct caller *c = rig_connect(&rig, NULL);
        struct answer a;
        char *rest;

        assert_non_null(c);
        assert_true(caller_text(c, refused[i].text));
        if (!caller_answer(c, false, &a))
            fail_msg("%s: no answer", refused[i].name);
        if (a.status != refused[i].status)
            fail_msg("%s: want %d, got %d", refused[i].name, refused[i].status, a.status);
        assert_non_null(strstr(a.head, "\r\nConnection: close\r\n"));
        assert_non_null(strstr(a.head, "application/problem+json"));
        answer_done(&a);
        rest = caller_rest(c);
        if (*rest)
            fail_msg("%s: more came: %s", refused[i].name, rest);
        free(rest);
        caller_close(c);
    }
    assert_int_equal(atomic_load(&rig.bytes), before);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "(none)";
}

static void a_refusal_of_the_edge_was_told_in_a_dialect_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *text, *type, *instance;
        int status;
    } asked[] = {
        { "GET /nowhere.js HTTP/1.1\r\n" H "\r\n", "urn:orrery:problem:not-found", "/nowhere.js",
          404 },
        { "POST /page HTTP/1.1\r\n" H "\r\n", "urn:orrery:problem:method-not-allowed", "/page",
          405 },
        { "GET /a b HTTP/1.1\r\n" H "\r\n", "urn:orrery:problem:invalid", "", 400 },
        { "BREW / HTTP/1.1\r\n" H "\r\n", "urn:orrery:problem:not-implemented", "", 501 },
        { "GET /live HTTP/1.1\r\n" H "\r\n", "urn:orrery:problem:upgrade-required", "/live", 426 },
    };

    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct answer a;
        char id[60];

        assert_int_equal(rig_ask(&rig, asked[i].text, &a), asked[i].status);
        json_auto_t *o = json_loadb(a.body, a.len, JSON_REJECT_DUPLICATES, NULL);
        assert_string_equal(text_of(o, "type"), asked[i].type);
        assert_string_equal(text_of(o, "code"), asked[i].type + strlen("urn:orrery:problem:"));
        assert_string_equal(text_of(o, "instance"), asked[i].instance);
        assert_int_equal(json_integer_value(json_object_get(o, "status")), asked[i].status);
        assert_true(text_of(o, "title")[0] && text_of(o, "detail")[0]);
        snprintf(id, sizeof id, "\r\nX-Request-Id: %s\r\n", text_of(o, "requestId"));
        assert_non_null(strstr(a.head, id));
        answer_done(&a);
    }
}

static void heads_that_are_too_big_are_refused_by_name(void **state)
{
    (void)state;
    static char text[40000];
    struct answer a;

    snprintf(text, sizeof text, "GET /%09000d HTTP/1.1\r\n" H "\r\n", 0);
    assert_int_equal(rig_ask(&rig, text, &a), 414);
    answer_done(&a);
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" H "X-A: %020000d\r\n\r\n", 0);
    assert_int_equal(rig_ask(&rig, text, &a), 431);
    answer_done(&a);
    int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" H);
    for (int i = 0; i < EDGE_HEADERS_MAX; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "X-%d: 1\r\n", i);
    snprintf(text + n, sizeof text - (size_t)n, "\r\n");
    assert_int_equal(rig_ask(&rig, text, &a), 431);
    answer_done(&a);
}

// ---------------------------------------------------------------- identity

static void nobody_can_claim_an_identity(void **state)
{
    (void)state;
    static const char text[] =
        "POST /api/v1/echo HTTP/1.1\r\n" H "X-Orrery-Peer: aa\r\nx-orrery-peer: bb\r\n"
        "X_Orrery_Peer: cc\r\nX-Orrery_Remote: 9.9.9.9\r\nX-ORRERY-SECRET: dd\r\n"
        "X-Orrery-Request: ee\r\nX-Orrery: ff\r\nX-Forwarded-For: 9.9.9.9\r\n"
        "X-Orrery-CSRF: mine\r\nConnection: X-Orrery-Secret, X-Gone, close\r\nX-Gone: gg\r\n"
        "Trailer: X-Orrery-Peer\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nhi\r\n0\r\nX-Orrery-Peer: hh\r\n\r\n";
    struct answer a;
    const char *first;

    assert_int_equal(rig_ask(&rig, text, &a), 200);
    first = strstr(a.body, "\r\n") + 2;
    assert_memory_equal(first, "X-Orrery-Secret: " RIG_SECRET "\r\nX-Orrery-Request: ",
                        sizeof "X-Orrery-Secret: " RIG_SECRET "\r\nX-Orrery-Request: " - 1);
    assert_non_null(strstr(a.body, "\r\nX-Orrery-Remote: 127.0.0.1\r\n"));
    assert_null(strcasestr(a.body, "peer"));
    assert_null(strstr(a.body, "9.9.9.9"));
    for (const char *s = "aabbccddeeffgghh"; *s; s += 2) {
        char value[8];

        snprintf(value, sizeof value, ": %.2s\r\n", s);
        assert_null(strstr(a.body, value));
    }
    assert_non_null(strstr(a.body, "\r\nX-Orrery-CSRF: mine\r\n"));
    assert_non_null(strstr(a.body, "\r\nContent-Length: 2\r\n\r\nhi"));
    answer_done(&a);
}

static void a_device_certificate_arrives_as_its_fingerprint(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, &(struct call_options){ .as = &rig.device });
    uint8_t sum[32];
    unsigned n = sizeof sum;
    char want[100] = "\r\nX-Orrery-Peer: ";
    struct answer a;

    X509_digest(rig.device.cert, EVP_sha256(), sum, &n);
    for (int i = 0; i < 32; i++)
        snprintf(want + strlen(want), 3, "%02x", sum[i]);
    assert_non_null(c);
    assert_true(caller_text(c, "GET /api/x HTTP/1.1\r\n" H "X-Orrery-Peer: 00\r\n\r\n"));
    assert_true(caller_answer(c, false, &a));
    assert_non_null(strstr(a.body, want));
    answer_done(&a);
    caller_close(c);
}

static void our_headers_survive_a_client_that_sends_as_many_as_it_may(void **state)
{
    (void)state;
    static char text[4000];
    struct answer a;
    int n = snprintf(text, sizeof text, "GET /api/x HTTP/1.1\r\n" H);

    for (int i = 1; i < EDGE_HEADERS_MAX; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "X-%d: 1\r\n", i);
    snprintf(text + n, sizeof text - (size_t)n, "\r\n");
    assert_int_equal(rig_ask(&rig, text, &a), 200);
    assert_non_null(strstr(a.body, "X-Orrery-Secret: " RIG_SECRET));
    assert_non_null(strstr(a.body, "\r\nX-55: 1\r\n"));
    answer_done(&a);
}

// ---------------------------------------------------------------- ordinary talk

static void requests_in_a_row_are_answered_in_their_order(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, NULL);
    struct answer a;

    assert_true(caller_text(c, "GET /api/1 HTTP/1.1\r\n" H "\r\n"
                               "POST /api/2 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"
                               "HEAD /api/3 HTTP/1.1\r\n" H "\r\n"
                               "GET /page HTTP/1.1\r\n" H "\r\n"
                               "GET /api/4 HTTP/1.1\r\n" H "\r\n"));
    assert_true(caller_answer(c, false, &a));
    assert_non_null(strstr(a.body, "GET /api/1 "));
    answer_done(&a);
    assert_true(caller_answer(c, false, &a));
    assert_non_null(strstr(a.body, "\r\n\r\nhello"));
    answer_done(&a);
    assert_true(caller_answer(c, true, &a));
    assert_non_null(strstr(a.head, "Content-Length: "));
    answer_done(&a);
    assert_true(caller_answer(c, false, &a));
    assert_string_equal(a.body, "<!doctype html>");
    answer_done(&a);
    assert_true(caller_answer(c, false, &a));
    assert_non_null(strstr(a.body, "GET /api/4 "));
    answer_done(&a);
    caller_close(c);
}

static void a_request_that_arrives_byte_by_byte_is_served(void **state)
{
    (void)state;
    static const char text[] = "POST /api/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
                               "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    struct caller *c = rig_connect(&rig, NULL);
    struct answer a;

    for (size_t i = 0; i + 1 < sizeof text; i++) {
        assert_true(caller_send(c, text + i, 1));
        usleep(500);
    }
    assert_true(caller_answer(c, false, &a));
    assert_non_null(strstr(a.body, "\r\nContent-Length: 11\r\n\r\nhello world"));
    answer_done(&a);
    caller_close(c);
}

static void the_client_is_told_to_continue_before_it_sends_its_body(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, NULL);
    struct answer a;

    assert_true(caller_text(c, "POST /api/x HTTP/1.1\r\n" H
                               "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    assert_true(caller_answer(c, true, &a));
    assert_int_equal(a.status, 100);
    answer_done(&a);
    assert_true(caller_text(c, "ok"));
    assert_true(caller_answer(c, false, &a));
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.body, "Expect"));
    answer_done(&a);
    caller_close(c);
}

static void a_whole_mebibyte_goes_through_both_ways_unchanged(void **state)
{
    (void)state;
    static char body[EDGE_BODY_MAX];
    struct caller *c = rig_connect(&rig, NULL);
    struct answer a;
    char head[200];

    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 31 % 251);
    snprintf(head, sizeof head, "PUT /api/x HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n",
             sizeof body);
    assert_true(caller_text(c, head) && caller_send(c, body, sizeof body));
    assert_true(caller_answer(c, false, &a));
    assert_memory_equal(a.body + a.len - sizeof body, body, sizeof body);
    answer_done(&a);
    assert_true(caller_text(c, "PUT /api/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
                               "100000\r\n"));
    assert_true(caller_send(c, body, sizeof body) && caller_text(c, "\r\n1\r\nx\r\n0\r\n\r\n"));
    assert_true(caller_answer(c, false, &a));
    assert_int_equal(a.status, 413);
    answer_done(&a);
    caller_close(c);
}

static void http_1_0_gets_one_answer_and_a_closed_connection(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, NULL);
    char *all;

    assert_true(caller_text(c, "GET /api/chunked HTTP/1.0\r\n\r\n"));
    all = caller_rest(c);
    assert_non_null(strstr(all, "Connection: close"));
    assert_null(strstr(all, "Transfer-Encoding"));
    assert_non_null(strstr(all, "\r\n\r\nhello world"));
    free(all);
    caller_close(c);
}

// ---------------------------------------------------------------- answers of a backend

static void every_framing_of_an_answer_reaches_the_client_whole(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, NULL);
    char *all;

    assert_true(caller_text(c, "GET /api/chunked HTTP/1.1\r\n" H "\r\n"
                               "GET /api/204 HTTP/1.1\r\n" H "\r\n"
                               "GET /api/304 HTTP/1.1\r\n" H "\r\n"
                               "GET /api/100 HTTP/1.1\r\n" H "\r\n"
                               "HEAD /api/chunked HTTP/1.1\r\n" H "\r\n"
                               "GET /api/close HTTP/1.1\r\n" H "\r\n"
                               "GET /api/end HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
    all = caller_rest(c);
    assert_non_null(strstr(all, "hel"));
    assert_non_null(strstr(all, " world\r\n0\r\n\r\nHTTP/1.1 204"));
    assert_non_null(strstr(all, "HTTP/1.1 204 No Content"));
    assert_non_null(strstr(all, "HTTP/1.1 304 Not Modified"));
    assert_null(strstr(all, "HTTP/1.1 100"));
    assert_non_null(strstr(all, "\r\n\r\nafter"));
    assert_non_null(strstr(all, "until the end"));
    assert_non_null(strstr(all, "GET /api/end "));
    assert_null(strstr(all, "Server:"));
    free(all);
    caller_close(c);
}

static void an_answer_that_says_too_much_is_cut_and_its_connection_not_used_again(void **state)
{
    (void)state;
    struct answer a;

    for (int i = 0; i < 20; i++) {
        assert_int_equal(rig_ask(&rig, "GET /api/stray HTTP/1.1\r\n" H "\r\n", &a), 200);
        assert_string_equal(a.body, "ok");
        answer_done(&a);
        assert_int_equal(rig_ask(&rig, "GET /api/x HTTP/1.1\r\n" H "\r\n", &a), 200);
        assert_non_null(strstr(a.body, "GET /api/x "));
        answer_done(&a);
    }
}

static void a_cut_answer_does_not_look_whole(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, NULL);
    struct answer a;

    assert_true(caller_text(c, "GET /api/cut HTTP/1.1\r\n" H "\r\n"));
    assert_false(caller_answer(c, false, &a));
    answer_done(&a);
    caller_close(c);
}

static void a_read_is_asked_once_again_when_its_kept_connection_breaks(void **state)
{
    (void)state;
    struct edge_counts before, after;
    struct answer a;

    // Every connection has served, so a broken one was kept.
    for (int i = 0; i < 20; i++) {
        assert_int_equal(rig_ask(&rig, "GET /api/x HTTP/1.1\r\n" H "\r\n", &a), 200);
        answer_done(&a);
    }
    edge_stats(rig.edge, &before);
    atomic_store(&rig.drops, 1);
    assert_int_equal(rig_ask(&rig, "GET /api/drop HTTP/1.1\r\n" H "\r\n", &a), 200);
    assert_string_equal(a.body, "kept");
    answer_done(&a);
    edge_stats(rig.edge, &after);
    assert_int_equal(after.backend_retries, before.backend_retries + 1);
}

static void a_write_is_never_asked_again(void **state)
{
    (void)state;
    long before = atomic_load(&rig.requests);
    struct answer a;

    atomic_store(&rig.drops, 1);
    assert_int_equal(rig_ask(&rig, "POST /api/drop HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", &a),
                     502);
    answer_done(&a);
    assert_int_equal(atomic_load(&rig.requests), before + 1);
    atomic_store(&rig.drops, 0);
}

static void a_read_that_is_lost_twice_is_a_bad_gateway(void **state)
{
    (void)state;
    struct answer a;

    atomic_store(&rig.drops, 100);
    assert_int_equal(rig_ask(&rig, "GET /api/drop HTTP/1.1\r\n" H "\r\n", &a), 502);
    answer_done(&a);
    atomic_store(&rig.drops, 0);
    assert_int_equal(rig_ask(&rig, "GET /api/garbage HTTP/1.1\r\n" H "\r\n", &a), 502);
    answer_done(&a);
}

// ---------------------------------------------------------------- assets

static void assets_come_from_memory_with_their_headers(void **state)
{
    (void)state;
    struct answer a;
    char text[400], etag[80];

    assert_int_equal(rig_ask(&rig, "GET /app-ABCDEFG2.js HTTP/1.1\r\n" H "\r\n", &a), 200);
    assert_string_equal(a.body, "plain script");
    assert_non_null(strstr(a.head, "\r\nVary: Accept-Encoding\r\n"));
    assert_non_null(strstr(a.head, "immutable"));
    assert_non_null(strstr(a.head, "Content-Type: text/javascript"));
    assert_null(strstr(a.head, "Content-Encoding"));
    assert_non_null(strstr(a.head,
                           "Content-Security-Policy: default-src 'none'; script-src 'self'; "
                           "style-src 'self'; img-src 'self' data:; font-src 'self'; "
                           "connect-src 'self'; base-uri 'none'; form-action 'self'; "
                           "frame-ancestors 'none'; require-trusted-types-for 'script'\r\n"));
    assert_non_null(strstr(a.head, "Strict-Transport-Security: "));
    assert_non_null(strstr(a.head, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(a.head, "Referrer-Policy: no-referrer\r\n"));
    assert_non_null(strstr(a.head, "Cross-Origin-Opener-Policy: same-origin\r\n"));
    assert_non_null(strstr(a.head, "Cross-Origin-Resource-Policy: same-origin\r\n"));
    assert_non_null(strstr(a.head, "Permissions-Policy: "));
    assert_int_equal(sscanf(strstr(a.head, "ETag: ") + 6, "%79s", etag), 1);
    answer_done(&a);
    snprintf(text, sizeof text,
             "GET /app-ABCDEFG2.js HTTP/1.1\r\n" H "If-None-Match: \"x\", %s\r\n\r\n", etag);
    assert_int_equal(rig_ask(&rig, text, &a), 304);
    assert_int_equal(a.len, 0);
    answer_done(&a);
}

static void the_gzip_form_is_chosen_by_accept_encoding(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool zipped;
    } cases[] = {
        { "gzip, deflate, br", true }, { "br;q=1, gzip;q=0.5", true }, { "gzip;q=0", false },
        { "gzip;q=0.000", false },     { "gzip; q=0.001", true },      { "br", false },
    };
    struct answer a;
    char text[300];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text,
                 "GET /app-ABCDEFG2.js HTTP/1.1\r\n" H "Accept-Encoding: %s\r\n\r\n",
                 cases[i].accept);
        assert_int_equal(rig_ask(&rig, text, &a), 200);
        assert_string_equal(a.body, cases[i].zipped ? "zipped script" : "plain script");
        assert_int_equal(strstr(a.head, "Content-Encoding: gzip") != NULL, cases[i].zipped);
        answer_done(&a);
    }
}

static void pages_get_the_index_and_missing_files_do_not(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        { "GET / HTTP/1.1\r\n" H "\r\n", 200 },
        { "GET /c/demo/devices/0123 HTTP/1.1\r\n" H "\r\n", 200 },
        { "GET /login?next=/x.y HTTP/1.1\r\n" H "\r\n", 200 },
        { "GET /missing.js HTTP/1.1\r\n" H "\r\n", 404 },
        { "GET /app-ABCDEFG2.js.gz HTTP/1.1\r\n" H "\r\n", 404 },
        { "GET /assets/x HTTP/1.1\r\n" H "\r\n", 404 },
        { "GET /metrics HTTP/1.1\r\n" H "\r\n", 404 },
        { "DELETE /page HTTP/1.1\r\n" H "\r\n", 405 },
        { "OPTIONS /page HTTP/1.1\r\n" H "\r\n", 204 },
        { "OPTIONS * HTTP/1.1\r\n" H "\r\n", 204 },
    };
    struct answer a;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = rig_ask(&rig, cases[i].request, &a);

        if (status != cases[i].status)
            fail_msg("%s: want %d, got %d", cases[i].request, cases[i].status, status);
        if (status == 200) {
            assert_string_equal(a.body, "<!doctype html>");
            assert_non_null(strstr(a.head, "Cache-Control: no-cache"));
        }
        answer_done(&a);
    }
}

// ---------------------------------------------------------------- files

#define FILE_SIZE 300000

static char folder[64], file_path[100];

static enum rc open_file(void *ctx, const char *path, const char *peer, struct edge_file *out)
{
    (void)ctx, (void)peer;
    if (strcmp(path, "/images/abc") != 0)
        return RC_NOT_FOUND;
    *out = (struct edge_file){ .fd = open(file_path, O_RDONLY | O_CLOEXEC),
                               .size = FILE_SIZE,
                               .etag = "abc",
                               .type = "application/octet-stream",
                               .immutable = true };
    return RC_OK;
}

static char file_byte(size_t i)
{
    return (char)(i * 7919 % 251);
}

static const struct {
    const char *range;
    int status;
    size_t from, len;
} ranges[] = {
    { "", 200, 0, FILE_SIZE },
    { "Range: bytes=0-0\r\n", 206, 0, 1 },
    { "Range: bytes=10-19\r\n", 206, 10, 10 },
    { "Range: bytes=299990-\r\n", 206, 299990, 10 },
    { "Range: bytes=-10\r\n", 206, 299990, 10 },
    { "Range: bytes=-999999\r\n", 206, 0, FILE_SIZE },
    { "Range: bytes=5-999999\r\n", 206, 5, FILE_SIZE - 5 },
    { "Range: bytes=300000-\r\n", 416, 0, 0 },
    { "Range: bytes=999999-9999999\r\n", 416, 0, 0 },
    { "Range: bytes=-0\r\n", 416, 0, 0 },
    { "Range: bytes=9-5\r\n", 200, 0, FILE_SIZE },
    { "Range: bytes=0-1,4-5\r\n", 200, 0, FILE_SIZE },
    { "Range: bytes=x-\r\n", 200, 0, FILE_SIZE },
    { "Range: bytes=-\r\n", 200, 0, FILE_SIZE },
    { "Range: bytes=1-99999999999999999999\r\n", 200, 0, FILE_SIZE },
    { "Range: lines=1-2\r\n", 200, 0, FILE_SIZE },
    { "Range: bytes=1-2\r\nIf-Range: \"abc\"\r\n", 206, 1, 2 },
    { "Range: bytes=1-2\r\nIf-Range: \"other\"\r\n", 200, 0, FILE_SIZE },
    { "Range: bytes=1-2\r\nIf-Range: W/\"abc\"\r\n", 200, 0, FILE_SIZE },
    { "Range: bytes=1-2\r\nIf-Range: Sun, 22 Nov 2026 21:00:00 GMT\r\n", 200, 0, FILE_SIZE },
    { "If-None-Match: \"abc\"\r\n", 304, 0, 0 },
};

static void check_range(const char *range, int status, size_t from, size_t len, bool head_only)
{
    struct caller *c = rig_connect(&rig, NULL);
    struct answer a;
    char text[300];

    snprintf(text, sizeof text, "%s /images/abc HTTP/1.1\r\n" H "%s\r\n",
             head_only ? "HEAD" : "GET", range);
    assert_true(caller_text(c, text) && caller_answer(c, head_only, &a));
    if (a.status != status || (!head_only && a.len != len))
        fail_msg("'%s': want %d, %zu bytes; got %d, %zu", range, status, len, a.status, a.len);
    for (size_t i = 0; i < a.len; i++)
        if (a.body[i] != file_byte(from + i))
            fail_msg("'%s': byte %zu is wrong", range, i);
    if (status == 206 || status == 416) {
        char want[100];

        if (status == 206)
            snprintf(want, sizeof want, "\r\nContent-Range: bytes %zu-%zu/%d\r\n", from,
                     from + len - 1, FILE_SIZE);
        else
            snprintf(want, sizeof want, "\r\nContent-Range: bytes */%d\r\n", FILE_SIZE);
        assert_non_null(strstr(a.head, want));
    }
    answer_done(&a);
    // The connection is still in step.
    assert_true(caller_text(c, "GET /healthz HTTP/1.1\r\n" H "\r\n"));
    assert_true(caller_answer(c, false, &a));
    assert_int_equal(a.status, 200);
    answer_done(&a);
    caller_close(c);
}

static void ranges_of_a_file_are_served_exactly(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        check_range(ranges[i].range, ranges[i].status, ranges[i].from, ranges[i].len, false);
        check_range(ranges[i].range, ranges[i].status, ranges[i].from, ranges[i].len, true);
    }
}

static void a_file_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    struct answer a;

    assert_int_equal(rig_ask(&rig, "GET /images/other HTTP/1.1\r\n" H "\r\n", &a), 404);
    answer_done(&a);
}

// ---------------------------------------------------------------- health

static bool is_ready = true;

static bool ready(void *ctx, char *out, size_t size)
{
    (void)ctx;
    snprintf(out, size, "{\"database\":%s}", is_ready ? "true" : "false");
    return is_ready;
}

static char *metrics(void *ctx, size_t *len)
{
    (void)ctx;
    *len = 4;
    return strdup("m 1\n");
}

static void health_and_readiness_are_told(void **state)
{
    (void)state;
    struct answer a;

    assert_int_equal(rig_ask(&rig, "GET /healthz HTTP/1.1\r\n" H "\r\n", &a), 200);
    answer_done(&a);
    assert_int_equal(rig_ask(&rig, "GET /readyz HTTP/1.1\r\n" H "\r\n", &a), 200);
    assert_string_equal(a.body, "{\"database\":true}");
    answer_done(&a);
    is_ready = false;
    assert_int_equal(rig_ask(&rig, "GET /readyz HTTP/1.1\r\n" H "\r\n", &a), 503);
    answer_done(&a);
    is_ready = true;
}

static void metrics_are_told_on_their_own_listener_only(void **state)
{
    (void)state;
    struct call_options o = { .plain = true, .port = edge_metrics_port(rig.edge) };
    struct caller *c = rig_connect(&rig, &o);
    struct answer a;

    assert_true(caller_text(c, "GET /metrics HTTP/1.1\r\n" H "\r\n"));
    assert_true(caller_answer(c, false, &a));
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "m 1\n");
    answer_done(&a);
    assert_true(caller_text(c, "GET /api/x HTTP/1.1\r\n" H "\r\n"));
    assert_true(caller_answer(c, false, &a));
    assert_int_equal(a.status, 404);
    answer_done(&a);
    caller_close(c);
}

// ---------------------------------------------------------------- the frame

static void make_file(void)
{
    static char data[FILE_SIZE];
    FILE *f;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = file_byte(i);
    folder_make(folder, sizeof folder, "file");
    snprintf(file_path, sizeof file_path, "%s/file", folder);
    f = fopen(file_path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, sizeof data, f), sizeof data);
    fclose(f);
}

static int setup(void **state)
{
    (void)state;
    rig_init(&rig);
    rig_asset(&rig, "index.html", "<!doctype html>");
    rig_asset(&rig, "app-ABCDEFG2.js", "plain script");
    rig_asset(&rig, "app-ABCDEFG2.js.gz", "zipped script");
    make_file();
    rig.options.metrics_listen = "127.0.0.1:0";
    rig.options.hooks =
        (struct edge_hooks){ .file = open_file, .ready = ready, .metrics = metrics };
    rig_start(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_stop(&rig);
    folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_never_reaches_a_backend_and_ends_the_connection),
        cmocka_unit_test(a_refusal_of_the_edge_was_told_in_a_dialect_of_its_own),
        cmocka_unit_test(heads_that_are_too_big_are_refused_by_name),
        cmocka_unit_test(nobody_can_claim_an_identity),
        cmocka_unit_test(a_device_certificate_arrives_as_its_fingerprint),
        cmocka_unit_test(our_headers_survive_a_client_that_sends_as_many_as_it_may),
        cmocka_unit_test(requests_in_a_row_are_answered_in_their_order),
        cmocka_unit_test(a_request_that_arrives_byte_by_byte_is_served),
        cmocka_unit_test(the_client_is_told_to_continue_before_it_sends_its_body),
        cmocka_unit_test(a_whole_mebibyte_goes_through_both_ways_unchanged),
        cmocka_unit_test(http_1_0_gets_one_answer_and_a_closed_connection),
        cmocka_unit_test(every_framing_of_an_answer_reaches_the_client_whole),
        cmocka_unit_test(an_answer_that_says_too_much_is_cut_and_its_connection_not_used_again),
        cmocka_unit_test(a_cut_answer_does_not_look_whole),
        cmocka_unit_test(a_read_is_asked_once_again_when_its_kept_connection_breaks),
        cmocka_unit_test(a_write_is_never_asked_again),
        cmocka_unit_test(a_read_that_is_lost_twice_is_a_bad_gateway),
        cmocka_unit_test(assets_come_from_memory_with_their_headers),
        cmocka_unit_test(the_gzip_form_is_chosen_by_accept_encoding),
        cmocka_unit_test(pages_get_the_index_and_missing_files_do_not),
        cmocka_unit_test(ranges_of_a_file_are_served_exactly),
        cmocka_unit_test(a_file_that_is_not_there_is_not_found),
        cmocka_unit_test(health_and_readiness_are_told),
        cmocka_unit_test(metrics_are_told_on_their_own_listener_only),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
