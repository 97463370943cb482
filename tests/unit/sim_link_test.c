// SPDX-License-Identifier: Apache-2.0
// threaded

#include <inttypes.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/clock.h"
#include "protocol/protocol.h"
#include "sdk/link.h"
#include "support/sim_server.h"
#include "test.h"

#define BOOT 17

struct message {
    int64_t boot, seq;
};

// A device that lives in this test.
struct device {
    struct link_env *env;
    struct link link;
    struct p256 key;
    struct credential kept;
    struct message box[64];
    size_t count, unsent, settled;
    int epoll, ups, downs, attested, wrong_server, forgotten, nacks;
    bool fill; // puts three messages in the box when it comes up
    char last_down[200], code[32];
    char id[P256_ID_LEN + 1];
};

static bool give_factory(void *owner, struct p256 *out)
{
    struct device *d = owner;

    *out = d->key;
    return true;
}

static bool give_credential(void *owner, struct credential *out)
{
    struct device *d = owner;

    if (d->kept.kind == CREDENTIAL_NONE)
        return false;
    *out = d->kept;
    EVP_PKEY_up_ref(out->key);
    X509_up_ref(out->leaf);
    if (out->issuer)
        X509_up_ref(out->issuer);
    return true;
}

static void keep_credential(void *owner, const struct credential *c)
{
    struct device *d = owner;

    credential_done(&d->kept);
    if (!c) {
        d->forgotten++;
        return;
    }
    d->kept = *c;
    EVP_PKEY_up_ref(c->key);
    X509_up_ref(c->leaf);
    if (c->issuer)
        X509_up_ref(c->issuer);
}

static void give_facts(void *owner, struct eat_facts *out)
{
    (void)owner;
    out->hwmodel = "test";
}

static size_t next_message(void *owner, char *to, size_t room)
{
    struct device *d = owner;

    if (d->unsent == d->count)
        return 0;
    const struct message *m = &d->box[d->unsent];
    int n = m->boot == BOOT
                ? snprintf(to, room, "{\"type\":\"log\",\"seq\":%" PRId64 "}", m->seq)
                : snprintf(to, room, "{\"boot\":%" PRId64 ",\"type\":\"log\",\"seq\":%" PRId64 "}",
                           m->boot, m->seq);
    if (n < 0 || (size_t)n >= room)
        return 0;
    d->unsent++;
    return (size_t)n;
}

static size_t in_flight(void *owner)
{
    struct device *d = owner;

    return d->unsent - d->settled;
}

static void settled(void *owner, int64_t boot, int64_t seq)
{
    struct device *d = owner;

    while (d->settled < d->count &&
           (d->box[d->settled].boot < boot ||
            (d->box[d->settled].boot == boot && d->box[d->settled].seq <= seq)))
        d->settled++;
    if (d->unsent < d->settled)
        d->unsent = d->settled;
}

static void rewind_box(void *owner)
{
    struct device *d = owner;

    d->unsent = d->settled;
}

static void nacked(void *owner, int64_t seq, const char *code, const char *text)
{
    struct device *d = owner;

    (void)seq;
    (void)text;
    d->nacks++;
    snprintf(d->code, sizeof d->code, "%s", code);
}

static void add(struct device *d, int64_t boot, int64_t seq)
{
    d->box[d->count++] = (struct message){ boot, seq };
}

static void changed(void *owner, enum link_event e, const char *text)
{
    struct device *d = owner;

    d->ups += e == LINK_UP;
    d->attested += e == LINK_ATTESTED;
    d->wrong_server += e == LINK_WRONG_SERVER;
    if (e == LINK_DOWN || e == LINK_UNKNOWN || e == LINK_WRONG_SERVER) {
        d->downs++;
        snprintf(d->last_down, sizeof d->last_down, "%s", text);
    }
    if (e == LINK_UP && d->fill) {
        d->fill = false;
        for (int64_t seq = 1; seq <= 3; seq++)
            add(d, BOOT, seq);
    }
}

static const struct link_ops ops = {
    .factory = give_factory,
    .credential = give_credential,
    .keep = keep_credential,
    .facts = give_facts,
    .next = next_message,
    .in_flight = in_flight,
    .settled = settled,
    .rewind = rewind_box,
    .nacked = nacked,
    .changed = changed,
};

static void start(struct device *d, struct sim_server *s, bool resume)
{
    char server[64];
    struct fault f = { 0 };
    struct link_options o = {
        .server = server,
        .ca_file = s->ca_file,
        .agent = "test/1",
        .backoff_min_ms = 20,
        .backoff_max_ms = 40,
        .frame_messages = 16,
        .resume = resume,
    };

    snprintf(server, sizeof server, "127.0.0.1:%d", s->port);
    d->epoll = o.epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(p256_new(&d->key, &f), RC_OK);
    p256_id(&d->key, d->id);
    assert_int_equal(link_env_open(&o, &d->env, &f), RC_OK);
    d->env->now_ms = clock_mono_ms();
    link_init(&d->link, d->env, &ops, d, d->id, BOOT);
    link_start(&d->link, 0);
}

static void stop(struct device *d)
{
    link_done(&d->link);
    link_env_close(d->env);
    credential_done(&d->kept);
    close(d->epoll);
}

static bool want_down(const struct device *d)
{
    return d->downs > 0;
}

static bool want_settled(const struct device *d)
{
    return d->count && d->settled == d->count;
}

static bool want_up_twice(const struct device *d)
{
    return d->ups >= 2;
}

// Runs the device until it is as wanted; false if that does not happen in time.
static bool run_until(struct device *d, bool (*want)(const struct device *d))
{
    int64_t end = clock_mono_ms() + 60000;

    while (!want(d) && clock_mono_ms() < end) {
        struct epoll_event e[4];
        int n = epoll_wait(d->epoll, e, 4, 5);
        d->env->now_ms = clock_mono_ms();
        for (int i = 0; i < n; i++)
            link_event(e[i].data.ptr, e[i].events);
        link_tick(&d->link);
        link_pump(&d->link);
    }
    return want(d);
}

static void finish(struct device *d, struct sim_server *s)
{
    stop(d);
    sim_server_stop(s);
    if (s->failed)
        fail_msg("script: %s", s->failed);
}

// ---------------------------------------------------------------- scripts

static void attest(struct sim_server *s, const char *kind, int64_t renew_in_ms)
{
    json_t *hello = NULL, *evidence = NULL;

    if (!sim_accept(s) || !sim_upgrade(s) || !sim_expect(s, "hello", &hello))
        return;
    if (json_integer_value(json_object_get(hello, "boot")) != BOOT)
        s->failed = "boot in hello";
    json_decref(hello);
    sim_challenge(s, clock_now_ms());
    if (!sim_expect(s, "evidence", &evidence))
        return;
    sim_verdict(s, evidence, kind, renew_in_ms);
    json_decref(evidence);
    sim_close(s, CLOSE_NORMAL);
}

static void settings(struct sim_server *s, int64_t boot, int64_t seq, const char *more)
{
    sim_say(s,
            "{\"type\":\"settings\",\"version\":1,\"time\":1,\"ack\":{\"boot\":%" PRId64
            ",\"seq\":%" PRId64 "}%s}",
            boot, seq, more);
}

static bool open_session(struct sim_server *s, int64_t boot, int64_t seq, const char *more)
{
    if (!sim_accept(s) || !sim_upgrade(s) || !sim_expect(s, "hello", NULL))
        return false;
    settings(s, boot, seq, more);
    return true;
}

// Reads frames until count messages came; acks the last.
static void take_messages(struct sim_server *s, const char *want)
{
    char got[200] = "";
    size_t n = 0;

    while (n < strlen(want)) {
        json_t *frame = sim_hear(s), *list = json_is_array(frame) ? frame : NULL;
        if (!frame)
            break;
        for (size_t i = 0; i < (list ? json_array_size(list) : 1); i++) {
            json_t *m = list ? json_array_get(list, i) : frame;
            json_int_t boot = json_integer_value(json_object_get(m, "boot"));
            n += (size_t)snprintf(got + n, sizeof got - n, "%s%lld", boot ? "b" : "",
                                  json_integer_value(json_object_get(m, "seq")));
        }
        json_decref(frame);
    }
    if (strcmp(got, want))
        s->failed = "the messages are not the expected ones";
}

static void say_ack(struct sim_server *s, int64_t seq)
{
    sim_say(s, "{\"type\":\"ack\",\"seq\":%" PRId64 "}", seq);
}

static void script_whole_life(struct sim_server *s)
{
    attest(s, "operational", 3600000);
    if (!open_session(s, 0, 0, ""))
        return;
    if (!SSL_get0_peer_certificate(s->ssl) ||
        X509_check_issued(s->devices.cert, SSL_get0_peer_certificate(s->ssl)) != X509_V_OK)
        s->failed = "the device did not use its certificate";
    take_messages(s, "123");
    say_ack(s, 3);
    json_decref(sim_hear(s));
}

static void a_device_attests_reconnects_and_sends(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { .fill = true };

    sim_server_start(&s, "IP:127.0.0.1", script_whole_life, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_settled));
    assert_int_equal(d.attested, 1);
    assert_int_equal(d.kept.kind, CREDENTIAL_OPERATIONAL);
    assert_int_equal(d.env->count.handshakes, 2);
    finish(&d, &s);
}

static void script_lost_acks(struct sim_server *s)
{
    attest(s, "operational", 3600000);
    if (!open_session(s, BOOT - 1, 40, ""))
        return;
    take_messages(s, "b41123");
    sim_say(s, "{\"type\":\"ack\",\"seq\":41,\"boot\":%d}", BOOT - 1);
    say_ack(s, 1);
    sim_close(s, CLOSE_DRAIN);
    if (!open_session(s, BOOT, 2, "")) // 2 was committed, its ack was lost
        return;
    take_messages(s, "3");
    say_ack(s, 3);
    json_decref(sim_hear(s));
}

static void what_is_not_acknowledged_is_sent_again_oldest_boot_first(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };

    add(&d, BOOT - 1, 40);
    add(&d, BOOT - 1, 41);
    for (int64_t seq = 1; seq <= 3; seq++)
        add(&d, BOOT, seq);
    sim_server_start(&s, "IP:127.0.0.1", script_lost_acks, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_settled));
    assert_int_equal(d.ups, 2);
    assert_int_equal(d.attested, 1);
    finish(&d, &s);
}

static void script_renewal(struct sim_server *s)
{
    json_t *evidence = NULL;

    attest(s, "operational", 300);
    if (!open_session(s, 0, 0, "") || !sim_expect(s, "renew", NULL))
        return;
    X509 *before = SSL_get0_peer_certificate(s->ssl);
    sim_challenge(s, clock_now_ms());
    if (!sim_expect(s, "evidence", &evidence))
        return;
    sim_verdict(s, evidence, "operational", 3600000);
    json_decref(evidence);
    X509_up_ref(before);
    sim_close(s, CLOSE_EXPIRED);
    if (open_session(s, 0, 0, ",\"renewAt\":5") &&
        EVP_PKEY_eq(X509_get0_pubkey(before), X509_get0_pubkey(SSL_get0_peer_certificate(s->ssl))))
        s->failed = "the new certificate has the old key";
    X509_free(before);
    json_decref(sim_hear(s));
}

static void a_certificate_is_renewed_in_band_with_a_new_key(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };

    sim_server_start(&s, "IP:127.0.0.1", script_renewal, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_up_twice));
    assert_int_equal(d.attested, 2);
    assert_int_equal(d.forgotten, 0);
    finish(&d, &s);
}

static void script_due(struct sim_server *s)
{
    attest(s, "operational", -60000);
    (void)open_session(s, 0, 0, "");
    json_decref(sim_hear(s));
}

static bool want_up(const struct device *d)
{
    return d->ups > 0;
}

static void a_new_certificate_that_is_due_is_not_renewed_without_end(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };

    sim_server_start(&s, "IP:127.0.0.1", script_due, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_up));
    assert_int_equal(d.attested, 1);
    assert_true(d.kept.renew_at > clock_now_ms() + 11 * 3600000LL); // half of its day
    finish(&d, &s);
}

static void script_revoked(struct sim_server *s)
{
    attest(s, "operational", 3600000);
    if (!open_session(s, 0, 0, ""))
        return;
    sim_close(s, CLOSE_REVOKED);
}

static bool want_forgotten(const struct device *d)
{
    return d->forgotten > 0 && d->downs > 1;
}

static void a_revoked_certificate_is_forgotten(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };

    sim_server_start(&s, "IP:127.0.0.1", script_revoked, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_forgotten));
    assert_int_equal(d.kept.kind, CREDENTIAL_NONE);
    assert_true(d.link.wake_ms - d.env->now_ms > 5000); // not at once
    finish(&d, &s);
}

static void script_quarantine(struct sim_server *s)
{
    attest(s, "quarantine", 3600000);
    if (!open_session(s, 0, 0, ",\"quarantined\":true"))
        return;
    struct timeval wait = { .tv_usec = 300000 };
    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    json_t *o = sim_hear(s);
    if (o)
        s->failed = "a quarantined device sent something";
    json_decref(o);
}

static bool want_two_downs(const struct device *d)
{
    return d->downs > 1;
}

static void a_quarantined_device_sends_nothing(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { .fill = true };

    sim_server_start(&s, "IP:127.0.0.1", script_quarantine, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_two_downs));
    assert_int_equal(d.kept.kind, CREDENTIAL_QUARANTINE);
    assert_int_equal(d.ups, 1);
    assert_int_equal(d.unsent, 0);
    finish(&d, &s);
}

static void script_nack(struct sim_server *s)
{
    attest(s, "operational", 3600000);
    if (!open_session(s, 0, 0, ",\"limits\":{\"inFlight\":2}"))
        return;
    take_messages(s, "12"); // and not the third
    sim_say(s, "{\"type\":\"nack\",\"seq\":1,\"code\":\"clock\",\"text\":\"years off\"}");
    sim_say(s, "{\"type\":\"surprise\"}");
    say_ack(s, 2);
    take_messages(s, "3");
    say_ack(s, 3);
    json_decref(sim_hear(s));
}

static void limits_are_obeyed_and_a_nack_is_told(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { .fill = true };

    sim_server_start(&s, "IP:127.0.0.1", script_nack, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_settled));
    assert_int_equal(d.nacks, 1);
    assert_string_equal(d.code, "clock");
    finish(&d, &s);
}

static void script_handshake_only(struct sim_server *s)
{
    sim_accept(s);
}

static void a_server_of_another_name_is_refused(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };

    sim_server_start(&s, "DNS:elsewhere.example,IP:127.0.0.9", script_handshake_only, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_down));
    assert_int_equal(d.wrong_server, 1);
    assert_non_null(strstr(d.last_down, "127.0.0.1"));
    finish(&d, &s);
}

static void a_server_of_another_ca_is_refused(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };
    struct sim_ca other;

    sim_server_start(&s, "IP:127.0.0.1", script_handshake_only, NULL);
    sim_ca_init(&other);
    FILE *f = fopen(s.ca_file, "w");
    assert_non_null(f);
    PEM_write_X509(f, other.cert);
    fclose(f);
    start(&d, &s, false);
    assert_true(run_until(&d, want_down));
    assert_int_equal(d.wrong_server, 0);
    assert_non_null(strstr(d.last_down, "not trusted"));
    sim_ca_done(&other);
    finish(&d, &s);
}

static void script_wrong_time(struct sim_server *s)
{
    if (!sim_accept(s) || !sim_upgrade(s) || !sim_expect(s, "hello", NULL))
        return;
    sim_say(s, "{\"type\":\"challenge\",\"nonce\":\"AAECAwQFBgcICQoLDA0ODw\",\"time\":\"x.y.z\"}");
    json_t *o = sim_hear(s);
    if (o)
        s->failed = "evidence was given to a server without a signed time";
    json_decref(o);
}

static void no_evidence_goes_to_a_server_without_a_signed_time(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };

    sim_server_start(&s, "IP:127.0.0.1", script_wrong_time, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_down));
    finish(&d, &s);
}

static void script_resume(struct sim_server *s)
{
    attest(s, "operational", 3600000);
    if (!open_session(s, 0, 0, ""))
        return;
    if (SSL_session_reused(s->ssl))
        s->failed = "the ticket of the factory session was used with the certificate";
    sim_close(s, CLOSE_DRAIN);
    if (open_session(s, 0, 0, "") && !SSL_session_reused(s->ssl))
        s->failed = "the ticket was not used";
    json_decref(sim_hear(s));
}

static void tickets_are_used_but_only_with_their_certificate(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };

    sim_server_start(&s, "IP:127.0.0.1", script_resume, NULL);
    start(&d, &s, true);
    assert_true(run_until(&d, want_up_twice));
    assert_int_equal(d.env->count.resumed, 1);
    finish(&d, &s);
}

static void script_silent(struct sim_server *s)
{
    attest(s, "operational", 3600000);
    if (!open_session(s, 0, 0, ",\"limits\":{\"pingSeconds\":4}"))
        return;
    if (sim_control(s) != 9)
        s->failed = "a silent server is not asked whether it is there";
    sim_frame(s, 9, "are you", 7);
    if (sim_control(s) != 10 || s->len < 7 || memcmp(s->buf, "are you", 7))
        s->failed = "a ping is not answered with its own words";
    s->len = 0;
    if (sim_control(s) != 9) // and so on; the next one stays without an answer
        s->failed = "the second silence is not noticed";
    if (sim_control(s) != -1)
        s->failed = "a dead server is not given up";
}

static void a_silent_server_is_asked_and_then_given_up(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };

    sim_server_start(&s, "IP:127.0.0.1", script_silent, NULL);
    start(&d, &s, false);
    assert_true(run_until(&d, want_two_downs));
    assert_non_null(strstr(d.last_down, "silent"));
    finish(&d, &s);
}

static void script_garbage(struct sim_server *s)
{
    const char *texts[] = { "[]", "no json", "{\"type\":\"verdict\"}", "{\"type\":\"settings\"}" };

    for (size_t i = 0; i < 4; i++) {
        if (!sim_accept(s) || !sim_upgrade(s) || !sim_expect(s, "hello", NULL))
            return;
        sim_say(s, "%s", texts[i]);
        json_t *o = sim_hear(s);
        if (o)
            s->failed = texts[i];
        json_decref(o);
    }
}

static bool want_four_downs(const struct device *d)
{
    return d->downs == 4;
}

static void nonsense_in_a_factory_session_ends_it(void **state)
{
    (void)state;
    static struct sim_server s;
    struct device d = { 0 };

    sim_server_start(&s, "IP:127.0.0.1", script_garbage, NULL);
    start(&d, &s, false);
    int64_t end = clock_mono_ms() + 60000;
    while (!want_four_downs(&d) && clock_mono_ms() < end) {
        struct epoll_event e[4];
        int n = epoll_wait(d.epoll, e, 4, 5);
        d.env->now_ms = clock_mono_ms();
        for (int i = 0; i < n; i++)
            link_event(e[i].data.ptr, e[i].events);
        if (d.link.state == LINK_WAITING)
            link_start(&d.link, 0); // the back-off of such an error is long
        link_tick(&d.link);
    }
    assert_true(want_four_downs(&d));
    finish(&d, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_attests_reconnects_and_sends),
        cmocka_unit_test(what_is_not_acknowledged_is_sent_again_oldest_boot_first),
        cmocka_unit_test(a_certificate_is_renewed_in_band_with_a_new_key),
        cmocka_unit_test(a_new_certificate_that_is_due_is_not_renewed_without_end),
        cmocka_unit_test(a_revoked_certificate_is_forgotten),
        cmocka_unit_test(a_quarantined_device_sends_nothing),
        cmocka_unit_test(limits_are_obeyed_and_a_nack_is_told),
        cmocka_unit_test(a_server_of_another_name_is_refused),
        cmocka_unit_test(a_server_of_another_ca_is_refused),
        cmocka_unit_test(no_evidence_goes_to_a_server_without_a_signed_time),
        cmocka_unit_test(tickets_are_used_but_only_with_their_certificate),
        cmocka_unit_test(a_silent_server_is_asked_and_then_given_up),
        cmocka_unit_test(nonsense_in_a_factory_session_ends_it),
    };
    return cmocka_run_group_tests_name("sim link", tests, NULL, NULL);
}
