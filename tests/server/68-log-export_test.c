// SPDX-License-Identifier: Apache-2.0
// threaded
//
// The log as a file: every line that a search finds, whole or visibly cut.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "access/api_token.h"
#include "core/auto.h"
#include "core/clock.h"
#include "device/export.h"
#include "edge/edge.h"
#include "http/stream.h"
#include "ingest/partition.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define EXPORT "/api/v1/catalogs/demo/logs/export"
#define ID     "0123456789abcdef0123456789abcdef"
#define LINES  1700 // more than three pages

static struct rest rest;
static char viewer[TOKEN_TEXT_LEN + 1], auditor[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1];
static int64_t base; // a full hour, in the past
static char range[80];

static void make_hour(int64_t start)
{
    char name[PARTITION_LEN + 1];

    partition_name(PARTITION_JOURNAL, start / HOUR_MS, name);
    model_sql(pg_conninfo(),
              "DO $$ BEGIN EXECUTE format('CREATE TABLE %s PARTITION OF journal FOR VALUES FROM"
              " (%%L) TO (%%L)', to_timestamp(%lld), to_timestamp(%lld)); END $$",
              name, (long long)(start / 1000), (long long)((start + HOUR_MS) / 1000));
}

static void say_all(void)
{
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, lifecycle,"
              " name) SELECT id, 7, '" ID "', '" ID ID "', '', 0, 1, 'pump, \"the first\"'"
              " FROM catalog WHERE name = 'demo'");
    model_sql(pg_conninfo(),
              "INSERT INTO journal (catalog, device, ts, seq, event, level, name, source,"
              " text, fields) SELECT c.id, 7, to_timestamp(%lld) + n * interval '3 s', n,"
              " n %% 100 = 0, CASE WHEN n %% 10 = 0 THEN 1 ELSE 2 END,"
              " CASE WHEN n %% 100 = 0 THEN 'crash' END, 'app',"
              " CASE n WHEN 5 THEN '=1+1' ELSE 'line ' || n END,"
              " CASE WHEN n %% 100 = 0 THEN '{\"n\":1}'::jsonb END"
              " FROM generate_series(1, %d) n, catalog c WHERE c.name = 'demo'",
              (long long)(base / 1000), LINES);
}

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "vera", "viewer", "demo", viewer);
    rest_token(&rest, "otto", "auditor", "demo", auditor);
    rest_token(&rest, "eve", "owner", "acme", foreign);
    base = clock_now_ms() / HOUR_MS * HOUR_MS - 3 * HOUR_MS;
    make_hour(base);
    make_hour(base + HOUR_MS);
    say_all();
    snprintf(range, sizeof range, "from=%lld&to=%lld", (long long)base,
             (long long)(base + 2 * HOUR_MS));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static int ask(const char *token, const char *query)
{
    char path[300];
    struct rest_ask a = { .path = path, .token = token };

    snprintf(path, sizeof path, EXPORT "?%s&%s", range, query);
    return rest_ask(&rest, &a)->status;
}

// The end of the answer's stream that a reader holds.
static int open_stream(void)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(streams_open(rest.services.streams, rest_header(EDGE_STREAM_HEADER), fds[1]));
    return fds[0];
}

static char *read_raw(int fd)
{
    size_t size = 1 << 20, len = 0;
    char *text = calloc(1, size);
    ssize_t n;

    while ((n = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    close(fd);
    return text;
}

// The body of a chunked answer; it must have its end.
static char *unchunk(const char *raw)
{
    char *text = calloc(1, strlen(raw) + 1);
    size_t len = 0;

    for (;;) {
        char *at;
        unsigned long n = strtoul(raw, &at, 16);

        assert_int_equal(strncmp(at, "\r\n", 2), 0);
        if (n == 0)
            break;
        memcpy(text + len, at + 2, n);
        len += n;
        raw = at + 2 + n + 2;
    }
    return text;
}

static char *export_of(const char *query)
{
    assert_int_equal(ask(viewer, query), 200);
    auto_free char *raw = read_raw(open_stream());

    return unchunk(raw);
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

// ---------------------------------------------------------------- stories

static void every_line_comes_once_newest_first(void **state)
{
    (void)state;
    auto_free char *text = export_of("");
    char want[40];
    char *rest_of = text, *line;
    int n = LINES;

    assert_int_equal(
        strncmp(text, "t,device,deviceName,event,level,name,source,text,fields\r\n", 57), 0);
    assert_int_equal(count_of(text, "\"pump, \"\"the first\"\"\""), LINES);
    assert_int_equal(count_of(text, ",crash,app,"), LINES / 100);
    strsep(&rest_of, "\n");
    while ((line = strsep(&rest_of, "\n")) && *line) {
        snprintf(want, sizeof want, n == 5 ? "'=1+1" : ",line %d,", n);
        if (!strstr(line, want))
            fail_msg("wanted %s, got %s", want, line);
        n--;
    }
    assert_int_equal(n, 0);
}

static void the_filters_are_those_of_the_search(void **state)
{
    static const struct {
        const char *query;
        size_t count;
    } cases[] = {
        { "level=warn", LINES / 10 }, { "kind=events", LINES / 100 }, { "q=crash", LINES / 100 },
        { "q=1699%20-line", 0 },      { "source=app&q=1699", 1 },     { "source=net", 0 },
        { "device=" ID, LINES },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        auto_free char *text = export_of(cases[i].query);

        if (count_of(text, "\r\n") != cases[i].count + 1)
            fail_msg("%s: %zu lines", cases[i].query, count_of(text, "\r\n") - 1);
    }
}

static void lines_of_json_are_those_of_the_list(void **state)
{
    (void)state;
    auto_free char *text = export_of("format=ndjson&kind=events");
    char *rest_of = text, *line;
    int n = 0;

    for (; (line = strsep(&rest_of, "\n")) && *line; n++) {
        json_auto_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

        assert_string_equal(json_string_value(json_object_get(o, "device")), ID);
        assert_string_equal(json_string_value(json_object_get(o, "name")), "crash");
        assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "fields"), "n")), 1);
    }
    assert_int_equal(n, LINES / 100);
}

static void readers_that_stand_still_cost_nobody_else_a_connection(void **state)
{
    (void)state;
    int fds[EXPORTS_MAX];

    for (int i = 0; i < EXPORTS_MAX; i++) {
        assert_int_equal(ask(viewer, ""), 200);
        fds[i] = open_stream();
    }
    // The pool of this server has as many connections as exports run.
    assert_int_equal(
        rest_ask(&rest, &(struct rest_ask){ .path = "/api/v1/catalogs/demo/logs", .token = viewer })
            ->status,
        200);
    for (int i = 0; i < EXPORTS_MAX; i++) {
        auto_free char *raw = read_raw(fds[i]);
        auto_free char *text = unchunk(raw);

        assert_int_equal(count_of(text, "\r\n"), LINES + 1);
    }
}

static void wrong_exports_are_refused_and_right_ones_written_down(void **state)
{
    static const char *const bad[] = { "format=xls", "level=loud", "kind=both", "q=%22%22" };
    int64_t before, after;

    (void)state;
    before = rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE action LIKE"
                                     " '%%logs/export' AND outcome = 'ok'");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ask(viewer, bad[i]), 400);
    assert_int_equal(ask(viewer, "device=nobody"), 404);
    assert_int_equal(ask(auditor, ""), 403);
    assert_int_equal(ask(foreign, ""), 404);
    free(export_of("level=error"));
    after = rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE action LIKE"
                                    " '%%logs/export' AND outcome = 'ok'");
    assert_int_equal(after, before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_comes_once_newest_first),
        cmocka_unit_test(the_filters_are_those_of_the_search),
        cmocka_unit_test(lines_of_json_are_those_of_the_list),
        cmocka_unit_test(readers_that_stand_still_cost_nobody_else_a_connection),
        cmocka_unit_test(wrong_exports_are_refused_and_right_ones_written_down),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
