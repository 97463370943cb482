// SPDX-License-Identifier: Apache-2.0
//
// A browser's live socket from its ticket to its end: real PostgreSQL, edge, sessions and
// libwebsockets; the browser is a TCP socket that says what it is told to.
//
// threaded

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "device/device.h"
#include "edge/edge.h"
#include "live/live.h"
#include "live/tickets.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define OURS    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LATER   "cccccccccccccccccccccccccccccccc"
#define THEIRS  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define WAIT_MS 30000
#define SOON_MS                                                                                    \
    15000 // before a browser that never reads is closed, and a session is looked at anew
#define SUBSCRIBE "{\"type\":\"subscribe\",\"topic\":\"devices\",\"ids\":[\"" OURS "\"]}"

static struct rest rest;
static struct live *live;
static struct edge *edge;
static struct rest_browser owner;
static int32_t demo;

enum {
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9
};

struct browser {
    int fd;
    unsigned char *in;
    size_t have, size;
};

// ---------------------------------------------------------------- the browser

static struct browser *dial(int receive_buffer)
{
    struct browser *b = calloc(1, sizeof *b);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(edge_port(edge)) };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    b->size = 1 << 20;
    b->in = malloc(b->size);
    if (receive_buffer)
        setsockopt(b->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    assert_int_equal(connect(b->fd, (struct sockaddr *)&to, sizeof to), 0);
    return b;
}

static void leave(struct browser *b)
{
    close(b->fd);
    free(b->in);
    free(b);
}

static void put(struct browser *b, const void *bytes, size_t len)
{
    assert_int_equal(send(b->fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

// More bytes: how many, 0 at the end, -1 when nothing came.
static ssize_t fill(struct browser *b, int64_t until)
{
    struct pollfd p = { .fd = b->fd, .events = POLLIN };
    int64_t left = until - clock_mono_ms();
    ssize_t n;

    if (left <= 0 || poll(&p, 1, (int)left) <= 0)
        return -1;
    n = recv(b->fd, b->in + b->have, b->size - b->have, 0);
    b->have += n > 0 ? (size_t)n : 0;
    return n > 0 ? n : 0;
}

static void drop(struct browser *b, size_t len)
{
    memmove(b->in, b->in + len, b->have - len);
    b->have -= len;
}

// The status of the answer; what follows its head stays in the buffer.
static int upgrade(struct browser *b, const char *more)
{
    int64_t until = clock_mono_ms() + WAIT_MS;
    char text[1000], *end = NULL;
    int status = 0;

    snprintf(text, sizeof text,
             "GET /live HTTP/1.1\r\nHost: localhost:8443\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n%s"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
             more);
    put(b, text, strlen(text));
    while (!(end = memmem(b->in, b->have, "\r\n\r\n", 4)) && fill(b, until) > 0)
        continue;
    if (!end || sscanf((char *)b->in, "HTTP/1.1 %d", &status) != 1)
        return 0;
    drop(b, (size_t)(end - (char *)b->in) + 4);
    return status;
}

static void frame(struct browser *b, int op, const char *text, size_t len)
{
    auto_free unsigned char *f = malloc(len + 14);
    size_t n = 0;

    f[n++] = (unsigned char)(0x80 | op);
    if (len < 126) {
        f[n++] = (unsigned char)(0x80 | len);
    } else {
        assert_true(len < 65536);
        f[n++] = 0x80 | 126;
        f[n++] = (unsigned char)(len >> 8);
        f[n++] = (unsigned char)len;
    }
    memset(f + n, 0, 4); // a mask that changes nothing
    memcpy(f + n + 4, text, len);
    put(b, f, n + 4 + len);
}

static void say(struct browser *b, const char *text)
{
    frame(b, OP_TEXT, text, strlen(text));
}

// One whole frame of the server: its opcode, 0 when the connection just ended, -1 when none came
// in time. *text is NUL-terminated and owned by the caller.
static int next(struct browser *b, int ms, char **text, size_t *len)
{
    int64_t until = clock_mono_ms() + ms;

    for (;;) {
        size_t header = b->have > 1 && (b->in[1] & 0x7f) == 127   ? 10
                        : b->have > 1 && (b->in[1] & 0x7f) == 126 ? 4
                                                                  : 2;
        if (b->have >= header) {
            int op = b->in[0] & 0x0f;
            size_t n = b->in[1] & 0x7f;

            if (header > 2)
                n = 0;
            for (size_t i = 2; i < header; i++)
                n = n << 8 | b->in[i];
            if (b->have >= header + n) {
                *len = n;
                *text = calloc(1, n + 1);
                memcpy(*text, b->in + header, n);
                drop(b, header + n);
                return op;
            }
        }
        ssize_t got = fill(b, until);
        if (got <= 0)
            return (int)got;
    }
}

// The next message, skipping pings; NULL if something else came.
static json_t *hear(struct browser *b, int ms)
{
    size_t len = 0;
    int op;

    do {
        auto_free char *text = NULL;

        op = next(b, ms, &text, &len);
        if (op == OP_TEXT)
            return json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    } while (op == OP_PING);
    return NULL;
}

// Reads on until the end: the code of the close frame, 0 without one, -1 when it did not end.
static int close_code(struct browser *b, int ms)
{
    int64_t until = clock_mono_ms() + ms;

    while (clock_mono_ms() < until) {
        auto_free char *text = NULL;
        size_t len = 0;
        int op = next(b, (int)(until - clock_mono_ms()), &text, &len);

        if (op == OP_CLOSE && len >= 2)
            return (unsigned char)text[0] << 8 | (unsigned char)text[1];
        if (op <= 0)
            return op;
    }
    return -1;
}

static const char *text_of(json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

static void expect(struct browser *b, const char *type)
{
    json_auto_t *o = hear(b, WAIT_MS);

    assert_string_equal(text_of(o, "type"), type);
}

// ---------------------------------------------------------------- tickets

static void say_ticket(struct browser *b, const char *ticket)
{
    char text[200];

    snprintf(text, sizeof text, "{\"type\":\"ticket\",\"ticket\":\"%s\"}", ticket);
    say(b, text);
}

static void new_ticket_of(const char *catalog, const struct rest_browser *as,
                          char out[TICKET_TEXT_LEN + 1])
{
    char body[60];

    snprintf(body, sizeof body, "{\"catalog\":\"%s\"}", catalog);
    assert_int_equal(rest_as(&rest, as, "POST", "/api/v1/live-tickets", body)->status, 200);
    snprintf(out, TICKET_TEXT_LEN + 1, "%s", rest_text("ticket"));
}

static void new_ticket(const struct rest_browser *as, char out[TICKET_TEXT_LEN + 1])
{
    new_ticket_of("demo", as, out);
}

static struct browser *enter_catalog(const char *catalog, const struct rest_browser *as,
                                     int receive_buffer)
{
    char ticket[TICKET_TEXT_LEN + 1];
    struct browser *b = dial(receive_buffer);

    new_ticket_of(catalog, as, ticket);
    assert_int_equal(upgrade(b, ""), 101);
    say_ticket(b, ticket);
    expect(b, "ready");
    return b;
}

static struct browser *enter(const struct rest_browser *as, int receive_buffer)
{
    return enter_catalog("demo", as, receive_buffer);
}

static void a_socket_without_a_ticket_is_closed_after_5_s(void **state)
{
    (void)state;
    struct browser *b = dial(0);
    int64_t began = clock_mono_ms();

    assert_int_equal(upgrade(b, "Sec-WebSocket-Protocol: " LIVE_PROTOCOL "\r\n"), 101);
    json_auto_t *o = hear(b, WAIT_MS);
    assert_string_equal(text_of(o, "type"), "error");
    assert_true(clock_mono_ms() - began >= 4900);
    assert_int_equal(close_code(b, WAIT_MS), 4401);
    leave(b);
}

static void a_ticket_is_good_once(void **state)
{
    (void)state;
    char ticket[TICKET_TEXT_LEN + 1];
    struct browser *first = dial(0), *second = dial(0);

    new_ticket(&owner, ticket);
    assert_int_equal(upgrade(first, ""), 101);
    say_ticket(first, ticket);
    expect(first, "ready");
    assert_int_equal(upgrade(second, ""), 101);
    say_ticket(second, ticket);
    expect(second, "error");
    assert_int_equal(close_code(second, WAIT_MS), 4401);
    leave(first);
    leave(second);
}

static void what_is_no_ticket_ends_the_socket(void **state)
{
    (void)state;
    static const char *const firsts[] = {
        "{\"type\":\"ticket\",\"ticket\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"type\":\"ticket\",\"ticket\":\"\"}", "{\"type\":\"ticket\",\"ticket\":7}",
        "{\"type\":\"ticket\"}", SUBSCRIBE
    };

    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        struct browser *b = dial(0);

        assert_int_equal(upgrade(b, ""), 101);
        say(b, firsts[i]);
        expect(b, "error");
        assert_int_equal(close_code(b, WAIT_MS), 4401);
        leave(b);
    }
}

static void a_page_of_another_origin_was_hung_up_on_without_an_answer(void **state)
{
    (void)state;
    struct browser *b = dial(0);

    assert_int_equal(upgrade(b, "Origin: https://evil.example\r\n"), 403);
    while (fill(b, clock_mono_ms() + WAIT_MS) > 0)
        continue;
    json_auto_t *o = json_loadb((char *)b->in, b->have, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(text_of(o, "type"), "urn:orrery:problem:denied");
    assert_true(text_of(o, "detail")[0]);
    leave(b);
    b = dial(0);
    assert_int_equal(upgrade(b, "Origin: https://localhost:8443\r\n"), 101);
    leave(b);
}

// ---------------------------------------------------------------- topics

static void add_device(const char *catalog, const char *id, int number)
{
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, lifecycle, seat,"
              " name)"
              " SELECT id, %d, '%s', '%s%s', '', 1, %d, 'Lobby' FROM catalog WHERE name = '%s'",
              number, id, id, id, number, catalog);
    model_sql(pg_conninfo(),
              "INSERT INTO device_state (catalog, device, state, online)"
              " SELECT id, %d, 1, true FROM catalog WHERE name = '%s'",
              number, catalog);
}

static void publish(const char *id, double value)
{
    static const char *const names[] = { "cpu.load" };

    bus_publish(rest.bus, &(struct bus_event){ .kind = BUS_READING,
                                               .catalog = demo,
                                               .id = id,
                                               .at = clock_now_ms(),
                                               .count = 1,
                                               .names = names,
                                               .values = &value });
}

static void a_subscription_starts_with_a_snapshot_and_counts_on(void **state)
{
    (void)state;
    struct browser *b = enter(&owner, 0);

    say(b, SUBSCRIBE);
    json_auto_t *first = hear(b, WAIT_MS);
    assert_string_equal(text_of(first, "topic"), "devices");
    assert_int_equal(json_integer_value(json_object_get(first, "seq")), 1);
    json_t *device = json_array_get(json_object_get(first, "snapshot"), 0);
    assert_string_equal(text_of(device, "id"), OURS);
    assert_string_equal(text_of(device, "state"), "healthy");

    publish(OURS, 0.75);
    json_auto_t *second = hear(b, WAIT_MS);
    assert_int_equal(json_integer_value(json_object_get(second, "seq")), 2);
    device = json_array_get(json_object_get(second, "changes"), 0);
    assert_string_equal(text_of(device, "id"), OURS);
    assert_true(json_real_value(json_object_get(json_object_get(device, "m"), "cpu.load")) == 0.75);

    say(b, "{\"type\":\"snapshot\",\"topic\":\"devices\"}");
    json_auto_t *again = hear(b, WAIT_MS);
    assert_int_equal(json_integer_value(json_object_get(again, "seq")), 1);
    assert_non_null(json_object_get(again, "snapshot"));

    say(b, "{\"type\":\"unsubscribe\",\"topic\":\"devices\"}");
    say(b, "{\"type\":\"unsubscribe\",\"topic\":\"devices\"}");
    expect(b, "error");
    publish(OURS, 1);
    json_auto_t *nothing = hear(b, 300);
    assert_null(nothing);
    leave(b);
}

static void a_device_of_another_catalog_is_not_shown(void **state)
{
    (void)state;
    struct browser *b = enter(&owner, 0);

    say(b, "{\"type\":\"subscribe\",\"topic\":\"devices\",\"ids\":[\"" THEIRS "\",\"" OURS "\"]}");
    json_auto_t *o = hear(b, WAIT_MS);
    json_t *list = json_object_get(o, "snapshot");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(text_of(json_array_get(list, 0), "id"), OURS);
    say(b, "{\"type\":\"subscribe\",\"topic\":\"device:" THEIRS "\"}");
    json_auto_t *one = hear(b, WAIT_MS);
    assert_string_equal(text_of(one, "topic"), "device:" THEIRS);
    assert_true(json_is_null(json_object_get(one, "snapshot")));
    leave(b);
}

static void wrong_requests_are_told_and_the_socket_lives(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{\"type\":\"ticket\",\"ticket\":\"x\"}",
        "{\"type\":\"no such thing\"}",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"subscribe\",\"topic\":7}",
        "{\"type\":\"subscribe\",\"topic\":\"planets\"}",
        "{\"type\":\"subscribe\",\"topic\":\"device:xyz\"}",
        "{\"type\":\"subscribe\",\"topic\":\"devices\",\"ids\":[7]}",
        "{\"type\":\"snapshot\",\"topic\":\"devices\"}",
        "{\"type\":\"snapshot\"}",
    };
    struct browser *b = enter(&owner, 0);

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(b, wrong[i]);
        expect(b, "error");
    }
    say(b, SUBSCRIBE);
    json_auto_t *o = hear(b, WAIT_MS);
    assert_non_null(json_object_get(o, "snapshot"));
    leave(b);
}

// What is told is in the database too, or whoever reads it anew tells the old.
static void publish_state(int64_t device, const char *id, int to)
{
    model_sql(pg_conninfo(), "UPDATE device_state SET state = %d WHERE device = %lld", to,
              (long long)device);
    bus_publish(rest.bus, &(struct bus_event){ .kind = BUS_STATE,
                                               .catalog = demo,
                                               .device = device,
                                               .id = id,
                                               .at = clock_now_ms(),
                                               .state = to,
                                               .text = "It has no session" });
}

// The picture of the fleet; *seq is its number.
static char *hear_picture(struct browser *b, size_t *count, uint32_t *seq)
{
    char *bytes = NULL;
    size_t len = 0;

    assert_int_equal(next(b, WAIT_MS, &bytes, &len), OP_BINARY);
    assert_true(len >= 8);
    memcpy(seq, bytes, 4);
    memmove(bytes, bytes + 8, len - 8);
    *count = len - 8;
    return bytes;
}

static void the_fleet_comes_as_a_picture_and_goes_on_as_changes(void **state)
{
    (void)state;
    struct browser *b = enter(&owner, 0);
    size_t count;
    uint32_t seq;

    say(b, "{\"type\":\"subscribe\",\"topic\":\"fleet\"}");
    auto_free char *states = hear_picture(b, &count, &seq);
    assert_int_equal(count, 2);
    assert_int_equal((unsigned char)states[0], 255); // nobody has seat 0, and theirs is not ours
    assert_int_equal(states[1], STATE_HEALTHY);
    publish_state(1, OURS, STATE_OFFLINE);
    json_auto_t *o = hear(b, WAIT_MS);
    json_t *change = json_array_get(json_object_get(o, "changes"), 0);
    assert_int_equal(json_integer_value(json_object_get(o, "seq")), seq + 1);
    assert_int_equal(json_integer_value(json_array_get(change, 0)), 1);
    assert_int_equal(json_integer_value(json_array_get(change, 1)), STATE_OFFLINE);
    say(b, "{\"type\":\"snapshot\",\"topic\":\"fleet\"}");
    auto_free char *again = hear_picture(b, &count, &seq);
    assert_int_equal(again[1], STATE_OFFLINE);
    publish_state(1, OURS, STATE_HEALTHY);
    leave(b);
}

// The next frame of a topic, skipping others.
static json_t *hear_topic(struct browser *b, const char *topic)
{
    for (int i = 0; i < 20; i++) {
        json_t *o = hear(b, WAIT_MS);

        if (!o || !strcmp(text_of(o, "topic"), topic))
            return o;
        json_decref(o);
    }
    return NULL;
}

// What the events tell of that state, after what they still have to tell of earlier ones.
static json_t *hear_item(struct browser *b, const char *state)
{
    for (int tries = 0; tries < 20; tries++) {
        json_auto_t *events = hear_topic(b, "events");
        size_t i;
        json_t *item;

        json_array_foreach (json_object_get(events, "items"), i, item)
            if (!strcmp(text_of(item, "state"), state))
                return json_incref(item);
    }
    return NULL;
}

static int act_on(const char *device, const char *deed)
{
    char path[120];

    snprintf(path, sizeof path, "/api/v1/catalogs/acme/devices/%s/%s", device, deed);
    return rest_as(&rest, &owner, "POST", path, NULL)->status;
}

static void census_and_events_tell_what_happened_by_name(void **state)
{
    (void)state;
    struct browser *b = enter(&owner, 0);

    say(b, "{\"type\":\"subscribe\",\"topic\":\"census\"}");
    json_auto_t *census = hear_topic(b, "census");
    assert_int_equal(json_integer_value(json_object_get(census, "total")), 1);
    say(b, "{\"type\":\"subscribe\",\"topic\":\"events\"}");
    json_auto_t *first = hear_topic(b, "events");
    assert_true(json_is_array(json_object_get(first, "snapshot")));
    publish_state(1, OURS, STATE_AT_RISK);
    json_auto_t *item = hear_item(b, "atRisk");
    assert_string_equal(text_of(item, "kind"), "state");
    assert_string_equal(text_of(item, "device"), OURS);
    assert_string_equal(text_of(item, "name"), "Lobby");
    publish_state(1, OURS, STATE_HEALTHY);
    leave(b);
}

// The text of the nth item of that kind; "" where there are fewer.
static const char *nth_text(json_t *list, const char *kind, size_t nth)
{
    size_t i;
    json_t *item;

    json_array_foreach (list, i, item)
        if (!strcmp(text_of(item, "kind"), kind) && nth-- == 0)
            return text_of(item, "text");
    return "";
}

static bool is_newest_first(json_t *list)
{
    for (size_t i = 1; i < json_array_size(list); i++)
        if (json_integer_value(json_object_get(json_array_get(list, i), "at")) >
            json_integer_value(json_object_get(json_array_get(list, i - 1), "at")))
            return false;
    return true;
}

static void what_happened_before_anybody_looked_is_told_newest_first(void **state)
{
    (void)state;
    model_sql(pg_conninfo(), "UPDATE device SET lifecycle = 0 WHERE device = 2");
    assert_int_equal(act_on(THEIRS, "claim"), 200);
    assert_int_equal(act_on(THEIRS, "unclaim"), 200);
    model_sql(pg_conninfo(),
              "INSERT INTO arrival (catalog, fingerprint, public_key, window_id, remote)"
              " SELECT id, repeat('c', 64), '', 1, '192.0.2.9' FROM catalog WHERE name = 'acme';"
              "INSERT INTO job (catalog, kind, state, title, request, actor)"
              " SELECT id, 'bulk', 'done', 'Tag 2 devices', '{}', 'ada' FROM catalog"
              "  WHERE name = 'acme'");
    struct browser *b = enter_catalog("acme", &owner, 0);
    say(b, "{\"type\":\"subscribe\",\"topic\":\"events\"}");
    json_auto_t *events = hear_topic(b, "events");
    json_t *list = json_object_get(events, "snapshot");
    assert_string_equal(nth_text(list, "device", 0), "Unclaimed");
    assert_string_equal(nth_text(list, "device", 1), "Claimed");
    assert_string_equal(nth_text(list, "state", 0), "It has never shown evidence");
    assert_string_equal(nth_text(list, "arrival", 0),
                        "A new device knocked from 192.0.2.9 and waits to be claimed");
    assert_string_equal(nth_text(list, "job", 0), "Tag 2 devices: done");
    assert_true(is_newest_first(list));
    leave(b);
}

static void a_device_that_comes_takes_its_seat(void **state)
{
    (void)state;
    struct browser *b = enter(&owner, 0);
    bool layout = false, seated = false;
    size_t count;
    uint32_t seq;

    say(b, "{\"type\":\"subscribe\",\"topic\":\"fleet\"}");
    auto_free char *states = hear_picture(b, &count, &seq);
    add_device("demo", LATER, 3);
    bus_publish(rest.bus, &(struct bus_event){ .kind = BUS_DEVICE,
                                               .catalog = demo,
                                               .device = 3,
                                               .id = LATER,
                                               .lifecycle = DEVICE_CLAIMED });
    for (int i = 0; i < 10 && !(layout && seated); i++) {
        auto_free char *bytes = NULL;
        size_t len = 0;
        int op = next(b, WAIT_MS, &bytes, &len);
        json_auto_t *o = op == OP_TEXT ? json_loadb(bytes, len, 0, NULL) : NULL;
        json_t *change = json_array_get(json_object_get(o, "changes"), 0);

        layout |= json_is_true(json_object_get(o, "layout"));
        seated |= json_integer_value(json_array_get(change, 0)) == 3;
        seated |= op == OP_BINARY && len == 8 + 4;
    }
    assert_true(layout);
    assert_true(seated);
    leave(b);
}

// ---------------------------------------------------------------- what browsers do not say

static void garbage_ends_its_own_socket(void **state)
{
    (void)state;
    static char big[40000];
    static const struct {
        int op;
        const char *text;
        size_t len;
    } sent[] = {
        { OP_BINARY, "{\"type\":\"ticket\"}", 17 },
        { OP_TEXT, "", 0 },
        { OP_TEXT, "{", 1 },
        { OP_TEXT, "[1,2]", 5 },
        { OP_TEXT, "\0\0", 2 },
        { OP_TEXT, "\xff\xfe", 2 },
        { OP_TEXT, "{\"type\":[]}", 11 },
        { OP_TEXT, big, sizeof big },
    };
    struct browser *witness = enter(&owner, 0);

    memset(big, ' ', sizeof big);
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        struct browser *b = enter(&owner, 0);
        int code;

        frame(b, sent[i].op, sent[i].text, sent[i].len);
        code = close_code(b, WAIT_MS);
        if (code != 4400 && code != 1007)
            fail_msg("case %zu ended with %d", i, code);
        leave(b);
    }
    say(witness, SUBSCRIBE);
    json_auto_t *o = hear(witness, WAIT_MS);
    assert_non_null(json_object_get(o, "snapshot"));
    leave(witness);
}

static void one_that_never_reads_the_fleet_costs_nobody_else_a_frame(void **state)
{
    (void)state;
    struct browser *stuck = enter(&owner, 2048), *reader = enter(&owner, 0);
    int64_t slowest = 0;
    size_t count;
    uint32_t seq;

    say(stuck, "{\"type\":\"subscribe\",\"topic\":\"fleet\"}");
    say(reader, "{\"type\":\"subscribe\",\"topic\":\"fleet\"}");
    auto_free char *states = hear_picture(reader, &count, &seq);
    for (int i = 1; i <= 60; i++) {
        int64_t began = clock_mono_ms();

        publish_state(1, OURS, i % 2 ? STATE_OFFLINE : STATE_HEALTHY);
        json_auto_t *o = hear(reader, WAIT_MS);
        assert_int_equal(json_integer_value(json_object_get(o, "seq")), seq + (uint32_t)i);
        if (clock_mono_ms() - began > slowest)
            slowest = clock_mono_ms() - began;
    }
    assert_in_range(slowest, 0, SOON_MS);
    leave(stuck);
    leave(reader);
}

static void a_browser_that_never_reads_costs_nobody_else_a_frame(void **state)
{
    (void)state;
    struct browser *stuck = enter(&owner, 2048), *reader = enter(&owner, 0);
    int64_t slowest = 0;

    say(stuck, "{\"type\":\"subscribe\",\"topic\":\"device:" OURS "\"}");
    say(reader, SUBSCRIBE);
    json_auto_t *snapshot = hear(reader, WAIT_MS);
    assert_non_null(json_object_get(snapshot, "snapshot"));
    for (int i = 1; i <= 40; i++) {
        int64_t began = clock_mono_ms();

        for (int k = 0; k < 200; k++)
            publish(OURS, i + k / 1000.0);
        json_auto_t *o = hear(reader, WAIT_MS);
        assert_non_null(json_object_get(o, "changes"));
        if (clock_mono_ms() - began > slowest)
            slowest = clock_mono_ms() - began;
    }
    assert_in_range(slowest, 0, SOON_MS);
    leave(stuck);
    leave(reader);
}

// ---------------------------------------------------------------- ends

static void a_socket_ends_with_its_session(void **state)
{
    (void)state;
    struct rest_browser own = rest_sign_in(&rest, "olga");
    struct browser *b = enter(&own, 0), *other = enter(&owner, 0);
    int64_t began = clock_mono_ms();

    assert_int_equal(rest_as(&rest, &own, "DELETE", "/api/v1/session", NULL)->status, 204);
    expect(b, "error");
    assert_int_equal(close_code(b, WAIT_MS), 4403);
    assert_in_range(clock_mono_ms() - began, 0, SOON_MS);
    say(other, SUBSCRIBE);
    json_auto_t *o = hear(other, WAIT_MS);
    assert_non_null(json_object_get(o, "snapshot"));
    leave(b);
    leave(other);
}

static void a_socket_ends_when_its_account_may_no_more(void **state)
{
    (void)state;
    int64_t id = rest_account(&rest, "vera", "viewer", NULL);
    struct rest_browser vera = rest_sign_in(&rest, "vera");
    struct browser *b = enter(&vera, 0);
    char path[60];

    snprintf(path, sizeof path, "/api/v1/users/%lld", (long long)id);
    assert_int_equal(rest_as(&rest, &owner, "GET", path, NULL)->status, 200);
    char etag[60];
    snprintf(etag, sizeof etag, "%s", rest_header("ETag"));
    assert_int_equal(rest_ask(&rest, &(struct rest_ask){ .method = "PATCH",
                                                         .path = path,
                                                         .body = "{\"role\":\"auditor\"}",
                                                         .cookie = owner.cookie,
                                                         .csrf = owner.csrf,
                                                         .if_match = etag })
                         ->status,
                     200);
    expect(b, "error");
    assert_int_equal(close_code(b, WAIT_MS), 4403);
    leave(b);
}

// The last one: nothing is live after it.
static void the_server_says_goodbye(void **state)
{
    (void)state;
    struct browser *b = enter(&owner, 0);

    live_stop(take(&live));
    assert_int_equal(close_code(b, WAIT_MS), 1001);
    leave(b);
}

// ---------------------------------------------------------------- set-up

static bool adopt(void *ctx, int fd, const char *head, size_t len, const char *remote)
{
    (void)ctx;
    return live_adopt(live, fd, head, len, remote);
}

// The edge keeps all of civetweb's workers to itself, and here REST is asked beside it; so its
// connections end in this socket, which nobody serves.
static uint16_t idle_backend(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    return ntohs(at.sin_port);
}

static int setup(void **state)
{
    (void)state;
    struct fault f = { 0 };

    rest_start(&rest, pg_conninfo());
    rest_account(&rest, "olga", "owner", NULL);
    owner = rest_sign_in(&rest, "olga");
    demo = (int32_t)rest_sql(pg_conninfo(), "SELECT id FROM catalog WHERE name = 'demo'");
    add_device("demo", OURS, 1);
    add_device("acme", THEIRS, 2);
    const struct live_options l = { .store = rest.store,
                                    .tickets = rest.services.tickets,
                                    .access = http_access(rest.http),
                                    .bus = rest.bus,
                                    .names = "localhost" };
    assert_int_equal(live_start(&l, &live, &f), RC_OK);
    const struct edge_options e = { .listen = "127.0.0.1:0",
                                    .plain = true,
                                    .live_protocol = LIVE_PROTOCOL,
                                    .backend_port = idle_backend(),
                                    .backend_secret = http_secret(rest.http),
                                    .hooks = { .live_adopt = adopt } };
    assert_int_equal(edge_start(&e, &edge, &f), RC_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    edge_stop(edge);
    live_stop(live);
    rest_stop(&rest);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_without_a_ticket_is_closed_after_5_s),
        cmocka_unit_test(a_ticket_is_good_once),
        cmocka_unit_test(what_is_no_ticket_ends_the_socket),
        cmocka_unit_test(a_page_of_another_origin_was_hung_up_on_without_an_answer),
        cmocka_unit_test(a_subscription_starts_with_a_snapshot_and_counts_on),
        cmocka_unit_test(a_device_of_another_catalog_is_not_shown),
        cmocka_unit_test(the_fleet_comes_as_a_picture_and_goes_on_as_changes),
        cmocka_unit_test(census_and_events_tell_what_happened_by_name),
        cmocka_unit_test(what_happened_before_anybody_looked_is_told_newest_first),
        cmocka_unit_test(wrong_requests_are_told_and_the_socket_lives),
        cmocka_unit_test(garbage_ends_its_own_socket),
        cmocka_unit_test(a_browser_that_never_reads_costs_nobody_else_a_frame),
        cmocka_unit_test(one_that_never_reads_the_fleet_costs_nobody_else_a_frame),
        cmocka_unit_test(a_device_that_comes_takes_its_seat),
        cmocka_unit_test(a_socket_ends_with_its_session),
        cmocka_unit_test(a_socket_ends_when_its_account_may_no_more),
        cmocka_unit_test(the_server_says_goodbye),
    };
    return cmocka_run_group_tests_name("45-live-story", tests, setup, teardown);
}
