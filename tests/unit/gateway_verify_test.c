// SPDX-License-Identifier: Apache-2.0
//
// The verify hook, asked by real handshakes in memory: who comes in and who does not.

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/hex.h"
#include "device/roster.h"
#include "gateway/tls.h"
#include "protocol/protocol.h"
#include "support/forge.h"
#include "test.h"

#define ID     "0123456789abcdef0123456789abcdef"
#define OTHER  "ffffffffffffffffffffffffffffffff"
#define HOST   "demo.orrery.invalid"
#define URI    "orrery://demo.orrery.invalid/" ID
#define CLIENT "clientAuth"

static struct forged root, demo, quarantine, acme, foreign_root, foreign, server;
static struct roster_entry entry; // the one device there is
static bool on_roster;
static struct tls tls;
static SSL_CTX *server_ctx;

bool roster_find(struct roster *r, const uint8_t id[16], struct roster_entry *out)
{
    (void)r;
    *out = entry;
    return on_roster && !memcmp(entry.id, id, 16);
}

static bool catalog_name(void *ctx, int32_t catalog, char out[KEEPER_CATALOG_MAX + 1])
{
    (void)ctx;
    snprintf(out, KEEPER_CATALOG_MAX + 1, "%s", catalog == 1 ? "demo" : "acme");
    return catalog == 1 || catalog == 2;
}

static int64_t now_s(void)
{
    return clock_now_ms() / 1000;
}

static SSL_CTX *make_server(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    char *cert = forge_pem(server.cert), *key = forge_key_pem(server.key);
    struct fault f = { 0 };

    assert_int_equal(tls_setup(ctx, &tls, &f), RC_OK);
    assert_int_equal(tls_certify(ctx, cert, key, &f), RC_OK);
    free(cert);
    free(key);
    return ctx;
}

static int make_pki(void **state)
{
    const struct forge_leaf what = { "localhost",   NULL,           "serverAuth",
                                     now_s() - 300, now_s() + 3600, 2 };
    struct fault f = { 0 };
    char *pem;

    (void)state;
    root = forge_ca("device root", NULL, NULL);
    demo = forge_ca("demo", &root, HOST);
    acme = forge_ca("acme", &root, "acme.orrery.invalid");
    foreign_root = forge_ca("device root", NULL, NULL);
    foreign = forge_ca("demo", &foreign_root, HOST);
    server = forge_leaf(&what, &foreign_root);
    quarantine = forge_ca("quarantine demo", NULL, HOST);
    pem = forge_pem(quarantine.cert);
    if (trust_add(&tls.trust.quarantine, pem, &f) != RC_OK)
        return -1;
    free(pem);
    pem = forge_pem(root.cert);
    tls.trust.catalog_name = catalog_name;
    if (trust_add(&tls.trust.roots, pem, &f) != RC_OK || tls_init(&tls, &f) != RC_OK)
        return -1;
    free(pem);
    server_ctx = make_server();
    return 0;
}

static int drop_pki(void **state)
{
    (void)state;
    SSL_CTX_free(server_ctx);
    tls_end(&tls);
    X509_STORE_free(tls.trust.roots);
    X509_STORE_free(tls.trust.quarantine);
    X509_STORE_free(tls.trust.catalogs);
    forged_done(&quarantine);
    forged_done(&root);
    forged_done(&demo);
    forged_done(&acme);
    forged_done(&foreign_root);
    forged_done(&foreign);
    forged_done(&server);
    return 0;
}

static int claimed(void **state)
{
    (void)state;
    entry = (struct roster_entry){ .catalog = 1, .device = 9, .lifecycle = DEVICE_CLAIMED };
    on_roster = hex_decode(ID, entry.id, sizeof entry.id);
    return on_roster ? 0 : -1;
}

struct meeting { // of one client and our server
    SSL *client, *server;
    bool let_in;
    int alert; // that the client got
};

static int last_alert;

static void on_info(const SSL *ssl, int where, int value)
{
    (void)ssl;
    if (where & SSL_CB_ALERT && where & SSL_CB_READ)
        last_alert = value & 0xff;
}

static struct meeting meet(SSL_CTX *client_ctx, SSL_SESSION *session)
{
    struct meeting m = { .client = SSL_new(client_ctx), .server = SSL_new(server_ctx) };
    BIO *a = NULL, *b = NULL;
    char byte;

    last_alert = -1;
    assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    SSL_set_bio(m.client, a, a);
    SSL_set_bio(m.server, b, b);
    SSL_set_connect_state(m.client);
    SSL_set_accept_state(m.server);
    if (session)
        SSL_set_session(m.client, session);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(m.client);
        m.let_in = SSL_do_handshake(m.server) == 1;
    }
    SSL_read(m.client, &byte, 1); // tickets, or the alert
    ERR_clear_error();
    m.alert = last_alert;
    return m;
}

static void part(struct meeting *m)
{
    SSL_free(m->client);
    SSL_free(m->server);
}

static SSL_CTX *client_of(EVP_PKEY *key, X509 *cert, X509 *ca, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_info_callback(ctx, on_info);
    if (version)
        SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    if (cert) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    }
    if (ca)
        assert_int_equal(SSL_CTX_add1_chain_cert(ctx, ca), 1);
    return ctx;
}

// What comes of one connection with this certificate; *who is set when it is let in.
static bool try_once(EVP_PKEY *key, X509 *cert, X509 *ca, struct identity *who, int *alert)
{
    SSL_CTX *ctx = client_of(key, cert, ca, 0);
    struct meeting m = meet(ctx, NULL);
    bool let_in = m.let_in;
    struct fault f = { 0 };

    if (let_in && who)
        assert_int_equal(tls_identity(m.server, &tls, who, &f), RC_OK);
    if (alert)
        *alert = m.alert;
    part(&m);
    SSL_CTX_free(ctx);
    return let_in;
}

static struct forge_leaf good_leaf(void)
{
    return (struct forge_leaf){ .cn = ID,
                                .uri = URI,
                                .eku = CLIENT,
                                .not_before = now_s() - 300,
                                .not_after = now_s() + 3600,
                                .serial = 5 };
}

static bool try_leaf(const struct forge_leaf *what, struct forged *ca, struct identity *who,
                     int *alert)
{
    struct forged leaf = forge_leaf(what, ca);
    bool let_in = try_once(leaf.key, leaf.cert, ca->cert, who, alert);

    forged_done(&leaf);
    return let_in;
}

static void a_good_certificate_comes_in_with_its_identity(void **state)
{
    struct forge_leaf good = good_leaf();
    struct identity who = { 0 };

    (void)state;
    assert_true(try_leaf(&good, &demo, &who, NULL));
    assert_int_equal(who.kind, IDENTITY_OPERATIONAL);
    assert_string_equal(who.id, ID);
    assert_string_equal(who.catalog_name, "demo");
    assert_int_equal(who.catalog, 1);
    assert_int_equal(who.device, 9);
    assert_int_equal(who.not_after, good.not_after);
}

static void a_quarantine_certificate_is_known_by_its_usage(void **state)
{
    struct forge_leaf leaf = good_leaf();
    struct identity who = { 0 };

    (void)state;
    leaf.eku = "critical," EKU_QUARANTINE;
    assert_true(try_leaf(&leaf, &quarantine, &who, NULL));
    assert_int_equal(who.kind, IDENTITY_QUARANTINE);
}

static void neither_ca_issues_for_the_other_kind(void **state)
{
    struct forge_leaf leaf = good_leaf();

    (void)state;
    assert_false(try_leaf(&leaf, &quarantine, NULL, NULL));
    leaf.eku = "critical," EKU_QUARANTINE;
    assert_false(try_leaf(&leaf, &demo, NULL, NULL));
}

static void every_wrong_certificate_is_refused(void **state)
{
    static const struct {
        const char *name, *cn, *uri, *eku;
        int64_t before, after;
        int alert;
    } cases[] = {
        { "expired", ID, URI, CLIENT, -7200, -1, 45 },
        { "not valid yet", ID, URI, CLIENT, 60, 3600, -1 },
        { "no usage", ID, URI, NULL, -300, 3600, -1 },
        { "server's usage", ID, URI, "serverAuth", -300, 3600, -1 },
        { "two usages", ID, URI, "clientAuth,serverAuth", -300, 3600, -1 },
        { "both kinds", ID, URI, "clientAuth," EKU_QUARANTINE, -300, 3600, -1 },
        { "other id in the name", OTHER, URI, CLIENT, -300, 3600, -1 },
        { "no name", NULL, URI, CLIENT, -300, 3600, -1 },
        { "name is no id", "pump", URI, CLIENT, -300, 3600, -1 },
        { "capital digits", "0123456789ABCDEF0123456789ABCDEF", URI, CLIENT, -300, 3600, -1 },
        { "no URI", ID, NULL, CLIENT, -300, 3600, -1 },
        { "URI of another id", ID, "orrery://demo.orrery.invalid/" OTHER, CLIENT, -300, 3600, -1 },
        { "URI of another catalog", ID, "orrery://acme.orrery.invalid/" ID, CLIENT, -300, 3600,
          -1 },
        { "URI with a tail", ID, URI "0", CLIENT, -300, 3600, -1 },
        { "URI twice", ID, URI ",URI:" URI, CLIENT, -300, 3600, -1 },
        { "URI and a host", ID, URI ",DNS:localhost", CLIENT, -300, 3600, -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct forge_leaf leaf = { cases[i].cn,
                                   cases[i].uri,
                                   cases[i].eku,
                                   now_s() + cases[i].before,
                                   now_s() + cases[i].after,
                                   3 };
        int alert = -1;

        if (try_leaf(&leaf, &demo, NULL, &alert))
            fail_msg("let in: %s", cases[i].name);
        if (alert < 0 || (cases[i].alert >= 0 && alert != cases[i].alert))
            fail_msg("%s: alert %d", cases[i].name, alert);
    }
}

static void no_certificate_is_refused(void **state)
{
    int alert = -1;

    (void)state;
    assert_false(try_once(NULL, NULL, NULL, NULL, &alert));
    assert_int_equal(alert, 116); // certificate_required
}

static void a_foreign_ca_of_the_same_name_is_refused(void **state)
{
    struct forge_leaf good = good_leaf();

    (void)state;
    assert_false(try_leaf(&good, &foreign, NULL, NULL));
}

static void a_catalogs_ca_cannot_issue_for_another(void **state)
{
    struct forge_leaf leaf = good_leaf();

    (void)state;
    assert_false(try_leaf(&leaf, &acme, NULL, NULL)); // by the CA's name constraint
    leaf.uri = "orrery://acme.orrery.invalid/" ID;
    assert_false(try_leaf(&leaf, &acme, NULL, NULL)); // the device is not in that catalog
    entry.catalog = 2;
    assert_true(try_leaf(&leaf, &acme, NULL, NULL)); // the control
}

static void a_leaf_right_under_the_root_is_refused(void **state)
{
    struct forge_leaf good = good_leaf();

    (void)state;
    assert_false(try_leaf(&good, &root, NULL, NULL));
}

static void a_device_that_is_not_claimed_here_is_refused(void **state)
{
    struct forge_leaf good = good_leaf();
    int alert = -1;

    (void)state;
    entry.lifecycle = DEVICE_REGISTERED;
    assert_false(try_leaf(&good, &demo, NULL, &alert));
    assert_int_equal(alert, 44); // certificate_revoked
    entry.lifecycle = DEVICE_RETIRED;
    assert_false(try_leaf(&good, &demo, NULL, NULL));
    on_roster = false;
    assert_false(try_leaf(&good, &demo, NULL, NULL));
}

static void a_certificate_from_before_the_revocation_is_refused(void **state)
{
    struct forge_leaf good = good_leaf(); // issued now, dated back 300 s as the keeper does
    int alert = -1;

    (void)state;
    entry.refused_before = now_s() - 10;
    assert_true(try_leaf(&good, &demo, NULL, NULL));
    entry.refused_before = now_s() + 2;
    assert_false(try_leaf(&good, &demo, NULL, &alert));
    assert_int_equal(alert, 44);
}

static void a_factory_key_comes_in_only_if_registered(void **state)
{
    EVP_PKEY *key = forge_key();
    X509 *cert = forge_factory(key);
    struct identity who = { 0 };
    uint8_t fingerprint[32];

    (void)state;
    assert_false(try_once(key, cert, NULL, NULL, NULL));
    forge_fingerprint(key, fingerprint);
    memcpy(entry.id, fingerprint, sizeof entry.id);
    entry.lifecycle = DEVICE_REGISTERED;
    assert_true(try_once(key, cert, NULL, &who, NULL));
    assert_int_equal(who.kind, IDENTITY_FACTORY);
    assert_memory_equal(who.fingerprint, fingerprint, 32);
    entry.lifecycle = DEVICE_RETIRED;
    assert_false(try_once(key, cert, NULL, NULL, NULL));
    X509_free(cert);
    EVP_PKEY_free(key);
}

// Somebody who knows a public key cannot make a certificate that counts for it.
static void a_factory_certificate_needs_its_own_signature(void **state)
{
    EVP_PKEY *key = forge_key(), *thief = forge_key();
    X509 *cert = forge_factory(key);
    uint8_t fingerprint[32];
    struct identity who;
    struct fault f;
    int error = 0;

    (void)state;
    forge_fingerprint(key, fingerprint);
    memcpy(entry.id, fingerprint, sizeof entry.id);
    assert_true(X509_sign(cert, thief, EVP_sha256()) > 0);
    assert_int_equal(identity_verify(&tls.trust, cert, NULL, now_s(), &who, &error, &f), RC_DENIED);
    assert_int_equal(error, X509_V_ERR_CERT_SIGNATURE_FAILURE);
    X509_free(cert);
    EVP_PKEY_free(key);
    EVP_PKEY_free(thief);
}

static void a_factory_key_of_another_kind_is_refused(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-384");
    X509 *cert = forge_factory(key);
    uint8_t fingerprint[32];

    (void)state;
    forge_fingerprint(key, fingerprint);
    memcpy(entry.id, fingerprint, sizeof entry.id);
    assert_false(try_once(key, cert, NULL, NULL, NULL));
    X509_free(cert);
    EVP_PKEY_free(key);
}

// OpenSSL does not ask the hook when a session resumes, so identity is asked again.
static void a_resumed_session_is_asked_again(int version)
{
    struct forge_leaf good = good_leaf();
    struct forged leaf = forge_leaf(&good, &demo);
    SSL_CTX *ctx = client_of(leaf.key, leaf.cert, demo.cert, version);
    struct meeting first = meet(ctx, NULL), second;
    SSL_SESSION *session = SSL_get1_session(first.client);
    uint64_t asked = tls.accepted + tls.refused;
    struct identity who;
    struct fault f = { 0 };

    tls_keep(first.server, &tls, true);
    second = meet(ctx, session);
    assert_true(first.let_in && second.let_in);
    assert_true(SSL_session_reused(second.server));
    assert_int_equal(tls.accepted + tls.refused, asked);
    assert_int_equal(tls_identity(second.server, &tls, &who, &f), RC_OK);
    entry.refused_before = now_s() + 2;
    assert_int_equal(tls_identity(second.server, &tls, &who, &f), RC_DENIED);
    assert_string_equal(f.text, "the certificate was revoked");
    part(&first);
    part(&second);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    forged_done(&leaf);
}

static void a_session_resumed_by_tls_13_is_asked_again(void **state)
{
    (void)state;
    a_resumed_session_is_asked_again(TLS1_3_VERSION);
}

static void a_session_resumed_by_tls_12_is_asked_again(void **state)
{
    (void)state;
    a_resumed_session_is_asked_again(TLS1_2_VERSION);
}

static void a_session_resumes_once_even_after_its_connection_broke_off(void **state)
{
    struct forge_leaf good = good_leaf();
    struct forged leaf = forge_leaf(&good, &demo);
    SSL_CTX *ctx = client_of(leaf.key, leaf.cert, demo.cert, 0);
    struct meeting first = meet(ctx, NULL), second, third;
    SSL_SESSION *session = SSL_SESSION_dup(SSL_get_session(first.client));

    (void)state;
    tls_keep(first.server, &tls, true);
    part(&first); // without a farewell
    second = meet(ctx, session);
    assert_true(second.let_in && SSL_session_reused(second.server));
    third = meet(ctx, session);
    assert_true(third.let_in && !SSL_session_reused(third.server));
    part(&second);
    part(&third);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    forged_done(&leaf);
}

static void a_session_that_was_not_admitted_does_not_resume(void **state)
{
    struct forge_leaf good = good_leaf();
    struct forged leaf = forge_leaf(&good, &demo);
    SSL_CTX *ctx = client_of(leaf.key, leaf.cert, demo.cert, 0);
    struct meeting first = meet(ctx, NULL), second;
    SSL_SESSION *session = SSL_get1_session(first.client);

    (void)state;
    second = meet(ctx, session);
    assert_true(second.let_in && !SSL_session_reused(second.server));
    part(&first);
    part(&second);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    forged_done(&leaf);
}

static void tls_11_is_refused(void **state)
{
    struct forge_leaf good = good_leaf();
    struct forged leaf = forge_leaf(&good, &demo);
    SSL_CTX *ctx = client_of(leaf.key, leaf.cert, demo.cert, TLS1_1_VERSION);
    struct meeting m;

    (void)state;
    SSL_CTX_set_security_level(ctx, 0);
    m = meet(ctx, NULL);
    assert_false(m.let_in);
    part(&m);
    SSL_CTX_free(ctx);
    forged_done(&leaf);
}

static void both_ends_export_the_same_binding(void **state)
{
    struct forge_leaf good = good_leaf();
    struct forged leaf = forge_leaf(&good, &demo);
    SSL_CTX *ctx = client_of(leaf.key, leaf.cert, demo.cert, TLS1_2_VERSION);
    struct meeting m = meet(ctx, NULL);
    uint8_t ours[32], theirs[32];

    (void)state;
    assert_true(tls_exporter(m.server, ours) && tls_exporter(m.client, theirs));
    assert_memory_equal(ours, theirs, 32);
    part(&m);
    SSL_CTX_free(ctx);
    forged_done(&leaf);
}

static void the_self_test_finds_a_missing_hook(void **state)
{
    SSL_CTX *ctx = make_server();
    struct fault f = { 0 };

    (void)state;
    assert_int_equal(tls_selftest(ctx, &tls, &f), RC_OK);
    SSL_CTX_set_cert_verify_callback(ctx, NULL, NULL);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    assert_int_equal(tls_selftest(ctx, &tls, &f), RC_INTERNAL);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    assert_int_equal(tls_selftest(ctx, &tls, &f), RC_INTERNAL); // refused, but not by us
    SSL_CTX_free(ctx);
}

// Every story is told twice: once the catalog's CA is found under the root, once it is known.
static int know_catalogs(void **state)
{
    char *pem = forge_pem(demo.cert), *other = forge_pem(acme.cert);
    struct fault f = { 0 };
    int rc = trust_add(&tls.trust.catalogs, pem, &f) != RC_OK ||
             trust_add(&tls.trust.catalogs, other, &f) != RC_OK;

    (void)state;
    free(pem);
    free(other);
    return rc;
}

// ---------------------------------------------------------------- strangers

static bool open_now, may_knock;
static int knocked;

static bool is_open(void *ctx)
{
    (void)ctx;
    return open_now;
}

static bool knock(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
    knocked++;
    return may_knock;
}

static int nobody_known(void **state)
{
    (void)state;
    on_roster = false;
    open_now = may_knock = true;
    knocked = 0;
    tls.trust.open = is_open;
    tls.knock = knock;
    return 0;
}

static int shut(void **state)
{
    (void)state;
    tls.trust.open = NULL;
    tls.knock = NULL;
    return 0;
}

static void a_stranger_comes_in_only_while_a_door_is_open(void **state)
{
    EVP_PKEY *key = forge_key();
    X509 *cert = forge_factory(key);
    struct identity who = { 0 };
    int alert;

    (void)state;
    assert_true(try_once(key, cert, NULL, &who, NULL));
    assert_int_equal(who.kind, IDENTITY_STRANGER);
    assert_int_equal(who.catalog, 0);
    assert_int_equal(who.device, 0);
    assert_int_equal(knocked, 1);
    open_now = false;
    assert_false(try_once(key, cert, NULL, NULL, &alert));
    assert_int_equal(alert, 48);
    assert_int_equal(knocked, 1); // not even counted
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void one_stranger_too_many_is_told_apart_from_an_unknown_one(void **state)
{
    EVP_PKEY *key = forge_key();
    X509 *cert = forge_factory(key);
    int alert;

    (void)state;
    may_knock = false;
    assert_false(try_once(key, cert, NULL, NULL, &alert));
    assert_int_equal(alert, 40);
    X509_free(cert);
    EVP_PKEY_free(key);
}

// The door may have been closed between the handshake and the upgrade.
static void a_stranger_is_asked_again_after_the_handshake(void **state)
{
    EVP_PKEY *key = forge_key();
    X509 *cert = forge_factory(key);
    SSL_CTX *ctx = client_of(key, cert, NULL, 0);
    struct meeting m = meet(ctx, NULL);
    struct identity who;
    struct fault f = { 0 };

    (void)state;
    assert_true(m.let_in);
    open_now = false;
    assert_int_equal(tls_identity(m.server, &tls, &who, &f), RC_DENIED);
    part(&m);
    SSL_CTX_free(ctx);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void an_open_door_lets_in_no_issued_certificate_of_an_unknown_device(void **state)
{
    struct forge_leaf good = good_leaf();

    (void)state;
    assert_false(try_leaf(&good, &demo, NULL, NULL));
    assert_false(try_leaf(&good, &foreign, NULL, NULL));
    assert_int_equal(knocked, 0);
}

static void the_self_test_fails_where_strangers_are_let_in(void **state)
{
    struct fault f = { 0 };

    (void)state;
    assert_int_equal(tls_selftest(server_ctx, &tls, &f), RC_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stranger_comes_in_only_while_a_door_is_open, nobody_known,
                                        shut),
        cmocka_unit_test_setup_teardown(one_stranger_too_many_is_told_apart_from_an_unknown_one,
                                        nobody_known, shut),
        cmocka_unit_test_setup_teardown(a_stranger_is_asked_again_after_the_handshake, nobody_known,
                                        shut),
        cmocka_unit_test_setup_teardown(
            an_open_door_lets_in_no_issued_certificate_of_an_unknown_device, nobody_known, shut),
        cmocka_unit_test_setup_teardown(the_self_test_fails_where_strangers_are_let_in,
                                        nobody_known, shut),
        cmocka_unit_test_setup(a_good_certificate_comes_in_with_its_identity, claimed),
        cmocka_unit_test_setup(a_quarantine_certificate_is_known_by_its_usage, claimed),
        cmocka_unit_test_setup(neither_ca_issues_for_the_other_kind, claimed),
        cmocka_unit_test_setup(every_wrong_certificate_is_refused, claimed),
        cmocka_unit_test_setup(no_certificate_is_refused, claimed),
        cmocka_unit_test_setup(a_foreign_ca_of_the_same_name_is_refused, claimed),
        cmocka_unit_test_setup(a_catalogs_ca_cannot_issue_for_another, claimed),
        cmocka_unit_test_setup(a_leaf_right_under_the_root_is_refused, claimed),
        cmocka_unit_test_setup(a_device_that_is_not_claimed_here_is_refused, claimed),
        cmocka_unit_test_setup(a_certificate_from_before_the_revocation_is_refused, claimed),
        cmocka_unit_test_setup(a_factory_key_comes_in_only_if_registered, claimed),
        cmocka_unit_test_setup(a_factory_certificate_needs_its_own_signature, claimed),
        cmocka_unit_test_setup(a_factory_key_of_another_kind_is_refused, claimed),
        cmocka_unit_test_setup(a_session_resumed_by_tls_13_is_asked_again, claimed),
        cmocka_unit_test_setup(a_session_resumed_by_tls_12_is_asked_again, claimed),
        cmocka_unit_test_setup(a_session_resumes_once_even_after_its_connection_broke_off, claimed),
        cmocka_unit_test_setup(a_session_that_was_not_admitted_does_not_resume, claimed),
        cmocka_unit_test_setup(tls_11_is_refused, claimed),
        cmocka_unit_test_setup(both_ends_export_the_same_binding, claimed),
        cmocka_unit_test_setup(the_self_test_finds_a_missing_hook, claimed),
    };

    int failed = cmocka_run_group_tests_name("CAs under the root", tests, make_pki, NULL);

    return failed + cmocka_run_group_tests_name("known CAs", tests, know_catalogs, drop_pki);
}
