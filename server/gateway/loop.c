// SPDX-License-Identifier: Apache-2.0

#include "gateway/loop.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/log.h"
#include "gateway/session.h"
#include "net/peer.h"
#include "protocol/protocol.h"

#define RX_BUFFER      2048         // resident per connection
#define SERVICE_BUFFER 16384        // a loop's
#define HANDSHAKE_S    15           // from accept to the upgrade; lws' own 5 s fail in a storm
#define ACCEPTS        2            // a turn: some 2 ms of signatures
#define ARRIVALS_MAX   256          // accepted, not yet upgraded, a loop
#define ARRIVAL_MS     3000         // that a mute one may keep others waiting for
#define LINGER_MS      2000         // from our close frame to the end
#define OUT_MAX        (256 * 1024) // bytes that a device does not read
#define AT_ONCE_MAX    1024         // a longer frame waits for its turn
#define REASON_MAX     123          // RFC 6455 5.5: 125 with the code
#define STRANGERS_MAX  64           // of one address, at a time
#define SWEEP_S        1.0
#define FULL_PAUSE_S   0.1 // after the process ran out of descriptors
#define SLOT_BITS      20  // of a session's number; the rest counts

struct outgoing {
    struct outgoing *next;
    size_t len;
    unsigned char bytes[]; // LWS_PRE, then the text
};

// From accept to the end of the socket.
struct conn {
    struct session session; // first: the port's callbacks get it
    struct loop *loop;
    struct lws *wsi;
    struct address *address;
    char network[NETWORK_LEN];
    struct outgoing *out, **out_last;
    size_t out_bytes;
    char *rx; // parts of a frame
    size_t rx_len, rx_size;
    char *reason;
    uint64_t number;
    int64_t arrived_at, closing_at, pinged_at; // ms
    uint16_t code;
    bool adopting, dead; // before adoption is over, its end must wait
    bool established, claimed, closing, doomed, ping_due;
    bool stranger;                        // when it came, and counted
    struct conn *next_pausing, **pausing; // what points to it there; NULL: it is not
};

struct loop {
    struct loop_shared *shared;
    struct ev_loop *ev;
    struct lws_context *context;
    struct lws_vhost *vhost;
    SSL_CTX *tls;
    SSL_CTX *client; // unused: without one lws makes its own, and leaks it
    pthread_t thread;
    bool running, draining, paused;
    uint32_t index;
    int fd;
    int arrivals;
    ev_io accept;
    ev_timer sweep, resume;
    ev_async wake;
    ev_prepare prepare;
    struct conn *pausing; // lws is yet to be told to stop reading these
    pthread_mutex_t lock;
    struct note *first, **last;
    struct conn **slots;
    uint32_t slot_count, used;
    uint32_t drain_from; // whose turn it is after back-pressure
    uint64_t generation;
    struct fault fault; // of the setup hook
    unsigned char frame[LWS_PRE + AT_ONCE_MAX];
};

DEFINE_AUTO(struct loop *, loop_freep, loop_free)

static const struct log_ctx area = { .area = "gateway" };

// ---------------------------------------------------------------- notes

struct note *note_new(enum note_kind kind, size_t acks)
{
    struct note *n = calloc(1, sizeof *n + acks * sizeof n->acks[0]);

    if (!n)
        abort(); // a lost answer would leave its session waiting for good
    n->kind = kind;
    n->count = acks;
    return n;
}

void note_free(struct note *n)
{
    if (!n)
        return;
    job_free(n->job);
    free(n->levels);
    free(n->chain);
    if (n->key)
        OPENSSL_cleanse(n->key, strlen(n->key));
    free(n->key);
    free(n);
}

void loop_post(struct loop *l, struct note *owned)
{
    owned->next = NULL;
    pthread_mutex_lock(&l->lock);
    *l->last = owned;
    l->last = &owned->next;
    pthread_mutex_unlock(&l->lock);
    ev_async_send(l->ev, &l->wake);
}

static struct note *take_notes(struct loop *l)
{
    struct note *first;

    pthread_mutex_lock(&l->lock);
    first = l->first;
    l->first = NULL;
    l->last = &l->first;
    pthread_mutex_unlock(&l->lock);
    return first;
}

// ---------------------------------------------------------------- table of connections

static struct conn *conn_by_number(struct loop *l, uint64_t number)
{
    uint32_t slot = number & ((1u << SLOT_BITS) - 1);
    struct conn *c = slot < l->slot_count ? l->slots[slot] : NULL;

    return c && c->number == number ? c : NULL;
}

static bool grow(struct loop *l)
{
    uint32_t count = l->slot_count ? 2 * l->slot_count : 256;
    struct conn **slots =
        count <= 1u << SLOT_BITS ? realloc(l->slots, count * sizeof *slots) : NULL;

    if (!slots)
        return false;
    memset(slots + l->slot_count, 0, (count - l->slot_count) * sizeof *slots);
    l->slots = slots;
    l->slot_count = count;
    return true;
}

// Gives c a place and a number that no connection had before.
static bool enter(struct loop *l, struct conn *c)
{
    uint32_t slot;

    if (l->used == l->slot_count && !grow(l))
        return false;
    l->generation++;
    slot = (uint32_t)(l->generation % l->slot_count);
    while (l->slots[slot])
        slot = (slot + 1) % l->slot_count;
    l->slots[slot] = c;
    l->used++;
    c->number = l->generation << SLOT_BITS | slot;
    return true;
}

static void pause_accept(struct loop *l, bool on)
{
    if (on == l->paused)
        return;
    l->paused = on;
    if (on)
        ev_io_stop(l->ev, &l->accept);
    else
        ev_io_start(l->ev, &l->accept);
}

// After one that others waited for came through or went away.
static void resume_accept(struct loop *l)
{
    if (l->paused && !l->draining && l->arrivals < ARRIVALS_MAX / 2 && !ev_is_active(&l->resume))
        pause_accept(l, false);
}

// ---------------------------------------------------------------- connections that are to pause

// Within its callback libwebsockets 4.1 must not be told to stop reading: with part of a TLS record
// unread it would turn around that connection for good. So a connection is among the pausing from
// when its session wants that until the loop is about to sleep, where no callback is below us, or
// until it goes on or ends. What comes meanwhile, the session holds.
static void enter_pausing(struct conn *c)
{
    struct loop *l = c->loop;

    if (c->pausing)
        return;
    c->next_pausing = l->pausing;
    if (l->pausing)
        l->pausing->pausing = &c->next_pausing;
    l->pausing = c;
    c->pausing = &l->pausing;
}

static void leave_pausing(struct conn *c)
{
    if (!c->pausing)
        return;
    *c->pausing = c->next_pausing;
    if (c->next_pausing)
        c->next_pausing->pausing = c->pausing;
    c->pausing = NULL;
}

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events)
{
    struct loop *l = w->data;

    (void)ev;
    (void)events;
    while (l->pausing) {
        struct conn *c = l->pausing;

        leave_pausing(c);
        lws_rx_flow_control(c->wsi, 0);
    }
}

// ---------------------------------------------------------------- end of a connection

static void conn_free(struct conn *c)
{
    struct loop *l = c->loop;
    struct place here = { .loop = l->index, .session = c->number };

    if (c->claimed)
        presence_release(l->shared->presence, c->session.who.device_id, &here);
    session_end(&c->session);
    leave_pausing(c);
    while (c->out) {
        struct outgoing *o = c->out;

        c->out = o->next;
        free(o);
    }
    if (c->stranger)
        address_stranger_leave(l->shared->presence, c->address);
    address_leave(l->shared->presence, c->address);
    l->slots[c->number & ((1u << SLOT_BITS) - 1)] = NULL;
    l->used--;
    l->shared->connections--;
    l->shared->strangers -= c->stranger;
    if (!c->established) {
        l->arrivals--;
        l->shared->arrivals--;
        resume_accept(l);
    }
    free(c->rx);
    free(c->reason);
    free(c);
}

// Only from the sweep or a note, never below a callback of lws: c is gone afterwards. (Its
// asynchronous kill and its timeouts wait for lws to be woken by something else.)
static void kill_conn(struct conn *c)
{
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_SYNC);
}

// ---------------------------------------------------------------- the session's port

static struct conn *conn_of(struct session *s)
{
    return (struct conn *)(void *)s;
}

static struct log_ctx log_of(const struct conn *c)
{
    return (struct log_ctx){ .area = "gateway", .device = c->session.who.id };
}

static bool port_ask(struct session *s, struct job *owned)
{
    struct conn *c = conn_of(s);

    owned->loop = c->loop->index;
    owned->session = c->number;
    if (clerks_submit(c->loop->shared->clerks, owned))
        return true;
    job_free(owned);
    return false;
}

// Nothing that was written before is still waiting, here or in lws.
static bool is_clear(const struct conn *c)
{
    return !c->out && !c->closing && !lws_partial_buffered(c->wsi);
}

// What the socket does not take, lws keeps and sends on by itself.
static void send_at_once(struct conn *c, const char *text, size_t len)
{
    unsigned char *at = c->loop->frame + LWS_PRE;

    memcpy(at, text, len);
    if (lws_write(c->wsi, at, len, LWS_WRITE_TEXT) < 0)
        c->doomed = true; // lws may be in the midst of it; the sweep ends it
    else
        c->loop->shared->sent += len;
}

static void port_send(struct session *s, const char *text, size_t len)
{
    struct conn *c = conn_of(s);
    struct outgoing *o;

    // Most frames are acks: waiting for lws' turn costs each two epoll_ctl, a poll and the turn.
    if (len <= AT_ONCE_MAX && is_clear(c)) {
        send_at_once(c, text, len);
        return;
    }
    o = malloc(sizeof *o + LWS_PRE + len);
    if (!o || c->out_bytes + len > OUT_MAX) {
        free(o);
        c->doomed = true; // it does not read what it is told; the sweep ends it
        return;
    }
    o->next = NULL;
    o->len = len;
    memcpy(o->bytes + LWS_PRE, text, len);
    *c->out_last = o;
    c->out_last = &o->next;
    c->out_bytes += len;
    lws_callback_on_writable(c->wsi);
}

static char *short_copy(const char *text)
{
    size_t len = strlen(text);
    char *copy;

    if (len > REASON_MAX)
        len = REASON_MAX;
    copy = calloc(1, len + 1);
    return copy ? memcpy(copy, text, len) : NULL;
}

static void port_close(struct session *s, enum close_code code, const char *reason)
{
    struct conn *c = conn_of(s);
    struct log_ctx ctx = log_of(c);

    c->closing = true;
    c->closing_at = clock_mono_ms();
    c->code = (uint16_t)code;
    c->reason = short_copy(reason);
    // Strangers may knock all day: they are counted, and told what they need to know.
    if (code != CLOSE_NORMAL && code != CLOSE_DRAIN && code != CLOSE_UNCLAIMED)
        log_info(&ctx, "closing with %d: %s", code, reason);
    lws_callback_on_writable(c->wsi);
}

static void port_pause(struct session *s, bool on)
{
    struct conn *c = conn_of(s);

    if (on) {
        enter_pausing(c);
        return;
    }
    leave_pausing(c);
    lws_rx_flow_control(c->wsi, 1);
}

static size_t port_key(struct session *s, uint8_t *out, size_t size)
{
    SSL *ssl = lws_get_ssl(conn_of(s)->wsi);

    return ssl ? identity_spki(SSL_get0_peer_certificate(ssl), out, size) : 0;
}

static void port_from(struct session *s, struct sockaddr_storage *out)
{
    peer_of(lws_get_socket_fd(conn_of(s)->wsi), out);
}

static bool port_exporter(struct session *s, uint8_t out[32])
{
    return tls_exporter(lws_get_ssl(conn_of(s)->wsi), out);
}

static void end_conn(struct conn *c, enum close_code code, const char *reason)
{
    if (c->session.phase == SESSION_ENDING)
        return;
    c->session.phase = SESSION_ENDING;
    port_close(&c->session, code, reason);
}

// Ends the session of an older connection at once: what it had in ingest must be let go before the
// newer one attaches.
static void replace(struct loop *l, uint64_t number)
{
    struct conn *c = conn_by_number(l, number);

    if (!c || !c->established)
        return;
    end_conn(c, CLOSE_REPLACED, "a newer session of this device");
    session_end(&c->session);
}

static void port_claim(struct session *s)
{
    struct conn *c = conn_of(s);
    struct loop *l = c->loop;
    struct place here = { .loop = l->index, .session = c->number }, before;
    struct sockaddr_storage from;
    struct note *n;
    bool was;

    peer_of(lws_get_socket_fd(c->wsi), &from);
    peer_key(&from, here.address);
    c->claimed = true;
    was = presence_claim(l->shared->presence, s->who.device_id, &here, &before);
    l->shared->arrived(l->shared->ctx, &s->who, &from, was ? &before : NULL);
    if (!was) {
        session_attach(s);
        return;
    }
    if (before.loop == l->index) {
        replace(l, before.session);
        session_attach(s);
        return;
    }
    n = note_new(NOTE_REPLACE, 0);
    n->session = before.session;
    n->place = here;
    l->shared->post(l->shared->ctx, before.loop, n);
}

static const struct session_port port = {
    .ask = port_ask,
    .send = port_send,
    .close = port_close,
    .pause = port_pause,
    .key = port_key,
    .from = port_from,
    .exporter = port_exporter,
    .claim = port_claim,
};

// ---------------------------------------------------------------- what libwebsockets tells

static int setup_tls(struct loop *l, SSL_CTX *ctx)
{
    l->tls = ctx;
    return tls_setup(ctx, &l->shared->tls, &l->fault) != RC_OK;
}

// Before the upgrade is granted: path, subprotocol, and who it is, which after a resumption nobody
// has asked yet.
static int admit(struct loop *l, struct conn *c, struct lws *wsi, const char *subprotocol)
{
    char path[sizeof PROTOCOL_PATH + 1] = "";
    struct fault f = { 0 };

    if (!c || l->draining || !subprotocol || strcmp(subprotocol, PROTOCOL_NAME) != 0 ||
        lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) != (int)strlen(PROTOCOL_PATH) ||
        lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI) < 0 ||
        strcmp(path, PROTOCOL_PATH) != 0)
        return 1;
    return tls_identity(lws_get_ssl(wsi), &l->shared->tls, &c->session.who, &f) != RC_OK;
}

// One address must not take up all the room there is for strangers.
static void count_stranger(struct loop *l, struct conn *c)
{
    c->stranger = address_stranger_enter(l->shared->presence, c->address, STRANGERS_MAX);
    l->shared->strangers += c->stranger;
    if (!c->stranger)
        session_refuse(&c->session, "rate", CLOSE_RETRY,
                       "too many new devices come from this address at once, try again later");
}

static void established(struct loop *l, struct conn *c)
{
    struct identity who = c->session.who;

    tls_keep(lws_get_ssl(c->wsi), &l->shared->tls, who.kind != IDENTITY_STRANGER);
    c->established = true;
    l->arrivals--;
    l->shared->arrivals--;
    resume_accept(l);
    l->shared->sessions++;
    l->shared->established++;
    memcpy(who.network, c->network, sizeof who.network);
    session_open(&c->session, &port, l->shared->ingest, &who, clock_mono_ms());
    c->session.ping_s = l->shared->ping_s;
    if (who.kind == IDENTITY_STRANGER)
        count_stranger(l, c);
}

// One frame in pieces: they are kept until the last one is there.
static void assemble(struct conn *c, const char *in, size_t len, bool last)
{
    // What the frame's head announces is made room for at once, and refused at once.
    size_t size = c->rx_len + len + lws_remaining_packet_payload(c->wsi);
    char *rx = size > LIMIT_FRAME_BYTES ? NULL : size > c->rx_size ? realloc(c->rx, size) : c->rx;

    if (!rx) {
        session_refuse(&c->session, "size", CLOSE_TOO_BIG, "a frame may have at most 65536 bytes");
        return;
    }
    c->rx = rx;
    c->rx_size = size > c->rx_size ? size : c->rx_size;
    memcpy(c->rx + c->rx_len, in, len);
    c->rx_len += len;
    if (!last)
        return;
    session_frame(&c->session, c->rx, c->rx_len, clock_mono_ms());
    free(take(&c->rx));
    c->rx_len = c->rx_size = 0;
}

static void receive(struct conn *c, struct lws *wsi, const char *in, size_t len)
{
    bool first = lws_is_first_fragment(wsi), last = lws_is_final_fragment(wsi);

    if (c->session.phase == SESSION_ENDING)
        return;
    c->loop->shared->received += len;
    if (lws_frame_is_binary(wsi)) {
        session_refuse(&c->session, "malformed", CLOSE_MALFORMED,
                       "binary frames mean nothing here");
        return;
    }
    if (last)
        c->loop->shared->frames++;
    if (first && last && !c->rx)
        session_frame(&c->session, in, len, clock_mono_ms());
    else
        assemble(c, in, len, last);
}

static int write_one(struct conn *c)
{
    struct outgoing *o = c->out;
    int n = lws_write(c->wsi, o->bytes + LWS_PRE, o->len, LWS_WRITE_TEXT);

    c->out = o->next;
    if (!c->out)
        c->out_last = &c->out;
    c->out_bytes -= o->len;
    c->loop->shared->sent += o->len;
    free(o);
    return n < 0 ? -1 : 0;
}

static int write_ping(struct conn *c)
{
    unsigned char payload[LWS_PRE + 1] = { 0 }; // lws does not tell of an empty pong

    c->ping_due = false;
    payload[LWS_PRE] = 'o';
    return lws_write(c->wsi, payload + LWS_PRE, 1, LWS_WRITE_PING) < 0 ? -1 : 0;
}

static int writable(struct conn *c)
{
    if (!c->closing)
        session_flush_ack(&c->session);
    if (c->ping_due && write_ping(c) < 0)
        return -1;
    while (c->out && !lws_send_pipe_choked(c->wsi))
        if (write_one(c) < 0)
            return -1;
    if (!c->closing && !c->out)
        return 0;
    // lws sends in pieces of its buffer's size; a close frame must wait for the last one.
    if (c->out || lws_send_pipe_choked(c->wsi)) {
        lws_callback_on_writable(c->wsi);
        return 0;
    }
    lws_close_reason(c->wsi, (enum lws_close_status)c->code, (unsigned char *)c->reason,
                     c->reason ? strlen(c->reason) : 0);
    return -1;
}

static void gone(struct loop *l, struct conn *c)
{
    session_end(&c->session);
    l->shared->sessions--;
    l->shared->closed++;
}

// Devices only: anything that is not the upgrade is told so and closed.
static int no_page(struct lws *wsi)
{
    lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND, NULL);
    return -1;
}

// lws tries the handshake while it adopts a socket, and may destroy the connection right there.
static void destroyed(struct conn *c)
{
    if (c && c->adopting)
        c->dead = true;
    else if (c)
        conn_free(c);
}

static int serve(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                 size_t len)
{
    struct loop *l = lws_context_user(lws_get_context(wsi));
    struct conn *c;

    // Only these two come before a connection exists.
    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS)
        return setup_tls(l, user);
    if (reason == LWS_CALLBACK_OPENSSL_PERFORM_CLIENT_CERT_VERIFICATION)
        return 1; // never asked, because verification is all ours; if it is: nobody comes in
    c = lws_get_opaque_user_data(wsi);
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_HTTP_BODY:
        return no_page(wsi);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return admit(l, c, wsi, in);
    case LWS_CALLBACK_ESTABLISHED:
        established(l, c);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        receive(c, wsi, in, len);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        c->session.seen_at = clock_mono_ms();
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return writable(c);
    case LWS_CALLBACK_CLOSED:
        gone(l, c);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        destroyed(c);
        return 0;
    default:
        return 0;
    }
}

// ---------------------------------------------------------------- accepting

static void adopt(struct loop *l, int fd, const struct sockaddr_storage *from)
{
    struct loop_shared *shared = l->shared;
    struct conn *c = calloc(1, sizeof *c);
    int on = 1;

    if (c) {
        c->loop = l;
        c->out_last = &c->out;
        c->session.phase = SESSION_ENDING;
        c->arrived_at = clock_mono_ms();
        c->address = address_enter(shared->presence, from, shared->per_address);
        address_network(from, c->network, sizeof c->network);
    }
    if (!c || !c->address || !enter(l, c)) {
        if (c)
            address_leave(shared->presence, c->address);
        free(c);
        close(fd);
        shared->refused++;
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    l->arrivals++;
    shared->arrivals++;
    shared->connections++;
    shared->accepted++;
    lws_adopt_desc_t how = {
        .vh = l->vhost,
        .type = LWS_ADOPT_HTTP | LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL,
        .fd = { .sockfd = fd },
        .opaque = c,
    };
    c->adopting = true;
    c->wsi = lws_adopt_descriptor_vhost_via_info(&how);
    c->adopting = false;
    if (!c->wsi || c->dead)
        conn_free(c);
}

static void on_accept(struct ev_loop *ev, ev_io *w, int events)
{
    struct loop *l = w->data;

    (void)events;
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        int fd;

        if (l->arrivals >= ARRIVALS_MAX) {
            pause_accept(l, true);
            return;
        }
        fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            adopt(l, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error(&area, "cannot accept: %s, trying again in 0.1 s", strerror(errno));
            pause_accept(l, true);
            ev_timer_again(ev, &l->resume);
        }
        return;
    }
}

static void on_resume(struct ev_loop *ev, ev_timer *w, int events)
{
    struct loop *l = w->data;

    (void)events;
    ev_timer_stop(ev, w);
    resume_accept(l);
}

// ---------------------------------------------------------------- once a second

static void sweep_conn(struct conn *c, int64_t now_ms, int64_t now_s)
{
    struct session *s = &c->session;
    int64_t ping_ms = c->loop->shared->ping_s * 1000, silent_ms = now_ms - s->seen_at;

    if (!c->established) {
        // Where others wait for its place it has less time.
        int64_t limit_ms = c->loop->arrivals >= ARRIVALS_MAX ? ARRIVAL_MS : HANDSHAKE_S * 1000;

        if (now_ms - c->arrived_at > limit_ms)
            kill_conn(c);
        return;
    }
    session_tick(s, now_ms, now_s);
    if (c->doomed || (c->closing && now_ms - c->closing_at > LINGER_MS)) {
        kill_conn(c);
        return;
    }
    if (c->closing)
        return;
    if (silent_ms >= ping_ms + (HANGUP_S - PING_S) * 1000) {
        kill_conn(c); // it does not hear us: a close frame would not help
    } else if (silent_ms >= ping_ms && now_ms - c->pinged_at >= ping_ms) {
        c->ping_due = true;
        c->pinged_at = now_ms;
        lws_callback_on_writable(c->wsi);
    }
}

static void on_sweep(struct ev_loop *ev, ev_timer *w, int events)
{
    struct loop *l = w->data;
    int64_t now_ms = clock_mono_ms(), now_s = clock_now_ms() / 1000;

    (void)ev;
    (void)events;
    for (uint32_t i = 0; i < l->slot_count; i++)
        if (l->slots[i] && l->slots[i]->wsi)
            sweep_conn(l->slots[i], now_ms, now_s);
    resume_accept(l);
}

// ---------------------------------------------------------------- notes from other threads

static void on_acks(struct loop *l, const struct note *n)
{
    for (size_t i = 0; i < n->count; i++) {
        struct conn *c = conn_by_number(l, n->acks[i].session);

        if (!c || !c->established)
            continue;
        session_acked(&c->session, n->acks[i].boot, n->acks[i].seq);
        if (is_clear(c))
            session_flush_ack(&c->session);
        else
            lws_callback_on_writable(c->wsi); // by then a later ack may stand for this one
    }
}

static void on_revoke(struct loop *l, const struct note *n)
{
    for (uint32_t i = 0; i < l->slot_count; i++) {
        struct conn *c = l->slots[i];

        if (c && c->established && !memcmp(c->session.who.device_id, n->device, 16))
            session_revoke(&c->session, n->why);
    }
}

static void on_levels(struct loop *l, const struct note *n)
{
    for (uint32_t i = 0; i < l->slot_count; i++) {
        struct conn *c = l->slots[i];

        if (c && c->established)
            session_level(&c->session, levels_find(n->levels, n->level_count,
                                                   c->session.who.catalog, c->session.who.device));
    }
}

static void on_replace(struct loop *l, const struct note *n)
{
    struct note *clear = note_new(NOTE_CLEAR, 0);

    replace(l, n->session);
    clear->session = n->place.session;
    l->shared->post(l->shared->ctx, n->place.loop, clear);
}

// Begins with the one that was left waiting last time: where ingest has room for a few only, each
// has its turn, and nobody is asked in vain.
static void on_drained(struct loop *l)
{
    uint32_t from = l->drain_from;

    for (uint32_t n = 0; n < l->slot_count; n++) {
        uint32_t i = (from + n) % l->slot_count;
        struct conn *c = l->slots[i];

        if (!c || !c->session.held)
            continue;
        session_drained(&c->session, clock_mono_ms());
        if (c->session.held && ingest_is_full(l->shared->ingest)) {
            l->drain_from = i; // another call comes once it has room
            return;
        }
    }
}

static void on_drain(struct loop *l)
{
    l->draining = true;
    pause_accept(l, true);
    for (uint32_t i = 0; i < l->slot_count; i++) {
        struct conn *c = l->slots[i];

        if (c && c->established)
            end_conn(c, CLOSE_DRAIN, "the server stops, come back soon");
        else if (c && c->wsi)
            kill_conn(c);
    }
}

static void on_certify(struct loop *l, const struct note *n)
{
    struct fault f;

    if (tls_certify(l->tls, n->chain, n->key, &f) != RC_OK)
        log_error(&area, "the new server certificate was not taken: %s", f.text);
}

static void on_note(struct loop *l, struct note *n)
{
    struct conn *c = conn_by_number(l, n->session);

    switch (n->kind) {
    case NOTE_ANSWER:
        c = conn_by_number(l, n->job->session);
        if (c && c->established)
            session_answer(&c->session, n->job);
        return;
    case NOTE_ACKS:
        on_acks(l, n);
        return;
    case NOTE_DRAINED:
        on_drained(l);
        return;
    case NOTE_REVOKE:
        on_revoke(l, n);
        return;
    case NOTE_LEVELS:
        on_levels(l, n);
        return;
    case NOTE_REPLACE:
        on_replace(l, n);
        return;
    case NOTE_CLEAR:
        if (c)
            session_attach(&c->session);
        return;
    case NOTE_CERTIFY:
        on_certify(l, n);
        return;
    case NOTE_DRAIN:
        on_drain(l);
        return;
    case NOTE_STOP:
        ev_break(l->ev, EVBREAK_ALL);
        return;
    }
}

static void on_wake(struct ev_loop *ev, ev_async *w, int events)
{
    struct loop *l = w->data;
    struct note *n = take_notes(l);

    (void)ev;
    (void)events;
    while (n) {
        struct note *next = n->next;

        on_note(l, n);
        note_free(n);
        n = next;
    }
}

// ---------------------------------------------------------------- life of a loop

static const struct lws_protocols protocols[] = {
    // What asks for no subprotocol lands on the first one, and admit() refuses it.
    { .name = "http", .callback = serve },
    { .name = PROTOCOL_NAME, .callback = serve, .rx_buffer_size = RX_BUFFER },
    { 0 },
};

// Our own sweep pings. lws keeps its timers in one sorted list, so that each costs a walk past all
// connections: with zero it sets none, with any other time one for each connection.
static const lws_retry_bo_t no_pings = { 0 };

static struct lws_vhost *make_vhost(struct loop *l)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .vhost_name = "devices",
        .protocols = protocols,
        .alpn = "http/1.1",
        .provided_client_ssl_ctx = l->client,
        .timeout_secs = HANDSHAKE_S,
        .keepalive_timeout = 5,
        .retry_and_idle_policy = &no_pings,
        .options = LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
                   LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT |
                   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .user = l,
    };

    return lws_create_vhost(l->context, &info);
}

static enum rc make_context(struct loop *l, struct fault *f)
{
    void *foreign[] = { l->ev };
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .foreign_loops = foreign,
        .timeout_secs = HANDSHAKE_S,
        .pt_serv_buf_size = SERVICE_BUFFER,
        .retry_and_idle_policy = &no_pings,
        .pcontext = &l->context, // is set to NULL once the context is gone
        .user = l,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
    };

    lws_set_log_level(0, NULL);
    l->context = lws_create_context(&info);
    if (!l->context)
        return fail(f, RC_UNAVAILABLE,
                    "libwebsockets cannot use libev: install libwebsockets-evlib-ev");
    l->client = SSL_CTX_new(TLS_client_method());
    l->vhost = l->client ? make_vhost(l) : NULL;
    if (!l->vhost || !l->tls)
        return l->fault.rc ? fail(f, l->fault.rc, "%s", l->fault.text)
                           : fail(f, RC_INTERNAL, "libwebsockets made no TLS context");
    return RC_OK;
}

static void watch(struct loop *l)
{
    ev_io_init(&l->accept, on_accept, l->fd, EV_READ);
    ev_timer_init(&l->sweep, on_sweep, SWEEP_S, SWEEP_S);
    ev_timer_init(&l->resume, on_resume, 0., FULL_PAUSE_S);
    ev_async_init(&l->wake, on_wake);
    ev_prepare_init(&l->prepare, on_prepare);
    l->accept.data = l->sweep.data = l->resume.data = l->wake.data = l->prepare.data = l;
    ev_io_start(l->ev, &l->accept);
    ev_timer_start(l->ev, &l->sweep);
    ev_async_start(l->ev, &l->wake);
    ev_prepare_start(l->ev, &l->prepare);
}

enum rc loop_new(struct loop_shared *shared, uint32_t index, int fd, const char *chain_pem,
                 const char *key_pem, struct loop **out, struct fault *f)
{
    auto_with(loop_freep) struct loop *l = calloc(1, sizeof *l);
    enum rc rc;

    if (!l) {
        close(fd);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    l->shared = shared;
    l->index = index;
    l->fd = fd;
    l->last = &l->first;
    pthread_mutex_init(&l->lock, NULL);
    l->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (!l->ev)
        return fail(f, RC_INTERNAL, "libev cannot use epoll here");
    watch(l);
    rc = make_context(l, f);
    if (rc == RC_OK)
        rc = tls_certify(l->tls, chain_pem, key_pem, f);
    if (rc == RC_OK)
        *out = take(&l);
    return rc;
}

static void *run(void *ctx)
{
    struct loop *l = ctx;

    ev_run(l->ev, 0);
    return NULL;
}

enum rc loop_start(struct loop *l, struct fault *f)
{
    l->running = pthread_create(&l->thread, NULL, run, l) == 0;
    return l->running ? RC_OK : fail(f, RC_INTERNAL, "cannot start a gateway thread");
}

void loop_join(struct loop *l)
{
    if (l->running)
        pthread_join(l->thread, NULL);
    l->running = false;
}

// On a foreign loop, libwebsockets may want turns of the loop between two calls.
static void destroy_context(struct loop *l)
{
    for (int i = 0; i < 20 && l->context; i++) {
        lws_context_destroy(l->context);
        ev_run(l->ev, EVRUN_NOWAIT);
    }
}

void loop_free(struct loop *l)
{
    struct note *n;

    if (!l)
        return;
    if (l->ev) {
        ev_io_stop(l->ev, &l->accept);
        ev_timer_stop(l->ev, &l->sweep);
        ev_timer_stop(l->ev, &l->resume);
        ev_async_stop(l->ev, &l->wake);
        ev_prepare_stop(l->ev, &l->prepare);
        destroy_context(l);
        ev_loop_destroy(l->ev);
    }
    SSL_CTX_free(l->client);
    for (n = take_notes(l); n;) {
        struct note *next = n->next;

        note_free(n);
        n = next;
    }
    if (l->fd >= 0)
        close(l->fd);
    pthread_mutex_destroy(&l->lock);
    free(l->slots);
    free(l);
}

SSL_CTX *loop_tls(struct loop *l)
{
    return l->tls;
}
