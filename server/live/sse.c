// SPDX-License-Identifier: Apache-2.0

#include "live/sse.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/clock.h"
#include "live/picture.h"
#include "live/snapshot.h"

#define LEAD_SIZE  400
#define SILENCE_MS 15000 // then a comment, so that nobody in between gives up
#define STALL_MS   20000
#define RECHECK_MS 30000

static const char tail[] = "\n\n\r\n"; // the end of a message, and of its chunk

struct stream {
    ev_io io;
    struct sse *all;
    struct stream *next, **self;
    int fd;
    uint64_t id;
    struct principal who;
    int32_t catalog;
    struct board *board;
    bool topics[BOARD_TOPICS];
    struct reader readers[BOARD_TOPICS];
    size_t turn;
    // The message on its way: lead, then the frame and the tail if there is one.
    char lead[LEAD_SIZE];
    size_t lead_len, sent;
    struct frame *frame;
    const struct frame *body; // of frame: what is shown of it
    bool hello_due, lost_due; // still to say: retry; that the id was of no use
    const char *ending;       // static: why it ends
    bool said_end;
    int64_t spoke_at, checked_at, stalled_since;
};

struct sse {
    struct ev_loop *loop;
    struct boards *boards;
    struct snapshots *snapshots;
    struct stream *streams;
    unsigned count;
    uint32_t boot;
};

struct sse *sse_new(struct ev_loop *loop, struct boards *boards, struct snapshots *snapshots)
{
    struct sse *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->loop = loop;
    s->boards = boards;
    s->snapshots = snapshots;
    RAND_bytes((unsigned char *)&s->boot, sizeof s->boot);
    return s;
}

// ---------------------------------------------------------------- ids

bool sse_id_read(const char *text, uint32_t boot, uint64_t next[BOARD_TOPICS])
{
    uint64_t numbers[BOARD_TOPICS];
    char expected[12], *end;

    snprintf(expected, sizeof expected, "%08" PRIx32, boot);
    if (strncmp(text, expected, 8) != 0)
        return false;
    text += 8;
    for (size_t i = 0; i < BOARD_TOPICS; i++) {
        if (*text++ != '-' || *text < '0' || *text > '9')
            return false;
        errno = 0;
        numbers[i] = strtoull(text, &end, 10);
        if (errno)
            return false;
        text = end;
    }
    if (*text)
        return false;
    memcpy(next, numbers, sizeof numbers);
    return true;
}

static int put_id(const struct stream *c, char *to, size_t size)
{
    int n = snprintf(to, size, "id: %08" PRIx32, c->all->boot);

    for (size_t i = 0; i < BOARD_TOPICS; i++)
        n += snprintf(to + n, size - (size_t)n, "-%" PRIu64, c->readers[i].next);
    return n;
}

// ---------------------------------------------------------------- messages

static void close_stream(struct stream *c)
{
    ev_io_stop(c->all->loop, &c->io);
    close(c->fd);
    board_leave(c->board, clock_mono_ms());
    frame_drop(c->frame);
    *c->self = c->next;
    if (c->next)
        c->next->self = c->self;
    c->all->count--;
    free(c);
}

// text ends in an empty line.
static void compose_text(struct stream *c, const char *text)
{
    c->lead_len = (size_t)snprintf(c->lead, sizeof c->lead, "%zx\r\n%s\r\n", strlen(text), text);
    c->sent = 0;
}

// Takes owned.
static void compose_frame(struct stream *c, enum board_topic topic, struct frame *owned)
{
    char head[LEAD_SIZE - 32];
    int n = put_id(c, head, sizeof head);

    c->body = picture_text(owned);
    if (!c->body) {
        frame_drop(owned);
        return;
    }
    c->frame = owned;
    n +=
        snprintf(head + n, sizeof head - (size_t)n, "\nevent: %s\ndata: ", board_topic_name(topic));
    c->lead_len =
        (size_t)snprintf(c->lead, sizeof c->lead, "%zx\r\n%s", (size_t)n + c->body->len + 2, head);
    c->sent = 0;
}

// Its place was lost in the ring: what it knows of this topic is old.
static bool jumped(enum board_topic t, uint64_t before, const struct reader *r)
{
    return (t == BOARD_FLEET || t == BOARD_NEWS || t == BOARD_PLAIN) && before &&
           r->next != before + 1;
}

static void compose_reset(struct stream *c, enum board_topic t)
{
    char text[100];

    snprintf(text, sizeof text, "event: reset\ndata: {\"topic\":\"%s\"}\n\n", board_topic_name(t));
    compose_text(c, text);
}

static bool compose_topic(struct stream *c, enum board_topic t)
{
    uint64_t before = c->readers[t].next;
    struct reader ahead = c->readers[t];
    bool whole;
    struct frame *f;

    if (!c->topics[t] || !board_has(c->board, t, &c->readers[t]))
        return false;
    f = board_next(c->board, t, &ahead, &whole);
    if (jumped(t, before, &ahead)) {
        frame_drop(f);
        c->readers[t] = (struct reader){ 0 };
        compose_reset(c, t);
        return true;
    }
    c->readers[t] = ahead;
    if (f)
        compose_frame(c, t, f);
    return f != NULL;
}

static void compose_end(struct stream *c)
{
    char text[300];

    c->said_end = true;
    snprintf(text, sizeof text, "event: end\ndata: {\"text\":\"%s\"}\n\n", c->ending);
    compose_text(c, text);
    // And the chunk that ends the body.
    c->lead_len +=
        (size_t)snprintf(c->lead + c->lead_len, sizeof c->lead - c->lead_len, "0\r\n\r\n");
}

// Puts the next message into lead and frame; false if there is none.
static bool compose(struct stream *c, int64_t now)
{
    if (c->ending) {
        compose_end(c);
        return true;
    }
    if (c->hello_due) {
        c->hello_due = false;
        compose_text(c, "retry: 2000\n\n");
        return true;
    }
    if (c->lost_due) {
        c->lost_due = false;
        compose_text(c, "event: reset\ndata: {}\n\n");
        return true;
    }
    for (size_t i = 0; i < BOARD_TOPICS; i++) {
        size_t t = (c->turn + i) % BOARD_TOPICS;

        if (!compose_topic(c, (enum board_topic)t))
            continue;
        c->turn = t + 1;
        return true;
    }
    if (now - c->spoke_at < SILENCE_MS)
        return false;
    compose_text(c, ":\n\n");
    return true;
}

// ---------------------------------------------------------------- sending

static int parts_left(const struct stream *c, struct iovec out[3])
{
    const struct iovec all[3] = {
        { (void *)(uintptr_t)c->lead, c->lead_len },
        { c->frame ? c->body->bytes : NULL, c->frame ? c->body->len : 0 },
        { (void *)(uintptr_t)tail, c->frame ? sizeof tail - 1 : 0 },
    };
    size_t skip = c->sent;
    int count = 0;

    for (int i = 0; i < 3; i++) {
        size_t over = skip < all[i].iov_len ? skip : all[i].iov_len;

        skip -= over;
        if (over < all[i].iov_len)
            out[count++] = (struct iovec){ (char *)all[i].iov_base + over, all[i].iov_len - over };
    }
    return count;
}

enum sent {
    SENT_ALL,
    SENT_SOME,
    SENT_BROKEN,
};

static enum sent send_message(struct stream *c)
{
    struct iovec parts[3];
    int count;

    while ((count = parts_left(c, parts)) > 0) {
        const struct msghdr m = { .msg_iov = parts, .msg_iovlen = (size_t)count };
        ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return SENT_SOME;
        if (n <= 0)
            return SENT_BROKEN;
        c->sent += (size_t)n;
    }
    frame_drop(c->frame);
    c->frame = NULL;
    c->lead_len = c->sent = 0;
    return SENT_ALL;
}

static void want_write(struct stream *c, bool write)
{
    int events = EV_READ | (write ? EV_WRITE : 0);

    if ((c->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(c->all->loop, &c->io);
    ev_io_set(&c->io, c->fd, events);
    ev_io_start(c->all->loop, &c->io);
}

// False when the stream is gone.
static bool pump(struct stream *c, int64_t now)
{
    for (;;) {
        if (c->lead_len == 0 && c->said_end) {
            close_stream(c);
            return false;
        }
        if (c->lead_len == 0 && !compose(c, now)) {
            want_write(c, false);
            return true;
        }
        switch (send_message(c)) {
        case SENT_ALL:
            c->spoke_at = now;
            c->stalled_since = 0;
            break;
        case SENT_SOME:
            if (!c->stalled_since)
                c->stalled_since = now;
            want_write(c, true);
            return true;
        case SENT_BROKEN:
            close_stream(c);
            return false;
        }
    }
}

// What the reader says is of no interest, that it left is.
static bool is_there(struct stream *c)
{
    char bytes[256];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct stream *c = io->data;

    (void)loop;
    if ((events & EV_READ) && !is_there(c)) {
        close_stream(c);
        return;
    }
    if (events & EV_WRITE) {
        c->stalled_since = 0;
        pump(c, clock_mono_ms());
    }
}

// ---------------------------------------------------------------- all of them

bool sse_open(struct sse *s, int fd, uint64_t id, const struct sse_ask *ask)
{
    uint64_t next[BOARD_TOPICS] = { 0 };
    struct stream *c = calloc(1, sizeof *c);

    if (c)
        c->board = board_join(s->boards, ask->catalog);
    if (!c || !c->board) {
        free(c);
        close(fd);
        return false;
    }
    c->all = s;
    c->fd = fd;
    c->id = id;
    c->who = ask->who;
    c->catalog = ask->catalog;
    memcpy(c->topics, ask->topics, sizeof c->topics);
    c->hello_due = true;
    c->lost_due = *ask->last_id && !sse_id_read(ask->last_id, s->boot, next);
    for (size_t i = 0; i < BOARD_TOPICS; i++)
        c->readers[i] = (struct reader){ .next = next[i], .patient = next[i] != 0 };
    c->spoke_at = c->checked_at = clock_mono_ms();
    c->next = s->streams;
    c->self = &s->streams;
    if (c->next)
        c->next->self = &c->next;
    s->streams = c;
    s->count++;
    ev_io_init(&c->io, on_io, fd, EV_READ);
    c->io.data = c;
    ev_io_start(s->loop, &c->io);
    pump(c, c->spoke_at);
    return true;
}

static void ask_recheck(struct stream *c, int64_t now)
{
    struct snapshot_job *j = calloc(1, sizeof *j);

    c->checked_at = now;
    if (!j)
        return;
    j->socket = c->id;
    j->recheck = true;
    j->who = c->who;
    j->catalog = c->catalog;
    (void)snapshots_ask(c->all->snapshots, j); // too many wait: the next half minute will do
}

static void mind(struct stream *c, int64_t now)
{
    if (now - c->checked_at > RECHECK_MS)
        ask_recheck(c, now);
    if (c->stalled_since && now - c->stalled_since > STALL_MS)
        close_stream(c);
    else if (!c->stalled_since)
        pump(c, now);
}

void sse_tick(struct sse *s, int64_t now)
{
    for (struct stream *c = s->streams, *next; c; c = next) {
        next = c->next;
        mind(c, now);
    }
}

void sse_recheck(struct sse *s, int64_t account)
{
    int64_t now = clock_mono_ms();

    for (struct stream *c = s->streams; c; c = c->next)
        if (account == 0 || c->who.account == account)
            ask_recheck(c, now);
}

void sse_end(struct sse *s, uint64_t id, const char *why)
{
    for (struct stream *c = s->streams; c; c = c->next)
        if (c->id == id) {
            c->ending = why;
            pump(c, clock_mono_ms());
            return;
        }
}

void sse_end_all(struct sse *s, const char *why)
{
    for (struct stream *c = s->streams, *next; c; c = next) {
        next = c->next;
        c->ending = why;
        pump(c, clock_mono_ms());
    }
}

unsigned sse_count(const struct sse *s)
{
    return s->count;
}

void sse_free(struct sse *s)
{
    if (!s)
        return;
    while (s->streams)
        close_stream(s->streams);
    free(s);
}
