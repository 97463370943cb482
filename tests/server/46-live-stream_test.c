// SPDX-License-Identifier: Apache-2.0
//
// Answers that outlive their request, through the edge: events as text/event-stream, and all
// devices as a file. Real PostgreSQL, edge, civetweb and live; the client is a TCP socket.
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
#include "device/export.h"
#include "edge/edge.h"
#include "http/stream.h"
#include "live/live.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define DEVICES 3000
#define WAIT_MS 30000
#define SOON_MS 15000 // before a reader that never reads is closed, and a session is looked at anew
#define CATALOG "/api/v1/catalogs/demo"

static struct rest rest;
static struct live *live;
static struct edge *edge;
static struct streams *streams;
static struct rest_browser owner, auditor, leaver, viewer;
static int32_t demo;

struct caller {
    int fd;
    int status;
    char *text; // the body as far as it came, without its chunks' borders
    size_t len;
    char head[4096];
    char raw[70000];
    size_t raw_len;
    size_t chunk_left;
    bool whole; // the last chunk came
    bool ended; // so did the end of the connection
};

// ---------------------------------------------------------------- the client

static struct caller *say(const char *text, size_t len, int receive_buffer)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(edge_port(edge)) };
    struct caller *c = calloc(1, sizeof *c);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(c->fd, text, len, MSG_NOSIGNAL), len);
    return c;
}

static struct caller *call(const struct rest_browser *who, const char *method, const char *path,
                           const char *more, int receive_buffer)
{
    char text[2000];
    int n = snprintf(text, sizeof text,
                     "%s %s HTTP/1.1\r\nHost: localhost:8443\r\nCookie: __Host-orrery=%s\r\n"
                     "X-Orrery-CSRF: %s\r\n%s\r\n",
                     method, path, who->cookie, who->csrf, more);

    return say(text, (size_t)n, receive_buffer);
}

static struct caller *call_1_0(const char *method, const char *path)
{
    char text[2000];
    int n = snprintf(text, sizeof text,
                     "%s %s HTTP/1.0\r\nHost: localhost:8443\r\nCookie: __Host-orrery=%s\r\n\r\n",
                     method, path, owner.cookie);

    return say(text, (size_t)n, 0);
}

static void hang_up(struct caller *c)
{
    close(c->fd);
    free(c->text);
    free(c);
}

static void keep(struct caller *c, const char *at, size_t len)
{
    c->text = realloc(c->text, c->len + len + 1);
    assert_non_null(c->text);
    memcpy(c->text + c->len, at, len);
    c->len += len;
    c->text[c->len] = '\0';
}

static void eat(struct caller *c, size_t len)
{
    memmove(c->raw, c->raw + len, c->raw_len - len);
    c->raw_len -= len;
}

// Takes what raw has of chunks.
static void unchunk(struct caller *c)
{
    while (c->raw_len > 0 && !c->whole) {
        if (c->chunk_left > 2) {
            size_t n = c->chunk_left - 2 < c->raw_len ? c->chunk_left - 2 : c->raw_len;

            keep(c, c->raw, n);
            eat(c, n);
            c->chunk_left -= n;
            continue;
        }
        if (c->chunk_left > 0) { // its CR LF
            size_t n = c->chunk_left < c->raw_len ? c->chunk_left : c->raw_len;

            eat(c, n);
            c->chunk_left -= n;
            continue;
        }
        char *end = memmem(c->raw, c->raw_len, "\r\n", 2);
        if (!end)
            return;
        c->chunk_left = strtoul(c->raw, NULL, 16);
        c->whole = c->chunk_left == 0;
        c->chunk_left += 2;
        eat(c, (size_t)(end - c->raw) + 2);
    }
}

// Reads once; false at the end or when nothing came in time.
static bool fill(struct caller *c, int ms)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    ssize_t n;

    if (poll(&p, 1, ms) <= 0)
        return false;
    n = recv(c->fd, c->raw + c->raw_len, sizeof c->raw - c->raw_len, 0);
    c->ended = n <= 0;
    if (n <= 0)
        return false;
    c->raw_len += (size_t)n;
    if (c->status) {
        unchunk(c);
        return true;
    }
    char *end = memmem(c->raw, c->raw_len, "\r\n\r\n", 4);
    if (!end)
        return true;
    size_t len = (size_t)(end - c->raw) + 4;
    assert_true(len < sizeof c->head);
    memcpy(c->head, c->raw, len);
    assert_int_equal(sscanf(c->head, "HTTP/1.1 %d", &c->status), 1);
    eat(c, len);
    if (!strstr(c->head, "chunked")) { // a problem, in one piece
        keep(c, c->raw, c->raw_len);
        return true;
    }
    unchunk(c);
    return true;
}

static void read_head(struct caller *c)
{
    while (!c->status)
        assert_true(fill(c, WAIT_MS));
}

// Reads until the text holds what, behind from; where it is.
static size_t until(struct caller *c, size_t from, const char *what)
{
    int64_t last = clock_mono_ms() + WAIT_MS;
    char *at;

    while (!(at = c->text && c->len > from ? strstr(c->text + from, what) : NULL))
        if (clock_mono_ms() > last || !fill(c, WAIT_MS))
            fail_msg("'%s' did not come, but: %.300s", what, c->text ? c->text + from : "");
    return (size_t)(at - c->text);
}

static void read_all(struct caller *c)
{
    while (!c->whole && fill(c, WAIT_MS))
        continue;
}

static int status_of(const struct rest_browser *who, const char *path)
{
    struct caller *c = call(who, "GET", path, "", 0);
    int status;

    read_head(c);
    status = c->status;
    hang_up(c);
    return status;
}

// ---------------------------------------------------------------- events

// What is told is in the database too, or whoever reads it anew tells the old.
static void publish_state(int64_t device, int to)
{
    model_sql(pg_conninfo(),
              "UPDATE device_state SET state = %d WHERE catalog = %d AND device = %lld", to, demo,
              (long long)device);
    bus_publish(rest.bus, &(struct bus_event){ .kind = BUS_STATE,
                                               .catalog = demo,
                                               .device = device,
                                               .id = "c4ca4238a0b923820dcc509a6f75849b",
                                               .at = clock_now_ms(),
                                               .state = to,
                                               .text = "It has no session" });
}

static void last_id(const struct caller *c, char *out, size_t size)
{
    const char *at = NULL;

    for (const char *p = c->text; (p = strstr(p, "id: ")); p++)
        at = p;
    assert_non_null(at);
    snprintf(out, size, "Last-Event-ID: %.*s\r\n", (int)strcspn(at + 4, "\n"), at + 4);
}

static void a_stream_has_pictures_then_changes(void **state)
{
    (void)state;
    struct caller *c = call(&owner, "GET", CATALOG "/events", "Accept: text/event-stream\r\n", 0);
    size_t at;

    read_head(c);
    assert_int_equal(c->status, 200);
    assert_non_null(strstr(c->head, "Content-Type: text/event-stream\r\n"));
    assert_null(strcasestr(c->head, "x-orrery-stream"));
    until(c, 0, "\"states\":\"");
    at = until(c, 0, "event: census");
    publish_state(1, STATE_OFFLINE);
    at = until(c, 0, "\"changes\":[[1,5]]");
    publish_state(1, STATE_HEALTHY);
    until(c, at, "\"changes\":[[1,1]]");
    until(c, 0, "It has no session");
    hang_up(c);
}

static void a_stream_resumes_where_it_broke(void **state)
{
    (void)state;
    struct caller *c = call(&owner, "GET", "/api/v1/events?catalog=demo&topics=fleet", "", 0);
    struct caller *other = call(&owner, "GET", "/api/v1/events?catalog=demo&topics=fleet", "", 0);
    char id[200];
    size_t at;

    until(other, 0, "\"states\":\"");
    until(c, 0, "\"states\":\"");
    publish_state(1, STATE_OFFLINE);
    until(c, 0, "\"changes\":[[1,5]]");
    until(c, 0, "\n\n");
    last_id(c, id, sizeof id);
    hang_up(c);
    publish_state(1, STATE_AT_RISK);
    at = until(other, 0, "\"changes\":[[1,3]]");
    publish_state(1, STATE_HEALTHY);
    until(other, at, "\"changes\":[[1,1]]");
    hang_up(other);
    c = call(&owner, "GET", "/api/v1/events?catalog=demo&topics=fleet", id, 0);
    until(c, 0, "\"changes\":[[1,3]]");
    until(c, 0, "\"changes\":[[1,1]]");
    assert_null(strstr(c->text, "reset"));
    assert_null(strstr(c->text, "states"));
    hang_up(c);
}

static void an_id_that_is_of_no_use_resets(void **state)
{
    (void)state;
    static const char *const ids[] = { "Last-Event-ID: 00000000-1-1-1-1-1-1\r\n",
                                       "Last-Event-ID: \xff\xfe{}\r\n", "Last-Event-ID: 7\r\n" };

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct caller *c = call(&owner, "GET", CATALOG "/events?topics=fleet", ids[i], 0);

        until(c, 0, "event: reset");
        until(c, 0, "\"states\":\"");
        hang_up(c);
    }
}

static void wrong_streams_are_refused_precisely(void **state)
{
    (void)state;

    assert_int_equal(status_of(&owner, "/api/v1/events"), 400);
    assert_int_equal(status_of(&owner, "/api/v1/events?catalog=nowhere"), 404);
    assert_int_equal(status_of(&owner, "/api/v1/events?catalog=demo&topics=planets"), 400);
    assert_int_equal(status_of(&owner, "/api/v1/events?catalog=demo&topics="), 400);
    assert_int_equal(status_of(&auditor, CATALOG "/events"), 404); // of catalog acme only
    assert_int_equal(status_of(&(struct rest_browser){ .cookie = "x" }, CATALOG "/events"), 401);
}

static void a_head_of_a_stream_opens_none(void **state)
{
    (void)state;
    struct live_counts before, after;
    struct caller *c;

    live_stats(live, &before);
    c = call(&owner, "HEAD", CATALOG "/events", "Connection: close\r\n", 0);
    while (fill(c, WAIT_MS))
        continue;
    assert_int_equal(c->status, 200);
    assert_int_equal(c->len, 0);
    assert_true(c->ended);
    live_stats(live, &after);
    assert_true(after.streams <= before.streams);
    hang_up(c);
}

static void expect_version_refused(const char *path)
{
    struct live_counts before, after;
    struct caller *c;

    live_stats(live, &before);
    c = call_1_0("GET", path);
    while (fill(c, WAIT_MS))
        continue;
    assert_int_equal(c->status, 505);
    assert_true(c->ended);
    assert_non_null(strstr(c->head, "Content-Type: application/problem+json\r\n"));
    assert_null(strstr(c->head, "chunked"));
    assert_non_null(strstr(c->text, "a stream needs HTTP/1.1"));
    live_stats(live, &after);
    assert_true(after.streams <= before.streams);
    hang_up(c);
}

// Such a client cannot tell an end from a cut.
static void a_stream_over_http_1_0_is_refused(void **state)
{
    (void)state;
    struct caller *c = call_1_0("GET", CATALOG "/devices?limit=1");

    read_head(c);
    assert_int_equal(c->status, 200);
    hang_up(c);
    expect_version_refused(CATALOG "/events");
    expect_version_refused(CATALOG "/devices/export");
}

// More than there may be streams on their way.
static void streams_nobody_comes_for_keep_nobody_waiting(void **state)
{
    (void)state;
    struct caller *c;

    for (int i = 0; i < 70; i++) {
        c = i % 2 ? call_1_0("GET", CATALOG "/events")
                  : call(&owner, "HEAD", CATALOG "/events", "Connection: close\r\n", 0);
        while (fill(c, WAIT_MS))
            continue;
        assert_int_equal(c->status, i % 2 ? 505 : 200);
        hang_up(c);
    }
    c = call(&owner, "GET", CATALOG "/events?topics=census", "", 0);
    until(c, 0, "event: census");
    hang_up(c);
}

// What a client sends is no ticket.
static void a_ticket_from_outside_is_nothing(void **state)
{
    (void)state;
    struct caller *c = call(&owner, "GET", CATALOG "/devices?limit=1",
                            "X-Orrery-Stream: 00000000000000000000000000000000\r\n", 0);

    read_head(c);
    assert_int_equal(c->status, 200);
    assert_null(strstr(c->head, "chunked"));
    assert_false(streams_open(streams, "00000000000000000000000000000000", dup(c->fd)));
    assert_false(streams_open(streams, "", dup(c->fd)));
    hang_up(c);
}

static void a_stream_ends_with_its_session(void **state)
{
    (void)state;
    struct caller *c = call(&leaver, "GET", CATALOG "/events?topics=census", "", 0), *out;
    int64_t began;

    until(c, 0, "event: census");
    began = clock_mono_ms();
    out = call(&leaver, "DELETE", "/api/v1/session", "Origin: https://localhost:8443\r\n", 0);
    read_head(out);
    assert_int_equal(out->status, 204);
    until(c, 0, "event: end");
    read_all(c);
    assert_true(c->whole);
    assert_in_range(clock_mono_ms() - began, 0, SOON_MS);
    hang_up(out);
    hang_up(c);
}

static void a_reader_that_never_reads_costs_nobody_else_a_message(void **state)
{
    (void)state;
    struct caller *stuck = call(&owner, "GET", CATALOG "/events", "", 2048);
    struct caller *c = call(&owner, "GET", CATALOG "/events?topics=fleet", "", 0);
    int64_t slowest = 0;
    size_t at = until(c, 0, "\"states\":\"");

    for (int i = 0; i < 50; i++) {
        int64_t began = clock_mono_ms();

        publish_state(1, i % 2 ? STATE_HEALTHY : STATE_OFFLINE);
        at = until(c, at + 1, i % 2 ? "\"changes\":[[1,1]]" : "\"changes\":[[1,5]]");
        if (clock_mono_ms() - began > slowest)
            slowest = clock_mono_ms() - began;
    }
    assert_in_range(slowest, 0, SOON_MS);
    hang_up(stuck);
    hang_up(c);
}

// ---------------------------------------------------------------- exports

static size_t lines_of(const char *text)
{
    size_t n = 0;

    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

// Devices, as the audit trail says.
static int64_t exported(void)
{
    return rest_sql(
        pg_conninfo(),
        "SELECT coalesce(sum(count), 0) FROM audit WHERE action LIKE '%%devices/export'");
}

static void all_devices_come_as_csv_with_its_quotes(void **state)
{
    (void)state;
    int64_t before = exported();
    struct caller *c =
        call(&owner, "GET", CATALOG "/devices/export?columns=id,name,state,site", "", 0);

    read_all(c);
    assert_int_equal(c->status, 200);
    assert_true(c->whole);
    assert_non_null(strstr(c->head, "Content-Type: text/csv"));
    assert_non_null(strstr(c->head, "filename=\"demo-devices.csv\""));
    assert_int_equal(lines_of(c->text), DEVICES + 1);
    assert_int_equal(strncmp(c->text, "id,name,state,site\r\n", 20), 0);
    assert_non_null(strstr(c->text, ",\"'=1+1\",healthy,"));
    assert_non_null(strstr(c->text, ",\"say \"\"hi\"\", you\",healthy,"));
    assert_null(strstr(c->text, "theirs"));
    hang_up(c);
    assert_int_equal(exported(), before + DEVICES);
}

static void the_filter_holds_and_lines_are_json(void **state)
{
    (void)state;
    struct caller *c =
        call(&owner, "GET", CATALOG "/devices/export?format=ndjson&site=Site%203", "", 0);
    size_t n = 0;

    read_all(c);
    assert_true(c->whole);
    for (char *at = c->text, *line; (line = strsep(&at, "\n")) && *line; n++) {
        json_auto_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

        assert_string_equal(json_string_value(json_object_get(o, "site")), "Site 3");
        assert_true(json_is_object(json_object_get(o, "tags")));
    }
    assert_int_equal(n, DEVICES / 10);
    hang_up(c);
    c = call(&owner, "GET", CATALOG "/devices/export?site=nowhere", "", 0);
    read_all(c);
    assert_true(c->whole);
    assert_int_equal(lines_of(c->text), 1); // the header row
    hang_up(c);
}

static void wrong_exports_are_refused_precisely(void **state)
{
    (void)state;

    assert_int_equal(status_of(&owner, CATALOG "/devices/export?columns=id,secret"), 400);
    assert_int_equal(status_of(&owner, CATALOG "/devices/export?columns=id,id"), 400);
    assert_int_equal(status_of(&owner, CATALOG "/devices/export?format=xls"), 400);
    assert_int_equal(status_of(&owner, CATALOG "/devices/export?planet=mars"), 400);
    assert_int_equal(status_of(&auditor, CATALOG "/devices/export"), 404);
}

static void four_stuck_readers_are_all_there_may_be(void **state)
{
    (void)state;
    struct caller *stuck[EXPORTS_MAX], *c;

    for (int i = 0; i < EXPORTS_MAX; i++) {
        stuck[i] = call(&owner, "GET", CATALOG "/devices/export", "", 2048);
        read_head(stuck[i]);
        assert_int_equal(stuck[i]->status, 200);
    }
    c = call(&owner, "GET", CATALOG "/devices/export", "", 0);
    read_head(c);
    assert_int_equal(c->status, 429);
    assert_non_null(strstr(c->head, "Retry-After: "));
    hang_up(c);
    assert_int_equal(status_of(&owner, CATALOG "/devices?limit=1"), 200);
    for (int i = 0; i < EXPORTS_MAX; i++)
        hang_up(stuck[i]);
    for (int i = 0; i < 1500 && exports_are_full(rest.services.exports); i++)
        usleep(20000);
    c = call(&owner, "GET", CATALOG "/devices/export", "", 0);
    read_all(c);
    assert_true(c->whole);
    hang_up(c);
}

#define READINGS CATALOG "/telemetry/export"
#define EACH     3000 // readings of each of two devices

static void add_readings(void)
{
    long long hour = 1790000000000 / 3600000 * 3600000;

    model_sql(pg_conninfo(),
              "CREATE TABLE telemetry_then PARTITION OF telemetry FOR VALUES FROM ('%s') TO ('%s')",
              "2026-09-21 12:00Z", "2026-09-21 15:00Z");
    model_sql(
        pg_conninfo(),
        "INSERT INTO shape VALUES (%d, 1, '{temp,load}');"
        "INSERT INTO telemetry SELECT d.catalog, d.device, to_timestamp(%lld / 1000.0) + n * "
        "interval '1 second', 1, ARRAY[n / 8.0, CASE n WHEN 5 THEN 'NaN'::float8 ELSE 1 END] "
        "FROM generate_series(1, %d) n, (SELECT * FROM device WHERE catalog = %d AND tags ->> "
        "'site' = 'Site 3' ORDER BY device LIMIT 2) d",
        demo, hour, EACH, demo);
}

static void readings_come_as_they_were_sent(void **state)
{
    (void)state;
    struct caller *c;

    add_readings();
    c = call(&viewer, "GET",
             READINGS "?metric=temp,load&site=Site%203&from=2026-09-21T12:00:00Z&to=now", "", 0);
    read_all(c);
    assert_int_equal(c->status, 200);
    assert_true(c->whole);
    assert_non_null(strstr(c->head, "filename=\"demo-telemetry.csv\""));
    assert_int_equal(strncmp(c->text, "time,device,metric,value\r\n", 26), 0);
    assert_int_equal(lines_of(c->text), 1 + 2 * 2 * EACH - 2);
    assert_non_null(strstr(c->text, ",temp,0.125\r\n"));
    assert_null(strstr(c->text, "nan"));
    hang_up(c);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT sum(count) FROM audit WHERE action LIKE "
                                             "'%%telemetry/export' AND outcome = 'ok'"),
                     DEVICES / 10);
}

static void readings_of_one_device_are_lines_of_json(void **state)
{
    (void)state;
    char path[200];
    long long device = rest_sql(pg_conninfo(), "SELECT min(device) FROM telemetry");
    size_t n = 0;

    model_sql(pg_conninfo(), "UPDATE device SET id = repeat('ab', 16) WHERE device = %lld", device);
    snprintf(path, sizeof path,
             READINGS "?format=ndjson&metric=temp&from=2026-09-21T12:00:00Z&device=%s",
             "abababababababababababababababab");
    struct caller *c = call(&viewer, "GET", path, "", 0);
    read_all(c);
    assert_true(c->whole);
    for (char *at = c->text, *line; (line = strsep(&at, "\n")) && *line; n++) {
        json_auto_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

        assert_string_equal(json_string_value(json_object_get(o, "metric")), "temp");
        assert_int_equal(json_number_value(json_object_get(o, "value")) * 8, n + 1);
    }
    assert_int_equal(n, EACH);
    hang_up(c);
}

static void wrong_exports_of_readings_are_refused_precisely(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int status;
    } cases[] = {
        { "?site=Site%203", 400 },
        { "?metric=", 400 },
        { "?metric=nobody.sent.it", 404 },
        { "?metric=temp,,load", 404 },
        { "?metric=a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", 404 },
        { "?metric=temp&format=xls", 400 },
        { "?metric=temp&planet=mars", 400 },
        { "?metric=temp&from=-1h&to=-2h", 400 },
        { "?metric=temp&device=nobody", 404 },
        { "?metric=temp&device=9dd4e461268c8034f5c8564e155c67a6", 404 }, // of acme
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[200];

        snprintf(path, sizeof path, READINGS "%s", cases[i].query);
        assert_int_equal(status_of(&viewer, path), cases[i].status);
    }
    assert_int_equal(status_of(&auditor, READINGS "?metric=temp"), 403);
}

// ---------------------------------------------------------------- set-up

static bool adopt(void *ctx, int fd, const char *head, size_t len, const char *remote)
{
    (void)ctx;
    return live_adopt(live, fd, head, len, remote);
}

static bool open_stream(void *ctx, const char *ticket, int fd)
{
    (void)ctx;
    return streams_open(streams, ticket, fd);
}

static void add_devices(void)
{
    model_sql(
        pg_conninfo(),
        "INSERT INTO device (catalog, device, id, fingerprint, public_key, lifecycle, seat,"
        " name, note, tags) SELECT c.id, i, md5(i::text), md5(i::text) || md5(i::text), '', 1, i,"
        " CASE i WHEN 7 THEN '=1+1' WHEN 8 THEN 'say \"hi\", you' ELSE 'dev ' || i END,"
        " repeat('long ', 500),"
        " jsonb_build_object('site', 'Site ' || i %% 10)"
        " FROM generate_series(1, %d) i, catalog c WHERE c.name = 'demo'",
        DEVICES);
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, lifecycle, seat,"
              " name) SELECT c.id, 900000, md5('x'), md5('x') || md5('x'), '', 1, 0, 'theirs'"
              " FROM catalog c WHERE c.name = 'acme'");
    model_sql(pg_conninfo(), "INSERT INTO device_state (catalog, device, state, online)"
                             " SELECT catalog, device, 1, false FROM device");
}

static void start_edge(struct fault *f)
{
    const struct edge_options e = { .listen = "127.0.0.1:0",
                                    .plain = true,
                                    .live_protocol = LIVE_PROTOCOL,
                                    .backend_port = (uint16_t)http_port(rest.http),
                                    .backend_secret = http_secret(rest.http),
                                    .hooks = { .live_adopt = adopt, .stream_open = open_stream } };

    assert_int_equal(edge_start(&e, &edge, f), RC_OK);
}

static int setup(void **state)
{
    (void)state;
    struct fault f = { 0 };

    rest_start(&rest, pg_conninfo());
    streams = rest.services.streams;
    add_devices();
    rest_account(&rest, "olga", "owner", NULL);
    rest_account(&rest, "arno", "auditor", "acme");
    owner = rest_sign_in(&rest, "olga");
    auditor = rest_sign_in(&rest, "arno");
    leaver = rest_sign_in(&rest, "olga");
    rest_account(&rest, "vera", "viewer", "demo");
    viewer = rest_sign_in(&rest, "vera");
    demo = (int32_t)rest_sql(pg_conninfo(), "SELECT id FROM catalog WHERE name = 'demo'");
    const struct live_options l = { .store = rest.store,
                                    .tickets = rest.services.tickets,
                                    .streams = streams,
                                    .access = http_access(rest.http),
                                    .bus = rest.bus,
                                    .names = "localhost" };
    assert_int_equal(live_start(&l, &live, &f), RC_OK);
    start_edge(&f); // last: from here on it has all of civetweb's workers
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
        cmocka_unit_test(a_stream_has_pictures_then_changes),
        cmocka_unit_test(a_stream_resumes_where_it_broke),
        cmocka_unit_test(an_id_that_is_of_no_use_resets),
        cmocka_unit_test(wrong_streams_are_refused_precisely),
        cmocka_unit_test(a_head_of_a_stream_opens_none),
        cmocka_unit_test(a_stream_over_http_1_0_is_refused),
        cmocka_unit_test(streams_nobody_comes_for_keep_nobody_waiting),
        cmocka_unit_test(a_ticket_from_outside_is_nothing),
        cmocka_unit_test(a_stream_ends_with_its_session),
        cmocka_unit_test(a_reader_that_never_reads_costs_nobody_else_a_message),
        cmocka_unit_test(all_devices_come_as_csv_with_its_quotes),
        cmocka_unit_test(the_filter_holds_and_lines_are_json),
        cmocka_unit_test(wrong_exports_are_refused_precisely),
        cmocka_unit_test(readings_come_as_they_were_sent),
        cmocka_unit_test(readings_of_one_device_are_lines_of_json),
        cmocka_unit_test(wrong_exports_of_readings_are_refused_precisely),
        cmocka_unit_test(four_stuck_readers_are_all_there_may_be),
    };
    return cmocka_run_group_tests_name("46-live-stream", tests, setup, teardown);
}
