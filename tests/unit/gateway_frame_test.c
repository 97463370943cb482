// SPDX-License-Identifier: Apache-2.0
//
// The session by itself: what it says, asks and closes with, with ingest and workers faked.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "gateway/job.h"
#include "gateway/session.h"
#include "ingest/ingest.h"
#include "test.h"

struct ingest_device {
    int64_t taken, settled;
    enum ingest_result next;
    int detached;
};

static struct ingest_device device;
static char said[8192]; // all that was sent, a line each
static int closed;
static bool paused, full;
static struct job *asked;

enum ingest_result ingest_reading(struct ingest_device *d, const struct token_reading *m,
                                  const char **code, struct fault *f)
{
    if (d->next == INGEST_TAKEN)
        d->taken = m->seq;
    *code = "clock";
    snprintf(f->text, sizeof f->text, "too old");
    return d->next;
}

enum ingest_result ingest_entry(struct ingest_device *d, const struct ingest_entry *e,
                                const char **code, struct fault *f)
{
    (void)code;
    (void)f;
    d->taken = e->seq;
    return d->next;
}

enum ingest_result ingest_settle(struct ingest_device *d, int64_t boot, int64_t seq)
{
    (void)boot;
    d->settled = seq;
    return INGEST_TAKEN;
}

void ingest_detach(struct ingest_device *d)
{
    d->detached++;
}

void ingest_facts(struct ingest_device *d, const struct device_facts *facts)
{
    (void)d;
    (void)facts;
}

bool ingest_is_full(const struct ingest *g)
{
    (void)g;
    return full;
}

static bool ask(struct session *s, struct job *owned)
{
    (void)s;
    job_free(asked);
    asked = owned;
    return true;
}

static void hear(struct session *s, const char *text, size_t len)
{
    size_t at = strlen(said);

    (void)s;
    snprintf(said + at, sizeof said - at, "%.*s\n", (int)len, text);
}

static void hang_up(struct session *s, enum close_code code, const char *reason)
{
    (void)s;
    (void)reason;
    assert_int_equal(closed, 0); // once
    closed = (int)code;
}

static void hold_on(struct session *s, bool on)
{
    (void)s;
    paused = on;
}

static bool exporter(struct session *s, uint8_t out[32])
{
    (void)s;
    memset(out, 7, 32);
    return true;
}

static size_t key_of(struct session *s, uint8_t *out, size_t size)
{
    (void)s;
    memset(out, 4, size);
    return size;
}

static void comes_from(struct session *s, struct sockaddr_storage *out)
{
    (void)s;
    memset(out, 0, sizeof *out);
}

static const struct session_port port = {
    .ask = ask,
    .send = hear,
    .close = hang_up,
    .pause = hold_on,
    .key = key_of,
    .from = comes_from,
    .exporter = exporter,
    .claim = session_attach,
};

static struct session s;

static int open_as(enum identity_kind kind)
{
    struct identity who = { .kind = kind, .catalog = 1, .device = 9, .catalog_name = "demo" };

    who.not_after = clock_now_ms() / 1000 + 3600;
    device = (struct ingest_device){ .next = INGEST_TAKEN };
    said[0] = '\0';
    closed = 0;
    paused = full = false;
    session_open(&s, &port, NULL, &who, 1000);
    return 0;
}

static int open_operational(void **state)
{
    (void)state;
    return open_as(IDENTITY_OPERATIONAL);
}

static int open_stranger(void **state)
{
    (void)state;
    return open_as(IDENTITY_STRANGER);
}

static int open_factory(void **state)
{
    (void)state;
    return open_as(IDENTITY_FACTORY);
}

static int end(void **state)
{
    (void)state;
    session_end(&s);
    job_free(asked);
    asked = NULL;
    return 0;
}

static void say(const char *text)
{
    session_frame(&s, text, strlen(text), 2000);
}

static void attach(void)
{
    struct job answer = { .kind = JOB_ATTACH, .ingest = &device, .last_boot = 3, .last_seq = 10 };

    say("{\"type\":\"hello\",\"protocol\":\"orrery.device.v1\",\"attester\":\"soft\",\"boot\":3}");
    assert_non_null(asked);
    assert_int_equal(asked->kind, JOB_ATTACH);
    assert_int_equal(asked->boot, 3);
    session_answer(&s, &answer);
    assert_null(answer.ingest); // it is the session's now
    assert_non_null(strstr(said, "\"ack\":{\"boot\":3,\"seq\":10}"));
    said[0] = '\0';
}

static void a_reading_goes_to_ingest(void **state)
{
    (void)state;
    attach();
    say("{\"type\":\"telemetry\",\"seq\":11,\"t\":1,\"m\":{\"a\":1}}");
    assert_int_equal(device.taken, 11);
    assert_string_equal(said, "");
}

static void acks_are_one_frame_for_all(void **state)
{
    (void)state;
    attach();
    session_acked(&s, 3, 11);
    session_acked(&s, 3, 14);
    session_flush_ack(&s);
    session_flush_ack(&s);
    assert_string_equal(said, "{\"type\":\"ack\",\"seq\":14}\n");
}

static void an_ack_of_an_older_boot_says_so_and_comes_first(void **state)
{
    (void)state;
    attach();
    session_acked(&s, 2, 99);
    session_acked(&s, 3, 11);
    session_flush_ack(&s);
    assert_string_equal(
        said, "{\"type\":\"ack\",\"seq\":99,\"boot\":2}\n{\"type\":\"ack\",\"seq\":11}\n");
}

static void a_full_ingest_holds_the_rest_of_the_frame(void **state)
{
    (void)state;
    attach();
    say("[{\"type\":\"telemetry\",\"seq\":11,\"t\":1,\"m\":{\"a\":1}}]");
    device.next = INGEST_FULL;
    say("[{\"type\":\"telemetry\",\"seq\":12,\"t\":1,\"m\":{\"a\":1}},"
        "{\"type\":\"log\",\"seq\":13,\"t\":1,\"level\":\"info\",\"text\":\"x\"}]");
    say("{\"type\":\"telemetry\",\"seq\":14,\"t\":1,\"m\":{\"a\":1}}"); // was read before the pause
    assert_true(paused);
    assert_int_equal(device.taken, 11);
    session_drained(&s, 3000); // still full
    assert_true(paused);
    device.next = INGEST_TAKEN;
    session_drained(&s, 3000);
    assert_false(paused);
    assert_int_equal(device.taken, 14);
    assert_int_equal(closed, 0);
}

static void a_log_line_waits_for_a_full_ingest_too(void **state)
{
    (void)state;
    attach();
    device.next = INGEST_FULL;
    say("[{\"type\":\"log\",\"seq\":11,\"t\":1,\"level\":\"info\",\"text\":\"x\"},"
        "{\"type\":\"reported\",\"seq\":12}]");
    assert_true(paused);
    assert_int_equal(device.settled, 0);
    device.next = INGEST_TAKEN;
    session_drained(&s, 3000);
    assert_int_equal(device.taken, 11);
    assert_int_equal(device.settled, 12);
}

static void what_ingest_refuses_is_nacked(void **state)
{
    (void)state;
    attach();
    device.next = INGEST_NACK;
    say("{\"type\":\"telemetry\",\"seq\":11,\"t\":1,\"m\":{\"a\":1}}");
    assert_string_equal(said,
                        "{\"type\":\"nack\",\"seq\":11,\"code\":\"clock\",\"text\":\"too old\"}\n");
    assert_int_equal(closed, 0);
}

static void a_quarantined_device_settles_but_stores_nothing(void **state)
{
    struct job answer = { .kind = JOB_ATTACH, .ingest = &device };

    (void)state;
    answer.facts.verdict = VERDICT_CONTRAINDICATED;
    say("{\"type\":\"hello\",\"protocol\":\"orrery.device.v1\",\"attester\":\"soft\",\"boot\":3}");
    session_answer(&s, &answer);
    assert_non_null(strstr(said, "\"quarantined\":true"));
    say("{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1}}");
    assert_non_null(strstr(said, "\"code\":\"quarantined\""));
    assert_int_equal(device.taken, 0);
    assert_int_equal(device.settled, 1);
}

static void a_factory_session_carries_no_readings(void **state)
{
    (void)state;
    say("{\"type\":\"hello\",\"protocol\":\"orrery.device.v1\",\"attester\":\"soft\",\"boot\":3}");
    assert_int_equal(asked->kind, JOB_CHALLENGE);
    say("{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1}}");
    assert_int_equal(closed, CLOSE_ORDER);
}

static void every_answer_has_its_close_code(void **state)
{
    static const struct {
        enum rc rc;
        int code;
    } cases[] = {
        { RC_DENIED, CLOSE_IDENTITY },   { RC_INVALID, CLOSE_MALFORMED },
        { RC_NOT_FOUND, CLOSE_REVOKED }, { RC_CONFLICT, CLOSE_ORDER },
        { RC_LIMIT, CLOSE_LIMIT },       { RC_UNAVAILABLE, CLOSE_RETRY },
        { RC_INTERNAL, CLOSE_RETRY },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct job answer = { .kind = JOB_CHALLENGE, .rc = cases[i].rc };

        open_factory(state);
        session_answer(&s, &answer);
        assert_int_equal(closed, cases[i].code);
        session_end(&s);
    }
}

static void evidence_is_handed_on_with_this_challenge(void **state)
{
    struct job answer = { .kind = JOB_CHALLENGE, .nonce = { 5 }, .nonce_at = 77, .time = NULL };

    (void)state;
    say("{\"type\":\"hello\",\"protocol\":\"orrery.device.v1\",\"attester\":\"soft\",\"boot\":3}");
    session_answer(&s, &answer);
    assert_non_null(strstr(said, "\"nonce\":\"BQAA"));
    say("{\"type\":\"evidence\",\"eat\":\"a.b.c\",\"csr\":\"AQID\"}");
    assert_int_equal(asked->kind, JOB_JUDGE);
    assert_int_equal(asked->nonce[0], 5);
    assert_int_equal(asked->nonce_at, 77);
    assert_int_equal(asked->exporter[0], 7);
    assert_int_equal(asked->csr_len, 3);
    assert_string_equal(asked->eat, "a.b.c");
}

static void who_waits_too_long_is_closed(void **state)
{
    (void)state;
    session_tick(&s, 1000 + 9000, clock_now_ms() / 1000);
    assert_int_equal(closed, 0);
    session_tick(&s, 1000 + 11000, clock_now_ms() / 1000);
    assert_int_equal(closed, CLOSE_TIMEOUT);
}

static void a_session_ends_with_its_certificate(void **state)
{
    (void)state;
    attach();
    session_tick(&s, 5000, s.who.not_after - 1);
    assert_int_equal(closed, 0);
    session_tick(&s, 5000, s.who.not_after);
    assert_int_equal(closed, CLOSE_EXPIRED);
}

static void after_the_close_nothing_is_taken(void **state)
{
    (void)state;
    attach();
    say("[{\"type\":\"telemetry\",\"seq\":11,\"t\":1,\"m\":{\"a\":1}},nonsense");
    assert_int_equal(closed, CLOSE_MALFORMED);
    device.taken = 0;
    say("{\"type\":\"telemetry\",\"seq\":12,\"t\":1,\"m\":{\"a\":1}}");
    session_acked(&s, 3, 11);
    said[0] = '\0';
    session_flush_ack(&s);
    assert_int_equal(device.taken, 0);
    assert_string_equal(said, "");
}

static void the_flight_limit_counts_from_the_first_number(void **state)
{
    (void)state;
    attach(); // acked so far: 10
    say("{\"type\":\"telemetry\",\"seq\":1000000,\"t\":1,\"m\":{\"a\":1}}");
    assert_int_equal(device.taken, 1000000);
    say("{\"type\":\"telemetry\",\"seq\":1004095,\"t\":1,\"m\":{\"a\":1}}");
    assert_int_equal(device.taken, 1004095);
    session_acked(&s, 3, 1000001);
    say("{\"type\":\"telemetry\",\"seq\":1004097,\"t\":1,\"m\":{\"a\":1}}");
    assert_int_equal(closed, 0);
    say("{\"type\":\"telemetry\",\"seq\":1004098,\"t\":1,\"m\":{\"a\":1}}");
    assert_int_equal(closed, CLOSE_LIMIT);
}

#define AS_DEVICE(name)  cmocka_unit_test_setup_teardown(name, open_operational, end)
#define AS_FACTORY(name) cmocka_unit_test_setup_teardown(name, open_factory, end)

#define HELLO                                                                                      \
    "{\"type\":\"hello\",\"protocol\":\"orrery.device.v1\",\"attester\":\"soft\",\"boot\":3"

static void a_stranger_knocks_with_its_key_and_code(void **state)
{
    (void)state;
    say(HELLO ",\"agent\":\"a\\u0007b\",\"claim\":\"7K2M-9QXT-C4VN-8HRD\"}");
    assert_non_null(asked);
    assert_int_equal(asked->kind, JOB_KNOCK);
    assert_string_equal(asked->knock->code, "7K2M-9QXT-C4VN-8HRD");
    assert_string_equal(asked->knock->agent, "a b"); // nothing that a terminal acts on
    assert_true(asked->spki_len > 0);
}

static void a_stranger_outlives_no_certificate(void **state)
{
    (void)state;
    session_tick(&s, 2000, clock_now_ms() / 1000);
    assert_int_equal(closed, 0);
    session_tick(&s, 20000, clock_now_ms() / 1000);
    assert_int_equal(closed, CLOSE_TIMEOUT);
}

static void a_stranger_that_waits_for_its_answer_may_not_go_on(void **state)
{
    (void)state;
    say(HELLO "}");
    say("{\"type\":\"renew\"}");
    assert_int_equal(closed, CLOSE_ORDER);
}

static void an_answer_that_claims_makes_it_a_device(void **state)
{
    struct job answer = { .kind = JOB_KNOCK };

    (void)state;
    say(HELLO "}");
    answer.who = asked->who;
    answer.who.kind = IDENTITY_FACTORY;
    answer.who.device = 77;
    session_answer(&s, &answer);
    assert_int_equal(asked->kind, JOB_CHALLENGE);
    assert_int_equal(asked->who.device, 77);
    assert_int_equal(closed, 0);
}

static void an_answer_that_refuses_says_when_to_come_again(void **state)
{
    struct job answer = { .kind = JOB_KNOCK,
                          .answer = { .outcome = KNOCK_HELD, .retry_s = 15, .text = "wait" } };

    (void)state;
    say(HELLO "}");
    session_answer(&s, &answer);
    assert_string_equal(
        said, "{\"type\":\"nack\",\"code\":\"unclaimed\",\"text\":\"wait\",\"retrySeconds\":15}\n");
    assert_int_equal(closed, CLOSE_UNCLAIMED);
}

static void a_code_says_nothing_to_a_device_that_is_claimed(void **state)
{
    (void)state;
    s.who.lifecycle = DEVICE_CLAIMED;
    say(HELLO ",\"claim\":\"7K2M-9QXT-C4VN-8HRD\"}");
    assert_int_equal(asked->kind, JOB_CHALLENGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stranger_knocks_with_its_key_and_code, open_stranger,
                                        end),
        cmocka_unit_test_setup_teardown(a_stranger_outlives_no_certificate, open_stranger, end),
        cmocka_unit_test_setup_teardown(a_stranger_that_waits_for_its_answer_may_not_go_on,
                                        open_stranger, end),
        cmocka_unit_test_setup_teardown(an_answer_that_claims_makes_it_a_device, open_stranger,
                                        end),
        cmocka_unit_test_setup_teardown(an_answer_that_refuses_says_when_to_come_again,
                                        open_stranger, end),
        cmocka_unit_test_setup_teardown(a_code_says_nothing_to_a_device_that_is_claimed,
                                        open_factory, end),
        AS_DEVICE(a_reading_goes_to_ingest),
        AS_DEVICE(acks_are_one_frame_for_all),
        AS_DEVICE(an_ack_of_an_older_boot_says_so_and_comes_first),
        AS_DEVICE(a_full_ingest_holds_the_rest_of_the_frame),
        AS_DEVICE(a_log_line_waits_for_a_full_ingest_too),
        AS_DEVICE(what_ingest_refuses_is_nacked),
        AS_DEVICE(a_quarantined_device_settles_but_stores_nothing),
        AS_FACTORY(a_factory_session_carries_no_readings),
        AS_FACTORY(every_answer_has_its_close_code),
        AS_FACTORY(evidence_is_handed_on_with_this_challenge),
        AS_DEVICE(who_waits_too_long_is_closed),
        AS_DEVICE(a_session_ends_with_its_certificate),
        AS_DEVICE(after_the_close_nothing_is_taken),
        AS_DEVICE(the_flight_limit_counts_from_the_first_number),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
