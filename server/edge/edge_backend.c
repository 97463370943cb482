// SPDX-License-Identifier: Apache-2.0
//
// The pool of kept connections to civetweb: exactly as many as it has workers, all
// opened at the start and reopened at once, so that no local stranger finds a free one.
//
//   down -> opening -> idle -> busy (send, head, body) -> idle …

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "edge/client.h"

#define POOL      (EDGE_FAST + EDGE_SLOW)
#define READ_SIZE (32 * 1024)
#define READS_MAX 8

enum backend_state {
    BACKEND_DOWN,
    BACKEND_OPENING,
    BACKEND_IDLE,
    BACKEND_BUSY,
};

enum framing {
    BY_NOTHING,
    BY_LENGTH,
    BY_CHUNKS,
    BY_CLOSE,
};

struct backend {
    struct watch watch;
    struct timer timer;
    struct edge *edge;
    struct client *client; // NULL while busy: it left, the answer is read to its end
    struct bytes out;      // head of the request
    struct bytes in;       // head of the answer
    struct head answer;
    struct chunk chunk;
    size_t body_sent;
    int64_t left; // of the answer's body
    int64_t opened_at;
    enum backend_state state;
    enum framing framing;
    bool slow, heard, begun, paused;
};

static bool take_next(struct backend *b);

static struct backend *of_timer(struct timer *t)
{
    return (struct backend *)((char *)t - offsetof(struct backend, timer));
}

// ---------------------------------------------------------------- opening

static void opened(struct backend *b)
{
    count(b->edge, backend_opens);
    count(b->edge, backend_open);
    b->opened_at = reactor_now(b->edge->reactor);
    b->state = BACKEND_IDLE;
    reactor_disarm(&b->timer);
    reactor_change(b->edge->reactor, &b->watch, EPOLLIN);
    take_next(b);
}

static void open_later(struct backend *b)
{
    int fd = b->watch.fd;

    reactor_unwatch(b->edge->reactor, &b->watch);
    if (fd >= 0)
        close(fd);
    b->state = BACKEND_DOWN;
    reactor_arm(b->edge->reactor, &b->edge->reopens, &b->timer);
}

static void open_now(struct backend *b)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(b->edge->backend_port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1;

    b->watch.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (b->watch.fd < 0) {
        open_later(b);
        return;
    }
    setsockopt(b->watch.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    b->state = BACKEND_OPENING;
    if ((connect(b->watch.fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) ||
        !reactor_watch(b->edge->reactor, &b->watch, EPOLLOUT))
        open_later(b);
}

static void on_reopen(struct timer *t)
{
    open_now(of_timer(t));
}

static void opening(struct backend *b)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(b->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error)
        open_later(b);
    else
        opened(b);
}

static void drop(struct backend *b)
{
    int fd = b->watch.fd;

    if (b->state == BACKEND_BUSY)
        count_down(b->edge, busy);
    count_down(b->edge, backend_open);
    reactor_disarm(&b->timer);
    reactor_unwatch(b->edge->reactor, &b->watch);
    close(fd);
    bytes_done(&b->out);
    bytes_done(&b->in);
    b->state = BACKEND_DOWN;
    // One that does not last is not asked again in a tight loop.
    if (reactor_now(b->edge->reactor) - b->opened_at > REOPEN_MS)
        open_now(b);
    else
        reactor_arm(b->edge->reactor, &b->edge->reopens, &b->timer);
}

// The connection broke under a request.
static void lost(struct backend *b)
{
    struct client *c = b->client;
    bool unheard = !b->heard, begun = b->begun;

    b->client = NULL;
    drop(b);
    if (c)
        rest_lost(c, unheard, begun);
}

// ---------------------------------------------------------------- sending

// A worker that said goodbye, or anything, while idle is not to be trusted with a request.
static bool is_fresh(const struct backend *b)
{
    char c;

    return recv(b->watch.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static bool send_some(struct backend *b, const char *at, size_t len, size_t *sent)
{
    ssize_t n = send(b->watch.fd, at, len, MSG_NOSIGNAL);

    *sent = n > 0 ? (size_t)n : 0;
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool is_sent(const struct backend *b)
{
    return bytes_len(&b->out) == 0 &&
           (!b->client || b->body_sent == bytes_len(&b->client->req->body));
}

static bool send_request(struct backend *b)
{
    const struct bytes *body = &b->client->req->body;
    size_t n = 1;

    while (n > 0 && bytes_len(&b->out) > 0) {
        if (!send_some(b, bytes_at(&b->out), bytes_len(&b->out), &n))
            return false;
        bytes_eat(&b->out, n);
    }
    while (n > 0 && b->body_sent < bytes_len(body)) {
        if (!send_some(b, bytes_at(body) + b->body_sent, bytes_len(body) - b->body_sent, &n))
            return false;
        b->body_sent += n;
    }
    reactor_change(b->edge->reactor, &b->watch, is_sent(b) ? EPOLLIN : EPOLLIN | EPOLLOUT);
    return true;
}

static void serve(struct backend *b, struct client *c)
{
    b->client = c;
    b->state = BACKEND_BUSY;
    b->body_sent = 0;
    b->heard = b->begun = b->paused = false;
    head_init(&b->answer, true);
    c->req->backend = b;
    count(b->edge, busy);
    rest_head(c, &b->out);
    reactor_arm(b->edge->reactor, &b->edge->answers, &b->timer);
    if (b->out.failed || !send_request(b))
        lost(b);
}

static bool take_next(struct backend *b)
{
    struct queue *q = b->slow ? &b->edge->slow : &b->edge->fast;
    struct client *c = q->first;

    if (!c)
        return true;
    if (!is_fresh(b)) {
        drop(b);
        return false;
    }
    rest_leave(c);
    serve(b, c);
    return true;
}

void backends_wake(struct edge *e, bool slow)
{
    for (int i = 0; i < POOL; i++)
        if (e->backends[i].slow == slow && e->backends[i].state == BACKEND_IDLE &&
            take_next(&e->backends[i]))
            return;
}

// ---------------------------------------------------------------- receiving

static void answer_done(struct backend *b, bool more_came)
{
    struct client *c = b->client;
    bool stays = !b->answer.close && b->framing != BY_CLOSE && !more_came && is_sent(b);

    b->client = NULL;
    if (c)
        rest_end(c);
    bytes_done(&b->in);
    if (!stays) {
        drop(b);
        return;
    }
    count_down(b->edge, busy);
    b->state = BACKEND_IDLE;
    reactor_disarm(&b->timer);
    reactor_change(b->edge->reactor, &b->watch, EPOLLIN);
    take_next(b);
}

static void choose_framing(struct backend *b)
{
    const struct head *a = &b->answer;

    b->left = 0;
    if (a->status == 204 || a->status == 304)
        b->framing = BY_NOTHING;
    else if (a->chunked)
        b->framing = BY_CHUNKS;
    else if (a->length >= 0)
        b->framing = BY_LENGTH;
    else
        b->framing = BY_CLOSE;
    if (b->framing == BY_LENGTH)
        b->left = a->length;
    chunk_init(&b->chunk);
}

// True while the connection is still ours to read: false after lost() or answer_done().
static bool take_chunks(struct backend *b, const char *at, size_t len)
{
    size_t used, n;
    const char *data;

    for (;;) {
        switch (chunk_feed(&b->chunk, at, len, &used, &data, &n)) {
        case CHUNK_DATA:
            if (b->client)
                rest_data(b->client, data, n);
            break;
        case CHUNK_MORE:
            return true;
        case CHUNK_END:
            answer_done(b, used < len);
            return false;
        case CHUNK_BAD:
            lost(b);
            return false;
        }
        at += used;
        len -= used;
    }
}

static bool take_body(struct backend *b, const char *at, size_t len)
{
    size_t n = len;

    if (b->framing == BY_CHUNKS)
        return take_chunks(b, at, len);
    if (b->framing != BY_CLOSE && (int64_t)n > b->left)
        n = (size_t)b->left;
    if (b->client)
        rest_data(b->client, at, n);
    if (b->framing == BY_CLOSE)
        return true;
    b->left -= (int64_t)n;
    if (b->left > 0)
        return true;
    answer_done(b, n < len);
    return false;
}

static bool take_head(struct backend *b)
{
    enum head_state s = head_feed(&b->answer, bytes_at(&b->in), bytes_len(&b->in));
    struct bytes rest;
    bool open;

    if (s == HEAD_MORE)
        return true;
    if (s == HEAD_BAD) {
        lost(b);
        return false;
    }
    if (b->answer.status < 200) { // interim: the answer is still to come
        bytes_eat(&b->in, b->answer.size);
        head_init(&b->answer, true);
        return bytes_len(&b->in) == 0 || take_head(b);
    }
    choose_framing(b);
    if (b->client)
        rest_begin(b->client, &b->answer, bytes_at(&b->in),
                   b->framing == BY_CHUNKS || b->framing == BY_CLOSE);
    b->begun = true;
    rest = b->in;
    b->in = (struct bytes){ 0 };
    open = take_body(b, bytes_at(&rest) + b->answer.size, bytes_len(&rest) - b->answer.size);
    bytes_done(&rest);
    return open;
}

static bool take_bytes(struct backend *b, const char *at, size_t len)
{
    b->heard = true;
    if (b->begun)
        return take_body(b, at, len);
    if (!bytes_add(&b->in, at, len)) {
        lost(b);
        return false;
    }
    return take_head(b);
}

static void ended(struct backend *b)
{
    if (b->begun && b->framing == BY_CLOSE)
        answer_done(b, false);
    else
        lost(b);
}

// Whole answers are taken in, so that a slow reader does not hold a worker; only one
// beyond every bound makes its worker wait.
static bool must_pause(struct backend *b)
{
    if (!b->client || !rest_full(b->client))
        return false;
    b->paused = true;
    reactor_disarm(&b->timer);
    reactor_change(b->edge->reactor, &b->watch, 0);
    return true;
}

static void receive(struct backend *b)
{
    for (int i = 0; i < READS_MAX && !must_pause(b); i++) {
        ssize_t n = recv(b->watch.fd, b->edge->scratch, READ_SIZE, 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0) {
            ended(b);
            return;
        }
        reactor_arm(b->edge->reactor, &b->edge->answers, &b->timer);
        if (!take_bytes(b, b->edge->scratch, (size_t)n))
            return;
    }
    if (b->client && bytes_len(&b->client->out) > 0)
        reactor_post(b->edge->reactor, &b->client->task);
}

void backend_resume(struct backend *b)
{
    if (!b->paused)
        return;
    b->paused = false;
    reactor_arm(b->edge->reactor, &b->edge->answers, &b->timer);
    reactor_change(b->edge->reactor, &b->watch, EPOLLIN);
}

void backend_forget(struct backend *b)
{
    bool sent = is_sent(b);

    b->client = NULL;
    if (!sent) // half a request: this worker cannot be used again
        drop(b);
    else
        backend_resume(b);
}

static void on_ready(struct watch *w, uint32_t events)
{
    struct backend *b = (struct backend *)((char *)w - offsetof(struct backend, watch));

    if (b->state == BACKEND_OPENING) {
        opening(b);
        return;
    }
    if (b->state == BACKEND_IDLE) { // closed by the other side, or talking out of turn
        drop(b);
        return;
    }
    if ((events & EPOLLOUT) && b->client && !send_request(b)) {
        lost(b);
        return;
    }
    if (events & ~(uint32_t)EPOLLOUT)
        receive(b);
}

static void no_answer(struct timer *t)
{
    struct backend *b = of_timer(t);
    struct client *c = b->client;
    bool begun = b->begun;

    b->client = NULL;
    drop(b);
    if (!c)
        return;
    c->req->backend = NULL;
    count(c->edge, backend_failures);
    if (begun)
        rest_lost(c, false, true);
    else
        reply_problem(c, 504, "the server did not answer in time");
}

// ---------------------------------------------------------------- the pool

enum rc backends_open(struct edge *e, struct fault *f)
{
    e->backends = calloc(POOL, sizeof *e->backends);
    if (!e->backends)
        return fail(f, RC_INTERNAL, "out of memory");
    reactor_queue(e->reactor, &e->answers, ANSWER_MS, no_answer);
    reactor_queue(e->reactor, &e->reopens, REOPEN_MS, on_reopen);
    for (int i = 0; i < POOL; i++) {
        struct backend *b = &e->backends[i];

        b->edge = e;
        b->slow = i >= EDGE_FAST;
        b->watch.fd = -1;
        b->watch.ready = on_ready;
        if (e->backend_port)
            open_now(b);
    }
    return RC_OK;
}

void backends_close(struct edge *e)
{
    for (int i = 0; e->backends && i < POOL; i++) {
        struct backend *b = &e->backends[i];
        int fd = b->watch.fd;

        reactor_disarm(&b->timer);
        reactor_unwatch(e->reactor, &b->watch);
        if (fd >= 0)
            close(fd);
        bytes_done(&b->out);
        bytes_done(&b->in);
    }
    free(e->backends);
    e->backends = NULL;
}
