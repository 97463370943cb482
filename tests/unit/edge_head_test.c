// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/head.h"
#include "test.h"

#define GET  "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define OK   GET HOST
#define POST "POST /api HTTP/1.1\r\n" HOST

static const struct {
    const char *name;
    const char *text;
    int status; // 0: accepted
} cases[] = {
    { "the plainest request", OK "\r\n", 0 },
    { "a query may hold most things", "GET /a/b?x=%zz&y=//..|\"{} HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "an ordinary escape", "GET /a%20b HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "a dot file is no dot segment", "GET /.well-known/x HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "a trailing slash", "GET /c/demo/ HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "HTTP/1.0 without host", "GET / HTTP/1.0\r\n\r\n", 0 },
    { "options of the whole server", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "host with a port", GET "Host: [::1]:8443\r\n\r\n", 0 },
    { "value of UTF-8", OK "X-A: \xc3\xa9\r\n\r\n", 0 },
    { "empty value", OK "X-A:\r\n\r\n", 0 },
    { "white space around a value", OK "X-A: \t b \t\r\n\r\n", 0 },
    { "chunked", POST "Transfer-Encoding: chunked\r\n\r\n", 0 },
    { "chunked in capitals", POST "Transfer-Encoding: CHUNKED\r\n\r\n", 0 },
    { "expect continue", POST "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n", 0 },

    { "length and coding", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "coding and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
    { "odd coding and length", POST "Transfer-Encoding: x\r\nContent-Length: 5\r\n\r\n", 400 },
    { "two different lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400 },
    { "two equal lengths", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
    { "a list of lengths", POST "Content-Length: 5, 5\r\n\r\n", 400 },
    { "a positive length", POST "Content-Length: +5\r\n\r\n", 400 },
    { "a negative length", POST "Content-Length: -5\r\n\r\n", 400 },
    { "a hexadecimal length", POST "Content-Length: 0x5\r\n\r\n", 400 },
    { "an empty length", POST "Content-Length:\r\n\r\n", 400 },
    { "a length of 20 digits", POST "Content-Length: 18446744073709551617\r\n\r\n", 400 },
    { "a space before the colon", POST "Content-Length : 5\r\n\r\n", 400 },
    { "a tab before the colon", POST "Content-Length\t: 5\r\n\r\n", 400 },
    { "a folded line", OK "X-A: b\r\n c\r\n\r\n", 400 },
    { "a line folded with a tab", OK "X-A: b\r\n\tc\r\n\r\n", 400 },
    { "a fold right behind the request line", GET " X: y\r\n" HOST "\r\n", 400 },
    { "a bare line feed", OK "X-A: b\nX-C: d\r\n\r\n", 400 },
    { "a head of bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 400 },
    { "a bare carriage return in a value", OK "X-A: b\rX-C: d\r\n\r\n", 400 },
    { "a bare carriage return at the end of a value", OK "X-A: b\r\r\n\r\n", 400 },
    { "DEL in a value", OK "X-A: \x7f\r\n\r\n", 400 },
    { "no host", GET "\r\n", 400 },
    { "two hosts", GET HOST HOST "\r\n", 400 },
    { "one authorization", GET HOST "Authorization: Bearer a\r\n\r\n", 0 },
    { "two authorizations", GET HOST "Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
      400 },
    { "an empty host", GET "Host:\r\n\r\n", 400 },
    { "a host with a path", GET "Host: a/b\r\n\r\n", 400 },
    { "a host with a user", GET "Host: u@a\r\n\r\n", 400 },
    { "a host with a space", GET "Host: a b\r\n\r\n", 400 },
    { "absolute form", "GET http://a/ HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "asterisk with GET", "GET * HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "CONNECT", "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "two codings", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "a coding behind a vertical tab",
      POST "Transfer-Encoding: \x0b"
           "chunked\r\n\r\n",
      400 },
    { "an empty coding", POST "Transfer-Encoding:\r\n\r\n", 400 },
    { "an unknown coding", POST "Transfer-Encoding: xchunked\r\n\r\n", 501 },
    { "chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 501 },
    { "gzip then chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
    { "identity", POST "Transfer-Encoding: identity\r\n\r\n", 501 },
    { "an empty line first", "\r\n" OK "\r\n", 400 },
    { "no version", "GET /\r\n" HOST "\r\n", 400 },
    { "two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "a space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "a tab in the request line", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "a space behind the version", "GET / HTTP/1.1 \r\n" HOST "\r\n", 400 },
    { "a small version", "GET / http/1.1\r\n" HOST "\r\n", 400 },
    { "a long version", "GET / HTTP/1.10\r\n" HOST "\r\n", 400 },
    { "HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
    { "HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 505 },
    { "HTTP/0.9 said", "GET / HTTP/0.9\r\n" HOST "\r\n", 505 },
    { "the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
    { "an unknown method", "BREW / HTTP/1.1\r\n" HOST "\r\n", 501 },
    { "TRACE", "TRACE / HTTP/1.1\r\n" HOST "\r\n", 501 },
    { "a small method", "get / HTTP/1.1\r\n" HOST "\r\n", 501 },
    { "a method that is no token", "G(T / HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "no method", " / HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "expect something else", POST "Expect: 200-ok\r\n\r\n", 417 },
    { "dot dot", "GET /../etc/passwd HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "dot dot at the end", "GET /a/.. HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "a dot segment", "GET /a/./b HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "an escaped dot", "GET /%2e%2E/x HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "an escaped slash", "GET /a%2fb HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "an escaped backslash", "GET /a%5cb HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "an escaped NUL", "GET /a%00 HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "an escaped line feed", "GET /a%0ab HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "half an escape", "GET /a%2 HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "a false escape", "GET /a%zz HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "two slashes", "GET //a HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "two slashes inside", "GET /a//b HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "a backslash", "GET /a\\b HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "a fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "a fragment in the query", "GET /a?b#c HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "bytes above ASCII in the path", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400 },
    { "no colon", OK "nonsense\r\n\r\n", 400 },
    { "no name", OK ": x\r\n\r\n", 400 },
    { "a name that is no token", OK "X[A]: b\r\n\r\n", 400 },
};

static int feed_whole(const char *text, size_t len, struct head *h)
{
    head_init(h, false);
    switch (head_feed(h, text, len)) {
    case HEAD_DONE:
        return 0;
    case HEAD_BAD:
        return h->bad;
    case HEAD_MORE:
        break;
    }
    return -1;
}

// Each prefix is an exact allocation, so that the sanitizer sees one byte too many.
static int feed_bytewise(const char *text, size_t len)
{
    struct head h;

    head_init(&h, false);
    for (size_t n = 1; n <= len; n++) {
        char *part = malloc(n);
        enum head_state s;

        assert_non_null(part);
        memcpy(part, text, n);
        s = head_feed(&h, part, n);
        free(part);
        if (s != HEAD_MORE)
            return s == HEAD_DONE ? 0 : h.bad;
    }
    return -1;
}

static void every_case_gets_its_status_in_one_piece_and_byte_by_byte(void **state)
{
    (void)state;
    struct head h;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = strlen(cases[i].text);
        int whole = feed_whole(cases[i].text, len, &h);
        int bytewise = feed_bytewise(cases[i].text, len);

        if (whole != cases[i].status || bytewise != cases[i].status)
            fail_msg("%s: want %d, got %d whole, %d byte by byte", cases[i].name, cases[i].status,
                     whole, bytewise);
        if (whole)
            assert_non_null(h.reason);
    }
}

static void a_nul_byte_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    static const char text[] = "GET /a HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n";
    struct head h;

    for (size_t i = 0; i + 1 < sizeof text; i++) {
        char copy[sizeof text];
        int status;

        memcpy(copy, text, sizeof text);
        copy[i] = '\0';
        status = feed_whole(copy, sizeof text - 1, &h);
        if (status == 0 || (status == -1 && i < sizeof text - 3))
            fail_msg("NUL at %zu gave %d", i, status);
    }
}

static void a_head_is_bounded_in_size_target_and_lines(void **state)
{
    (void)state;
    static char text[40000];
    struct head h;
    int n;

    n = snprintf(text, sizeof text, "GET /%09000d HTTP/1.1\r\n" HOST "\r\n", 0);
    assert_int_equal(feed_whole(text, (size_t)n, &h), 414);
    assert_int_equal(feed_whole(text, 8500, &h), 414);
    n = snprintf(text, sizeof text, "GET /%08191d HTTP/1.1\r\n" HOST "\r\n", 0);
    assert_int_equal(feed_whole(text, (size_t)n, &h), 0);
    n = snprintf(text, sizeof text, OK "X-A: %020000d\r\n\r\n", 0);
    assert_int_equal(feed_whole(text, (size_t)n, &h), 431);
    assert_int_equal(feed_whole(text, 17000, &h), 431);
    n = snprintf(text, sizeof text, OK);
    for (int i = 1; i < HEAD_FIELDS; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "X-%d: 1\r\n", i);
    memcpy(text + n, "\r\n", 3);
    assert_int_equal(feed_whole(text, (size_t)n + 2, &h), 0);
    assert_int_equal(h.count, HEAD_FIELDS);
    memcpy(text + n, "X: 1\r\n\r\n", 9);
    assert_int_equal(feed_whole(text, (size_t)n + 8, &h), 431);
}

static void the_parts_of_a_head_are_found(void **state)
{
    (void)state;
    static const char text[] = "POST /a/b?c=d HTTP/1.1\r\nHost: x:1\r\nContent-Length: 0012\r\n"
                               "connection: keep-alive, CLOSE\r\nExpect: 100-Continue\r\n"
                               "Upgrade: h2c\r\n\r\nrest";
    struct head h;

    assert_int_equal(feed_whole(text, sizeof text - 1, &h), 0);
    assert_int_equal(h.size, sizeof text - 5);
    assert_string_equal(method_name(h.method), "POST");
    assert_true(span_is(text, h.path, "/a/b"));
    assert_true(span_is(text, h.query, "c=d"));
    assert_true(h.close && h.expects && h.upgrades && !h.chunked);
    assert_int_equal(h.length, 12);
    assert_true(span_is(text, head_find(&h, text, "HOST")->value, "x:1"));
    assert_null(head_find(&h, text, "cookie"));
}

static void tokens_are_found_in_lists_only_whole(void **state)
{
    (void)state;
    static const char list[] = "gzip;q=1, Upgrade ,,x";
    struct span s = { 0, sizeof list - 1 };

    assert_true(span_lists(list, s, "upgrade"));
    assert_true(span_lists(list, s, "x"));
    assert_false(span_lists(list, s, "grade"));
    assert_false(span_lists(list, s, "gzip"));
    assert_false(span_lists(list, (struct span){ 0, 0 }, "x"));
}

static void an_answer_has_its_own_first_line(void **state)
{
    (void)state;
    static const char good[] = "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n";
    static const char bare[] = "HTTP/1.1 200\r\n\r\n";
    static const char bad[] = "HTTP/1.1 2x0 OK\r\n\r\n";
    struct head h;

    head_init(&h, true);
    assert_int_equal(head_feed(&h, good, sizeof good - 1), HEAD_DONE);
    assert_int_equal(h.status, 204);
    head_init(&h, true);
    assert_int_equal(head_feed(&h, bare, sizeof bare - 1), HEAD_DONE);
    head_init(&h, true);
    assert_int_equal(head_feed(&h, bad, sizeof bad - 1), HEAD_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_gets_its_status_in_one_piece_and_byte_by_byte),
        cmocka_unit_test(a_nul_byte_is_refused_wherever_it_stands),
        cmocka_unit_test(a_head_is_bounded_in_size_target_and_lines),
        cmocka_unit_test(the_parts_of_a_head_are_found),
        cmocka_unit_test(tokens_are_found_in_lists_only_whole),
        cmocka_unit_test(an_answer_has_its_own_first_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
