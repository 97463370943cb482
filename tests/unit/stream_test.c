// SPDX-License-Identifier: Apache-2.0

#include "http/stream.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/rc.h"
#include "http/http.h"
#include "test.h"

static int64_t mono_ms = 1000;
static int taken, dropped;

int64_t clock_mono_ms(void)
{
    return mono_ms;
}

int64_t clock_mono_us(void)
{
    return mono_ms * 1000;
}

int64_t clock_now_ms(void)
{
    return mono_ms;
}

void clock_rfc3339(int64_t unix_ms, char out[RFC3339_LEN + 1])
{
    (void)unix_ms;
    *out = '\0';
}

static bool take(void *ctx, void *arg, int fd)
{
    (void)ctx;
    free(arg);
    close(fd);
    taken++;
    return true;
}

static void drop(void *ctx, void *arg)
{
    (void)ctx;
    free(arg);
    dropped++;
}

static int descriptor(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static enum rc offer(struct streams *s, struct reply *r)
{
    void *arg = malloc(1);
    enum rc rc = reply_stream(r, s, STREAM_EXPORT, "text/csv", arg, NULL);

    if (rc != RC_OK)
        free(arg);
    return rc;
}

static int begin(void **state)
{
    struct streams *s = streams_new();

    taken = dropped = 0;
    streams_provide(s, STREAM_EXPORT, take, drop, NULL);
    *state = s;
    return 0;
}

static int finish(void **state)
{
    streams_free(*state);
    return 0;
}

static void a_ticket_is_good_once(void **state)
{
    struct reply r = { 0 };

    assert_int_equal(offer(*state, &r), RC_OK);
    assert_int_equal(r.status, 200);
    assert_false(streams_open(*state, "00000000000000000000000000000000", descriptor()));
    assert_true(streams_open(*state, r.stream, descriptor()));
    assert_false(streams_open(*state, r.stream, descriptor()));
    assert_int_equal(taken, 1);
}

static void a_ticket_that_nobody_brings_ends(void **state)
{
    struct reply r = { 0 };

    assert_int_equal(offer(*state, &r), RC_OK);
    mono_ms += 10001;
    assert_false(streams_open(*state, r.stream, descriptor()));
    assert_int_equal(dropped, 1);
    assert_int_equal(taken, 0);
}

static void there_is_room_for_so_many_and_again_later(void **state)
{
    struct reply r = { 0 };
    int good = 0;

    while (good < 1000 && offer(*state, &r) == RC_OK)
        good++;
    assert_int_equal(good, 64);
    mono_ms += 10001;
    assert_int_equal(offer(*state, &r), RC_OK);
    assert_int_equal(dropped, 64);
}

static void without_a_provider_there_is_no_stream(void **state)
{
    struct reply r = { 0 }, other = { 0 };

    assert_int_equal(reply_stream(&other, *state, STREAM_EVENTS, "text/csv", NULL, NULL),
                     RC_UNAVAILABLE);
    assert_int_equal(offer(*state, &r), RC_OK);
    streams_provide(*state, STREAM_EXPORT, NULL, NULL, NULL);
    assert_int_equal(dropped, 1);
    assert_false(streams_open(*state, r.stream, descriptor()));
    assert_int_equal(offer(*state, &r), RC_UNAVAILABLE);
    assert_int_equal(reply_stream(&r, NULL, STREAM_EXPORT, "text/csv", NULL, NULL), RC_UNAVAILABLE);
}

#define STREAM_TEST(t) cmocka_unit_test_setup_teardown(t, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(a_ticket_is_good_once),
        STREAM_TEST(a_ticket_that_nobody_brings_ends),
        STREAM_TEST(there_is_room_for_so_many_and_again_later),
        STREAM_TEST(without_a_provider_there_is_no_stream),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
