// SPDX-License-Identifier: Apache-2.0
//
// While the server's clock cannot be trusted, nothing is issued and nothing judged.

#include <time.h>

#include "core/clock.h"
#include "protocol/protocol.h"
#include "support/gate.h"
#include "test.h"

static struct gate *gate;
static _Atomic int64_t offset_ms; // how far somebody set the clock

static int64_t read_ms(clockid_t which)
{
    struct timespec t;

    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
    return read_ms(CLOCK_REALTIME) + offset_ms;
}

int64_t clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_mono_us(void)
{
    return read_ms(CLOCK_MONOTONIC) * 1000;
}

void clock_rfc3339(int64_t unix_ms, char out[RFC3339_LEN + 1])
{
    time_t s = (time_t)(unix_ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    strftime(out, RFC3339_LEN + 1, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
}

static int up(void **state)
{
    const struct gate_options o = { .loops = 1 };

    *state = gate = gate_up(&o);
    return 0;
}

static int hello_close_code(struct gate_device *d)
{
    struct wire_options o = gate_as_factory(gate, d);
    struct wire *w = wire_connect(&o);
    int code;

    assert_non_null(w);
    assert_true(wire_say_json(w, gate_hello(d)));
    code = wire_close_code(w);
    wire_free(w);
    return code;
}

static void a_clock_that_was_set_stops_attestation(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    char why[200] = "";

    (void)state;
    offset_ms = 6 * 60 * 1000;
    assert_int_equal(hello_close_code(d), CLOSE_RETRY);
    assert_false(gateway_is_ready(gate->gateway, why, sizeof why));
    assert_string_not_equal(why, "");
    offset_ms = -6 * 60 * 1000;
    assert_int_equal(hello_close_code(d), CLOSE_RETRY);
    offset_ms = 4 * 60 * 1000; // a correction, as by NTP
    assert_true(gate_enroll(gate, d, "affirming"));
    offset_ms = 0;
    assert_true(gateway_is_ready(gate->gateway, why, sizeof why));
    gate_device_free(d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_was_set_stops_attestation),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests_name("the server's clock", tests, up, gate_teardown);
}
