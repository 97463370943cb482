// SPDX-License-Identifier: Apache-2.0
// threaded
//
// Log lines of a catalog: found by their words, newest first, counted as they come.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "ingest/engine.h"
#include "ingest/lexicon.h"
#include "journal/insight_api.h"
#include "journal/search.h"
#include "journal/search_api.h"
#include "support/feed.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

#define LOGS "/api/v1/catalogs/{catalog}/logs"

static struct feed w;
static struct store *db;
static int32_t demo, acme;
static struct model_answer answer;

static int open_all(void **state)
{
    (void)state;
    feed_init(&w, pg_fresh(), 3);
    feed_open(&w);
    db = model_store(w.conninfo);
    demo = (int32_t)feed_ask(&w, "SELECT id FROM catalog WHERE name = 'demo'");
    acme = model_catalog(db, "acme");
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    model_answer_done(&answer);
    store_close(db);
    feed_close(&w);
    feed_done(&w);
    return 0;
}

static void say(int device, int64_t t, int level, const char *source, const char *event,
                const char *text)
{
    struct feed_device *d = &w.devices[device];
    struct ingest_entry e = { .seq = ++d->sent,
                              .at = t,
                              .event = event,
                              .level = level,
                              .name = event,
                              .source = source,
                              .text = text };

    assert_int_equal(ingest_entry(d->d, &e, NULL, NULL), INGEST_TAKEN);
}

static struct model_answer *get_of(int32_t catalog, const char *tail, const char *query)
{
    char pattern[100];
    struct services none = { 0 };

    snprintf(pattern, sizeof pattern, LOGS "%s", tail);
    model_answer_done(&answer);
    model_run(db, &none,
              &(struct model_call){ .routes = search_routes,
                                    .method = "GET",
                                    .pattern = pattern,
                                    .query = query,
                                    .catalog = catalog },
              &answer);
    return &answer;
}

static size_t found(const char *query)
{
    struct model_answer *a = get_of(demo, "", query);

    if (a->rc != RC_OK)
        fail_msg("%s: %s", query, a->text);
    return json_array_size(json_object_get(a->body, "items"));
}

static void say_some(int64_t t)
{
    say(0, t, JOURNAL_WARN, "app.pump", NULL, "pressure is LOW: 0.8 bar (limit=1.2)");
    say(0, t + 1, JOURNAL_INFO, "app.pump", NULL, "timed out after 30 s");
    say(1, t + 2, JOURNAL_ERROR, "net", NULL, "connection to 10.0.0.7:8444 timed out");
    say(1, t + 3, JOURNAL_INFO, "net", NULL, "out of order, timed");
    say(2, t + 4, JOURNAL_INFO, NULL, "valve.closed", "by hand");
    say(2, t + 5, JOURNAL_DEBUG, "caf\xc3\xa9", NULL, "running runs ran");
    assert_true(feed_wait(&w, 30000));
}

static void words_phrases_and_exclusions_find_lines(void **state)
{
    (void)state;
    static const struct {
        const char *q;
        size_t count;
    } cases[] = {
        { "q=pressure", 1 },
        { "q=low", 1 },
        { "q=LOW", 1 },
        { "q=pump", 2 },
        { "q=app.pump", 2 },
        { "q=timed%20out", 3 },
        { "q=%22timed%20out%22", 2 },
        { "q=%22timed%20out%22%20-connection", 1 },
        { "q=-timed", 3 },
        { "q=10.0.0.7", 1 },
        { "q=10.0.0", 1 },
        { "q=limit%3D1.2", 1 },
        { "q=valve", 1 },
        { "q=run", 0 },
        { "q=caf%C3%A9", 1 },
        { "q=%22by%20hand", 1 },
        { "q=or", 0 },
        { "q=the%20and%20or", 0 },
        { "level=error", 1 },
        { "level=warn", 2 },
        { "kind=events", 1 },
        { "kind=logs", 5 },
        { "source=net", 2 },
        { "source=ne", 0 },
        { "q=timed&source=net&level=error", 1 },
        { "", 6 },
    };

    say_some(clock_now_ms());
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (found(cases[i].q) != cases[i].count)
            fail_msg("%s finds %zu, not %zu", cases[i].q, found(cases[i].q), cases[i].count);
}

static void a_line_names_its_device_and_a_device_can_be_asked_for(void **state)
{
    (void)state;
    char query[60];

    say_some(clock_now_ms());
    snprintf(query, sizeof query, "device=%s", w.devices[1].id);
    assert_int_equal(found(query), 2);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(answer.body, "items"), 0), "device")),
                        w.devices[1].id);
    assert_int_equal(get_of(acme, "", query)->rc, RC_NOT_FOUND);
    assert_int_equal(get_of(acme, "/histogram", query)->rc, RC_NOT_FOUND);
    assert_int_equal(get_of(acme, "", "")->rc, RC_OK);
    assert_int_equal(json_array_size(json_object_get(answer.body, "items")), 0);
}

static void bad_questions_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "q=-",         "q=%22%22",    "q=...",
                                       "level=loud",  "kind=all",    "from=x",
                                       "to=-1",       "from=2&to=1", "cursor=abc",
                                       "device=zzzz", "limit=1000",  "to=253402300800000" };
    char many[100] = "q=a";

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (get_of(demo, "", bad[i])->rc == RC_OK)
            fail_msg("%s is taken", bad[i]);
    for (size_t i = 0; i < WORDS_MAX; i++)
        snprintf(many + 3 + 4 * i, 5, "%%20a");
    assert_int_equal(get_of(demo, "", many)->rc, RC_INVALID);
    assert_int_equal(get_of(demo, "/histogram", "buckets=0")->rc, RC_INVALID);
    assert_int_equal(get_of(demo, "/histogram", "buckets=501")->rc, RC_INVALID);
    assert_int_equal(get_of(demo, "/histogram", "from=0&to=253402300799999&buckets=500")->rc,
                     RC_OK);
    assert_int_equal(get_of(demo, "", "from=0&to=253402300799999")->rc, RC_OK);
}

// ---------------------------------------------------------------- over hours

struct tale {
    int count, wrong;
    int64_t last;
};

static void hear(void *ctx, const struct search_line *l)
{
    struct tale *t = ctx;

    t->wrong += t->count > 0 && l->entry.t > t->last;
    t->last = l->entry.t;
    t->count++;
}

// All pages; how many lines, none of them out of order.
static int walk(const char *q, int64_t from, int64_t to, int limit)
{
    struct search s = { .level = JOURNAL_DEBUG, .from = from, .to = to };
    struct search_end end = { 0 };
    struct tale t = { 0 };
    struct fault f = { 0 };
    int pages = 0;

    if (*q)
        assert_int_equal(words_read(q, &s.words, &f), RC_OK);
    do {
        char cursor[JOURNAL_CURSOR_LEN];
        int before = t.count;

        memcpy(cursor, end.next, sizeof cursor);
        if (search_run(db, 1, &s, cursor, limit, hear, &t, &end, &f) != RC_OK)
            fail_msg("%s", f.text);
        assert_true(t.count - before <= limit);
        assert_true(++pages < 10000);
    } while (*end.next);
    assert_true(end.complete);
    assert_int_equal(t.wrong, 0);
    return t.count;
}

// count lines in the hour before the one of t, each hundredth with a word of its own.
static void fill_hour(int64_t hour, int count)
{
    char sql[600];

    say(0, hour * HOUR_MS, JOURNAL_INFO, "app.clock", NULL, "the hour begins");
    assert_true(feed_wait(&w, 30000));
    snprintf(
        sql, sizeof sql,
        "INSERT INTO journal SELECT 1, 2, to_timestamp(%lld) + n * interval '100 ms', n, false,"
        " 2, NULL, 'bulk', 'line ' || n || ' of many' || CASE WHEN n %% 100 = 0 THEN ' rarity'"
        " ELSE '' END FROM generate_series(1, %d) n",
        (long long)hour * 3600, count);
    feed_run(&w, sql);
}

// Without the retention thread, which would do it by itself sooner or later.
static void make_indexes(void)
{
    struct ingest alone = { .conninfo = (char *)(uintptr_t)w.conninfo };
    struct fault f = { 0 };

    pthread_mutex_init(&alone.idle_lock, NULL);
    if (lexicon_round(&alone, &f) != RC_OK)
        fail_msg("%s", f.text);
    pthread_mutex_destroy(&alone.idle_lock);
}

static int64_t indexes(void)
{
    return feed_ask(&w, "SELECT count(*) FROM pg_class c JOIN pg_index x ON x.indexrelid = c.oid"
                        " WHERE c.relname LIKE '%\\_words' AND x.indisvalid");
}

static void the_same_is_found_before_and_after_the_hours_have_their_index(void **state)
{
    (void)state;
    int64_t hour = clock_now_ms() / HOUR_MS, from = (hour - 10) * HOUR_MS;

    for (int64_t h = hour - 6; h <= hour - 3; h++)
        fill_hour(h, 8000);
    feed_close(&w);
    for (int round = 0; round < 2; round++) {
        int64_t to = clock_now_ms();

        assert_int_equal(indexes(), round ? 4 : 0);
        assert_int_equal(walk("rarity", from, to, 7), 320);
        assert_int_equal(walk("rarity many", from, to, 200), 320);
        assert_int_equal(walk("\"many rarity\"", from, to, 200), 320);
        assert_int_equal(walk("line -rarity", from, to, 200), 31680);
        assert_int_equal(walk("-line", from, to, 200), 4);
        assert_int_equal(walk("hour", from, to, 3), 4);
        assert_int_equal(walk("nowhere", from, to, 50), 0);
        assert_int_equal(walk("rarity", (hour - 5) * HOUR_MS, (hour - 4) * HOUR_MS - 1, 50), 80);
        make_indexes();
    }
    feed_open(&w);
}

static void an_index_that_was_cut_short_is_made_anew(void **state)
{
    (void)state;
    int64_t hour = clock_now_ms() / HOUR_MS - 2;

    fill_hour(hour, 8000);
    feed_close(&w);
    make_indexes();
    feed_run(&w, "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN"
                 " (SELECT oid FROM pg_class WHERE relname LIKE '%\\_words')");
    assert_int_equal(indexes(), 0);
    assert_int_equal(walk("rarity", hour * HOUR_MS, clock_now_ms(), 50), 80);
    make_indexes();
    assert_int_equal(indexes(), 1);
    assert_int_equal(walk("rarity", hour * HOUR_MS, clock_now_ms(), 50), 80);
    feed_open(&w);
}

static void many_lines_of_one_moment_come_once_each(void **state)
{
    (void)state;
    int64_t t = clock_now_ms();

    for (int i = 0; i < 500; i++)
        say(i % 3, t, JOURNAL_INFO, "app", NULL, "at once");
    assert_true(feed_wait(&w, 30000));
    assert_int_equal(walk("", t - 1, t + 1, 7), 500);
    assert_int_equal(walk("once", t - 1, t + 1, 200), 500);
}

// ---------------------------------------------------------------- counts

static int64_t total(const char *query)
{
    struct model_answer *a = get_of(demo, "/histogram", query);

    if (a->rc != RC_OK)
        fail_msg("%s: %s", query, a->text);
    assert_true(json_is_true(json_object_get(a->body, "exact")));
    return json_integer_value(json_object_get(a->body, "total"));
}

static void counters_say_what_the_lines_say(void **state)
{
    (void)state;
    char query[60];
    struct fault f = { 0 };

    snprintf(query, sizeof query, "device=%s", w.devices[1].id);
    for (int i = 0; i < 50; i++)
        say_some(clock_now_ms() - i * 61000LL);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(total(""), 300);
        assert_int_equal(total("level=warn"), 100);
        assert_int_equal(total("source=net"), 100);
        assert_int_equal(total("kind=events"), 50);
        assert_int_equal(total("q=timed"), 150);
        assert_int_equal(total(query), 100);
        assert_int_equal(total("buckets=1"), 300);
        assert_int_equal(get_of(demo, "/sources", "")->rc, RC_OK);
        assert_int_equal(json_array_size(json_object_get(answer.body, "items")), 3);
        assert_int_equal(search_fold(db, &f), RC_OK);
    }
    assert_int_equal(feed_ask(&w, "SELECT sum(n) FROM journal_count"), 300);
    assert_int_equal(feed_ask(&w, "SELECT sum(n) FROM event_count WHERE name = 'valve.closed'"),
                     50);
    assert_true(feed_ask(&w, "SELECT count(*) FROM journal_count WHERE folded") > 0);
}

static void counters_of_hours_that_are_dropped_go_too(void **state)
{
    (void)state;
    struct fault f = { 0 };

    say_some(clock_now_ms() - 100 * HOUR_MS);
    say_some(clock_now_ms());
    feed_run(&w, "UPDATE catalog SET journal_hours = 48 WHERE id = 1");
    assert_int_equal(search_fold(db, &f), RC_OK);
    assert_int_equal(feed_ask(&w, "SELECT sum(n) FROM journal_count"), 6);
    assert_int_equal(feed_ask(&w, "SELECT sum(n) FROM event_count"), 1);
}

static struct model_answer *insights(int32_t catalog, const char *tail, const char *id,
                                     const char *query)
{
    char pattern[100];
    struct services none = { 0 };

    snprintf(pattern, sizeof pattern, "/api/v1/catalogs/{catalog}%s/insights", tail);
    model_answer_done(&answer);
    model_run(db, &none,
              &(struct model_call){ .routes = insight_routes,
                                    .method = "GET",
                                    .pattern = pattern,
                                    .id = id,
                                    .query = query,
                                    .catalog = catalog },
              &answer);
    return &answer;
}

static json_t *insight(size_t i)
{
    return json_array_get(json_object_get(answer.body, "items"), i);
}

static void events_are_counted_by_class_and_category(void **state)
{
    (void)state;
    int64_t t = clock_now_ms();
    struct fault f = { 0 };

    for (int i = 0; i < 30; i++)
        say(i % 3, t - i * 1000, i ? JOURNAL_WARN : JOURNAL_ERROR, "watchdog", "crash", "again");
    say(0, t - 3 * HOUR_MS, JOURNAL_INFO, "watchdog", "crash", "first");
    say(1, t, JOURNAL_INFO, NULL, "crash", "of no category");
    say(1, t, JOURNAL_INFO, "watchdog", NULL, "no event");
    assert_true(feed_wait(&w, 30000));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(insights(demo, "", NULL, "")->rc, RC_OK);
        assert_int_equal(json_array_size(json_object_get(answer.body, "items")), 2);
        assert_int_equal(json_integer_value(json_object_get(insight(0), "count")), 31);
        assert_int_equal(json_integer_value(json_object_get(insight(0), "devices")), 3);
        assert_string_equal(json_string_value(json_object_get(insight(0), "level")), "error");
        assert_true(json_is_null(json_object_get(insight(1), "category")));
        assert_int_equal(insights(demo, "/devices/{id}", w.devices[1].id, "limit=1")->rc, RC_OK);
        assert_int_equal(json_integer_value(json_object_get(insight(0), "count")), 10);
        assert_true(json_is_true(json_object_get(answer.body, "more")));
        assert_int_equal(search_fold(db, &f), RC_OK);
    }
    assert_int_equal(insights(acme, "", NULL, "")->rc, RC_OK);
    assert_int_equal(json_array_size(json_object_get(answer.body, "items")), 0);
    assert_int_equal(insights(acme, "/devices/{id}", w.devices[1].id, "")->rc, RC_NOT_FOUND);
    assert_int_equal(insights(demo, "", NULL, "from=5&to=4")->rc, RC_INVALID);
    assert_int_equal(insights(demo, "", NULL, "limit=1001")->rc, RC_INVALID);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(words_phrases_and_exclusions_find_lines),
        CASE(a_line_names_its_device_and_a_device_can_be_asked_for),
        CASE(bad_questions_are_refused),
        CASE(the_same_is_found_before_and_after_the_hours_have_their_index),
        CASE(an_index_that_was_cut_short_is_made_anew),
        CASE(many_lines_of_one_moment_come_once_each),
        CASE(counters_say_what_the_lines_say),
        CASE(events_are_counted_by_class_and_category),
        CASE(counters_of_hours_that_are_dropped_go_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
