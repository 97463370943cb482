// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include "core/auto.h"
#include "edge/client.h"

static bool under(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);

    return !strncmp(path, prefix, n) && (path[n] == '\0' || path[n] == '/');
}

static void health(struct client *c)
{
    static const char alive[] = "{\"status\":\"alive\"}";

    answer_text(c, 200, "application/json", alive, sizeof alive - 1);
}

static void readiness(struct client *c)
{
    const struct edge_hooks *h = &c->edge->hooks;
    char parts[4096] = "{\"ready\":true}";
    bool ready = !h->ready || h->ready(h->ctx, parts, sizeof parts);

    if (c->edge->draining) {
        static const char leaving[] = "{\"ready\":false,\"drain\":true}";

        answer_text(c, 503, "application/json", leaving, sizeof leaving - 1);
        return;
    }
    answer_text(c, ready ? 200 : 503, "application/json", parts, strlen(parts));
}

static void metrics(struct client *c)
{
    const struct edge_hooks *h = &c->edge->hooks;
    auto_free char *text = NULL;
    size_t len = 0;

    if (strcmp(c->req->path, "/metrics") != 0) {
        reply_problem(c, 404, "only /metrics is here");
        return;
    }
    if (h->metrics)
        text = h->metrics(h->ctx, &len);
    if (text)
        answer_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", text, len);
    else
        reply_problem(c, 503, "the metrics cannot be read now");
}

static void image(struct client *c)
{
    const struct edge_hooks *h = &c->edge->hooks;
    struct edge_file file = { .fd = -1 };
    enum rc rc = h->file ? h->file(h->ctx, c->req->path, c->req->peer, &file) : RC_NOT_FOUND;

    if (rc == RC_OK)
        file_answer(c, &file);
    else if (rc == RC_UNAVAILABLE)
        reply_problem(c, 503, "the file cannot be read now");
    else
        reply_problem(c, 404, "there is no such file, or it is not yours to see");
}

// What only GET and HEAD may ask for.
static const struct {
    const char *path;
    bool below; // and what lies below it
    void (*answer)(struct client *c);
} readables[] = {
    { "/healthz", false, health },
    { "/readyz", false, readiness },
    { "/images", true, image },
};

static void allow(struct client *c)
{
    reply_start(c, 204, NULL, -1);
    reply_field(c, "Allow", "GET, HEAD, OPTIONS");
    reply_end(c);
    reply_done(c);
}

static void read_only(struct client *c)
{
    struct request *q = c->req;

    // Nobody here reads a body, and what is not read must not be taken for a request.
    if (q->head.chunked || q->head.length > 0)
        c->closing = true;
    if (q->head.method == METHOD_OPTIONS) {
        allow(c);
        return;
    }
    if (q->head.method != METHOD_GET && q->head.method != METHOD_HEAD) {
        reply_problem(c, 405, "this can only be read");
        return;
    }
    if (c->kind == LISTEN_METRICS) {
        metrics(c);
        return;
    }
    for (size_t i = 0; i < sizeof readables / sizeof *readables; i++)
        if (readables[i].below ? under(q->path, readables[i].path)
                               : !strcmp(q->path, readables[i].path)) {
            readables[i].answer(c);
            return;
        }
    static_answer(c);
}

static void await_body(struct client *c)
{
    struct edge *e = c->edge;

    if (c->req->head.length > EDGE_BODY_MAX) {
        c->closing = true;
        reply_problem(c, 413, "the body is longer than 1 MiB: send it in parts");
        return;
    }
    if (e->buffered > e->buffered_max) {
        c->closing = true;
        reply_problem(c, 503, "too many bodies are under way; try again soon");
        return;
    }
    if (c->req->head.expects)
        bytes_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    c->state = CLIENT_BODY;
    c->moved = 0;
    reactor_arm(e->reactor, &e->bodies, &c->timer);
}

static bool is_rest(const char *path)
{
    return under(path, "/api") || under(path, "/.well-known") || under(path, "/tuf");
}

// A proxy that proved itself says who the client is; nobody else is believed.
static void believe_proxy(struct client *c)
{
    struct request *q = c->req;
    const char *at = bytes_at(&q->text), *secret = c->edge->proxy_secret;
    const struct field *proof = head_find(&q->head, at, EDGE_PROXY_HEADER);
    const struct field *remote = head_find(&q->head, at, EDGE_REMOTE_HEADER);
    const struct field *peer = head_find(&q->head, at, EDGE_PEER_HEADER);

    if (!proof || proof->value.len != strlen(secret) ||
        CRYPTO_memcmp(at + proof->value.at, secret, proof->value.len) != 0)
        return;
    if (remote && remote->value.len < sizeof q->remote)
        snprintf(q->remote, sizeof q->remote, "%.*s", (int)remote->value.len,
                 at + remote->value.at);
    if (peer && peer->value.len == sizeof q->peer - 1)
        snprintf(q->peer, sizeof q->peer, "%.*s", (int)peer->value.len, at + peer->value.at);
}

void route_head(struct client *c)
{
    struct request *q = c->req;

    if (c->kind == LISTEN_PLAIN && c->edge->proxy_secret)
        believe_proxy(c);
    if (c->kind == LISTEN_METRICS || !is_rest(q->path)) {
        if (c->kind != LISTEN_METRICS && !strcmp(q->path, "/live"))
            live_answer(c);
        else
            read_only(c);
        return;
    }
    if (q->head.chunked || q->head.length > 0)
        await_body(c);
    else
        route_body(c);
}

void route_body(struct client *c)
{
    rest_answer(c);
}
