// SPDX-License-Identifier: Apache-2.0

#include "edge/head.h"

#include <string.h>
#include <strings.h>

static const char *const methods[] = {
    [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_OPTIONS] = "OPTIONS",
};

const char *method_name(enum method m)
{
    return methods[m];
}

void head_init(struct head *h, bool answer)
{
    memset(h, 0, sizeof *h);
    h->answer = answer;
    h->length = -1;
}

static enum head_state refuse(struct head *h, int status, const char *reason)
{
    h->bad = status;
    h->reason = reason;
    return HEAD_BAD;
}

// ---------------------------------------------------------------- characters

static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token_char(unsigned char c)
{
    return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *at, struct span s)
{
    for (uint32_t i = 0; i < s.len; i++)
        if (!is_token_char((unsigned char)at[s.at + i]))
            return false;
    return s.len > 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

bool span_is(const char *at, struct span s, const char *text)
{
    return strlen(text) == s.len && !strncasecmp(at + s.at, text, s.len);
}

static struct span trim(const char *at, struct span s)
{
    while (s.len && (at[s.at] == ' ' || at[s.at] == '\t'))
        s.at++, s.len--;
    while (s.len && (at[s.at + s.len - 1] == ' ' || at[s.at + s.len - 1] == '\t'))
        s.len--;
    return s;
}

bool span_lists(const char *at, struct span s, const char *token)
{
    uint32_t end = s.at + s.len;

    for (uint32_t from = s.at; from <= end;) {
        const char *comma = memchr(at + from, ',', end - from);
        uint32_t to = comma ? (uint32_t)(comma - at) : end;

        if (span_is(at, trim(at, (struct span){ from, to - from }), token))
            return true;
        from = to + 1;
    }
    return false;
}

const struct field *head_find(const struct head *h, const char *at, const char *name)
{
    for (int i = 0; i < h->count; i++)
        if (span_is(at, h->fields[i].name, name))
            return &h->fields[i];
    return NULL;
}

// ---------------------------------------------------------------- first line

// pchar of RFC 3986, and no escape that hides a separator, a dot or a NUL.
static bool path_is_plain(const char *p, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (p[i] == '%') {
            int high = i + 2 < len ? hex_value(p[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(p[i + 2]) : -1;
            int c = high * 16 + low;

            if (high < 0 || low < 0 || c < 0x20 || c == 0x7f || c == '.' || c == '/' || c == '\\')
                return false;
            i += 2;
        } else if (!is_alnum((unsigned char)p[i]) &&
                   (!p[i] || !strchr("-._~!$&'()*+,;=:@/", p[i]))) {
            return false;
        }
    }
    return true;
}

static bool has_odd_segments(const char *p, uint32_t len)
{
    for (uint32_t from = 1; from <= len;) {
        const char *slash = memchr(p + from, '/', len - from);
        uint32_t to = slash ? (uint32_t)(slash - p) : len;
        uint32_t n = to - from;

        if ((n == 0 && to < len) || (n == 1 && p[from] == '.') ||
            (n == 2 && p[from] == '.' && p[from + 1] == '.'))
            return true;
        from = to + 1;
    }
    return false;
}

static enum head_state read_target(struct head *h, const char *at)
{
    const char *target = at + h->target.at;
    const char *mark = memchr(target, '?', h->target.len);
    uint32_t len = mark ? (uint32_t)(mark - target) : h->target.len;

    if (h->target.len > HEAD_URI_SIZE)
        return refuse(h, 414, "the request target is longer than 8 KiB");
    h->path = (struct span){ h->target.at, len };
    if (mark)
        h->query = (struct span){ h->target.at + len + 1, h->target.len - len - 1 };
    if (h->target.len == 1 && *target == '*' && h->method == METHOD_OPTIONS)
        return HEAD_MORE;
    if (h->target.len == 0 || *target != '/')
        return refuse(h, 400, "the request target does not start with '/'");
    if (!path_is_plain(target, len) || has_odd_segments(target, len))
        return refuse(h, 400, "the path holds dot segments, '//' or characters it may not hold");
    for (uint32_t i = len; i < h->target.len; i++)
        if (target[i] <= ' ' || target[i] >= 0x7f || target[i] == '#')
            return refuse(h, 400, "the query holds characters it may not hold");
    return HEAD_MORE;
}

static enum head_state read_method(struct head *h, const char *at, struct span s)
{
    if (!is_token(at, s))
        return refuse(h, 400, "the method is not a token");
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strlen(methods[i]) == s.len && !memcmp(at + s.at, methods[i], s.len)) {
            h->method = (enum method)i;
            return HEAD_MORE;
        }
    if (s.len == 7 && !memcmp(at + s.at, "CONNECT", 7))
        return refuse(h, 400, "this server is no proxy");
    return refuse(h, 501, "the method is not known here");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum head_state read_version(struct head *h, const char *v, uint32_t len)
{
    if (len != 8 || memcmp(v, "HTTP/", 5) != 0 || !is_digit(v[5]) || v[6] != '.' || !is_digit(v[7]))
        return refuse(h, 400, "the HTTP version is malformed");
    if (v[5] != '1' || v[7] > '1')
        return refuse(h, 505, "only HTTP/1.1 is spoken here");
    h->minor = v[7] - '0';
    h->close = h->minor == 0;
    return HEAD_MORE;
}

static enum head_state read_request_line(struct head *h, const char *at, struct span s)
{
    const char *line = at + s.at;
    const char *first = memchr(line, ' ', s.len);
    const char *last = memrchr(line, ' ', s.len);
    uint32_t one = first ? (uint32_t)(first - line) : 0;
    uint32_t two = last ? (uint32_t)(last - line) : 0;

    if (s.len == 0)
        return refuse(h, 400, "an empty line stands before the request line");
    if (!first || first == last)
        return refuse(h, 400, "the request line is not 'method target version'");
    if (read_version(h, last + 1, s.len - two - 1) == HEAD_BAD ||
        read_method(h, at, (struct span){ s.at, one }) == HEAD_BAD)
        return HEAD_BAD;
    h->target = (struct span){ s.at + one + 1, two - one - 1 };
    return read_target(h, at);
}

static enum head_state read_status_line(struct head *h, const char *at, struct span s)
{
    const char *line = at + s.at;

    if (s.len < 12 || read_version(h, line, 8) == HEAD_BAD || line[8] != ' ' ||
        !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) ||
        (s.len > 12 && line[12] != ' '))
        return refuse(h, 400, "the status line is malformed");
    for (uint32_t i = 12; i < s.len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            return refuse(h, 400, "the status line holds a control character");
    h->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0';
    return HEAD_MORE;
}

// ---------------------------------------------------------------- fields

static enum head_state read_length(struct head *h, const char *v, uint32_t len)
{
    int64_t n = 0;

    if (h->length >= 0)
        return refuse(h, 400, "Content-Length is there twice");
    if (len == 0 || len > 15)
        return refuse(h, 400, "Content-Length is not a number this server accepts");
    for (uint32_t i = 0; i < len; i++) {
        if (!is_digit(v[i]))
            return refuse(h, 400, "Content-Length is not a plain decimal number");
        n = n * 10 + (v[i] - '0');
    }
    h->length = n;
    return HEAD_MORE;
}

static enum head_state read_coding(struct head *h, const char *at, struct span v)
{
    if (h->codings++)
        return refuse(h, 400, "Transfer-Encoding is there twice");
    if (v.len == 0)
        return refuse(h, 400, "Transfer-Encoding is empty");
    h->chunked = span_is(at, v, "chunked");
    return HEAD_MORE;
}

static bool host_is_plain(const char *v, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        if (!is_alnum((unsigned char)v[i]) && (!v[i] || !strchr("-._~%!$&'()*+;=:[]", v[i])))
            return false;
    return len > 0;
}

static enum head_state read_host(struct head *h, const char *at, struct span v)
{
    if (h->hosts++)
        return refuse(h, 400, "Host is there twice");
    if (!host_is_plain(at + v.at, v.len))
        return refuse(h, 400, "Host is empty or malformed");
    return HEAD_MORE;
}

static enum head_state read_authorization(struct head *h)
{
    return h->authorizations++ ? refuse(h, 400, "Authorization is there twice") : HEAD_MORE;
}

static enum head_state read_connection(struct head *h, const char *at, struct span v)
{
    if (span_lists(at, v, "close"))
        h->close = true;
    return HEAD_MORE;
}

static enum head_state read_expect(struct head *h, const char *at, struct span v)
{
    if (!span_is(at, v, "100-continue"))
        return refuse(h, 417, "only 'Expect: 100-continue' is understood");
    h->expects = h->minor == 1;
    return HEAD_MORE;
}

static enum head_state read_meaning(struct head *h, const char *at, const struct field *f)
{
    if (span_is(at, f->name, "content-length"))
        return read_length(h, at + f->value.at, f->value.len);
    if (span_is(at, f->name, "transfer-encoding"))
        return read_coding(h, at, f->value);
    if (span_is(at, f->name, "connection"))
        return read_connection(h, at, f->value);
    if (h->answer)
        return HEAD_MORE;
    if (span_is(at, f->name, "host"))
        return read_host(h, at, f->value);
    if (span_is(at, f->name, "authorization"))
        return read_authorization(h);
    if (span_is(at, f->name, "expect"))
        return read_expect(h, at, f->value);
    if (span_is(at, f->name, "upgrade"))
        h->upgrades = true;
    return HEAD_MORE;
}

static enum head_state read_field(struct head *h, const char *at, struct span s)
{
    const char *colon = memchr(at + s.at, ':', s.len);
    uint32_t name = colon ? (uint32_t)(colon - (at + s.at)) : 0;
    struct field *f = &h->fields[h->count];

    if (!colon || !is_token(at, (struct span){ s.at, name }))
        return refuse(h, 400, "a header line is not 'name: value'");
    for (uint32_t i = name + 1; i < s.len; i++) {
        unsigned char c = (unsigned char)at[s.at + i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return refuse(h, 400, "a header value holds a control character");
    }
    if (h->count == HEAD_FIELDS)
        return refuse(h, 431, "there are more than 56 header lines");
    f->name = (struct span){ s.at, name };
    f->value = trim(at, (struct span){ s.at + name + 1, s.len - name - 1 });
    h->count++;
    return read_meaning(h, at, f);
}

// ---------------------------------------------------------------- the whole

static enum head_state finish(struct head *h)
{
    if (h->codings && h->length >= 0)
        return refuse(h, 400, "Content-Length and Transfer-Encoding are both there");
    if (h->codings && h->minor == 0)
        return refuse(h, 400, "HTTP/1.0 knows no Transfer-Encoding");
    if (h->codings && !h->chunked)
        return refuse(h, 501, "the only transfer coding understood is 'chunked'");
    if (!h->answer && h->minor == 1 && h->hosts == 0)
        return refuse(h, 400, "Host is missing");
    return HEAD_DONE;
}

static enum head_state read_line(struct head *h, const char *at, struct span s)
{
    if (s.len == 0 && h->titled)
        return finish(h);
    if (h->titled)
        return read_field(h, at, s);
    h->titled = true;
    return h->answer ? read_status_line(h, at, s) : read_request_line(h, at, s);
}

static enum head_state wait_for_line(struct head *h, size_t len)
{
    h->seen = len;
    if (!h->titled && len - h->line > HEAD_URI_SIZE + 64)
        return refuse(h, 414, "the request line is longer than 8 KiB");
    if (len >= HEAD_SIZE)
        return refuse(h, 431, "the head is longer than 16 KiB");
    return HEAD_MORE;
}

enum head_state head_feed(struct head *h, const char *at, size_t len)
{
    enum head_state state = HEAD_MORE;

    while (state == HEAD_MORE) {
        const char *lf = h->seen < len ? memchr(at + h->seen, '\n', len - h->seen) : NULL;
        size_t end = lf ? (size_t)(lf - at) : 0;

        if (!lf)
            return wait_for_line(h, len);
        if (end >= HEAD_SIZE)
            return refuse(h, 431, "the head is longer than 16 KiB");
        if (end == h->line || at[end - 1] != '\r')
            return refuse(h, 400, "a line does not end in CR LF");
        state = read_line(h, at, (struct span){ (uint32_t)h->line, (uint32_t)(end - 1 - h->line) });
        h->size = h->line = h->seen = end + 1;
    }
    return state;
}
