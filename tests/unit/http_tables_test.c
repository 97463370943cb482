// SPDX-License-Identifier: Apache-2.0
//
// The route tables against docs/api/openapi.yaml, and against what roles are for.

#include <string.h>
#include <strings.h>

#include "core/body.h"
#include "http/problem.h"
#include "http/route.h"
#include "openapi_gen.h"
#include "test.h"

static json_t *api;

static int setup(void **state)
{
    (void)state;
    json_error_t e;

    api = json_loads(openapi_json, JSON_REJECT_DUPLICATES, &e);
    if (!api)
        fail_msg("openapi.json line %d: %s", e.line, e.text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(api);
    return 0;
}

static void lower(const char *method, char out[16])
{
    size_t i;

    for (i = 0; method[i] && i < 15; i++)
        out[i] = (char)(method[i] | 0x20);
    out[i] = '\0';
}

static json_t *operation_of(const struct route *t)
{
    char method[16];

    lower(t->method, method);
    return json_object_get(json_object_get(json_object_get(api, "paths"), t->pattern), method);
}

#define EACH_ROUTE(t)                                                                              \
    for (const struct route *const *table = route_tables; *table; table++)                         \
        for (const struct route *t = *table; t->method; t++)

static void each_route_is_described_with_its_permission(void **state)
{
    (void)state;
    EACH_ROUTE(t)
    {
        json_t *op = operation_of(t);
        const char *said = json_string_value(json_object_get(op, "x-permission"));
        const char *is = t->needs == MAY_NOTHING ? "none" : permission_name(t->needs);
        if (!op)
            fail_msg("openapi.yaml lacks %s %s", t->method, t->pattern);
        if (!said || strcmp(said, is) != 0)
            fail_msg("%s %s needs %s, openapi.yaml says %s", t->method, t->pattern, is, said);
        bool open = json_is_array(json_object_get(op, "security"));
        if (open != (t->needs == MAY_NOTHING))
            fail_msg("%s %s: security and permission differ", t->method, t->pattern);
    }
}

static bool has_route(const char *pattern, const char *method)
{
    EACH_ROUTE(t)
    if (!strcmp(t->pattern, pattern) && !strcasecmp(t->method, method))
        return true;
    return false;
}

static void each_description_has_its_route(void **state)
{
    (void)state;
    const char *pattern, *method;
    json_t *path, *op;

    json_object_foreach (json_object_get(api, "paths"), pattern, path)
        json_object_foreach (path, method, op)
            if (!has_route(pattern, method))
                fail_msg("no route for %s %s of openapi.yaml", method, pattern);
}

static bool lists_parameter(json_t *op, const char *reference)
{
    size_t i;
    json_t *p;

    json_array_foreach (json_object_get(op, "parameters"), i, p) {
        const char *ref = json_string_value(json_object_get(p, "$ref"));
        if (ref && !strcmp(ref, reference))
            return true;
    }
    return false;
}

static void if_match_is_described_where_it_is_asked_for(void **state)
{
    (void)state;
    EACH_ROUTE(t)
    {
        bool described = lists_parameter(operation_of(t), "#/components/parameters/IfMatch");
        if (described != !!(t->flags & ROUTE_IF_MATCH))
            fail_msg("%s %s: If-Match", t->method, t->pattern);
    }
}

static void find_references(json_t *at)
{
    const char *key;
    json_t *value;
    size_t i;

    json_array_foreach (at, i, value)
        find_references(value);
    json_object_foreach (at, key, value) {
        if (strcmp(key, "$ref") != 0) {
            find_references(value);
            continue;
        }
        json_t *target = api;
        char text[200], *rest = text, *part;
        snprintf(text, sizeof text, "%s", json_string_value(value) + 2);
        while ((part = strsep(&rest, "/")))
            target = json_object_get(target, part);
        if (!target)
            fail_msg("%s leads nowhere", json_string_value(value));
    }
}

static void each_reference_leads_somewhere(void **state)
{
    (void)state;
    find_references(api);
}

// What a viewer may do beside looking: end own sessions, choose an own password, get a ticket
// with which to look.
static bool is_own(const struct route *t)
{
    return t->needs == MAY_NOTHING || !strncmp(t->pattern, "/api/v1/session", 15) ||
           !strcmp(t->pattern, "/api/v1/live-tickets");
}

static void a_viewer_and_an_auditor_can_change_nothing(void **state)
{
    (void)state;
    EACH_ROUTE(t)
    {
        if (!strcmp(t->method, "GET") || is_own(t))
            continue;
        if ((uint32_t)t->needs & role_permissions(ROLE_VIEWER) ||
            (uint32_t)t->needs & role_permissions(ROLE_AUDITOR))
            fail_msg("%s %s", t->method, t->pattern);
    }
}

static void little_is_open_to_strangers(void **state)
{
    (void)state;
    static const char *const open[] = { "/api/v1/session", "/api/v1/catalogs/{catalog}/ca" };

    EACH_ROUTE(t)
    {
        bool listed = false;
        for (size_t i = 0; i < sizeof open / sizeof *open; i++)
            listed = listed || !strcmp(t->pattern, open[i]);
        if (t->needs == MAY_NOTHING && !listed)
            fail_msg("%s %s is open", t->method, t->pattern);
    }
}

static void each_route_can_be_reached(void **state)
{
    (void)state;
    struct route_found found;

    EACH_ROUTE(t)
    {
        route_find(route_tables, t->method, t->pattern, &found);
        if (found.route != t)
            fail_msg("%s %s is hidden by another", t->method, t->pattern);
    }
}

static void roles_are_what_they_are_called(void **state)
{
    (void)state;
    const uint32_t changes = MAY_CHANGE_DEVICES | MAY_CLAIM | MAY_CHANGE_TRUST | MAY_CHANGE_USERS |
                             MAY_CHANGE_CATALOG | MAY_OWN_TOKENS | MAY_HANDLE_ALERTS;

    assert_int_equal(role_permissions(ROLE_VIEWER) & changes, 0);
    assert_int_equal(role_permissions(ROLE_AUDITOR) & changes, 0);
    assert_true(role_permissions(ROLE_AUDITOR) & MAY_SEE_AUDIT);
    assert_false(role_permissions(ROLE_OPERATOR) & MAY_SEE_AUDIT);
    assert_false(role_permissions(ROLE_OPERATOR) & MAY_CHANGE_USERS);
    assert_false(role_permissions(ROLE_ADMIN) & MAY_READ_DUMPS);
    for (int r = 0; r < ROLE_COUNT; r++) {
        assert_int_equal(role_from_name(role_name((enum role)r)), r);
        assert_int_equal(role_permissions((enum role)r) & ~role_permissions(ROLE_OWNER), 0);
        assert_true(role_permissions((enum role)r) & MAY_SEE_SELF);
    }
    assert_int_equal(role_from_name("root"), -1);
    assert_int_equal(role_from_name(NULL), -1);
}

static void each_permission_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (uint32_t p = 1; p <= role_permissions(ROLE_OWNER); p <<= 1) {
        assert_true(strlen(permission_name((enum permission)p)) > 0);
        for (uint32_t o = p << 1; o <= role_permissions(ROLE_OWNER); o <<= 1)
            assert_string_not_equal(permission_name((enum permission)p),
                                    permission_name((enum permission)o));
    }
    assert_string_equal(permission_name((enum permission)(1u << 31)), "");
}

static void each_failure_has_a_status_and_words(void **state)
{
    (void)state;
    for (enum rc rc = RC_INVALID; rc <= RC_INTERNAL; rc++) {
        const struct problem p = { .status = rc_http_status(rc), .instance = "/x" };
        json_auto_t *o = problem_to_json(&p);
        assert_in_range(p.status, 400, 503);
        assert_non_null(json_object_get(o, "title"));
        assert_true(json_string_length(json_object_get(o, "detail")) > 0);
        assert_int_equal(json_integer_value(json_object_get(o, "status")), p.status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_route_is_described_with_its_permission),
        cmocka_unit_test(each_description_has_its_route),
        cmocka_unit_test(if_match_is_described_where_it_is_asked_for),
        cmocka_unit_test(each_reference_leads_somewhere),
        cmocka_unit_test(a_viewer_and_an_auditor_can_change_nothing),
        cmocka_unit_test(little_is_open_to_strangers),
        cmocka_unit_test(each_route_can_be_reached),
        cmocka_unit_test(roles_are_what_they_are_called),
        cmocka_unit_test(each_permission_has_a_name_of_its_own),
        cmocka_unit_test(each_failure_has_a_status_and_words),
    };
    return cmocka_run_group_tests_name("http_tables", tests, setup, teardown);
}
