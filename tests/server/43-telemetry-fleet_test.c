// SPDX-License-Identifier: Apache-2.0
//
// Percentiles and the most of a fleet over REST, from readings as the writer tells them: first what
// must be refused, then what holds.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/api_token.h"
#include "core/auto.h"
#include "core/clock.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "telemetry/fleet.h"
#include "test.h"

#define CATALOG "/api/v1/catalogs/demo"
#define FLEET   CATALOG "/telemetry/fleet"
#define TOP     CATALOG "/telemetry/top"
#define COUNT   20

static struct rest rest;
static char admin[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1], auditor[TOKEN_TEXT_LEN + 1];
static char ids[COUNT + 1][33];
static int32_t demo, acme;

static int ask(const char *token, const char *method, const char *path, const char *body)
{
    const struct rest_ask a = { .method = method, .path = path, .body = body, .token = token };

    return rest_ask(&rest, &a)->status;
}

static int get(const char *path)
{
    return ask(admin, "GET", path, NULL);
}

static void reading(int n, int64_t ago_ms, double value)
{
    static const char *const names[] = { "temp", "load" };
    const double values[] = { value, 1 };
    struct bus_event e = {
        .kind = BUS_READING,
        .catalog = demo,
        .device = rest_sql(pg_conninfo(), "SELECT device FROM device WHERE id = '%s'", ids[n]),
        .id = ids[n],
        .at = clock_now_ms() - ago_ms,
        .count = 2,
        .names = names,
        .values = values,
    };

    bus_publish(rest.bus, &e);
}

// Devices 1 to COUNT, whose temperature is their number.
static void add_device(int n)
{
    auto_free char *pem = model_key("P-256"), *body = NULL;
    char name[20], site[20], path[120];

    snprintf(name, sizeof name, "pump-%02d", n);
    snprintf(site, sizeof site, "site-%d", n % 2);
    json_auto_t *order = json_pack("{s:s,s:s,s:{s:s,s:s}}", "publicKey", pem, "name", name, "tags",
                                   "site", site, "floor", n > 15 ? "top" : "low");
    body = json_dumps(order, 0);
    assert_int_equal(ask(admin, "POST", CATALOG "/devices", body), 201);
    snprintf(ids[n], sizeof ids[n], "%s", rest_text("id"));
    snprintf(path, sizeof path, CATALOG "/devices/%s/claim", ids[n]);
    assert_int_equal(ask(admin, "POST", path, NULL), 200);
    reading(n, 1000, n);
}

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "ada", "admin", "demo", admin);
    rest_token(&rest, "aud", "auditor", "demo", auditor);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    demo = (int32_t)rest_sql(pg_conninfo(), "SELECT id FROM catalog WHERE name = 'demo'");
    acme = (int32_t)rest_sql(pg_conninfo(), "SELECT id FROM catalog WHERE name = 'acme'");
    rest_sql(pg_conninfo(), "INSERT INTO shape VALUES (%d, 1, '{temp,load}') RETURNING 1", demo);
    for (int n = 1; n <= COUNT; n++)
        add_device(n);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static int number(json_t *of, const char *member)
{
    return (int)json_number_value(json_object_get(of, member));
}

static void bad_requests_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        { FLEET, 400 },
        { FLEET "?metric=", 400 },
        { FLEET "?metric=nobody.sent.it", 404 },
        { FLEET "?metric=temp&by=colour", 400 },
        { FLEET "?metric=temp&by=tag:", 400 },
        { FLEET "?metric=temp&window=0s", 400 },
        { FLEET "?metric=temp&window=99d", 400 },
        { FLEET "?metric=temp&window=soon", 400 },
        { FLEET "?metric=temp&metric=load", 400 },
        { FLEET "?metric=temp&nonsense=1", 400 },
        { FLEET "?metric=temp&state=happy", 400 },
        { TOP "?metric=temp&n=0", 400 },
        { TOP "?metric=temp&n=1001", 400 },
        { TOP "?metric=temp&order=up", 400 },
        { TOP "?metric=nobody.sent.it", 404 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = get(cases[i].path);

        if (status != cases[i].status)
            fail_msg("%s: %d, not %d", cases[i].path, status, cases[i].status);
    }
}

static void strangers_see_nothing(void **state)
{
    (void)state;
    assert_int_equal(ask(foreign, "GET", FLEET "?metric=temp", NULL), 404);
    assert_int_equal(ask(foreign, "GET", TOP "?metric=temp", NULL), 404);
    assert_int_equal(ask(auditor, "GET", FLEET "?metric=temp", NULL), 403);
    assert_int_equal(ask(foreign, "GET", "/api/v1/catalogs/acme/telemetry/fleet?metric=temp", NULL),
                     404);
}

static void percentiles_are_over_the_last_values(void **state)
{
    (void)state;
    assert_int_equal(get(FLEET "?metric=temp"), 200);
    json_t *all = rest_member("all");
    assert_int_equal(number(all, "devices"), COUNT);
    assert_int_equal(number(all, "min"), 1);
    assert_int_equal(number(all, "max"), COUNT);
    assert_int_equal(number(all, "p50"), 10);
    assert_int_equal(number(all, "p95"), 19);
    assert_int_equal(number(all, "p99"), 20);
    assert_true(json_is_true(rest_member("complete")));
    assert_int_equal(json_array_size(rest_member("groups")), 0);
}

static void a_split_has_each_part(void **state)
{
    (void)state;
    assert_int_equal(get(FLEET "?metric=temp&by=site"), 200);
    json_t *groups = rest_member("groups");
    assert_int_equal(json_array_size(groups), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *g = json_array_get(groups, i);
        bool odd = !strcmp(json_string_value(json_object_get(g, "key")), "site-1");

        assert_int_equal(number(g, "devices"), COUNT / 2);
        assert_int_equal(number(g, "max"), odd ? COUNT - 1 : COUNT);
    }
    assert_int_equal(get(FLEET "?metric=temp&by=tag:floor"), 200);
    groups = rest_member("groups");
    assert_int_equal(number(json_array_get(groups, 0), "devices"), 15);
    assert_int_equal(number(json_array_get(groups, 1), "min"), 16);
    assert_int_equal(get(FLEET "?metric=temp&by=product"), 200);
    groups = rest_member("groups");
    assert_int_equal(json_array_size(groups), 1);
    assert_true(json_is_null(json_object_get(json_array_get(groups, 0), "label")));
}

static void a_filter_is_that_of_the_device_list(void **state)
{
    (void)state;
    assert_int_equal(get(FLEET "?metric=temp&site=site-1&tag=floor:top"), 200);
    assert_int_equal(number(rest_member("all"), "devices"), 2);
    assert_int_equal(number(rest_member("all"), "min"), 17);
    assert_int_equal(get(FLEET "?metric=temp&site=nowhere"), 200);
    assert_int_equal(number(rest_member("all"), "devices"), 0);
    assert_null(json_object_get(rest_member("all"), "min"));
}

static void the_most_and_the_least_are_in_order(void **state)
{
    (void)state;
    assert_int_equal(get(TOP "?metric=temp&n=3"), 200);
    json_t *items = rest_member("items");
    assert_int_equal(json_array_size(items), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(number(json_array_get(items, i), "value"), COUNT - (int)i);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "id")),
                        ids[COUNT]);
    assert_int_equal(get(TOP "?metric=temp&n=2&order=asc&site=site-0"), 200);
    items = rest_member("items");
    assert_int_equal(number(json_array_get(items, 0), "value"), 2);
    assert_int_equal(number(json_array_get(items, 1), "value"), 4);
    assert_int_equal(get(TOP "?metric=temp&n=1000"), 200);
    assert_int_equal(json_array_size(rest_member("items")), COUNT);
}

static void a_value_older_than_the_window_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(get(FLEET "?metric=temp&window=30d"), 200);
    assert_int_equal(number(rest_member("all"), "devices"), COUNT);
    fleet_put(rest.services.fleet, demo, 99, clock_now_ms() - 3600000,
              (const char *const[]){ "temp" }, (const double[]){ 1000 }, 1);
    assert_int_equal(get(FLEET "?metric=temp"), 200);
    assert_int_equal(number(rest_member("all"), "max"), COUNT);
    assert_int_equal(get(FLEET "?metric=temp&window=2h"), 200);
    assert_int_equal(number(rest_member("all"), "max"), 1000);
    // It is no device: the list of names does not know it.
    assert_int_equal(get(TOP "?metric=temp&n=1&window=2h"), 200);
    assert_int_equal(number(json_array_get(rest_member("items"), 0), "value"), COUNT);
}

static void a_retired_device_is_out(void **state)
{
    (void)state;
    char path[120];

    snprintf(path, sizeof path, CATALOG "/devices/%s/retire", ids[COUNT]);
    assert_int_equal(ask(admin, "POST", path, NULL), 200);
    assert_int_equal(get(TOP "?metric=temp&n=1"), 200);
    assert_int_equal(number(json_array_get(rest_member("items"), 0), "value"), COUNT - 1);
    assert_int_equal(get(FLEET "?metric=temp"), 200);
    assert_int_equal(number(rest_member("all"), "devices"), COUNT - 1);
}

static void the_catalogue_says_when_a_metric_came_last(void **state)
{
    (void)state;
    assert_int_equal(get(CATALOG "/metric?name=load"), 200);
    assert_int_equal(strlen(rest_text("lastSeen")), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_requests_say_what_is_wrong),
        cmocka_unit_test(strangers_see_nothing),
        cmocka_unit_test(percentiles_are_over_the_last_values),
        cmocka_unit_test(a_split_has_each_part),
        cmocka_unit_test(a_filter_is_that_of_the_device_list),
        cmocka_unit_test(the_most_and_the_least_are_in_order),
        cmocka_unit_test(a_value_older_than_the_window_does_not_count),
        cmocka_unit_test(a_retired_device_is_out),
        cmocka_unit_test(the_catalogue_says_when_a_metric_came_last),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
