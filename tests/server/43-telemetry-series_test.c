// SPDX-License-Identifier: Apache-2.0
//
// Series of devices over REST: first what must be refused, then that no way of making a chart
// loses a peak.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/api_token.h"
#include "core/auto.h"
#include "core/clock.h"
#include "history/compact.h"
#include "store/link.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "telemetry/fleet.h"
#include "test.h"

#define SERIES  "/api/v1/catalogs/demo/telemetry/series"
#define BAND    "/api/v1/catalogs/demo/telemetry/band"
#define HOUR_MS 3600000LL
#define DAYS    20 // ago

static struct rest rest;
static char admin[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1], auditor[TOKEN_TEXT_LEN + 1];
static char one[33], two[33], theirs[33];
static int64_t base; // a full hour, two hours ago
static int64_t demo;

static int ask(const char *token, const char *method, const char *path, const char *body)
{
    const struct rest_ask a = { .method = method, .path = path, .body = body, .token = token };

    return rest_ask(&rest, &a)->status;
}

__attribute__((format(printf, 1, 2))) static int get(const char *format, ...)
{
    char path[3000];
    va_list ap;

    va_start(ap, format);
    vsnprintf(path, sizeof path, format, ap);
    va_end(ap);
    return ask(admin, "GET", path, NULL);
}

static void add_device(const char *token, const char *catalog, const char *name, char id[33])
{
    auto_free char *pem = model_key("P-256"), *body = NULL;
    char path[120];
    json_auto_t *order = json_pack("{s:s,s:s}", "publicKey", pem, "name", name);

    body = json_dumps(order, 0);
    snprintf(path, sizeof path, "/api/v1/catalogs/%s/devices", catalog);
    assert_int_equal(ask(token, "POST", path, body), 201);
    snprintf(id, 33, "%s", rest_text("id"));
}

static int64_t number_of(const char *id)
{
    return rest_sql(pg_conninfo(), "SELECT device FROM device WHERE id = '%s'", id);
}

static void make_partition(int64_t at)
{
    model_sql(pg_conninfo(),
              "DO $$ DECLARE h timestamptz := to_timestamp(%lld / 1000.0); BEGIN EXECUTE "
              "format('CREATE TABLE telemetry_t%lld PARTITION OF telemetry FOR VALUES FROM (%%L) "
              "TO (%%L)', h, h + interval '1 hour'); END $$",
              (long long)at, (long long)at);
}

// Device one: a reading a second for an hour, with a peak and a dip; a few readings in each of
// three hours, weeks ago. Device two: three readings.
static void fill(void)
{
    long long d1 = number_of(one), d2 = number_of(two), old = base - DAYS * 24 * HOUR_MS;

    model_sql(pg_conninfo(),
              "INSERT INTO shape VALUES (%lld, 1, '{cpu,temp}'), (%lld, 2, '{temp}')",
              (long long)demo, (long long)demo);
    for (int h = 0; h < 3; h++)
        make_partition(old + h * HOUR_MS);
    for (int h = 0; h < 3; h++)
        make_partition(base + h * HOUR_MS);
    model_sql(pg_conninfo(),
              "INSERT INTO telemetry SELECT %lld, %lld, to_timestamp(%lld / 1000.0) + n * interval "
              "'1 second', 1, ARRAY[CASE n WHEN 1234 THEN 99.5 WHEN 2345 THEN -7 ELSE n %% 10 END, "
              "n] FROM generate_series(0, 3599) n",
              (long long)demo, d1, (long long)base);
    model_sql(pg_conninfo(),
              "INSERT INTO telemetry SELECT %lld, %lld, to_timestamp(%lld / 1000.0) + n * interval "
              "'10 minutes', 1, ARRAY[CASE n WHEN 7 THEN 500 ELSE n END, 0] FROM "
              "generate_series(0, 17) n",
              (long long)demo, d1, old);
    model_sql(pg_conninfo(),
              "INSERT INTO telemetry SELECT %lld, %lld, to_timestamp(%lld / 1000.0) + n * interval "
              "'1 second', 2, ARRAY[n] FROM generate_series(1, 3) n",
              (long long)demo, d2, (long long)base);
}

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "ada", "admin", "demo", admin);
    rest_token(&rest, "aud", "auditor", "demo", auditor);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    add_device(admin, "demo", "one", one);
    add_device(admin, "demo", "two", two);
    add_device(foreign, "acme", "theirs", theirs);
    demo = rest_sql(pg_conninfo(), "SELECT id FROM catalog WHERE name = 'demo'");
    base = clock_now_ms() / HOUR_MS * HOUR_MS - 2 * HOUR_MS;
    fill();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static json_t *series(size_t n)
{
    return json_array_get(rest_member("series"), n);
}

static json_t *column(size_t n, const char *name)
{
    return json_object_get(series(n), name);
}

static int least(json_t *list)
{
    double least = 1e300;
    size_t i;
    json_t *v;

    json_array_foreach (list, i, v)
        least = json_number_value(v) < least ? json_number_value(v) : least;
    return (int)(least * 10);
}

static int most(json_t *list)
{
    double most = -1e300;
    size_t i;
    json_t *v;

    json_array_foreach (list, i, v)
        most = json_number_value(v) > most ? json_number_value(v) : most;
    return (int)(most * 10);
}

static int64_t total(json_t *list)
{
    int64_t sum = 0;
    size_t i;
    json_t *v;

    json_array_foreach (list, i, v)
        sum += json_integer_value(v);
    return sum;
}

static const char *resolution(size_t n)
{
    return json_string_value(column(n, "resolution"));
}

static void bad_requests_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int status;
    } cases[] = {
        { "metric=cpu", 400 },
        { "metric=cpu&device=", 404 },
        { "metric=cpu&device=nobody", 404 },
        { "metric=cpu&device=%s&device=%s", 400 }, // the same twice
        { "device=%s", 400 },
        { "metric=&device=%s", 400 },
        { "metric=nobody.sent.it&device=%s", 404 },
        { "metric=cpu&metric=temp&device=%s", 400 },
        { "metric=cpu&device=%s&from=1790000000000&to=1780000000000", 400 },
        { "metric=cpu&device=%s&from=yesterday", 400 },
        { "metric=cpu&device=%s&from=-99999999999d", 400 },
        { "metric=cpu&device=%s&points=1000000", 400 },
        { "metric=cpu&device=%s&points=1", 400 },
        { "metric=cpu&device=%s&points=-5", 400 },
        { "metric=cpu&device=%s&colour=red", 400 },
        { "metric=cpu&device=%%ff", 400 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char query[400];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(query, sizeof query, cases[i].query, one, one);
#pragma GCC diagnostic pop
        if (get(SERIES "?%s", query) != cases[i].status)
            fail_msg("%s: not %d but %s", query, cases[i].status, rest_text("detail"));
    }
}

static void more_than_twenty_devices_are_too_many(void **state)
{
    (void)state;
    char list[21 * 33 + 1] = "";
    size_t n = 0;

    for (int i = 0; i < 21; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%032x", i ? "," : "", i);
    assert_int_equal(get(SERIES "?metric=cpu&device=%s", list), 400);
    assert_non_null(strstr(rest_text("detail"), "20"));
}

static void another_catalogs_device_is_not_there(void **state)
{
    (void)state;
    char path[200];

    assert_int_equal(get(SERIES "?metric=cpu&device=%s,%s", one, theirs), 404);
    assert_non_null(strstr(rest_text("detail"), theirs));
    snprintf(path, sizeof path, SERIES "?metric=cpu&device=%s", one);
    assert_int_equal(ask(foreign, "GET", path, NULL), 404);
    assert_int_equal(ask(auditor, "GET", path, NULL), 403);
}

static void few_readings_come_as_they_are(void **state)
{
    (void)state;
    assert_int_equal(get(SERIES "?metric=temp&device=%s&from=-24h", two), 200);
    assert_string_equal(resolution(0), "raw");
    assert_int_equal(json_array_size(column(0, "t")), 3);
    assert_int_equal(json_integer_value(json_array_get(column(0, "t"), 0)), base + 1000);
    assert_int_equal(most(column(0, "avg")), 30);
    assert_true(json_is_true(column(0, "complete")));
}

static void a_chart_of_many_readings_has_their_peak_and_their_dip(void **state)
{
    (void)state;
    static const int points[] = { 2, 3, 60, 299, 300, 1000, 3599 };

    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        assert_int_equal(get(SERIES "?metric=cpu&device=%s&from=%lld&to=%lld&points=%d", one,
                             (long long)base, (long long)(base + HOUR_MS - 1), points[i]),
                         200);
        assert_in_range(json_array_size(column(0, "t")), 1, (size_t)points[i]);
        assert_int_equal(least(column(0, "min")), -70);
        assert_int_equal(most(column(0, "max")), 995);
        assert_int_equal(total(column(0, "count")), 3600);
        assert_string_equal(resolution(0), points[i] < 4 ? "hour" : "bucket");
    }
    assert_int_equal(get(SERIES "?metric=cpu&device=%s&from=%lld&to=%lld&points=3600", one,
                         (long long)base, (long long)(base + HOUR_MS - 1)),
                     200);
    assert_string_equal(resolution(0), "raw");
}

static void buckets_stay_where_they_are_when_time_goes_on(void **state)
{
    (void)state;
    for (int later = 0; later < 3; later++) {
        assert_int_equal(get(SERIES "?metric=cpu&device=%s&from=%lld&to=%lld&points=61", one,
                             (long long)(base + later * 777),
                             (long long)(base + later * 777 + HOUR_MS - 1)),
                         200);
        json_t *t = column(0, "t");
        for (size_t i = 0; i < json_array_size(t); i++)
            assert_int_equal(json_integer_value(json_array_get(t, i)) % 60000, 0);
    }
}

static void weeks_come_from_hours_and_keep_their_peaks(void **state)
{
    (void)state;
    assert_int_equal(get(SERIES "?metric=cpu&device=%s&from=-30d&points=800", one), 200);
    assert_string_equal(resolution(0), "hour");
    assert_int_equal(most(column(0, "max")), 5000);
    assert_int_equal(least(column(0, "min")), -70);
    assert_int_equal(total(column(0, "count")), 3600 + 18);
    assert_int_equal(json_array_size(column(0, "t")), 4);
    assert_int_equal(json_integer_value(rest_member("width")), HOUR_MS);
}

// Device one's hour is packed: readings that are too many to show come from its minutes.
static void a_long_chart_of_what_is_packed_comes_from_minutes(void **state)
{
    (void)state;
    long long from = base - 12 * HOUR_MS, to = base + 2 * HOUR_MS - 1;
    struct compact *c = compact_new();
    struct compact_place place = { 0 };
    struct compact_count n = { 0 };
    struct link *l = NULL;
    bool done = false;

    assert_int_equal(link_open(pg_conninfo(), "test", 0, &l, NULL), RC_OK);
    for (int packed = 0; packed < 2; packed++) {
        assert_int_equal(get(SERIES "?metric=cpu&device=%s&from=%lld&to=%lld", one, from, to), 200);
        assert_string_equal(resolution(0), packed ? "minute" : "bucket");
        assert_int_equal(least(column(0, "min")), -70);
        assert_int_equal(most(column(0, "max")), 995);
        assert_int_equal(total(column(0, "count")), 3600);
        assert_int_equal(json_integer_value(rest_member("width")), 168562);
        assert_int_equal(get(SERIES "?metric=temp&device=%s&from=%lld&to=%lld", two, from, to),
                         200);
        assert_string_equal(resolution(0), "raw");
        assert_int_equal(total(column(0, "count")), 3);
        assert_int_equal(compact_make_room(l, base / HOUR_MS, NULL), RC_OK);
        while (!done)
            assert_int_equal(compact_slice(c, l, base / HOUR_MS, &place, &done, &n, NULL), RC_OK);
    }
    link_close(l);
    compact_free(c);
}

// All of a chart's columns are numbers, as many as it has times.
static void columns_fit(void)
{
    static const char *const names[] = { "min", "max", "avg", "count" };
    size_t n = json_array_size(column(0, "t"));

    assert_true(n > 0);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        assert_int_equal(json_array_size(column(0, names[k])), n);
        for (size_t i = 0; i < n; i++)
            assert_true(json_is_number(json_array_get(column(0, names[k]), i)));
    }
}

// The largest numbers there are, which add up to none, and, as no device can send them, what is no
// number at all.
static void values_past_all_numbers_leave_charts_whole(void **state)
{
    (void)state;
    static const int points[] = { 2, 10, 100, 400 };

    model_sql(pg_conninfo(), "INSERT INTO shape VALUES (%lld, 7, '{huge}')", (long long)demo);
    model_sql(pg_conninfo(),
              "INSERT INTO telemetry SELECT %lld, %lld, to_timestamp(%lld / 1000.0) + n * interval "
              "'10 seconds', 7, ARRAY[CASE n WHEN 11 THEN 'NaN' WHEN 12 THEN 'Infinity' WHEN 13 "
              "THEN '-Infinity' ELSE 1.7e308 END] FROM generate_series(1, 300) n",
              (long long)demo, (long long)number_of(two), (long long)base);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        assert_int_equal(get(SERIES "?metric=huge&device=%s&from=%lld&to=%lld&points=%d", two,
                             (long long)base, (long long)(base + HOUR_MS - 1), points[i]),
                         200);
        if (points[i] > 2) // an hour's sums took what is no number with the others
            columns_fit();
    }
}

static void several_devices_come_in_the_order_they_were_named(void **state)
{
    (void)state;
    assert_int_equal(get(SERIES "?metric=temp&device=%s&device=%s", two, one), 200);
    assert_string_equal(json_string_value(column(0, "id")), two);
    assert_string_equal(json_string_value(column(1, "name")), "one");
    assert_int_equal(get(SERIES "?metric=cpu&device=%s,%s", one, two), 200);
    assert_int_equal(json_array_size(column(1, "t")), 0); // it never sent that
}

static void a_device_of_five_thousand_metrics_answers_for_each(void **state)
{
    (void)state;
    long long number = number_of(two);

    for (int s = 0; s < 80; s++)
        model_sql(pg_conninfo(),
                  "INSERT INTO shape SELECT %lld, %d, array_agg('many.' || n) FROM "
                  "generate_series(%d, %d) n",
                  (long long)demo, 100 + s, s * 64, s * 64 + 63);
    for (int s = 0; s < 80; s++)
        model_sql(pg_conninfo(),
                  "INSERT INTO telemetry SELECT %lld, %lld, to_timestamp(%lld / 1000.0), %d, "
                  "array_agg(n) FROM generate_series(%d, %d) n",
                  (long long)demo, number, (long long)base + 60000, 100 + s, s * 64, s * 64 + 63);
    assert_int_equal(get(SERIES "?metric=many.5000&device=%s", two), 200);
    assert_int_equal(most(column(0, "max")), 50000);
}

static json_t *band(size_t n)
{
    return json_array_get(rest_member("bands"), n);
}

static int64_t member(json_t *of, const char *name)
{
    return json_integer_value(json_object_get(of, name));
}

// As the bus tells it at each commit.
static void remember(const char *id, const char *metric, double value)
{
    fleet_put(rest.services.fleet, (int32_t)demo, number_of(id), base + HOUR_MS, &metric, &value,
              1);
}

static void a_bands_bad_requests_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int status;
    } cases[] = {
        { "", 400 },
        { "metric=nobody.sent.it", 404 },
        { "metric=cpu&points=1", 400 },
        { "metric=cpu&points=1000000", 400 },
        { "metric=cpu&sample=0", 400 },
        { "metric=cpu&sample=201", 400 },
        { "metric=cpu&by=colour", 400 },
        { "metric=cpu&window=5m", 400 },
        { "metric=cpu&from=-1h&to=-2h", 400 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (get(BAND "?%s", cases[i].query) != cases[i].status)
            fail_msg("%s: not %d but %s", cases[i].query, cases[i].status, rest_text("detail"));
}

static void a_band_says_of_how_many_it_stands_for_how_many(void **state)
{
    (void)state;
    remember(one, "cpu", 1);
    remember(one, "temp", 1);
    remember(two, "temp", 3);
    assert_int_equal(get(BAND "?metric=cpu&from=%lld&to=%lld&points=61", (long long)base,
                         (long long)(base + HOUR_MS - 1)),
                     200);
    assert_int_equal(member(band(0), "sampled"), 1);
    assert_int_equal(least(json_object_get(band(0), "min")), -70);
    assert_int_equal(most(json_object_get(band(0), "max")), 995);
    assert_int_equal(json_array_size(json_object_get(band(0), "t")), 60);
    assert_int_equal(get(BAND "?metric=temp&from=%lld&sample=1", (long long)base), 200);
    assert_int_equal(json_integer_value(rest_member("sampled")), 1);
    assert_int_equal(json_integer_value(rest_member("of")), 2);
}

static void a_band_that_is_split_has_a_part_each(void **state)
{
    (void)state;
    model_sql(pg_conninfo(), "UPDATE device SET tags = '{\"site\":\"north\"}' WHERE id = '%s'",
              one);
    assert_int_equal(get(BAND "?metric=temp&from=%lld&by=site", (long long)base), 200);
    assert_int_equal(json_array_size(rest_member("bands")), 2);
    for (size_t i = 0; i < 2; i++) {
        bool north = !strcmp(json_string_value(json_object_get(band(i), "key")), "north");

        assert_int_equal(member(band(i), "of"), 1);
        assert_int_equal(most(json_object_get(band(i), "max")), north ? 35990 : 30);
    }
    assert_int_equal(get(BAND "?metric=temp&from=%lld&site=north", (long long)base), 200);
    assert_int_equal(json_integer_value(rest_member("of")), 1);
    assert_int_equal(get(BAND "?metric=temp&from=%s", "now"), 200);
    assert_int_equal(json_integer_value(rest_member("of")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_requests_say_what_is_wrong),
        cmocka_unit_test(more_than_twenty_devices_are_too_many),
        cmocka_unit_test(another_catalogs_device_is_not_there),
        cmocka_unit_test(few_readings_come_as_they_are),
        cmocka_unit_test(a_chart_of_many_readings_has_their_peak_and_their_dip),
        cmocka_unit_test(buckets_stay_where_they_are_when_time_goes_on),
        cmocka_unit_test(weeks_come_from_hours_and_keep_their_peaks),
        cmocka_unit_test(values_past_all_numbers_leave_charts_whole),
        cmocka_unit_test(several_devices_come_in_the_order_they_were_named),
        cmocka_unit_test(a_device_of_five_thousand_metrics_answers_for_each),
        cmocka_unit_test(a_bands_bad_requests_say_what_is_wrong),
        cmocka_unit_test(a_band_says_of_how_many_it_stands_for_how_many),
        cmocka_unit_test(a_band_that_is_split_has_a_part_each),
        cmocka_unit_test(a_long_chart_of_what_is_packed_comes_from_minutes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
