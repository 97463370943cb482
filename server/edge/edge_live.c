// SPDX-License-Identifier: Apache-2.0
//
// A browser's WebSocket: checked here, spoken by whoever adopts the other end of the
// socketpair. What one side does not take is kept, and then nothing is read from the
// other, so that a stuck browser costs a bounded amount and a flooding one nothing.
// A stream is the same with one direction: the rest of an answer, made elsewhere.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "edge/client.h"

#define PIECE     (16 * 1024)
#define SNDBUF    16384
#define HEAD_MAX_ (12 * 1024) // lws holds 16 KiB of head

struct live {
    struct watch watch; // over once the adopter has hung up
    int fd;             // our end
    struct grave grave;
    struct client *client;
    struct bytes up; // towards the adopter, when it takes no more
    bool one_way;    // a stream: what the client says is dropped
};

// ---------------------------------------------------------------- the pump

static bool push_up(struct live *l, const char *at, size_t len)
{
    ssize_t n = send(l->fd, at, len, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    n = n < 0 ? 0 : n;
    return bytes_add(&l->up, at + n, len - (size_t)n);
}

static enum flow flush_up(struct live *l)
{
    ssize_t n = send(l->fd, bytes_at(&l->up), bytes_len(&l->up), MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? FLOW_BLOCKED : FLOW_BROKEN;
    bytes_eat(&l->up, (size_t)n);
    if (bytes_len(&l->up) == 0)
        bytes_done(&l->up);
    return FLOW_MORE;
}

static enum flow pump_up(struct client *c)
{
    struct live *l = c->live;
    ssize_t n;

    if (bytes_len(&l->up) > 0)
        return flush_up(l);
    n = conn_read(c, c->edge->scratch, PIECE);
    if (n == -1)
        return FLOW_BLOCKED;
    if (n > 0 && l->one_way)
        return FLOW_MORE;
    if (n <= 0 || !push_up(l, c->edge->scratch, (size_t)n))
        return FLOW_BROKEN;
    return FLOW_MORE;
}

static enum flow pump_down(struct client *c)
{
    struct live *l = c->live;
    enum flow flow = conn_flush(c);
    ssize_t n, wrote;

    if (flow != FLOW_END)
        return flow;
    bytes_done(&c->out);
    n = recv(l->fd, c->edge->scratch, PIECE, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? FLOW_BLOCKED : FLOW_BROKEN;
    if (n == 0)
        return FLOW_END;
    wrote = conn_write(c, c->edge->scratch, (size_t)n);
    if (wrote == -2)
        return FLOW_BROKEN;
    wrote = wrote < 0 ? 0 : wrote;
    return bytes_add(&c->out, c->edge->scratch + wrote, (size_t)(n - wrote)) ? FLOW_MORE
                                                                             : FLOW_BROKEN;
}

static void set_interest(struct client *c)
{
    struct live *l = c->live;
    bool up = bytes_len(&l->up) > 0, down = bytes_len(&c->out) > 0;

    reactor_change(c->edge->reactor, &c->watch,
                   (up && !c->write_wants_read ? 0 : EPOLLIN) |
                       (c->blocked || c->read_wants_write ? EPOLLOUT : 0));
    reactor_change(c->edge->reactor, &l->watch, (down ? 0 : EPOLLIN) | (up ? EPOLLOUT : 0));
}

enum flow live_pump(struct client *c)
{
    enum flow up = pump_up(c), down;

    if (up == FLOW_BROKEN)
        return FLOW_BROKEN;
    down = pump_down(c);
    if (down == FLOW_BROKEN)
        return FLOW_BROKEN;
    if (down == FLOW_END) { // the adopter has closed and all it said is on its way
        live_close(c);
        client_shut(c);
        return FLOW_WAIT;
    }
    set_interest(c);
    return up == FLOW_MORE || down == FLOW_MORE ? FLOW_MORE : FLOW_WAIT;
}

static void on_pair(struct watch *w, uint32_t events)
{
    struct live *l = (struct live *)((char *)w - offsetof(struct live, watch));

    // Hung up with nobody listening: what it said last waits behind a full socket. From here on
    // that alone says when to go on, or that it took too long.
    if ((events & (EPOLLERR | EPOLLHUP)) && (w->events & (EPOLLIN | EPOLLOUT)) == 0)
        reactor_unwatch(l->client->edge->reactor, w);
    else
        client_drive(l->client);
}

static void bury(struct grave *g)
{
    free((char *)g - offsetof(struct live, grave));
}

void live_close(struct client *c)
{
    struct live *l = c->live;

    c->live = NULL;
    reactor_unwatch(c->edge->reactor, &l->watch);
    close(l->fd);
    bytes_done(&l->up);
    count_down(c->edge, lives);
    reactor_free(c->edge->reactor, &l->grave, bury);
}

// ---------------------------------------------------------------- the upgrade

static bool has(const struct request *q, const char *name, const char *token)
{
    const char *at = bytes_at(&q->text);
    const struct field *f = head_find(&q->head, at, name);

    return f && span_lists(at, f->value, token);
}

// 0, or the status to refuse with. lws would hang up on an unknown subprotocol without
// a word, and takes a missing one for its first.
static int check_upgrade(const struct client *c, const char **why)
{
    const struct request *q = c->req;
    const char *at = bytes_at(&q->text), *ours = c->edge->live_protocol;
    const struct field *key = head_find(&q->head, at, "Sec-WebSocket-Key");
    const struct field *protocol = head_find(&q->head, at, "Sec-WebSocket-Protocol");

    *why = "this path speaks WebSocket version 13 only (RFC 6455)";
    if (q->head.method != METHOD_GET)
        return 405;
    if (q->head.minor != 1 || !has(q, "Upgrade", "websocket") || !has(q, "Connection", "upgrade") ||
        !has(q, "Sec-WebSocket-Version", "13"))
        return 426;
    *why = "Sec-WebSocket-Key is missing or not 24 characters, or the request has a body";
    if (!key || key->value.len != 24 || q->head.chunked || q->head.length > 0)
        return 400;
    *why = "Sec-WebSocket-Protocol names none that is spoken here";
    if (protocol && (!ours || !span_lists(at, protocol->value, ours)))
        return 400;
    return 0;
}

static void put_field(struct bytes *out, const char *at, const struct field *f)
{
    bytes_print(out, "%.*s: %.*s\r\n", (int)f->name.len, at + f->name.at, (int)f->value.len,
                at + f->value.at);
}

// An allow-list: what lws need not know it does not see.
static void put_head(const struct client *c, struct bytes *out)
{
    static const char *const passed[] = { "Host", "Origin", "Cookie", "Authorization",
                                          "Sec-WebSocket-Key" };
    const struct request *q = c->req;
    const char *at = bytes_at(&q->text);

    bytes_text(out, "GET /live HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\n");
    // Only to whom asked: a browser hangs up on a subprotocol that it did not offer.
    if (head_find(&q->head, at, "Sec-WebSocket-Protocol"))
        bytes_print(out, "Sec-WebSocket-Protocol: %s\r\n", c->edge->live_protocol);
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
        const struct field *f = head_find(&q->head, at, passed[i]);

        if (f)
            put_field(out, at, f);
    }
    bytes_text(out, "\r\n");
}

static struct live *live_new(struct client *c, int pair[2])
{
    struct live *l = calloc(1, sizeof *l);
    int size = SNDBUF;

    if (!l || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        free(l);
        return NULL;
    }
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    l->client = c;
    l->fd = l->watch.fd = pair[0];
    l->watch.ready = on_pair;
    return l;
}

static void hand_over(struct client *c, const struct bytes *head)
{
    const struct edge_hooks *h = &c->edge->hooks;
    int pair[2];
    struct live *l = live_new(c, pair);
    bool good;

    if (!l) {
        reply_problem(c, 503, "no more live connections can be opened now");
        return;
    }
    c->live = l;
    count(c->edge, lives);
    good = push_up(l, bytes_at(head), bytes_len(head)) &&
           (bytes_len(&c->in) == 0 || bytes_add(&l->up, bytes_at(&c->in), bytes_len(&c->in))) &&
           reactor_watch(c->edge->reactor, &l->watch, EPOLLIN);
    bytes_done(&c->in);
    if (!good)
        close(pair[1]);
    else
        good = h->live_adopt(h->ctx, pair[1], bytes_at(head), bytes_len(head), c->req->remote);
    if (good) {
        client_lives(c);
    } else {
        live_close(c);
        reply_problem(c, 503, "no more live connections can be opened now");
    }
}

// ---------------------------------------------------------------- a stream

static bool open_stream(struct client *c)
{
    const struct edge_hooks *h = &c->edge->hooks;
    int pair[2];
    struct live *l = h->stream_open ? live_new(c, pair) : NULL;

    if (!l)
        return false;
    l->one_way = true;
    c->live = l;
    count(c->edge, lives);
    if (!reactor_watch(c->edge->reactor, &l->watch, EPOLLIN)) {
        close(pair[1]);
        return false;
    }
    return h->stream_open(h->ctx, c->req->stream, pair[1]);
}

void stream_decline(struct client *c)
{
    const struct edge_hooks *h = &c->edge->hooks;

    if (h->stream_open)
        h->stream_open(h->ctx, c->req->stream, -1);
}

void stream_answer(struct client *c)
{
    if (c->req->head.minor == 0) {
        stream_decline(c);
        bytes_done(&c->out); // the head that promised it
        reply_problem(c, 505, "a stream needs HTTP/1.1");
        return;
    }
    if (open_stream(c)) {
        client_lives(c);
        return;
    }
    if (c->live)
        live_close(c);
    bytes_done(&c->out);
    reply_problem(c, 503, "no more streams can be opened now");
}

// ---------------------------------------------------------------- a WebSocket

void live_answer(struct client *c)
{
    struct bytes head = { 0 };
    const char *why;
    int status = check_upgrade(c, &why);

    c->closing = true; // whatever follows is not HTTP any more
    if (status) {
        reply_problem(c, status, why);
        return;
    }
    put_head(c, &head);
    if (!c->edge->hooks.live_adopt || c->edge->draining)
        reply_problem(c, 503, "live connections are not served now");
    else if (bytes_len(&head) > HEAD_MAX_)
        reply_problem(c, 431, "the cookies and headers are too long for a live connection");
    else
        hand_over(c, &head);
    bytes_done(&head);
}
