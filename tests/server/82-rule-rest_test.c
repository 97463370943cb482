// SPDX-License-Identifier: Apache-2.0
//
// Rules over REST: first what must be refused, then what holds.

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "access/api_token.h"
#include "core/auto.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define RULES "/api/v1/catalogs/demo/rules"
#define OTHER "/api/v1/catalogs/acme/rules"

static struct rest rest;
static char admin[TOKEN_TEXT_LEN + 1], viewer[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1];
static char made[40]; // the id of the rule that the first test made

static int ask(const char *token, const char *method, const char *path, const char *body,
               const char *if_match)
{
    const struct rest_ask a = {
        .method = method, .path = path, .body = body, .if_match = if_match, .token = token
    };

    return rest_ask(&rest, &a)->status;
}

static const char *path_of(const char *tail)
{
    static char path[200];

    snprintf(path, sizeof path, RULES "/%s%s", made, tail);
    return path;
}

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "ada", "admin", "demo", admin);
    rest_token(&rest, "vera", "viewer", "demo", viewer);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    rest_sql(pg_conninfo(), "INSERT INTO product (catalog, name) SELECT id, 'HVAC' FROM catalog"
                            " WHERE name = 'demo' RETURNING 1");
    rest_sql(pg_conninfo(), "INSERT INTO product (catalog, name) SELECT id, 'theirs' FROM catalog"
                            " WHERE name = 'acme' RETURNING 1");
    assert_int_equal(ask(admin, "POST", RULES,
                         "{\"name\":\"Too hot\",\"text\":\"temp>90 where product=\\\"hvac\\\"\"}",
                         NULL),
                     201);
    snprintf(made, sizeof made, "%s", rest_text("id"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static void a_rule_that_is_none_is_refused_with_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *body, *told;
    } cases[] = {
        { "{}", "name is missing" },
        { "{\"name\":\"x\"}", "a rule comes as text or as rule" },
        { "{\"name\":\"x\",\"text\":\"a > 1\",\"rule\":{}}", "a rule comes as text or as rule" },
        { "{\"name\":\"x\",\"text\":\"a > \"}", "column 5: expected a number" },
        { "{\"name\":\"x\",\"text\":\"avg(temp) over banana > 70\"}",
          "column 16: expected a duration such as 5m" },
        { "{\"name\":\"x\",\"rule\":{\"when\":{}}}", "is is missing" },
        { "{\"name\":\"x\",\"text\":\"a > 1 where product = \\\"theirs\\\"\"}",
          "this catalog has no product 'theirs'" },
        { "{\"name\":\"x\",\"text\":\"a > 1 where group = \\\"g\\\"\"}",
          "this catalog has no group 'g'" },
        { "{\"name\":\"x\\u0007\",\"text\":\"a > 1\"}", "name must not contain control" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ask(admin, "POST", RULES, cases[i].body, NULL), 400);
        if (!strstr(rest_text("detail"), cases[i].told))
            fail_msg("%s: %s", cases[i].body, rest_text("detail"));
    }
    assert_int_equal(ask(admin, "POST", RULES, "{\"name\":\"too HOT\",\"text\":\"a > 1\"}", NULL),
                     409);
}

static void a_text_of_ten_kilobytes_is_refused(void **state)
{
    (void)state;
    char body[11000];

    int n = snprintf(body, sizeof body, "{\"name\":\"x\",\"text\":\"");
    memset(body + n, '(', 10000);
    snprintf(body + n + 10000, sizeof body - (size_t)n - 10000, "\"}");
    assert_int_equal(ask(admin, "POST", RULES, body, NULL), 400);
    assert_string_equal(rest_text("detail"), "a rule has at most 2000 bytes");
}

static void others_see_nothing_and_viewers_change_nothing(void **state)
{
    (void)state;
    static const char *const tails[] = { "", "/enable", "/disable" };

    assert_int_equal(ask(viewer, "GET", path_of(""), NULL, NULL), 200);
    assert_int_equal(ask(viewer, "POST", RULES, "{\"name\":\"y\",\"text\":\"a > 1\"}", NULL), 403);
    assert_int_equal(ask(viewer, "POST", RULES ":check", "{\"text\":\"a > 1\"}", NULL), 403);
    assert_int_equal(ask(viewer, "PATCH", path_of(""), "{\"name\":\"y\"}", "\"1\""), 403);
    assert_int_equal(ask(viewer, "DELETE", path_of(""), NULL, NULL), 403);
    assert_int_equal(ask(foreign, "GET", path_of(""), NULL, NULL), 404);
    for (size_t i = 0; i < 3; i++) {
        char path[200];

        snprintf(path, sizeof path, OTHER "/%s%s", made, tails[i]);
        assert_int_equal(ask(foreign, i ? "POST" : "GET", path, NULL, NULL), 404);
    }
    assert_int_equal(ask(admin, "GET", RULES "/9223372036854775807", NULL, NULL), 404);
    assert_int_equal(ask(admin, "GET", RULES "/x", NULL, NULL), 404);
}

static void a_rule_is_kept_in_both_forms_and_begins_disabled(void **state)
{
    (void)state;
    assert_int_equal(ask(admin, "GET", path_of(""), NULL, NULL), 200);
    assert_string_equal(rest_text("text"), "temp > 90 by device where product = \"hvac\"");
    assert_string_equal(rest_text("severity"), "medium");
    assert_true(json_is_false(rest_member("enabled")));
    json_auto_t *again = json_pack("{s:s, s:O}", "name", "Again", "rule", rest_member("rule"));
    auto_free char *body = json_dumps(again, 0);
    assert_int_equal(ask(admin, "POST", RULES, body, NULL), 201);
    assert_string_equal(rest_text("text"), "temp > 90 by device where product = \"hvac\"");
    assert_int_equal(ask(admin, "GET", RULES "?limit=1", NULL, NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_true(json_is_string(rest_member("next")));
}

static void a_change_needs_the_version_that_was_read(void **state)
{
    (void)state;
    assert_int_equal(ask(admin, "PATCH", path_of(""), "{\"name\":\"Hot\"}", NULL), 428);
    assert_int_equal(ask(admin, "PATCH", path_of(""), "{\"name\":\"Hot\"}", "\"77\""), 412);
    assert_int_equal(ask(admin, "PATCH", path_of(""), "{\"text\":\"temp > \"}", "\"1\""), 400);
    assert_int_equal(
        ask(admin, "PATCH", path_of(""), "{\"text\":\"temp > 95 severity high\"}", "\"1\""), 200);
    assert_string_equal(rest_text("severity"), "high");
    assert_int_equal(json_integer_value(rest_member("version")), 2);
    assert_int_equal(ask(admin, "PATCH", path_of(""), "{\"name\":\"again\"}", "\"2\""), 409);
}

static void enabling_twice_is_enabling_once(void **state)
{
    (void)state;
    assert_int_equal(ask(admin, "POST", path_of("/enable"), NULL, NULL), 200);
    assert_true(json_is_true(rest_member("enabled")));
    assert_int_equal(json_integer_value(rest_member("version")), 3);
    assert_int_equal(ask(admin, "POST", path_of("/enable"), NULL, NULL), 200);
    assert_int_equal(json_integer_value(rest_member("version")), 3);
    assert_int_equal(ask(admin, "POST", path_of("/disable"), NULL, NULL), 200);
    assert_true(json_is_null(rest_member("enabledAt")));
}

static void trying_a_rule_says_where_it_is_wrong_or_whom_it_is_for(void **state)
{
    (void)state;
    assert_int_equal(ask(admin, "POST", RULES ":check", "{\"text\":\"temp > hot\"}", NULL), 200);
    assert_true(json_is_false(rest_member("valid")));
    assert_int_equal(json_integer_value(rest_member("column")), 8);
    assert_string_equal(rest_text("message"), "column 8: expected a number");
    rest_sql(pg_conninfo(),
             "INSERT INTO device (catalog, device, id, fingerprint, seat, lifecycle)"
             " SELECT c.id, n, lpad(to_hex(n), 32, '0'), lpad(to_hex(n), 64, '0'), n, 1"
             " FROM catalog c, generate_series(1, 7) AS n WHERE c.name = 'demo' RETURNING 1");
    assert_int_equal(ask(admin, "POST", RULES ":check", "{\"text\":\"temp>1\"}", NULL), 200);
    assert_true(json_is_true(rest_member("valid")));
    assert_string_equal(rest_text("text"), "temp > 1 by device");
    assert_int_equal(json_integer_value(rest_member("keys")), 7);
    assert_int_equal(
        ask(admin, "POST", RULES ":check", "{\"text\":\"max(temp) over 1m>1 by site\"}", NULL),
        200);
    assert_int_equal(json_integer_value(rest_member("keys")), 0);
    assert_int_equal(json_integer_value(rest_member("devices")), 7);
}

// ---------------------------------------------------------------- over the past

#define BACKTEST RULES ":backtest"

static void a_backtest_that_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *told;
    } cases[] = {
        { "{\"text\":\"a > 1\",\"from\":\"yesterday\"}", "from and to take Unix ms" },
        { "{\"text\":\"a > 1\",\"from\":7}", "from" },
        { "{\"text\":\"a > 1\",\"from\":\"-1h\",\"to\":\"-2h\"}", "from must be earlier" },
        { "{\"text\":\"a > 1\",\"from\":\"now\"}", "from must be earlier" },
        { "{\"text\":\"a > 1\",\"from\":\"-93d\"}", "at most 92 days, not 93" },
        { "{\"text\":\"a > 1\",\"name\":\"x\"}", "name" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ask(admin, "POST", BACKTEST, cases[i].body, NULL), 400);
        if (!strstr(rest_text("detail"), cases[i].told))
            fail_msg("%s: %s", cases[i].body, rest_text("detail"));
    }
    assert_int_equal(ask(viewer, "POST", BACKTEST, "{\"text\":\"a > 1\"}", NULL), 403);
    assert_int_equal(ask(foreign, "POST", BACKTEST, "{\"text\":\"a > 1\"}", NULL), 404);
    assert_int_equal(ask(admin, "POST", BACKTEST, "{\"text\":\"temp > hot\"}", NULL), 200);
    assert_true(json_is_false(rest_member("valid")));
    assert_int_equal(json_integer_value(rest_member("column")), 8);
    assert_int_equal(ask(admin, "POST", BACKTEST, "{}", NULL), 200);
    assert_true(json_is_false(rest_member("valid")));
}

static void a_backtest_over_nothing_is_done_and_only_its_own_catalog_sees_it(void **state)
{
    (void)state;
    char path[200], theirs[200];

    assert_int_equal(ask(admin, "POST", BACKTEST, "{\"text\":\"temp>1\",\"from\":\"-3h\"}", NULL),
                     202);
    assert_string_equal(rest_text("text"), "temp > 1 by device");
    snprintf(path, sizeof path, "%s", rest_header("Location"));
    snprintf(theirs, sizeof theirs, "/api/v1/catalogs/acme/backtests/%s", rest_text("id"));
    for (int i = 0; i < 3000 && strcmp(rest_text("state"), "done") != 0; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        assert_int_equal(ask(viewer, "GET", path, NULL, NULL), 200);
    }
    assert_string_equal(rest_text("state"), "done");
    assert_int_equal(json_integer_value(rest_member("points")), 0);
    assert_int_equal(json_integer_value(rest_member("fired")), 0);
    assert_int_equal(json_array_size(rest_member("buckets")), 200);
    assert_int_equal(ask(foreign, "GET", theirs, NULL, NULL), 404);
    assert_int_equal(ask(foreign, "DELETE", theirs, NULL, NULL), 404);
    assert_int_equal(ask(foreign, "GET", path, NULL, NULL), 404);
    assert_int_equal(ask(viewer, "DELETE", path, NULL, NULL), 403);
    assert_int_equal(ask(admin, "DELETE", path, NULL, NULL), 204);
    assert_int_equal(ask(admin, "GET", path, NULL, NULL), 404);
    assert_int_equal(ask(admin, "DELETE", path, NULL, NULL), 404);
}

static void a_deleted_rule_is_gone(void **state)
{
    (void)state;
    assert_int_equal(ask(admin, "DELETE", path_of(""), NULL, NULL), 204);
    assert_int_equal(ask(admin, "GET", path_of(""), NULL, NULL), 404);
    assert_int_equal(ask(admin, "DELETE", path_of(""), NULL, NULL), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_that_is_none_is_refused_with_what_was_expected),
        cmocka_unit_test(a_text_of_ten_kilobytes_is_refused),
        cmocka_unit_test(others_see_nothing_and_viewers_change_nothing),
        cmocka_unit_test(a_rule_is_kept_in_both_forms_and_begins_disabled),
        cmocka_unit_test(a_change_needs_the_version_that_was_read),
        cmocka_unit_test(enabling_twice_is_enabling_once),
        cmocka_unit_test(trying_a_rule_says_where_it_is_wrong_or_whom_it_is_for),
        cmocka_unit_test(a_backtest_that_is_none_is_refused),
        cmocka_unit_test(a_backtest_over_nothing_is_done_and_only_its_own_catalog_sees_it),
        cmocka_unit_test(a_deleted_rule_is_gone),
    };
    return cmocka_run_group_tests_name("rule-rest", tests, setup, teardown);
}
