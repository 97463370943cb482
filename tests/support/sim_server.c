// SPDX-License-Identifier: Apache-2.0

#include "support/sim_server.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/hex.h"
#include "protocol/protocol.h"
#include "support/folder.h"

#define WAIT_S 30

static void failed(struct sim_server *s, const char *why)
{
    if (!s->failed)
        s->failed = why;
}

static int accept_any(int ok, X509_STORE_CTX *ctx)
{
    (void)ok;
    (void)ctx;
    return 1; // the tests look at the certificate themselves
}

static void open_tls(struct sim_server *s, const char *san)
{
    struct sim_leaf server = { .san = san, .eku = "serverAuth" };
    struct sim_leaf clock = { .eku = "critical,timeStamping" };
    EVP_PKEY *key;
    X509 *cert = sim_ca_issue(&s->ca, &server, &key);

    s->time_cert = sim_ca_issue(&s->ca, &clock, &s->time_key);
    s->tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(s->tls, cert);
    SSL_CTX_use_PrivateKey(s->tls, key);
    SSL_CTX_set_session_id_context(s->tls, (const unsigned char *)"sim", 3);
    SSL_CTX_set_verify(s->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void open_port(struct sim_server *s)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;

    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->listener, (struct sockaddr *)&a, sizeof a) || listen(s->listener, 16) ||
        getsockname(s->listener, (struct sockaddr *)&a, &len))
        abort();
    s->port = ntohs(a.sin_port);
}

static void *run(void *arg)
{
    struct sim_server *s = arg;

    s->script(s);
    sim_cut(s);
    return NULL;
}

void sim_server_start(struct sim_server *s, const char *san, sim_script *script, void *ctx)
{
    *s = (struct sim_server){ .fd = -1, .script = script, .ctx = ctx };
    sim_ca_init(&s->ca);
    sim_ca_init(&s->devices);
    open_tls(s, san);
    open_port(s);
    folder_make(s->folder, sizeof s->folder, "ca");
    snprintf(s->ca_file, sizeof s->ca_file, "%s/ca.pem", s->folder);
    FILE *file = fopen(s->ca_file, "w");
    char *pem = sim_ca_pem(s->ca.cert);
    if (!file || fputs(pem, file) < 0 || fclose(file))
        abort();
    free(pem);
    pthread_create(&s->thread, NULL, run, s);
}

void sim_server_stop(struct sim_server *s)
{
    pthread_join(s->thread, NULL);
    close(s->listener);
    SSL_CTX_free(s->tls);
    X509_free(s->time_cert);
    EVP_PKEY_free(s->time_key);
    sim_ca_done(&s->ca);
    sim_ca_done(&s->devices);
    folder_remove(s->folder);
}

bool sim_accept(struct sim_server *s)
{
    struct pollfd p = { .fd = s->listener, .events = POLLIN };
    struct timeval wait = { .tv_sec = WAIT_S };

    sim_cut(s);
    if (poll(&p, 1, WAIT_S * 1000) != 1) {
        failed(s, "nobody connected");
        return false;
    }
    s->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    s->ssl = SSL_new(s->tls);
    SSL_set_fd(s->ssl, s->fd);
    return SSL_accept(s->ssl) == 1;
}

static bool more(struct sim_server *s)
{
    int n = SSL_read(s->ssl, s->buf + s->len, (int)(sizeof s->buf - s->len));

    if (n <= 0)
        return false;
    s->len += (size_t)n;
    return true;
}

static void used(struct sim_server *s, size_t n)
{
    s->len -= n;
    memmove(s->buf, s->buf + n, s->len);
}

bool sim_upgrade(struct sim_server *s)
{
    char key[128], answer[64], head[400];
    uint8_t hash[EVP_MAX_MD_SIZE];
    const char *end, *at;

    while (!(end = memmem(s->buf, s->len, "\r\n\r\n", 4)))
        if (!more(s))
            return false;
    at = memmem(s->buf, s->len, "Sec-WebSocket-Key: ", 19);
    if (!at || memcmp(s->buf, "GET /device HTTP/1.1\r\n", 22)) {
        failed(s, "the upgrade request is wrong");
        return false;
    }
    int n = snprintf(key, sizeof key, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", at + 19);
    EVP_Digest(key, (size_t)n, hash, NULL, EVP_sha1(), NULL);
    base64_encode(hash, 20, answer);
    used(s, (size_t)(end + 4 - (const char *)s->buf));
    n = snprintf(head, sizeof head,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: " PROTOCOL_NAME "\r\n\r\n",
                 answer);
    return SSL_write(s->ssl, head, n) == n;
}

// One masked frame; its payload is moved to the start of buf. Returns the opcode, -1 at the end.
static int frame(struct sim_server *s, size_t *len)
{
    size_t head = 6;

    while (s->len < 6 || (s->len < 8 && (s->buf[1] & 127) == 126))
        if (!more(s))
            return -1;
    int op = s->buf[0] & 15;
    *len = s->buf[1] & 127;
    if (!(s->buf[1] & 128))
        failed(s, "a frame was not masked");
    if (*len == 126) {
        *len = (size_t)s->buf[2] << 8 | s->buf[3];
        head = 8;
    }
    while (s->len < head + *len)
        if (!more(s))
            return -1;
    for (size_t i = 0; i < *len; i++)
        s->buf[head + i] ^= s->buf[head - 4 + (i & 3)];
    used(s, head);
    return op;
}

json_t *sim_hear(struct sim_server *s)
{
    for (;;) {
        size_t len = 0;
        int op = s->ssl ? frame(s, &len) : -1;
        if (op < 0 || op == 8)
            return NULL;
        json_t *o =
            op == 1 ? json_loadb((const char *)s->buf, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
        used(s, len);
        if (op == 1) {
            if (!o)
                failed(s, "a message is not JSON");
            return o;
        }
    }
}

int sim_control(struct sim_server *s)
{
    size_t len = 0;

    s->len = 0; // what was read before has been looked at
    return s->ssl ? frame(s, &len) : -1;
}

bool sim_expect(struct sim_server *s, const char *type, json_t **out)
{
    json_t *o = sim_hear(s);
    const char *got = json_string_value(json_object_get(o, "type"));
    bool ok = got && !strcmp(got, type);

    if (!ok)
        failed(s, type);
    if (out && ok)
        *out = o;
    else
        json_decref(o);
    return ok;
}

void sim_frame(struct sim_server *s, int op, const char *text, size_t len)
{
    uint8_t head[4] = { (uint8_t)(0x80 | op), (uint8_t)len };
    int n = 2;

    if (len > 125) {
        head[1] = 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        n = 4;
    }
    if (SSL_write(s->ssl, head, n) != n || SSL_write(s->ssl, text, (int)len) != (int)len)
        failed(s, "the device does not listen");
}

void sim_say(struct sim_server *s, const char *format, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, format);
    int n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n > 0 && s->ssl)
        sim_frame(s, 1, text, (size_t)n);
    free(text);
}

void sim_challenge(struct sim_server *s, int64_t time_ms)
{
    char *time = sim_ca_time(s->time_cert, s->time_key, time_ms);

    sim_say(s,
            "{\"type\":\"challenge\",\"nonce\":\"AAECAwQFBgcICQoLDA0ODw\",\"time\":\"%s\","
            "\"policy\":\"demo/1\",\"limits\":{\"inFlight\":100}}",
            time);
    free(time);
}

static X509_REQ *request_of(json_t *evidence)
{
    const char *text = json_string_value(json_object_get(evidence, "csr"));
    uint8_t der[2048];
    const uint8_t *p = der;
    long n = text ? base64_decode(text, strlen(text), der, sizeof der) : -1;

    return n > 0 ? d2i_X509_REQ(NULL, &p, n) : NULL;
}

void sim_verdict(struct sim_server *s, json_t *evidence, const char *kind, int64_t renew_in_ms)
{
    X509_REQ *q = request_of(evidence);
    int64_t now = clock_now_ms();

    if (!q || X509_REQ_verify(q, X509_REQ_get0_pubkey(q)) != 1) {
        failed(s, "the certificate request is wrong");
        X509_REQ_free(q);
        return;
    }
    X509 *cert = sim_ca_certify(&s->devices, "device", X509_REQ_get0_pubkey(q), now / 1000 + 86400);
    char *leaf = sim_ca_pem(cert), *issuer = sim_ca_pem(s->devices.cert);
    json_t *pem = json_sprintf("%s%s", leaf, issuer);
    char *text = json_dumps(pem, JSON_ENCODE_ANY);
    sim_say(s,
            "{\"type\":\"verdict\",\"status\":\"affirming\",\"findings\":[],\"certificate\":"
            "{\"kind\":\"%s\",\"pem\":%s,\"notAfter\":%" PRId64 ",\"renewAt\":%" PRId64 "}}",
            kind, text, now + 86400000, now + renew_in_ms);
    free(text);
    json_decref(pem);
    free(leaf);
    free(issuer);
    X509_free(cert);
    X509_REQ_free(q);
}

void sim_close(struct sim_server *s, int code)
{
    char body[2] = { (char)(code >> 8), (char)code };

    if (!s->ssl)
        return;
    sim_frame(s, 8, body, 2);
    for (json_t *o; (o = sim_hear(s));)
        json_decref(o);
    sim_cut(s);
}

void sim_cut(struct sim_server *s)
{
    SSL_free(s->ssl);
    if (s->fd >= 0)
        close(s->fd);
    s->ssl = NULL;
    s->fd = -1;
    s->len = 0;
}
