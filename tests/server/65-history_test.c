// SPDX-License-Identifier: Apache-2.0
// threaded
//
// Telemetry that is packed: what is read does not change by it, nothing is lost or doubled whatever
// happens meanwhile, and late messages find their place.

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "history/compact.h"
#include "history/compactor.h"
#include "history/history.h"
#include "ingest/engine.h"
#include "store/link.h"
#include "store/store.h"
#include "support/cutter.h"
#include "support/feed.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

#define DEVICES 5
#define EACH    200 // messages of a device in an hour
#define WAIT_MS 30000

static const char *db;
static struct store *store;
static struct link *l;
static struct compact *work;
static int64_t hour; // since 1970; 30 hours ago
static struct feed w;

static void nap(long ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static struct link *linked(const char *conninfo, const char *name)
{
    struct link *out = NULL;
    struct fault f = { 0 };

    if (link_open(conninfo, name, WAIT_MS, &out, &f) != RC_OK)
        fail_msg("%s", f.text);
    return out;
}

static void run(const char *sql)
{
    struct fault f = { 0 };

    if (link_exec(l, sql, &f) != RC_OK)
        fail_msg("%s: %s", sql, f.text);
}

static void make_partition(int64_t at)
{
    char sql[PARTITION_SQL_LEN];

    partition_sql(PARTITION_TELEMETRY, at, sql, sizeof sql);
    run(sql);
}

static int open_all(void **state)
{
    (void)state;
    db = pg_fresh();
    store = model_store(db);
    model_catalog(store, "demo");
    model_sql(db, "INSERT INTO shape VALUES (1, 1, '{cpu,temp,count}'), (1, 2, '{temp}')");
    l = linked(db, "test");
    work = compact_new();
    hour = clock_now_ms() / HOUR_MS - 30;
    make_partition(hour);
    make_partition(hour + 1);
    return work ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    compact_free(work);
    link_close(l);
    store_close(store);
    return 0;
}

// Messages of two shapes in two hours, some of them with values that are hard to keep.
static void fill(void)
{
    char sql[1500];

    snprintf(
        sql, sizeof sql,
        "INSERT INTO telemetry SELECT 1, d, to_timestamp(%lld) + n * interval '35.123 seconds',"
        " 1, ARRAY[random(), CASE n %% 7 WHEN 0 THEN '-0' WHEN 1 THEN 5e-324 WHEN 2 THEN"
        " -1.7976931348623157e308 WHEN 3 THEN 9223372036854775808 ELSE 0.1 * n END, n * d]"
        " FROM generate_series(1, %d) AS d, generate_series(0, %d) AS n ORDER BY random();"
        "INSERT INTO telemetry SELECT 1, d, to_timestamp(%lld) + n * interval '1 minute',"
        " 2, ARRAY[n / 100.0] FROM generate_series(1, %d) AS d, generate_series(0, 59) AS n",
        (long long)hour * 3600, DEVICES, EACH - 1, (long long)hour * 3600, DEVICES);
    run(sql);
}

static void pack(int64_t at)
{
    struct compact_place place = { 0 };
    struct compact_count n = { 0 };
    struct fault f = { 0 };
    bool done = false;

    if (compact_make_room(l, at, &f) != RC_OK)
        fail_msg("%s", f.text);
    while (!done)
        if (compact_slice(work, l, at, &place, &done, &n, &f) != RC_OK)
            fail_msg("%s", f.text);
}

static void pack_both(void)
{
    pack(hour);
    pack(hour + 1);
}

// ---------------------------------------------------------------- what is read

#define MOST 10000

struct told {
    size_t count;
    int64_t device[MOST], t[MOST];
    double v[MOST];
};

static struct told before, after;

static void tell(struct told *to, int64_t device, const int64_t *t, const double *v, size_t n)
{
    assert_true(to->count + n <= MOST);
    for (size_t i = 0; i < n; i++) {
        to->device[to->count] = device;
        to->t[to->count] = t[i];
        to->v[to->count++] = v[i];
    }
}

static bool tell_points(void *ctx, size_t which, const int64_t *t, const double *v, size_t n)
{
    tell(ctx, (int64_t)which, t, v, n);
    return true;
}

static bool tell_scan(void *ctx, int64_t device, const int64_t *t, const double *v, size_t n)
{
    tell(ctx, device, t, v, n);
    return true;
}

static const char *const metrics[] = { "cpu", "temp", "count", "nothing" };

static struct history_query query(int64_t device)
{
    return (struct history_query){ .catalog = 1,
                                   .device = device,
                                   .metrics = metrics,
                                   .count = 4,
                                   .from = hour * HOUR_MS,
                                   .to = clock_now_ms() };
}

static void read_all(struct told *to)
{
    struct fault f = { 0 };

    to->count = 0;
    for (int64_t d = 1; d <= DEVICES; d++) {
        struct history_query q = query(d);

        if (history_read(store, &q, tell_points, to, &f) != RC_OK)
            fail_msg("%s", f.text);
    }
}

// Points of one moment have no order among them.
static void same_points(struct told *a, struct told *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        bool found = false;

        assert_int_equal(a->t[i], b->t[i]);
        assert_int_equal(a->device[i], b->device[i]);
        for (size_t k = i ? i - 1 : 0; k < a->count && k <= i + 1; k++)
            found |= a->t[k] == b->t[i] && !memcmp(&a->v[k], &b->v[i], sizeof a->v[k]);
        assert_true(found);
    }
}

static void packing_changes_nothing_that_is_read(void **state)
{
    (void)state;
    fill();
    read_all(&before);
    assert_int_equal(before.count, DEVICES * (3 * EACH + 60));
    for (size_t i = 1; i < before.count; i++)
        assert_true(before.t[i] >= before.t[i - 1] || before.device[i] != before.device[i - 1]);
    pack(hour);
    read_all(&after);
    same_points(&before, &after);
    pack(hour + 1);
    read_all(&after);
    same_points(&before, &after);
    assert_int_equal(model_sql(db, "SELECT count(*) FROM telemetry"), 0);
    assert_int_equal(model_sql(db, "SELECT sum(n) FROM telemetry_chunk"), DEVICES * (EACH + 60));
}

static void a_part_of_the_time_is_read_alone(void **state)
{
    (void)state;
    struct history_query q = query(2);
    struct fault f = { 0 };

    fill();
    pack_both();
    q.from = (hour * 60 + 30) * 60000;
    q.to = (hour * 60 + 40) * 60000;
    q.metrics = metrics + 1;
    q.count = 1;
    before.count = 0;
    assert_int_equal(history_read(store, &q, tell_points, &before, &f), RC_OK);
    assert_int_equal(before.count, 11 + 17);
    assert_int_equal(before.t[0], q.from);
    assert_int_equal(before.t[before.count - 1], q.to);
}

static bool tell_first(void *ctx, size_t which, const int64_t *t, const double *v, size_t n)
{
    tell(ctx, (int64_t)which, t, v, n);
    return false;
}

static void the_newest_hour_comes_first_if_asked_for(void **state)
{
    (void)state;
    struct history_query q = query(1);

    fill();
    pack(hour + 1);
    q.newest_first = true;
    before.count = 0;
    assert_int_equal(history_read(store, &q, tell_first, &before, NULL), RC_OK);
    assert_true(before.count > 0);
    assert_true(before.t[0] >= (hour + 1) * HOUR_MS);
    q.newest_first = false;
    after.count = 0;
    assert_int_equal(history_read(store, &q, tell_first, &after, NULL), RC_OK);
    assert_int_equal(after.t[0], hour * HOUR_MS);
}

static void another_catalogs_points_are_not_read(void **state)
{
    (void)state;
    struct history_query q = query(1);

    fill();
    pack_both();
    q.catalog = 2;
    before.count = 0;
    assert_int_equal(history_read(store, &q, tell_points, &before, NULL), RC_OK);
    assert_int_equal(before.count, 0);
}

static void late_messages_are_read_in_their_place(void **state)
{
    (void)state;
    char sql[300];

    fill();
    pack_both();
    snprintf(sql, sizeof sql,
             "INSERT INTO telemetry SELECT 1, d, to_timestamp(%lld) + interval '17.5 minutes', 2,"
             " '{77}' FROM generate_series(1, %d) AS d",
             (long long)hour * 3600, DEVICES);
    run(sql);
    read_all(&before);
    pack(hour);
    read_all(&after);
    assert_int_equal(before.count, DEVICES * (3 * EACH + 61));
    same_points(&before, &after);
    for (size_t i = 1; i < after.count; i++)
        assert_true(after.t[i] >= after.t[i - 1] || after.device[i] != after.device[i - 1]);
    assert_int_equal(model_sql(db, "SELECT count(*) FROM telemetry_chunk"), DEVICES * 4);
}

static void a_scan_reads_what_the_devices_have(void **state)
{
    (void)state;
    struct history_scan q = { .catalog = 1, .metric = "temp" };
    static const int64_t some[] = { 2, 4, 99 };
    struct fault f = { 0 };

    fill();
    q.from = hour * HOUR_MS;
    q.to = q.from + 2 * HOUR_MS;
    for (int packed = 0; packed < 3; packed++) {
        if (packed)
            pack(hour + packed - 1);
        before.count = 0;
        if (history_scan(store, &q, tell_scan, &before, &f) != RC_OK)
            fail_msg("%s", f.text);
        assert_int_equal(before.count, DEVICES * (EACH + 60));
        for (size_t i = 1; i < before.count; i++) {
            int64_t h = before.t[i] / HOUR_MS, h0 = before.t[i - 1] / HOUR_MS;

            assert_true(h > h0 || (h == h0 && before.device[i] >= before.device[i - 1]));
            assert_true(h > h0 || before.device[i] > before.device[i - 1] ||
                        before.t[i] >= before.t[i - 1]);
        }
    }
    q.devices = some;
    q.device_count = 3;
    after.count = 0;
    assert_int_equal(history_scan(store, &q, tell_scan, &after, &f), RC_OK);
    assert_int_equal(after.count, 2 * (EACH + 60));
}

static void pages_of_a_scan_lose_and_repeat_nothing(void **state)
{
    (void)state;
    struct history_scan q = { .catalog = 1, .metric = "temp" };
    struct fault f = { 0 };
    char sql[300];

    // 9,000 rows of one device, more than a page; then few of another.
    snprintf(sql, sizeof sql,
             "INSERT INTO telemetry SELECT 1, CASE WHEN n < 9000 THEN 7 ELSE 8 END,"
             " to_timestamp(%lld) + n * interval '0.3 seconds', 2, ARRAY[n]"
             " FROM generate_series(0, 9099) AS n",
             (long long)hour * 3600);
    run(sql);
    q.from = hour * HOUR_MS;
    q.to = q.from + HOUR_MS - 1;
    before.count = 0;
    if (history_scan(store, &q, tell_scan, &before, &f) != RC_OK)
        fail_msg("%s", f.text);
    assert_int_equal(before.count, 9100);
    for (size_t i = 0; i < before.count; i++)
        assert_int_equal((int)before.v[i], i);
}

// ---------------------------------------------------------------- sums

static bool tell_hours(void *ctx, size_t which, const struct history_hour *h, size_t n)
{
    struct history_hour *to = ctx;

    (void)which;
    assert_true(n <= 3);
    for (size_t i = 0; i < n; i++)
        to[i] = h[i];
    return true;
}

static void read_hours(const char *metric, struct history_hour out[3])
{
    struct history_query q = query(3);
    struct fault f = { 0 };

    memset(out, 0, 3 * sizeof *out);
    q.metrics = &metric;
    q.count = 1;
    if (history_hours(store, &q, tell_hours, out, &f) != RC_OK)
        fail_msg("%s", f.text);
}

static bool close_to(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fabs(a);
}

static void same_hour(const struct history_hour *a, const struct history_hour *b)
{
    assert_int_equal(a->t, b->t);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->last_at, b->last_at);
    assert_memory_equal(&a->min, &b->min, sizeof a->min);
    assert_memory_equal(&a->max, &b->max, sizeof a->max);
    assert_true(close_to(a->sum, b->sum) && close_to(a->squares, b->squares));
    assert_true(isfinite(a->squares) && isfinite(b->squares));
}

static void hours_are_the_same_before_and_after(void **state)
{
    (void)state;
    struct history_hour was[3], is[3];

    fill();
    for (int i = 0; i < 3; i++) {
        read_hours(metrics[i], was);
        assert_int_equal(was[0].t, hour * HOUR_MS);
        assert_true(was[0].count > 60);
        pack(hour);
        read_hours(metrics[i], is);
        same_hour(&was[0], &is[0]);
        same_hour(&was[1], &is[1]);
    }
    pack(hour + 1);
    read_hours("count", is);
    assert_int_equal(is[0].count + is[1].count, EACH);
    assert_true(is[0].sum + is[1].sum == 3.0 * EACH * (EACH - 1) / 2);
    assert_true(is[1].last == 3.0 * (EACH - 1) && is[1].max == is[1].last && is[0].min == 0);
}

static void hours_count_late_messages_once(void **state)
{
    (void)state;
    struct history_hour h[3];
    char sql[300];

    fill();
    pack_both();
    snprintf(sql, sizeof sql,
             "INSERT INTO telemetry SELECT 1, 3, to_timestamp(%lld) + interval '1 minute', 1,"
             " '{0,0,1e6}'",
             (long long)hour * 3600);
    for (int i = 0; i < 3; i++) {
        run(sql);
        read_hours("count", h);
        assert_int_equal(h[0].count + h[1].count, EACH + i + 1);
        pack(hour);
        read_hours("count", h);
        assert_int_equal(h[0].count + h[1].count, EACH + i + 1);
        assert_true(h[0].max == 1e6);
    }
}

// ---------------------------------------------------------------- minutes

struct told_minutes {
    size_t count;
    struct history_hour list[300];
    struct history_reach reach;
};

static bool tell_minutes(void *ctx, size_t which, const struct history_hour *h, size_t n)
{
    struct told_minutes *to = ctx;

    (void)which;
    assert_true(to->count + n <= sizeof to->list / sizeof *to->list);
    memcpy(to->list + to->count, h, n * sizeof *h);
    to->count += n;
    return true;
}

static void read_minutes(const char *metric, struct told_minutes *to)
{
    struct history_query q = query(3);
    struct fault f = { 0 };

    to->count = 0;
    q.metrics = &metric;
    q.count = 1;
    if (history_minutes(store, &q, tell_minutes, to, &to->reach, &f) != RC_OK)
        fail_msg("%s", f.text);
}

// From the points that history_read tells.
static void minutes_of_points(const char *metric, struct told_minutes *to)
{
    struct history_query q = query(3);

    q.metrics = &metric;
    q.count = 1;
    before.count = to->count = 0;
    assert_int_equal(history_read(store, &q, tell_points, &before, NULL), RC_OK);
    for (size_t i = 0; i < before.count; i++) {
        int64_t minute = before.t[i] / 60000 * 60000;
        double v = before.v[i];
        struct history_hour *m = &to->list[to->count];

        if (to->count && m[-1].t == minute)
            m--;
        else
            to->list[to->count++] = (struct history_hour){ .t = minute, .min = v, .max = v };
        m->count++;
        m->min = fmin(m->min, v);
        m->max = fmax(m->max, v);
        m->sum += v;
        m->last = v;
        m->last_at = before.t[i];
    }
}

static void same_minutes(const struct told_minutes *a, const struct told_minutes *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct history_hour *x = &a->list[i], *y = &b->list[i];

        assert_int_equal(x->t, y->t);
        assert_int_equal(x->count, y->count);
        assert_int_equal(x->last_at, y->last_at);
        assert_true(x->min == y->min && x->max == y->max);
        // Of messages of one moment either is the last.
        assert_true(x->last == y->last || x->count > 1);
        assert_true(isinf(x->sum) || close_to(x->sum, y->sum) || fabs(x->sum - y->sum) < 1e-9);
    }
}

static void add_late(const char *later, const char *values)
{
    char sql[300];

    snprintf(sql, sizeof sql,
             "INSERT INTO telemetry SELECT 1, 3, to_timestamp(%lld) + interval '%s', 1, '%s'",
             (long long)hour * 3600, later, values);
    run(sql);
}

static void minutes_are_those_of_the_readings_late_ones_too(void **state)
{
    (void)state;
    static struct told_minutes want, is;

    fill();
    for (int step = 0; step < 6; step++) {
        if (step == 1)
            pack(hour);
        if (step == 2)
            pack(hour + 1);
        if (step == 3)
            add_late("1 minute 2 seconds", "{-50,-50,1e6}");
        if (step == 4)
            pack(hour);
        if (step == 5)
            add_late("77 minutes", "{1,1,1}");
        for (int i = 0; i < 3; i++) {
            minutes_of_points(metrics[i], &want);
            read_minutes(metrics[i], &is);
            assert_true(is.count >= 60);
            same_minutes(&want, &is);
            assert_true(is.reach.whole && is.reach.kept);
            assert_int_equal(is.reach.any, step > 0);
            assert_int_equal(is.reach.messages, before.count);
        }
    }
}

static void minutes_outlive_readings_and_say_where_they_miss_some(void **state)
{
    (void)state;
    static struct told_minutes want, is;

    fill();
    pack_both();
    read_minutes("count", &want);
    run("DELETE FROM telemetry_chunk");
    read_minutes("count", &is);
    same_minutes(&want, &is);
    assert_true(is.reach.whole && !is.reach.kept);
    fill();
    pack(hour);
    run("DELETE FROM telemetry_minute");
    read_minutes("count", &is);
    assert_false(is.reach.whole);
    assert_int_equal(is.count, 0);
    read_minutes("nothing", &is);
    assert_true(is.reach.whole && !is.reach.any && is.count == 0);
}

static void damaged_minutes_are_an_error_not_a_crash(void **state)
{
    (void)state;
    static const char *const harms[] = {
        "UPDATE telemetry_minute SET body = '\\x'",     "UPDATE telemetry_minute SET n = n + 1",
        "UPDATE telemetry_minute SET minutes = 0",      "UPDATE telemetry_minute SET minutes = -5",
        "UPDATE telemetry_minute SET minutes = 1000",   "UPDATE telemetry_minute SET ends = '{}'",
        "UPDATE telemetry_minute SET ends = '{1,2,3}'",
    };
    static struct told_minutes is;
    struct history_query q = query(1);
    struct fault f = { 0 };

    fill();
    pack_both();
    q.count = 1;
    run("CREATE TABLE good AS SELECT * FROM telemetry_minute");
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        run("DELETE FROM telemetry_minute; INSERT INTO telemetry_minute SELECT * FROM good");
        run(harms[i]);
        assert_int_equal(history_minutes(store, &q, tell_minutes, &is, &is.reach, &f), RC_INTERNAL);
        assert_non_null(strstr(f.text, "damaged"));
    }
    run("DROP TABLE good");
}

// ---------------------------------------------------------------- what may go wrong

static void rows_that_no_message_can_be_stay(void **state)
{
    (void)state;
    char sql[700];

    fill();
    snprintf(sql, sizeof sql,
             "INSERT INTO telemetry SELECT 1, 1, to_timestamp(%lld) + interval '1 second', 1, v"
             " FROM (VALUES ('{NULL,1,2}'::float8[]), ('{}'), ('{{1,2},{3,4}}'),"
             " (array_fill(1, ARRAY[65]))) AS odd (v)",
             (long long)hour * 3600);
    run(sql);
    pack_both();
    assert_int_equal(model_sql(db, "SELECT count(*) FROM telemetry"), 4);
    assert_int_equal(model_sql(db, "SELECT sum(n) FROM telemetry_chunk"), DEVICES * (EACH + 60));
}

static void a_damaged_chunk_is_an_error_not_a_crash(void **state)
{
    (void)state;
    static const char *const harms[] = {
        "UPDATE telemetry_chunk SET body = '\\x'",
        "UPDATE telemetry_chunk SET body = substr(body, 1, length(body) / 2)",
        "UPDATE telemetry_chunk SET n = n + 1",
        "UPDATE telemetry_chunk SET n = 0",
        "UPDATE telemetry_chunk SET n = 2000000000",
        "UPDATE telemetry_chunk SET n = -5",
        "UPDATE telemetry_chunk SET ends = '{1,2,3,4}'",
        "UPDATE telemetry_chunk SET ends = '{}'",
    };
    struct history_query q = query(1);
    struct fault f = { 0 };

    fill();
    pack_both();
    run("CREATE TABLE good AS SELECT * FROM telemetry_chunk");
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        run("DELETE FROM telemetry_chunk; INSERT INTO telemetry_chunk SELECT * FROM good");
        run(harms[i]);
        before.count = 0;
        assert_int_equal(history_read(store, &q, tell_points, &before, &f), RC_INTERNAL);
        assert_non_null(strstr(f.text, "damaged"));
    }
    run("DROP TABLE good");
}

static int64_t held(void)
{
    return model_sql(db, "SELECT (SELECT count(*) FROM telemetry)"
                         " + (SELECT coalesce(sum(n), 0) FROM telemetry_chunk)");
}

static void a_connection_lost_at_any_moment_loses_and_doubles_nothing(void **state)
{
    (void)state;
    struct cutter *cutter = cutter_start(pg_folder(), "packs");
    char through[200];
    int64_t all;

    snprintf(through, sizeof through, "host=%s %s", cutter_folder(cutter), strchr(db, ' '));
    fill();
    assert_int_equal(compact_make_room(l, hour, NULL), RC_OK);
    all = held();
    for (int i = 0; i < 6; i++) {
        struct link *cut = linked(through, "packs");
        struct compact_place place = { 0 };
        struct compact_count n = { 0 };
        bool done;

        cutter_set(cutter, i % 2 ? CUT_AFTER_COMMIT : CUT_BEFORE_COMMIT);
        assert_int_not_equal(compact_slice(work, cut, hour, &place, &done, &n, NULL), RC_OK);
        assert_int_equal(n.rows, 0);
        link_close(cut);
        assert_int_equal(held(), all);
        fill();
        all = held();
    }
    cutter_stop(cutter);
    pack_both();
    assert_int_equal(held(), all);
    assert_int_equal(model_sql(db, "SELECT count(*) FROM telemetry"), 0);
}

static void a_partition_that_is_empty_is_dropped_and_one_that_is_not_stays(void **state)
{
    (void)state;
    struct link *other = linked(db, "reader");
    struct fault f = { 0 };
    bool gone;

    fill();
    pack(hour);
    assert_int_equal(compact_drop(l, hour + 1, &gone, &f), RC_OK);
    assert_false(gone);
    assert_int_equal(link_exec(other, "BEGIN; SELECT FROM telemetry", &f), RC_OK);
    assert_int_equal(compact_drop(l, hour, &gone, &f), RC_UNAVAILABLE);
    assert_int_equal(link_exec(other, "COMMIT", &f), RC_OK);
    assert_int_equal(compact_drop(l, hour, &gone, &f), RC_OK);
    assert_true(gone);
    assert_int_equal(model_sql(db, "SELECT count(*) FROM pg_inherits WHERE inhparent ="
                                   " 'telemetry'::regclass"),
                     1);
    link_close(other);
}

// ---------------------------------------------------------------- the thread

static bool becomes(const char *sql, int64_t want)
{
    int64_t until = clock_mono_ms() + WAIT_MS;

    while (model_sql(db, "%s", sql) != want) {
        if (clock_mono_ms() > until)
            return false;
        nap(20);
    }
    return true;
}

static struct compactor *packing(void)
{
    struct compactor *c = NULL;
    struct fault f = { 0 };

    if (compactor_start(&(struct compactor_options){ .conninfo = db, .pack_after_s = 1 }, &c, &f) !=
        RC_OK)
        fail_msg("%s", f.text);
    return c;
}

static void hours_that_are_over_are_packed_by_themselves(void **state)
{
    (void)state;
    struct compactor *c;
    struct compactor_stats s;

    make_partition(hour + 30);
    fill();
    run("INSERT INTO telemetry VALUES (1, 1, now(), 2, '{1}')");
    c = packing();
    assert_true(becomes("SELECT count(*) FROM telemetry", 1)); // the hour that is not over
    assert_true(
        becomes("SELECT count(*) FROM pg_inherits WHERE inhparent = 'telemetry'::regclass", 1));
    compactor_stop(c);
    assert_int_equal(held(), DEVICES * (EACH + 60) + 1);
    c = packing();
    compactor_stats(c, &s);
    assert_int_equal(s.rows, 0);
    compactor_stop(c);
}

static void one_server_of_two_packs_until_it_is_gone(void **state)
{
    (void)state;
    struct compactor *first = packing(), *second;
    struct compactor_stats a, b;

    fill();
    assert_true(becomes("SELECT count(*) FROM telemetry", 0));
    second = packing();
    make_partition(hour + 2);
    run("INSERT INTO telemetry SELECT 1, 1, now() - interval '28 hours', 2, '{1}'");
    assert_true(becomes("SELECT count(*) FROM telemetry", 0));
    compactor_stats(first, &a);
    compactor_stats(second, &b);
    assert_int_equal(a.rows, DEVICES * (EACH + 60) + 1);
    assert_int_equal(b.rows, 0);
    compactor_stop(first);
    make_partition(hour + 3);
    run("INSERT INTO telemetry SELECT 1, 1, now() - interval '27 hours', 2, '{1}'");
    assert_true(becomes("SELECT count(*) FROM telemetry", 0));
    compactor_stop(second);
}

// ---------------------------------------------------------------- beside ingest

static int open_feed(void **state)
{
    (void)state;
    db = pg_fresh();
    feed_init(&w, db, 8);
    feed_open(&w);
    l = linked(db, "test");
    work = compact_new();
    hour = clock_now_ms() / HOUR_MS - 30;
    return work ? 0 : -1;
}

static int close_feed(void **state)
{
    (void)state;
    feed_done(&w);
    compact_free(work);
    link_close(l);
    return 0;
}

// As often as it can: packs the old hour and drops its partition under the writers' feet.
static atomic_bool stop_packing;
static atomic_int drops;

static void *pack_and_drop(void *unused)
{
    struct link *own = linked(db, "packer");
    struct fault f = { 0 };

    while (!atomic_load(&stop_packing)) {
        struct compact_place place = { 0 };
        struct compact_count n = { 0 };
        bool done = false, gone = false;

        while (!done && compact_slice(work, own, hour, &place, &done, &n, &f) == RC_OK)
            continue;
        atomic_fetch_add(&drops, compact_drop(own, hour, &gone, &f) == RC_OK && gone);
    }
    link_close(own);
    return unused;
}

static void late_messages_amid_drops_are_all_kept(void **state)
{
    (void)state;
    int64_t until = clock_mono_ms() + WAIT_MS, sent = 0;
    struct ingest_stats s;
    pthread_t thread;

    assert_int_equal(compact_make_room(l, hour, NULL), RC_OK);
    w.base = hour * HOUR_MS;
    pthread_create(&thread, NULL, pack_and_drop, NULL);
    while (clock_mono_ms() < until && (sent < 2000 || atomic_load(&drops) < 3)) {
        for (int i = 0; i < w.count; i++)
            sent += feed_send(&w, i) == INGEST_TAKEN;
        nap(2);
    }
    assert_true(feed_wait(&w, WAIT_MS));
    atomic_store(&stop_packing, true);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&drops) > 0);
    assert_int_equal(held(), sent);
    ingest_stats(w.g, &s);
    assert_int_equal(s.refused, 0);
}

static void retain(void)
{
    struct fault f = { 0 };

    if (retention_run(w.g, l, &f) != RC_OK)
        fail_msg("%s", f.text);
}

static void put_hour(int64_t ago, int catalog)
{
    char sql[600];
    int64_t at = clock_now_ms() / HOUR_MS - ago;

    assert_int_equal(compact_make_room(l, at, NULL), RC_OK);
    snprintf(
        sql, sizeof sql,
        "INSERT INTO telemetry_chunk VALUES (%d, 1, to_timestamp(%lld), 1, 1, 0, 0, '{1}', '');"
        "INSERT INTO telemetry_minute VALUES (%d, 1, to_timestamp(%lld), 1, 1, 1, '{1}', '');"
        "INSERT INTO telemetry_rollup VALUES (%d, 1, to_timestamp(%lld), 1, 1, now(), '{1}',"
        " '{1}', '{1}', '{1}', '{1}')",
        catalog, (long long)at * 3600, catalog, (long long)at * 3600, catalog,
        (long long)at * 3600);
    run(sql);
}

static void packed_hours_and_sums_are_dropped_when_nobody_wants_them(void **state)
{
    (void)state;
    feed_run(&w,
             "INSERT INTO catalog (name) VALUES ('short');"
             "UPDATE catalog SET telemetry_hours = 100, minute_hours = 150, rollup_hours = 1000;"
             "UPDATE catalog SET telemetry_hours = 50, minute_hours = 60, rollup_hours = 500"
             " WHERE id = 2");
    put_hour(2000, 1);
    put_hour(200, 1);
    put_hour(80, 1);
    put_hour(80, 2);
    put_hour(700, 1);
    put_hour(700, 2);
    put_hour(1, 2);
    retain();
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry_chunk WHERE catalog = 1"), 1);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry_chunk WHERE catalog = 2"), 1);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry_minute WHERE catalog = 1"), 1);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry_minute WHERE catalog = 2"), 1);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry_rollup WHERE catalog = 1"), 3);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM telemetry_rollup WHERE catalog = 2"), 2);
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM pg_class WHERE relkind = 'r'"
                                  " AND relname ~ '^telemetry_chunk_'"),
                     feed_ask(&w, "SELECT count(*) FROM pg_inherits"
                                  " WHERE inhparent = 'telemetry_chunk'::regclass"));
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
#define FEED(name)  cmocka_unit_test_setup_teardown(name, open_feed, close_feed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(packing_changes_nothing_that_is_read),
        STORY(a_part_of_the_time_is_read_alone),
        STORY(the_newest_hour_comes_first_if_asked_for),
        STORY(another_catalogs_points_are_not_read),
        STORY(late_messages_are_read_in_their_place),
        STORY(a_scan_reads_what_the_devices_have),
        STORY(pages_of_a_scan_lose_and_repeat_nothing),
        STORY(hours_are_the_same_before_and_after),
        STORY(hours_count_late_messages_once),
        STORY(minutes_are_those_of_the_readings_late_ones_too),
        STORY(minutes_outlive_readings_and_say_where_they_miss_some),
        STORY(damaged_minutes_are_an_error_not_a_crash),
        STORY(rows_that_no_message_can_be_stay),
        STORY(a_damaged_chunk_is_an_error_not_a_crash),
        STORY(a_connection_lost_at_any_moment_loses_and_doubles_nothing),
        STORY(a_partition_that_is_empty_is_dropped_and_one_that_is_not_stays),
        STORY(hours_that_are_over_are_packed_by_themselves),
        STORY(one_server_of_two_packs_until_it_is_gone),
        FEED(late_messages_amid_drops_are_all_kept),
        FEED(packed_hours_and_sums_are_dropped_when_nobody_wants_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
