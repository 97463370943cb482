// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include "edge/client.h"

#define HELD_MAX   (2 * 1024 * 1024) // of one answer, before its backend has to wait
#define HELD_TIGHT (64 * 1024)       // the same while memory is scarce

// ---------------------------------------------------------------- the queue

static struct queue *queue_of(struct client *c)
{
    return c->req->slow ? &c->edge->slow : &c->edge->fast;
}

static void queue_link(struct queue *l, struct client *c, bool first)
{
    struct client *prev = first ? NULL : l->last;
    struct client *next = first ? l->first : NULL;

    c->req->queue_prev = prev;
    c->req->queue_next = next;
    if (prev)
        prev->req->queue_next = c;
    else
        l->first = c;
    if (next)
        next->req->queue_prev = c;
    else
        l->last = c;
}

static void queue_unlink(struct queue *l, struct client *c)
{
    struct request *q = c->req;

    if (q->queue_prev)
        q->queue_prev->req->queue_next = q->queue_next;
    else
        l->first = q->queue_next;
    if (q->queue_next)
        q->queue_next->req->queue_prev = q->queue_prev;
    else
        l->last = q->queue_prev;
}

void rest_put(struct client *c, bool first)
{
    struct edge *e = c->edge;
    uint64_t waiting = count(e, queued) + 1;

    if (waiting > e->counts.queued_max)
        gauge(e, queued_max, waiting);
    queue_link(queue_of(c), c, first);
    c->req->queued = true;
    reactor_arm(e->reactor, &e->waits, &c->timer);
    backends_wake(e, c->req->slow);
}

void rest_leave(struct client *c)
{
    if (!c->req->queued)
        return;
    queue_unlink(queue_of(c), c);
    c->req->queued = false;
    count_down(c->edge, queued);
    reactor_disarm(&c->timer);
}

// ---------------------------------------------------------------- the request's head

static bool is_hop_field(const char *at, struct span name)
{
    static const char *const hops[] = {
        "Host", // written by us
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Expect",
        "Content-Length",
        "Proxy-Connection",
        "Proxy-Authorization",
        "HTTP2-Settings",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Real-IP",
    };

    for (size_t i = 0; i < sizeof hops / sizeof *hops; i++)
        if (span_is(at, name, hops[i]))
            return true;
    return false;
}

// Any spelling that some layer could fold into one of our names.
static bool is_identity_field(const char *at, struct span name)
{
    static const char prefix[] = "x-orrery";

    if (name.len < sizeof prefix - 1 || span_is(at, name, "X-Orrery-CSRF"))
        return false;
    for (size_t i = 0; i < sizeof prefix - 1; i++) {
        char c = at[name.at + i];

        if ((prefix[i] == '-' && c != '-' && c != '_') ||
            (prefix[i] != '-' && (c | 0x20) != prefix[i]))
            return false;
    }
    return true;
}

static bool is_named_by_connection(const struct head *h, const char *at, struct span name)
{
    char text[100];

    if (name.len >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)name.len, at + name.at);
    for (int i = 0; i < h->count; i++)
        if (span_is(at, h->fields[i].name, "Connection") &&
            span_lists(at, h->fields[i].value, text))
            return true;
    return false;
}

static void put_span(struct bytes *out, const char *at, struct span s)
{
    bytes_add(out, at + s.at, s.len);
}

// Ours come first: civetweb keeps 64 fields and drops the rest without a word.
static void put_identity(const struct client *c, struct bytes *out)
{
    const struct request *q = c->req;

    bytes_print(out, EDGE_SECRET_HEADER ": %s\r\n", c->edge->backend_secret);
    bytes_print(out, EDGE_REQUEST_HEADER ": %s\r\n" EDGE_REMOTE_HEADER ": %s\r\n", q->id,
                q->remote);
    if (*q->peer)
        bytes_print(out, EDGE_PEER_HEADER ": %s\r\n", q->peer);
}

// HEAD goes on as GET and the body stays here, so that whether a handler writes one
// can never put the next answer out of step.
void rest_head(const struct client *c, struct bytes *out)
{
    const struct request *q = c->req;
    const struct head *h = &q->head;
    const char *at = bytes_at(&q->text);
    const struct field *host = head_find(h, at, "Host");

    bytes_print(out, "%s ", q->bodiless ? "GET" : method_name(h->method));
    put_span(out, at, h->target);
    bytes_text(out, " HTTP/1.1\r\n");
    put_identity(c, out);
    bytes_text(out, "Host: ");
    put_span(out, at, host ? host->value : (struct span){ 0, 0 });
    bytes_text(out, "\r\n");
    for (int i = 0; i < h->count; i++) {
        const struct field *f = &h->fields[i];

        if (is_hop_field(at, f->name) || is_identity_field(at, f->name) ||
            is_named_by_connection(h, at, f->name))
            continue;
        put_span(out, at, f->name);
        bytes_text(out, ": ");
        put_span(out, at, f->value);
        bytes_text(out, "\r\n");
    }
    if (bytes_len(&q->body) || (h->method != METHOD_GET && h->method != METHOD_HEAD))
        bytes_print(out, "Content-Length: %zu\r\n", bytes_len(&q->body));
    bytes_text(out, "\r\n");
}

// ---------------------------------------------------------------- the answer

static enum flow pull(struct client *c)
{
    struct request *q = c->req;

    if (q->finished)
        return FLOW_END;
    if (q->backend)
        backend_resume(q->backend);
    return FLOW_WAIT;
}

static void gone(struct client *c)
{
    rest_leave(c);
    if (c->req->backend)
        backend_forget(c->req->backend);
    c->req->backend = NULL;
}

static const struct responder by_rest = { "rest", pull, gone };

void rest_answer(struct client *c)
{
    struct request *q = c->req;
    const struct edge_hooks *h = &c->edge->hooks;

    q->slow =
        h->slow && h->slow(h->ctx, q->bodiless ? "GET" : method_name(q->head.method), q->path);
    client_answers(c, &by_rest);
    rest_put(c, false);
}

bool rest_full(const struct client *c)
{
    size_t held = bytes_len(&c->out);

    return held > HELD_MAX || (held > HELD_TIGHT && c->edge->buffered > c->edge->buffered_max);
}

static void note_stream(struct client *c, const struct head *answer, const char *at)
{
    const struct field *f = head_find(answer, at, EDGE_STREAM_HEADER);
    struct request *q = c->req;

    if (!f || answer->status != 200 || f->value.len >= sizeof q->stream)
        return;
    snprintf(q->stream, sizeof q->stream, "%.*s", (int)f->value.len, at + f->value.at);
    c->closing = true; // only the end of the connection follows a stream
}

void rest_begin(struct client *c, const struct head *answer, const char *at, bool rechunk)
{
    struct request *q = c->req;
    bool has_body = answer->status != 204 && answer->status != 304;

    q->status = answer->status;
    q->rechunk = rechunk && !q->bodiless && q->head.minor == 1;
    note_stream(c, answer, at);
    // Without a length HTTP/1.0 knows only the end of the connection.
    if (rechunk && q->head.minor == 0)
        c->closing = true;
    bytes_print(&c->out, "HTTP/1.1 %d %s\r\n", answer->status, status_phrase(answer->status));
    reply_common(c);
    for (int i = 0; i < answer->count; i++)
        if (!reply_is_ours(at, answer->fields[i].name)) {
            put_span(&c->out, at, answer->fields[i].name);
            bytes_text(&c->out, ": ");
            put_span(&c->out, at, answer->fields[i].value);
            bytes_text(&c->out, "\r\n");
        }
    if (!head_find(answer, at, "Cache-Control"))
        bytes_text(&c->out, "Cache-Control: no-store\r\n");
    if (q->rechunk || *q->stream)
        bytes_text(&c->out, "Transfer-Encoding: chunked\r\n");
    else if (!rechunk && has_body)
        bytes_print(&c->out, "Content-Length: %lld\r\n",
                    (long long)(answer->length < 0 ? 0 : answer->length));
    bytes_text(&c->out, "\r\n");
}

void rest_data(struct client *c, const char *data, size_t len)
{
    if (c->req->bodiless || len == 0)
        return;
    if (c->req->rechunk)
        bytes_print(&c->out, "%zx\r\n", len);
    bytes_add(&c->out, data, len);
    if (c->req->rechunk)
        bytes_text(&c->out, "\r\n");
}

void rest_end(struct client *c)
{
    if (c->req->rechunk)
        bytes_text(&c->out, "0\r\n\r\n");
    c->req->backend = NULL;
    c->req->finished = true;
    if (*c->req->stream && !c->req->bodiless) {
        stream_answer(c);
        return;
    }
    if (*c->req->stream)
        stream_decline(c);
    reactor_post(c->edge->reactor, &c->task);
}

// Asking again is harmless only for what merely reads, and once is enough.
void rest_lost(struct client *c, bool unheard, bool begun)
{
    struct request *q = c->req;

    q->backend = NULL;
    if (begun) { // a cut answer must not look whole
        c->broken = true;
        client_close(c);
    } else if (unheard && !q->retried &&
               (q->head.method == METHOD_GET || q->head.method == METHOD_HEAD)) {
        q->retried = true;
        count(c->edge, backend_retries);
        rest_put(c, true);
    } else {
        count(c->edge, backend_failures);
        reply_problem(c, 502, "the request was lost inside the server; its effect is not known");
    }
}
