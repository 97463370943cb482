// SPDX-License-Identifier: Apache-2.0
//
// bare_bench: the least a device port can be, as the limit for the real one.
//
//   bare_bench CERT KEY DEVICE-CA  ->  {"port":N}, then serves until it is ended
//
//   accept -> TLS, client certificate by OpenSSL's own rules -> 101 -> hello: settings, else: ack
//
// One thread, epoll and OpenSSL, no state, no checks beyond TLS: whoever is asked to do more
// takes longer. orrery-fleet is its client, with the certificates the real server issued.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/hex.h"
#include "protocol/protocol.h"

#define MAGIC "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 1.3
#define IN    1024

struct conn {
    SSL *ssl;
    int fd, frames;
    bool switched; // to WebSocket
    size_t len;
    char *in; // while something is under way
};

static SSL_CTX *ctx;
static int epoll;

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bare_bench: %s\n", what);
    exit(1);
}

static SSL_CTX *server_ctx(char **files)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());

    must(c && SSL_CTX_use_certificate_chain_file(c, files[0]) == 1 &&
             SSL_CTX_use_PrivateKey_file(c, files[1], SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_load_verify_file(c, files[2]) == 1,
         "a certificate cannot be read");
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(c, 1);
    SSL_CTX_set_session_id_context(c, (const unsigned char *)"bare", 4);
    X509_STORE_set_flags(SSL_CTX_get_cert_store(c), X509_V_FLAG_PARTIAL_CHAIN);
    return c;
}

static int listen_any(uint16_t *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    must(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 4096) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &len) == 0,
         "cannot listen");
    *port = ntohs(at.sin_port);
    return fd;
}

static void take_one(int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct conn *c = fd < 0 ? NULL : calloc(1, sizeof *c);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

    if (!c)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    c->ssl = SSL_new(ctx);
    SSL_set_fd(c->ssl, fd);
    SSL_set_accept_state(c->ssl);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

static void end(struct conn *c)
{
    ERR_clear_error();
    SSL_free(c->ssl);
    close(c->fd);
    free(c->in);
    free(c);
}

static void send_text(struct conn *c, const char *text)
{
    char frame[400];
    size_t len = strlen(text), head = len < 126 ? 2 : 4;

    frame[0] = (char)0x81;
    frame[1] = (char)(len < 126 ? len : 126);
    frame[2] = (char)(len >> 8);
    frame[3] = (char)len;
    memcpy(frame + head, text, len);
    SSL_write(c->ssl, frame, (int)(head + len));
}

static void switch_over(struct conn *c)
{
    static const char name[] = "Sec-WebSocket-Key: ";
    const char *key = strstr(c->in, name);
    char text[200], out[400], accept[32];
    uint8_t hash[EVP_MAX_MD_SIZE];
    int n;

    must(key != NULL, "an upgrade without a key");
    n = snprintf(text, sizeof text, "%.24s" MAGIC, key + sizeof name - 1);
    EVP_Digest(text, (size_t)n, hash, NULL, EVP_sha1(), NULL);
    base64_encode(hash, 20, accept);
    n = snprintf(out, sizeof out,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: " PROTOCOL_NAME "\r\n\r\n",
                 accept);
    SSL_write(c->ssl, out, n);
    c->switched = true;
}

// The first frame is hello; each later one is the next message of the sequence.
static void answer(struct conn *c)
{
    char text[64];

    if (c->frames++ == 0) {
        send_text(
            c, "{\"type\":\"settings\",\"version\":1,\"time\":0,\"limits\":{\"frameBytes\":65536,"
               "\"inFlight\":256,\"pingSeconds\":30},\"quarantined\":false}");
        return;
    }
    snprintf(text, sizeof text, "{\"type\":\"ack\",\"seq\":%d}", c->frames - 1);
    send_text(c, text);
}

// Heads and frames of this client come in one read each; what is longer is none of its.
static bool take_bytes(struct conn *c)
{
    size_t used;

    c->in[c->len] = 0;
    if (!c->switched) {
        if (!strstr(c->in, "\r\n\r\n"))
            return true;
        switch_over(c);
        c->len = 0;
        return true;
    }
    while (c->len >= 6) {
        size_t n = (uint8_t)c->in[1] & 0x7f, head = 6;

        if ((c->in[0] & 0x0f) == 8)
            return false;
        if (n == 126) {
            n = (size_t)(uint8_t)c->in[2] << 8 | (uint8_t)c->in[3];
            head = 8;
        }
        used = head + n;
        if (used > c->len)
            return used < IN;
        answer(c);
        memmove(c->in, c->in + used, c->len -= used);
    }
    return true;
}

static bool serve(struct conn *c)
{
    int n;

    if (!SSL_is_init_finished(c->ssl)) {
        n = SSL_do_handshake(c->ssl);
        if (n != 1)
            return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ;
    }
    if (!c->in)
        c->in = malloc(IN);
    must(c->in != NULL, "out of memory");
    while ((n = SSL_read(c->ssl, c->in + c->len, (int)(IN - 1 - c->len))) > 0) {
        c->len += (size_t)n;
        if (!take_bytes(c))
            return false;
    }
    if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
        return false;
    if (!c->len) {
        free(c->in);
        c->in = NULL;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct rlimit fds;
    struct epoll_event e = { .events = EPOLLIN }, batch[256];
    uint16_t port;
    int listener;

    must(argc == 4, "usage: bare_bench CERT KEY DEVICE-CA");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &fds);
    fds.rlim_cur = fds.rlim_max;
    setrlimit(RLIMIT_NOFILE, &fds);
    ctx = server_ctx(argv + 1);
    listener = listen_any(&port);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) == 0, "epoll");
    printf("{\"port\":%u}\n", port);
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll, batch, 256, -1);

        for (int i = 0; i < n; i++)
            if (!batch[i].data.ptr)
                take_one(listener);
            else if (!serve(batch[i].data.ptr))
                end(batch[i].data.ptr);
    }
}
