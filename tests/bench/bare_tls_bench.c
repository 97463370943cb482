// SPDX-License-Identifier: Apache-2.0
//
// The limit that the device port's handshakes are measured against: epoll and OpenSSL, nothing
// else.
//
//   bare_tls_bench serve CERT KEY CLIENT-CA           prints "port N"; until SIGTERM, then its
//   figures bare_tls_bench drive PORT CERT KEY CA COUNT HELD  that many mutual handshakes and
//   upgrades, HELD
//                                                     of them kept open until stdin ends
//
// Both ends do what the real ones do: TLS 1.3, P-256, client certificate verified up to its root,
// one ticket, the WebSocket upgrade answered. serve counts its own CPU time, so the figure is a
// core's.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64

static volatile sig_atomic_t stopping;

static void stop(int signal_number)
{
    (void)signal_number;
    stopping = 1;
}

static void give_up(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static SSL_CTX *context(const SSL_METHOD *method, const char *cert, const char *key, const char *ca)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"bare", 4);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
        give_up("certificates");
    return ctx;
}

// ---------------------------------------------------------------- serve

struct client {
    SSL *ssl;
    int fd;
    int done; // handshake
    int upgraded;
};

static long handshakes, resumed, failed;

static void drop(struct client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

static void accept_one(int listener, int ep, SSL_CTX *ctx)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    struct client *c = fd >= 0 ? calloc(1, sizeof *c) : NULL;
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

    if (!c)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->fd = fd;
    c->ssl = SSL_new(ctx);
    SSL_set_fd(c->ssl, fd);
    SSL_set_accept_state(c->ssl);
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

// 0: go on waiting, -1: it is over.
static int shake(struct client *c)
{
    int n = SSL_do_handshake(c->ssl);

    if (n != 1)
        return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
    c->done = 1;
    handshakes++;
    resumed += SSL_session_reused(c->ssl);
    return 0;
}

// The request fits one read; what comes later is read and forgotten.
static int answer(struct client *c)
{
    static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                              "Sec-WebSocket-Protocol: orrery.device.v1\r\n\r\n";
    char in[4096];
    int n = SSL_read(c->ssl, in, sizeof in);

    if (n <= 0)
        return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
    if (!c->upgraded && SSL_write(c->ssl, yes, sizeof yes - 1) <= 0)
        return -1;
    c->upgraded = 1;
    return 0;
}

static void serve_one(struct client *c)
{
    int rc = c->done ? 0 : shake(c);

    if (rc == 0 && c->done)
        rc = answer(c);
    if (rc == 0)
        return;
    failed += !c->done;
    ERR_clear_error();
    drop(c);
}

static int listen_here(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        give_up("listen");
    printf("port %d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void serve(SSL_CTX *ctx)
{
    int listener = listen_here(), ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = { .events = EPOLLIN }, events[EVENTS];
    double before = cpu_s(), used;

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
    while (!stopping) {
        int n = epoll_wait(ep, events, EVENTS, 1000);

        for (int i = 0; i < n; i++)
            if (events[i].data.ptr)
                serve_one(events[i].data.ptr);
            else
                accept_one(listener, ep, ctx);
    }
    used = cpu_s() - before;
    printf("handshakes %ld resumed %ld failed %ld cpu_s %.3f per_core %.0f\n", handshakes, resumed,
           failed, used, used > 0 ? (double)handshakes / used : 0);
}

// ---------------------------------------------------------------- drive

static SSL *connect_one(SSL_CTX *ctx, int port)
{
    static const char ask[] = "GET /device HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                              "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: orrery.device.v1\r\n\r\n";
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    SSL *ssl = SSL_new(ctx);
    char in[2048];

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        give_up("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, ask, sizeof ask - 1) <= 0 ||
        SSL_read(ssl, in, sizeof in) <= 0 || strncmp(in, "HTTP/1.1 101", 12) != 0)
        give_up("handshake or upgrade");
    return ssl;
}

static void drive(SSL_CTX *ctx, int port, long count, long held)
{
    for (long i = 0; i < count && !stopping; i++) {
        SSL *ssl = connect_one(ctx, port);

        if (i < held)
            continue; // stays open; the process ends with it
        close(SSL_get_fd(ssl));
        SSL_free(ssl);
    }
    printf("done\n");
    fflush(stdout);
    while (held > 0 && !stopping && getchar() != EOF) {
    }
}

int main(int argc, char **argv)
{
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    signal(SIGPIPE, SIG_IGN);
    if (argc == 5 && !strcmp(argv[1], "serve")) {
        serve(context(TLS_server_method(), argv[2], argv[3], argv[4]));
        return 0;
    }
    if (argc == 8 && !strcmp(argv[1], "drive")) {
        drive(context(TLS_client_method(), argv[3], argv[4], argv[5]),
              (int)strtol(argv[2], NULL, 10), strtol(argv[6], NULL, 10), strtol(argv[7], NULL, 10));
        return 0;
    }
    fprintf(stderr, "usage: bare_tls_bench serve CERT KEY CLIENT-CA\n"
                    "       bare_tls_bench drive PORT CERT KEY CA COUNT HELD\n");
    return 2;
}
