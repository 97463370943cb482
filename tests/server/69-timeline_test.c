// SPDX-License-Identifier: Apache-2.0
//
// What happened to a device: all kinds in one order, page by page, to those who may see them.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"
#include "timeline/timeline.h"

#define ID   "0123456789abcdef0123456789abcdef"
#define PATH "/api/v1/catalogs/demo/devices/" ID "/timeline"

static struct rest rest;
static char owner[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1], viewer[TOKEN_TEXT_LEN + 1];
static int demo;

#define SQL(...) rest_sql(pg_conninfo(), __VA_ARGS__)

// A life of two days: claimed, attested, an alert that came and went, two events, a burst of
// errors beside a few that are none, and a person who renamed it.
static void fill(void)
{
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, lifecycle,"
              " created_at, claimed_at) VALUES (%d, 1, '" ID "', '" ID ID "', '', 0, 1,"
              " now() - interval '2 days', now() - interval '47 hours')",
              demo);
    model_sql(pg_conninfo(),
              "INSERT INTO device_state (catalog, device) VALUES (%d, 1)"
              " ON CONFLICT DO NOTHING",
              demo);
    model_sql(pg_conninfo(),
              "INSERT INTO device_trust (catalog, device, verdict, attested_at, cert_kind,"
              " cert_not_before) VALUES (%d, 1, 1, now() - interval '46 hours', 0,"
              " now() - interval '46 hours') ON CONFLICT (catalog, device) DO UPDATE"
              " SET verdict = 1, attested_at = excluded.attested_at,"
              " cert_kind = 0, cert_not_before = excluded.cert_not_before",
              demo);
    model_sql(pg_conninfo(),
              "INSERT INTO alert (catalog, key, source, code, severity, title, since, last_at,"
              " told_severity) VALUES (%d, 'rule:1', 'rule', 'rule', 2, 'Too hot', now(), now(),"
              " 2);"
              "INSERT INTO alert_device (catalog, alert, device, since, last_at, cleared_at)"
              " SELECT catalog, id, 1, now() - interval '5 hours', now() - interval '5 hours',"
              " now() - interval '4 hours' FROM alert",
              demo);
    model_sql(pg_conninfo(),
              "CREATE TABLE journal_all PARTITION OF journal FOR VALUES FROM (MINVALUE) TO"
              " (MAXVALUE);"
              "INSERT INTO journal (catalog, device, ts, seq, event, level, name, text)"
              " SELECT %d, 1, now() - i * interval '3 hours', i, true, 1, 'door.open', 'Opened'"
              " FROM generate_series(1, 2) i;"
              "INSERT INTO journal (catalog, device, ts, seq, event, level, text)"
              " SELECT %d, 1, date_trunc('minute', now() - interval '2 hours')"
              " + i * interval '1 second', 100 + i, false, i %% 2, 'no'"
              " FROM generate_series(1, 12) i;"
              "INSERT INTO journal (catalog, device, ts, seq, event, level, text)"
              " SELECT %d, 1, date_trunc('minute', now() - interval '90 minutes')"
              " + i * interval '1 second', 200 + i, false, CASE WHEN i < 5 THEN 1 ELSE 3 END, 'so'"
              " FROM generate_series(1, 40) i",
              demo, demo, demo);
}

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "olga", "owner", "demo", owner);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    rest_token(&rest, "vic", "viewer", "demo", viewer);
    demo = (int)SQL("SELECT id FROM catalog WHERE name = 'demo'");
    fill();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static int get(const char *token, const char *path)
{
    return rest_ask(&rest, &(struct rest_ask){ .path = path, .token = token })->status;
}

static void rename_it(void)
{
    const struct rest_ask read = { .path = "/api/v1/catalogs/demo/devices/" ID, .token = owner };
    char tag[40];

    assert_int_equal(rest_ask(&rest, &read)->status, 200);
    snprintf(tag, sizeof tag, "%s", rest_header("ETag"));
    assert_int_equal(rest_ask(&rest, &(struct rest_ask){ .method = "PATCH",
                                                         .path = read.path,
                                                         .token = owner,
                                                         .if_match = tag,
                                                         .body = "{\"name\":\"north\"}" })
                         ->status,
                     200);
}

// "kind/what …" of the page.
static void say(char out[600])
{
    const json_t *items = rest_member("items");
    size_t len = 0;

    *out = '\0';
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *o = json_array_get(items, i);

        len += (size_t)snprintf(out + len, 600 - len, "%s%s/%s", i ? " " : "",
                                json_string_value(json_object_get(o, "kind")),
                                json_string_value(json_object_get(o, "what")));
    }
}

#define WHOLE                                                                                      \
    "log/burst event/door.open alert/resolved alert/opened event/door.open trust/certificate "     \
    "trust/attested life/claimed life/registered"

static void all_that_happened_is_in_one_order(void **state)
{
    (void)state;
    char text[600];

    rename_it();
    assert_int_equal(get(owner, PATH), 200);
    say(text);
    assert_string_equal(text, "act/PATCH /api/v1/catalogs/{catalog}/devices/{id} " WHOLE);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(rest_member("items"), 0), "actor")),
        "olga");
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(rest_member("items"), 1), "count")), 12);
    assert_true(json_is_null(rest_member("next")));
}

static void each_sees_the_kinds_that_its_permissions_show(void **state)
{
    (void)state;
    char text[600];

    assert_int_equal(get(viewer, PATH), 200);
    say(text);
    assert_string_equal(text, WHOLE);
    assert_int_equal(get(viewer, PATH "?kind=act"), 403);
    assert_int_equal(get(viewer, PATH "?kind=life,act"), 403);
    assert_int_equal(get(foreign, PATH), 404);
}

static void kinds_are_asked_for_by_name(void **state)
{
    (void)state;
    char text[600];

    assert_int_equal(get(viewer, PATH "?kind=alert,life"), 200);
    say(text);
    assert_string_equal(text, "alert/resolved alert/opened life/claimed life/registered");
    assert_int_equal(get(viewer, PATH "?kind=log"), 200);
    say(text);
    assert_string_equal(text, "log/burst");
    assert_int_equal(get(viewer, PATH "?kind=weather"), 400);
    assert_int_equal(get(viewer, PATH "?kind="), 400);
    assert_int_equal(get(viewer, PATH "?kind=alert,"), 400);
    assert_int_equal(get(viewer, PATH "?limit=0"), 400);
    assert_int_equal(get(viewer, PATH "?cursor=AAAA"), 400);
}

static void pages_join_without_a_gap_and_without_a_repetition(void **state)
{
    (void)state;
    for (int limit = 1; limit <= 4; limit++) {
        char path[400], whole[700] = "", text[600];
        int pages = 0;

        snprintf(path, sizeof path, PATH "?limit=%d", limit);
        for (; *path && pages < 20; pages++) {
            assert_int_equal(get(viewer, path), 200);
            say(text);
            snprintf(whole + strlen(whole), sizeof whole - strlen(whole), "%s%s",
                     *whole && *text ? " " : "", text);
            const char *next = json_string_value(rest_member("next"));
            *path = '\0';
            if (next)
                snprintf(path, sizeof path, PATH "?limit=%d&cursor=%s", limit, next);
        }
        assert_string_equal(whole, WHOLE);
    }
}

// More lines than a page reads: the page ends early, the next ones go on, and the end is reached.
static void a_device_that_never_stops_complaining_is_read_in_parts(void **state)
{
    (void)state;
    char path[400] = PATH "?kind=log,life&limit=200", text[600], last[600] = "";
    int pages = 0;

    model_sql(pg_conninfo(),
              "INSERT INTO journal (catalog, device, ts, seq, event, level, text)"
              " SELECT %d, 1, now() - interval '30 hours' + i * interval '1 millisecond',"
              " 1000 + i, false, 0, 'no' FROM generate_series(1, %d) i",
              demo, TIMELINE_LINES + 5000);
    while (*path && pages++ < 40) {
        assert_int_equal(get(viewer, path), 200);
        say(text);
        if (*text)
            memcpy(last, text, sizeof last);
        const char *next = json_string_value(rest_member("next"));
        *path = '\0';
        if (next)
            snprintf(path, sizeof path, PATH "?kind=log,life&limit=200&cursor=%s", next);
    }
    assert_true(pages > 1 && pages < 40);
    assert_non_null(strstr(last, "life/claimed life/registered"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_happened_is_in_one_order),
        cmocka_unit_test(each_sees_the_kinds_that_its_permissions_show),
        cmocka_unit_test(kinds_are_asked_for_by_name),
        cmocka_unit_test(pages_join_without_a_gap_and_without_a_repetition),
        cmocka_unit_test(a_device_that_never_stops_complaining_is_read_in_parts),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
