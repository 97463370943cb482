// SPDX-License-Identifier: Apache-2.0

#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"

#define IN_MAX (256 * 1024)

struct wire {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    bool mute;
    size_t have;
    char *text;
    unsigned char in[IN_MAX];
};

static const char upgrade_head[] = "GET /device HTTP/1.1\r\n"
                                   "Host: localhost\r\n"
                                   "Connection: Upgrade\r\n"
                                   "Upgrade: websocket\r\n"
                                   "Sec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                   "Sec-WebSocket-Protocol: orrery.device.v1\r\n\r\n";

int wire_dial(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct timeval limit = { .tv_sec = WIRE_WAIT_MS / 1000 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        perror("wire: connect");
        exit(1);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static bool use_certificate(SSL_CTX *ctx, const struct wire_options *o)
{
    return !o->key || (SSL_CTX_use_certificate(ctx, o->cert) == 1 &&
                       SSL_CTX_use_PrivateKey(ctx, o->key) == 1 &&
                       (!o->ca || SSL_CTX_add1_chain_cert(ctx, o->ca) == 1));
}

struct wire *wire_open(const struct wire_options *o)
{
    struct wire *w = calloc(1, sizeof *w);

    signal(SIGPIPE, SIG_IGN);
    w->fd = wire_dial(o->port);
    w->ctx = SSL_CTX_new(TLS_client_method());
    if (o->version)
        SSL_CTX_set_max_proto_version(w->ctx, o->version);
    SSL_CTX_set_session_cache_mode(w->ctx, SSL_SESS_CACHE_OFF); // a cache's end spoils its sessions
    if (!use_certificate(w->ctx, o)) {
        wire_free(w);
        return NULL;
    }
    w->ssl = SSL_new(w->ctx);
    SSL_set_fd(w->ssl, w->fd);
    if (o->resume)
        SSL_set_session(w->ssl, o->resume);
    if (SSL_connect(w->ssl) == 1)
        return w;
    ERR_clear_error();
    wire_free(w);
    return NULL;
}

void wire_free(struct wire *w)
{
    if (!w)
        return;
    if (w->ssl)
        SSL_set_shutdown(w->ssl, SSL_SENT_SHUTDOWN); // or its session could not be resumed
    SSL_free(w->ssl);
    SSL_CTX_free(w->ctx);
    close(w->fd);
    free(w->text);
    free(w);
}

SSL *wire_ssl(struct wire *w)
{
    return w->ssl;
}

void wire_mute(struct wire *w, bool mute)
{
    w->mute = mute;
}

bool wire_write(struct wire *w, const void *bytes, size_t len)
{
    bool ok = SSL_write(w->ssl, bytes, (int)len) == (int)len;

    ERR_clear_error();
    return ok;
}

// Reads more into the buffer. 0: the end; -1: nothing in time.
static int fill(struct wire *w, int timeout_ms)
{
    struct pollfd p = { .fd = w->fd, .events = POLLIN };
    int n;

    if (w->have == sizeof w->in)
        return 0;
    if (!SSL_pending(w->ssl) && poll(&p, 1, timeout_ms) <= 0)
        return -1;
    n = SSL_read(w->ssl, w->in + w->have, (int)(sizeof w->in - w->have));
    if (n > 0) {
        w->have += (size_t)n;
        return n;
    }
    n = SSL_get_error(w->ssl, n) == SSL_ERROR_WANT_READ ? -1 : 0;
    ERR_clear_error();
    return n;
}

static void drop(struct wire *w, size_t n)
{
    memmove(w->in, w->in + n, w->have - n);
    w->have -= n;
}

int wire_request(struct wire *w, const char *head)
{
    int64_t until = clock_mono_ms() + WIRE_WAIT_MS;
    unsigned char *end = NULL;
    int status = 0;

    if (!wire_write(w, head, strlen(head)))
        return 0;
    while (!end && clock_mono_ms() < until) {
        if (fill(w, 100) == 0)
            return 0;
        end = memmem(w->in, w->have, "\r\n\r\n", 4);
    }
    if (!end || sscanf((char *)w->in, "HTTP/1.1 %d", &status) != 1)
        return 0;
    drop(w, (size_t)(end - w->in) + 4);
    return status;
}

bool wire_upgrade(struct wire *w)
{
    return wire_request(w, upgrade_head) == 101;
}

struct wire *wire_connect(const struct wire_options *o)
{
    struct wire *w = wire_open(o);

    if (w && wire_upgrade(w))
        return w;
    wire_free(w);
    return NULL;
}

bool wire_frame(struct wire *w, bool fin, enum wire_op op, const void *payload, size_t len)
{
    static const unsigned char mask[4] = { 1, 2, 3, 4 };
    auto_free unsigned char *f = malloc(len + 14);
    size_t n = 0;

    f[n++] = (unsigned char)((fin ? 0x80 : 0) | (int)op);
    if (len < 126) {
        f[n++] = (unsigned char)(0x80 | len);
    } else if (len < 65536) {
        f[n++] = 0x80 | 126;
        f[n++] = (unsigned char)(len >> 8);
        f[n++] = (unsigned char)len;
    } else {
        f[n++] = 0x80 | 127;
        for (int i = 7; i >= 0; i--)
            f[n++] = (unsigned char)((uint64_t)len >> (8 * i));
    }
    memcpy(f + n, mask, 4);
    n += 4;
    for (size_t i = 0; i < len; i++)
        f[n + i] = ((const unsigned char *)payload)[i] ^ mask[i % 4];
    return wire_write(w, f, n + len);
}

bool wire_say(struct wire *w, const char *text)
{
    return wire_frame(w, true, WIRE_TEXT, text, strlen(text));
}

bool wire_say_json(struct wire *w, json_t *owned)
{
    json_auto_t *o = owned;
    auto_free char *text = json_dumps(o, JSON_COMPACT);

    return text && wire_say(w, text);
}

// One whole frame at the front of the buffer: its size with the header, 0 if it is not all there.
static size_t parse(struct wire *w, struct wire_frame *out)
{
    size_t header = 2, len;

    if (w->have < 2)
        return 0;
    len = w->in[1] & 0x7f;
    if (len == 126) {
        header = 4;
        len = w->have < 4 ? 0 : (size_t)w->in[2] << 8 | w->in[3];
    } else if (len == 127) {
        header = 10;
        len = 0;
        for (size_t i = 0; i < 8 && w->have >= 10; i++)
            len = len << 8 | w->in[2 + i];
    }
    if (w->have < header || w->have - header < len)
        return 0;
    out->op = (enum wire_op)(w->in[0] & 0x0f);
    free(w->text);
    w->text = out->text = calloc(1, len + 1);
    memcpy(out->text, w->in + header, len);
    out->len = len;
    if (out->op == WIRE_CLOSE && len >= 2)
        out->code = (unsigned char)out->text[0] << 8 | (unsigned char)out->text[1];
    return header + len;
}

struct wire_frame wire_next(struct wire *w, int timeout_ms)
{
    int64_t until = clock_mono_ms() + timeout_ms;

    for (;;) {
        struct wire_frame f = { 0 };
        size_t n = parse(w, &f);
        int64_t left = until - clock_mono_ms();

        if (n > 0) {
            drop(w, n);
            if (f.op != WIRE_PING)
                return f;
            if (!w->mute)
                wire_frame(w, true, WIRE_PONG, f.text, f.len);
            continue;
        }
        n = (size_t)fill(w, left > 0 ? (int)left : 0);
        if (n == 0)
            return (struct wire_frame){ .op = WIRE_GONE };
        if (left <= 0)
            return (struct wire_frame){ .op = WIRE_SILENT };
    }
}

json_t *wire_hear(struct wire *w, const char *type)
{
    int64_t until = clock_mono_ms() + WIRE_WAIT_MS;

    while (clock_mono_ms() < until) {
        struct wire_frame f = wire_next(w, WIRE_WAIT_MS);
        json_t *o = f.op == WIRE_TEXT ? json_loadb(f.text, f.len, 0, NULL) : NULL;
        const char *got = json_string_value(json_object_get(o, "type"));

        if (got && !strcmp(got, type))
            return o;
        if (!got || strcmp(got, "ack") != 0) {
            fprintf(stderr, "wire: waited for %s, got op %d code %d %.300s\n", type, (int)f.op,
                    f.code,
                    f.text && f.op == WIRE_CLOSE && f.len > 2 ? f.text + 2
                    : f.text                                  ? f.text
                                                              : "");
            json_decref(o);
            return NULL;
        }
        json_decref(o);
    }
    return NULL;
}

int wire_close_code(struct wire *w)
{
    int64_t until = clock_mono_ms() + WIRE_WAIT_MS;

    while (clock_mono_ms() < until) {
        struct wire_frame f = wire_next(w, WIRE_WAIT_MS);

        if (f.op == WIRE_CLOSE)
            return f.code;
        if (f.op == WIRE_GONE)
            return 0;
    }
    return -1;
}
