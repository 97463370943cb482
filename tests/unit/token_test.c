// SPDX-License-Identifier: Apache-2.0

#include "core/token.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/protocol.h"
#include "support/token_check.h"
#include "test.h"

static enum token_kind first(const char *frame, struct token_cursor *c)
{
    token_start(c, frame, strlen(frame));
    return token_next(c);
}

static void a_reading_is_split_into_its_metrics(void **state)
{
    (void)state;
    static const char frame[] = "{\"type\":\"telemetry\",\"seq\":812,\"t\":1790000000000,"
                                "\"m\":{\"cpu.load\":0.42,\"temp.board\":-41.5}}";
    struct token_cursor c;

    assert_int_equal(first(frame, &c), TOKEN_TELEMETRY);
    assert_int_equal(c.reading.seq, 812);
    assert_int_equal(c.reading.t, 1790000000000);
    assert_int_equal(c.reading.boot, 0);
    assert_int_equal(c.reading.count, 2);
    assert_int_equal(c.reading.metrics[0].name.len, 8);
    assert_memory_equal(c.reading.metrics[0].name.at, "cpu.load", 8);
    assert_true(c.reading.metrics[0].value == 0.42);
    assert_true(c.reading.metrics[1].value == -41.5);
    assert_int_equal(token_next(&c), TOKEN_END);
    assert_int_equal(token_next(&c), TOKEN_END);
}

static void a_batch_is_read_one_by_one_and_other_types_are_handed_back(void **state)
{
    (void)state;
    static const char frame[] =
        " [ {\"m\":{},\"t\":5,\"seq\":1,\"type\":\"telemetry\",\"boot\":3} ,"
        "{\"type\":\"log\",\"text\":\"[x\"}, {} ] ";
    struct token_cursor c;

    assert_int_equal(first(frame, &c), TOKEN_TELEMETRY);
    assert_int_equal(c.reading.boot, 3);
    assert_int_equal(token_next(&c), TOKEN_OTHER);
    assert_int_equal(c.object.len, strlen("{\"type\":\"log\",\"text\":\"[x\"}"));
    assert_memory_equal(c.object.at, "{\"type\":\"log\",\"text\":\"[x\"}", c.object.len);
    assert_int_equal(token_next(&c), TOKEN_OTHER);
    assert_int_equal(token_next(&c), TOKEN_END);
}

static void a_refused_message_costs_only_itself(void **state)
{
    (void)state;
    static const char frame[] = "[{\"type\":\"telemetry\",\"seq\":7,\"t\":1,\"m\":{\"a\":\"x\"}},"
                                "{\"type\":\"telemetry\",\"seq\":8,\"t\":1,\"m\":{\"a\":1}}]";
    struct token_cursor c;

    assert_int_equal(first(frame, &c), TOKEN_REFUSED);
    assert_int_equal(c.reading.seq, 7);
    assert_string_equal(c.code, "malformed");
    assert_int_equal(token_next(&c), TOKEN_TELEMETRY);
    assert_int_equal(c.reading.seq, 8);
}

static const struct {
    const char *name, *frame;
    enum token_kind kind;
} cases[] = {
    { "nothing", "", TOKEN_BROKEN },
    { "a scalar", "1", TOKEN_BROKEN },
    { "an array of scalars", "[1]", TOKEN_BROKEN },
    { "an empty array", "[]", TOKEN_END },
    { "a byte order mark", "\xef\xbb\xbf{}", TOKEN_BROKEN },
    { "a comment", "{}//", TOKEN_OTHER },
    { "NaN", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":NaN}}", TOKEN_BROKEN },
    { "2^63", "{\"type\":\"telemetry\",\"seq\":9223372036854775808,\"t\":1,\"m\":{}}",
      TOKEN_BROKEN },
    { "2^63-1", "{\"type\":\"telemetry\",\"seq\":9223372036854775807,\"t\":1,\"m\":{}}",
      TOKEN_TELEMETRY },
    { "a real seq", "{\"type\":\"telemetry\",\"seq\":1.0,\"t\":1,\"m\":{}}", TOKEN_REFUSED },
    { "seq 0", "{\"type\":\"telemetry\",\"seq\":0,\"t\":1,\"m\":{}}", TOKEN_REFUSED },
    { "no t", "{\"type\":\"telemetry\",\"seq\":1,\"m\":{}}", TOKEN_REFUSED },
    { "no m", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1}", TOKEN_REFUSED },
    { "m no object", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":[]}", TOKEN_REFUSED },
    { "seq twice", "{\"type\":\"telemetry\",\"seq\":1,\"seq\":1,\"t\":1,\"m\":{}}", TOKEN_BROKEN },
    { "seq twice, once in escapes",
      "{\"type\":\"telemetry\",\"seq\":1,\"s\\u0065q\":1,\"t\":1,\"m\":{}}", TOKEN_BROKEN },
    { "a metric twice", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1,\"a\":1}}",
      TOKEN_BROKEN },
    { "a duplicate deep in an unknown member",
      "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{},\"x\":[{\"a\":{\"b\":1,\"b\":2}}]}",
      TOKEN_BROKEN },
    { "an unknown member", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{},\"x\":[{\"a\":{}}]}",
      TOKEN_TELEMETRY },
    { "an escape in a name", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"\\u0061\":1}}",
      TOKEN_REFUSED },
    { "a blank in a name", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a b\":1}}",
      TOKEN_REFUSED },
    { "an empty name", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"\":1}}", TOKEN_REFUSED },
    { "1e400", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1e400}}", TOKEN_BROKEN },
    { "1e-400", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1e-400}}",
      TOKEN_TELEMETRY },
    { "a leading zero", "{\"type\":\"telemetry\",\"seq\":01,\"t\":1,\"m\":{}}", TOKEN_BROKEN },
    { "a bare fraction", "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":.5}}",
      TOKEN_BROKEN },
    { "a member without a value", "{\"a\":}", TOKEN_BROKEN },
    { "a nested member without a value", "{\"a\":{\"b\":}}", TOKEN_BROKEN },
    { "brackets that do not match", "{\"a\":[}}", TOKEN_BROKEN },
    { "a comma too many", "{\"a\":1,}", TOKEN_BROKEN },
    { "an open string", "{\"a", TOKEN_BROKEN },
    { "an open escape", "{\"a\\", TOKEN_BROKEN },
    { "a control character", "{\"a\n\":1}", TOKEN_BROKEN },
    { "an overlong form", "{\"\xc0\xaf\":1}", TOKEN_BROKEN },
    { "a surrogate in UTF-8", "{\"\xed\xa0\x80\":1}", TOKEN_BROKEN },
    { "above U+10FFFF", "{\"\xf4\x90\x80\x80\":1}", TOKEN_BROKEN },
    { "half a surrogate pair", "{\"a\":\"\\ud800\"}", TOKEN_BROKEN },
    { "a NUL escape", "{\"a\":\"\\u0000\"}", TOKEN_BROKEN },
};

static void every_odd_frame_is_judged_as_jansson_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct token_cursor c;
        const char *why = token_check(cases[i].frame, strlen(cases[i].frame));

        if (why || first(cases[i].frame, &c) != cases[i].kind)
            fail_msg("%s: %s", cases[i].name, why ? why : "another kind");
    }
}

static void what_follows_a_frame_breaks_it(void **state)
{
    (void)state;
    struct token_cursor c;

    assert_int_equal(first("{}//", &c), TOKEN_OTHER);
    assert_int_equal(token_next(&c), TOKEN_BROKEN);
    assert_int_equal(token_next(&c), TOKEN_BROKEN);
    assert_int_equal(first("[{}]]", &c), TOKEN_OTHER);
    assert_int_equal(token_next(&c), TOKEN_BROKEN);
}

static size_t many_metrics(char *out, size_t size, int count, int name_len)
{
    size_t n = (size_t)snprintf(out, size, "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{");

    for (int i = 0; i < count; i++)
        n += (size_t)snprintf(out + n, size - n, "%s\"%0*d\":%d", i ? "," : "", name_len, i, i);
    return n + (size_t)snprintf(out + n, size - n, "}}");
}

static void limits_on_metrics_are_kept_to_the_letter(void **state)
{
    (void)state;
    static const struct {
        int count, name_len;
        enum token_kind kind;
    } sizes[] = {
        { 64, 3, TOKEN_TELEMETRY }, { 65, 3, TOKEN_REFUSED }, { 5000, 4, TOKEN_REFUSED },
        { 8, 64, TOKEN_TELEMETRY }, { 8, 65, TOKEN_REFUSED },
    };
    static char frame[LIMIT_FRAME_BYTES];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t len = many_metrics(frame, sizeof frame, sizes[i].count, sizes[i].name_len);
        struct token_cursor c;

        token_start(&c, frame, len);
        assert_int_equal(token_next(&c), sizes[i].kind);
        if (sizes[i].kind == TOKEN_REFUSED)
            assert_string_equal(c.code, "metrics");
        assert_int_equal(c.reading.seq, 1);
        assert_null(token_check(frame, len));
    }
}

static void nesting_is_bounded_where_jansson_bounds_it(void **state)
{
    (void)state;
    static char frame[8192];

    for (int depth = 2040; depth < 2052; depth++) {
        size_t n = (size_t)snprintf(frame, sizeof frame, "[{\"a\":");

        memset(frame + n, '[', (size_t)depth);
        n += (size_t)depth;
        if (depth % 2)
            frame[n++] = '1';
        memset(frame + n, ']', (size_t)depth);
        n += (size_t)depth;
        n += (size_t)snprintf(frame + n, sizeof frame - n, "}]");
        assert_null(token_check(frame, n));
    }
}

// ---------------------------------------------------------------- property: as jansson, always

static uint64_t seed = 88172645463325252u;

static unsigned pick(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}

static int some_number(char *out, size_t size)
{
    double d;
    uint64_t bits = seed;

    switch (pick(6)) {
    case 0:
        return snprintf(out, size, "%d", (int)pick(2000000) - 1000000);
    case 1:
        return snprintf(out, size, "%u.%0*u", pick(100), (int)pick(30) + 1, pick(1000));
    case 2:
        return snprintf(out, size, "-%u%u%u%u.%ue%d", pick(90000) + 1, pick(90000), pick(90000),
                        pick(90000), pick(90000), (int)pick(700) - 350);
    case 3:
        return snprintf(out, size, "%llu%u", (unsigned long long)(seed >> 3), pick(10));
    default:
        memcpy(&d, &bits, sizeof d);
        return snprintf(out, size, "%.*g", (int)pick(18), d);
    }
}

static size_t some_frame(char *out, size_t size)
{
    static const char *const names[] = { "a", "b", "cpu.load", "m\\u0030", "m0", "", "temp board" };
    size_t n = (size_t)snprintf(out, size, "[{\"type\":\"telemetry\",\"seq\":%u,\"t\":%u,\"m\":{",
                                pick(100), pick(100));
    unsigned count = pick(6);

    for (unsigned i = 0; i < count; i++) {
        n += (size_t)snprintf(out + n, size - n, "%s\"%s%u\":", i ? "," : "", names[pick(7)],
                              pick(20));
        n += (size_t)some_number(out + n, size - n);
    }
    n += (size_t)snprintf(out + n, size - n, "}},{\"x\":{\"y\":[true,\"\xc3\xa9\"]}}]");
    for (unsigned i = pick(3); i > 1; i--) // and then something happens to it
        out[pick((unsigned)n)] = "\"{}[]:,0-e.\\\x80 "[pick(14)];
    return n;
}

static void any_frame_is_read_as_jansson_reads_it(void **state)
{
    (void)state;
    char frame[4096];

    for (int i = 0; i < 200000; i++) {
        size_t len = some_frame(frame, sizeof frame);
        const char *why = token_check(frame, len);

        if (why)
            fail_msg("%s: %.*s", why, (int)len, frame);
    }
}

static void hard_decimals_round_as_strtod_rounds(void **state)
{
    (void)state;
    static char number[3000], frame[4096];

    // Half-way between two doubles, then a last digit far away that decides.
    for (int zeros = 700; zeros < 1500; zeros += 100) {
        int n = snprintf(number, sizeof number, "9007199254740993.%0*d", zeros, 0), len;

        for (char last = '0'; last < '3'; last++) {
            snprintf(number + n, sizeof number - (size_t)n, "%c", last);
            len = snprintf(frame, sizeof frame,
                           "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":%s}}", number);
            assert_null(token_check(frame, (size_t)len));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reading_is_split_into_its_metrics),
        cmocka_unit_test(a_batch_is_read_one_by_one_and_other_types_are_handed_back),
        cmocka_unit_test(a_refused_message_costs_only_itself),
        cmocka_unit_test(every_odd_frame_is_judged_as_jansson_does),
        cmocka_unit_test(what_follows_a_frame_breaks_it),
        cmocka_unit_test(limits_on_metrics_are_kept_to_the_letter),
        cmocka_unit_test(nesting_is_bounded_where_jansson_bounds_it),
        cmocka_unit_test(any_frame_is_read_as_jansson_reads_it),
        cmocka_unit_test(hard_decimals_round_as_strtod_rounds),
    };

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
