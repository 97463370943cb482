// SPDX-License-Identifier: Apache-2.0
//
// What devices sent and showed, read back: telemetry, journal, evidence, reference values.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attest_api.h"
#include "attest/reference.h"
#include "attest/reference_api.h"
#include "catalog/catalog.h"
#include "catalog/catalog_api.h"
#include "core/auto.h"
#include "core/clock.h"
#include "device/device.h"
#include "http/route.h"
#include "journal/journal.h"
#include "journal/journal_api.h"
#include "support/model.h"
#include "support/pg.h"
#include "telemetry/telemetry.h"
#include "telemetry/telemetry_api.h"
#include "test.h"

#define DEVICE  "/api/v1/catalogs/{catalog}/devices/{id}"
#define VALUES  "/api/v1/catalogs/{catalog}/reference-values"
#define ID      "0123456789abcdef0123456789abcdef"
#define HOUR_MS (3600LL * 1000)
#define NUMBER  1000
#define HASH_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

DEFINE_AUTO(struct series *, series_freep, series_free)
DEFINE_AUTO(struct journal_page *, page_freep, journal_page_free)

static struct store *db;
static int32_t demo, acme;
static int64_t base; // a full hour, two hours ago

static void make_partitions(const char *table)
{
    model_sql(pg_conninfo(),
              "DO $$ DECLARE h timestamptz := to_timestamp(%lld / 1000.0); BEGIN"
              " FOR i IN -1..3 LOOP EXECUTE format('CREATE TABLE %s_t%%s PARTITION OF %s"
              " FOR VALUES FROM (%%L) TO (%%L)', i + 1, h + i * interval '1 hour',"
              " h + (i + 1) * interval '1 hour'); END LOOP; END $$",
              (long long)base, table, table);
}

static int setup(void **state)
{
    (void)state;
    db = model_store(pg_conninfo());
    demo = model_catalog(db, "demo");
    acme = model_catalog(db, "acme");
    base = clock_now_ms() / HOUR_MS * HOUR_MS - 2 * HOUR_MS;
    make_partitions("telemetry");
    make_partitions("journal");
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat) VALUES "
              "(%d, %d, '" ID "', '" ID ID "', '', 0);"
              "INSERT INTO device_state (catalog, device) VALUES (%d, %d);"
              "INSERT INTO device_trust (catalog, device) VALUES (%d, %d);"
              "INSERT INTO shape VALUES (%d, 1, '{cpu,temp}'), (%d, 2, '{disk}')",
              demo, NUMBER, demo, NUMBER, demo, NUMBER, demo, demo);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_close(db);
    return 0;
}

static struct model_answer answer;

static struct model_answer *ask(const struct model_call *c)
{
    struct services none = { 0 };

    model_answer_done(&answer);
    model_run(db, &none, c, &answer);
    return &answer;
}

static struct model_answer *get(const struct route *routes, const char *pattern, const char *query)
{
    return ask(&(struct model_call){ .routes = routes,
                                     .method = "GET",
                                     .pattern = pattern,
                                     .id = ID,
                                     .query = query,
                                     .catalog = demo });
}

// ---------------------------------------------------------------- telemetry

static double cpu_at(int second)
{
    return second == 1234 ? 99.5 : second == 2345 ? -7 : sin(second / 200.0);
}

// One reading a second for an hour, two metrics; and one a minute of another shape.
static void fill_telemetry(void)
{
    model_sql(pg_conninfo(),
              "TRUNCATE telemetry;"
              "INSERT INTO telemetry SELECT %d, %d, to_timestamp(%lld / 1000.0) + n * interval '1 "
              "second', 1, ARRAY[CASE n WHEN 1234 THEN 99.5 WHEN 2345 THEN -7 ELSE sin(n / 200.0) "
              "END, n] FROM generate_series(0, 3599) n;"
              "INSERT INTO telemetry SELECT %d, %d, to_timestamp(%lld / 1000.0) + n * interval '1 "
              "minute', 2, ARRAY[n] FROM generate_series(0, 59) n",
              demo, NUMBER, (long long)base, demo, NUMBER, (long long)base);
}

static struct series *read_series(int64_t from, int64_t to, int points, const char *metrics)
{
    struct series_query q = { from, to, points, metrics };
    struct series *s = NULL;
    struct fault f = { 0 };

    if (telemetry_series(db, demo, NUMBER, &q, &s, &f) != RC_OK)
        fail_msg("%s", f.text);
    return s;
}

static void a_thinned_series_keeps_its_peaks_where_they_were(void **state)
{
    (void)state;
    fill_telemetry();
    auto_with(series_freep) struct series *s =
        read_series(base, base + HOUR_MS - 1, 100, "cpu,nothing");
    size_t count, peaks = 0;
    assert_int_equal(series_count(s), 1);
    const struct sample *p = series_points(s, 0, &count);
    assert_true(count > 50 && count <= 100);
    for (size_t i = 0; i < count; i++) {
        int second = (int)((p[i].t - base) / 1000);
        assert_true(i == 0 || p[i].t > p[i - 1].t);
        assert_true(fabs(p[i].value - cpu_at(second)) < 1e-9);
        peaks += second == 1234 || second == 2345;
    }
    assert_int_equal(peaks, 2);
    assert_false(series_is_truncated(s));
}

static void a_short_series_is_given_as_it_is(void **state)
{
    (void)state;
    fill_telemetry();
    auto_with(series_freep) struct series *s = read_series(base + 60000, base + 120000, 600, "");
    size_t count;
    assert_int_equal(series_count(s), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct sample *p = series_points(s, i, &count);
        bool disk = !strcmp(series_metric(s, i), "disk");
        assert_int_equal(count, disk ? 2 : 61);
        assert_int_equal(p[0].t, base + 60000);
        assert_int_equal(p[count - 1].t, base + 120000);
    }
}

static void pages_that_end_amid_equal_times_lose_and_repeat_nothing(void **state)
{
    (void)state;
    size_t count;

    // 60,001 readings, 37 a moment: no page of 20,000 ends between two moments.
    model_sql(pg_conninfo(),
              "TRUNCATE telemetry; INSERT INTO telemetry SELECT %d, %d, to_timestamp(%lld / 1000.0)"
              " + (n / 37) * interval '1 second', 2, ARRAY[n] FROM generate_series(0, 60000) n",
              demo, NUMBER, (long long)base);
    auto_with(series_freep) struct series *s = read_series(base, base + HOUR_MS, 4000, "disk");
    const struct sample *p = series_points(s, 0, &count);
    assert_false(series_is_truncated(s));
    assert_int_equal(p[0].t, base);
    assert_float_equal(p[0].value, 0, 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal((int64_t)p[i].value / 37, (p[i].t - base) / 1000);
    assert_float_equal(p[count - 1].value, 60000, 0);
}

static void a_series_too_long_says_so_and_keeps_the_newest(void **state)
{
    (void)state;
    size_t count;

    model_sql(pg_conninfo(),
              "TRUNCATE telemetry; INSERT INTO telemetry SELECT %d, %d, to_timestamp(%lld / 1000.0)"
              " + n * interval '36 milliseconds', 2, ARRAY[n] FROM generate_series(0, 299999) n",
              demo, NUMBER, (long long)base);
    int64_t start = clock_mono_ms();
    auto_with(series_freep) struct series *s = read_series(base, base + 3 * HOUR_MS, 600, "");
    print_message("200,000 rows in %lld ms\n", (long long)(clock_mono_ms() - start));
    const struct sample *p = series_points(s, 0, &count);
    assert_true(series_is_truncated(s));
    assert_true(p[count - 1].value > 299000);
    assert_true(p[0].value > 90000);
}

static void the_series_route_answers_and_checks_its_query(void **state)
{
    (void)state;
    char query[100];

    fill_telemetry();
    snprintf(query, sizeof query, "from=%lld&to=%lld&points=10&metrics=cpu", (long long)base,
             (long long)(base + HOUR_MS));
    struct model_answer *a = get(telemetry_routes, DEVICE "/telemetry", query);
    json_t *line = json_array_get(json_object_get(a->body, "series"), 0);
    assert_string_equal(json_string_value(json_object_get(line, "metric")), "cpu");
    assert_true(json_array_size(json_object_get(line, "points")) <= 10);
    static const char *const bad[] = { "from=9&to=8", "points=1", "points=5001",
                                       "from=x",      "from=-1",  "to=1e3",
                                       "to=",         "points=",  "to=9999999999999999" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(get(telemetry_routes, DEVICE "/telemetry", bad[i])->rc, RC_INVALID);
}

static void last_values_carry_the_names_of_their_shape(void **state)
{
    (void)state;
    struct model_answer *a = get(telemetry_routes, DEVICE "/telemetry/last", NULL);
    assert_true(json_is_null(json_object_get(a->body, "t")));
    assert_int_equal(json_object_size(json_object_get(a->body, "m")), 0);
    model_sql(pg_conninfo(),
              "UPDATE device_state SET last_at = to_timestamp(%lld / 1000.0), last_shape = 1, "
              "last_values = '{0.5,41.25}'",
              (long long)base + 123);
    a = get(telemetry_routes, DEVICE "/telemetry/last", NULL);
    assert_int_equal(json_integer_value(json_object_get(a->body, "t")), base + 123);
    json_t *m = json_object_get(a->body, "m");
    assert_float_equal(json_real_value(json_object_get(m, "temp")), 41.25, 0);
    assert_int_equal(json_object_size(m), 2);
}

static void a_device_has_the_metrics_of_all_its_shapes(void **state)
{
    (void)state;
    fill_telemetry();
    struct model_answer *a = get(telemetry_routes, DEVICE "/telemetry/metrics", NULL);
    auto_free char *names = json_dumps(json_object_get(a->body, "metrics"), JSON_COMPACT);
    assert_string_equal(names, "[\"cpu\",\"disk\",\"temp\"]");
}

// ---------------------------------------------------------------- journal

// 300 entries: five share each moment, four share each (moment, seq); every third is an event,
// levels go round.
static void fill_journal(void)
{
    model_sql(pg_conninfo(),
              "TRUNCATE journal; INSERT INTO journal SELECT %d, %d, to_timestamp(%lld / 1000.0) + "
              "(n / 5) * interval '1 minute', n / 4, n %% 3 = 0, n %% 4, CASE WHEN n %% 3 = 0 THEN "
              "'boot' END, 'app', 'entry ' || n, CASE WHEN n %% 2 = 0 THEN '{\"n\":1}'::jsonb END "
              "FROM generate_series(0, 299) n",
              demo, NUMBER, (long long)base - HOUR_MS);
}

static int walk_journal(const struct journal_filter *filter, int limit, char seen[300])
{
    char cursor[JOURNAL_CURSOR_LEN] = "";
    int64_t before = INT64_MAX;
    int total = 0, n;

    memset(seen, 0, 300);
    do {
        auto_with(page_freep) struct journal_page *p = NULL;
        struct journal_entry e;
        struct fault f = { 0 };
        if (journal_read(db, demo, NUMBER, filter, cursor, limit, &p, &f) != RC_OK)
            fail_msg("%s", f.text);
        for (int i = 0; i < journal_page_count(p); i++, total++) {
            journal_page_entry(p, i, &e);
            assert_true(e.t <= before);
            before = e.t;
            assert_int_equal(sscanf(e.text, "entry %d", &n), 1);
            seen[n]++;
        }
        const char *next = journal_page_next(p);
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
    } while (*cursor && total < 1000);
    return total;
}

static void equal_times_neither_repeat_nor_hide_an_entry(void **state)
{
    (void)state;
    struct journal_filter all = { JOURNAL_DEBUG, JOURNAL_ALL };
    char seen[300];

    fill_journal();
    for (int limit = 1; limit <= 31; limit += 3) {
        assert_int_equal(walk_journal(&all, limit, seen), 300);
        for (int i = 0; i < 300; i++)
            assert_int_equal(seen[i], 1);
    }
}

static void filters_choose_level_and_kind(void **state)
{
    (void)state;
    char seen[300];

    fill_journal();
    assert_int_equal(walk_journal(&(struct journal_filter){ JOURNAL_WARN, JOURNAL_ALL }, 50, seen),
                     150);
    assert_int_equal(
        walk_journal(&(struct journal_filter){ JOURNAL_DEBUG, JOURNAL_EVENTS }, 50, seen), 100);
    assert_int_equal(
        walk_journal(&(struct journal_filter){ JOURNAL_ERROR, JOURNAL_LOGS }, 50, seen), 50);
}

static void the_journal_route_answers_in_its_form(void **state)
{
    (void)state;
    fill_journal();
    struct model_answer *a = get(journal_routes, DEVICE "/journal", "limit=3&event=true");
    json_t *items = json_object_get(a->body, "items");
    assert_int_equal(json_array_size(items), 3);
    assert_true(json_is_string(json_object_get(a->body, "next")));
    json_t *e = json_array_get(items, 0);
    assert_true(json_is_true(json_object_get(e, "event")));
    assert_string_equal(json_string_value(json_object_get(e, "name")), "boot");
    assert_string_equal(json_string_value(json_object_get(e, "level")), "warn");
    assert_int_equal(get(journal_routes, DEVICE "/journal", "level=loud")->rc, RC_INVALID);
    assert_int_equal(get(journal_routes, DEVICE "/journal", "event=maybe")->rc, RC_INVALID);
}

static void a_made_up_journal_cursor_is_refused(void **state)
{
    (void)state;
    static const char *const cursors[] = { "x", "1 (0,1)", "1 (0,1) now(); drop table journal",
                                           "a (0,1) 2026-01-01 00:00:00+00" };
    struct journal_filter all = { JOURNAL_DEBUG, JOURNAL_ALL };
    struct journal_page *p = NULL;

    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++)
        assert_int_equal(journal_read(db, demo, NUMBER, &all, cursors[i], 5, &p, NULL), RC_INVALID);
}

// ---------------------------------------------------------------- trust

static struct model_answer *post_values(const char *body)
{
    return ask(&(struct model_call){ .routes = reference_routes,
                                     .method = "POST",
                                     .pattern = VALUES,
                                     .body = body,
                                     .catalog = demo });
}

static void reference_values_are_added_once_and_dropped(void **state)
{
    (void)state;
    struct model_answer *a = post_values("{\"values\":["
                                         "{\"component\":\"boot\",\"version\":\"1\",\"sha256\":"
                                         "\"" HASH_A "\",\"svn\":3},"
                                         "{\"component\":\"boot\",\"version\":\"2\",\"sha256\":"
                                         "\"" HASH_B "\",\"source\":\"manifest\"}]}");
    assert_int_equal(a->status, 201);
    assert_int_equal(a->audit_count, 2);
    a = post_values("{\"component\":\"boot\",\"version\":\"1\",\"sha256\":\"" HASH_A "\"}");
    assert_int_equal(a->status, 200);
    assert_true(a->no_audit);
    a = get(reference_routes, VALUES, NULL);
    json_t *items = json_object_get(a->body, "items");
    assert_int_equal(json_array_size(items), 2);
    json_t *first = json_array_get(items, 0);
    assert_string_equal(json_string_value(json_object_get(first, "source")), "owner");
    assert_int_equal(json_integer_value(json_object_get(first, "svn")), 3);
    char id[24];
    snprintf(id, sizeof id, "%s",
             json_string_value(json_object_get(json_array_get(items, 1), "id")));
    struct model_call drop = { .routes = reference_routes,
                               .method = "DELETE",
                               .pattern = VALUES "/{id}",
                               .id = id,
                               .catalog = acme };
    assert_int_equal(ask(&drop)->rc, RC_NOT_FOUND);
    drop.catalog = demo;
    assert_int_equal(ask(&drop)->status, 204);
    assert_int_equal(ask(&drop)->rc, RC_NOT_FOUND);
}

static void a_bad_reference_value_is_named_by_index_and_nothing_is_kept(void **state)
{
    (void)state;
    struct model_answer *a = post_values(
        "{\"values\":[{\"component\":\"x\",\"version\":\"1\",\"sha256\":\"" HASH_A "\"},"
        "{\"component\":\"y\",\"version\":\"1\",\"sha256\":\"beef\"}]}");
    assert_int_equal(a->rc, RC_INVALID);
    assert_non_null(strstr(a->text, "values[1]"));
    assert_non_null(strstr(a->text, "sha256"));
    struct reference_list *found = NULL;
    assert_int_equal(reference_of(db, demo, (const char *[]){ "x", "y" }, 2, &found, NULL), RC_OK);
    assert_int_equal(reference_count(found), 0);
    reference_list_free(found);
}

static void evidence_tells_which_lines_of_its_log_are_known(void **state)
{
    (void)state;
    struct model_answer *a = get(attest_routes, DEVICE "/evidence", NULL);
    assert_string_equal(json_string_value(json_object_get(a->body, "verdict")), "none");
    assert_true(json_is_null(json_object_get(a->body, "eat")));
    assert_int_equal(json_array_size(json_object_get(a->body, "log")), 0);
    post_values("{\"component\":\"boot\",\"version\":\"1\",\"sha256\":\"" HASH_A "\"}");
    model_sql(pg_conninfo(),
              "UPDATE device_trust SET verdict = 2, attested_at = now(), attester = 'soft', "
              "findings = '[{\"component\":\"os\"}]', evidence = 'a.b.c', claims = "
              "'{\"hwmodel\":\"x\",\"orrery_log\":[[0,\"boot\",\"1\",\"" HASH_A "\",1],"
              "[1,\"os\",\"9\",\"" HASH_B "\",1]]}', cert_kind = 0, cert_serial = '\\x0a0b', "
              "cert_not_before = now(), cert_not_after = now()");
    a = get(attest_routes, DEVICE "/evidence", NULL);
    json_t *log = json_object_get(a->body, "log");
    assert_int_equal(json_array_size(log), 2);
    assert_true(json_is_true(json_object_get(json_array_get(log, 0), "known")));
    assert_true(json_is_false(json_object_get(json_array_get(log, 1), "known")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(log, 1), "pcr")), 1);
    assert_string_equal(json_string_value(json_object_get(a->body, "eat")), "a.b.c");
    assert_null(json_object_get(json_object_get(a->body, "claims"), "orrery_log"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(a->body, "certificate"), "serial")),
        "0a0b");
}

static void evidence_tells_why_a_person_put_a_device_in_quarantine(void **state)
{
    (void)state;
    struct model_answer *a = get(attest_routes, DEVICE "/evidence", NULL);
    assert_true(json_is_null(json_object_get(a->body, "quarantineReason")));
    model_sql(pg_conninfo(), "UPDATE device_trust SET by_hand = 'the seal is broken'");
    a = get(attest_routes, DEVICE "/evidence", NULL);
    assert_string_equal(json_string_value(json_object_get(a->body, "quarantineReason")),
                        "the seal is broken");
}

// ---------------------------------------------------------------- catalogs

static void the_same_name_is_the_same_catalog(void **state)
{
    (void)state;
    struct catalogs *known = NULL;
    char name[CATALOG_NAME_MAX + 1];
    struct fault f = { 0 };
    int32_t id = 0;

    assert_int_equal(model_catalog(db, "demo"), demo);
    assert_int_equal(catalog_ensure(db, "api", &id, &f), RC_INVALID);
    assert_int_equal(catalogs_load(db, &known, &f), RC_OK);
    assert_int_equal(catalogs_find(known, db, "acme"), acme);
    assert_int_equal(catalogs_find(known, db, "nowhere"), 0);
    assert_true(catalogs_name(known, demo, name));
    assert_string_equal(name, "demo");
    catalogs_free(known);
}

static void retention_changes_only_from_the_current_version(void **state)
{
    (void)state;
    struct model_call c = { .routes = catalog_routes,
                            .method = "PATCH",
                            .pattern = "/api/v1/catalogs/{catalog}",
                            .body =
                                "{\"telemetryHours\":48,\"minuteHours\":96,\"rollupHours\":9000,"
                                "\"alertCalmSeconds\":0}",
                            .if_match = "1",
                            .catalog = acme };
    struct model_answer *a = ask(&c);
    assert_int_equal(a->status, 200);
    assert_string_equal(a->etag, "2");
    assert_int_equal(json_integer_value(json_object_get(a->body, "telemetryHours")), 48);
    assert_int_equal(json_integer_value(json_object_get(a->body, "journalHours")), 720);
    assert_int_equal(json_integer_value(json_object_get(a->body, "minuteHours")), 96);
    assert_int_equal(json_integer_value(json_object_get(a->body, "rollupHours")), 9000);
    assert_int_equal(json_integer_value(json_object_get(a->body, "alertCalmSeconds")), 0);
    assert_int_equal(ask(&c)->rc, RC_CONFLICT);
    assert_true(answer.stale);
    c.if_match = "2";
    c.body = "{\"telemetryHours\":0}";
    assert_int_equal(ask(&c)->rc, RC_INVALID);
    c.body = "{\"rollupHours\":87601}";
    assert_int_equal(ask(&c)->rc, RC_INVALID);
    c.body = "{\"alertCalmSeconds\":-1}";
    assert_int_equal(ask(&c)->rc, RC_INVALID);
    c.body = "{\"alertCalmSeconds\":86401}";
    assert_int_equal(ask(&c)->rc, RC_INVALID);
    c.body = "{\"journalHours\":100}";
    assert_int_equal(ask(&c)->status, 200);
    assert_int_equal(json_integer_value(json_object_get(answer.body, "alertCalmSeconds")), 0);
}

// ---------------------------------------------------------------- strangers

static bool needs_a_thing(const struct route *t)
{
    return strstr(t->pattern, "{id}") != NULL;
}

static void no_route_of_the_modules_shows_a_thing_of_another_catalog(void **state)
{
    (void)state;
    int asked = 0;

    for (size_t i = 0; route_tables[i]; i++)
        for (const struct route *t = route_tables[i]; t->method; t++) {
            if (!strstr(t->pattern, "/catalogs/{catalog}/") || !needs_a_thing(t))
                continue;
            struct model_call c = { .routes = route_tables[i],
                                    .method = t->method,
                                    .pattern = t->pattern,
                                    .id = ID,
                                    .body = strcmp(t->method, "GET") ? "{}" : NULL,
                                    .if_match = "1",
                                    .catalog = acme };
            if (ask(&c)->rc != RC_NOT_FOUND)
                fail_msg("%s %s: rc %d", t->method, t->pattern, answer.rc);
            asked++;
        }
    assert_true(asked >= 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thinned_series_keeps_its_peaks_where_they_were),
        cmocka_unit_test(a_short_series_is_given_as_it_is),
        cmocka_unit_test(pages_that_end_amid_equal_times_lose_and_repeat_nothing),
        cmocka_unit_test(a_series_too_long_says_so_and_keeps_the_newest),
        cmocka_unit_test(the_series_route_answers_and_checks_its_query),
        cmocka_unit_test(last_values_carry_the_names_of_their_shape),
        cmocka_unit_test(a_device_has_the_metrics_of_all_its_shapes),
        cmocka_unit_test(equal_times_neither_repeat_nor_hide_an_entry),
        cmocka_unit_test(filters_choose_level_and_kind),
        cmocka_unit_test(the_journal_route_answers_in_its_form),
        cmocka_unit_test(a_made_up_journal_cursor_is_refused),
        cmocka_unit_test(reference_values_are_added_once_and_dropped),
        cmocka_unit_test(a_bad_reference_value_is_named_by_index_and_nothing_is_kept),
        cmocka_unit_test(evidence_tells_which_lines_of_its_log_are_known),
        cmocka_unit_test(evidence_tells_why_a_person_put_a_device_in_quarantine),
        cmocka_unit_test(the_same_name_is_the_same_catalog),
        cmocka_unit_test(retention_changes_only_from_the_current_version),
        cmocka_unit_test(no_route_of_the_modules_shows_a_thing_of_another_catalog),
    };
    int failed = cmocka_run_group_tests_name("read", tests, setup, teardown);
    model_answer_done(&answer);
    return failed;
}
