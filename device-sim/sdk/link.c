// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "protocol/protocol.h"
#include "sdk/link_inner.h"

#define CONNECT_MS     20000
#define STEP_MS        30000 // for each answer of the server before we are ready
#define CROWDED_MS     50    // how soon to look again when too many handshakes are under way
#define IP_NO_PORT     24    // IP_BIND_ADDRESS_NO_PORT, Linux 4.2
#define RENEW_AGAIN_MS (5 * 60 * 1000)
#define UNCERTIFIED_MS 10000
#define FORGET_AFTER   4 // silent refusals of a certificate, one after the other

// What a close code means for the next connection.
static const struct {
    int code;
    int64_t at_least_ms;
    bool forget; // the certificate
    const char *text;
} closes[] = {
    { CLOSE_NORMAL, 0, false, "the server closed the connection" },
    { CLOSE_DRAIN, 0, false, "the server stops" },
    { CLOSE_MALFORMED, 10000, false, "the server could not read what was sent" },
    { CLOSE_ORDER, 10000, false, "the server did not expect that message" },
    { CLOSE_IDENTITY, 60000, true, "the server does not accept this identity" },
    { CLOSE_UNCLAIMED, 5000, false, "this device is not claimed" },
    { CLOSE_TIMEOUT, 0, false, "the server waited too long" },
    { CLOSE_REPLACED, 30000, false, "another connection of this device replaced this one" },
    { CLOSE_EXPIRED, 0, false, "the certificate of this session ended" },
    { CLOSE_TOO_BIG, 10000, false, "a message was too big" },
    { CLOSE_REVOKED, 10000, true, "the server took the certificate back" },
    { CLOSE_LIMIT, 10000, false, "a limit was broken" },
    { CLOSE_RETRY, 0, false, "the server cannot serve this now" },
};

int64_t link_now_ms(const struct link *l)
{
    return time_floor_now_ms(&l->env->time);
}

void link_init(struct link *l, struct link_env *e, const struct link_ops *ops, void *owner,
               const char *id, int64_t boot)
{
    *l = (struct link){
        .env = e, .ops = ops, .owner = owner, .boot = boot, .log_level = LINK_LOG_USUAL, .fd = -1
    };
    l->wake_ms = INT64_MAX;
    snprintf(l->id, sizeof l->id, "%s", id);
}

void link_set_state(struct link *l, enum link_state s, int64_t for_ms)
{
    l->state = s;
    l->due_ms = l->env->now_ms + for_ms;
    l->wake_ms = l->due_ms;
}

void link_start(struct link *l, int64_t in_ms)
{
    l->has_slot = false;
    link_set_state(l, LINK_WAITING, in_ms);
}

void link_forget(struct link *l)
{
    SSL_SESSION_free(l->session);
    l->session = NULL;
    l->ops->keep(l->owner, NULL);
}

static void uncount(struct link *l)
{
    if (l->counted)
        l->env->handshaking--;
    l->counted = false;
}

static void tear_down(struct link *l)
{
    uncount(l);
    if (l->ssl) // else OpenSSL takes the ticket for spoilt
        SSL_set_shutdown(l->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(l->ssl);
    l->ssl = NULL;
    if (l->fd >= 0)
        close(l->fd); // epoll forgets it
    l->fd = -1;
    EVP_PKEY_free(l->fresh);
    l->fresh = NULL;
    free(l->in);
    free(l->out);
    l->in = l->out = NULL;
    l->in_len = l->out_len = 0;
    ws_inbox_done(&l->inbox);
    l->renewing = l->renewed = l->pinged = false;
}

static int64_t backoff(struct link *l, int64_t at_least_ms)
{
    int64_t most = l->env->backoff_min_ms << (l->attempt < 16 ? l->attempt : 16);

    if (most > l->env->backoff_max_ms)
        most = l->env->backoff_max_ms;
    if (l->attempt < 16)
        l->attempt++;
    if (most < at_least_ms)
        most = 2 * at_least_ms;
    return most / 2 + env_below(l->env, (uint32_t)(most / 2) + 1);
}

static void end(struct link *l, int64_t again_ms, enum link_event e, const char *text)
{
    bool was_up = l->state == LINK_READY;

    tear_down(l);
    link_start(l, again_ms);
    if (was_up) {
        l->env->count.lost++;
        l->ops->rewind(l->owner);
    }
    l->ops->changed(l->owner, e, text);
}

void link_fail(struct link *l, int64_t at_least_ms, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    end(l, backoff(l, at_least_ms), LINK_DOWN, text);
}

static void watch(struct link *l, uint32_t events)
{
    struct epoll_event e = { .events = events, .data.ptr = l };

    if (events == l->interest)
        return;
    l->interest = events;
    epoll_ctl(l->env->epoll, EPOLL_CTL_MOD, l->fd, &e);
}

// ---------------------------------------------------------------- TLS failures

static int alert_of(unsigned long err)
{
    return ERR_GET_REASON(err) - SSL_AD_REASON_OFFSET;
}

// A certificate alert is the server's word on our certificate, not on the network.
static bool certificate_refused(unsigned long err)
{
    int alert = alert_of(err);

    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_UNKNOWN_CA) ||
           alert == SSL_AD_ACCESS_DENIED || alert == SSL_AD_CERTIFICATE_REQUIRED;
}

// With the factory key, an alert says what has become of the device.
static void factory_refused(struct link *l, int alert)
{
    if (alert == SSL_AD_UNKNOWN_CA)
        end(l, backoff(l, 0), LINK_UNKNOWN,
            "the server does not know this device, and no registration window is open");
    else if (alert == SSL_AD_CERTIFICATE_REVOKED)
        link_fail(l, 60000, "the server has retired this device");
    else if (alert == SSL_AD_HANDSHAKE_FAILURE)
        link_fail(l, 10000, "the server is busy with other new devices");
    else
        link_fail(l, 0, "the server refused the factory key: alert %d", alert);
}

static void tls_failed(struct link *l, int why)
{
    long verify = SSL_get_verify_result(l->ssl);
    unsigned long err = ERR_get_error();
    const char *reason = err ? ERR_reason_error_string(err) : NULL;

    if (verify == X509_V_ERR_HOSTNAME_MISMATCH || verify == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        char text[200];
        snprintf(text, sizeof text, "the server's certificate does not name '%.100s'",
                 l->env->host);
        end(l, backoff(l, 0), LINK_WRONG_SERVER, text);
    } else if (verify != X509_V_OK) {
        link_fail(l, 0, "the server's certificate is not trusted: %s",
                  X509_verify_cert_error_string(verify));
    } else if (l->kind == CREDENTIAL_NONE &&
               (certificate_refused(err) || alert_of(err) == SSL_AD_HANDSHAKE_FAILURE)) {
        factory_refused(l, alert_of(err));
    } else if (certificate_refused(err)) {
        if (l->state != LINK_READY && l->kind != CREDENTIAL_NONE)
            link_forget(l);
        link_fail(l, 0, "the server refused the certificate: %s", reason ? reason : "alert");
    } else if (why == SSL_ERROR_ZERO_RETURN || !reason) {
        // A reset may overtake the alert that would have said so.
        if (l->state == LINK_UPGRADE && l->kind != CREDENTIAL_NONE && l->attempt >= FORGET_AFTER)
            link_forget(l);
        link_fail(l, 0, "the connection was closed");
    } else {
        link_fail(l, 0, "TLS failed: %s", reason);
    }
}

// ---------------------------------------------------------------- writing

static bool keep_rest(struct link *l, const uint8_t *data, size_t len)
{
    uint8_t *grown = realloc(l->out, l->out_len + len);

    if (!grown) {
        link_fail(l, 0, "out of memory");
        return false;
    }
    memcpy(grown + l->out_len, data, len);
    l->out = grown;
    l->out_len += len;
    watch(l, EPOLLIN | EPOLLOUT);
    return true;
}

// Bytes taken, or -1 when the connection ended.
static long write_some(struct link *l, const uint8_t *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_write_ex(l->ssl, data + done, len - done, &n) == 1) {
            done += n;
            continue;
        }
        int why = SSL_get_error(l->ssl, 0);
        if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ)
            break;
        tls_failed(l, why);
        return -1;
    }
    l->env->count.bytes += done;
    return (long)done;
}

static bool write_out(struct link *l, const uint8_t *data, size_t len)
{
    if (l->out)
        return keep_rest(l, data, len);
    long n = write_some(l, data, len);
    if (n < 0)
        return false;
    return (size_t)n == len || keep_rest(l, data + n, len - (size_t)n);
}

static bool flush(struct link *l)
{
    long n = write_some(l, l->out, l->out_len);

    if (n < 0)
        return false;
    l->out_len -= (size_t)n;
    if (l->out_len) {
        memmove(l->out, l->out + n, l->out_len);
        return true;
    }
    free(l->out);
    l->out = NULL;
    watch(l, EPOLLIN);
    return true;
}

static size_t seal(struct link *l, uint8_t *frame, int op, size_t len)
{
    uint8_t mask[4];

    env_random(l->env, mask, sizeof mask);
    l->env->count.frames++;
    return ws_seal(frame, op, len, mask);
}

static bool send_frame(struct link *l, int op, const void *data, size_t len)
{
    uint8_t *frame = l->env->tx;

    if (len > WS_PAYLOAD_MAX)
        len = 0; // cannot happen: all our own messages are short
    memcpy(frame + WS_HEADER_MAX, data, len);
    return write_out(l, frame, seal(l, frame, op, len));
}

bool link_send_text(struct link *l, const char *text, size_t len)
{
    return send_frame(l, WS_TEXT, text, len);
}

static bool send_close(struct link *l, int code)
{
    uint8_t body[2] = { (uint8_t)(code >> 8), (uint8_t)code };

    return send_frame(l, WS_CLOSE, body, sizeof body);
}

// Fills one frame at at with messages, an array if they are several; returns its length.
static size_t fill_frame(struct link *l, uint8_t *at, size_t room)
{
    // '[' goes one byte before the first message, the header before that.
    char *first = (char *)at + WS_HEADER_MAX + 1, *to = first;
    size_t count = 0, flying = l->ops->in_flight(l->owner);
    char *end_at = first + (room < l->frame_bytes ? room : l->frame_bytes) - 2;

    while (count < l->env->frame_messages && flying + count < l->in_flight_max) {
        char *text = count ? to + 1 : to;
        size_t n = text < end_at ? l->ops->next(l->owner, text, (size_t)(end_at - text)) : 0;
        if (!n)
            break;
        if (count)
            *to = ',';
        to = text + n;
        count++;
    }
    if (!count)
        return 0;
    if (count == 1) {
        memmove(first - 1, first, (size_t)(to - first));
        return seal(l, at, WS_TEXT, (size_t)(to - first));
    }
    first[-1] = '[';
    *to++ = ']';
    return seal(l, at, WS_TEXT, (size_t)(to - first) + 1);
}

void link_pump(struct link *l)
{
    while (link_is_ready(l) && !l->out) {
        size_t used = 0, n = 1;
        while (n && used + 2 * WS_HEADER_MAX + l->frame_bytes <= TX_SIZE) {
            n = fill_frame(l, l->env->tx + used, TX_SIZE - used - 2 * WS_HEADER_MAX);
            used += n;
        }
        if (!used || !write_out(l, l->env->tx, used))
            return;
    }
}

// ---------------------------------------------------------------- reading

// With a certificate we come back at once; without one a person has to act first.
static void judged(struct link *l)
{
    end(l, l->renewed ? env_below(l->env, 100) : backoff(l, UNCERTIFIED_MS), LINK_DOWN,
        l->renewed ? "attestation is done" : "attestation brought no certificate");
}

static int64_t wait_ms(struct link *l, int64_t at_least_ms)
{
    int64_t asked_ms = l->retry_s * 1000LL;

    if (asked_ms) // it waits for a person, not for a server to recover
        l->attempt = 0;
    return asked_ms > at_least_ms ? asked_ms : at_least_ms;
}

static void closed_by_server(struct link *l, const struct ws_frame *m)
{
    int code = m->len >= 2 ? m->data[0] << 8 | m->data[1] : 1005;
    bool renewed = l->renewed;

    if (!send_close(l, CLOSE_NORMAL))
        return;
    if (l->state == LINK_JUDGED && code == CLOSE_NORMAL) {
        judged(l);
        return;
    }
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
        if (closes[i].code != code)
            continue;
        // What this session brought is another certificate than the one that is refused.
        if (closes[i].forget && l->kind != CREDENTIAL_NONE && !renewed)
            link_forget(l);
        link_fail(l, renewed ? 0 : wait_ms(l, closes[i].at_least_ms), "%s (%d)", closes[i].text,
                  code);
        return;
    }
    link_fail(l, 0, "the server closed the connection (%d)", code);
}

static void message(struct link *l, const struct ws_frame *m)
{
    switch (m->op) {
    case WS_TEXT:
        talk_text(l, (const char *)m->data, m->len);
        break;
    case WS_PING: {
        uint8_t copy[125]; // tx is about to be written, rx holds the original
        memcpy(copy, m->data, m->len);
        send_frame(l, WS_PONG, copy, m->len);
        break;
    }
    case WS_PONG:
        break;
    case WS_CLOSE:
        closed_by_server(l, m);
        break;
    default:
        link_fail(l, 0, "the server sent a binary message");
    }
}

// Bytes used, or -1 when the connection ended.
static long take_frames(struct link *l, const uint8_t *in, size_t len)
{
    size_t used = 0;

    while (l->ssl) {
        struct ws_frame f, m;
        long n = ws_parse(in + used, len - used, &f);
        int whole = n > 0 ? ws_join(&l->inbox, &f, &m) : 0;
        if (n < 0 || whole < 0) {
            int code = n < 0 ? (int)-n : -whole;
            if (send_close(l, code))
                link_fail(l, 10000, "the server broke the WebSocket protocol (%d)", code);
            return -1;
        }
        if (!n)
            return (long)used;
        used += (size_t)n;
        if (whole)
            message(l, &m);
    }
    return -1;
}

static long take_upgrade(struct link *l, const uint8_t *in, size_t len)
{
    struct fault f = { 0 };
    long n = ws_response((const char *)in, len, PROTOCOL_NAME, l->key, &f);

    if (n < 0) {
        link_fail(l, 0, "%s", f.text);
        return -1;
    }
    if (n > 0) {
        uncount(l);
        talk_hello(l);
    }
    return l->ssl ? n : -1;
}

static long take_bytes(struct link *l, const uint8_t *in, size_t len)
{
    long head = 0;

    if (l->state == LINK_UPGRADE) {
        head = take_upgrade(l, in, len);
        if (head <= 0)
            return head;
    }
    long n = take_frames(l, in + head, len - (size_t)head);
    return n < 0 ? n : n + head;
}

static bool keep_in(struct link *l, size_t len)
{
    if (!len)
        return true;
    l->in = malloc(len);
    if (!l->in) {
        link_fail(l, 0, "out of memory");
        return false;
    }
    memcpy(l->in, l->env->rx, len);
    l->in_len = len;
    return true;
}

static size_t restore_in(struct link *l)
{
    size_t len = l->in_len;

    if (len)
        memcpy(l->env->rx, l->in, len);
    free(l->in);
    l->in = NULL;
    l->in_len = 0;
    return len;
}

static void receive(struct link *l)
{
    uint8_t *rx = l->env->rx;
    size_t have = restore_in(l), n = 0;

    do {
        ERR_clear_error();
        if (SSL_read_ex(l->ssl, rx + have, RX_SIZE - have, &n) != 1) {
            int why = SSL_get_error(l->ssl, 0);
            if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
                break;
            tls_failed(l, why);
            return;
        }
        l->heard_ms = l->env->now_ms;
        l->pinged = false; // whatever it says, it is there
        have += n;
        long used = take_bytes(l, rx, have);
        if (used < 0)
            return;
        have -= (size_t)used;
        memmove(rx, rx + used, have);
    } while (SSL_has_pending(l->ssl));
    keep_in(l, have);
}

// ---------------------------------------------------------------- connecting

static bool bind_source(struct link *l, int fd)
{
    struct link_env *e = l->env;
    const struct sockaddr_in *to = (const struct sockaddr_in *)&e->to;
    struct sockaddr_in from = { .sin_family = AF_INET };
    bool own = l->source && ntohl(to->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    int on = 1;

    if ((!e->sources && !own) || e->to.ss_family != AF_INET)
        return true;
    from.sin_addr.s_addr =
        htonl(INADDR_LOOPBACK + (own ? l->source : e->next_source++ % e->sources));
    setsockopt(fd, IPPROTO_IP, IP_NO_PORT, &on, sizeof on);
    return !bind(fd, (const struct sockaddr *)&from, sizeof from);
}

static bool open_socket(struct link *l)
{
    struct link_env *e = l->env;
    int on = 1;

    l->fd = socket(e->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0 || !bind_source(l, l->fd))
        return false;
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(l->fd, (const struct sockaddr *)&e->to, e->to_len) && errno != EINPROGRESS)
        return false;
    l->interest = EPOLLOUT;
    struct epoll_event ev = { .events = l->interest, .data.ptr = l };
    return !epoll_ctl(e->epoll, EPOLL_CTL_ADD, l->fd, &ev);
}

// True when it is this link's turn; else it knows when to ask again.
static bool take_turn(struct link *l)
{
    struct link_env *e = l->env;
    int64_t now_us = clock_mono_us();

    if (e->connect_gap_us && !l->has_slot) {
        if (e->next_connect_us < now_us)
            e->next_connect_us = now_us;
        l->has_slot = true;
        int64_t in_ms = (e->next_connect_us - now_us) / 1000;
        e->next_connect_us += e->connect_gap_us;
        if (in_ms > 0) {
            link_set_state(l, LINK_WAITING, in_ms);
            return false;
        }
    }
    if (e->handshaking < e->handshakes_max)
        return true;
    link_set_state(l, LINK_WAITING, CROWDED_MS / 2 + env_below(e, CROWDED_MS));
    return false;
}

static void connect_now(struct link *l)
{
    struct fault f = { 0 };

    if (!take_turn(l))
        return;
    if (!env_lookup(l->env, &f)) {
        link_fail(l, 0, "%s", f.text);
        return;
    }
    l->env->handshaking++;
    l->counted = true;
    if (!open_socket(l)) {
        link_fail(l, 0, "cannot connect: %s", strerror(errno));
        return;
    }
    link_set_state(l, LINK_CONNECTING, CONNECT_MS);
}

static bool use_factory(struct link *l)
{
    struct p256 bytes;
    if (!l->ops->factory(l->owner, &bytes))
        return false;
    auto_key EVP_PKEY *key = p256_key(&bytes);
    OPENSSL_cleanse(&bytes, sizeof bytes);
    auto_x509 X509 *cert = key ? p256_self_signed(key, l->id) : NULL;

    return cert && SSL_use_certificate(l->ssl, cert) == 1 && SSL_use_PrivateKey(l->ssl, key) == 1;
}

static bool use_credential(struct link *l, struct credential *c)
{
    bool ok = SSL_use_certificate(l->ssl, c->leaf) == 1 &&
              SSL_use_PrivateKey(l->ssl, c->key) == 1 &&
              (!c->issuer || SSL_add1_chain_cert(l->ssl, c->issuer) == 1);

    l->kind = c->kind;
    l->not_after = c->not_after;
    l->renew_at = c->renew_at;
    return ok;
}

static bool present(struct link *l)
{
    struct credential c = { 0 };

    l->kind = CREDENTIAL_NONE;
    l->renew_at = l->not_after = 0;
    bool ok;
    if (l->ops->credential(l->owner, &c) && c.not_after > link_now_ms(l)) {
        ok = use_credential(l, &c);
    } else {
        SSL_SESSION_free(l->session); // it was of an expired certificate
        l->session = NULL;
        ok = use_factory(l);
    }
    credential_done(&c);
    return ok;
}

static bool start_tls(struct link *l)
{
    int64_t now = link_now_ms(l);

    l->ssl = SSL_new(l->env->tls);
    if (!l->ssl || SSL_set_fd(l->ssl, l->fd) != 1 || !present(l))
        return false;
    SSL_set_app_data(l->ssl, l);
    if (!strchr(l->env->host, ':') && !inet_aton(l->env->host, &(struct in_addr){ 0 }))
        SSL_set_tlsext_host_name(l->ssl, l->env->host);
    if (now > clock_now_ms())
        X509_VERIFY_PARAM_set_time(SSL_get0_param(l->ssl), (time_t)(now / 1000));
    if (l->session)
        SSL_set_session(l->ssl, l->session);
    SSL_set_connect_state(l->ssl);
    return true;
}

static void upgrade(struct link *l)
{
    char host[280], request[700];

    l->env->count.handshakes++;
    l->env->count.resumed += SSL_session_reused(l->ssl) != 0;
    SSL_certs_clear(l->ssl); // not needed any more: 4 kB a device
    snprintf(host, sizeof host, strchr(l->env->host, ':') ? "[%s]:%s" : "%s:%s", l->env->host,
             l->env->port);
    size_t n = ws_request(request, sizeof request, host, PROTOCOL_PATH, PROTOCOL_NAME, l->key);
    link_set_state(l, LINK_UPGRADE, STEP_MS);
    watch(l, EPOLLIN);
    write_out(l, (const uint8_t *)request, n);
}

static void shake_hands(struct link *l)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(l->ssl);

    if (rc == 1) {
        upgrade(l);
        return;
    }
    int why = SSL_get_error(l->ssl, rc);
    if (why == SSL_ERROR_WANT_READ)
        watch(l, EPOLLIN);
    else if (why == SSL_ERROR_WANT_WRITE)
        watch(l, EPOLLIN | EPOLLOUT);
    else
        tls_failed(l, why);
}

static void connected(struct link *l)
{
    int err = 0;
    socklen_t len = sizeof err;

    getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err) {
        if (l->attempt >= 2)
            l->env->to_len = 0; // the name may point elsewhere by now
        link_fail(l, 0, "cannot connect to %s:%s: %s", l->env->host, l->env->port, strerror(err));
        return;
    }
    link_set_state(l, LINK_TLS, CONNECT_MS);
    if (start_tls(l))
        shake_hands(l);
    else
        link_fail(l, 10000, "this device's key or certificate cannot be used");
}

void link_event(struct link *l, uint32_t events)
{
    if (l->state == LINK_CONNECTING) {
        connected(l);
        return;
    }
    if (l->state == LINK_TLS) {
        shake_hands(l);
        return;
    }
    if (!l->ssl)
        return;
    if (l->out && (events & EPOLLOUT) && !flush(l))
        return;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(l);
    link_pump(l);
}

// ---------------------------------------------------------------- time

static int64_t renew_in_ms(const struct link *l)
{
    return l->renew_at && !l->renewing ? l->renew_at - link_now_ms(l) : INT64_MAX / 2;
}

static void tick_ready(struct link *l)
{
    int64_t now = l->env->now_ms, silent = now - l->heard_ms;

    if (silent >= 2 * (int64_t)l->ping_ms) {
        link_fail(l, 0, "the server has been silent for %lld s", (long long)silent / 1000);
        return;
    }
    if (silent >= l->ping_ms && !l->pinged) {
        l->pinged = true;
        if (!send_frame(l, WS_PING, "", 0))
            return;
    }
    if (l->renewing && now >= l->due_ms) { // no verdict came; try again later
        l->renewing = false;
        l->renew_at = link_now_ms(l) + RENEW_AGAIN_MS;
    }
    if (renew_in_ms(l) <= 0) {
        l->renewing = true;
        l->due_ms = now + 2 * STEP_MS;
        talk_renew(l);
        if (!l->ssl)
            return;
    }
    l->wake_ms = l->heard_ms + (int64_t)l->ping_ms * (l->pinged ? 2 : 1);
    if (l->wake_ms <= now)
        l->wake_ms = now + 1000;
    if (renew_in_ms(l) < l->wake_ms - now)
        l->wake_ms = now + renew_in_ms(l);
    if (l->renewing && l->due_ms < l->wake_ms)
        l->wake_ms = l->due_ms;
}

void link_tick(struct link *l)
{
    if (l->env->now_ms < l->wake_ms)
        return;
    switch (l->state) {
    case LINK_IDLE:
        l->wake_ms = INT64_MAX;
        break;
    case LINK_WAITING:
        connect_now(l);
        break;
    case LINK_READY:
        tick_ready(l);
        break;
    case LINK_JUDGED: // the server forgot to close
        judged(l);
        break;
    case LINK_CONNECTING:
    case LINK_TLS:
    case LINK_UPGRADE:
    case LINK_HELLO:
    case LINK_EVIDENCE:
        link_fail(l, 0, "the server did not answer in time");
        break;
    }
}

static void say_goodbye(struct link *l)
{
    if (l->ssl && l->state > LINK_UPGRADE && send_close(l, CLOSE_NORMAL))
        SSL_shutdown(l->ssl);
}

void link_drop(struct link *l, int64_t again_ms)
{
    bool was_up = l->state == LINK_READY;

    say_goodbye(l);
    tear_down(l);
    link_start(l, again_ms);
    if (was_up)
        l->ops->rewind(l->owner);
}

void link_done(struct link *l)
{
    say_goodbye(l);
    tear_down(l);
    SSL_SESSION_free(l->session);
    l->session = NULL;
    l->state = LINK_IDLE;
    l->wake_ms = INT64_MAX;
}
