// SPDX-License-Identifier: Apache-2.0
// threaded
//
// The first contact: only a chain that holds the pinned certificate is believed, and each way in
// which it does not hold is told apart.

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/enroll.h"
#include "core/clock.h"
#include "core/hex.h"
#include "support/folder.h"
#include "support/sim_ca.h"
#include "test.h"

// A server of one handshake.
struct door {
    struct sim_ca ca;
    SSL_CTX *tls;
    X509 *leaf;
    EVP_PKEY *key;
    int listener, port;
    bool plain; // speaks no TLS
    pthread_t thread;
};

static struct door door;
static char dir[64], server[40], pin[65];

static int64_t now_s(void)
{
    return clock_now_ms() / 1000;
}

static void *serve(void *arg)
{
    struct door *d = arg;
    int fd = accept(d->listener, NULL, NULL);
    SSL *ssl = SSL_new(d->tls);

    if (d->plain) {
        (void)!write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    } else {
        SSL_set_fd(ssl, fd);
        SSL_accept(ssl);
        ERR_clear_error();
    }
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static void hash_of(X509 *cert, char out[65])
{
    uint8_t digest[32];

    assert_int_equal(X509_digest(cert, EVP_sha256(), digest, NULL), 1);
    hex_encode(digest, sizeof digest, out);
}

static void listen_on(struct door *d)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;

    d->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(d->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(d->listener, 4), 0);
    getsockname(d->listener, (struct sockaddr *)&at, &len);
    d->port = ntohs(at.sin_port);
    snprintf(server, sizeof server, "127.0.0.1:%d", d->port);
}

static void open_door(const struct sim_leaf *what, bool with_ca)
{
    sim_ca_init(&door.ca);
    door.leaf = sim_ca_issue(&door.ca, what, &door.key);
    door.tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(door.tls, door.leaf);
    SSL_CTX_use_PrivateKey(door.tls, door.key);
    if (with_ca)
        SSL_CTX_add1_chain_cert(door.tls, door.ca.cert);
    hash_of(door.ca.cert, pin);
    listen_on(&door);
    pthread_create(&door.thread, NULL, serve, &door);
}

static void close_door(void)
{
    pthread_join(door.thread, NULL);
    close(door.listener);
    SSL_CTX_free(door.tls);
    X509_free(door.leaf);
    EVP_PKEY_free(door.key);
    sim_ca_done(&door.ca);
    door = (struct door){ 0 };
}

static struct sim_leaf good(void)
{
    return (struct sim_leaf){
        .san = "IP:127.0.0.1", .eku = "serverAuth", .from_s = now_s() - 60, .to_s = now_s() + 3600
    };
}

static int make_folder(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    folder_make(dir, sizeof dir, "enroll");
    return 0;
}

static bool is_kept(void)
{
    char path[100];

    snprintf(path, sizeof path, "%s/server-ca.pem", dir);
    return access(path, F_OK) == 0;
}

static int drop_folder(void **state)
{
    char path[100];

    (void)state;
    snprintf(path, sizeof path, "%s/server-ca.pem", dir);
    (void)unlink(path);
    snprintf(path, sizeof path, "%s/server", dir);
    (void)unlink(path);
    return rmdir(dir);
}

static void says(enum rc rc, const char *words)
{
    struct fault f = { 0 };

    assert_int_equal(enroll_pin(dir, server, pin, &f), rc);
    if (!strstr(f.text, words))
        fail_msg("wanted '%s', got '%s'", words, f.text);
    assert_false(is_kept());
}

static void refuses(const struct sim_leaf *what, const char *words)
{
    open_door(what, true);
    says(RC_DENIED, words);
    close_door();
}

static void the_pinned_ca_is_kept_and_the_server_not_asked_again(void **state)
{
    struct sim_leaf leaf = good();
    struct fault f = { 0 };
    char colons[100] = "";

    (void)state;
    open_door(&leaf, true);
    for (int i = 0; i < 64; i++) // as openssl x509 -fingerprint writes it
        snprintf(colons + strlen(colons), 4, i % 2 && i < 63 ? "%c:" : "%c",
                 pin[i] >= 'a' ? pin[i] - 32 : pin[i]);
    assert_int_equal(enroll_pin(dir, server, colons, &f), RC_OK);
    assert_true(is_kept());
    snprintf(server, sizeof server, "127.0.0.1:1"); // nobody is there
    assert_int_equal(enroll_pin(dir, server, pin, &f), RC_OK);
    close_door();
}

static void another_hash_is_another_server(void **state)
{
    struct sim_leaf leaf = good();
    char own[65];

    (void)state;
    open_door(&leaf, true);
    memcpy(own, pin, sizeof own);
    pin[0] = pin[0] == '0' ? '1' : '0';
    says(RC_DENIED, own); // and it tells what is there
    close_door();
}

// The hash of the server's own certificate is no CA's: whoever renews it would be a stranger.
static void the_hash_of_a_leaf_is_not_enough(void **state)
{
    struct sim_leaf leaf = good();

    (void)state;
    open_door(&leaf, true);
    hash_of(door.leaf, pin);
    says(RC_DENIED, "does not hold");
    close_door();
}

static void a_chain_without_its_ca_is_refused(void **state)
{
    struct sim_leaf leaf = good();

    (void)state;
    open_door(&leaf, false);
    says(RC_DENIED, "this is not the server");
    close_door();
}

// Somebody in between may show the right CA, but has no certificate of it.
static void a_leaf_of_another_ca_beside_the_pinned_one_is_refused(void **state)
{
    struct sim_leaf leaf = good();
    struct sim_ca other;

    (void)state;
    sim_ca_init(&other);
    open_door(&leaf, false);
    SSL_CTX_add1_chain_cert(door.tls, other.cert);
    hash_of(other.cert, pin);
    says(RC_DENIED, "does not hold");
    close_door();
    sim_ca_done(&other);
}

static void dates_that_do_not_fit_speak_of_the_clock(void **state)
{
    struct sim_leaf leaf = good();

    (void)state;
    leaf.from_s = now_s() + 7200;
    leaf.to_s = now_s() + 9200;
    refuses(&leaf, "set the clock");
    leaf.from_s = now_s() - 9200;
    leaf.to_s = now_s() - 7200;
    refuses(&leaf, "set the clock");
}

static void a_name_that_is_not_in_it_is_named(void **state)
{
    struct sim_leaf leaf = good();

    (void)state;
    leaf.san = "DNS:orrery.example";
    refuses(&leaf, "does not name '127.0.0.1'");
    leaf = good();
    leaf.eku = "clientAuth";
    refuses(&leaf, "does not hold");
}

static void what_speaks_no_tls_is_another_port(void **state)
{
    struct sim_leaf leaf = good();

    (void)state;
    door.plain = true;
    open_door(&leaf, true);
    says(RC_UNAVAILABLE, "is it the device port");
    close_door();
}

static void what_was_typed_wrongly_is_named(void **state)
{
    (void)state;
    snprintf(server, sizeof server, "localhost");
    memset(pin, 'a', 64);
    says(RC_INVALID, "--server");
    snprintf(server, sizeof server, "nowhere.invalid:8444");
    says(RC_UNAVAILABLE, "is the name right?");
    snprintf(server, sizeof server, "127.0.0.1:1");
    says(RC_UNAVAILABLE, "cannot reach");
    pin[63] = 'g';
    says(RC_INVALID, "64 hex digits");
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        STORY(the_pinned_ca_is_kept_and_the_server_not_asked_again),
        STORY(another_hash_is_another_server),
        STORY(the_hash_of_a_leaf_is_not_enough),
        STORY(a_chain_without_its_ca_is_refused),
        STORY(a_leaf_of_another_ca_beside_the_pinned_one_is_refused),
        STORY(dates_that_do_not_fit_speak_of_the_clock),
        STORY(a_name_that_is_not_in_it_is_named),
        STORY(what_speaks_no_tls_is_another_port),
        STORY(what_was_typed_wrongly_is_named),
    };

    return cmocka_run_group_tests_name("first contact", tests, NULL, NULL);
}
