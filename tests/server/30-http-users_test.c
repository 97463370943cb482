// SPDX-License-Identifier: Apache-2.0
//
// People and programs: who may make, change and drop whom, and what a token is good for.

#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "access/account.h"
#include "access/api_token.h"
#include "core/config.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define USERS  "/api/v1/users"
#define TOKENS "/api/v1/tokens"

static struct rest rest;
static struct rest_browser owner, admin;
static int64_t owner_id;

static int setup(void **state)
{
    *state = &rest;
    rest_start(&rest, pg_conninfo());
    owner_id = rest_account(&rest, "olga", "owner", NULL);
    rest_account(&rest, "anna", "admin", NULL);
    owner = rest_sign_in(&rest, "olga");
    admin = rest_sign_in(&rest, "anna");
    return 0;
}

static struct rest_answer *with_version(const struct rest_browser *b, const char *method,
                                        int64_t id, const char *body)
{
    char path[60], etag[30];

    snprintf(path, sizeof path, USERS "/%lld", (long long)id);
    snprintf(etag, sizeof etag, "\"%lld\"",
             (long long)rest_sql(pg_conninfo(), "SELECT version FROM account WHERE id = %lld",
                                 (long long)id));
    return rest_ask(&rest, &(struct rest_ask){ .method = method,
                                               .path = path,
                                               .body = body,
                                               .cookie = b->cookie,
                                               .csrf = b->csrf,
                                               .if_match = etag });
}

static struct rest_answer *make(const struct rest_browser *b, const char *body)
{
    return rest_as(&rest, b, "POST", USERS, body);
}

// ---------------------------------------------------------------- accounts

static void an_account_is_made_shown_changed_and_dropped(void **state)
{
    (void)state;
    assert_int_equal(make(&admin, "{\"name\":\"mara\",\"role\":\"operator\",\"password\":"
                                  "\"" REST_PASSWORD "\",\"catalog\":\"demo\"}")
                         ->status,
                     201);
    assert_string_equal(rest_text("role"), "operator");
    assert_string_equal(rest_text("catalog"), "demo");
    assert_null(rest_member("password"));
    int64_t id = strtoll(rest_text("id"), NULL, 10);
    assert_int_equal(
        with_version(&admin, "PATCH", id, "{\"role\":\"viewer\",\"catalog\":null}")->status, 200);
    assert_string_equal(rest_text("role"), "viewer");
    assert_true(json_is_null(rest_member("catalog")));
    assert_int_equal(with_version(&admin, "DELETE", id, NULL)->status, 204);
    assert_int_equal(with_version(&admin, "DELETE", id, NULL)->status, 404);
}

static void the_list_says_what_each_role_may_do(void **state)
{
    (void)state;
    assert_int_equal(rest_as(&rest, &admin, "GET", USERS, NULL)->status, 200);
    const json_t *roles = rest_member("roles");

    assert_int_equal(json_array_size(roles), ROLE_COUNT);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const json_t *role = json_array_get(roles, i), *may = json_object_get(role, "permissions");

        assert_string_equal(json_string_value(json_object_get(role, "role")),
                            role_name((enum role)i));
        uint32_t told = 0;
        for (size_t p = 0; p < json_array_size(may); p++)
            for (uint32_t bit = 1; bit <= role_permissions(ROLE_OWNER); bit <<= 1)
                if (!strcmp(json_string_value(json_array_get(may, p)),
                            permission_name((enum permission)bit)))
                    told |= bit;
        assert_int_equal(told, role_permissions((enum role)i));
    }
}

static void a_name_is_given_once_whatever_its_case(void **state)
{
    (void)state;
    const char *body = "{\"name\":\"OLGA\",\"role\":\"viewer\",\"password\":\"" REST_PASSWORD "\"}";

    assert_int_equal(make(&owner, body)->status, 409);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM account WHERE lower(name) = "
                                             "'olga'"),
                     1);
}

static void a_bad_account_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *body, *says;
    } cases[] = {
        { "{\"name\":\"a b\",\"role\":\"viewer\",\"password\":\"" REST_PASSWORD "\"}", "name" },
        { "{\"name\":\"\",\"role\":\"viewer\",\"password\":\"" REST_PASSWORD "\"}", "name" },
        { "{\"name\":\"bob\",\"role\":\"root\",\"password\":\"" REST_PASSWORD "\"}", "role" },
        { "{\"name\":\"bob\",\"role\":\"viewer\",\"password\":\"eleven char\"}", "password" },
        { "{\"name\":\"bob\",\"role\":\"viewer\",\"password\":\"aaaaaaaaaaaaaaaa\"}", "password" },
        { "{\"name\":\"bobbobbobbob\",\"role\":\"viewer\",\"password\":\"bobbobbobbob\"}",
          "password" },
        { "{\"name\":\"bob\",\"role\":\"viewer\",\"password\":\"" REST_PASSWORD
          "\",\"catalog\":\"nowhere\"}",
          "catalog" },
        { "{\"name\":\"bob\",\"role\":\"viewer\",\"password\":\"" REST_PASSWORD "\",\"catalog\":7}",
          "catalog" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(make(&owner, cases[i].body)->status, 400);
        assert_non_null(strstr(rest_text("detail"), cases[i].says));
    }
}

static void an_admin_has_no_say_over_owners(void **state)
{
    (void)state;
    int64_t id = rest_account(&rest, "mina", "viewer", NULL);

    assert_int_equal(make(&admin, "{\"name\":\"evil\",\"role\":\"owner\",\"password\":"
                                  "\"" REST_PASSWORD "\"}")
                         ->status,
                     403);
    assert_int_equal(with_version(&admin, "PATCH", id, "{\"role\":\"owner\"}")->status, 403);
    assert_int_equal(with_version(&admin, "PATCH", owner_id, "{\"role\":\"viewer\"}")->status, 403);
    assert_int_equal(
        with_version(&admin, "PATCH", owner_id, "{\"password\":\"" REST_PASSWORD "\"}")->status,
        403);
    assert_int_equal(with_version(&admin, "DELETE", owner_id, NULL)->status, 403);
    assert_int_equal(with_version(&owner, "PATCH", id, "{\"role\":\"owner\"}")->status, 200);
    assert_int_equal(with_version(&owner, "DELETE", id, NULL)->status, 204);
}

static void the_last_owner_stays(void **state)
{
    (void)state;
    static const char *const changes[] = { "{\"role\":\"admin\"}", "{\"disabled\":true}",
                                           "{\"catalog\":\"demo\"}" };

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(with_version(&owner, "PATCH", owner_id, changes[i])->status, 409);
        assert_non_null(strstr(rest_text("detail"), "last owner"));
    }
    assert_int_equal(with_version(&owner, "DELETE", owner_id, NULL)->status, 409);
    // An owner of one catalog, or a disabled one, does not count.
    rest_account(&rest, "otto", "owner", "demo");
    assert_int_equal(with_version(&owner, "DELETE", owner_id, NULL)->status, 409);
    int64_t second = rest_account(&rest, "oona", "owner", NULL);
    assert_int_equal(with_version(&owner, "PATCH", second, "{\"disabled\":true}")->status, 200);
    assert_int_equal(with_version(&owner, "DELETE", owner_id, NULL)->status, 409);
}

static void a_changed_role_ends_the_sessions(void **state)
{
    (void)state;
    int64_t id = rest_account(&rest, "nils", "operator", NULL);
    struct rest_browser nils = rest_sign_in(&rest, "nils");
    int told = rest.told[BUS_ACCESS];

    assert_int_equal(rest_as(&rest, &nils, "GET", "/api/v1/session", NULL)->status, 200);
    assert_int_equal(with_version(&owner, "PATCH", id, "{\"role\":\"viewer\"}")->status, 200);
    assert_int_equal(rest_as(&rest, &nils, "GET", "/api/v1/session", NULL)->status, 401);
    assert_int_equal(rest.told[BUS_ACCESS], told + 1);
}

static void a_refused_change_tells_nobody(void **state)
{
    (void)state;
    int told = rest.told[BUS_ACCESS];

    assert_int_equal(with_version(&owner, "PATCH", owner_id, "{\"role\":\"admin\"}")->status, 409);
    assert_int_equal(rest.told[BUS_ACCESS], told);
}

static void who_sees_one_catalog_cannot_hand_out_more(void **state)
{
    (void)state;
    rest_account(&rest, "carl", "admin", "demo");
    struct rest_browser carl = rest_sign_in(&rest, "carl");

    assert_int_equal(make(&carl, "{\"name\":\"x1\",\"role\":\"viewer\",\"password\":"
                                 "\"" REST_PASSWORD "\",\"catalog\":null}")
                         ->status,
                     403);
    assert_int_equal(make(&carl, "{\"name\":\"x1\",\"role\":\"viewer\",\"password\":"
                                 "\"" REST_PASSWORD "\",\"catalog\":\"acme\"}")
                         ->status,
                     400);
    assert_int_equal(make(&carl, "{\"name\":\"x1\",\"role\":\"viewer\",\"password\":"
                                 "\"" REST_PASSWORD "\"}")
                         ->status,
                     201);
    assert_string_equal(rest_text("catalog"), "demo");
    int64_t id = strtoll(rest_text("id"), NULL, 10);
    assert_int_equal(with_version(&carl, "PATCH", id, "{\"catalog\":null}")->status, 403);
    assert_int_equal(with_version(&carl, "PATCH", owner_id, "{\"disabled\":true}")->status, 404);
}

// ---------------------------------------------------------------- tokens

static char token[TOKEN_TEXT_LEN + 1], token_path[60];

static struct rest_answer *make_token(const struct rest_browser *b, const char *body)
{
    struct rest_answer *a = rest_as(&rest, b, "POST", TOKENS, body);

    snprintf(token, sizeof token, "%s", rest_text("token"));
    snprintf(token_path, sizeof token_path, TOKENS "/%s", rest_text("id"));
    return a;
}

static int status_with_token(const char *method, const char *path, const char *body)
{
    return rest_ask(
               &rest,
               &(struct rest_ask){ .method = method, .path = path, .body = body, .token = token })
        ->status;
}

static void a_token_is_shown_once_and_kept_as_a_hash(void **state)
{
    (void)state;
    assert_int_equal(
        make_token(&owner, "{\"name\":\"ci\",\"scopes\":[\"devices:read\"],\"expiresInDays\":30}")
            ->status,
        201);
    assert_int_equal(strlen(token), 56);
    assert_memory_equal(token, "orr_", 4);
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM api_token WHERE hash = sha256('%s'::bytea)",
                              token),
                     1);
    rest_as(&rest, &owner, "GET", TOKENS, NULL);
    json_t *first = json_array_get(rest_member("items"), 0);
    assert_null(json_object_get(first, "token"));
    assert_memory_equal(json_string_value(json_object_get(first, "prefix")), token, 12);
}

static void a_token_may_what_its_scopes_say(void **state)
{
    (void)state;
    make_token(&owner, "{\"name\":\"ci\",\"scopes\":[\"devices:read\"],\"expiresInDays\":1}");
    assert_int_equal(status_with_token("GET", "/api/v1/catalogs/demo/devices", NULL), 200);
    assert_int_equal(status_with_token("GET", USERS, NULL), 403);
    assert_int_equal(status_with_token("POST", "/api/v1/catalogs/demo/claims", "{}"), 403);
    assert_int_equal(status_with_token("POST", TOKENS, "{}"), 403);
    assert_int_equal(status_with_token("GET", "/api/v1/session", NULL), 200);
    assert_true(json_is_null(rest_member("csrf")));
}

static void a_token_sees_its_catalog_alone(void **state)
{
    (void)state;
    make_token(&owner, "{\"name\":\"ci\",\"scopes\":[\"devices:read\"],\"expiresInDays\":1,"
                       "\"catalog\":\"demo\"}");
    assert_int_equal(status_with_token("GET", "/api/v1/catalogs/demo/devices", NULL), 200);
    assert_int_equal(status_with_token("GET", "/api/v1/catalogs/acme/devices", NULL), 404);
}

static void a_token_ends(void **state)
{
    (void)state;
    const char *body = "{\"name\":\"ci\",\"scopes\":[\"devices:read\"],\"expiresInDays\":1}";

    make_token(&owner, body);
    assert_int_equal(status_with_token("GET", "/api/v1/session", NULL), 200);
    assert_int_equal(rest_as(&rest, &owner, "DELETE", token_path, NULL)->status, 204);
    assert_int_equal(status_with_token("GET", "/api/v1/session", NULL), 401);
    make_token(&owner, body);
    rest_sql(pg_conninfo(), "UPDATE api_token SET expires_at = now() - interval '1 second'");
    assert_int_equal(status_with_token("GET", "/api/v1/session", NULL), 401);
}

static void a_token_of_someone_else_cannot_be_dropped(void **state)
{
    (void)state;
    make_token(&owner, "{\"name\":\"ci\",\"scopes\":[\"devices:read\"],\"expiresInDays\":1}");
    assert_int_equal(rest_as(&rest, &admin, "DELETE", token_path, NULL)->status, 404);
}

static void a_token_drops_only_what_may_no_more_than_it(void **state)
{
    (void)state;
    char wide[60], other[60], equal[60];

    make_token(&owner, "{\"name\":\"wide\",\"scopes\":[\"tokens:write\",\"users:write\"],"
                       "\"expiresInDays\":1,\"catalog\":\"demo\"}");
    memcpy(wide, token_path, sizeof wide);
    make_token(&owner, "{\"name\":\"other\",\"scopes\":[\"tokens:write\"],\"expiresInDays\":1}");
    memcpy(other, token_path, sizeof other);
    make_token(&owner, "{\"name\":\"equal\",\"scopes\":[\"tokens:write\"],"
                       "\"expiresInDays\":1,\"catalog\":\"demo\"}");
    memcpy(equal, token_path, sizeof equal);
    make_token(&owner, "{\"name\":\"mine\",\"scopes\":[\"tokens:write\",\"devices:read\"],"
                       "\"expiresInDays\":1,\"catalog\":\"demo\"}");
    assert_int_equal(status_with_token("DELETE", wide, NULL), 404);
    assert_int_equal(status_with_token("DELETE", other, NULL), 404);
    assert_int_equal(status_with_token("DELETE", equal, NULL), 204);
    assert_int_equal(status_with_token("DELETE", token_path, NULL), 204);
    assert_int_equal(rest_as(&rest, &owner, "DELETE", wide, NULL)->status, 204);
    assert_int_equal(rest_as(&rest, &owner, "DELETE", other, NULL)->status, 204);
}

static void a_token_ends_no_session(void **state)
{
    (void)state;
    char path[100];

    make_token(&owner, "{\"name\":\"ci\",\"scopes\":[\"devices:read\"],\"expiresInDays\":1}");
    assert_int_equal(rest_as(&rest, &owner, "GET", "/api/v1/sessions", NULL)->status, 200);
    json_t *first = json_array_get(rest_member("items"), 0);
    snprintf(path, sizeof path, "/api/v1/sessions/%s",
             json_string_value(json_object_get(first, "id")));
    assert_int_equal(status_with_token("DELETE", path, NULL), 409);
    assert_int_equal(rest_as(&rest, &owner, "GET", "/api/v1/session", NULL)->status, 200);
}

static void nobody_gives_a_token_more_than_they_have(void **state)
{
    (void)state;
    rest_account(&rest, "oleg", "operator", NULL);
    struct rest_browser oleg = rest_sign_in(&rest, "oleg");

    assert_int_equal(
        make_token(&oleg, "{\"name\":\"x\",\"scopes\":[\"users:write\"],\"expiresInDays\":1}")
            ->status,
        403);
    assert_int_equal(
        make_token(&oleg, "{\"name\":\"x\",\"scopes\":[\"everything\"],\"expiresInDays\":1}")
            ->status,
        400);
    assert_int_equal(
        make_token(&oleg, "{\"name\":\"x\",\"scopes\":[],\"expiresInDays\":1}")->status, 400);
    assert_int_equal(
        make_token(&oleg, "{\"name\":\"x\",\"scopes\":[\"devices:read\"],\"expiresInDays\":366}")
            ->status,
        400);
    assert_int_equal(make_token(&oleg, "{\"name\":\"x\",\"scopes\":[\"devices:read\"]}")->status,
                     400);
}

static void a_token_made_with_a_token_lives_no_longer(void **state)
{
    (void)state;
    make_token(&owner, "{\"name\":\"a\",\"scopes\":[\"tokens:write\",\"devices:read\"],"
                       "\"expiresInDays\":2}");
    assert_int_equal(
        status_with_token("POST", TOKENS,
                          "{\"name\":\"b\",\"scopes\":[\"devices:read\"],\"expiresInDays\":300}"),
        201);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM api_token WHERE name = 'b' AND "
                                             "expires_at < now() + interval '3 days'"),
                     1);
    assert_int_equal(
        status_with_token("POST", TOKENS,
                          "{\"name\":\"c\",\"scopes\":[\"users:read\"],\"expiresInDays\":1}"),
        403);
}

static void a_lower_role_cuts_the_tokens_made_before(void **state)
{
    (void)state;
    int64_t id = rest_account(&rest, "odin", "operator", NULL);
    struct rest_browser odin = rest_sign_in(&rest, "odin");

    make_token(&odin, "{\"name\":\"x\",\"scopes\":[\"devices:read\",\"devices:claim\"],"
                      "\"expiresInDays\":1}");
    assert_int_equal(status_with_token("POST", "/api/v1/catalogs/demo/claims", "{}"), 400);
    assert_int_equal(with_version(&owner, "PATCH", id, "{\"role\":\"viewer\"}")->status, 200);
    assert_int_equal(status_with_token("POST", "/api/v1/catalogs/demo/claims", "{}"), 403);
    assert_int_equal(status_with_token("GET", "/api/v1/catalogs/demo/devices", NULL), 200);
    assert_int_equal(with_version(&owner, "DELETE", id, NULL)->status, 204);
    assert_int_equal(status_with_token("GET", "/api/v1/catalogs/demo/devices", NULL), 401);
}

static void the_use_of_a_token_is_noted(void **state)
{
    (void)state;
    make_token(&owner, "{\"name\":\"used\",\"scopes\":[\"devices:read\"],\"expiresInDays\":1}");
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM api_token WHERE name = 'used' "
                                             "AND used_at IS NULL"),
                     1);
    assert_int_equal(status_with_token("GET", "/api/v1/session", NULL), 200);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM api_token WHERE name = 'used' "
                                             "AND used_at > now() - interval '1 minute'"),
                     1);
}

static void the_local_token_is_an_owners_and_replaces_the_one_before(void **state)
{
    (void)state;
    char first[TOKEN_TEXT_LEN + 1];
    struct fault f = { 0 };

    assert_int_equal(access_admin_token(rest.store, first, &f), RC_OK);
    assert_int_equal(access_admin_token(rest.store, token, &f), RC_OK);
    assert_int_equal(status_with_token("GET", USERS, NULL), 200);
    memcpy(token, first, sizeof token);
    assert_int_equal(status_with_token("GET", USERS, NULL), 401);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE action = 'admin "
                                             "token' AND actor = 'local'"),
                     2);
}

static void upkeep_drops_what_has_ended(void **state)
{
    (void)state;
    struct fault f = { 0 };

    rest_sign_in(&rest, "anna");
    rest_sql(pg_conninfo(), "UPDATE session SET created_at = now() - interval '2 days'");
    rest_sql(pg_conninfo(), "UPDATE api_token SET expires_at = now() - interval '31 days'");
    rest_sql(pg_conninfo(), "INSERT INTO idempotency VALUES (1, 'old', '\\x00', 204, NULL, '', '', "
                            "now() - interval '25 hours')");
    assert_int_equal(http_upkeep(rest.store, &rest.services, &f), RC_OK);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM session"), 0);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM api_token"), 0);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM idempotency WHERE key = 'old'"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_owner_stays),
        cmocka_unit_test(an_account_is_made_shown_changed_and_dropped),
        cmocka_unit_test(the_list_says_what_each_role_may_do),
        cmocka_unit_test(a_name_is_given_once_whatever_its_case),
        cmocka_unit_test(a_bad_account_is_refused_with_its_reason),
        cmocka_unit_test(an_admin_has_no_say_over_owners),
        cmocka_unit_test(a_changed_role_ends_the_sessions),
        cmocka_unit_test(a_refused_change_tells_nobody),
        cmocka_unit_test(who_sees_one_catalog_cannot_hand_out_more),
        cmocka_unit_test(a_token_is_shown_once_and_kept_as_a_hash),
        cmocka_unit_test(a_token_may_what_its_scopes_say),
        cmocka_unit_test(a_token_sees_its_catalog_alone),
        cmocka_unit_test(a_token_ends),
        cmocka_unit_test(a_token_of_someone_else_cannot_be_dropped),
        cmocka_unit_test(a_token_drops_only_what_may_no_more_than_it),
        cmocka_unit_test(a_token_ends_no_session),
        cmocka_unit_test(nobody_gives_a_token_more_than_they_have),
        cmocka_unit_test(a_token_made_with_a_token_lives_no_longer),
        cmocka_unit_test(a_lower_role_cuts_the_tokens_made_before),
        cmocka_unit_test(the_use_of_a_token_is_noted),
        cmocka_unit_test(the_local_token_is_an_owners_and_replaces_the_one_before),
        cmocka_unit_test(upkeep_drops_what_has_ended),
    };
    return cmocka_run_group_tests_name("30-http-users", tests, setup, rest_teardown);
}
