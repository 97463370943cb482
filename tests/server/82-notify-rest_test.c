// SPDX-License-Identifier: Apache-2.0
//
// Notification routes over REST: what may be one, who sees what of it, and that a secret goes in
// and never comes out.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "notify/locket.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define ROUTES     "/api/v1/catalogs/demo/notification-routes"
#define DELIVERIES "/api/v1/catalogs/demo/notification-deliveries"
#define HOOK       "\"kind\":\"webhook\",\"url\":\"https://hooks.example.org/T0/s3cret\""
#define MAIL(rest)                                                                                 \
    "\"kind\":\"email\",\"mail\":{\"server\":\"smtp.example.org\",\"port\":587,"                   \
    "\"security\":\"starttls\",\"from\":\"orrery@example.org\",\"to\":[\"ops@example.org\"]" rest  \
    "}"

static struct rest rest;
static struct rest_browser ada, oli, vic, eve;

static int up(void **state)
{
    (void)state;
    setenv("ORRERY_NOTIFY_ALLOW", "10.9.0.0/16", 1);
    rest_start(&rest, pg_conninfo());
    rest_account(&rest, "ada", "admin", "demo");
    rest_account(&rest, "oli", "operator", "demo");
    rest_account(&rest, "vic", "viewer", "demo");
    rest_account(&rest, "eve", "admin", "acme");
    ada = rest_sign_in(&rest, "ada");
    oli = rest_sign_in(&rest, "oli");
    vic = rest_sign_in(&rest, "vic");
    eve = rest_sign_in(&rest, "eve");
    return 0;
}

static int down(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    model_sql(pg_conninfo(), "TRUNCATE notification_route, notification_delivery, alert_outbox");
    return 0;
}

static int ask(const struct rest_browser *who, const char *method, const char *path,
               const char *body)
{
    return rest_as(&rest, who, method, path, body)->status;
}

static int patch(const char *path, const char *version, const char *body)
{
    const struct rest_ask a = { .method = "PATCH",
                                .path = path,
                                .body = body,
                                .cookie = ada.cookie,
                                .csrf = ada.csrf,
                                .if_match = version };

    return rest_ask(&rest, &a)->status;
}

// Adds it and returns its path, which lives until the next call.
static const char *added(const char *body)
{
    static char path[120];

    if (ask(&ada, "POST", ROUTES, body) != 201)
        fail_msg("%s: %s", body, rest_text("detail"));
    snprintf(path, sizeof path, ROUTES "/%s", rest_text("id"));
    return path;
}

static int64_t traces(const char *secret)
{
    return rest_sql(pg_conninfo(),
                    "SELECT (SELECT count(*) FROM audit WHERE to_jsonb(audit)::text LIKE '%%%s%%')"
                    " + (SELECT count(*) FROM notification_route r"
                    "     WHERE to_jsonb(r)::text LIKE '%%%s%%')",
                    secret, secret);
}

static void the_key_of_a_webhook_is_shown_once(void **state)
{
    char path[120], secret[80], again[80];

    (void)state;
    snprintf(path, sizeof path, "%s", added("{\"name\":\"On call\"," HOOK "}"));
    assert_string_equal(rest_header("Location"), path);
    snprintf(secret, sizeof secret, "%s", rest_text("secret"));
    assert_memory_equal(secret, "orrs_", 5);
    assert_int_equal(strlen(secret), 48);
    assert_int_equal(ask(&ada, "GET", path, NULL), 200);
    assert_null(rest_member("secret"));
    assert_true(json_is_true(rest_member("hasSecret")));
    assert_string_equal(rest_text("minSeverity"), "low");
    assert_string_equal(json_string_value(json_object_get(rest_member("health"), "state")),
                        "untried");
    assert_int_equal(traces(secret), 0);
    strncat(path, "/secret", sizeof path - strlen(path) - 1);
    assert_int_equal(ask(&ada, "POST", path, NULL), 200);
    snprintf(again, sizeof again, "%s", rest_text("secret"));
    assert_string_not_equal(again, secret);
    assert_int_equal(traces(again), 0);
}

static void a_password_goes_in_and_never_comes_out(void **state)
{
    char sealed[LOCKET_SIZE];
    char *opened = NULL;
    struct fault f = { 0 };

    (void)state;
    const char *path =
        added("{\"name\":\"Mail\",\"secret\":\"hunter2hunter2\"," MAIL(",\"user\":\"orrery\"") "}");
    assert_null(strstr(rest_as(&rest, &ada, "GET", path, NULL)->text, "hunter2"));
    assert_null(strstr(rest_as(&rest, &ada, "GET", ROUTES, NULL)->text, "hunter2"));
    assert_int_equal(traces("hunter2"), 0);
    assert_int_equal(locket_seal(rest.keeper, 1, "x", sealed, &f), RC_OK);
    assert_int_equal(locket_open(rest.keeper, 2, sealed, &opened, &f), RC_INVALID);
    assert_int_equal(locket_open(rest.keeper, 1, "AAAA", &opened, &f), RC_INVALID);
    assert_int_equal(locket_open(rest.keeper, 1, sealed, &opened, &f), RC_OK);
    assert_string_equal(opened, "x");
    free(opened);
}

static void a_password_is_not_told_to_another_server_unasked(void **state)
{
    static const char other[] =
        "{\"mail\":{\"server\":\"evil.example\",\"port\":587,\"security\":\"starttls\","
        "\"from\":\"orrery@example.org\",\"to\":[\"ops@example.org\"],\"user\":\"orrery\"}";
    char body[400];

    (void)state;
    const char *path =
        added("{\"name\":\"Mail\",\"secret\":\"hunter2\"," MAIL(",\"user\":\"orrery\"") "}");
    snprintf(body, sizeof body, "%s}", other);
    assert_int_equal(patch(path, "\"1\"", body), 400);
    assert_non_null(strstr(rest_text("detail"), "secret"));
    snprintf(body, sizeof body, "%s,\"secret\":\"another\"}", other);
    assert_int_equal(patch(path, "\"1\"", body), 200);
    assert_int_equal(patch(path, "\"2\"", "{\"name\":\"Mail 2\"}"), 200);
    assert_true(json_is_true(rest_member("hasSecret")));
    assert_int_equal(patch(path, "\"3\"", "{\"secret\":null}"), 200);
    assert_false(json_is_true(rest_member("hasSecret")));
}

static void bad_routes_are_refused_with_the_field(void **state)
{
    static const struct {
        const char *body, *word;
    } cases[] = {
        { "{}", "name" },
        { "[]", "object" },
        { "{\"name\":\"\"," HOOK "}", "name" },
        { "{\"name\":\"a\\nb\"," HOOK "}", "name" },
        { "{\"name\":\"x\",\"kind\":\"pager\",\"url\":\"https://a.example\"}", "kind" },
        { "{\"name\":\"x\",\"kind\":\"webhook\"}", "url" },
        { "{\"name\":\"x\",\"kind\":\"email\",\"url\":\"https://a.example\"}", "mail" },
        { "{\"name\":\"x\"," HOOK ",\"mail\":{}}", "mail" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"ftp://a.example\"}", "http" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"file:///etc/passwd\"}", "http" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"https://u:p@a.example/\"}", "password" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"https://a.example/#x\"}", "#" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"https://a.example/ b\"}", "blanks" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"http://127.0.0.1:9093\"}", "loopback" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"http://0x7f.1/\"}", "loopback" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"http://2130706433/\"}", "loopback" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"http://[::1]/\"}", "loopback" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"http://[::ffff:10.0.0.1]/\"}",
          "private" },
        { "{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"http://169.254.169.254/\"}",
          "link-local" },
        { "{\"name\":\"x\"," HOOK ",\"minSeverity\":\"fatal\"}", "minSeverity" },
        { "{\"name\":\"x\"," HOOK ",\"products\":[\"77\"]}", "products" },
        { "{\"name\":\"x\"," HOOK ",\"groups\":[\"x\"]}", "groups" },
        { "{\"name\":\"x\"," HOOK ",\"groups\":[7]}", "groups" },
        { "{\"name\":\"x\"," HOOK ",\"sites\":[\"a\\u0007\"]}", "sites" },
        { "{\"name\":\"x\"," HOOK ",\"escalateAfterMinutes\":0}", "escalateAfterMinutes" },
        { "{\"name\":\"x\"," HOOK ",\"escalateAfterMinutes\":1441}", "escalateAfterMinutes" },
        { "{\"name\":\"x\"," HOOK ",\"secret\":\"a\\nb\"}", "secret" },
        { "{\"name\":\"x\"," HOOK ",\"colour\":1}", "colour" },
        { "{\"name\":\"x\"," MAIL(",\"to\":[]") "}", "duplicate" },
        { "{\"name\":\"x\",\"kind\":\"email\",\"mail\":{\"server\":\"127.0.0.1\",\"port\":25,"
          "\"security\":\"none\",\"from\":\"a@b.example\",\"to\":[\"c@d.example\"]}}",
          "loopback" },
        { "{\"name\":\"x\",\"kind\":\"email\",\"mail\":{\"server\":\"m.example\",\"port\":0,"
          "\"security\":\"none\",\"from\":\"a@b.example\",\"to\":[\"c@d.example\"]}}",
          "port" },
        { "{\"name\":\"x\",\"kind\":\"email\",\"mail\":{\"server\":\"m.example/x\",\"port\":25,"
          "\"security\":\"none\",\"from\":\"a@b.example\",\"to\":[\"c@d.example\"]}}",
          "server" },
        { "{\"name\":\"x\",\"kind\":\"email\",\"mail\":{\"server\":\"m.example\",\"port\":25,"
          "\"security\":\"maybe\",\"from\":\"a@b.example\",\"to\":[\"c@d.example\"]}}",
          "security" },
        { "{\"name\":\"x\",\"kind\":\"email\",\"mail\":{\"server\":\"m.example\",\"port\":25,"
          "\"security\":\"none\",\"user\":\"u\",\"from\":\"a@b.example\",\"to\":[\"c@d.example\"]}"
          "}",
          "clear" },
        { "{\"name\":\"x\",\"kind\":\"email\",\"mail\":{\"server\":\"m.example\",\"port\":25,"
          "\"security\":\"none\",\"from\":\"a@b.example\\r\\nBcc: x@y.example\",\"to\":"
          "[\"c@d.example\"]}}",
          "from" },
        { "{\"name\":\"x\",\"kind\":\"email\",\"mail\":{\"server\":\"m.example\",\"port\":25,"
          "\"security\":\"none\",\"from\":\"a@b.example\",\"to\":[\"c@d.example>\"]}}",
          "to/0" },
        { "{\"name\":\"x\",\"kind\":\"email\",\"mail\":{\"server\":\"m.example\",\"port\":25,"
          "\"security\":\"none\",\"from\":\"a@b.example\",\"to\":[\"c@d.example,e@f.example\"]}}",
          "to/0" },
        { "{\"name\":\"x\",\"kind\":\"alertmanager\",\"url\":\"http://am.example\",\"secret\":\"t\""
          "}",
          "https" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = ask(&ada, "POST", ROUTES, cases[i].body);
        if (status != 400 || !strstr(rest_text("detail"), cases[i].word))
            fail_msg("%s: %d %s", cases[i].body, status, rest_text("detail"));
    }
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM notification_route"), 0);
    added("{\"name\":\"x\",\"kind\":\"webhook\",\"url\":\"http://10.9.1.1:8080/x\"}");
}

static void who_may_not_change_it_sees_no_more_than_its_server(void **state)
{
    char path[120];

    (void)state;
    snprintf(path, sizeof path, "%s", added("{\"name\":\"On call\"," HOOK "}"));
    assert_string_equal(rest_text("url"), "https://hooks.example.org/T0/s3cret");
    assert_null(strstr(rest_as(&rest, &vic, "GET", ROUTES, NULL)->text, "s3cret"));
    assert_int_equal(ask(&vic, "GET", path, NULL), 200);
    assert_string_equal(rest_text("url"), "https://hooks.example.org/…");
    assert_int_equal(ask(&oli, "POST", ROUTES, "{\"name\":\"x\"," HOOK "}"), 403);
    assert_int_equal(ask(&oli, "DELETE", path, NULL), 403);
    strncat(path, "/test", sizeof path - strlen(path) - 1);
    assert_int_equal(ask(&oli, "POST", path, NULL), 403);
}

static void a_route_of_another_catalog_is_not_there(void **state)
{
    static const char *const there[] = { "", "/secret", "/test" };
    char path[160], id[24], delivery[24];

    (void)state;
    added("{\"name\":\"On call\"," HOOK "}");
    snprintf(id, sizeof id, "%s", rest_text("id"));
    snprintf(path, sizeof path, ROUTES "/%s/test", id);
    assert_int_equal(ask(&ada, "POST", path, NULL), 202);
    snprintf(delivery, sizeof delivery, "%s", rest_text("id"));
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/api/v1/catalogs/acme/notification-routes/%s%s", id, there[i]);
        assert_int_equal(ask(&eve, i ? "POST" : "GET", path, NULL), 404);
    }
    assert_int_equal(ask(&eve, "GET", ROUTES, NULL), 404);
    snprintf(path, sizeof path, "/api/v1/catalogs/acme/notification-routes/%s", id);
    assert_int_equal(ask(&eve, "DELETE", path, NULL), 404);
    snprintf(path, sizeof path, "/api/v1/catalogs/acme/notification-deliveries/%s", delivery);
    assert_int_equal(ask(&eve, "GET", path, NULL), 404);
    strncat(path, "/replay", sizeof path - strlen(path) - 1);
    assert_int_equal(ask(&eve, "POST", path, NULL), 404);
    assert_int_equal(ask(&eve, "GET", "/api/v1/catalogs/acme/notification-deliveries", NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 0);
    assert_int_equal(ask(&ada, "GET", ROUTES "/99999999999999999999", NULL), 404);
    assert_int_equal(ask(&ada, "GET", ROUTES "/x", NULL), 404);
}

static void names_are_taken_once_and_changes_need_the_present_version(void **state)
{
    char path[120];

    (void)state;
    snprintf(path, sizeof path, "%s", added("{\"name\":\"On call\"," HOOK "}"));
    assert_int_equal(ask(&ada, "POST", ROUTES, "{\"name\":\"on CALL\"," HOOK "}"), 409);
    assert_int_equal(patch(path, NULL, "{\"enabled\":false}"), 428);
    assert_int_equal(patch(path, "\"7\"", "{\"enabled\":false}"), 412);
    assert_int_equal(patch(path, "\"1\"", "{\"enabled\":false}"), 200);
    assert_string_equal(rest_header("ETag"), "\"2\"");
    assert_string_equal(json_string_value(json_object_get(rest_member("health"), "state")), "off");
    assert_string_equal(rest_text("name"), "On call");
    assert_int_equal(patch(path, "\"2\"", "{\"kind\":\"email\"}"), 400);
    assert_int_equal(patch(path, "\"2\"", "[]"), 400);
    assert_int_equal(patch(path, "\"2\"", "{\"health\":{}}"), 400);
    assert_int_equal(patch(path, "\"2\"", "{\"minSeverity\":\"high\",\"sources\":[\"threat\"]}"),
                     200);
    assert_int_equal(ask(&ada, "DELETE", path, NULL), 204);
    assert_int_equal(ask(&ada, "GET", path, NULL), 404);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE action LIKE "
                                             "'%%notification-routes%%' AND detail = '''On call'''"
                                             " AND object LIKE 'notification route %%'") >= 4,
                     true);
}

static void deliveries_are_listed_by_route_and_state(void **state)
{
    char path[160];

    (void)state;
    snprintf(path, sizeof path, "%s/test", added("{\"name\":\"On call\"," HOOK "}"));
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(&ada, "POST", path, NULL), 202);
    assert_string_equal(rest_text("state"), "queued");
    assert_string_equal(rest_text("change"), "test");
    assert_int_equal(ask(&vic, "GET", DELIVERIES "?limit=2", NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 2);
    snprintf(path, sizeof path, DELIVERIES "?limit=2&cursor=%s", rest_text("next"));
    assert_int_equal(ask(&vic, "GET", path, NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_int_equal(ask(&vic, "GET", DELIVERIES "?state=dead", NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 0);
    assert_int_equal(ask(&vic, "GET", DELIVERIES "?route=1x", NULL), 400);
    assert_int_equal(ask(&vic, "GET", DELIVERIES "?state=lost", NULL), 400);
    assert_int_equal(ask(&vic, "GET", DELIVERIES "?state=lost-for-ever-and-ever", NULL), 400);
    assert_int_equal(ask(&vic, "GET", DELIVERIES "/0", NULL), 404);
}

static void fifty_routes_are_enough(void **state)
{
    char body[200];

    (void)state;
    for (int i = 0; i < 50; i++) {
        snprintf(body, sizeof body, "{\"name\":\"r%d\"," HOOK "}", i);
        added(body);
    }
    int status = ask(&ada, "POST", ROUTES, "{\"name\":\"one more\"," HOOK "}");
    assert_true(status >= 400 && status < 500);
    assert_non_null(strstr(rest_text("detail"), "50"));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_teardown(name, clean)
    const struct CMUnitTest tests[] = {
        STORY(the_key_of_a_webhook_is_shown_once),
        STORY(a_password_goes_in_and_never_comes_out),
        STORY(a_password_is_not_told_to_another_server_unasked),
        STORY(bad_routes_are_refused_with_the_field),
        STORY(who_may_not_change_it_sees_no_more_than_its_server),
        STORY(a_route_of_another_catalog_is_not_there),
        STORY(names_are_taken_once_and_changes_need_the_present_version),
        STORY(deliveries_are_listed_by_route_and_state),
        STORY(fifty_routes_are_enough),
    };

    return cmocka_run_group_tests_name("notification routes over REST", tests, up, down);
}
