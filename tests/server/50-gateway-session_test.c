// SPDX-License-Identifier: Apache-2.0
// threaded
//
// A device comes in through the port: enrols, streams, renews, is replaced, revoked, expires.

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
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

static struct gate *gate;

static int up(void **state)
{
    const struct gate_options o = { .loops = 2 };

    (void)state;
    gate = gate_up(&o);
    return 0;
}

static int down(void **state)
{
    (void)state;
    gate_down(gate);
    return 0;
}

static json_t *telemetry(int64_t seq, double value)
{
    json_t *o = json_object(), *m = json_object();

    json_object_set_new(m, "cpu.load", json_real(value));
    add_text(o, "type", "telemetry");
    add_int(o, "seq", seq);
    add_int(o, "t", clock_now_ms());
    json_object_set_new(o, "m", m);
    return o;
}

static bool acked(struct wire *w, int64_t seq)
{
    for (int i = 0; i < 20; i++) {
        json_auto_t *ack = wire_hear(w, "ack");

        if (!ack)
            return false;
        if (json_integer_value(json_object_get(ack, "seq")) >= seq)
            return true;
    }
    return false;
}

static bool is_nacked(struct wire *w, int64_t seq, const char *code)
{
    json_auto_t *nack = wire_hear(w, "nack");
    const char *got = json_string_value(json_object_get(nack, "code"));

    if (!got || strcmp(got, code) != 0 || json_integer_value(json_object_get(nack, "seq")) != seq) {
        fprintf(stderr, "wanted nack %s of %ld, got %s\n", code, (long)seq, got ? got : "none");
        return false;
    }
    return true;
}

static void from_first_contact_to_an_acknowledged_reading(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    json_t *settings = NULL;
    struct wire *w;

    (void)state;
    assert_true(gate_enroll(gate, d, "affirming"));
    assert_non_null(d->cert);
    w = gate_session(gate, d, &settings);
    assert_non_null(w);
    assert_true(json_is_false(json_object_get(settings, "quarantined")));
    assert_int_equal(json_integer_value(json_object_get(settings, "version")), 1);
    assert_true(json_integer_value(json_object_get(settings, "renewAt")) > clock_now_ms());
    assert_true(wire_say_json(w, telemetry(1, 0.5)));
    assert_true(acked(w, 1));
    json_decref(settings);
    wire_free(w);
    gate_device_free(d);
}

// How many devices have that id and a key whose hash is the fingerprint.
static int64_t with_key(const struct gate_device *d)
{
    return rest_sql(pg_conninfo(),
                    "SELECT count(*) FROM device WHERE id = '%s'"
                    " AND encode(sha256(public_key), 'hex') = fingerprint",
                    d->id);
}

static void a_device_claimed_by_its_fingerprint_brings_its_key(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    struct wire *w;

    (void)state;
    model_sql(pg_conninfo(), "UPDATE device SET public_key = NULL WHERE id = '%s'", d->id);
    assert_int_equal(with_key(d), 0);
    assert_true(gate_enroll(gate, d, "affirming"));
    assert_int_equal(with_key(d), 1);
    w = gate_session(gate, d, NULL);
    assert_true(wire_say_json(w, telemetry(1, 1)));
    assert_true(acked(w, 1));
    wire_free(w);
    gate_device_free(d);
}

static void a_key_that_fits_only_the_first_half_of_a_fingerprint_is_not_taken(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);

    (void)state;
    model_sql(pg_conninfo(),
              "UPDATE device SET public_key = NULL,"
              " fingerprint = left(fingerprint, 32) || repeat('0', 32) WHERE id = '%s'",
              d->id);
    assert_false(gate_enroll(gate, d, "affirming"));
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM device WHERE id = '%s' AND public_key IS NULL",
                              d->id),
                     1);
    gate_device_free(d);
}

static void a_batch_gets_one_cumulative_ack(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    json_t *batch = json_array();
    struct wire *w;

    (void)state;
    assert_true(gate_enroll(gate, d, "affirming"));
    w = gate_session(gate, d, NULL);
    for (int i = 1; i <= 16; i++)
        json_array_append_new(batch, telemetry(i, i));
    assert_true(wire_say_json(w, batch));
    assert_true(acked(w, 16));
    wire_free(w);
    gate_device_free(d);
}

static void renewal_goes_on_in_the_same_session(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    json_t *verdict;
    struct wire *w;
    X509 *old;

    (void)state;
    assert_true(gate_enroll(gate, d, "affirming"));
    w = gate_session(gate, d, NULL);
    old = X509_dup(d->cert);
    assert_true(wire_say(w, "{\"type\":\"renew\"}"));
    verdict = gate_answer(d, w, wire_hear(w, "challenge"));
    assert_string_equal(json_string_value(json_object_get(verdict, "status")), "affirming");
    assert_int_not_equal(X509_cmp(old, d->cert), 0);
    assert_true(wire_say_json(w, telemetry(1, 1)));
    assert_true(acked(w, 1));
    json_decref(verdict);
    X509_free(old);
    wire_free(w);
    gate_device_free(d);
}

static void a_changed_component_ends_in_quarantine(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    json_t *settings = NULL;
    struct wire *w;

    (void)state;
    d->sha256[0] = d->sha256[0] == '0' ? '1' : '0';
    assert_true(gate_enroll(gate, d, "contraindicated"));
    w = gate_session(gate, d, &settings);
    assert_true(json_is_true(json_object_get(settings, "quarantined")));
    assert_true(wire_say_json(w, telemetry(1, 1)));
    assert_true(is_nacked(w, 1, "quarantined"));
    json_decref(settings);
    wire_free(w);
    gate_device_free(d);
}

static void a_mended_device_leaves_quarantine_by_renewal(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    char good = d->sha256[0];
    json_t *verdict;
    struct wire *w;

    (void)state;
    d->sha256[0] = good == '0' ? '1' : '0';
    assert_true(gate_enroll(gate, d, "contraindicated"));
    w = gate_session(gate, d, NULL);
    d->sha256[0] = good;
    assert_true(wire_say(w, "{\"type\":\"renew\"}"));
    verdict = gate_answer(d, w, wire_hear(w, "challenge"));
    assert_string_equal(json_string_value(json_object_get(verdict, "status")), "affirming");
    assert_int_equal(wire_close_code(w), CLOSE_NORMAL);
    wire_free(w);
    w = gate_session(gate, d, NULL);
    assert_true(wire_say_json(w, telemetry(1, 1)));
    assert_true(acked(w, 1));
    json_decref(verdict);
    wire_free(w);
    gate_device_free(d);
}

static void a_device_found_changed_at_renewal_is_cut_off(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    json_t *verdict;
    struct wire *w;

    (void)state;
    assert_true(gate_enroll(gate, d, "affirming"));
    w = gate_session(gate, d, NULL);
    d->dbgstat = 0;
    assert_true(wire_say(w, "{\"type\":\"renew\"}"));
    verdict = gate_answer(d, w, wire_hear(w, "challenge"));
    assert_string_equal(json_string_value(json_object_get(verdict, "status")), "contraindicated");
    assert_int_equal(wire_close_code(w), CLOSE_REVOKED);
    json_decref(verdict);
    wire_free(w);
    gate_device_free(d);
}

static void an_unclaimed_device_is_judged_but_gets_no_certificate(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, false);
    struct wire_options o = gate_as_factory(gate, d);
    struct wire *w = wire_connect(&o);
    json_t *verdict = gate_attest(gate, d, w), *why;

    (void)state;
    assert_string_equal(json_string_value(json_object_get(verdict, "status")), "affirming");
    assert_null(json_object_get(verdict, "certificate"));
    why = json_array_get(json_object_get(verdict, "findings"), 0);
    assert_string_equal(json_string_value(json_object_get(why, "component")), "claim");
    json_decref(verdict);
    wire_free(w);
    gate_claim(gate, d);
    assert_true(gate_enroll(gate, d, "affirming"));
    assert_non_null(d->cert);
    gate_device_free(d);
}

static void a_newer_session_replaces_the_older(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    struct wire *first, *next;

    (void)state;
    assert_true(gate_enroll(gate, d, "affirming"));
    first = gate_session(gate, d, NULL);
    for (int i = 0; i < 8; i++) { // lands on either loop
        d->boot++;
        next = gate_session(gate, d, NULL);
        assert_non_null(next);
        assert_int_equal(wire_close_code(first), CLOSE_REPLACED);
        wire_free(first);
        first = next;
    }
    assert_true(wire_say_json(first, telemetry(1, 1)));
    assert_true(acked(first, 1));
    wire_free(first);
    gate_device_free(d);
}

static void a_factory_session_replaces_nobody(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    struct wire_options o = gate_as_factory(gate, d);
    struct wire *w, *factory;

    (void)state;
    assert_true(gate_enroll(gate, d, "affirming"));
    w = gate_session(gate, d, NULL);
    factory = wire_connect(&o);
    assert_true(wire_say_json(factory, gate_hello(d)));
    json_decref(wire_hear(factory, "challenge"));
    assert_true(wire_say_json(w, telemetry(1, 1)));
    assert_true(acked(w, 1));
    wire_free(factory);
    wire_free(w);
    gate_device_free(d);
}

static void unclaiming_ends_the_session(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    struct wire_options o;
    struct wire *w;

    (void)state;
    assert_true(gate_enroll(gate, d, "affirming"));
    w = gate_session(gate, d, NULL);
    gate_unclaim(gate, d);
    assert_int_equal(wire_close_code(w), CLOSE_REVOKED);
    wire_free(w);
    o = gate_as_certified(gate, d);
    assert_null(wire_connect(&o));
    gate_device_free(d);
}

// The server keeps a session after it has answered, so who comes back at once may be too early.
static struct wire *resume(struct wire_options *o, SSL_SESSION *owned)
{
    for (int i = 0; i < 400; i++) {
        o->resume = owned;
        struct wire *w = wire_connect(o);

        assert_non_null(w);
        SSL_SESSION_free(owned);
        if (SSL_session_reused(wire_ssl(w)))
            return w;
        usleep(50000);
        owned = SSL_get1_session(wire_ssl(w));
        wire_free(w);
    }
    fail_msg("no session was resumed");
    return NULL;
}

// The hook is not asked on resumption, so this is where a revoked certificate would slip through.
static void a_revoked_certificate_does_not_resume(int version)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    struct wire_options o;
    struct wire *w;
    SSL_SESSION *session;

    assert_true(gate_enroll(gate, d, "affirming"));
    o = gate_as_certified(gate, d);
    o.version = version;
    w = wire_connect(&o);
    assert_non_null(w);
    session = SSL_get1_session(wire_ssl(w));
    wire_free(w);
    assert_true(SSL_SESSION_is_resumable(session));
    w = resume(&o, session);
    session = SSL_get1_session(wire_ssl(w)); // each is good once
    wire_free(w);
    o.resume = session;
    gate_unclaim(gate, d);
    w = wire_open(&o);
    assert_true(!w || !wire_upgrade(w));
    wire_free(w);
    SSL_SESSION_free(session);
    gate_device_free(d);
}

static void a_revoked_certificate_does_not_resume_by_tls_13(void **state)
{
    (void)state;
    a_revoked_certificate_does_not_resume(TLS1_3_VERSION);
}

static void a_revoked_certificate_does_not_resume_by_tls_12(void **state)
{
    (void)state;
    a_revoked_certificate_does_not_resume(TLS1_2_VERSION);
}

static void a_session_ends_with_its_certificate(void **state)
{
    const struct gate_options o = { .lifetime_s = 5 };
    struct gate_device *d;
    struct wire_options certified;
    struct wire *w = NULL;

    (void)state;
    gate_down(gate);
    gate = gate_up(&o);
    d = gate_device(gate, gate->demo, true);
    for (int i = 0; i < 10 && !w; i++) { // which may expire before its first use
        assert_true(gate_enroll(gate, d, "affirming"));
        w = gate_session(gate, d, NULL);
    }
    assert_non_null(w);
    assert_int_equal(wire_close_code(w), CLOSE_EXPIRED);
    wire_free(w);
    certified = gate_as_certified(gate, d);
    assert_null(wire_connect(&certified)); // expired, in the handshake
    gate_device_free(d);
}

static void stopping_tells_devices_to_come_back(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    struct wire *w;

    (void)state;
    assert_true(gate_enroll(gate, d, "affirming"));
    w = gate_session(gate, d, NULL);
    gateway_drain(gate->gateway);
    assert_int_equal(wire_close_code(w), CLOSE_DRAIN);
    wire_free(w);
    gate_device_free(d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_first_contact_to_an_acknowledged_reading),
        cmocka_unit_test(a_device_claimed_by_its_fingerprint_brings_its_key),
        cmocka_unit_test(a_key_that_fits_only_the_first_half_of_a_fingerprint_is_not_taken),
        cmocka_unit_test(a_batch_gets_one_cumulative_ack),
        cmocka_unit_test(renewal_goes_on_in_the_same_session),
        cmocka_unit_test(a_changed_component_ends_in_quarantine),
        cmocka_unit_test(a_mended_device_leaves_quarantine_by_renewal),
        cmocka_unit_test(a_device_found_changed_at_renewal_is_cut_off),
        cmocka_unit_test(an_unclaimed_device_is_judged_but_gets_no_certificate),
        cmocka_unit_test(a_newer_session_replaces_the_older),
        cmocka_unit_test(a_factory_session_replaces_nobody),
        cmocka_unit_test(unclaiming_ends_the_session),
        cmocka_unit_test(a_revoked_certificate_does_not_resume_by_tls_13),
        cmocka_unit_test(a_revoked_certificate_does_not_resume_by_tls_12),
        cmocka_unit_test(a_session_ends_with_its_certificate),
        cmocka_unit_test(stopping_tells_devices_to_come_back),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests_name("gateway sessions", tests, up, down);
}
