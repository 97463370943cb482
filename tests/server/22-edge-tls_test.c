// SPDX-License-Identifier: Apache-2.0
//
// Who may connect, under which certificate, and how the port changes and ends.

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/edge_rig.h"
#include "test.h"

#define H "Host: localhost\r\n"

static struct rig rig;
static atomic_bool denied;

static bool allowed(void *ctx, const uint8_t sha256[32])
{
    (void)ctx, (void)sha256;
    return !atomic_load(&denied);
}

static bool works(struct caller *c, struct answer *a)
{
    return c && caller_text(c, "GET /api/x HTTP/1.1\r\n" H "\r\n") && caller_answer(c, false, a) &&
           a->status == 200;
}

static bool served(const struct call_options *o)
{
    struct caller *c = rig_connect(&rig, o);
    struct answer a = { 0 };
    bool good = works(c, &a);

    answer_done(&a);
    caller_close(c);
    return good;
}

// ---------------------------------------------------------------- versions and certificates

static void only_tls_1_2_and_later_are_spoken(void **state)
{
    (void)state;

    assert_true(served(&(struct call_options){ .max_version = TLS1_3_VERSION }));
    assert_true(served(&(struct call_options){ .max_version = TLS1_2_VERSION }));
    assert_false(served(&(struct call_options){ .max_version = TLS1_1_VERSION }));
    assert_false(served(&(struct call_options){ .max_version = TLS1_VERSION }));
}

static void only_http_1_1_can_be_negotiated(void **state)
{
    (void)state;

    assert_true(served(&(struct call_options){ .alpn = "http/1.1" }));
    assert_false(served(&(struct call_options){ .alpn = "h2" }));
}

static void a_client_certificate_is_optional_but_never_a_foreign_or_expired_one(void **state)
{
    (void)state;
    struct rig_identity old;

    rig_identity_make(&old, "old", &rig.device_ca, 0);
    X509_gmtime_adj(X509_getm_notAfter(old.cert), -5);
    X509_sign(old.cert, rig.device_ca.key, EVP_sha256());
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        assert_true(served(&(struct call_options){ .max_version = version }));
        assert_true(served(&(struct call_options){ .as = &rig.device, .max_version = version }));
        assert_false(served(&(struct call_options){ .as = &rig.foreign, .max_version = version }));
        assert_false(served(&(struct call_options){ .as = &old, .max_version = version }));
    }
    rig_identity_done(&old);
}

static void only_device_cas_are_named_to_browsers(void **state)
{
    (void)state;
    struct caller *c = rig_connect(&rig, NULL);
    const STACK_OF(X509_NAME) * names;

    assert_non_null(c);
    names = SSL_get0_peer_CA_list(c->ssl);
    assert_int_equal(sk_X509_NAME_num(names), 1);
    assert_int_equal(
        X509_NAME_cmp(sk_X509_NAME_value(names, 0), X509_get_subject_name(rig.device_ca.cert)), 0);
    caller_close(c);
}

// ---------------------------------------------------------------- resumption

static SSL_SESSION *session_of(struct caller *c)
{
    struct answer a = { 0 };
    SSL_SESSION *s;

    assert_true(works(c, &a)); // TLS 1.3 sends its ticket after the handshake
    answer_done(&a);
    s = SSL_get1_session(c->ssl);
    SSL_shutdown(c->ssl);
    caller_close(c);
    return s;
}

static void a_resumed_session_keeps_its_identity(void **state)
{
    (void)state;

    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct call_options o = { .as = &rig.device, .max_version = version };
        SSL_SESSION *s = session_of(rig_connect(&rig, &o));
        struct edge_counts before, after;
        struct caller *c;
        struct answer a;

        assert_true(SSL_SESSION_get_ticket_lifetime_hint(s) <= 3600);
        edge_stats(rig.edge, &before);
        o = (struct call_options){ .max_version = version, .session = s };
        c = rig_connect(&rig, &o);
        assert_non_null(c);
        assert_true(SSL_session_reused(c->ssl));
        assert_true(works(c, &a));
        assert_non_null(strstr(a.body, "\r\nX-Orrery-Peer: "));
        answer_done(&a);
        caller_close(c);
        edge_stats(rig.edge, &after);
        assert_int_equal(after.handshakes_resumed, before.handshakes_resumed + 1);
        SSL_SESSION_free(s);
    }
}

static void a_revoked_certificate_is_refused_also_when_its_session_is_resumed(void **state)
{
    (void)state;
    struct call_options o = { .as = &rig.device };
    SSL_SESSION *s = session_of(rig_connect(&rig, &o));

    atomic_store(&denied, true);
    assert_false(served(&o));
    o = (struct call_options){ .session = s };
    assert_false(served(&o));
    assert_true(served(NULL)); // without a certificate nothing is revoked
    atomic_store(&denied, false);
    o = (struct call_options){ .session = s };
    assert_true(served(&o));
    SSL_SESSION_free(s);
}

// ---------------------------------------------------------------- reload

static bool shows(const struct caller *c, const struct rig_identity *i)
{
    X509 *x = SSL_get1_peer_certificate(c->ssl);
    bool same = x && X509_cmp(x, i->cert) == 0;

    X509_free(x);
    return same;
}

static void a_reload_changes_the_certificate_and_drops_nobody(void **state)
{
    (void)state;
    struct caller *before = rig_connect(&rig, NULL), *after;
    struct caller *busy = rig_connect(&rig, NULL);
    SSL_SESSION *s = session_of(rig_connect(&rig, &(struct call_options){ .as = &rig.device }));
    struct rig_identity new;
    struct edge_tls tls = rig.options.tls;
    struct answer a;
    struct fault f;

    rig_identity_make(&new, "localhost", &rig.server_ca, 10);
    assert_true(caller_text(busy, "GET /api/slow/300 HTTP/1.1\r\n" H "\r\n"));
    tls.cert_pem = new.cert_pem;
    tls.key_pem = new.key_pem;
    assert_int_equal(edge_reload(rig.edge, &tls, &f), RC_OK);
    after = rig_connect(&rig, NULL);
    assert_true(shows(before, &rig.server) && shows(after, &new));
    assert_true(works(before, &a));
    answer_done(&a);
    assert_true(works(after, &a));
    answer_done(&a);
    assert_true(caller_answer(busy, false, &a));
    assert_int_equal(a.status, 200);
    answer_done(&a);
    caller_close(before);
    caller_close(busy);
    caller_close(after);
    // A ticket from before is still good, and so is what it says.
    after = rig_connect(&rig, &(struct call_options){ .session = s });
    assert_true(SSL_session_reused(after->ssl));
    assert_true(works(after, &a));
    assert_non_null(strstr(a.body, "X-Orrery-Peer: "));
    answer_done(&a);
    caller_close(after);
    SSL_SESSION_free(s);
    rig_identity_done(&new);
}

static void a_reload_that_fails_changes_nothing_and_says_why(void **state)
{
    (void)state;
    struct edge_tls tls = rig.options.tls;
    struct fault f;

    tls.cert_pem = "nonsense";
    assert_int_equal(edge_reload(rig.edge, &tls, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "server certificate"));
    tls = rig.options.tls;
    tls.key_pem = rig.device.key_pem;
    assert_int_equal(edge_reload(rig.edge, &tls, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "server key"));
    assert_true(served(NULL));
}

static void put_pem(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void files_are_read_again_at_reload(void **state)
{
    (void)state;
    struct edge_options o = rig.options;
    struct call_options here = { 0 };
    char cert[100], key[100];
    struct caller *c;
    struct edge *e;
    struct fault f;

    snprintf(cert, sizeof cert, "%s/cert.pem", rig.web);
    snprintf(key, sizeof key, "%s/key.pem", rig.web);
    put_pem(cert, rig.server.cert_pem);
    put_pem(key, rig.server.key_pem);
    o.tls = (struct edge_tls){ .cert_file = cert, .key_file = key };
    o.web_dir = NULL;
    assert_int_equal(edge_start(&o, &e, &f), RC_OK);
    here.port = edge_port(e);
    struct rig_identity new;
    rig_identity_make(&new, "localhost", &rig.server_ca, 10);
    put_pem(cert, new.cert_pem);
    put_pem(key, new.key_pem);
    assert_int_equal(edge_reload(e, NULL, &f), RC_OK);
    c = rig_connect(&rig, &here);
    assert_true(c && shows(c, &new));
    caller_close(c);
    edge_stop(e);
    rig_identity_done(&new);
}

// ---------------------------------------------------------------- drain

static void wait_until_busy(void)
{
    struct edge_counts n = { 0 };

    for (int i = 0; i < 3000 && n.busy == 0; i++) {
        usleep(10000);
        edge_stats(rig.edge, &n);
    }
    assert_int_equal(n.busy, 1);
}

static void *let_it_be_answered(void *arg)
{
    (void)arg;
    usleep(300000);
    atomic_store(&rig.held, false);
    return NULL;
}

static void a_drain_finishes_what_is_under_way_and_takes_nothing_new(void **state)
{
    (void)state;
    struct caller *busy = rig_connect(&rig, NULL), *idle = rig_connect(&rig, NULL);
    pthread_t later;
    struct answer a;

    assert_true(works(idle, &a));
    answer_done(&a);
    atomic_store(&rig.held, true);
    assert_true(caller_text(busy, "GET /api/slow/held HTTP/1.1\r\n" H "\r\n"));
    wait_until_busy();
    assert_int_equal(pthread_create(&later, NULL, let_it_be_answered, NULL), 0);
    assert_true(edge_drain(rig.edge, 60000));
    assert_false(atomic_load(&rig.held)); // it has waited
    pthread_join(later, NULL);
    assert_true(caller_answer(busy, false, &a));
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.head, "\r\nConnection: close\r\n"));
    answer_done(&a);
    assert_true(caller_closed(idle, 30000));
    assert_null(rig_connect(&rig, NULL));
    caller_close(busy);
    caller_close(idle);
}

// Its body never comes, so it could not be answered before its own time is over.
static void a_drain_waits_no_longer_than_it_is_told(void **state)
{
    (void)state;
    struct edge_options o = rig.options;
    struct call_options here = { 0 };
    struct caller *c;
    struct edge *e;
    struct fault f;
    struct answer a;
    int64_t start;

    o.tls.cert_pem = rig.server.cert_pem;
    assert_int_equal(edge_start(&o, &e, &f), RC_OK);
    here.port = edge_port(e);
    c = rig_connect(&rig, &here);
    assert_true(caller_text(c, "POST /api/x HTTP/1.1\r\n" H
                               "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    assert_true(caller_answer(c, true, &a)); // 100: the edge waits for it
    start = rig_ms();
    assert_false(edge_drain(e, 300));
    assert_true(rig_ms() - start >= 290);
    answer_done(&a);
    edge_stop(e);
    caller_close(c);
}

// ---------------------------------------------------------------- edge=off

static char *plain_echo(struct edge *e, const char *headers)
{
    struct call_options o = { .plain = true, .port = edge_port(e) };
    struct caller *c = rig_connect(&rig, &o);
    struct answer a;
    char text[600];

    snprintf(text, sizeof text, "GET /api/x HTTP/1.1\r\n" H "%s\r\n", headers);
    assert_true(caller_text(c, text) && caller_answer(c, false, &a));
    caller_close(c);
    return a.body;
}

#define CLAIM                                                                                      \
    "X-Orrery-Remote: 192.0.2.7\r\nX-Orrery-Peer: "                                                \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\r\n"

static void behind_a_proxy_only_its_secret_makes_it_believed(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *headers;
        bool believed;
    } cases[] = {
        { NULL, CLAIM, false },
        { NULL, "X-Orrery-Proxy: \r\n" CLAIM, false },
        { "correct horse", CLAIM, false },
        { "correct horse", "X-Orrery-Proxy: wrong\r\n" CLAIM, false },
        { "correct horse", "X-Orrery-Proxy: correct hors\r\n" CLAIM, false },
        { "correct horse", "X-Orrery-Proxy: correct horse\r\n" CLAIM, true },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edge_options o = rig.options;
        struct edge *e;
        struct fault f;
        char *seen;

        o.plain = true;
        o.proxy_secret = cases[i].secret;
        assert_int_equal(edge_start(&o, &e, &f), RC_OK);
        seen = plain_echo(e, cases[i].headers);
        assert_int_equal(strstr(seen, "X-Orrery-Remote: 192.0.2.7\r\n") != NULL, cases[i].believed);
        assert_int_equal(strstr(seen, "X-Orrery-Remote: 127.0.0.1\r\n") == NULL, cases[i].believed);
        assert_int_equal(strstr(seen, "X-Orrery-Peer: 0011") != NULL, cases[i].believed);
        assert_null(strstr(seen, "Proxy"));
        free(seen);
        edge_stop(e);
    }
}

static int reach_v6(uint16_t port)
{
    struct sockaddr_in6 to = { .sin6_family = AF_INET6,
                               .sin6_port = htons(port),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void one_listener_serves_both_families_of_addresses(void **state)
{
    (void)state;
    static const char ask[] = "GET /api/x HTTP/1.1\r\n" H "Connection: close\r\n\r\n";
    struct edge_options o = rig.options;
    struct edge *e;
    struct fault f;
    char *seen, *all;
    struct caller *c;

    o.plain = true;
    o.listen = "[::]:0";
    if (edge_start(&o, &e, &f) != RC_OK) {
        print_message("skipped: no IPv6 here: %s\n", f.text);
        skip();
    }
    seen = plain_echo(e, "");
    assert_non_null(strstr(seen, "X-Orrery-Remote: 127.0.0.1\r\n"));
    free(seen);
    c = calloc(1, sizeof *c);
    c->fd = reach_v6(edge_port(e));
    if (c->fd >= 0) {
        assert_true(caller_text(c, ask));
        all = caller_rest(c);
        assert_non_null(strstr(all, "X-Orrery-Remote: ::1\r\n"));
        free(all);
    }
    caller_close(c);
    edge_stop(e);
}

static int setup(void **state)
{
    *state = &rig;
    rig_init(&rig);
    rig.options.hooks.peer_allowed = allowed;
    rig_start(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_tls_1_2_and_later_are_spoken),
        cmocka_unit_test(only_http_1_1_can_be_negotiated),
        cmocka_unit_test(a_client_certificate_is_optional_but_never_a_foreign_or_expired_one),
        cmocka_unit_test(only_device_cas_are_named_to_browsers),
        cmocka_unit_test(a_resumed_session_keeps_its_identity),
        cmocka_unit_test(a_revoked_certificate_is_refused_also_when_its_session_is_resumed),
        cmocka_unit_test(a_reload_changes_the_certificate_and_drops_nobody),
        cmocka_unit_test(a_reload_that_fails_changes_nothing_and_says_why),
        cmocka_unit_test(files_are_read_again_at_reload),
        cmocka_unit_test(behind_a_proxy_only_its_secret_makes_it_believed),
        cmocka_unit_test(one_listener_serves_both_families_of_addresses),
        cmocka_unit_test(a_drain_waits_no_longer_than_it_is_told),
        cmocka_unit_test(a_drain_finishes_what_is_under_way_and_takes_nothing_new),
    };
    return cmocka_run_group_tests(tests, setup, rig_teardown);
}
