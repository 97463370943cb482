// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "edge/client.h"

DEFINE_AUTO(X509 *, x509_freep, X509_free)

// ---------------------------------------------------------------- handshakes

// A handshake costs a thousand times what a read does, so at most two steps are taken
// a turn, and one if that was a dear one; the others wait here and epoll stays quiet
// about them.
void handshake_queue(struct client *c)
{
    struct edge *e = c->edge;

    if (c->handshake_queued)
        return;
    reactor_change(e->reactor, &c->watch, 0);
    c->handshake_queued = true;
    c->handshake_next = NULL;
    *e->handshake_last = c;
    e->handshake_last = &c->handshake_next;
}

static struct client *handshake_pop(struct edge *e)
{
    struct client *c = e->handshake_first;

    e->handshake_first = c->handshake_next;
    if (!e->handshake_first)
        e->handshake_last = &e->handshake_first;
    c->handshake_next = NULL;
    c->handshake_queued = false;
    return c;
}

// Asked after full and resumed handshakes: a ticket may be older than a revocation.
static bool identify(struct client *c)
{
    auto_with(x509_freep) X509 *x = SSL_get1_peer_certificate(c->ssl);
    const struct edge_hooks *h = &c->edge->hooks;
    uint8_t sha256[32];
    unsigned len = sizeof sha256;

    if (!x)
        return true;
    if (SSL_get_verify_result(c->ssl) != X509_V_OK ||
        X509_cmp_current_time(X509_get0_notAfter(x)) <= 0 ||
        X509_digest(x, EVP_sha256(), sha256, &len) != 1)
        return false;
    if (h->peer_allowed && !h->peer_allowed(h->ctx, sha256))
        return false;
    hex_encode(sha256, sizeof sha256, c->peer);
    return true;
}

static void handshake_done(struct client *c)
{
    if (!identify(c)) {
        count(c->edge, handshakes_failed);
        client_close(c);
        return;
    }
    if (SSL_session_reused(c->ssl))
        count(c->edge, handshakes_resumed);
    else
        count(c->edge, handshakes_full);
    client_secured(c);
}

static void handshake_step(struct client *c)
{
    int r, error;

    ERR_clear_error();
    r = SSL_accept(c->ssl);
    if (r == 1) {
        handshake_done(c);
        return;
    }
    error = SSL_get_error(c->ssl, r);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        reactor_change(c->edge->reactor, &c->watch,
                       error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
        return;
    }
    ERR_clear_error();
    count(c->edge, handshakes_failed);
    c->broken = true;
    client_close(c);
}

bool handshake_turn(struct edge *e)
{
    int64_t until = clock_mono_us() + HANDSHAKE_TURN_US;

    for (int i = 0; i < HANDSHAKES_A_TURN && e->handshake_first && clock_mono_us() < until;) {
        struct client *c = handshake_pop(e);

        if (c->state == CLIENT_DEAD) {
            client_bury(c);
            continue;
        }
        handshake_step(c);
        i++;
    }
    return e->handshake_first != NULL;
}

// ---------------------------------------------------------------- bytes

static ssize_t broken(struct client *c)
{
    ERR_clear_error();
    c->broken = true;
    return -2;
}

static ssize_t tls_read(struct client *c, void *to, size_t size)
{
    size_t n = 0;

    ERR_clear_error();
    if (SSL_read_ex(c->ssl, to, size, &n) == 1)
        return (ssize_t)n;
    switch (SSL_get_error(c->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return -1;
    case SSL_ERROR_WANT_WRITE:
        c->read_wants_write = true;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return broken(c);
    }
}

ssize_t conn_read(struct client *c, void *to, size_t size)
{
    ssize_t n;

    c->read_wants_write = false;
    if (c->ssl) {
        n = tls_read(c, to, size);
    } else {
        n = recv(c->watch.fd, to, size, 0);
        if (n < 0)
            n = errno == EAGAIN || errno == EINTR ? -1 : broken(c);
    }
    if (n > 0)
        count_by(c->edge, bytes_in, n);
    if (n == 0)
        c->ended = true;
    return n;
}

bool conn_has_more(const struct client *c)
{
    return bytes_len(&c->in) > 0 || (c->ssl && SSL_has_pending(c->ssl));
}

static ssize_t tls_write(struct client *c, const void *from, size_t len)
{
    size_t n = 0;

    ERR_clear_error();
    if (SSL_write_ex(c->ssl, from, len, &n) == 1)
        return (ssize_t)n;
    switch (SSL_get_error(c->ssl, 0)) {
    case SSL_ERROR_WANT_WRITE:
        return -1;
    case SSL_ERROR_WANT_READ: // a key update of the peer's
        c->write_wants_read = true;
        return -1;
    default:
        return broken(c);
    }
}

ssize_t conn_write(struct client *c, const void *from, size_t len)
{
    ssize_t n;

    c->write_wants_read = false;
    if (c->ssl) {
        n = tls_write(c, from, len);
    } else {
        n = send(c->watch.fd, from, len, MSG_NOSIGNAL);
        if (n < 0)
            n = errno == EAGAIN || errno == EINTR ? -1 : broken(c);
    }
    c->blocked = n == -1;
    if (n > 0) {
        count_by(c->edge, bytes_out, n);
        c->moved += (size_t)n;
        if (c->req)
            c->req->sent += (uint64_t)n;
    }
    return n;
}

enum flow conn_flush(struct client *c)
{
    if (c->out.failed) // half an answer is worse than none
        return FLOW_BROKEN;
    while (bytes_len(&c->out) > 0) {
        ssize_t n = conn_write(c, bytes_at(&c->out), bytes_len(&c->out));

        if (n < 0)
            return n == -1 ? FLOW_BLOCKED : FLOW_BROKEN;
        bytes_eat(&c->out, (size_t)n);
    }
    return FLOW_END;
}
