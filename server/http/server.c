// SPDX-License-Identifier: Apache-2.0
//
// civetweb, as little of it as possible: it accepts on loopback, splits the head and
// reads the body. Everything goes through begin_request, before its own ideas about
// files, prefixes, CORS and authentication.

#include "http/server.h"

#include <civetweb.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/hex.h"
#include "core/log.h"
#include "edge/edge.h"
#include "http/dispatch.h"
#include "http/problem.h"
#include "http_sql.h"
#include "store/store.h"

#define HEAD_SIZE    4096
#define ROUTES_MAX   128
#define BODY_WAIT_MS 10000
#define DRAIN_MS     10000
#define BUCKETS      8

struct counter {
    const struct route *route; // NULL: what matched none
    atomic_uint_fast64_t answers[6], us, bucket[BUCKETS];
};

struct http {
    struct dispatcher dispatcher;
    struct mg_context *mg;
    int port;
    char secret[HTTP_SECRET_LEN + 1];
    atomic_bool draining;
    atomic_int in_flight;
    size_t counters;
    struct counter counter[ROUTES_MAX];
};

struct head {
    char text[HEAD_SIZE];
    size_t len;
};

// ---------------------------------------------------------------- counters

static void counters_init(struct http *h)
{
    h->counters = 1; // the first one is for what matches nothing
    for (const struct route *const *t = h->dispatcher.tables; *t; t++)
        for (const struct route *r = *t; r->method && h->counters < ROUTES_MAX; r++)
            h->counter[h->counters++].route = r;
}

static void count(struct http *h, const struct answer *a, int64_t us)
{
    static const int64_t bounds[BUCKETS - 1] = {
        1000, 5000, 10000, 25000, 100000, 250000, 1000000
    };
    struct counter *c = &h->counter[0];
    size_t b = 0;

    for (size_t i = 1; a->route && i < h->counters; i++)
        if (h->counter[i].route == a->route)
            c = &h->counter[i];
    while (b < BUCKETS - 1 && us > bounds[b])
        b++;
    atomic_fetch_add_explicit(&c->answers[a->reply.status / 100 % 6], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->us, (uint64_t)us, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->bucket[b], 1, memory_order_relaxed);
}

size_t http_counts(const struct http *h, struct http_count *out, size_t max)
{
    for (size_t i = 0; i < h->counters && i < max; i++) {
        const struct counter *c = &h->counter[i];
        out[i] = (struct http_count){
            .method = c->route ? c->route->method : "other",
            .pattern = c->route ? c->route->pattern : "other",
            .us = atomic_load_explicit(&c->us, memory_order_relaxed),
        };
        for (size_t k = 0; k < 6; k++)
            out[i].answers[k] = atomic_load_explicit(&c->answers[k], memory_order_relaxed);
        for (size_t k = 0; k < BUCKETS; k++)
            out[i].bucket[k] = atomic_load_explicit(&c->bucket[k], memory_order_relaxed);
    }
    return h->counters;
}

// ---------------------------------------------------------------- writing an answer

__attribute__((format(printf, 2, 3))) static void put(struct head *h, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(h->text + h->len, sizeof h->text - h->len, fmt, ap);
    va_end(ap);
    if (n > 0 && h->len + (size_t)n < sizeof h->text)
        h->len += (size_t)n;
}

static void put_if(struct head *h, const char *name, const char *value)
{
    if (value && *value)
        put(h, "%s: %s\r\n", name, value);
}

static const char *phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    default:
        return status >= 400 ? problem_code(status) : "OK";
    }
}

static void put_limits(struct head *h, const struct answer *a)
{
    const struct rate_state *s = &a->rate;

    if (a->reply.retry_after)
        put(h, "Retry-After: %d\r\n", a->reply.retry_after);
    if (!s->name)
        return;
    put(h, "RateLimit-Policy: \"%s\";q=%d;w=%d\r\n", s->name, s->quota, s->window_s);
    put(h, "RateLimit: \"%s\";r=%d;t=%d\r\n", s->name, s->left, s->wait_s);
}

static void put_head(struct head *h, const struct answer *a, const char *id, bool closing)
{
    const struct reply *r = &a->reply;

    put(h, "HTTP/1.1 %d %s\r\n", r->status, phrase(r->status));
    if (r->status != 204 && r->status != 304)
        put(h, "Content-Type: %s\r\nContent-Length: %zu\r\n",
            r->type ? r->type : "application/json", r->text_len);
    put(h, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
           "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
           "Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n");
    put_if(h, "X-Request-Id", id);
    put_if(h, "Allow", a->allow);
    put_if(h, "Location", r->location);
    put_if(h, "Set-Cookie", r->cookie);
    put_if(h, "Link", a->link);
    put_if(h, "Content-Disposition", r->disposition);
    put_if(h, EDGE_STREAM_HEADER, r->stream);
    if (r->etag[0])
        put(h, "ETag: \"%s\"\r\n", r->etag);
    if (a->challenge)
        put(h, "WWW-Authenticate: Bearer realm=\"orrery\"\r\n");
    if (a->replayed)
        put(h, "Idempotency-Replayed: true\r\n");
    put_limits(h, a);
    put(h, "Connection: %s\r\n\r\n", closing ? "close" : "keep-alive");
}

// In one piece, so that head and body leave in one segment where they fit.
static void send_answer(struct mg_connection *conn, const struct answer *a, const char *id,
                        bool closing)
{
    struct head h = { .len = 0 };
    size_t body =
        a->head || a->reply.status == 204 || a->reply.status == 304 ? 0 : a->reply.text_len;

    put_head(&h, a, id, closing);
    auto_free char *whole = malloc(h.len + body);
    if (!whole) {
        mg_write(conn, h.text, h.len);
        mg_write(conn, a->reply.text, body);
        return;
    }
    memcpy(whole, h.text, h.len);
    if (body)
        memcpy(whole + h.len, a->reply.text, body);
    mg_write(conn, whole, h.len + body);
}

// For what never reached the dispatcher.
static void send_problem(struct mg_connection *conn, int status, const char *detail, const char *id)
{
    const struct problem p = { .status = status, .detail = detail, .instance = "", .request = id };
    struct answer a = { .reply = { .status = status, .type = "application/problem+json" } };
    json_auto_t *document = problem_to_json(&p);

    a.reply.text = json_dumps(document, JSON_COMPACT);
    a.reply.text_len = a.reply.text ? strlen(a.reply.text) : 0;
    a.reply.retry_after = status == 503 ? RETRY_AWAY_S : 0;
    send_answer(conn, &a, id, true);
    dispatch_done(&a);
}

// ---------------------------------------------------------------- reading a request

// Reads the whole body. False when it stopped coming.
static bool read_whole(struct mg_connection *conn, struct request *in, size_t size, char *body)
{
    int64_t until = clock_mono_ms() + BODY_WAIT_MS;

    while (in->body_len < size) {
        int n = mg_read(conn, body + in->body_len, size - in->body_len);
        if (n == 0)
            return true;
        if (n < 0 || clock_mono_ms() > until)
            return false;
        in->body_len += (size_t)n;
    }
    return true;
}

// *out is NULL where there is no body.
static bool read_body(struct mg_connection *conn, struct request *in, char **out)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    bool chunked = mg_get_header(conn, "Transfer-Encoding") != NULL;
    size_t size = chunked                    ? BODY_MAX + 1
                  : info->content_length > 0 ? (size_t)info->content_length
                                             : 0;

    in->body_too_large = !chunked && size > BODY_MAX;
    if (size == 0 || in->body_too_large)
        return true;
    char *body = malloc(size);
    if (!body)
        return false;
    *out = body;
    in->body = body;
    bool whole = read_whole(conn, in, size, body);
    in->body_too_large = in->body_len > BODY_MAX;
    return whole && (chunked || in->body_len == size);
}

static void read_head(struct mg_connection *conn, struct request *in)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    const char *remote = mg_get_header(conn, EDGE_REMOTE_HEADER);

    *in = (struct request){
        .method = info->request_method,
        .path = info->request_uri,
        .query = info->query_string ? info->query_string : "",
        .remote = remote ? remote : info->remote_addr,
        .cookie = mg_get_header(conn, "Cookie"),
        .authorization = mg_get_header(conn, "Authorization"),
        .host = mg_get_header(conn, "Host"),
        .origin = mg_get_header(conn, "Origin"),
        .fetch_site = mg_get_header(conn, "Sec-Fetch-Site"),
        .csrf = mg_get_header(conn, CSRF_HEADER),
        .content_type = mg_get_header(conn, "Content-Type"),
        .accept = mg_get_header(conn, "Accept"),
        .user_agent = mg_get_header(conn, "User-Agent"),
        .if_match = mg_get_header(conn, "If-Match"),
        .if_none_match = mg_get_header(conn, "If-None-Match"),
        .idempotency_key = mg_get_header(conn, "Idempotency-Key"),
        .last_event_id = mg_get_header(conn, "Last-Event-ID"),
    };
}

// The edge's id if it is one, else one of our own.
static void request_id(struct mg_connection *conn, char out[REQUEST_ID_LEN + 1])
{
    static const char allowed[] = "0123456789abcdefABCDEFghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ-";
    const char *given = mg_get_header(conn, EDGE_REQUEST_HEADER);
    uint8_t random[8] = { 0 };

    if (given && *given && strlen(given) <= REQUEST_ID_LEN &&
        strspn(given, allowed) == strlen(given)) {
        snprintf(out, REQUEST_ID_LEN + 1, "%s", given);
        return;
    }
    RAND_bytes(random, sizeof random);
    hex_encode(random, sizeof random, out);
}

static bool knows_secret(const struct http *h, struct mg_connection *conn)
{
    const char *given = mg_get_header(conn, EDGE_SECRET_HEADER);

    return given && strlen(given) == HTTP_SECRET_LEN &&
           CRYPTO_memcmp(given, h->secret, HTTP_SECRET_LEN) == 0;
}

static void log_answer(const struct request *in, const struct answer *a, int64_t us)
{
    const struct log_ctx c = { .area = "http", .req = in->id, .peer = in->remote };

    log_info(&c, "%s %s %d in %lld us, %zu bytes, account %lld", a->route ? a->route->method : "-",
             a->route ? a->route->pattern : "no route", a->reply.status, (long long)us,
             a->reply.text_len, (long long)a->account);
}

static int serve(struct http *h, struct mg_connection *conn)
{
    struct request in;
    struct answer out;
    auto_free char *body = NULL;
    char id[REQUEST_ID_LEN + 1];
    int64_t from = clock_mono_us();

    request_id(conn, id);
    if (!knows_secret(h, conn)) {
        send_problem(conn, 403, "this port is for the server's own edge", id);
        return 403;
    }
    if (atomic_load(&h->draining)) {
        send_problem(conn, 503, "the server is stopping, try again", id);
        return 503;
    }
    read_head(conn, &in);
    in.id = id;
    if (!read_body(conn, &in, &body)) {
        send_problem(conn, 400, "the body ended early", id);
        return 400;
    }
    dispatch(&h->dispatcher, &in, &out);
    int64_t us = clock_mono_us() - from;
    send_answer(conn, &out, id, atomic_load(&h->draining));
    int status = out.reply.status;
    count(h, &out, us);
    log_answer(&in, &out, us);
    dispatch_done(&out);
    return status;
}

// ---------------------------------------------------------------- civetweb's callbacks

static int on_request(struct mg_connection *conn)
{
    struct http *h = mg_get_user_data(mg_get_context(conn));

    atomic_fetch_add(&h->in_flight, 1);
    int status = serve(h, conn);
    atomic_fetch_sub(&h->in_flight, 1);
    return status;
}

static int on_error(struct mg_connection *conn, int status, const char *text)
{
    (void)text;
    send_problem(conn, status, NULL, "");
    return 0;
}

static int on_message(const struct mg_connection *conn, const char *message)
{
    static const struct log_ctx c = { .area = "http" };

    (void)conn;
    log_debug(&c, "civetweb: %s", message);
    return 1;
}

// ---------------------------------------------------------------- life

static enum rc listen_on_loopback(struct http *h, struct fault *f)
{
    static const struct mg_callbacks callbacks = {
        .begin_request = on_request,
        .http_error = on_error,
        .log_message = on_message,
    };
    // No document_root, so civetweb has no files, CGI or SSI to offer; decode_url=no leaves
    // the path to our own strict decoder.
    static const char *options[] = {
        "listening_ports",
        "127.0.0.1:0",
        "num_threads",
        "8",
        "enable_keep_alive",
        "yes",
        "keep_alive_timeout_ms",
        "600000",
        "request_timeout_ms",
        "10000",
        "tcp_nodelay",
        "1",
        "max_request_size",
        "32768",
        "decode_url",
        "no",
        "enable_directory_listing",
        "no",
        "access_control_allow_origin",
        "",
        "access_control_allow_methods",
        "",
        "access_control_allow_headers",
        "",
        NULL,
    };
    struct mg_server_port port;

    mg_init_library(MG_FEATURES_DEFAULT);
    h->mg = mg_start(&callbacks, h, options);
    if (!h->mg || mg_get_server_ports(h->mg, 1, &port) != 1)
        return fail(f, RC_UNAVAILABLE, "no port of 127.0.0.1 is free for the REST workers");
    h->port = port.port;
    return RC_OK;
}

enum rc http_start(const struct http_options *o, struct http **out, struct fault *f)
{
    struct http *h = calloc(1, sizeof *h);
    uint8_t random[HTTP_SECRET_LEN / 2];

    if (!h)
        return fail(f, RC_INTERNAL, "out of memory");
    enum rc rc = dispatcher_init(&h->dispatcher, o->store, o->services, f);
    if (rc == RC_OK && RAND_bytes(random, sizeof random) != 1)
        rc = fail(f, RC_INTERNAL, "no random bytes");
    if (rc == RC_OK) {
        hex_encode(random, sizeof random, h->secret);
        counters_init(h);
        rc = listen_on_loopback(h, f);
    }
    if (rc != RC_OK) {
        http_stop(h);
        return rc;
    }
    *out = h;
    return RC_OK;
}

void http_drain(struct http *h)
{
    atomic_store(&h->draining, true);
}

void http_stop(struct http *h)
{
    const struct timespec pause = { .tv_nsec = 5000000 };

    if (!h)
        return;
    http_drain(h);
    // mg_stop cuts what is being written, so it comes after the last answer.
    for (int64_t until = clock_mono_ms() + DRAIN_MS;
         atomic_load(&h->in_flight) > 0 && clock_mono_ms() < until;)
        nanosleep(&pause, NULL);
    if (h->mg) {
        mg_stop(h->mg);
        mg_exit_library();
    }
    dispatcher_done(&h->dispatcher);
    free(h);
}

int http_port(const struct http *h)
{
    return h->port;
}

const char *http_secret(const struct http *h)
{
    return h->secret;
}

struct access *http_access(struct http *h)
{
    return h->dispatcher.access;
}

bool http_is_slow(const char *method, const char *path)
{
    char decoded[PATH_MAX_LEN + 1];
    struct route_found found;

    if (!path_decode(path, decoded, sizeof decoded))
        return false;
    route_find(route_tables, method, decoded, &found);
    return found.route && found.route->flags & ROUTE_SLOW;
}

enum rc http_upkeep(struct store *s, const struct services *services, struct fault *f)
{
    enum rc rc = access_upkeep(s, services->config, f);

    return rc == RC_OK ? store_run(s, &Q_IDEMPOTENCY_EXPIRE, NULL, NULL, f) : rc;
}
