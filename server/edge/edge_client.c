// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/clock.h"
#include "edge/client.h"

#define READ_SIZE 4096
#define DRIVE_MAX 4 // steps before others get their turn

static struct client *of_timer(struct timer *t)
{
    return (struct client *)((char *)t - offsetof(struct client, timer));
}

// ---------------------------------------------------------------- requests

static void remote_text(const struct client *c, char out[INET6_ADDRSTRLEN])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (memcmp(c->addr, mapped, sizeof mapped) == 0)
        inet_ntop(AF_INET, c->addr + 12, out, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, c->addr, out, INET6_ADDRSTRLEN);
}

static bool request_new(struct client *c)
{
    struct edge *e = c->edge;
    struct request *q = calloc(1, sizeof *q);
    uint64_t id;

    if (!q)
        return false;
    head_init(&q->head, false);
    q->body.tally = &e->buffered;
    q->file = -1;
    q->began_us = clock_mono_us();
    id = e->request_seed + e->request_number++ * 0x9e3779b97f4a7c15u;
    snprintf(q->id, sizeof q->id, "%016" PRIx64, id);
    remote_text(c, q->remote);
    memcpy(q->peer, c->peer, sizeof q->peer);
    c->req = q;
    return true;
}

static void request_free(struct client *c)
{
    struct request *q = c->req;

    if (!q)
        return;
    c->req = NULL;
    bytes_done(&q->text);
    bytes_done(&q->body);
    bytes_done(&q->path_text);
    free(q);
}

static void request_gone(struct client *c)
{
    if (c->req && c->req->by && c->req->by->gone)
        c->req->by->gone(c);
    request_free(c);
}

// The path alone: a query may hold what a log must not. What a backend answered, it has
// logged under the same request id.
static void request_log(const struct client *c)
{
    const struct request *q = c->req;
    struct log_ctx ctx = { .area = "edge", .req = q->id, .peer = q->remote };

    if (q->finished)
        return;

    log_info(&ctx, "%s %.200s %d %llu bytes %.1f ms", q->path ? method_name(q->head.method) : "-",
             q->path ? q->path : "-", q->status, (unsigned long long)q->sent,
             (double)(clock_mono_us() - q->began_us) / 1000);
}

static void request_done(struct client *c)
{
    int class = c->req->status / 100;

    if (class >= 0 && class < 6)
        count(c->edge, requests[class]);
    request_log(c);
    request_gone(c);
}

// ---------------------------------------------------------------- open and close

static void run_task(struct task *t)
{
    client_drive((struct client *)((char *)t - offsetof(struct client, task)));
}

static void on_ready(struct watch *w, uint32_t events)
{
    struct client *c = (struct client *)((char *)w - offsetof(struct client, watch));

    // With nobody reading, a hang-up would be reported again and again.
    if ((events & (EPOLLERR | EPOLLHUP)) &&
        (c->state == CLIENT_ANSWER || (w->events & EPOLLIN) == 0))
        client_close(c);
    else if (c->state == CLIENT_ANSWER && !c->blocked && !c->write_wants_read)
        reactor_change(c->edge->reactor, w, 0); // it can wait until the answer is made
    else if (c->state == CLIENT_HANDSHAKE && c->ssl)
        handshake_queue(c);
    else
        client_drive(c);
}

static bool start_tls(struct client *c)
{
    struct edge *e = c->edge;

    pthread_mutex_lock(&e->lock);
    c->ssl = SSL_new(e->tls);
    pthread_mutex_unlock(&e->lock);
    return c->ssl && SSL_set_fd(c->ssl, c->watch.fd) == 1;
}

bool client_open(struct edge *e, int fd, enum listener_kind kind, const uint8_t addr[16])
{
    struct client *c = calloc(1, sizeof *c);

    if (!c)
        return false;
    c->edge = e;
    c->kind = kind;
    c->watch.fd = fd;
    c->watch.ready = on_ready;
    c->task.run = run_task;
    c->counted = kind == LISTEN_TLS;
    memcpy(c->addr, addr, 16);
    c->out.tally = &e->buffered;
    c->next = e->clients;
    if (e->clients)
        e->clients->prev = c;
    e->clients = c;
    count(e, clients);
    if ((kind == LISTEN_TLS && !start_tls(c)) || !reactor_watch(e->reactor, &c->watch, EPOLLIN)) {
        client_close(c);
        return true;
    }
    if (kind == LISTEN_TLS)
        reactor_arm(e->reactor, &e->handshakes, &c->timer);
    else
        client_secured(c);
    return true;
}

static void idle(struct client *c)
{
    struct edge *e = c->edge;

    c->state = CLIENT_HEAD;
    if (bytes_len(&c->in) == 0)
        bytes_done(&c->in);
    bytes_done(&c->out);
    reactor_arm(e->reactor, bytes_len(&c->in) ? &e->heads : &e->idles, &c->timer);
}

void client_secured(struct client *c)
{
    idle(c);
    reactor_post(c->edge->reactor, &c->task);
}

static void bury(struct grave *g)
{
    struct client *c = (struct client *)((char *)g - offsetof(struct client, grave));

    SSL_free(c->ssl);
    free(c);
}

void client_bury(struct client *c)
{
    reactor_free(c->edge->reactor, &c->grave, bury);
}

static void unlink_client(struct client *c)
{
    struct edge *e = c->edge;

    if (c->prev)
        c->prev->next = c->next;
    else
        e->clients = c->next;
    if (c->next)
        c->next->prev = c->prev;
    if (c->counted)
        address_leaves(e, c->addr);
    count_down(e, clients);
}

void client_close(struct client *c)
{
    struct edge *e = c->edge;
    int fd = c->watch.fd;

    if (c->state == CLIENT_DEAD)
        return;
    if (c->ssl && !c->broken && c->state != CLIENT_HANDSHAKE && c->state != CLIENT_LINGER)
        SSL_shutdown(c->ssl);
    c->state = CLIENT_DEAD;
    if (c->live)
        live_close(c);
    request_gone(c);
    reactor_disarm(&c->timer);
    reactor_unpost(e->reactor, &c->task);
    reactor_unwatch(e->reactor, &c->watch);
    close(fd);
    bytes_done(&c->in);
    bytes_done(&c->out);
    unlink_client(c);
    if (!c->handshake_queued)
        client_bury(c);
}

// Closing at once would send a reset over bytes not yet read, and that reset can
// overtake the answer. So: say goodbye, then read what still comes, for a while.
void client_shut(struct client *c)
{
    struct edge *e = c->edge;

    if (c->ended || c->broken) {
        client_close(c);
        return;
    }
    if (c->ssl)
        SSL_shutdown(c->ssl);
    shutdown(c->watch.fd, SHUT_WR);
    request_gone(c);
    bytes_done(&c->in);
    bytes_done(&c->out);
    c->state = CLIENT_LINGER;
    c->moved = 0;
    reactor_arm(e->reactor, &e->lingers, &c->timer);
    reactor_change(e->reactor, &c->watch, EPOLLIN);
}

static void drain(struct client *c)
{
    for (int i = 0; i < DRIVE_MAX; i++) {
        ssize_t n = recv(c->watch.fd, c->edge->scratch, SCRATCH_SIZE, 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        c->moved += n > 0 ? (size_t)n : 0;
        if (n <= 0 || c->moved > LINGER_SIZE) {
            c->broken = true;
            client_close(c);
            return;
        }
    }
}

// ---------------------------------------------------------------- reading a head

// From here on the head's spans hold, as its bytes do not move any more.
static bool keep_head(struct client *c, struct request *q)
{
    struct bytes rest = { 0 };
    size_t size = q->head.size;

    if (!bytes_add(&rest, bytes_at(&c->in) + size, bytes_len(&c->in) - size))
        return false;
    q->text = c->in;
    c->in = rest;
    if (!bytes_add(&q->path_text, bytes_at(&q->text) + q->head.path.at, q->head.path.len) ||
        !bytes_add(&q->path_text, "", 1))
        return false;
    q->path = bytes_at(&q->path_text);
    return true;
}

static void head_done(struct client *c)
{
    struct request *q = c->req;

    if (!keep_head(c, q)) {
        client_close(c);
        return;
    }
    q->bodiless = q->head.method == METHOD_HEAD;
    c->closing = q->head.close || q->head.upgrades;
    reactor_disarm(&c->timer);
    route_head(c);
}

static void head_bad(struct client *c)
{
    count(c->edge, refused_heads);
    c->closing = true;
    reply_problem(c, c->req->head.bad, c->req->head.reason);
}

static enum flow parse_head(struct client *c)
{
    if (bytes_len(&c->in) == 0)
        return FLOW_MORE;
    if (!c->req) {
        if (!request_new(c))
            return FLOW_BROKEN;
        reactor_arm(c->edge->reactor, &c->edge->heads, &c->timer);
    }
    switch (head_feed(&c->req->head, bytes_at(&c->in), bytes_len(&c->in))) {
    case HEAD_DONE:
        head_done(c);
        break;
    case HEAD_BAD:
        head_bad(c);
        break;
    case HEAD_MORE:
        break;
    }
    return FLOW_MORE;
}

static enum flow read_head(struct client *c)
{
    ssize_t n;
    enum flow flow = FLOW_MORE;

    // Pipelined bytes that are here already come first.
    if (bytes_len(&c->in) > 0 && !c->req) {
        flow = parse_head(c);
        if (flow != FLOW_MORE || c->state != CLIENT_HEAD)
            return flow;
    }
    n = conn_read(c, c->edge->scratch, READ_SIZE);
    if (n == -1)
        return FLOW_BLOCKED;
    if (n <= 0 || !bytes_add(&c->in, c->edge->scratch, (size_t)n))
        return FLOW_BROKEN;
    return parse_head(c);
}

// ---------------------------------------------------------------- reading a body

static enum flow body_refused(struct client *c, int status, const char *detail)
{
    c->closing = true;
    reply_problem(c, status, detail);
    return FLOW_MORE;
}

static enum flow body_add(struct client *c, const char *data, size_t n)
{
    struct request *q = c->req;

    if (bytes_len(&q->body) + n > EDGE_BODY_MAX)
        return body_refused(c, 413, "the body is longer than 1 MiB: send it in parts");
    if (c->edge->buffered > c->edge->buffered_max)
        return body_refused(c, 503, "too many bodies are under way; try again soon");
    return bytes_add(&q->body, data, n) ? FLOW_MORE : FLOW_BROKEN;
}

static enum flow body_done(struct client *c)
{
    reactor_disarm(&c->timer);
    route_body(c);
    return FLOW_MORE;
}

static enum flow take_chunks(struct client *c, const char *at, size_t len)
{
    size_t used = 0, n;
    const char *data;

    while (c->state == CLIENT_BODY) {
        enum flow flow = FLOW_MORE;

        switch (chunk_feed(&c->req->chunk, at, len, &used, &data, &n)) {
        case CHUNK_DATA:
            flow = body_add(c, data, n);
            break;
        case CHUNK_END:
            if (!bytes_add(&c->in, at + used, len - used))
                return FLOW_BROKEN;
            return body_done(c);
        case CHUNK_BAD:
            return body_refused(c, 400, "the chunked body is malformed");
        case CHUNK_MORE:
            return FLOW_MORE;
        }
        if (flow != FLOW_MORE)
            return flow;
        at += used;
        len -= used;
    }
    return FLOW_MORE;
}

static enum flow take_body(struct client *c, const char *at, size_t len)
{
    struct request *q = c->req;
    enum flow flow;

    if (q->head.chunked)
        return take_chunks(c, at, len);
    flow = body_add(c, at, len);
    if (flow == FLOW_MORE && c->state == CLIENT_BODY &&
        bytes_len(&q->body) == (size_t)q->head.length)
        return body_done(c);
    return flow;
}

// What came in one read with the head.
static enum flow take_early_body(struct client *c)
{
    struct request *q = c->req;
    struct bytes early = c->in;
    size_t len = bytes_len(&early);
    enum flow flow;

    c->in = (struct bytes){ 0 };
    if (!q->head.chunked && len > (size_t)q->head.length - bytes_len(&q->body))
        len = (size_t)q->head.length - bytes_len(&q->body);
    if (!q->head.chunked && !bytes_add(&c->in, bytes_at(&early) + len, bytes_len(&early) - len))
        flow = FLOW_BROKEN;
    else
        flow = take_body(c, bytes_at(&early), len);
    bytes_done(&early);
    return flow;
}

static enum flow read_body(struct client *c)
{
    struct request *q = c->req;
    size_t want = SCRATCH_SIZE / 2;
    ssize_t n;

    if (bytes_len(&c->in) > 0)
        return take_early_body(c);
    if (!q->head.chunked && (size_t)q->head.length - bytes_len(&q->body) < want)
        want = (size_t)q->head.length - bytes_len(&q->body);
    n = conn_read(c, c->edge->scratch, want);
    if (n == -1)
        return FLOW_BLOCKED;
    if (n <= 0)
        return FLOW_BROKEN;
    c->moved += (size_t)n;
    return take_body(c, c->edge->scratch, (size_t)n);
}

// ---------------------------------------------------------------- answering

void client_answers(struct client *c, const struct responder *by)
{
    c->req->by = by;
    c->state = CLIENT_ANSWER;
    c->moved = 0;
    if (!c->driven)
        reactor_post(c->edge->reactor, &c->task);
}

static enum flow answered(struct client *c)
{
    request_done(c);
    c->blocked = false;
    if (c->closing || c->edge->draining) {
        client_shut(c);
        return FLOW_WAIT;
    }
    idle(c);
    return conn_has_more(c) ? FLOW_MORE : FLOW_BLOCKED;
}

// The window runs only while the peer owes us reading.
static void watch_writing(struct client *c)
{
    struct edge *e = c->edge;

    if (c->blocked && !(c->timer.due && c->timer.queue == &e->writes)) {
        c->moved = 0;
        reactor_arm(e->reactor, &e->writes, &c->timer);
    } else if (!c->blocked && c->timer.queue == &e->writes) {
        reactor_disarm(&c->timer);
    }
}

static enum flow write_answer(struct client *c)
{
    enum flow flow = conn_flush(c);

    if (flow == FLOW_END)
        flow = c->req->by->pull(c);
    return flow == FLOW_END && bytes_len(&c->out) == 0 ? answered(c)
           : flow == FLOW_END                          ? FLOW_MORE
                                                       : flow;
}

// What a slow reader has not taken stays with whoever makes it, where newer replaces older: the
// kernel alone would keep megabytes of it.
void client_lives(struct client *c)
{
    int unsent = LIVE_UNSENT;

    setsockopt(c->watch.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    c->state = CLIENT_LIVE;
    if (!c->req->status)
        c->req->status = 101;
    request_done(c);
    count(c->edge, live_opened);
    reactor_post(c->edge->reactor, &c->task);
}

// ---------------------------------------------------------------- the drive

static enum flow step(struct client *c)
{
    switch (c->state) {
    case CLIENT_HEAD:
        return read_head(c);
    case CLIENT_BODY: // "100 Continue" may wait in out
        return conn_flush(c) == FLOW_BROKEN ? FLOW_BROKEN : read_body(c);
    case CLIENT_ANSWER:
        return write_answer(c);
    case CLIENT_LIVE:
        return live_pump(c);
    case CLIENT_LINGER:
        drain(c);
        return FLOW_WAIT;
    case CLIENT_HANDSHAKE:
    case CLIENT_DEAD:
        break;
    }
    return FLOW_WAIT;
}

static void set_interest(struct client *c)
{
    bool reads = c->state == CLIENT_HEAD || c->state == CLIENT_BODY || c->state == CLIENT_LINGER;
    uint32_t events = 0;

    if (c->state == CLIENT_DEAD || c->state == CLIENT_LIVE)
        return;
    // Most answers are made before the client says more, and then this saves two calls.
    if (c->state == CLIENT_ANSWER && !c->blocked && c->watch.events == EPOLLIN)
        return;
    if (reads || c->write_wants_read)
        events |= EPOLLIN;
    if (c->blocked || (reads && c->read_wants_write))
        events |= EPOLLOUT;
    reactor_change(c->edge->reactor, &c->watch, events);
}

void client_drive(struct client *c)
{
    enum flow flow = FLOW_MORE;

    c->driven = true;
    for (int i = 0; i < DRIVE_MAX && flow == FLOW_MORE && c->state != CLIENT_DEAD; i++)
        flow = step(c);
    c->driven = false;
    if (flow == FLOW_BROKEN)
        client_close(c);
    if (c->state == CLIENT_DEAD)
        return;
    if (flow == FLOW_MORE)
        reactor_post(c->edge->reactor, &c->task);
    if (c->state == CLIENT_ANSWER || c->state == CLIENT_LIVE)
        watch_writing(c);
    set_interest(c);
}

// ---------------------------------------------------------------- deadlines

static void quiet_too_long(struct timer *t) // handshake, idle, linger
{
    struct client *c = of_timer(t);

    if (c->state == CLIENT_HANDSHAKE)
        count(c->edge, handshakes_failed);
    client_close(c);
}

static void head_too_slow(struct timer *t)
{
    struct client *c = of_timer(t);

    count(c->edge, timeouts_head);
    c->closing = true;
    reply_problem(c, 408, "the head of the request did not arrive within 5 seconds");
}

static void body_window(struct timer *t)
{
    struct client *c = of_timer(t);

    if (c->moved >= BODY_WINDOW_BYTES) {
        c->moved = 0;
        reactor_arm(c->edge->reactor, &c->edge->bodies, t);
        return;
    }
    count(c->edge, timeouts_body);
    body_refused(c, 408, "the body arrives slower than 1 KiB a second");
}

static void write_window(struct timer *t)
{
    struct client *c = of_timer(t);

    if (c->moved >= WRITE_WINDOW_SIZE) {
        c->moved = 0;
        reactor_arm(c->edge->reactor, &c->edge->writes, t);
        return;
    }
    count(c->edge, timeouts_write);
    c->broken = true; // no farewell fits into a full socket
    client_close(c);
}

static void waited_too_long(struct timer *t)
{
    struct client *c = of_timer(t);

    rest_leave(c);
    c->closing = true;
    reply_problem(c, 503, "the server is busy; try again soon");
}

static void look_again(struct timer *t)
{
    client_drive(of_timer(t));
}

void client_queues(struct edge *e)
{
    reactor_queue(e->reactor, &e->handshakes, HANDSHAKE_MS, quiet_too_long);
    reactor_queue(e->reactor, &e->idles, IDLE_MS, quiet_too_long);
    reactor_queue(e->reactor, &e->lingers, LINGER_MS, quiet_too_long);
    reactor_queue(e->reactor, &e->heads, HEAD_MS, head_too_slow);
    reactor_queue(e->reactor, &e->bodies, BODY_WINDOW_MS, body_window);
    reactor_queue(e->reactor, &e->writes, WRITE_WINDOW_MS, write_window);
    reactor_queue(e->reactor, &e->waits, QUEUE_MS, waited_too_long);
    reactor_queue(e->reactor, &e->cold, COLD_MS, look_again);
}
