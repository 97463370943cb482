// SPDX-License-Identifier: Apache-2.0
//
// A person signs in, stays, is refused and is sent away; against PostgreSQL and civetweb.
//
// threaded

#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "access/password.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

static struct rest rest;
static struct rest_browser owner;

static int setup(void **state)
{
    *state = &rest;
    rest_start(&rest, pg_conninfo());
    owner = rest_owner(&rest);
    return 0;
}

static struct rest_answer *sign_in(const char *name, const char *password, const char *remote)
{
    char body[300];

    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"%s\"}", name, password);
    return rest_ask(
        &rest, &(struct rest_ask){
                   .method = "POST", .path = "/api/v1/session", .body = body, .remote = remote });
}

static void assert_problem(int status, const char *code)
{
    char type[80];

    assert_int_equal(json_integer_value(rest_member("status")), status);
    snprintf(type, sizeof type, "urn:orrery:problem:%s", code);
    assert_string_equal(rest_text("code"), code);
    assert_string_equal(rest_text("type"), type);
    assert_string_equal(rest_header("Content-Type"), "application/problem+json");
    assert_true(rest_text("title")[0] && rest_text("detail")[0] && rest_text("requestId")[0]);
    assert_string_equal(rest_header("Cache-Control"), "no-store");
}

// ---------------------------------------------------------------- signing in

static void the_session_says_who_and_what_they_may(void **state)
{
    (void)state;
    struct rest_answer *a = rest_as(&rest, &owner, "GET", "/api/v1/session", NULL);
    json_t *account = json_object_get(a->body, "account");

    assert_int_equal(a->status, 200);
    assert_string_equal(json_string_value(json_object_get(account, "name")), "olga");
    assert_string_equal(json_string_value(json_object_get(account, "role")), "owner");
    assert_int_equal(json_array_size(json_object_get(a->body, "permissions")), 14);
    assert_int_equal(json_array_size(json_object_get(a->body, "catalogs")), 2);
    assert_string_equal(rest_text("csrf"), owner.csrf);
    assert_true(json_is_false(json_object_get(a->body, "mustChangePassword")));
}

static void the_cookie_is_for_this_host_and_no_script(void **state)
{
    (void)state;
    assert_int_equal(sign_in("olga", REST_PASSWORD, "192.0.2.2")->status, 200);
    const char *cookie = rest_header("Set-Cookie");
    assert_non_null(strstr(cookie, "__Host-orrery="));
    assert_int_equal(strcspn(cookie, ";"), sizeof "__Host-orrery=" - 1 + 43);
    assert_non_null(strstr(cookie, "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200"));
    assert_null(strstr(cookie, "Domain"));
}

static void the_database_holds_neither_cookie_nor_password(void **state)
{
    (void)state;
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM session WHERE encode(hash, 'escape') LIKE "
                              "'%%%s%%'",
                              owner.cookie),
                     0);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM account WHERE password NOT LIKE "
                                             "'$scrypt$ln=15,r=8,p=3$%%'"),
                     0);
    assert_true(rest_sql(pg_conninfo(),
                         "SELECT count(*) FROM session WHERE hash = "
                         "sha256('%s'::bytea)",
                         owner.cookie) == 1);
}

static void wrong_name_and_wrong_password_sound_alike(void **state)
{
    (void)state;
    char first[300];

    assert_int_equal(sign_in("olga", "not the password", "192.0.2.3")->status, 401);
    assert_problem(401, "unauthenticated");
    snprintf(first, sizeof first, "%s", rest_text("detail"));
    assert_int_equal(sign_in("nobody-of-that-name", "not the password", "192.0.2.3")->status, 401);
    assert_string_equal(rest_text("detail"), first);
    assert_string_equal(rest_header("Set-Cookie"), "");
}

static void the_name_is_the_same_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(sign_in("OLGA", REST_PASSWORD, "192.0.2.4")->status, 200);
}

static void the_sixth_wrong_password_has_to_wait(void **state)
{
    (void)state;
    rest_account(&rest, "paul", "viewer", NULL);
    for (int i = 0; i < 5; i++)
        assert_int_equal(sign_in("paul", "not the password", "198.51.100.1")->status, 401);
    assert_int_equal(sign_in("paul", "not the password", "198.51.100.1")->status, 429);
    assert_problem(429, "too-many");
    assert_in_range(strtol(rest_header("Retry-After"), NULL, 10), 20, 30);
    // Not even the right one, until then …
    assert_int_equal(sign_in("paul", REST_PASSWORD, "198.51.100.1")->status, 429);
    // … but its owner gets in from elsewhere.
    assert_int_equal(sign_in("paul", REST_PASSWORD, "198.51.100.2")->status, 200);
}

static void a_disabled_account_cannot_sign_in_and_its_sessions_end(void **state)
{
    (void)state;
    int64_t id = rest_account(&rest, "dora", "viewer", NULL);
    struct rest_browser dora = rest_sign_in(&rest, "dora");
    char path[60];

    assert_int_equal(rest_as(&rest, &dora, "GET", "/api/v1/session", NULL)->status, 200);
    snprintf(path, sizeof path, "/api/v1/users/%lld", (long long)id);
    rest_ask(&rest, &(struct rest_ask){ .method = "PATCH",
                                        .path = path,
                                        .body = "{\"disabled\":true}",
                                        .cookie = owner.cookie,
                                        .csrf = owner.csrf,
                                        .if_match = "\"2\"" });
    assert_string_equal(rest_text("name"), "dora");
    assert_int_equal(rest_as(&rest, &dora, "GET", "/api/v1/session", NULL)->status, 401);
    assert_int_equal(sign_in("dora", REST_PASSWORD, "192.0.2.5")->status, 401);
}

// ---------------------------------------------------------------- its end

static void signing_out_ends_the_session_at_once(void **state)
{
    (void)state;
    struct rest_browser b = rest_sign_in(&rest, "olga");

    assert_int_equal(rest_as(&rest, &b, "GET", "/api/v1/session", NULL)->status, 200);
    assert_int_equal(rest_as(&rest, &b, "DELETE", "/api/v1/session", NULL)->status, 204);
    assert_non_null(strstr(rest_header("Set-Cookie"), "Max-Age=0"));
    assert_int_equal(rest_as(&rest, &b, "GET", "/api/v1/session", NULL)->status, 401);
    assert_string_equal(rest_header("WWW-Authenticate"), "Bearer realm=\"orrery\"");
}

static void one_session_can_end_another(void **state)
{
    (void)state;
    struct rest_browser b = rest_sign_in(&rest, "olga");
    char path[100];
    size_t i;
    json_t *item;

    rest_as(&rest, &b, "GET", "/api/v1/sessions", NULL);
    json_t *items = json_incref(
        json_object_get(rest_as(&rest, &b, "GET", "/api/v1/sessions", NULL)->body, "items"));
    json_array_foreach (items, i, item)
        if (json_is_true(json_object_get(item, "current")))
            snprintf(path, sizeof path, "/api/v1/sessions/%s",
                     json_string_value(json_object_get(item, "id")));
    json_decref(items);
    assert_int_equal(rest_as(&rest, &owner, "DELETE", path, NULL)->status, 204);
    assert_int_equal(rest_as(&rest, &b, "GET", "/api/v1/session", NULL)->status, 401);
    assert_int_equal(rest_as(&rest, &owner, "DELETE", path, NULL)->status, 404);
}

static void an_idle_session_ends(void **state)
{
    (void)state;
    struct rest_browser b = rest_sign_in(&rest, "olga");

    rest_sql(pg_conninfo(),
             "UPDATE session SET seen_at = now() - interval '31 minutes' "
             "WHERE hash = sha256('%s'::bytea)",
             b.cookie);
    assert_int_equal(rest_as(&rest, &b, "GET", "/api/v1/session", NULL)->status, 401);
}

static void an_old_session_ends_however_busy(void **state)
{
    (void)state;
    struct rest_browser b = rest_sign_in(&rest, "olga");

    rest_sql(pg_conninfo(),
             "UPDATE session SET created_at = now() - interval '13 hours' "
             "WHERE hash = sha256('%s'::bytea)",
             b.cookie);
    assert_int_equal(rest_as(&rest, &b, "GET", "/api/v1/session", NULL)->status, 401);
}

static void being_seen_keeps_a_session_alive(void **state)
{
    (void)state;
    struct rest_browser b = rest_sign_in(&rest, "olga");

    rest_sql(pg_conninfo(),
             "UPDATE session SET seen_at = now() - interval '20 minutes' "
             "WHERE hash = sha256('%s'::bytea)",
             b.cookie);
    assert_int_equal(rest_as(&rest, &b, "GET", "/api/v1/session", NULL)->status, 200);
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM session WHERE hash = "
                              "sha256('%s'::bytea) AND seen_at > now() - interval "
                              "'10 seconds'",
                              b.cookie),
                     1);
}

static void a_new_password_ends_every_other_session(void **state)
{
    (void)state;
    rest_account(&rest, "rosa", "operator", NULL);
    struct rest_browser here = rest_sign_in(&rest, "rosa"), there = rest_sign_in(&rest, "rosa");
    const char *path = "/api/v1/session/password";

    assert_int_equal(rest_as(&rest, &here, "POST", path,
                             "{\"current\":\"not the current one\",\"new\":\"tr0mbone sandwich\"}")
                         ->status,
                     403);
    assert_int_equal(
        rest_as(&rest, &here, "POST", path, "{\"current\":\"" REST_PASSWORD "\",\"new\":\"short\"}")
            ->status,
        400);
    assert_int_equal(rest_as(&rest, &here, "POST", path,
                             "{\"current\":\"" REST_PASSWORD "\",\"new\":\"tr0mbone sandwich\"}")
                         ->status,
                     200);
    struct rest_browser fresh = { 0 };
    snprintf(fresh.cookie, sizeof fresh.cookie, "%s",
             rest_header("Set-Cookie") + sizeof "__Host-orrery");
    assert_string_not_equal(fresh.cookie, here.cookie);
    assert_int_equal(rest_as(&rest, &fresh, "GET", "/api/v1/session", NULL)->status, 200);
    assert_int_equal(rest_as(&rest, &here, "GET", "/api/v1/session", NULL)->status, 401);
    assert_int_equal(rest_as(&rest, &there, "GET", "/api/v1/session", NULL)->status, 401);
    assert_int_equal(sign_in("rosa", REST_PASSWORD, "192.0.2.6")->status, 401);
}

static void who_must_change_the_password_can_do_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(rest_as(&rest, &owner, "POST", "/api/v1/users",
                             "{\"name\":\"newman\",\"role\":\"admin\",\"password\":\"" REST_PASSWORD
                             "\"}")
                         ->status,
                     201);
    struct rest_browser b = rest_sign_in(&rest, "newman");
    assert_int_equal(rest_as(&rest, &b, "GET", "/api/v1/session", NULL)->status, 200);
    assert_true(json_is_true(json_object_get(
        rest_as(&rest, &b, "GET", "/api/v1/session", NULL)->body, "mustChangePassword")));
    static const char *const closed[] = { "users",    "catalogs", "catalogs/demo", "tokens",
                                          "sessions", "system",   "openapi.json" };

    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        char path[40];
        snprintf(path, sizeof path, "/api/v1/%s", closed[i]);
        assert_int_equal(rest_as(&rest, &b, "GET", path, NULL)->status, 403);
        assert_non_null(strstr(rest_text("detail"), "/api/v1/session/password"));
    }
}

// ---------------------------------------------------------------- pages of others

static void a_write_needs_its_csrf_token(void **state)
{
    (void)state;
    struct rest_ask ask = { .method = "POST",
                            .path = "/api/v1/live-tickets",
                            .body = "{\"catalog\":\"demo\"}",
                            .cookie = owner.cookie };

    assert_int_equal(rest_ask(&rest, &ask)->status, 403);
    assert_non_null(strstr(rest_text("detail"), "X-Orrery-CSRF"));
    ask.csrf = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_int_equal(rest_ask(&rest, &ask)->status, 403);
    ask.csrf = owner.csrf;
    assert_int_equal(rest_ask(&rest, &ask)->status, 200);
}

static void a_write_from_another_origin_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        int status;
    } cases[] = {
        { "Origin: https://orrery.test:8443\r\n", 200 },
        { "Sec-Fetch-Site: same-origin\r\nOrigin: https://orrery.test:8443\r\n", 200 },
        { "Origin: https://evil.example\r\n", 403 },
        { "Origin: https://orrery.test\r\n", 403 },
        { "Origin: https://orrery.test:8443.evil.example\r\n", 403 },
        { "Origin: null\r\n", 403 },
        { "Sec-Fetch-Site: same-site\r\n", 403 },
        { "Sec-Fetch-Site: cross-site\r\n", 403 },
        { "Sec-Fetch-Site: none\r\n", 403 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rest_ask ask = { .method = "POST",
                                .path = "/api/v1/live-tickets",
                                .body = "{\"catalog\":\"demo\"}",
                                .cookie = owner.cookie,
                                .csrf = owner.csrf,
                                .more = cases[i].more };
        if (rest_ask(&rest, &ask)->status != cases[i].status)
            fail_msg("%s: %d", cases[i].more, rest_ask(&rest, &ask)->status);
    }
}

static void signing_in_from_another_site_is_refused(void **state)
{
    (void)state;
    struct rest_ask ask = { .method = "POST",
                            .path = "/api/v1/session",
                            .body = "{\"name\":\"olga\",\"password\":\"" REST_PASSWORD "\"}",
                            .more = "Origin: https://evil.example\r\n" };

    assert_int_equal(rest_ask(&rest, &ask)->status, 403);
}

static void a_form_is_not_json(void **state)
{
    (void)state;
    struct rest_ask ask = { .method = "POST",
                            .path = "/api/v1/session",
                            .body = "{\"name\":\"olga\",\"password\":\"" REST_PASSWORD "\"}",
                            .type = "text/plain" };

    assert_int_equal(rest_ask(&rest, &ask)->status, 415);
    ask.type = "application/x-www-form-urlencoded";
    assert_int_equal(rest_ask(&rest, &ask)->status, 415);
}

static void two_credentials_at_once_are_refused(void **state)
{
    (void)state;
    char cookies[200];

    assert_int_equal(rest_ask(&rest, &(struct rest_ask){ .path = "/api/v1/session",
                                                         .cookie = owner.cookie,
                                                         .token = "orr_x" })
                         ->status,
                     400);
    snprintf(cookies, sizeof cookies, "Cookie: __Host-orrery=%s; __Host-orrery=x\r\n",
             owner.cookie);
    assert_int_equal(
        rest_ask(&rest, &(struct rest_ask){ .path = "/api/v1/session", .more = cookies })->status,
        400);
}

static void the_port_answers_no_one_without_the_secret(void **state)
{
    (void)state;
    struct rest_ask ask = { .path = "/api/v1/openapi.json", .secret = "" };

    assert_int_equal(rest_ask(&rest, &ask)->status, 403);
    ask.secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_int_equal(rest_ask(&rest, &ask)->status, 403);
    ask.secret = NULL;
    assert_int_equal(rest_ask(&rest, &ask)->status, 401);
}

static void the_description_of_the_api_was_open_to_strangers(void **state)
{
    (void)state;
    struct rest_answer *a = rest_ask(&rest, &(struct rest_ask){ .path = "/api/v1/openapi.json" });

    assert_int_equal(a->status, 401);
    assert_problem(401, "unauthenticated");
    a = rest_as(&rest, &owner, "GET", "/api/v1/openapi.json", NULL);
    assert_int_equal(a->status, 200);
    assert_string_equal(rest_text("openapi"), "3.1.0");
}

static void the_first_owner_is_made_once(void **state)
{
    (void)state;
    char password[24] = "", name[81];
    struct fault f = { 0 };

    assert_int_equal(access_first_owner(rest.store, password, &f), RC_CONFLICT);
    assert_string_equal(password, "");
    assert_int_equal(access_owner_reset(rest.store, name, password, &f), RC_OK);
    assert_string_equal(name, "olga");
    assert_int_equal(strlen(password), 23);
    assert_int_equal(sign_in("olga", REST_PASSWORD, "192.0.2.7")->status, 401);
    assert_int_equal(sign_in("olga", password, "192.0.2.7")->status, 200);
    assert_true(json_is_true(
        json_object_get(sign_in("olga", password, "192.0.2.7")->body, "mustChangePassword")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_session_says_who_and_what_they_may),
        cmocka_unit_test(the_cookie_is_for_this_host_and_no_script),
        cmocka_unit_test(the_database_holds_neither_cookie_nor_password),
        cmocka_unit_test(wrong_name_and_wrong_password_sound_alike),
        cmocka_unit_test(the_name_is_the_same_in_any_case),
        cmocka_unit_test(the_sixth_wrong_password_has_to_wait),
        cmocka_unit_test(a_disabled_account_cannot_sign_in_and_its_sessions_end),
        cmocka_unit_test(signing_out_ends_the_session_at_once),
        cmocka_unit_test(one_session_can_end_another),
        cmocka_unit_test(an_idle_session_ends),
        cmocka_unit_test(an_old_session_ends_however_busy),
        cmocka_unit_test(being_seen_keeps_a_session_alive),
        cmocka_unit_test(a_new_password_ends_every_other_session),
        cmocka_unit_test(who_must_change_the_password_can_do_nothing_else),
        cmocka_unit_test(a_write_needs_its_csrf_token),
        cmocka_unit_test(a_write_from_another_origin_is_refused),
        cmocka_unit_test(signing_in_from_another_site_is_refused),
        cmocka_unit_test(a_form_is_not_json),
        cmocka_unit_test(two_credentials_at_once_are_refused),
        cmocka_unit_test(the_port_answers_no_one_without_the_secret),
        cmocka_unit_test(the_description_of_the_api_was_open_to_strangers),
        cmocka_unit_test(the_first_owner_is_made_once),
    };
    return cmocka_run_group_tests_name("30-http-session", tests, setup, rest_teardown);
}
