// SPDX-License-Identifier: Apache-2.0

#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "edge/client.h"

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
    const char *phrase, *code;
} phrases[] = {
    { 200, "OK", "ok" },
    { 201, "Created", "created" },
    { 202, "Accepted", "accepted" },
    { 204, "No Content", "no-content" },
    { 206, "Partial Content", "partial-content" },
    { 303, "See Other", "see-other" },
    { 304, "Not Modified", "not-modified" },
    { 400, "Bad Request", "bad-request" },
    { 401, "Unauthorized", "unauthorized" },
    { 403, "Forbidden", "forbidden" },
    { 404, "Not Found", "not-found" },
    { 405, "Method Not Allowed", "method-not-allowed" },
    { 406, "Not Acceptable", "not-acceptable" },
    { 408, "Request Timeout", "request-timeout" },
    { 409, "Conflict", "conflict" },
    { 412, "Precondition Failed", "precondition-failed" },
    { 413, "Content Too Large", "content-too-large" },
    { 414, "URI Too Long", "uri-too-long" },
    { 415, "Unsupported Media Type", "unsupported-media-type" },
    { 416, "Range Not Satisfiable", "range-not-satisfiable" },
    { 417, "Expectation Failed", "expectation-failed" },
    { 422, "Unprocessable Content", "unprocessable-content" },
    { 426, "Upgrade Required", "upgrade-required" },
    { 428, "Precondition Required", "precondition-required" },
    { 429, "Too Many Requests", "too-many-requests" },
    { 431, "Request Header Fields Too Large", "headers-too-large" },
    { 500, "Internal Server Error", "internal-error" },
    { 501, "Not Implemented", "not-implemented" },
    { 502, "Bad Gateway", "bad-gateway" },
    { 503, "Service Unavailable", "unavailable" },
    { 504, "Gateway Timeout", "gateway-timeout" },
    { 505, "HTTP Version Not Supported", "http-version-not-supported" },
};

static size_t phrase_of(int status)
{
    size_t i = 0;

    while (i + 1 < sizeof phrases / sizeof *phrases && phrases[i].status < status)
        i++;
    return i;
}

const char *status_phrase(int status)
{
    size_t i = phrase_of(status);

    return phrases[i].status == status ? phrases[i].phrase : "Status";
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

// An RFC 9457 document. detail is ours alone, never a client's words, so that nothing
// in it needs escaping.
void reply_problem(struct client *c, int status, const char *detail)
{
    char text[600];
    int n = snprintf(text, sizeof text,
                     "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\","
                     "\"detail\":\"%s\",\"instance\":\"urn:orrery:request:%s\"}",
                     status_phrase(status), status, phrases[phrase_of(status)].code, detail,
                     c->req->id);

    reply_start(c, status, "application/problem+json", n);
    if (status == 503)
        reply_field(c, "Retry-After", "5");
    if (status == 405)
        reply_field(c, "Allow", "GET, HEAD, OPTIONS");
    if (status == 426)
        reply_field(c, "Sec-WebSocket-Version", "13");
    finish_text(c, text, (size_t)n);
}
