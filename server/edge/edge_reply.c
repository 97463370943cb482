// SPDX-License-Identifier: Apache-2.0

#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "edge/client.h"
#include "http/problem.h"

// Fixed for every answer; the same names are dropped from what a backend sends.
static const char security_fields[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'\r\n"
    "Strict-Transport-Security: max-age=31536000\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n";

static const char *const ours[] = {
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Permissions-Policy",
    "Date",
    "Server",
    "X-Request-Id",
    "Connection",
    "Keep-Alive",
    "Transfer-Encoding",
    "Content-Length",
    EDGE_STREAM_HEADER,
    "Upgrade",
    "Trailer",
};

bool reply_is_ours(const char *at, struct span name)
{
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (span_is(at, name, ours[i]))
            return true;
    return false;
}

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 422, "Unprocessable Content" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

const char *status_phrase(int status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Status";
}

static const char *date_now(struct edge *e)
{
    int64_t now = clock_now_ms() / 1000;

    if (now != e->date_at) {
        time_t t = (time_t)now;
        struct tm tm;

        gmtime_r(&t, &tm);
        if (strftime(e->date, sizeof e->date, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
            e->date[0] = '\0';
        e->date_at = now;
    }
    return e->date;
}

void reply_common(struct client *c)
{
    struct bytes *out = &c->out;

    bytes_print(out, "Date: %s\r\nX-Request-Id: %s\r\n", date_now(c->edge), c->req->id);
    bytes_add(out, security_fields, sizeof security_fields - 1);
    if (c->closing || c->edge->draining)
        bytes_text(out, "Connection: close\r\n");
}

void reply_start(struct client *c, int status, const char *type, int64_t length)
{
    c->req->status = status;
    bytes_print(&c->out, "HTTP/1.1 %d %s\r\n", status, status_phrase(status));
    reply_common(c);
    if (type)
        bytes_print(&c->out, "Content-Type: %s\r\n", type);
    if (length >= 0)
        bytes_print(&c->out, "Content-Length: %lld\r\n", (long long)length);
}

void reply_field(struct client *c, const char *name, const char *value)
{
    bytes_print(&c->out, "%s: %s\r\n", name, value);
}

void reply_end(struct client *c)
{
    bytes_text(&c->out, "\r\n");
}

static enum flow nothing_more(struct client *c)
{
    (void)c;
    return FLOW_END;
}

static const struct responder plain = { "plain", nothing_more, NULL };

void reply_done(struct client *c)
{
    reactor_disarm(&c->timer);
    client_answers(c, &plain);
}

static void finish_text(struct client *c, const char *text, size_t len)
{
    reply_field(c, "Cache-Control", "no-store");
    reply_end(c);
    if (!c->req->bodiless)
        bytes_add(&c->out, text, len);
    reply_done(c);
}

void answer_text(struct client *c, int status, const char *type, const char *text, size_t len)
{
    reply_start(c, status, type, (int64_t)len);
    finish_text(c, text, len);
}

// The same document as http's: a caller need not know which of the two refused.
void reply_problem(struct client *c, int status, const char *detail)
{
    const struct problem p = { .status = status,
                               .detail = detail,
                               .instance = c->req->path ? c->req->path : "",
                               .request = c->req->id };
    json_auto_t *o = problem_to_json(&p);
    auto_free char *text = json_dumps(o, JSON_COMPACT);
    size_t len = text ? strlen(text) : 0;

    reply_start(c, status, "application/problem+json", (int64_t)len);
    if (status == 503)
        reply_field(c, "Retry-After", "5");
    if (status == 405)
        reply_field(c, "Allow", "GET, HEAD, OPTIONS");
    if (status == 426)
        reply_field(c, "Sec-WebSocket-Version", "13");
    finish_text(c, text, len);
}
