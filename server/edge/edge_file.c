// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "edge/client.h"

#define PIECE      (32 * 1024)
#define COLD_TRIES 200 // then a read may block: the disk is worse than slow

// Memory stays flat however many read: nothing is kept of a file. What the socket
// does not take is read again from the same place, which the page cache makes cheap.
// A page that is not in memory is asked for and looked at again soon, so that a slow
// disk does not stop the loop.
static ssize_t read_piece(struct client *c, size_t want)
{
    struct request *q = c->req;
    struct iovec v = { c->edge->scratch, want };
    ssize_t n = preadv2(q->file, &v, 1, q->file_at, RWF_NOWAIT);

    if (n > 0 || (n < 0 && errno == EAGAIN && q->file_tries < COLD_TRIES))
        return n;
    return pread(q->file, c->edge->scratch, want, q->file_at);
}

static enum flow await_disk(struct client *c)
{
    struct request *q = c->req;

    if (q->file_tries++ == 0)
        posix_fadvise(q->file, q->file_at, PIECE * 16, POSIX_FADV_WILLNEED);
    c->blocked = false;
    reactor_arm(c->edge->reactor, &c->edge->cold, &c->timer);
    return FLOW_WAIT;
}

static enum flow pull(struct client *c)
{
    struct request *q = c->req;
    int64_t left = q->file_end - q->file_at;
    ssize_t n, wrote;

    if (left == 0)
        return FLOW_END;
    n = read_piece(c, left < PIECE ? (size_t)left : PIECE);
    if (n < 0 && errno == EAGAIN)
        return await_disk(c);
    if (n <= 0)
        return FLOW_BROKEN; // shorter than promised: the client must notice
    wrote = conn_write(c, c->edge->scratch, (size_t)n);
    if (wrote < 0)
        return wrote == -1 ? FLOW_BLOCKED : FLOW_BROKEN;
    q->file_at += wrote;
    q->file_tries = 0;
    return q->file_at < q->file_end ? FLOW_MORE : FLOW_END;
}

static void gone(struct client *c)
{
    if (c->req->file >= 0)
        close(c->req->file);
    c->req->file = -1;
}

static const struct responder by_file = { "file", pull, gone };

// ---------------------------------------------------------------- ranges

enum range {
    RANGE_NONE, // absent, malformed, several: the whole file is a valid answer (RFC 9110 14.2)
    RANGE_GOOD,
    RANGE_OUTSIDE,
};

static bool read_number(const char **p, const char *end, int64_t *out)
{
    const char *from = *p;
    int64_t n = 0;

    for (; *p < end && **p >= '0' && **p <= '9' && *p - from < 18; ++*p)
        n = n * 10 + (**p - '0');
    *out = n;
    return *p > from;
}

static enum range read_range(const char *p, size_t len, int64_t size, int64_t *from, int64_t *to)
{
    const char *end = p + len;
    int64_t first, last = size - 1;
    bool has_first, has_last;

    if (len < 7 || strncasecmp(p, "bytes=", 6) != 0)
        return RANGE_NONE;
    p += 6;
    has_first = read_number(&p, end, &first);
    if (p == end || *p++ != '-')
        return RANGE_NONE;
    has_last = read_number(&p, end, &last);
    if (p != end || (!has_first && !has_last) || (has_first && has_last && last < first))
        return RANGE_NONE;
    if (!has_first) { // the last n bytes
        first = last < size ? size - last : 0;
        last = last > 0 ? size - 1 : -1;
    } else if (!has_last || last >= size) {
        last = size - 1;
    }
    if (first >= size || last < first)
        return RANGE_OUTSIDE;
    *from = first;
    *to = last + 1;
    return RANGE_GOOD;
}

// If-Range with anything but this very tag asks for the whole file.
static enum range wanted(const struct request *q, const struct edge_file *f, int64_t *from,
                         int64_t *to)
{
    const char *at = bytes_at(&q->text);
    const struct field *range = head_find(&q->head, at, "Range");
    const struct field *unless = head_find(&q->head, at, "If-Range");
    char quoted[80];

    snprintf(quoted, sizeof quoted, "\"%s\"", f->etag);
    if (!range || (unless && !span_is(at, unless->value, quoted)))
        return RANGE_NONE;
    return read_range(at + range->value.at, range->value.len, f->size, from, to);
}

// ---------------------------------------------------------------- answering

static void put_head(struct client *c, const struct edge_file *f, int status)
{
    struct request *q = c->req;
    bool has_body = status == 200 || status == 206;
    char text[120];

    reply_start(c, status, has_body ? f->type : NULL,
                has_body        ? q->file_end - q->file_at
                : status == 416 ? 0
                                : -1);
    snprintf(text, sizeof text, "\"%s\"", f->etag);
    reply_field(c, "ETag", text);
    reply_field(c, "Accept-Ranges", "bytes");
    reply_field(c, "Cache-Control",
                f->immutable ? "private, max-age=31536000, immutable" : "no-cache");
    if (status == 206) {
        snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)q->file_at,
                 (long long)q->file_end - 1, (long long)f->size);
        reply_field(c, "Content-Range", text);
    } else if (status == 416) {
        snprintf(text, sizeof text, "bytes */%lld", (long long)f->size);
        reply_field(c, "Content-Range", text);
    }
    reply_end(c);
}

void file_answer(struct client *c, const struct edge_file *f)
{
    struct request *q = c->req;
    int64_t from = 0, to = f->size;
    int status = 200;

    if (etag_matches(q, "If-None-Match", f->etag)) {
        status = 304;
    } else {
        enum range r = wanted(q, f, &from, &to);

        status = r == RANGE_GOOD ? 206 : r == RANGE_OUTSIDE ? 416 : 200;
    }
    q->file = f->fd;
    q->file_at = from;
    q->file_end = to;
    put_head(c, f, status);
    if (q->bodiless || status == 304 || status == 416)
        q->file_at = q->file_end;
    reactor_disarm(&c->timer);
    client_answers(c, &by_file);
}
