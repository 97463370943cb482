// SPDX-License-Identifier: Apache-2.0
//
// The catalogue of metrics over REST: first what must be refused, then what holds.

#include <stdio.h>
#include <string.h>

#include "access/api_token.h"
#include "core/auto.h"
#include "core/clock.h"
#include "support/pg.h"
#include "support/rest.h"
#include "telemetry/fleet.h"
#include "test.h"

#define CATALOG "/api/v1/catalogs/demo"
#define OTHER   "/api/v1/catalogs/acme"

static struct rest rest;
static char admin[TOKEN_TEXT_LEN + 1], viewer[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1];

static int ask(const char *token, const char *method, const char *path, const char *body,
               const char *if_match)
{
    const struct rest_ask a = {
        .method = method, .path = path, .body = body, .if_match = if_match, .token = token
    };

    return rest_ask(&rest, &a)->status;
}

static int get(const char *path)
{
    return ask(admin, "GET", path, NULL, NULL);
}

// As the writer does it when a message has names that none had before.
static void shape(const char *catalog, int id, const char *names)
{
    rest_sql(pg_conninfo(),
             "INSERT INTO shape SELECT id, %d, '%s' FROM catalog WHERE name = '%s' RETURNING 1", id,
             names, catalog);
}

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "ada", "admin", "demo", admin);
    rest_token(&rest, "vera", "viewer", "demo", viewer);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    shape("demo", 1, "{cpu.load,mem.used,net/eth0:rx}");
    shape("demo", 2, "{cpu.load,temp.motor,run.seconds,odd}");
    shape("acme", 1, "{theirs}");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static const char *name_at(size_t i)
{
    return json_string_value(json_object_get(json_array_get(rest_member("items"), i), "name"));
}

#define CHANGE "{\"unit\":\"mV\",\"description\":\"d\",\"kind\":\"gauge\"}"

static void bad_requests_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body, *if_match;
        int status;
    } cases[] = {
        { "GET", CATALOG "/metric", NULL, NULL, 400 },
        { "GET", CATALOG "/metric?name=", NULL, NULL, 400 },
        { "GET", CATALOG "/metric?name=nobody.sent.it", NULL, NULL, 404 },
        { "GET", CATALOG "/metric?name=theirs", NULL, NULL, 404 },
        { "GET", CATALOG "/metrics?limit=100000", NULL, NULL, 400 },
        { "GET", CATALOG "/metrics?cursor=x", NULL, NULL, 400 },
        { "PUT", CATALOG "/metric?name=odd", CHANGE, NULL, 428 },
        { "PUT", CATALOG "/metric?name=odd", CHANGE, "\"7\"", 412 },
        { "PUT", CATALOG "/metric?name=theirs", CHANGE, "\"1\"", 404 },
        { "PUT", CATALOG "/metric?name=odd", "{\"unit\":\"V\"}", "\"1\"", 400 },
        { "PUT", CATALOG "/metric?name=odd", "[]", "\"1\"", 400 },
        { "PUT", CATALOG "/metric?name=odd",
          "{\"unit\":\"V\\u0007\",\"description\":\"\",\"kind\":\"gauge\"}", "\"1\"", 400 },
        { "PUT", CATALOG "/metric?name=odd",
          "{\"unit\":\"0123456789012345678901234\",\"description\":\"\",\"kind\":\"gauge\"}",
          "\"1\"", 400 },
        { "PUT", CATALOG "/metric?name=odd",
          "{\"unit\":\"\",\"description\":\"\",\"kind\":\"meter\"}", "\"1\"", 400 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = ask(admin, cases[i].method, cases[i].path, cases[i].body, cases[i].if_match);

        if (status != cases[i].status)
            fail_msg("%s %s %s: %d, not %d", cases[i].method, cases[i].path,
                     cases[i].body ? cases[i].body : "", status, cases[i].status);
    }
}

static void a_viewer_changes_nothing_and_a_stranger_sees_nothing(void **state)
{
    (void)state;
    assert_int_equal(ask(viewer, "PUT", CATALOG "/metric?name=odd", CHANGE, "\"1\""), 403);
    assert_int_equal(ask(viewer, "GET", CATALOG "/metrics", NULL, NULL), 200);
    assert_int_equal(ask(foreign, "GET", CATALOG "/metrics", NULL, NULL), 404);
    assert_int_equal(ask(foreign, "GET", CATALOG "/metric?name=odd", NULL, NULL), 404);
}

static void names_come_by_themselves_with_the_unit_they_usually_have(void **state)
{
    (void)state;
    assert_int_equal(get(CATALOG "/metrics"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 6);
    assert_string_equal(name_at(0), "cpu.load");
    assert_int_equal(get(CATALOG "/metric?name=temp.motor"), 200);
    assert_string_equal(rest_text("unit"), "°C");
    assert_string_equal(rest_text("kind"), "gauge");
    assert_int_equal(strlen(rest_text("firstSeen")), 24);
    assert_int_equal(get(CATALOG "/metric?name=run.seconds"), 200);
    assert_string_equal(rest_text("kind"), "counter");
    assert_int_equal(get(CATALOG "/metric?name=net%2Feth0%3Arx"), 200);
    assert_string_equal(rest_text("unit"), "");
}

static void the_list_is_read_by_pages_and_searched(void **state)
{
    (void)state;
    assert_int_equal(get(CATALOG "/metrics?limit=5"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 5);
    char path[300];
    snprintf(path, sizeof path, CATALOG "/metrics?limit=5&cursor=%s", rest_text("next"));
    assert_int_equal(get(path), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_string_equal(name_at(0), "temp.motor");
    assert_int_equal(get(CATALOG "/metrics?q=PROCESSOR"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_int_equal(get(CATALOG "/metrics?q=%25"), 200); // no pattern
    assert_int_equal(json_array_size(rest_member("items")), 0);
}

static void a_changed_unit_is_in_the_audit(void **state)
{
    (void)state;
    assert_int_equal(get(CATALOG "/metric?name=odd"), 200);
    assert_string_equal(rest_header("ETag"), "\"1\"");
    assert_int_equal(ask(admin, "PUT", CATALOG "/metric?name=odd", CHANGE, "\"1\""), 200);
    assert_string_equal(rest_header("ETag"), "\"2\"");
    assert_string_equal(rest_text("unit"), "mV");
    assert_int_equal(ask(admin, "PUT", CATALOG "/metric?name=odd", CHANGE, "\"1\""), 412);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE object = "
                                             "'metric odd' AND outcome = 'ok' AND "
                                             "detail LIKE 'unit '''' -> ''mV''%%'"),
                     1);
}

static void a_metric_says_how_many_devices_send_it(void **state)
{
    (void)state;
    static const char *const names[] = { "odd", "cpu.load" };
    static const double values[] = { 1, 2 };
    int32_t demo = (int32_t)rest_sql(pg_conninfo(), "SELECT id FROM catalog WHERE name = 'demo'");
    int64_t now = clock_now_ms();

    for (int64_t device = 1; device <= 3; device++)
        fleet_put(rest.services.fleet, demo, device, now, names, values, 2);
    fleet_put(rest.services.fleet, demo, 3, now + 1, names, values, 1); // another list of names
    fleet_put(rest.services.fleet, demo, 4, now - 2 * 86400000LL, names, values, 2);
    fleet_put(rest.services.fleet, demo + 1000, 5, now, names, values, 2);
    assert_int_equal(get(CATALOG "/metric?name=odd"), 200);
    assert_int_equal(json_integer_value(rest_member("devices")), 3);
    assert_int_equal(get(CATALOG "/metric?name=temp.motor"), 200);
    assert_int_equal(json_integer_value(rest_member("devices")), 0);
    assert_int_equal(get(CATALOG "/metrics"), 200);
    assert_null(json_object_get(json_array_get(rest_member("items"), 0), "devices"));
}

static void a_name_that_comes_again_keeps_what_people_said(void **state)
{
    (void)state;
    shape("demo", 3, "{odd,new.one}");
    assert_int_equal(get(CATALOG "/metric?name=odd"), 200);
    assert_string_equal(rest_text("unit"), "mV");
    assert_int_equal(get(CATALOG "/metric?name=new.one"), 200);
}

static void a_device_with_thousands_of_metrics_has_them_all_in_pages(void **state)
{
    (void)state;
    for (int s = 0; s < 80; s++)
        rest_sql(pg_conninfo(),
                 "INSERT INTO shape SELECT id, %d, (SELECT array_agg('many.' || n) FROM "
                 "generate_series(%d, %d) n) FROM catalog WHERE name = 'demo' RETURNING 1",
                 100 + s, s * 64, s * 64 + 63);
    assert_int_equal(get(CATALOG "/metrics?limit=200&q=many."), 200);
    assert_int_equal(json_array_size(rest_member("items")), 200);
    assert_true(*rest_text("next"));
    assert_int_equal(
        rest_sql(pg_conninfo(), "SELECT count(*) FROM metric WHERE name LIKE 'many.%%'"), 5120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_requests_say_what_is_wrong),
        cmocka_unit_test(a_viewer_changes_nothing_and_a_stranger_sees_nothing),
        cmocka_unit_test(names_come_by_themselves_with_the_unit_they_usually_have),
        cmocka_unit_test(the_list_is_read_by_pages_and_searched),
        cmocka_unit_test(a_changed_unit_is_in_the_audit),
        cmocka_unit_test(a_metric_says_how_many_devices_send_it),
        cmocka_unit_test(a_name_that_comes_again_keeps_what_people_said),
        cmocka_unit_test(a_device_with_thousands_of_metrics_has_them_all_in_pages),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
