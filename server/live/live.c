// SPDX-License-Identifier: Apache-2.0

#include "live/live.h"

#include <ev.h>
#include <inttypes.h>
#include <jansson.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/log.h"
#include "http/problem.h"
#include "http/stream.h"
#include "live/board.h"
#include "live/board_load.h"
#include "live/frame.h"
#include "live/hub.h"
#include "live/inbox.h"
#include "live/snapshot.h"
#include "live/sse.h"
#include "live/tail.h"
#include "live/tickets.h"

#define SOCKETS_MAX   2000 // and streams
#define PIECE         8192 // of a frame at a time, so that a stuck socket holds no more than that
#define MESSAGE_MAX   (32 * 1024) // 500 ids of 35 bytes, and room
#define TICKET_MS     5000
#define RECHECK_MS    30000
#define STALL_MS      20000 // a browser that takes nothing for that long goes
#define TICK_S        0.051 // a little over the distance of two frames
#define STIR_MS       4     // news wait so long for more of it
#define HEAD_MAX      16384 // the default of 4 KB drops a request with long cookies unanswered
#define CLOSE_TICKET  4401
#define CLOSE_ENDED   4403
#define CLOSE_BAD     4400
#define CLOSE_STALLED 4408

#define ENDED "your session has ended or your rights have changed"

static const struct log_ctx ctx = { .area = "live" };

struct socket {
    struct lws *wsi;
    struct live *live;
    struct socket *next, **self;
    uint64_t id;
    struct hub_client *client; // NULL until the ticket was taken
    struct principal who;
    int32_t catalog;
    int64_t opened_at, checked_at, stalled_since;
    struct frame *frame; // on its way
    size_t sent;         // of frame
    char *notice;        // an own message to send next: ready, error
    int close;           // code to close with once the notice is out
    size_t in_len;
    char *in; // a message in fragments
};

struct adoption {
    int fd;
    struct sse_ask *ask; // owned; of a stream
    struct adoption *next;
};

struct live {
    struct live_options options;
    struct ev_loop *loop;
    struct lws_context *cx;
    struct lws_vhost *vhost;
    ev_async wake, stir;
    ev_timer tick;
    bool stirred;      // a tick comes in STIR_MS
    int64_t ticked_at; // when there was last something to tell
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; // adoptions and stopping
    struct adoption *adoptions;
    bool stopping;
    struct hub *hub;
    struct inbox *inbox;
    struct boards *boards;
    struct board_loader *loader;
    struct snapshots *snapshots;
    struct sse *sse;
    struct socket *sockets;
    unsigned char piece[LWS_PRE + PIECE];
    uint64_t last_id;
    atomic_uint_fast64_t count, opened, refused, frames, bytes, pictures, streams;
};

DEFINE_AUTO(struct live *, live_stopp, live_stop)

// ---------------------------------------------------------------- answers

static void say(struct socket *s, const char *type, const char *text)
{
    json_auto_t *o = json_pack("{s:s}", "type", type);

    if (text)
        json_object_set_new(o, "text", json_string(text));
    free(s->notice);
    s->notice = json_dumps(o, JSON_COMPACT);
    lws_callback_on_writable(s->wsi);
}

static void hang_up(struct socket *s, int code, const char *why)
{
    s->close = code;
    say(s, "error", why);
}

static void ask_snapshot(struct socket *s, const char *topic, bool recheck)
{
    const char *ids[HUB_WINDOW_MAX];
    struct snapshot_job *j = calloc(1, sizeof *j);

    if (!j)
        return;
    j->socket = s->id;
    j->recheck = recheck;
    j->who = s->who;
    j->catalog = s->catalog;
    snprintf(j->topic, sizeof j->topic, "%s", topic);
    j->count = recheck ? 0 : hub_wanted(s->client, topic, ids);
    j->ids = calloc(j->count ? j->count : 1, sizeof *j->ids);
    for (size_t i = 0; j->ids && i < j->count; i++)
        memcpy(j->ids[i], ids[i], sizeof j->ids[i]);
    if (!snapshots_ask(s->live->snapshots, j))
        say(s, "error", "the server is busy; ask for a snapshot again in a moment");
}

// ---------------------------------------------------------------- messages of the browser

static void take_ticket(struct socket *s, json_t *m)
{
    const char *text = json_string_value(json_object_get(m, "ticket"));
    struct ticket t;

    if (s->client) {
        say(s, "error", "this socket has its ticket already");
        return;
    }
    if (!text || !tickets_redeem(s->live->options.tickets, text, &t)) {
        atomic_fetch_add(&s->live->refused, 1);
        hang_up(s, CLOSE_TICKET, "the ticket is unknown, used or older than 30 s; get a new one");
        return;
    }
    s->who = t.who;
    s->catalog = t.catalog;
    s->checked_at = clock_mono_ms();
    s->client = hub_join(s->live->hub, t.catalog, t.who.permissions & MAY_SEE_TELEMETRY);
    say(s, "ready", NULL);
}

static void subscribe_logs(struct socket *s, json_t *m)
{
    struct tail_filter filter;
    struct fault f = { 0 };
    enum rc rc = tail_filter_read(m, &filter, &f);

    if (rc == RC_OK)
        rc = hub_subscribe_logs(s->client, &filter, &f);
    if (rc != RC_OK)
        say(s, "error", f.text);
    else
        lws_callback_on_writable(s->wsi);
}

static void subscribe(struct socket *s, json_t *m)
{
    const char *topic = json_string_value(json_object_get(m, "topic"));
    json_t *list = json_object_get(m, "ids");
    size_t count = json_array_size(list);
    const char *ids[HUB_WINDOW_MAX];
    struct fault f = { 0 };

    if (topic && !strcmp(topic, "logs")) {
        subscribe_logs(s, m);
        return;
    }
    if (count > HUB_WINDOW_MAX) {
        say(s, "error", "at most 500 devices in a subscription");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = json_string_value(json_array_get(list, i));
        if (!ids[i])
            ids[i] = "";
    }
    if (!(s->who.permissions & MAY_SEE_DEVICES))
        say(s, "error", "this needs the permission to see devices");
    else if (hub_subscribe(s->client, topic ? topic : "", ids, count, &f) != RC_OK)
        say(s, "error", f.text);
    else if (!hub_is_shared(topic))
        ask_snapshot(s, topic, false);
    else
        lws_callback_on_writable(s->wsi);
}

static void unsubscribe(struct socket *s, json_t *m)
{
    const char *topic = json_string_value(json_object_get(m, "topic"));

    if (!topic || !hub_unsubscribe(s->client, topic))
        say(s, "error", "there is no such subscription");
}

static void snapshot(struct socket *s, json_t *m)
{
    const char *topic = json_string_value(json_object_get(m, "topic"));

    if (!topic || !hub_resend(s->client, topic))
        say(s, "error", "there is no such subscription");
    else
        lws_callback_on_writable(s->wsi);
}

static const struct {
    const char *type;
    void (*run)(struct socket *s, json_t *m);
    bool first; // allowed before the ticket
} messages[] = {
    { "ticket", take_ticket, true },
    { "subscribe", subscribe, false },
    { "unsubscribe", unsubscribe, false },
    { "snapshot", snapshot, false },
};

static void take_message(struct socket *s, const char *text, size_t len)
{
    json_auto_t *m = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(m, "type"));

    if (!type) {
        hang_up(s, CLOSE_BAD, "a message is a JSON object with a type");
        return;
    }
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        if (strcmp(type, messages[i].type) != 0)
            continue;
        if (s->client || messages[i].first)
            messages[i].run(s, m);
        else
            hang_up(s, CLOSE_TICKET, "the first message must be a ticket");
        return;
    }
    say(s, "error", "there is no message of that type; see docs/api/live.md");
}

// Puts fragments together; false when there is too much.
static bool take_bytes(struct socket *s, const char *bytes, size_t len)
{
    bool whole = lws_is_final_fragment(s->wsi) && lws_remaining_packet_payload(s->wsi) == 0;

    if (whole && s->in_len == 0) {
        take_message(s, bytes, len);
        return true;
    }
    if (s->in_len + len > MESSAGE_MAX)
        return false;
    if (!s->in)
        s->in = malloc(MESSAGE_MAX);
    if (!s->in)
        return false;
    memcpy(s->in + s->in_len, bytes, len);
    s->in_len += len;
    if (whole) {
        take_message(s, s->in, s->in_len);
        s->in_len = 0;
        free(s->in);
        s->in = NULL;
    }
    return true;
}

// ---------------------------------------------------------------- writing

// lws writes the header in front of what it is given, so a shared frame goes out by way of the
// loop's own room.
static bool write_piece(struct socket *s)
{
    const struct frame *f = s->frame;
    unsigned char *room = s->live->piece + LWS_PRE;
    size_t len = f->len - s->sent < PIECE ? f->len - s->sent : PIECE;
    bool last = s->sent + len == f->len;
    int how = lws_write_ws_flags(f->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, s->sent == 0, last);

    memcpy(room, f->bytes + s->sent, len);
    s->sent += len;
    atomic_fetch_add(&s->live->frames, last);
    atomic_fetch_add(&s->live->bytes, len);
    if (last) {
        frame_drop(take(&s->frame));
        s->sent = 0;
    }
    return lws_write(s->wsi, room, len, (enum lws_write_protocol)how) >= (int)len;
}

// What goes out next, if there is anything.
static void choose_frame(struct socket *s)
{
    char *notice = take(&s->notice);

    if (notice)
        s->frame = frame_of(notice, strlen(notice), false);
    else if (s->client && !s->close)
        s->frame = hub_frame(s->client, clock_mono_ms());
}

// One piece a call: lws says when the socket takes more. -1 closes.
static int write_next(struct socket *s)
{
    s->stalled_since = 0;
    if (!s->frame)
        choose_frame(s);
    if (s->frame) {
        if (!write_piece(s))
            return -1;
        lws_callback_on_writable(s->wsi);
    } else if (s->close) {
        lws_close_reason(s->wsi, (enum lws_close_status)s->close, NULL, 0);
        return -1;
    }
    return 0;
}

// ---------------------------------------------------------------- opening and closing

// https://host:port of the page against the Host it was sent to, or a name of ours. A script that
// is no browser sends no Origin and has no cookie to be tricked out of.
static bool origin_is_ours(struct lws *wsi, const char *names)
{
    char origin[300], host[300];
    const char *at;

    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) == 0)
        return true;
    if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0 ||
        lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0)
        return false;
    at = strstr(origin, "://");
    if (!at)
        return false;
    at += 3;
    if (!strcasecmp(at, host))
        return true;
    for (const char *name = names; name && *name; name += strspn(name, ", ")) {
        size_t len = strcspn(name, ", ");

        if (!strncasecmp(at, name, len) && (at[len] == '\0' || at[len] == ':'))
            return true;
        name += len;
    }
    return false;
}

// Said by hand: libwebsockets only hangs up on an upgrade that it must not make, and a client that
// reads no status cannot tell a refusal from a server that is away.
static int refuse_origin(struct live *l, struct lws *wsi)
{
    const struct problem p = { .status = 403,
                               .detail = "a page of another origin may not open a live connection",
                               .instance = "/live" };
    json_auto_t *o = problem_to_json(&p);
    auto_free char *body = json_dumps(o, JSON_COMPACT);
    char text[1000];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n"
                     "Content-Length: %zu\r\nCache-Control: no-store\r\n"
                     "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n%s",
                     body ? strlen(body) : 0, body ? body : "");

    atomic_fetch_add(&l->refused, 1);
    log_warn(&ctx, "a page of another origin asked for a socket, refused");
    // Nothing was written before, so the socket has room for it.
    (void)!send(lws_get_socket_fd(wsi), text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return -1;
}

static void open_socket(struct live *l, struct socket *s, struct lws *wsi)
{
    *s = (struct socket){ .wsi = wsi,
                          .live = l,
                          .id = ++l->last_id,
                          .opened_at = clock_mono_ms(),
                          .next = l->sockets,
                          .self = &l->sockets };
    if (s->next)
        s->next->self = &s->next;
    l->sockets = s;
    atomic_fetch_add(&l->opened, 1);
    atomic_fetch_add(&l->count, 1);
}

static void close_socket(struct socket *s)
{
    if (!s->live)
        return;
    *s->self = s->next;
    if (s->next)
        s->next->self = s->self;
    hub_leave(s->client);
    frame_drop(s->frame);
    free(s->notice);
    free(s->in);
    atomic_fetch_sub(&s->live->count, 1);
    s->live = NULL;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct live *l = lws_context_user(lws_get_context(wsi));
    struct socket *s = user;

    // The other reasons are libwebsockets' own and have defaults.
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        return -1; // only upgrades are handed over
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return origin_is_ours(wsi, l->options.names) ? 0 : refuse_origin(l, wsi);
    case LWS_CALLBACK_ESTABLISHED:
        open_socket(l, s, wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        if (lws_frame_is_binary(wsi) || !take_bytes(s, in, len))
            hang_up(s, CLOSE_BAD, "messages are text of at most 32 KiB");
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_next(s);
    case LWS_CALLBACK_CLOSED:
        close_socket(s);
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

// ---------------------------------------------------------------- the loop

static struct socket *socket_of(struct live *l, uint64_t id)
{
    for (struct socket *s = l->sockets; s; s = s->next)
        if (s->id == id)
            return s;
    return NULL;
}

static void take_answers(struct live *l)
{
    struct snapshot_job *j;

    while ((j = snapshots_next(l->snapshots))) {
        struct socket *s = socket_of(l, j->socket);

        if (!s && j->recheck && j->rc == RC_DENIED)
            sse_end(l->sse, j->socket, ENDED);
        if (s && j->recheck && j->rc == RC_DENIED) {
            hang_up(s, CLOSE_ENDED, ENDED);
        } else if (s && !j->recheck && j->rc == RC_OK) {
            snapshot_seed(j, l->hub);
            hub_seeded(s->client, j->topic);
            atomic_fetch_add(&l->pictures, 1);
        } else if (s && !j->recheck) {
            say(s, "error", j->problem);
        }
        snapshot_free(j);
    }
}

static void recheck(struct live *l, int64_t account)
{
    for (struct socket *s = l->sockets; s; s = s->next)
        if (s->client && (account == 0 || s->who.account == account)) {
            s->checked_at = clock_mono_ms();
            ask_snapshot(s, "", true);
        }
    sse_recheck(l->sse, account);
}

// Whether there were any.
static bool take_events(struct live *l)
{
    struct bus_event *e;
    bool lost, any = false;

    while ((e = inbox_next(l->inbox, &lost)) || lost) {
        any = true;
        if (lost)
            hub_resend_all(l->hub);
        if (!e)
            continue;
        if (e->kind == BUS_ACCESS)
            recheck(l, e->account);
        else
            hub_note(l->hub, e);
        inbox_release(e);
    }
    return any;
}

// On failure lws has closed the descriptor.
static bool adopt_socket(struct live *l, int fd)
{
    const lws_adopt_desc_t how = { .vh = l->vhost,
                                   .type = LWS_ADOPT_HTTP | LWS_ADOPT_SOCKET,
                                   .fd.sockfd = fd };

    return lws_adopt_descriptor_vhost_via_info(&how) != NULL;
}

static void adopt_all(struct live *l)
{
    struct adoption *a;

    pthread_mutex_lock(&l->lock);
    a = l->adoptions;
    l->adoptions = NULL;
    pthread_mutex_unlock(&l->lock);
    while (a) {
        struct adoption *next = a->next;

        if (!(a->ask ? sse_open(l->sse, a->fd, ++l->last_id, a->ask) : adopt_socket(l, a->fd)))
            atomic_fetch_add(&l->refused, 1);
        free(a->ask);
        free(a);
        a = next;
    }
    atomic_store(&l->streams, sse_count(l->sse));
}

static void on_wake(struct ev_loop *loop, ev_async *w, int events)
{
    struct live *l = w->data;
    bool stopping;

    (void)loop, (void)events;
    pthread_mutex_lock(&l->lock);
    stopping = l->stopping;
    pthread_mutex_unlock(&l->lock);
    if (stopping) {
        ev_break(l->loop, EVBREAK_ALL);
        return;
    }
    adopt_all(l);
    take_answers(l);
}

static void mind_socket(struct socket *s, int64_t now)
{
    if (!s->client && !s->close && now - s->opened_at > TICKET_MS)
        hang_up(s, CLOSE_TICKET, "no ticket came within 5 s");
    if (s->client && now - s->checked_at > RECHECK_MS) {
        s->checked_at = now;
        ask_snapshot(s, "", true);
    }
    if (!lws_send_pipe_choked(s->wsi)) {
        s->stalled_since = 0;
        if (s->client && hub_has_frame(s->client, now))
            lws_callback_on_writable(s->wsi);
    } else if (!s->stalled_since) {
        s->stalled_since = now;
    } else if (now - s->stalled_since > STALL_MS) {
        lws_close_reason(s->wsi, CLOSE_STALLED, NULL, 0);
        lws_set_timeout(s->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
    }
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct live *l = w->data;
    int64_t now = clock_mono_ms();

    (void)loop, (void)events;
    l->stirred = false;
    if (take_events(l) | boards_tick(l->boards, now))
        l->ticked_at = now;
    sse_tick(l->sse, now);
    atomic_store(&l->streams, sse_count(l->sse));
    for (struct socket *s = l->sockets, *next; s; s = next) {
        next = s->next;
        mind_socket(s, now);
    }
}

// After a quiet moment the first news need not wait for the clock.
static void on_stir(struct ev_loop *loop, ev_async *w, int events)
{
    struct live *l = w->data;

    (void)events;
    if (l->stirred || clock_mono_ms() - l->ticked_at < HUB_FRAME_MS - STIR_MS)
        return;
    l->stirred = true;
    ev_timer_stop(loop, &l->tick);
    ev_timer_set(&l->tick, STIR_MS / 1000.0, TICK_S);
    ev_timer_start(loop, &l->tick);
}

static void say_goodbye(struct live *l)
{
    sse_end_all(l->sse, "the server stops; come back in a moment");
    for (struct socket *s = l->sockets, *next; s; s = next) {
        next = s->next;
        s->close = LWS_CLOSE_STATUS_GOINGAWAY;
        lws_callback_on_writable(s->wsi); // only from there is the close frame really sent
    }
    for (int turn = 0; turn < 100 && l->sockets; turn++) {
        ev_run(l->loop, EVRUN_NOWAIT);
        usleep(5000);
    }
}

static void *run(void *arg)
{
    struct live *l = arg;

    pthread_setname_np(pthread_self(), "live");
    ev_run(l->loop, 0);
    say_goodbye(l);
    return NULL;
}

static void wake(void *ctx_)
{
    struct live *l = ctx_;

    ev_async_send(l->loop, &l->wake);
}

static void stir(void *ctx_)
{
    struct live *l = ctx_;

    ev_async_send(l->loop, &l->stir);
}

// Takes owned.
static bool adopt(struct live *l, int fd, struct sse_ask *owned)
{
    struct adoption *a = NULL;

    if (atomic_load(&l->count) + atomic_load(&l->streams) < SOCKETS_MAX)
        a = malloc(sizeof *a);
    if (!a) {
        free(owned);
        close(fd);
        return false;
    }
    a->fd = fd;
    a->ask = owned;
    pthread_mutex_lock(&l->lock);
    a->next = l->adoptions;
    l->adoptions = a;
    pthread_mutex_unlock(&l->lock);
    wake(l);
    return true;
}

bool live_adopt(void *ctx_, int fd, const char *head, size_t head_len, const char *remote)
{
    (void)head, (void)head_len, (void)remote;
    return adopt(ctx_, fd, NULL);
}

static bool take_stream(void *ctx_, void *arg, int fd)
{
    return adopt(ctx_, fd, arg);
}

static void drop_stream(void *ctx_, void *arg)
{
    (void)ctx_;
    free(arg);
}

// ---------------------------------------------------------------- start and stop

static const struct lws_protocols protocols[] = {
    { .name = LIVE_PROTOCOL,
      .callback = callback,
      .per_session_data_size = sizeof(struct socket),
      .rx_buffer_size = 4096 },
    { .name = NULL },
};

static const lws_retry_bo_t idle = { .secs_since_valid_ping = 30, .secs_since_valid_hangup = 40 };

static enum rc make_context(struct live *l, struct fault *f)
{
    void *loops[1];
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .protocols = protocols,
        .user = l,
        .foreign_loops = loops,
        .max_http_header_data = HEAD_MAX,
        .timeout_secs = 15,
        .retry_and_idle_policy = &idle,
        .vhost_name = "live",
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
    };

    l->loop = ev_loop_new(EVFLAG_AUTO);
    if (!l->loop)
        return fail(f, RC_UNAVAILABLE, "cannot make an event loop");
    loops[0] = l->loop;
    lws_set_log_level(LLL_ERR, NULL);
    l->cx = lws_create_context(&info);
    l->vhost = l->cx ? lws_create_vhost(l->cx, &info) : NULL;
    if (!l->vhost)
        return fail(f, RC_UNAVAILABLE,
                    "libwebsockets does not start; is "
                    "libwebsockets-evlib-ev installed?");
    ev_async_init(&l->wake, on_wake);
    l->wake.data = l;
    ev_async_start(l->loop, &l->wake);
    ev_async_init(&l->stir, on_stir);
    l->stir.data = l;
    ev_async_start(l->loop, &l->stir);
    ev_timer_init(&l->tick, on_tick, TICK_S, TICK_S);
    l->tick.data = l;
    ev_timer_start(l->loop, &l->tick);
    return RC_OK;
}

static enum rc make_parts(struct live *l, struct fault *f)
{
    const struct live_options *o = &l->options;
    enum rc rc;

    l->inbox = inbox_new(stir, l);
    l->boards = boards_new(stir, l);
    l->hub = l->inbox && l->boards ? hub_new(l->inbox, l->boards) : NULL;
    if (!l->hub)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = make_context(l, f);
    if (rc == RC_OK)
        rc = snapshots_start(o->store, o->access, wake, l, &l->snapshots, f);
    if (rc == RC_OK)
        rc = board_loader_start(l->boards, o->store, &l->loader, f);
    if (rc != RC_OK)
        return rc;
    l->sse = sse_new(l->loop, l->boards, l->snapshots);
    return l->sse ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

enum rc live_start(const struct live_options *o, struct live **out, struct fault *f)
{
    auto_with(live_stopp) struct live *l = calloc(1, sizeof *l);
    enum rc rc;

    if (!l)
        return fail(f, RC_INTERNAL, "out of memory");
    l->options = *o;
    pthread_mutex_init(&l->lock, NULL);
    rc = make_parts(l, f);
    if (rc != RC_OK)
        return rc;
    bus_subscribe(o->bus, inbox_take, l->inbox);
    bus_subscribe(o->bus, boards_take, l->boards);
    if (o->streams)
        streams_provide(o->streams, STREAM_EVENTS, take_stream, drop_stream, l);
    if (pthread_create(&l->thread, NULL, run, l) != 0)
        return fail(f, RC_UNAVAILABLE, "cannot start the live thread");
    l->running = true;
    *out = take(&l);
    return RC_OK;
}

static void drop_context(struct live *l)
{
    if (l->cx) {
        ev_timer_stop(l->loop, &l->tick);
        ev_async_stop(l->loop, &l->wake);
        ev_async_stop(l->loop, &l->stir);
        // Once: with libev, unlike with libuv, the first call frees the context.
        lws_context_destroy(l->cx);
    }
    if (l->loop)
        ev_loop_destroy(l->loop);
}

void live_stop(struct live *l)
{
    if (!l)
        return;
    if (l->options.streams)
        streams_provide(l->options.streams, STREAM_EVENTS, NULL, NULL, NULL);
    if (l->running) {
        pthread_mutex_lock(&l->lock);
        l->stopping = true;
        pthread_mutex_unlock(&l->lock);
        wake(l);
        pthread_join(l->thread, NULL);
    }
    board_loader_stop(l->loader);
    snapshots_stop(l->snapshots);
    sse_free(l->sse);
    drop_context(l);
    while (l->adoptions) {
        struct adoption *a = l->adoptions;

        l->adoptions = a->next;
        close(a->fd);
        free(a->ask);
        free(a);
    }
    hub_free(l->hub);
    boards_free(l->boards);
    inbox_free(l->inbox);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void live_stats(const struct live *l, struct live_counts *out)
{
    *out = (struct live_counts){ .sockets = atomic_load(&l->count),
                                 .opened = atomic_load(&l->opened),
                                 .refused = atomic_load(&l->refused),
                                 .frames = atomic_load(&l->frames),
                                 .bytes = atomic_load(&l->bytes),
                                 .snapshots = atomic_load(&l->pictures),
                                 .streams = atomic_load(&l->streams) };
}
