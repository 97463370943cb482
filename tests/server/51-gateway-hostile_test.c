// SPDX-License-Identifier: Apache-2.0
// threaded
//
// What a device must not do, and what it gets for it: a precise refusal and a close code. After
// every story a good device still comes in.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "protocol/protocol.h"
#include "support/forge.h"
#include "support/gate.h"
#include "test.h"

static struct gate *gate;
static struct gate_device *device; // enrolled once, for the stories about messages

static int up(void **state)
{
    const struct gate_options o = { .loops = 1 };

    (void)state;
    gate = gate_up(&o);
    device = gate_device(gate, gate->demo, true);
    return gate_enroll(gate, device, "affirming") ? 0 : -1;
}

static int down(void **state)
{
    (void)state;
    gate_device_free(device);
    gate_down(gate);
    return 0;
}

static struct wire *session(void)
{
    struct wire *w;

    device->boot++;
    w = gate_session(gate, device, NULL);
    assert_non_null(w);
    return w;
}

static int a_good_device_still_comes_in(void **state)
{
    struct wire *w;
    json_t *ack;
    char text[120];

    (void)state;
    w = session();
    snprintf(text, sizeof text, "{\"type\":\"telemetry\",\"seq\":1,\"t\":%lld,\"m\":{\"a\":1}}",
             (long long)clock_now_ms());
    wire_say(w, text);
    ack = wire_hear(w, "ack");
    wire_free(w);
    if (!ack)
        return -1;
    json_decref(ack);
    return 0;
}

// The code of the next nack; -1 in *seq if it has none.
static char *next_nack(struct wire *w, int64_t *seq)
{
    json_auto_t *nack = wire_hear(w, "nack");
    const json_t *number = json_object_get(nack, "seq");
    const char *code = json_string_value(json_object_get(nack, "code"));

    *seq = number ? json_integer_value(number) : -1;
    return code && json_is_string(json_object_get(nack, "text")) ? strdup(code) : NULL;
}

// ---------------------------------------------------------------- at the door

static void strangers_are_refused_in_the_handshake(void **state)
{
    struct wire_options nobody = { .port = gate->port };
    struct gate_device *unknown = gate_device(gate, gate->demo, true);
    struct wire_options o = gate_as_factory(gate, unknown);
    EVP_PKEY *key = forge_key();
    X509 *cert = forge_factory(key);

    (void)state;
    assert_null(wire_connect(&nobody));
    o.key = key;
    o.cert = cert;
    assert_null(wire_connect(&o));
    X509_free(cert);
    EVP_PKEY_free(key);
    gate_device_free(unknown);
}

static int status_of(const char *head)
{
    struct wire_options o = gate_as_certified(gate, device);
    struct wire *w = wire_open(&o);
    int status = wire_request(w, head);

    wire_free(w);
    return status;
}

#define UPGRADE                                                                                    \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define SPEAKS "Sec-WebSocket-Protocol: orrery.device.v1\r\n"

static void only_the_upgrade_is_answered(void **state)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /device HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /device HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /device HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello",
        "GET /other HTTP/1.1\r\nHost: a\r\n" UPGRADE SPEAKS "\r\n",
        "GET /device/ HTTP/1.1\r\nHost: a\r\n" UPGRADE SPEAKS "\r\n",
        "GET /device HTTP/1.1\r\nHost: a\r\n" UPGRADE "\r\n",
        "GET /device HTTP/1.1\r\nHost: a\r\n" UPGRADE "Sec-WebSocket-Protocol: mqtt\r\n\r\n",
        "GET /device HTTP/1.1\r\nHost: a\r\n" UPGRADE "Sec-WebSocket-Protocol: http\r\n\r\n",
        "\r\n\r\n\r\n",
        "hello\r\n\r\n",
    };

    (void)state;
    assert_int_equal(status_of("GET /device HTTP/1.1\r\nHost: a\r\n" UPGRADE SPEAKS "\r\n"), 101);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (status_of(heads[i]) == 101)
            fail_msg("upgraded: %s", heads[i]);
}

static void a_long_head_is_cut_off(void **state)
{
    struct wire_options o = gate_as_certified(gate, device);
    struct wire *w = wire_open(&o);
    static char head[70000];

    (void)state;
    memset(head, 'a', sizeof head - 1);
    memcpy(head, "GET /device HTTP/1.1\r\nX: ", 25);
    assert_int_equal(wire_request(w, head), 0);
    wire_free(w);
}

// ---------------------------------------------------------------- proof of identity

// Spoils one thing about evidence and expects nack identity, close 4403.
struct spoiled {
    struct gate_device *d;
    struct wire *w;
    json_t *challenge;
    const char *nonce;
    uint8_t exporter[32];
};

static struct spoiled begin(void)
{
    struct spoiled s = { .d = gate_device(gate, gate->demo, true) };
    struct wire_options o = gate_as_factory(gate, s.d);

    s.w = wire_connect(&o);
    assert_non_null(s.w);
    assert_true(wire_say_json(s.w, gate_hello(s.d)));
    s.challenge = wire_hear(s.w, "challenge");
    s.nonce = json_string_value(json_object_get(s.challenge, "nonce"));
    gate_exporter(s.w, s.exporter);
    return s;
}

static void is_refused(struct spoiled *s, const char *code, int close)
{
    auto_free char *got = NULL;
    int64_t seq;

    got = next_nack(s->w, &seq);
    assert_non_null(got);
    assert_string_equal(got, code);
    assert_int_equal(wire_close_code(s->w), close);
    wire_free(s->w);
    json_decref(s->challenge);
    gate_device_free(s->d);
}

static void evidence_by_another_key_is_refused(void **state)
{
    struct spoiled s = begin();

    (void)state;
    wire_say_json(s.w, gate_evidence(s.d, gate_claims(s.d, s.nonce, s.d->key, s.exporter), s.d->key,
                                     s.d->key));
    is_refused(&s, "identity", CLOSE_IDENTITY);
}

static void evidence_of_another_connection_is_refused(void **state)
{
    struct spoiled s = begin();

    (void)state;
    s.exporter[0] ^= 1;
    wire_say_json(s.w, gate_evidence(s.d, gate_claims(s.d, s.nonce, s.d->key, s.exporter), s.d->key,
                                     s.d->factory));
    is_refused(&s, "identity", CLOSE_IDENTITY);
}

// A machine in the middle of two connections of its own cannot pass the evidence on.
static void evidence_relayed_from_one_session_to_another_is_refused(void **state)
{
    struct spoiled s = begin();
    struct wire_options o = gate_as_factory(gate, s.d);
    struct wire *other = wire_connect(&o);
    uint8_t theirs[32];

    (void)state;
    gate_exporter(other, theirs);
    wire_say_json(s.w, gate_evidence(s.d, gate_claims(s.d, s.nonce, s.d->key, theirs), s.d->key,
                                     s.d->factory));
    wire_free(other);
    is_refused(&s, "identity", CLOSE_IDENTITY);
}

static void evidence_moved_to_another_key_is_refused(void **state)
{
    struct spoiled s = begin();
    EVP_PKEY *thief = forge_key();

    (void)state;
    wire_say_json(s.w, gate_evidence(s.d, gate_claims(s.d, s.nonce, s.d->key, s.exporter), thief,
                                     s.d->factory));
    EVP_PKEY_free(thief);
    is_refused(&s, "identity", CLOSE_IDENTITY);
}

static void a_nonce_of_an_earlier_challenge_is_refused(void **state)
{
    struct spoiled first = begin(), s = begin();

    (void)state;
    wire_say_json(s.w, gate_evidence(s.d, gate_claims(s.d, first.nonce, s.d->key, s.exporter),
                                     s.d->key, s.d->factory));
    is_refused(&s, "identity", CLOSE_IDENTITY);
    wire_free(first.w);
    json_decref(first.challenge);
    gate_device_free(first.d);
}

static void evidence_is_taken_once(void **state)
{
    struct spoiled s = begin();
    json_t *evidence =
        gate_evidence(s.d, gate_claims(s.d, s.nonce, s.d->key, s.exporter), s.d->key, s.d->factory);

    (void)state;
    assert_true(wire_say_json(s.w, json_incref(evidence)));
    assert_true(wire_say_json(s.w, evidence));
    is_refused(&s, "order", CLOSE_ORDER);
}

static void a_log_changed_after_signing_is_refused(void **state)
{
    struct spoiled s = begin();
    json_t *evidence =
        gate_evidence(s.d, gate_claims(s.d, s.nonce, s.d->key, s.exporter), s.d->key, s.d->factory);
    auto_free char *eat = strdup(json_string_value(json_object_get(evidence, "eat")));
    char *payload = strchr(eat, '.') + 1;

    (void)state;
    payload[200] = payload[200] == 'A' ? 'B' : 'A';
    add_text(evidence, "eat", eat);
    assert_true(wire_say_json(s.w, evidence));
    is_refused(&s, "identity", CLOSE_IDENTITY);
}

static void another_devices_id_is_refused(void **state)
{
    struct spoiled s = begin();
    json_t *claims = gate_claims(s.d, s.nonce, s.d->key, s.exporter);

    (void)state;
    add_text(claims, "ueid", "AQAAAAAAAAAAAAAAAAAAAAA");
    assert_true(wire_say_json(s.w, gate_evidence(s.d, claims, s.d->key, s.d->factory)));
    is_refused(&s, "identity", CLOSE_IDENTITY);
}

static void malformed_evidence_is_named(void **state)
{
    struct spoiled s = begin();

    (void)state;
    wire_say(s.w, "{\"type\":\"evidence\",\"eat\":\"a.b\",\"csr\":\"AAAA\"}");
    is_refused(&s, "malformed", CLOSE_MALFORMED);
    s = begin();
    wire_say(s.w, "{\"type\":\"evidence\",\"eat\":\"a.b.c\",\"csr\":\"*\"}");
    is_refused(&s, "malformed", CLOSE_MALFORMED);
    s = begin();
    wire_say(s.w, "{\"type\":\"evidence\"}");
    is_refused(&s, "malformed", CLOSE_MALFORMED);
}

// ---------------------------------------------------------------- order

static void the_first_message_is_hello(void **state)
{
    struct wire_options o = gate_as_certified(gate, device);
    struct wire *w = wire_connect(&o);
    auto_free char *code = NULL;
    int64_t seq;

    (void)state;
    wire_say(w, "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1}}");
    code = next_nack(w, &seq);
    assert_string_equal(code, "order");
    assert_int_equal(wire_close_code(w), CLOSE_ORDER);
    wire_free(w);
}

static void closes(const char *text, const char *code, int close)
{
    struct wire *w = session();
    auto_free char *got = NULL;
    int64_t seq;

    assert_true(wire_say(w, text));
    got = next_nack(w, &seq);
    if (!got || strcmp(got, code) != 0)
        fail_msg("%.60s: nack %s", text, got ? got : "none");
    assert_int_equal(wire_close_code(w), close);
    wire_free(w);
}

static void hello_is_said_once(void **state)
{
    (void)state;
    closes(
        "{\"type\":\"hello\",\"protocol\":\"orrery.device.v1\",\"attester\":\"soft\",\"boot\":9}",
        "order", CLOSE_ORDER);
}

static void evidence_without_a_challenge_is_refused(void **state)
{
    (void)state;
    closes("{\"type\":\"evidence\",\"eat\":\"a.b.c\",\"csr\":\"AAAA\"}", "order", CLOSE_ORDER);
}

// ---------------------------------------------------------------- JSON

static void what_is_not_json_ends_the_session(void **state)
{
    static const char *const frames[] = {
        "",
        "{",
        "nonsense",
        "7",
        "\"text\"",
        "[1]",
        "{\"type\":\"telemetry\",\"seq\":1,\"seq\":2,\"t\":1,\"m\":{}}",
        "{\"type\":\"log\",\"type\":\"log\"}",
        "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":NaN}}",
        "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1e999}}",
        "{\"type\":\"log\",\"seq\":9223372036854775808}",
        "{\"type\":\"log\",\"text\":\"\xff\xfe\"}",
        "{\"type\":\"log\",\"text\":\"\xed\xa0\x80\"}",
        "{\"type\":7}",
        "{}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        closes(frames[i], "malformed", CLOSE_MALFORMED);
}

static void deep_nesting_ends_the_session(void **state)
{
    static char text[60000];

    (void)state;
    memset(text, '[', 30000);
    closes(text, "malformed", CLOSE_MALFORMED);
    snprintf(text, sizeof text,
             "{\"type\":\"log\",\"seq\":1,\"t\":1,\"level\":\"info\",\"text\":\"\","
             "\"fields\":{\"a\":[[[[[[[[[[1]]]]]]]]]]}}");
    closes(text, "malformed", CLOSE_MALFORMED);
}

// Each message is refused by itself; the session goes on.
static void a_bad_message_is_nacked_and_the_next_one_taken(void **state)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        { "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1}}", "clock" },
        { "{\"type\":\"telemetry\",\"seq\":2,\"t\":9000000000000,\"m\":{\"a\":1}}", "clock" },
        { "{\"type\":\"telemetry\",\"seq\":3,\"t\":1,\"m\":{\"a\":\"high\"}}", "malformed" },
        { "{\"type\":\"telemetry\",\"seq\":4,\"t\":1,\"m\":{\"a b\":1}}", "metrics" },
        { "{\"type\":\"log\",\"seq\":5,\"t\":1,\"level\":\"loud\",\"text\":\"x\"}", "malformed" },
        { "{\"type\":\"log\",\"seq\":6,\"t\":1,\"level\":\"info\"}", "malformed" },
        { "{\"type\":\"event\",\"seq\":7,\"t\":1}", "malformed" },
        { "{\"type\":\"teapot\",\"seq\":8}", "type" },
        { "{\"type\":\"log\",\"seq\":9,\"boot\":99999,\"t\":1,\"level\":\"info\",\"text\":\"\"}",
          "boot" },
    };
    struct wire *w = session();
    char text[200];
    json_t *ack;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        auto_free char *code = NULL;
        int64_t seq;

        assert_true(wire_say(w, cases[i].text));
        code = next_nack(w, &seq);
        if (!code || strcmp(code, cases[i].code) != 0 || seq != (int64_t)i + 1)
            fail_msg("%s: nack %s of %d", cases[i].text, code ? code : "none", (int)seq);
    }
    snprintf(text, sizeof text, "{\"type\":\"telemetry\",\"seq\":10,\"t\":%lld,\"m\":{\"a\":1}}",
             (long long)clock_now_ms());
    assert_true(wire_say(w, text));
    do
        ack = wire_hear(w, "ack");
    while (ack && json_integer_value(json_object_get(ack, "seq")) < 10 && (json_decref(ack), true));
    assert_non_null(ack);
    json_decref(ack);
    wire_free(w);
}

static void ten_thousand_metrics_are_nacked(void **state)
{
    struct wire *w = session();
    static char text[65000];
    auto_free char *code = NULL;
    size_t n;
    int64_t seq;

    (void)state;
    n = (size_t)snprintf(text, sizeof text,
                         "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1");
    for (int i = 0; n < sizeof text - 20 && i < 10000; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ",\"%d\":1", i);
    snprintf(text + n, sizeof text - n, "}}");
    assert_true(wire_say(w, text));
    code = next_nack(w, &seq);
    assert_non_null(code);
    wire_free(w);
}

// ---------------------------------------------------------------- frames

static void an_oversized_frame_ends_the_session(void **state)
{
    struct wire *w = session();
    static char text[70001];
    auto_free char *code = NULL;
    int64_t seq;

    (void)state;
    memset(text, ' ', sizeof text - 1);
    wire_say(w, text);
    code = next_nack(w, &seq);
    assert_string_equal(code, "size");
    assert_int_equal(wire_close_code(w), CLOSE_TOO_BIG);
    wire_free(w);
}

static void endless_fragments_end_the_session(void **state)
{
    struct wire *w = session();
    static char part[1000];
    auto_free char *code = NULL;
    int64_t seq;

    (void)state;
    memset(part, ' ', sizeof part);
    for (int i = 0; i < 70; i++)
        wire_frame(w, false, i == 0 ? WIRE_TEXT : WIRE_MORE, part, sizeof part);
    code = next_nack(w, &seq);
    assert_string_equal(code, "size");
    assert_int_equal(wire_close_code(w), CLOSE_TOO_BIG);
    wire_free(w);
}

static void a_fragmented_message_is_put_together(void **state)
{
    struct wire *w = session();
    char text[200];
    size_t len;
    json_t *ack;

    (void)state;
    len = (size_t)snprintf(text, sizeof text,
                           "{\"type\":\"telemetry\",\"seq\":1,\"t\":%lld,\"m\":{\"a\":1}}",
                           (long long)clock_now_ms());
    for (size_t i = 0; i < len; i++) {
        wire_frame(w, i + 1 == len, i == 0 ? WIRE_TEXT : WIRE_MORE, text + i, 1);
        if (i == 10)
            wire_frame(w, true, WIRE_PING, "x", 1); // control frames may come between
    }
    assert_int_equal(wire_next(w, WIRE_WAIT_MS).op, WIRE_PONG);
    ack = wire_hear(w, "ack");
    assert_non_null(ack);
    json_decref(ack);
    wire_free(w);
}

static void a_full_frame_is_taken(void **state)
{
    struct wire *w = session();
    static char text[LIMIT_FRAME_BYTES + 1];
    json_t *ack;
    int n;

    (void)state;
    memset(text, ' ', LIMIT_FRAME_BYTES);
    n = snprintf(text, sizeof text, "{\"type\":\"telemetry\",\"seq\":1,\"t\":%lld,\"m\":{\"a\":1}}",
                 (long long)clock_now_ms());
    text[n] = ' ';
    assert_true(wire_say(w, text));
    ack = wire_hear(w, "ack");
    assert_non_null(ack);
    json_decref(ack);
    wire_free(w);
}

static void a_binary_frame_ends_the_session(void **state)
{
    struct wire *w = session();
    auto_free char *code = NULL;
    int64_t seq;

    (void)state;
    wire_frame(w, true, WIRE_BINARY, "\1\2\3", 3);
    code = next_nack(w, &seq);
    assert_string_equal(code, "malformed");
    assert_int_equal(wire_close_code(w), CLOSE_MALFORMED);
    wire_free(w);
}

static void unmasked_and_reserved_frames_end_the_connection(void **state)
{
    static const unsigned char unmasked[] = { 0x81, 2, '{', '}' };
    static const unsigned char reserved[] = { 0xf1, 0x82, 0, 0, 0, 0, '{', '}' };
    struct wire *w = session();

    (void)state;
    wire_write(w, unmasked, sizeof unmasked);
    assert_true(wire_close_code(w) >= 0);
    wire_free(w);
    w = session();
    wire_write(w, reserved, sizeof reserved);
    assert_true(wire_close_code(w) >= 0);
    wire_free(w);
}

static void more_in_flight_than_announced_ends_the_session(void **state)
{
    struct wire *w = session();
    auto_free char *code = NULL;
    char text[200];
    int64_t seq;

    (void)state;
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text,
                 "{\"type\":\"telemetry\",\"seq\":%d,\"t\":%lld,\"m\":{\"a\":1}}",
                 1 + i * 2 * LIMIT_IN_FLIGHT, (long long)clock_now_ms());
        assert_true(wire_say(w, text));
    }
    code = next_nack(w, &seq);
    assert_string_equal(code, "rate");
    assert_int_equal(wire_close_code(w), CLOSE_LIMIT);
    wire_free(w);
}

static void renewals_are_limited(void **state)
{
    struct wire *w = session();
    int code;

    (void)state;
    for (int i = 0; i < 7; i++) {
        json_t *verdict;

        assert_true(wire_say(w, "{\"type\":\"renew\"}"));
        if (i == 6)
            break;
        verdict = gate_answer(device, w, wire_hear(w, "challenge"));
        assert_non_null(verdict);
        json_decref(verdict);
    }
    code = wire_close_code(w);
    assert_int_equal(code, CLOSE_LIMIT);
    wire_free(w);
}

// ---------------------------------------------------------------- silence

static void who_says_no_hello_is_hung_up(void **state)
{
    struct wire_options o = gate_as_certified(gate, device);
    struct wire *w = wire_connect(&o);
    struct wire_frame f;

    (void)state;
    f = wire_next(w, WIRE_WAIT_MS);
    assert_int_equal(f.op, WIRE_CLOSE);
    assert_int_equal(f.code, CLOSE_TIMEOUT);
    wire_free(w);
}

static int64_t connections(void)
{
    struct gateway_stats stats;

    gateway_stats(gate->gateway, &stats);
    return stats.connections;
}

static void wait_until_alone(void)
{
    for (int i = 0; i < 3000 && connections() > 0; i++)
        usleep(10000);
    assert_int_equal(connections(), 0);
}

#define MUTE 50

// They neither speak nor answer pings; one among them that answers stays.
static void mute_devices_are_hung_up_on(void **state)
{
    const struct gate_options o = { .idle_s = 1 };
    struct gate_device *d[MUTE];
    struct wire *w[MUTE];
    int silent[MUTE]; // not even TLS

    (void)state;
    gate_device_free(device);
    gate_down(gate);
    gate = gate_up(&o);
    for (int i = MUTE - 1; i >= 0; i--) { // the one that answers comes last: from there on it does
        d[i] = gate_device(gate, gate->demo, true);
        assert_true(gate_enroll(gate, d[i], "affirming"));
        w[i] = gate_session(gate, d[i], NULL);
        assert_non_null(w[i]);
        wire_mute(w[i], i > 0);
    }
    for (int i = 0; i < MUTE; i++)
        silent[i] = wire_dial(gate->port);
    for (int i = 0; i < 120 && connections() > 1; i++) // it answers all the time
        assert_int_equal(wire_next(w[0], 1000).op, WIRE_SILENT);
    assert_int_equal(connections(), 1);
    assert_int_equal(wire_next(w[0], 3000).op, WIRE_SILENT);
    for (int i = 0; i < MUTE; i++) {
        close(silent[i]);
        wire_free(w[i]);
        if (i > 0)
            gate_device_free(d[i]);
    }
    device = d[0];
}

static void one_address_has_so_many_connections(void **state)
{
    const struct gate_options o = { .per_address = 5 };
    struct wire_options certified;
    struct wire *w[5];

    (void)state;
    gate_device_free(device);
    gate_down(gate);
    gate = gate_up(&o);
    device = gate_device(gate, gate->demo, true);
    assert_true(gate_enroll(gate, device, "affirming"));
    certified = gate_as_certified(gate, device);
    wait_until_alone(); // the enrolment's socket is gone
    for (int i = 0; i < 5; i++)
        assert_non_null(w[i] = wire_connect(&certified));
    assert_null(wire_connect(&certified));
    for (int i = 0; i < 5; i++)
        wire_free(w[i]);
    wait_until_alone();
}

#define STORY(name) cmocka_unit_test_teardown(name, a_good_device_still_comes_in)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STORY(strangers_are_refused_in_the_handshake),
        STORY(only_the_upgrade_is_answered),
        STORY(a_long_head_is_cut_off),
        STORY(evidence_by_another_key_is_refused),
        STORY(evidence_of_another_connection_is_refused),
        STORY(evidence_relayed_from_one_session_to_another_is_refused),
        STORY(evidence_moved_to_another_key_is_refused),
        STORY(a_nonce_of_an_earlier_challenge_is_refused),
        STORY(evidence_is_taken_once),
        STORY(a_log_changed_after_signing_is_refused),
        STORY(another_devices_id_is_refused),
        STORY(malformed_evidence_is_named),
        STORY(the_first_message_is_hello),
        STORY(hello_is_said_once),
        STORY(evidence_without_a_challenge_is_refused),
        STORY(what_is_not_json_ends_the_session),
        STORY(deep_nesting_ends_the_session),
        STORY(a_bad_message_is_nacked_and_the_next_one_taken),
        STORY(ten_thousand_metrics_are_nacked),
        STORY(an_oversized_frame_ends_the_session),
        STORY(endless_fragments_end_the_session),
        STORY(a_fragmented_message_is_put_together),
        STORY(a_full_frame_is_taken),
        STORY(a_binary_frame_ends_the_session),
        STORY(unmasked_and_reserved_frames_end_the_connection),
        STORY(more_in_flight_than_announced_ends_the_session),
        STORY(renewals_are_limited),
        STORY(who_says_no_hello_is_hung_up),
        STORY(mute_devices_are_hung_up_on),
        STORY(one_address_has_so_many_connections),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests_name("hostile devices", tests, up, down);
}
