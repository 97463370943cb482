// SPDX-License-Identifier: Apache-2.0
//
// Log levels over REST: for how long, whose goes first, and whose business it is.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/api_token.h"
#include "gateway/levels.h"
#include "journal/loudness.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define CATALOG "/api/v1/catalogs/demo"
#define ID      "0123456789abcdef0123456789abcdef"
#define DEVICE  CATALOG "/devices/" ID "/log-level"

static struct rest rest;
static char mine[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1], viewer[TOKEN_TEXT_LEN + 1];
static int64_t group;
static int32_t demo;

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "ada", "admin", "demo", mine);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    rest_token(&rest, "vera", "viewer", "demo", viewer);
    demo = (int32_t)rest_sql(pg_conninfo(), "SELECT id FROM catalog WHERE name = 'demo'");
    group = rest_sql(pg_conninfo(),
                     "WITH p AS (INSERT INTO product (catalog, name) VALUES (%d, 'pump')"
                     " RETURNING id) INSERT INTO device_group (catalog, product, name)"
                     " SELECT %d, id, 'field' FROM p RETURNING id",
                     demo, demo);
    rest_sql(pg_conninfo(),
             "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, lifecycle,"
             " device_group) VALUES (%d, 7, '" ID "', '" ID ID "', '', 0, 1, %lld)",
             demo, (long long)group);
    rest_sql(pg_conninfo(),
             "INSERT INTO device_state (catalog, device, online) VALUES (%d, 7, true)", demo);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static int ask(const char *token, const char *method, const char *path, const char *body)
{
    struct rest_ask a = { .method = method, .path = path, .body = body, .token = token };

    return rest_ask(&rest, &a)->status;
}

static const char *group_path(void)
{
    static char path[100];

    snprintf(path, sizeof path, CATALOG "/device-groups/%lld/log-level", (long long)group);
    return path;
}

static void a_device_goes_before_its_group_and_both_go_back(void **state)
{
    (void)state;
    assert_int_equal(ask(viewer, "GET", DEVICE, NULL), 200);
    assert_string_equal(rest_text("level"), "info");
    assert_string_equal(rest_text("source"), "default");
    assert_int_equal(ask(mine, "PUT", group_path(), "{\"level\":\"warn\",\"minutes\":5}"), 200);
    assert_string_equal(rest_text("level"), "warn");
    assert_int_equal(ask(mine, "GET", DEVICE, NULL), 200);
    assert_string_equal(rest_text("source"), "group");
    assert_int_equal(ask(mine, "PUT", DEVICE, "{\"level\":\"debug\",\"minutes\":5}"), 200);
    assert_string_equal(rest_text("level"), "debug");
    assert_string_equal(rest_text("source"), "device");
    assert_int_equal(atomic_load(&rest.told[BUS_LEVELS]), 2);
    assert_int_equal(ask(mine, "PUT", DEVICE, "{\"level\":\"debug\",\"minutes\":0}"), 200);
    assert_string_equal(rest_text("level"), "warn");
    rest_sql(pg_conninfo(), "UPDATE log_level SET until = now()");
    assert_int_equal(ask(mine, "GET", DEVICE, NULL), 200);
    assert_string_equal(rest_text("level"), "info");
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE action LIKE"
                                             " 'PUT %%log-level' AND outcome = 'ok'"),
                     3);
}

static void what_a_device_says_it_obeys_is_shown_beside_what_is_asked(void **state)
{
    (void)state;
    struct fault f = { 0 };
    int64_t since;

    assert_int_equal(ask(viewer, "GET", DEVICE, NULL), 200);
    assert_string_equal(rest_text("obeys"), "info");
    assert_true(json_is_null(rest_member("obeysSince")));
    assert_int_equal(loudness_report(rest.store, demo, 7, JOURNAL_DEBUG, &f), RC_OK);
    since = rest_sql(pg_conninfo(), "SELECT (extract(epoch FROM since) * 1000000)::bigint"
                                    " FROM device_loudness");
    assert_int_equal(loudness_report(rest.store, demo, 7, JOURNAL_DEBUG, &f), RC_OK);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT (extract(epoch FROM since) * 1000000)::bigint"
                                             " FROM device_loudness"),
                     since);
    assert_int_equal(ask(viewer, "GET", DEVICE, NULL), 200);
    assert_string_equal(rest_text("level"), "info");
    assert_string_equal(rest_text("obeys"), "debug");
    assert_true(json_is_string(rest_member("obeysSince")));
    assert_int_equal(loudness_report(rest.store, demo, 7, LOUDNESS_USUAL, &f), RC_OK);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM device_loudness"), 0);
}

static void a_group_tells_what_is_set_for_it(void **state)
{
    (void)state;
    char path[100];

    snprintf(path, sizeof path, CATALOG "/device-groups/%lld", (long long)group);
    assert_int_equal(ask(viewer, "GET", path, NULL), 200);
    assert_true(json_is_null(rest_member("logLevel")));
    assert_int_equal(ask(mine, "PUT", group_path(), "{\"level\":\"debug\",\"minutes\":5}"), 200);
    assert_int_equal(ask(viewer, "GET", path, NULL), 200);
    assert_string_equal(json_string_value(json_object_get(rest_member("logLevel"), "level")),
                        "debug");
    assert_int_equal(ask(viewer, "GET", CATALOG "/device-groups", NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_int_equal(ask(mine, "PUT", group_path(), "{\"level\":\"debug\",\"minutes\":0}"), 200);
    assert_int_equal(ask(viewer, "GET", path, NULL), 200);
    assert_true(json_is_null(rest_member("logLevel")));
}

static void the_gateway_gets_what_holds_for_devices_with_a_session(void **state)
{
    (void)state;
    struct rows *r = NULL;
    struct fault f = { 0 };
    int64_t end = 0;

    assert_int_equal(ask(mine, "PUT", group_path(), "{\"level\":\"debug\",\"minutes\":5}"), 200);
    assert_int_equal(loudness_present(rest.store, &r, &f), RC_OK);
    assert_int_equal(rows_count(r), 1);
    assert_int_equal(rows_int(r, 0, "device"), 7);
    assert_int_equal(rows_int(r, 0, "level"), JOURNAL_DEBUG);
    rows_free(r);
    assert_int_equal(loudness_next_end(rest.store, &end, &f), RC_OK);
    assert_true(end > 0);
    assert_int_equal(ask(mine, "PUT", group_path(), "{\"level\":\"debug\",\"minutes\":0}"), 200);
    assert_int_equal(loudness_present(rest.store, &r, &f), RC_OK);
    assert_int_equal(rows_count(r), 0);
    rows_free(r);
}

static void a_level_is_found_in_the_list_or_is_the_usual(void **state)
{
    (void)state;
    static const struct level_of list[] = { { 1, 5, 3 }, { 1, 9, 0 }, { 2, 5, 1 } };

    assert_int_equal(levels_find(list, 3, 1, 9), 0);
    assert_int_equal(levels_find(list, 3, 2, 5), 1);
    assert_int_equal(levels_find(list, 3, 2, 9), LOUDNESS_USUAL);
    assert_int_equal(levels_find(NULL, 0, 2, 9), LOUDNESS_USUAL);
}

static void bad_levels_and_strangers_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "{}",
                                       "{\"level\":\"loud\",\"minutes\":5}",
                                       "{\"level\":\"debug\",\"minutes\":-1}",
                                       "{\"level\":\"debug\",\"minutes\":1441}",
                                       "{\"level\":\"debug\",\"minutes\":\"5\"}",
                                       "{\"level\":\"debug\",\"minutes\":5,\"more\":1}" };
    static const char good[] = "{\"level\":\"debug\",\"minutes\":5}";

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ask(mine, "PUT", DEVICE, bad[i]), 400);
    assert_int_equal(ask(viewer, "PUT", DEVICE, good), 403);
    assert_int_equal(ask(foreign, "PUT", DEVICE, good), 404);
    assert_int_equal(ask(foreign, "PUT", "/api/v1/catalogs/acme/devices/" ID "/log-level", good),
                     404);
    assert_int_equal(ask(mine, "PUT", CATALOG "/devices/x/log-level", good), 404);
    assert_int_equal(ask(mine, "PUT", CATALOG "/device-groups/999999/log-level", good), 404);
    assert_int_equal(ask(mine, "PUT", CATALOG "/device-groups/x/log-level", good), 404);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM log_level WHERE until > now()"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_goes_before_its_group_and_both_go_back),
        cmocka_unit_test(what_a_device_says_it_obeys_is_shown_beside_what_is_asked),
        cmocka_unit_test(a_group_tells_what_is_set_for_it),
        cmocka_unit_test(the_gateway_gets_what_holds_for_devices_with_a_session),
        cmocka_unit_test(a_level_is_found_in_the_list_or_is_the_usual),
        cmocka_unit_test(bad_levels_and_strangers_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
