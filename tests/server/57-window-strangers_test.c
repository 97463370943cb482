// SPDX-License-Identifier: Apache-2.0
// threaded
//
// Registration windows at the device port: who comes in while one is open, what a code is good
// for, and what everybody else is told.

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "enroll/enroll.h"
#include "protocol/protocol.h"
#include "support/forge.h"
#include "support/gate.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"
#include "window/knock.h"

static struct gate *gate;

static int up(void **state)
{
    const struct gate_options o = { .loops = 1 };
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { // both ends of a crowd are in this process
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    *state = gate = gate_up(&o);
    return 0;
}

// Each story closes the windows it opened.
static int clean(void **state)
{
    (void)state;
    model_sql(pg_conninfo(), "DELETE FROM arrival; DELETE FROM registration_window");
    return doors_open(gate->doors, NULL) == 0 ? 0 : -1;
}

static struct wire *knock_as(struct gate_device *d, const char *claim)
{
    struct wire_options o = gate_as_factory(gate, d);
    struct wire *w = wire_connect(&o);
    json_t *hello = gate_hello(d);

    if (!w) {
        json_decref(hello);
        return NULL;
    }
    if (claim)
        json_object_set_new(hello, "claim", json_string(claim));
    assert_true(wire_say_json(w, hello));
    return w;
}

// Expects a nack of this code whose text has these words, then the close code.
static void told(struct wire *w, const char *code, const char *words, int close)
{
    json_auto_t *nack = NULL;
    const char *text;

    assert_non_null(w);
    nack = wire_hear(w, "nack");
    assert_non_null(nack);
    text = json_string_value(json_object_get(nack, "text"));
    if (strcmp(json_string_value(json_object_get(nack, "code")), code) != 0 || !strstr(text, words))
        fail_msg("wanted %s '%s', got %s", code, words, json_dumps(nack, 0));
    if (close == CLOSE_UNCLAIMED)
        assert_true(json_integer_value(json_object_get(nack, "retrySeconds")) > 0);
    assert_int_equal(wire_close_code(w), close);
    wire_free(w);
}

static void is_told(struct gate_device *d, const char *claim, const char *code, const char *words)
{
    told(knock_as(d, claim), code, words, CLOSE_UNCLAIMED);
}

static bool comes_in(struct gate_device *d)
{
    struct wire_options o = gate_as_factory(gate, d);
    struct wire *w = wire_connect(&o);

    wire_free(w);
    return w != NULL;
}

static int64_t count(const char *sql)
{
    return rest_sql(pg_conninfo(), "%s", sql);
}

// From hello with the code to a verdict on the same connection.
static bool enrols(struct gate_device *d, const char *claim)
{
    struct wire *w = knock_as(d, claim);
    json_auto_t *verdict = w ? gate_answer(d, w, wire_hear(w, "challenge")) : NULL;
    const char *status = json_string_value(json_object_get(verdict, "status"));

    wire_free(w);
    return status && !strcmp(status, "affirming");
}

#define FIRST_ADDRESS 0x0a000000

static struct sockaddr_storage address(uint32_t n)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(FIRST_ADDRESS + n) };
    struct sockaddr_storage out = { 0 };

    memcpy(&out, &a, sizeof a);
    return out;
}

// ---------------------------------------------------------------- the door

static void without_a_window_a_stranger_is_refused_in_the_handshake(void **state)
{
    struct gate_device *d = gate_stranger(gate);
    int64_t window;

    (void)state;
    assert_false(comes_in(d));
    window = gate_window(gate, gate->demo, 5, NULL);
    assert_true(comes_in(d));
    gate_window_close(gate, gate->demo, window);
    assert_false(comes_in(d));
    gate_device_free(d);
}

static void a_window_whose_time_has_passed_is_closed_by_itself(void **state)
{
    struct gate_device *d = gate_stranger(gate);
    int64_t window = gate_window(gate, gate->demo, 5, NULL);

    (void)state;
    assert_true(comes_in(d));
    struct door door = { gate->demo, window, clock_now_ms() + 300 };
    doors_put(gate->doors, &door);
    while (clock_now_ms() <= door.closes_at)
        usleep(10000);
    assert_false(comes_in(d));
    gate_device_free(d);
    gate_window_close(gate, gate->demo, window);
}

static X509 *self_signed(EVP_PKEY *key, const char *cn)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(cert, name);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static void refused(EVP_PKEY *key, X509 *cert, X509 *ca, const char *what)
{
    struct wire_options o = { .port = gate->port, .key = key, .cert = cert, .ca = ca };
    struct wire *w = wire_connect(&o);

    if (w)
        fail_msg("let in: %s", what);
}

static void refused_key(EVP_PKEY *key, const char *what)
{
    X509 *cert = self_signed(key, what);

    refused(key, cert, NULL, what);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void an_open_window_lets_in_nothing_but_a_lone_self_signed_p256_key(void **state)
{
    int64_t window = gate_window(gate, gate->demo, 5, NULL);
    struct forged ca = forge_ca("a CA", NULL, NULL);
    struct forge_leaf what = { "0123456789abcdef0123456789abcdef",
                               "orrery://demo.orrery.invalid/0123456789abcdef0123456789abcdef",
                               "clientAuth",
                               clock_now_ms() / 1000 - 300,
                               clock_now_ms() / 1000 + 3600,
                               3 };
    struct forged leaf = forge_leaf(&what, &ca);
    EVP_PKEY *key = forge_key(), *packed = EVP_EC_gen("P-256");
    X509 *cert = self_signed(key, "stranger");
    X509 *other = self_signed(ca.key, "stranger");

    (void)state;
    refused_key(EVP_RSA_gen(2048), "RSA");
    refused_key(EVP_EC_gen("P-384"), "P-384");
    EVP_PKEY_set_utf8_string_param(packed, "point-format", "compressed");
    refused_key(packed, "a compressed point");
    refused(leaf.key, leaf.cert, ca.cert, "a chain of a CA");
    refused(key, cert, ca.cert, "a self-signed one with company");
    X509_set_pubkey(other, key); // signed by another key than its own
    X509_sign(other, ca.key, EVP_sha256());
    refused(key, other, NULL, "a signature by another key");
    X509_free(cert);
    X509_free(other);
    EVP_PKEY_free(key);
    forged_done(&leaf);
    forged_done(&ca);
    gate_window_close(gate, gate->demo, window);
}

static void a_stranger_may_say_hello_and_nothing_else(void **state)
{
    static const char *const frames[] = {
        "{\"type\":\"telemetry\",\"seq\":1,\"t\":1,\"m\":{\"a\":1}}",
        "{\"type\":\"log\",\"seq\":1,\"t\":1,\"level\":\"info\",\"text\":\"x\"}",
        "{\"type\":\"renew\"}",
        "{\"type\":\"evidence\",\"eat\":\"a.b.c\",\"csr\":\"AAAA\"}",
        "{\"type\":\"reported\",\"seq\":1,\"t\":1,\"settings\":1}",
    };
    int64_t window = gate_window(gate, gate->demo, 5, NULL),
            before = count("SELECT count(*) FROM telemetry");
    struct gate_device *d = gate_stranger(gate);
    struct wire_options o = gate_as_factory(gate, d);
    char pair[400];

    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        json_auto_t *said = gate_hello(d);
        auto_free char *hello = json_dumps(said, JSON_COMPACT);
        struct wire *w = wire_connect(&o);

        assert_true(wire_say(w, frames[i]));
        told(w, "order", "hello", CLOSE_ORDER);
        // In the same frame as its hello, so that the answer cannot be there yet.
        snprintf(pair, sizeof pair, "[%s,%s]", hello, frames[i]);
        w = wire_connect(&o);
        assert_true(wire_say(w, pair));
        told(w, "order", "", CLOSE_ORDER);
    }
    assert_int_equal(count("SELECT count(*) FROM telemetry"), before);
    assert_int_equal(count("SELECT count(*) FROM device_state WHERE online"), 0);
    gate_device_free(d);
    gate_window_close(gate, gate->demo, window);
}

// ---------------------------------------------------------------- codes

static void a_good_code_claims_and_the_session_goes_on(void **state)
{
    struct gate_device *d = gate_stranger(gate);
    char code[CODE_LEN + 1], sql[300];
    int64_t window = gate_window(gate, gate->demo, 5, code);
    struct wire *w;

    (void)state;
    model_sql(pg_conninfo(), "UPDATE registration_window SET tags = '{\"site\":\"Lulea 2\"}'");
    gate_accept(gate, gate->demo, "app.pump", "1.0", d->sha256, 0);
    assert_true(enrols(d, code));
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM device WHERE id = '%s' AND catalog = %d AND lifecycle = 1 AND"
             " tags ->> 'site' = 'Lulea 2'",
             d->id, gate->demo);
    assert_int_equal(count(sql), 1);
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM audit WHERE chain = %d AND action = 'claim by code' AND"
             " object = '%s' AND actor LIKE 'claim code %.4s%%' AND actor NOT LIKE '%%%s%%'",
             gate->demo, d->id, code, code);
    assert_int_equal(count(sql), 1);
    assert_int_equal(count("SELECT claimed FROM registration_window"), 1);
    // With what it earned it is a device as any other; and its code says nothing any more.
    w = gate_session(gate, d, NULL);
    assert_non_null(w);
    wire_free(w);
    assert_true(enrols(d, "nonsense"));
    gate_device_free(d);
    gate_window_close(gate, gate->demo, window);
}

static void a_code_is_understood_as_people_write_it(void **state)
{
    struct gate_device *d = gate_stranger(gate);
    char code[CODE_LEN + 1], typed[CODE_LEN + 1];
    int64_t window = gate_window(gate, gate->demo, 5, code);
    size_t n = 0;

    (void)state;
    for (const char *c = code; *c; c++)
        if (*c != '-')
            typed[n++] = *c == '0' ? 'o' : *c == '1' ? 'l' : (char)(*c | (*c > '9' ? 0x20 : 0));
    typed[n] = '\0';
    gate_accept(gate, gate->demo, "app.pump", "1.0", d->sha256, 0);
    assert_true(enrols(d, typed));
    gate_device_free(d);
    gate_window_close(gate, gate->demo, window);
}

static void a_wrong_an_expired_and_a_used_code_are_told_apart(void **state)
{
    struct gate_device *one = gate_stranger(gate), *two = gate_stranger(gate);
    char code[CODE_LEN + 1], gone[CODE_LEN + 1];
    int64_t closed = gate_window(gate, gate->demo, 5, gone);
    int64_t window = gate_window(gate, gate->demo, 1, code);

    (void)state;
    gate_window_close(gate, gate->demo, closed);
    is_told(one, "not a code", "claim", "16 letters");
    is_told(one, "AAAA-AAAA-AAAA-AAAA", "claim", "not known");
    is_told(one, gone, "claim", "expired");
    gate_accept(gate, gate->demo, "app.pump", "1.0", one->sha256, 0);
    assert_true(enrols(one, code));
    is_told(two, code, "claim", "used");
    assert_int_equal(count("SELECT max(claimed) FROM registration_window"), 1);
    assert_true(doors_total(gate->doors, DOORS_WRONG) >= 4);
    gate_device_free(one);
    gate_device_free(two);
    gate_window_close(gate, gate->demo, window);
}

static void guessing_is_slowed_and_not_answered(void **state)
{
    struct gate_device *d = gate_stranger(gate);
    const struct sockaddr_storage loopback = address(INADDR_LOOPBACK - FIRST_ADDRESS);
    char code[CODE_LEN + 1];
    int64_t window = gate_window(gate, gate->demo, 5, code);
    uint64_t wrong = doors_total(gate->doors, DOORS_WRONG);

    (void)state;
    for (int i = 0; i < 11; i++) {
        struct wire *w = knock_as(d, "BBBB-BBBB-BBBB-BBBB");

        wire_close_code(w);
        wire_free(w);
    }
    assert_true(doors_total(gate->doors, DOORS_WRONG) > wrong + 10);
    for (int i = 0; i < 9; i++) // minutes to wait, not seconds: this machine may be slow
        doors_wrong(gate->doors, &loopback);
    is_told(d, "BBBB-BBBB-BBBB-BBBB", "rate", "wait");
    is_told(d, code, "rate", "wait"); // not even whether this one is right
    assert_int_equal(count("SELECT claimed FROM registration_window"), 0);
    gate_device_free(d);
    gate_window_close(gate, gate->demo, window);
}

// What another catalog holds is "in use", whoever asks with whatever code.
static void a_code_does_not_reach_into_another_catalog(void **state)
{
    struct gate_device *d = gate_device(gate, gate->acme, false);
    struct gate_device *claimed = gate_device(gate, gate->acme, true);
    char code[CODE_LEN + 1], sql[200];
    int64_t window = gate_window(gate, gate->demo, 5, code);

    (void)state;
    is_told(d, code, "claim", "in use");
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM device WHERE id = '%s' AND lifecycle = 0 AND catalog = %d",
             d->id, gate->acme);
    assert_int_equal(count(sql), 1);
    assert_true(enrols(claimed, code)); // it is acme's, so the code says nothing to it
    snprintf(sql, sizeof sql, "SELECT catalog FROM device WHERE id = '%s'", claimed->id);
    assert_int_equal(count(sql), gate->acme);
    assert_int_equal(count("SELECT claimed FROM registration_window"), 0);
    gate_device_free(d);
    gate_device_free(claimed);
    gate_window_close(gate, gate->demo, window);
}

static void a_registered_device_is_claimed_by_a_code_of_its_catalog(void **state)
{
    struct gate_device *d = gate_device(gate, gate->demo, false);
    char code[CODE_LEN + 1];
    int64_t window = gate_window(gate, gate->demo, 5, code);

    (void)state;
    assert_true(enrols(d, code));
    assert_int_equal(count("SELECT claimed FROM registration_window"), 1);
    gate_device_free(d);
    gate_window_close(gate, gate->demo, window);
}

static void who_was_unclaimed_does_not_come_back_by_the_same_code(void **state)
{
    struct gate_device *d = gate_stranger(gate);
    char code[CODE_LEN + 1];
    int64_t window = gate_window(gate, gate->demo, 5, code);
    struct wire *w;

    (void)state;
    gate_accept(gate, gate->demo, "app.pump", "1.0", d->sha256, 0);
    assert_true(enrols(d, code));
    w = gate_session(gate, d, NULL);
    assert_non_null(w);
    sleep(1); // times of windows are compared in seconds
    gate_unclaim(gate, d);
    told(w, "unclaimed", "was unclaimed", CLOSE_REVOKED);
    is_told(d, code, "claim", "was unclaimed");
    gate_device_free(d);
    gate_window_close(gate, gate->demo, window);
}

// ---------------------------------------------------------------- arrivals

static void without_a_code_it_is_held_and_waits(void **state)
{
    struct gate_device *d = gate_stranger(gate);
    int64_t window = gate_window(gate, gate->demo, 5, NULL);
    char sql[300];

    (void)state;
    is_told(d, NULL, "unclaimed", "nobody has claimed");
    is_told(d, NULL, "unclaimed", "nobody has claimed");
    snprintf(sql, sizeof sql,
             "SELECT knocks FROM arrival WHERE catalog = %d AND left(fingerprint, 32) = '%s' AND"
             " remote = '127.0.0.1' AND agent = 'test/1' AND octet_length(public_key) = 91",
             gate->demo, d->id);
    assert_int_equal(count(sql), 2);
    assert_int_equal(count("SELECT arrived FROM registration_window"), 1);
    assert_int_equal(count("SELECT count(*) FROM device WHERE lifecycle = 0 AND device IN (SELECT "
                           "device FROM device_trust WHERE cert_kind IS NOT NULL)"),
                     0);
    gate_device_free(d);
    gate_window_close(gate, gate->demo, window);
}

static void with_two_windows_open_it_is_asked_for_a_code(void **state)
{
    struct gate_device *d = gate_stranger(gate);
    int64_t one = gate_window(gate, gate->demo, 5, NULL);
    int64_t two = gate_window(gate, gate->acme, 5, NULL);

    (void)state;
    is_told(d, NULL, "unclaimed", "claim code");
    assert_int_equal(count("SELECT count(*) FROM arrival"), 0);
    gate_window_close(gate, gate->demo, one);
    is_told(d, NULL, "unclaimed", "nobody has claimed");
    assert_int_equal(count("SELECT catalog FROM arrival"), gate->acme);
    gate_device_free(d);
    gate_window_close(gate, gate->acme, two);
}

static void a_full_window_holds_no_more(void **state)
{
    struct gate_device *one = gate_stranger(gate), *two = gate_stranger(gate);
    int64_t window = gate_window(gate, gate->demo, 1, NULL);

    (void)state;
    is_told(one, NULL, "unclaimed", "nobody has claimed");
    is_told(two, NULL, "unclaimed", "full");
    is_told(one, NULL, "unclaimed", "nobody has claimed"); // has its place already
    assert_int_equal(count("SELECT count(*) FROM arrival"), 1);
    gate_device_free(one);
    gate_device_free(two);
    gate_window_close(gate, gate->demo, window);
}

static void a_server_that_starts_again_knows_its_open_windows(void **state)
{
    int64_t one = gate_window(gate, gate->demo, 1, NULL),
            two = gate_window(gate, gate->acme, 1, NULL);
    struct doors *again = NULL;
    struct door door = { 0 };
    struct fault f = { 0 };

    (void)state;
    gate_window_close(gate, gate->demo, one);
    assert_int_equal(doors_load(gate->store, &again, &f), RC_OK);
    assert_int_equal(doors_open(again, &door), 1);
    assert_int_equal(door.window, two);
    assert_true(door.closes_at > clock_now_ms() + 500000);
    doors_free(again);
    gate_window_close(gate, gate->acme, two);
}

// ---------------------------------------------------------------- crowds

#define CROWD 10000

static void ten_thousand_strangers_are_counted_and_a_window_holds_its_most(void **state)
{
    int64_t window = gate_window(gate, gate->demo, 50, NULL);
    const struct knock_env env = { gate->store, gate->roster, gate->bus, gate->doors };
    uint64_t knocks = doors_total(gate->doors, DOORS_KNOCKS);
    uint64_t crowded = doors_total(gate->doors, DOORS_CROWDED);
    int held = 0, full = 0, let_in = 0;

    (void)state;
    for (int i = 0; i < CROWD; i++) {
        EVP_PKEY *key = forge_key();
        unsigned char *spki = NULL;
        struct knock k = { .from = address((uint32_t)i) };
        struct knock_result result = { 0 };
        struct fault f = { 0 };

        let_in += doors_knock(gate->doors, &k.from);
        k.spki_len = (size_t)i2d_PUBKEY(key, &spki);
        k.spki = spki;
        assert_int_equal(knock_answer(&env, &k, &result, &f), RC_OK);
        held += result.outcome == KNOCK_HELD;
        full += result.outcome == KNOCK_WAIT;
        OPENSSL_free(spki);
        EVP_PKEY_free(key);
    }
    assert_int_equal(held, 50);
    assert_int_equal(full, CROWD - 50);
    assert_int_equal(count("SELECT count(*) FROM arrival"), 50);
    assert_int_equal(count("SELECT arrived FROM registration_window"), 50);
    assert_int_equal(doors_total(gate->doors, DOORS_KNOCKS) - knocks, let_in);
    assert_int_equal(doors_total(gate->doors, DOORS_CROWDED) - crowded, CROWD - let_in);
    gate_window_close(gate, gate->demo, window);
}

static uint32_t strangers(void)
{
    struct gateway_stats s;

    gateway_stats(gate->gateway, &s);
    return (uint32_t)s.strangers;
}

// One more of this address, as long as all the places of it are taken: those who say nothing are
// sent away in time, and then there is room again.
static bool is_one_too_many(const struct wire_options *o)
{
    struct wire *w = wire_connect(o);
    json_auto_t *nack = w ? wire_hear(w, "nack") : NULL;
    const char *text = json_string_value(json_object_get(nack, "text"));
    bool told_so = text && strstr(text, "from this address") && wire_close_code(w) == CLOSE_RETRY;

    wire_free(w);
    return told_so;
}

#define PLACES 64 // for strangers of one address

static void strangers_that_stay_leave_room_for_devices(void **state)
{
    int64_t window = gate_window(gate, gate->demo, 5, NULL);
    struct gate_device *d = gate_stranger(gate), *good = gate_device(gate, gate->demo, true);
    struct wire_options o = gate_as_factory(gate, d);
    static struct wire *mute[600];
    bool refused = false;
    uint32_t most = 0;

    (void)state;
    for (int i = 0; i < 600 && !refused; i++) {
        mute[i] = wire_connect(&o);
        most = strangers() > most ? strangers() : most;
        refused = most == PLACES && is_one_too_many(&o);
    }
    assert_true(refused);
    assert_int_equal(most, PLACES);
    assert_true(gate_enroll(gate, good, "affirming"));
    for (int i = 0; i < 600; i++)
        wire_free(mute[i]);
    gate_device_free(d);
    gate_device_free(good);
    gate_window_close(gate, gate->demo, window);
}

static void *knock_on(void *stop)
{
    const struct sockaddr_storage loopback = address(INADDR_LOOPBACK - FIRST_ADDRESS);

    while (!atomic_load((atomic_bool *)stop))
        doors_knock(gate->doors, &loopback);
    return NULL;
}

static void who_knocks_too_fast_is_refused_in_the_handshake(void **state)
{
    int64_t window = gate_window(gate, gate->demo, 5, NULL);
    struct gate_device *d = gate_stranger(gate), *good = gate_device(gate, gate->demo, true);
    atomic_bool stop = false;
    bool let_in = true;
    pthread_t other;

    (void)state;
    assert_true(comes_in(d));
    assert_int_equal(pthread_create(&other, NULL, knock_on, &stop), 0);
    for (int i = 0; i < 100 && let_in; i++)
        let_in = comes_in(d);
    assert_true(gate_enroll(gate, good, "affirming"));
    atomic_store(&stop, true);
    pthread_join(other, NULL);
    assert_false(let_in);
    gate_device_free(d);
    gate_device_free(good);
    gate_window_close(gate, gate->demo, window);
}

int main(int argc, char **argv)
{
#define STORY(name) cmocka_unit_test_teardown(name, clean)
    const struct CMUnitTest tests[] = {
        STORY(without_a_window_a_stranger_is_refused_in_the_handshake),
        STORY(a_window_whose_time_has_passed_is_closed_by_itself),
        STORY(an_open_window_lets_in_nothing_but_a_lone_self_signed_p256_key),
        STORY(a_stranger_may_say_hello_and_nothing_else),
        STORY(a_good_code_claims_and_the_session_goes_on),
        STORY(a_code_is_understood_as_people_write_it),
        STORY(a_wrong_an_expired_and_a_used_code_are_told_apart),
        STORY(a_code_does_not_reach_into_another_catalog),
        STORY(a_registered_device_is_claimed_by_a_code_of_its_catalog),
        STORY(who_was_unclaimed_does_not_come_back_by_the_same_code),
        STORY(without_a_code_it_is_held_and_waits),
        STORY(with_two_windows_open_it_is_asked_for_a_code),
        STORY(a_full_window_holds_no_more),
        STORY(a_server_that_starts_again_knows_its_open_windows),
        STORY(ten_thousand_strangers_are_counted_and_a_window_holds_its_most),
        STORY(guessing_is_slowed_and_not_answered),
        STORY(strangers_that_stay_leave_room_for_devices),
        STORY(who_knocks_too_fast_is_refused_in_the_handshake),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests_name("strangers at an open window", tests, up, gate_teardown);
}
