// SPDX-License-Identifier: Apache-2.0

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "edge/chunk.h"
#include "test.h"

static const struct {
    const char *name;
    const char *text;
    enum chunk_state end;
    const char *body; // what was decoded before the end
} cases[] = {
    { "one chunk", "5\r\nhello\r\n0\r\n\r\n", CHUNK_END, "hello" },
    { "two chunks", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", CHUNK_END, "hello" },
    { "no chunk", "0\r\n\r\n", CHUNK_END, "" },
    { "capital digits", "A\r\n0123456789\r\n0\r\n\r\n", CHUNK_END, "0123456789" },
    { "leading zeros", "0005\r\nhello\r\n000\r\n\r\n", CHUNK_END, "hello" },
    { "trailers are dropped", "1\r\nx\r\n0\r\nX-Orrery-Peer: y\r\nA:\r\n\r\n", CHUNK_END, "x" },
    { "a CR LF as data", "2\r\n\r\n\r\n0\r\n\r\n", CHUNK_END, "\r\n" },
    { "unfinished", "5\r\nhel", CHUNK_MORE, "hel" },
    { "the last line is missing", "0\r\n", CHUNK_MORE, "" },

    { "a size that overflows", "ffffffffffffffff\r\n", CHUNK_BAD, "" },
    { "a size with too many zeros", "0000000000000005\r\nhello", CHUNK_BAD, "" },
    { "a hexadecimal prefix", "0x5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, "" },
    { "a sign", "+5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, "" },
    { "a minus", "-5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, "" },
    { "an extension", "5;a=b\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, "" },
    { "an extension of the last chunk", "0;a\r\n\r\n", CHUNK_BAD, "" },
    { "a space behind the size", "5 \r\nhello\r\n0\r\n\r\n", CHUNK_BAD, "" },
    { "a space before the size", " 5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, "" },
    { "no size", "\r\nhello", CHUNK_BAD, "" },
    { "a bare line feed behind the size", "5\nhello\r\n0\r\n\r\n", CHUNK_BAD, "" },
    { "a bare carriage return behind the size", "5\rhello", CHUNK_BAD, "" },
    { "no CR LF behind the data", "5\r\nhello0\r\n\r\n", CHUNK_BAD, "hello" },
    { "a bare line feed behind the data", "5\r\nhello\n0\r\n\r\n", CHUNK_BAD, "hello" },
    { "more data than announced", "5\r\nhello!\r\n0\r\n\r\n", CHUNK_BAD, "hello" },
    { "a trailer without colon", "0\r\nnonsense\r\n\r\n", CHUNK_BAD, "" },
    { "a trailer with a space before the colon", "0\r\nA : b\r\n\r\n", CHUNK_BAD, "" },
    { "a folded trailer", "0\r\nA: b\r\n c\r\n\r\n", CHUNK_BAD, "" },
    { "a bare line feed in a trailer", "0\r\nA: b\n\r\n", CHUNK_BAD, "" },
    { "a bare line feed at the end", "0\r\n\n", CHUNK_BAD, "" },
    { "another request at the end", "0\r\nGET / HTTP/1.1\r\n\r\n", CHUNK_BAD, "" },
};

// Feeds the text in pieces of the given size, each an exact allocation.
static enum chunk_state decode(const char *text, size_t len, size_t piece, char *body, size_t *left)
{
    enum chunk_state s = CHUNK_MORE;
    struct chunk c;
    size_t from = 0, got = 0;

    chunk_init(&c);
    while (from < len && s != CHUNK_END && s != CHUNK_BAD) {
        size_t n = len - from < piece ? len - from : piece, used, data_len;
        char *part = malloc(n);
        const char *data;

        assert_non_null(part);
        memcpy(part, text + from, n);
        s = chunk_feed(&c, part, n, &used, &data, &data_len);
        if (s == CHUNK_DATA) {
            memcpy(body + got, data, data_len);
            got += data_len;
        } else if (s == CHUNK_MORE) {
            assert_int_equal(used, n);
        }
        from += used;
        free(part);
    }
    body[got] = '\0';
    *left = len - from;
    return s == CHUNK_DATA ? CHUNK_MORE : s;
}

static void every_case_ends_as_it_should_in_pieces_of_any_size(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece <= 64; piece = piece < 5 ? piece + 1 : piece * 2) {
            char body[200];
            size_t left;
            enum chunk_state s = decode(cases[i].text, strlen(cases[i].text), piece, body, &left);

            if (s != cases[i].end || strcmp(body, cases[i].body) != 0)
                fail_msg("%s in pieces of %zu: want %d '%s', got %d '%s'", cases[i].name, piece,
                         cases[i].end, cases[i].body, s, body);
        }
}

static void what_follows_the_last_chunk_is_left_alone(void **state)
{
    (void)state;
    static const char text[] = "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1";
    char body[100];
    size_t left;

    assert_int_equal(decode(text, sizeof text - 1, 100, body, &left), CHUNK_END);
    assert_int_equal(left, 14);
}

static void trailers_are_bounded(void **state)
{
    (void)state;
    static char text[CHUNK_TRAILERS_SIZE + 200];
    char body[4];
    size_t left;

    memset(text, 'a', sizeof text);
    memcpy(text, "0\r\nX:", 5);
    assert_int_equal(decode(text, CHUNK_TRAILERS_SIZE, 64, body, &left), CHUNK_MORE);
    assert_int_equal(decode(text, sizeof text, 64, body, &left), CHUNK_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_ends_as_it_should_in_pieces_of_any_size),
        cmocka_unit_test(what_follows_the_last_chunk_is_left_alone),
        cmocka_unit_test(trailers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
