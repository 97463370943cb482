// SPDX-License-Identifier: Apache-2.0
//
// A device's life over REST, and that nobody of another catalog sees any of it: every route that
// names a catalog is asked.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/api_token.h"
#include "core/auto.h"
#include "core/clock.h"
#include "device/device.h"
#include "http/route.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define DEVICES "/api/v1/catalogs/demo/devices"

static struct rest rest;
static char mine[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1];
static char id[33];

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "ada", "admin", "demo", mine);
    rest_token(&rest, "eve", "owner", "acme", foreign);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static int ask(const char *token, const char *method, const char *path, const char *body,
               const char *if_match)
{
    struct rest_ask a = {
        .method = method, .path = path, .body = body, .if_match = if_match, .token = token
    };

    return rest_ask(&rest, &a)->status;
}

static int step(const char *method, const char *what, const char *body, const char *if_match)
{
    char path[200];

    snprintf(path, sizeof path, DEVICES "/%s%s", id, what);
    return ask(mine, method, path, body, if_match);
}

static void a_device_is_registered_claimed_renamed_and_let_go(void **state)
{
    (void)state;
    auto_free char *pem = model_key("P-256"), *body = NULL;
    json_auto_t *order = json_pack("{s:s,s:{s:s}}", "publicKey", pem, "tags", "site", "hq");

    body = json_dumps(order, 0);
    assert_int_equal(ask(mine, "POST", DEVICES, body, NULL), 201);
    snprintf(id, sizeof id, "%s", rest_text("id"));
    assert_non_null(strstr(rest_header("Location"), id));
    assert_int_equal(ask(mine, "POST", DEVICES, body, NULL), 200);
    assert_int_equal(step("POST", "/claim", "{\"name\":\"pump\"}", NULL), 200);
    assert_string_equal(rest_text("lifecycle"), "claimed");
    assert_int_equal(step("POST", "/claim", NULL, NULL), 409);
    assert_int_equal(step("GET", "", NULL, NULL), 200);
    assert_string_equal(rest_header("ETag"), "\"2\"");
    assert_int_equal(step("PATCH", "", "{\"name\":\"valve\"}", NULL), 428);
    assert_int_equal(step("PATCH", "", "{\"name\":\"valve\"}", "\"1\""), 412);
    assert_int_equal(step("PATCH", "", "{\"name\":\"valve\"}", "\"2\""), 200);
    assert_int_equal(step("PATCH", "", "{\"name\":7}", "\"3\""), 400);
    assert_int_equal(ask(mine, "GET", DEVICES "?q=valv", NULL, NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_int_equal(step("POST", "/unclaim", NULL, NULL), 200);
    assert_int_equal(step("POST", "/unclaim", NULL, NULL), 409);
    assert_int_equal(rest.told[BUS_REVOKE], 1);
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM audit WHERE object = '%s' AND outcome = 'ok'",
                              id),
                     4);
}

static void nothing_is_told_of_what_was_rolled_back(void **state)
{
    (void)state;
    int before = rest.told[BUS_DEVICE];

    assert_int_equal(ask(mine, "POST", DEVICES, "{\"publicKey\":\"x\"}", NULL), 400);
    assert_int_equal(ask(mine, "POST", "/api/v1/catalogs/demo/claims", "{\"devices\":[]}", NULL),
                     400);
    assert_int_equal(rest.told[BUS_DEVICE], before);
}

static void thousands_are_paged_while_others_arrive(void **state)
{
    (void)state;
    char path[700] = DEVICES "?limit=200", cursor[500];
    long long first = (long long)clock_now_ms() << 20; // as device_mint() makes them
    int total = 0, pages = 0;

    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat)"
              " SELECT (SELECT id FROM catalog WHERE name = 'demo'), %lld + n,"
              " left(h, 32), h, '', 10000 + n FROM (SELECT n, encode(sha256(n::text::bytea),"
              " 'hex') AS h FROM generate_series(1, 3000) n) x",
              first);
    do {
        assert_int_equal(ask(mine, "GET", path, NULL, NULL), 200);
        total += (int)json_array_size(rest_member("items"));
        snprintf(cursor, sizeof cursor, "%s", rest_text("next"));
        snprintf(path, sizeof path, DEVICES "?limit=200&cursor=%s", cursor);
        if (pages++ < 5)
            model_sql(
                pg_conninfo(),
                "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat)"
                " SELECT catalog, %lld + %d, md5('%d'), md5('%d') || md5('x%d'), '', 20000 + %d"
                " FROM device WHERE device = %lld",
                first + 5000, pages, pages, pages, pages, pages, first + 1);
    } while (*cursor && pages < 50);
    assert_int_equal(total, 3000 + 5 + 1); // and the one of the first test
}

// Registers and claims count devices over REST: NAME-0, NAME-1…, or all NAME-0.
static void register_some(const char *name, int count, bool numbered)
{
    json_auto_t *order = json_pack("{s:[]}", "devices");
    char text[DEVICE_NAME_MAX + 1];

    for (int i = 0; i < count; i++) {
        auto_free char *pem = model_key("P-256");
        snprintf(text, sizeof text, "%s-%d", name, numbered ? i : 0);
        json_array_append_new(json_object_get(order, "devices"),
                              json_pack("{s:s,s:s}", "publicKey", pem, "name", text));
    }
    auto_free char *body = json_dumps(order, 0);
    assert_int_equal(ask(mine, "POST", "/api/v1/catalogs/demo/claims", body, NULL), 200);
    assert_int_equal(json_integer_value(rest_member("claimed")), count);
}

// Pages through what the query lists, two devices a page; returns how many different ones came.
static int page_in_twos(const char *query, int *pages)
{
    char path[700], cursor[500] = "";
    json_auto_t *seen = json_object();
    size_t i;

    *pages = 0;
    do {
        snprintf(path, sizeof path, DEVICES "?limit=2&%s%s%s", query, *cursor ? "&cursor=" : "",
                 cursor);
        int status = ask(mine, "GET", path, NULL, NULL);
        if (status != 200)
            fail_msg("page %d of %s: %d", *pages + 1, query, status);
        json_t *d, *items = rest_member("items");
        json_array_foreach (items, i, d) {
            const char *one = json_string_value(json_object_get(d, "id"));
            assert_null(json_object_get(seen, one));
            json_object_set_new(seen, one, json_true());
        }
        snprintf(cursor, sizeof cursor, "%s", rest_text("next"));
    } while (*cursor && ++*pages < 20);
    ++*pages;
    return (int)json_object_size(seen);
}

static void the_second_page_of_really_registered_devices_is_not_refused(void **state)
{
    (void)state;
    int pages;

    register_some("pager", 7, true);
    register_some("twin", 7, false);
    assert_int_equal(page_in_twos("lifecycle=claimed", &pages), 14);
    assert_int_equal(pages, 7);
    assert_int_equal(page_in_twos("q=pager", &pages), 7);
    assert_int_equal(pages, 4);
    assert_int_equal(page_in_twos("q=twin", &pages), 7);
    assert_int_equal(pages, 4);
    assert_true(page_in_twos("q=", &pages) >= 15);
    assert_true(pages >= 8);
    model_sql(pg_conninfo(), "DELETE FROM device WHERE name <> 'valve'");
}

// {catalog} becomes demo, {id} the device that is there.
static void fill(const char *pattern, char out[300])
{
    size_t n = 0;

    for (const char *p = pattern; *p; p++) {
        const char *value = !strncmp(p, "{catalog}", 9) ? "demo" : id;
        if (*p != '{') {
            out[n++] = *p;
            continue;
        }
        memcpy(out + n, value, strlen(value));
        n += strlen(value);
        p = strchr(p, '}');
    }
    out[n] = '\0';
}

static void no_route_admits_a_principal_of_another_catalog(void **state)
{
    (void)state;
    char path[300];
    int asked = 0;

    for (const struct route *const *table = route_tables; *table; table++)
        for (const struct route *t = *table; t->method; t++) {
            if (!strstr(t->pattern, "{catalog}") || t->needs == MAY_NOTHING)
                continue;
            fill(t->pattern, path);
            int status = ask(foreign, t->method, path, strcmp(t->method, "GET") ? "{}" : NULL,
                             t->flags & ROUTE_IF_MATCH ? "\"1\"" : NULL);
            if (status != 404)
                fail_msg("%s %s: %d", t->method, path, status);
            assert_null(strstr(rest_text("detail"), id));
            asked++;
        }
    assert_true(asked >= 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_registered_claimed_renamed_and_let_go),
        cmocka_unit_test(nothing_is_told_of_what_was_rolled_back),
        cmocka_unit_test(the_second_page_of_really_registered_devices_is_not_refused),
        cmocka_unit_test(thousands_are_paged_while_others_arrive),
        cmocka_unit_test(no_route_admits_a_principal_of_another_catalog),
    };
    int failed = cmocka_run_group_tests_name("model over REST", tests, setup, teardown);
    rest_answer_free();
    return failed;
}
