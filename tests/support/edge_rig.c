// SPDX-License-Identifier: Apache-2.0

#include "support/edge_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/folder.h"

int64_t rig_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "edge rig: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    abort();
}

// ---------------------------------------------------------------- identities

static char *pem_text(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *text = strndup(data, (size_t)len);

    BIO_free(bio);
    return text;
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(e && X509_add_ext(x, e, -1) == 1, "extension");
    X509_EXTENSION_free(e);
}

void rig_identity_make(struct rig_identity *out, const char *name, const struct rig_identity *ca,
                       int days)
{
    static atomic_long serial = 1;
    X509 *x = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_NAME *subject = X509_NAME_new();
    BIO *bio;

    must(x && key && subject, "identity");
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), atomic_fetch_add(&serial, 1));
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), days * 86400L);
    X509_set_subject_name(x, subject);
    X509_set_issuer_name(x, ca ? X509_get_subject_name(ca->cert) : subject);
    X509_set_pubkey(x, key);
    add_extension(x, ca ? ca->cert : x, NID_basic_constraints,
                  ca ? "CA:FALSE" : "critical,CA:TRUE");
    if (ca)
        add_extension(x, ca->cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    must(X509_sign(x, ca ? ca->key : key, EVP_sha256()) > 0, "sign");
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    out->cert_pem = pem_text(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    out->key_pem = pem_text(bio);
    out->cert = x;
    out->key = key;
    X509_NAME_free(subject);
}

void rig_identity_done(struct rig_identity *i)
{
    X509_free(i->cert);
    EVP_PKEY_free(i->key);
    free(i->cert_pem);
    free(i->key_pem);
}

// ---------------------------------------------------------------- the backend

static void say(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

static void echo(int fd, const char *request, size_t len)
{
    char head[300];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: secret\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     len);

    say(fd, head, (size_t)n);
    say(fd, request, len);
}

static void pause_ms(struct rig *r, long ms)
{
    for (int64_t until = rig_ms() + ms; rig_ms() < until && !atomic_load(&r->stop);)
        usleep(1000);
}

static void big(int fd, const char *size)
{
    size_t len = strtoul(size, NULL, 10);
    char head[200];
    char *body = malloc(len + 1);

    must(body, "big");
    for (size_t i = 0; i < len; i++)
        body[i] = (char)('a' + i % 26);
    say(fd, head,
        (size_t)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len));
    say(fd, body, len);
    free(body);
}

// False: hang up.
static bool act(struct rig *r, int fd, const char *request, size_t len)
{
    const char *path = strchr(request, ' ') + 1;

    if (!strncmp(path, "/api/slow/held", 14)) {
        while (atomic_load(&r->held) && !atomic_load(&r->stop))
            usleep(1000);
        echo(fd, "done", 4);
    } else if (!strncmp(path, "/api/slow/", 10)) {
        pause_ms(r, strtol(path + 10, NULL, 10));
        echo(fd, "done", 4);
    } else if (!strncmp(path, "/api/big/", 9)) {
        big(fd, path + 9);
    } else if (!strncmp(path, "/api/chunked", 12)) {
        say_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
        pause_ms(r, 20);
        say_text(fd, "lo\r\n6\r\n world\r\n0\r\n\r\n");
    } else if (!strncmp(path, "/api/close", 10)) {
        say_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
        return false;
    } else if (!strncmp(path, "/api/204", 8)) {
        say_text(fd, "HTTP/1.1 204 No Content\r\n\r\n");
    } else if (!strncmp(path, "/api/304", 8)) {
        say_text(fd, "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 99\r\n\r\n");
    } else if (!strncmp(path, "/api/100", 8)) {
        say_text(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        echo(fd, "after", 5);
    } else if (!strncmp(path, "/api/stray", 10)) {
        say_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 evil\r\n\r\n");
    } else if (!strncmp(path, "/api/cut", 8)) {
        say_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        return false;
    } else if (!strncmp(path, "/api/drop", 9)) {
        if (atomic_fetch_sub(&r->drops, 1) > 0)
            return false;
        echo(fd, "kept", 4);
    } else if (!strncmp(path, "/api/garbage", 12)) {
        say_text(fd, "what?\r\n\r\n");
    } else {
        echo(fd, request, len);
    }
    return true;
}

static size_t request_size(const char *text, size_t len)
{
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    const char *length = end ? strcasestr(text, "\r\nContent-Length: ") : NULL;
    size_t head = end ? (size_t)(end - text) + 4 : 0;

    if (!end)
        return 0;
    return head + (length && length < end ? strtoul(length + 18, NULL, 10) : 0);
}

static void remember(struct rig *r, const char *text, size_t len)
{
    pthread_mutex_lock(&r->lock);
    len = len < sizeof r->last - 1 ? len : sizeof r->last - 1;
    memcpy(r->last, text, len);
    r->last[len] = '\0';
    pthread_mutex_unlock(&r->lock);
    atomic_fetch_add(&r->requests, 1);
}

static bool readable(struct rig *r, int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    while (!atomic_load(&r->stop))
        if (poll(&p, 1, 20) > 0)
            return true;
    return false;
}

static void converse(struct rig *r, int fd, char *text, size_t room)
{
    size_t len = 0;

    while (readable(r, fd)) {
        ssize_t n = recv(fd, text + len, room - len - 1, 0);
        size_t size;

        if (n <= 0)
            return;
        len += (size_t)n;
        text[len] = '\0';
        atomic_fetch_add(&r->bytes, n);
        while ((size = request_size(text, len)) > 0 && size <= len) {
            remember(r, text, size);
            if (!act(r, fd, text, size))
                return;
            memmove(text, text + size, len - size + 1);
            len -= size;
        }
    }
}

static void *work(void *ctx)
{
    struct rig *r = ctx;
    size_t room = EDGE_BODY_MAX + 65536;
    char *text = malloc(room);

    must(text, "worker");
    while (readable(r, r->listener)) {
        int one = 1, fd = accept(r->listener, NULL, NULL);

        if (fd < 0)
            continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        atomic_fetch_add(&r->connections, 1);
        converse(r, fd, text, room);
        close(fd);
    }
    free(text);
    return NULL;
}

static uint16_t listen_on_loopback(int *out)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    must(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 64) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &len) == 0,
         "listen");
    *out = fd;
    return ntohs(at.sin_port);
}

// ---------------------------------------------------------------- the rig

void rig_init(struct rig *r)
{
    memset(r, 0, sizeof *r);
    signal(SIGPIPE, SIG_IGN);
    rig_identity_make(&r->server_ca, "server root", NULL, 10);
    rig_identity_make(&r->server, "localhost", &r->server_ca, 10);
    rig_identity_make(&r->device_ca, "device root", NULL, 10);
    rig_identity_make(&r->device, "device", &r->device_ca, 10);
    rig_identity_make(&r->foreign_ca, "foreign root", NULL, 10);
    rig_identity_make(&r->foreign, "stranger", &r->foreign_ca, 10);
    pthread_mutex_init(&r->lock, NULL);
    folder_make(r->web, sizeof r->web, "web");
    r->options.listen = "127.0.0.1:0";
    r->options.tls.cert_pem = r->server.cert_pem;
    r->options.tls.key_pem = r->server.key_pem;
    r->options.tls.client_ca_pem = r->device_ca.cert_pem;
    r->options.backend_secret = RIG_SECRET;
    r->options.web_dir = r->web;
    r->options.per_address = 2000;
}

void rig_asset(struct rig *r, const char *name, const char *text)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", r->web, name);
    f = fopen(path, "w");
    must(f && fputs(text, f) >= 0, path);
    fclose(f);
}

static void wait_for_backends(struct rig *r)
{
    struct edge_counts n = { 0 };

    for (int i = 0; i < 15000 && n.backend_open < RIG_WORKERS; i++) {
        usleep(2000);
        edge_stats(r->edge, &n);
    }
    must(n.backend_open == RIG_WORKERS, "the backends are not open");
}

void rig_start(struct rig *r)
{
    struct fault f = { 0 };

    r->options.backend_port = listen_on_loopback(&r->listener);
    for (int i = 0; i < RIG_THREADS; i++)
        must(pthread_create(&r->workers[i], NULL, work, r) == 0, "worker");
    if (edge_start(&r->options, &r->edge, &f) != RC_OK) {
        fprintf(stderr, "edge_start: %s\n", f.text);
        abort();
    }
    wait_for_backends(r);
}

void rig_stop(struct rig *r)
{
    edge_stop(r->edge);
    folder_remove(r->web);
    atomic_store(&r->stop, true);
    for (int i = 0; i < RIG_THREADS; i++)
        pthread_join(r->workers[i], NULL);
    close(r->listener);
    rig_identity_done(&r->server_ca);
    rig_identity_done(&r->server);
    rig_identity_done(&r->device_ca);
    rig_identity_done(&r->device);
    rig_identity_done(&r->foreign_ca);
    rig_identity_done(&r->foreign);
    pthread_mutex_destroy(&r->lock);
}

int rig_teardown(void **state)
{
    rig_stop(*state);
    return 0;
}

// ---------------------------------------------------------------- callers

static int reach(uint16_t port, const char *from, int receive_buffer)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in at = { .sin_family = AF_INET };
    struct timeval wait = { .tv_sec = 60 };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (receive_buffer)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (from) {
        inet_pton(AF_INET, from, &at.sin_addr);
        must(bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "bind");
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool secure(struct rig *r, struct caller *c, const struct call_options *o)
{
    X509_STORE *store;

    c->ctx = SSL_CTX_new(TLS_client_method());
    must(c->ctx, "client context");
    SSL_CTX_set_security_level(c->ctx, 0);
    SSL_CTX_set_min_proto_version(c->ctx, TLS1_VERSION);
    if (o->max_version)
        SSL_CTX_set_max_proto_version(c->ctx, o->max_version);
    store = SSL_CTX_get_cert_store(c->ctx);
    X509_STORE_add_cert(store, r->server_ca.cert);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    if (o->as)
        must(SSL_CTX_use_certificate(c->ctx, o->as->cert) == 1 &&
                 SSL_CTX_use_PrivateKey(c->ctx, o->as->key) == 1,
             "client certificate");
    c->ssl = SSL_new(c->ctx);
    if (o->alpn) {
        unsigned char list[64] = { (unsigned char)strlen(o->alpn) };

        memcpy(list + 1, o->alpn, list[0]);
        SSL_set_alpn_protos(c->ssl, list, list[0] + 1u);
    }
    if (o->session)
        SSL_set_session(c->ssl, o->session);
    SSL_set_fd(c->ssl, c->fd);
    return SSL_connect(c->ssl) == 1;
}

struct caller *rig_connect(struct rig *r, const struct call_options *o)
{
    static const struct call_options usual = { 0 };
    struct caller *c = calloc(1, sizeof *c);

    must(c, "caller");
    o = o ? o : &usual;
    c->fd = reach(o->port ? o->port : edge_port(r->edge), o->from, o->receive_buffer);
    if (c->fd < 0 || (!o->plain && !secure(r, c, o))) {
        ERR_clear_error();
        caller_close(c);
        return NULL;
    }
    return c;
}

void caller_close(struct caller *c)
{
    if (!c)
        return;
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    if (c->fd >= 0)
        close(c->fd);
    free(c);
}

bool caller_send(struct caller *c, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        long n = c->ssl ? SSL_write(c->ssl, at, len > 1 << 20 ? 1 << 20 : (int)len)
                        : send(c->fd, at, len, MSG_NOSIGNAL);

        if (n <= 0) {
            ERR_clear_error();
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool caller_text(struct caller *c, const char *text)
{
    return caller_send(c, text, strlen(text));
}

long caller_recv(struct caller *c, void *to, size_t size)
{
    long n;

    if (!c->ssl)
        return recv(c->fd, to, size, 0);
    n = SSL_read(c->ssl, to, (int)size);
    if (n <= 0)
        n = SSL_get_error(c->ssl, (int)n) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
    ERR_clear_error();
    return n;
}

static bool more(struct caller *c)
{
    long n = caller_recv(c, c->rest + c->rest_len, sizeof c->rest - c->rest_len);

    if (n > 0)
        c->rest_len += (size_t)n;
    return n > 0;
}

static void eat(struct caller *c, size_t n)
{
    memmove(c->rest, c->rest + n, c->rest_len - n);
    c->rest_len -= n;
}

static bool read_body(struct caller *c, struct answer *out)
{
    size_t got = c->rest_len < out->len ? c->rest_len : out->len;

    out->body = calloc(1, out->len + 1);
    must(out->body, "body");
    memcpy(out->body, c->rest, got);
    eat(c, got);
    while (got < out->len) {
        long n = caller_recv(c, out->body + got, out->len - got);

        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

bool caller_answer(struct caller *c, bool bodiless, struct answer *out)
{
    const char *end, *length;
    size_t head;

    memset(out, 0, sizeof *out);
    while (!(end = memmem(c->rest, c->rest_len, "\r\n\r\n", 4)))
        if (c->rest_len == sizeof c->rest || !more(c))
            return false;
    head = (size_t)(end - c->rest) + 4;
    memcpy(out->head, c->rest, head);
    out->head[head] = '\0';
    eat(c, head);
    if (strncmp(out->head, "HTTP/1.1 ", 9) != 0)
        return false;
    out->status = (int)strtol(out->head + 9, NULL, 10);
    length = strcasestr(out->head, "\r\nContent-Length: ");
    out->len = bodiless || !length ? 0 : strtoul(length + 18, NULL, 10);
    return read_body(c, out);
}

void answer_done(struct answer *a)
{
    free(a->body);
    a->body = NULL;
}

char *caller_rest(struct caller *c)
{
    size_t len = c->rest_len, room = 65536;
    char *text = malloc(room);
    long n;

    must(text, "rest");
    memcpy(text, c->rest, len);
    c->rest_len = 0;
    while ((n = caller_recv(c, text + len, room - len - 1)) > 0) {
        len += (size_t)n;
        if (room - len < 4096) {
            text = realloc(text, room *= 2);
            must(text, "rest");
        }
    }
    text[len] = '\0';
    return text;
}

bool caller_closed(struct caller *c, int ms)
{
    for (int64_t until = rig_ms() + ms; rig_ms() < until;) {
        struct pollfd p = { .fd = c->fd, .events = POLLIN };
        char junk[4096];

        if (poll(&p, 1, 50) > 0 && recv(c->fd, junk, sizeof junk, MSG_DONTWAIT) <= 0)
            return true;
    }
    return false;
}

int rig_ask(struct rig *r, const char *request, struct answer *out)
{
    struct caller *c = rig_connect(r, NULL);
    int status = 0;

    must(c, "connect");
    if (caller_text(c, request) && caller_answer(c, !strncmp(request, "HEAD", 4), out))
        status = out->status;
    caller_close(c);
    return status;
}

int rig_silent_socket(struct rig *r)
{
    return reach(edge_port(r->edge), NULL, 0);
}
