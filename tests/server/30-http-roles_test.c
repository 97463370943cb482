// SPDX-License-Identifier: Apache-2.0
//
// Every route of every table, asked by each of the five roles and by nobody: each gets exactly
// what the table says.

#include <stdio.h>
#include <string.h>

#include "access/api_token.h"
#include "http/route.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

static struct rest rest;
// Accounts that take turns, so that none of them asks more than it may in a minute.
#define TURNS 3
static char tokens[TURNS][ROLE_COUNT][TOKEN_TEXT_LEN + 1];

static void make_token(int turn, int role)
{
    struct token_order order = { .name = "roles",
                                 .scopes = role_permissions(ROLE_OWNER),
                                 .days = 1 };
    struct fault f = { 0 };
    char name[40];
    int64_t id;

    snprintf(name, sizeof name, "%s%d", role_name((enum role)role), turn);
    order.account = rest_account(&rest, name, role_name((enum role)role), NULL);
    assert_int_equal(api_token_make(rest.store, &order, tokens[turn][role], &id, &f), RC_OK);
}

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    for (int turn = 0; turn < TURNS; turn++)
        for (int role = 0; role < ROLE_COUNT; role++)
            make_token(turn, role);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

// {catalog} becomes demo, anything else something that does not exist.
static void fill_pattern(const char *pattern, char out[300])
{
    size_t n = 0;

    for (const char *p = pattern; *p; p++) {
        if (*p != '{') {
            out[n++] = *p;
            continue;
        }
        const char *value = !strncmp(p, "{catalog}", 9) ? "demo" : "999999999";
        memcpy(out + n, value, strlen(value));
        n += strlen(value);
        p = strchr(p, '}');
    }
    out[n] = '\0';
}

static int ask(const struct route *t, const char *token)
{
    char path[300];
    const struct rest_ask a = { .method = t->method,
                                .path = path,
                                .token = token,
                                .if_match = t->flags & ROUTE_IF_MATCH ? "\"1\"" : NULL };

    fill_pattern(t->pattern, path);
    return rest_ask(&rest, &a)->status;
}

static void check(const struct route *t, const char *who, const char *token, bool allowed)
{
    int status = ask(t, token);
    bool as_told = allowed  ? status != 401 && status != 403 && status < 500
                   : !token ? status == 401
                            : status == 403;

    if (!as_told)
        fail_msg("%s %s as %s: %d", t->method, t->pattern, who, status);
}

static void each_role_gets_what_the_tables_say(void **state)
{
    (void)state;
    int asked = 0;

    for (const struct route *const *table = route_tables; *table; table++) {
        for (const struct route *t = *table; t->method; t++) {
            check(t, "nobody", NULL, t->needs == MAY_NOTHING);
            for (int role = 0; role < ROLE_COUNT; role++, asked++)
                check(t, role_name((enum role)role), tokens[asked / ROLE_COUNT % TURNS][role],
                      t->needs == MAY_NOTHING ||
                          role_permissions((enum role)role) & (uint32_t)t->needs);
        }
    }
    assert_true(asked > 150);
}

static void an_unknown_catalog_is_not_found_for_any_role(void **state)
{
    (void)state;
    static const char *const paths[] = { "/api/v1/catalogs/nowhere", "/api/v1/catalogs/nowhere/ca",
                                         "/api/v1/catalogs/nowhere/devices" };

    for (size_t i = 0; i < 3; i++)
        for (int role = 0; role < ROLE_COUNT; role++)
            assert_int_equal(
                rest_ask(&rest, &(struct rest_ask){ .path = paths[i], .token = tokens[0][role] })
                    ->status,
                404);
}

static void who_sees_one_catalog_finds_no_other(void **state)
{
    (void)state;
    struct fault f = { 0 };
    struct token_order order = { .name = "one", .days = 1 };
    char token[TOKEN_TEXT_LEN + 1], text[400];
    int64_t id;

    order.scopes = role_permissions(ROLE_OWNER);
    order.account = rest_account(&rest, "adam", "admin", "acme");
    assert_int_equal(api_token_make(rest.store, &order, token, &id, &f), RC_OK);
    struct rest_ask a = { .path = "/api/v1/catalogs/acme/devices", .token = token };
    assert_int_equal(rest_ask(&rest, &a)->status, 200);
    a.path = "/api/v1/catalogs/demo/devices";
    assert_int_equal(rest_ask(&rest, &a)->status, 404);
    snprintf(text, sizeof text, "%s", rest_text("detail"));
    a.path = "/api/v1/catalogs/nowhere/devices";
    assert_int_equal(rest_ask(&rest, &a)->status, 404);
    assert_string_equal(rest_text("detail"), text);
    a.path = "/api/v1/audit";
    assert_int_equal(rest_ask(&rest, &a)->status, 403);
    a.path = "/api/v1/catalogs/acme/audit";
    assert_int_equal(rest_ask(&rest, &a)->status, 200);
    a.path = "/api/v1/users";
    assert_int_equal(json_array_size(json_object_get(rest_ask(&rest, &a)->body, "items")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_gets_what_the_tables_say),
        cmocka_unit_test(an_unknown_catalog_is_not_found_for_any_role),
        cmocka_unit_test(who_sees_one_catalog_finds_no_other),
    };
    return cmocka_run_group_tests_name("30-http-roles", tests, setup, teardown);
}
