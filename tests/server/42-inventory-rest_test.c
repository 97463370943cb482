// SPDX-License-Identifier: Apache-2.0
//
// Products, groups, facets, marks, the layout and what a person decides by hand, over REST: first
// what must be refused, then what holds.

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/api_token.h"
#include "core/auto.h"
#include "device/device.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define CATALOG "/api/v1/catalogs/demo"
#define DEVICES CATALOG "/devices"
#define OTHER   "/api/v1/catalogs/acme"
#define FLEET   24

static struct rest rest;
static char owner[TOKEN_TEXT_LEN + 1], admin[TOKEN_TEXT_LEN + 1], viewer[TOKEN_TEXT_LEN + 1],
    foreign[TOKEN_TEXT_LEN + 1];
static char ids[FLEET][33];
static char product[16], group[16];

static int ask(const char *token, const char *method, const char *path, const char *body,
               const char *if_match)
{
    struct rest_ask a = {
        .method = method, .path = path, .body = body, .if_match = if_match, .token = token
    };

    return rest_ask(&rest, &a)->status;
}

__attribute__((format(printf, 1, 2))) static const char *at(const char *format, ...)
{
    static char paths[4][400];
    static int next;
    va_list ap;

    next = (next + 1) % 4;
    va_start(ap, format);
    vsnprintf(paths[next], sizeof paths[next], format, ap);
    va_end(ap);
    return paths[next];
}

static int get(const char *path)
{
    return ask(admin, "GET", path, NULL, NULL);
}

static int post(const char *path, const char *body)
{
    return ask(admin, "POST", path, body, NULL);
}

static void says(const char *what)
{
    if (!strstr(rest_text("detail"), what))
        fail_msg("\"%s\" does not say \"%s\"", rest_text("detail"), what);
}

static void add_device(int n)
{
    auto_free char *pem = model_key("P-256"), *body = NULL;
    char name[20], site[20];

    snprintf(name, sizeof name, "pump-%02d", n);
    snprintf(site, sizeof site, "Luleå %d", n % 3);
    json_auto_t *order =
        json_pack("{s:s,s:s,s:{s:s}}", "publicKey", pem, "name", name, "tags", "site", site);
    body = json_dumps(order, 0);
    assert_int_equal(post(DEVICES, body), 201);
    snprintf(ids[n], sizeof ids[n], "%s", rest_text("id"));
    assert_int_equal(post(at(DEVICES "/%s/claim", ids[n]), NULL), 200);
}

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "olga", "owner", NULL, owner);
    rest_token(&rest, "ada", "admin", "demo", admin);
    rest_token(&rest, "vera", "viewer", "demo", viewer);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    for (int n = 0; n < FLEET; n++)
        add_device(n);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static int64_t audited(const char *object)
{
    return rest_sql(pg_conninfo(),
                    "SELECT count(*) FROM audit WHERE object = '%s' AND outcome = 'ok'", object);
}

// ---------------------------------------------------------------- refusals

static void a_viewer_changes_nothing(void **state)
{
    (void)state;
    const struct {
        const char *method, *path, *body;
    } writes[] = {
        { "POST", CATALOG "/products", "{\"name\":\"x\"}" },
        { "PATCH", CATALOG "/products/1", "{}" },
        { "DELETE", CATALOG "/products/1", NULL },
        { "POST", CATALOG "/products/1/default-groups", NULL },
        { "POST", CATALOG "/device-groups", "{}" },
        { "PATCH", CATALOG "/device-groups/1", "{}" },
        { "DELETE", CATALOG "/device-groups/1", NULL },
        { "POST", at(DEVICES "/%s/retire", ids[0]), NULL },
        { "POST", at(DEVICES "/%s/quarantine", ids[0]), "{\"reason\":\"x\"}" },
        { "POST", at(DEVICES "/%s/release", ids[0]), NULL },
        { "POST", "/api/v1/catalogs", "{\"name\":\"mine\"}" },
    };

    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
        if (ask(viewer, writes[i].method, writes[i].path, writes[i].body, "\"1\"") != 403)
            fail_msg("%s %s", writes[i].method, writes[i].path);
}

static void another_catalogs_things_are_not_there(void **state)
{
    (void)state;
    assert_int_equal(post(CATALOG "/products", "{\"name\":\"Pump\",\"description\":\"d\"}"), 201);
    snprintf(product, sizeof product, "%s", rest_text("id"));
    assert_string_equal(rest_header("ETag"), "\"1\"");
    assert_non_null(strstr(rest_header("Location"), product));
    assert_int_equal(
        post(CATALOG "/device-groups", at("{\"product\":\"%s\",\"name\":\"Production\"}", product)),
        201);
    snprintf(group, sizeof group, "%s", rest_text("id"));
    assert_string_equal(rest_text("osFeed"), "retail");
    const char *paths[] = {
        at(OTHER "/products/%s", product),
        at(OTHER "/device-groups/%s", group),
        at(OTHER "/devices/%s", ids[0]),
        at(CATALOG "/products/%s", product),
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(ask(foreign, "GET", paths[i], NULL, NULL), 404);
        assert_int_equal(ask(foreign, "PATCH", paths[i], "{\"name\":\"x\"}", "\"1\""), 404);
    }
    static const char *const verbs[] = { "retire", "quarantine", "release" };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ask(foreign, "POST", at(OTHER "/devices/%s/%s", ids[0], verbs[i]),
                             i == 1 ? "{\"reason\":\"x\"}" : NULL, NULL),
                         404);
    assert_int_equal(ask(foreign, "POST", OTHER "/device-groups",
                         at("{\"product\":\"%s\",\"name\":\"x\"}", product), NULL),
                     400);
    assert_int_equal(
        ask(foreign, "POST", at(OTHER "/products/%s/default-groups", product), NULL, NULL), 404);
    assert_int_equal(ask(foreign, "GET", at(OTHER "/devices?group=%s", group), NULL, NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 0);
}

static void bad_input_is_refused_by_name(void **state)
{
    (void)state;
    static char long_tag[10100], long_name[400], long_note[9000];
    static const struct {
        const char *body, *says;
    } products[] = {
        { "{}", "name" },
        { "{\"name\":\"\"}", "name" },
        { "{\"name\":\"a\\nb\"}", "control" },
        { "{\"name\":\"PUMP\"}", "a product of that name" },
        { "{\"name\":\"x\",\"colour\":1}", "colour" },
        { long_name, "name must be 1 to 50 characters" },
    };
    static const struct {
        const char *patch, *says;
    } patches[] = {
        { long_tag, "tags: k must be at most 256 bytes" },
        { long_note, "note must be at most 4000 characters" },
        { "{\"note\":7}", "note must be" },
        { "{\"group\":7}", "group must be" },
        { "{\"group\":\"0\"}", "group must be" },
        { "{\"group\":\"99999\"}", "no such device group" },
        { "{\"state\":\"healthy\"}", "state cannot be changed" },
    };

    snprintf(long_tag, sizeof long_tag, "{\"tags\":{\"k\":\"%0*d\"}}", 10000, 7);
    snprintf(long_name, sizeof long_name, "{\"name\":\"%051d\"}", 7);
    snprintf(long_note, sizeof long_note, "{\"note\":\"%04001d\"}", 7);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        assert_in_range(post(CATALOG "/products", products[i].body), 400, 409);
        says(products[i].says);
    }
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
        assert_int_equal(ask(admin, "PATCH", at(DEVICES "/%s", ids[0]), patches[i].patch, "\"2\""),
                         400);
        says(patches[i].says);
    }
    assert_int_equal(get(DEVICES "?colour=red"), 400);
    says("'colour'");
    assert_int_equal(get(DEVICES "?limit=501"), 400);
    assert_int_equal(get(DEVICES "?sort=colour"), 400);
    assert_int_equal(get(DEVICES "/facets?exact=1"), 400);
    assert_int_equal(get(DEVICES "/marks?every=1"), 400);
    assert_int_equal(get(CATALOG "/fleet-layout?by=colour"), 400);
    assert_int_equal(get(at(DEVICES "?tag=a:%0*d", 330, 7)), 400);
    says("321 bytes");
}

// Nothing of this is mended or dropped on its way.
static void names_in_every_script_come_back_as_they_went(void **state)
{
    (void)state;
    static const char *const names[] = {
        "<script>alert(1)</script>", "مضخة ١", "🚒🚒", "a\"b\\c{},", "'; DROP TABLE device; --",
    };
    char version[8] = "\"2\"";

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_auto_t *order = json_pack("{s:s,s:s}", "name", names[i], "note", names[i]);
        auto_free char *body = json_dumps(order, 0);

        assert_int_equal(ask(admin, "PATCH", at(DEVICES "/%s", ids[1]), body, version), 200);
        assert_string_equal(rest_text("name"), names[i]);
        assert_string_equal(rest_text("note"), names[i]);
        snprintf(version, sizeof version, "\"%zu\"", i + 3);
        json_auto_t *made = json_pack("{s:s}", "name", names[i]);
        auto_free char *made_body = json_dumps(made, 0);
        assert_int_equal(post(CATALOG "/products", made_body), 201);
        assert_string_equal(rest_text("name"), names[i]);
        assert_int_equal(
            ask(admin, "DELETE", at(CATALOG "/products/%s", rest_text("id")), NULL, "\"1\""), 204);
    }
    assert_int_equal(get(DEVICES "?q=%27%3B+DROP"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
}

// ---------------------------------------------------------------- products and groups

static void two_operators_do_not_overwrite_each_other(void **state)
{
    (void)state;
    const char *path = at(CATALOG "/device-groups/%s", group);

    assert_int_equal(ask(admin, "PATCH", path, "{\"description\":\"x\"}", NULL), 428);
    assert_int_equal(
        ask(admin, "PATCH", path, "{\"crashDumps\":true,\"osFeed\":\"retail\"}", "\"1\""), 200);
    assert_int_equal(ask(admin, "PATCH", path, "{\"description\":\"mine\"}", "\"1\""), 412);
    assert_int_equal(ask(admin, "DELETE", path, NULL, "\"1\""), 412);
    assert_int_equal(ask(admin, "PATCH", path, "{\"osFeed\":\"beta\"}", "\"2\""), 400);
    says("osFeed must be retail or retailEvaluation");
    assert_int_equal(get(path), 200);
    assert_true(json_is_true(rest_member("crashDumps")));
    assert_int_equal(audited(at("group %s", group)), 2);
}

static void the_five_default_groups_are_made_once(void **state)
{
    (void)state;
    const char *path = at(CATALOG "/products/%s/default-groups", product);

    assert_int_equal(post(path, NULL), 200);
    // Production was there.
    assert_int_equal(json_integer_value(rest_member("made")), 4);
    assert_int_equal(json_array_size(rest_member("items")), 5);
    assert_int_equal(post(path, NULL), 200);
    assert_int_equal(json_integer_value(rest_member("made")), 0);
    assert_int_equal(get(at(CATALOG "/device-groups?product=%s", product)), 200);
    assert_int_equal(json_array_size(rest_member("items")), 5);
    assert_int_equal(get(CATALOG "/device-groups?product=999999"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 0);
}

static void a_moved_device_counts_where_it_is(void **state)
{
    (void)state;
    for (int n = 2; n < 12; n++)
        assert_int_equal(ask(admin, "PATCH", at(DEVICES "/%s", ids[n]),
                             at("{\"group\":\"%s\"}", group), "\"2\""),
                         200);
    assert_string_equal(json_string_value(json_object_get(rest_member("product"), "name")), "Pump");
    assert_int_equal(get(at(CATALOG "/device-groups/%s", group)), 200);
    assert_int_equal(json_integer_value(rest_member("devices")), 10);
    assert_int_equal(json_integer_value(json_object_get(rest_member("counts"), "unknown")), 10);
    assert_int_equal(ask(admin, "DELETE", at(CATALOG "/device-groups/%s", group), NULL, "\"2\""),
                     409);
    says("10 devices");
    assert_int_equal(ask(admin, "DELETE", at(CATALOG "/products/%s", product), NULL, "\"1\""), 409);
    says("5 device groups");
    assert_int_equal(get(at(DEVICES "?group=%s&site=Lule%%C3%%A5+0,Lule%%C3%%A5+1", group)), 200);
    assert_int_equal(json_array_size(rest_member("items")), 6);
    assert_int_equal(get(DEVICES "?group="), 200);
    assert_int_equal(json_array_size(rest_member("items")), FLEET - 10);
    assert_int_equal(ask(admin, "PATCH", at(DEVICES "/%s", ids[11]), "{\"group\":null}", "\"3\""),
                     200);
    assert_true(json_is_null(rest_member("product")));
    assert_int_equal(get(at(CATALOG "/products/%s", product)), 200);
    assert_int_equal(json_integer_value(rest_member("devices")), 9);
}

// ---------------------------------------------------------------- finding

static int64_t facet(const char *dimension, const char *value)
{
    json_t *values = json_object_get(rest_member("facets"), dimension), *one;
    size_t i;

    json_array_foreach (values, i, one)
        if (!strcmp(json_string_value(json_object_get(one, "value")), value))
            return json_integer_value(json_object_get(one, "n"));
    return 0;
}

static void facets_are_the_same_from_counters_and_by_scan(void **state)
{
    (void)state;
    // The second says what the first means without saying it.
    // The third asks for what kinds do not know.
    static const char *const queries[] = { "", "?lifecycle=registered,claimed", "?network=" };

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(get(at(DEVICES "/facets%s", queries[i])), 200);
        assert_int_equal(json_integer_value(rest_member("total")), FLEET);
        assert_true(json_is_false(rest_member("capped")));
        assert_int_equal(facet("state", "unknown"), FLEET);
        assert_int_equal(facet("lifecycle", "claimed"), FLEET);
        assert_int_equal(facet("group", group), 9);
        assert_int_equal(facet("group", ""), FLEET - 9);
        assert_int_equal(facet("product", product), 9);
        assert_int_equal(facet("site", "Luleå 1"), FLEET / 3);
        assert_int_equal(facet("version", ""), FLEET);
    }
    json_t *labelled = json_object_get(rest_member("facets"), "group");
    assert_string_equal(json_string_value(json_object_get(json_array_get(labelled, 1), "label")),
                        "Pump / Production");
    assert_int_equal(get(DEVICES "/facets?q=pump-0&exact=true"), 200);
    assert_int_equal(json_integer_value(rest_member("total")), 9);
    // The server's scheduler does this each five seconds; nothing may change by it.
    struct fault f;
    assert_int_equal(device_count_fold(rest.store, &f), RC_OK);
    assert_int_equal(get(DEVICES "/facets"), 200);
    assert_int_equal(facet("group", group), 9);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM (SELECT 1 FROM device_count "
                                             "GROUP BY catalog, dimension, key, state "
                                             "HAVING count(*) > 1 OR sum(n) = 0) x"),
                     0);
}

static void a_mark_opens_the_page_behind_it(void **state)
{
    (void)state;
    char cursor[500], first[33];

    assert_int_equal(get(DEVICES "/marks?every=10&sort=-name"), 200);
    assert_int_equal(json_integer_value(rest_member("total")), FLEET);
    assert_int_equal(json_array_size(rest_member("cursors")), 2);
    snprintf(cursor, sizeof cursor, "%s",
             json_string_value(json_array_get(rest_member("cursors"), 1)));
    assert_int_equal(get(DEVICES "?sort=-name&limit=20"), 200);
    const char *next = json_string_value(rest_member("next"));
    assert_string_equal(next, cursor);
    assert_int_equal(get(at(DEVICES "?sort=-name&limit=20&cursor=%s", cursor)), 200);
    assert_int_equal(json_array_size(rest_member("items")), FLEET - 20);
    snprintf(first, sizeof first, "%s",
             json_string_value(json_object_get(json_array_get(rest_member("items"), 0), "id")));
    assert_int_equal(
        get(at(DEVICES "?sort=-name&limit=20&cursor=%s", json_string_value(rest_member("prev")))),
        200);
    assert_int_equal(json_array_size(rest_member("items")), 20);
    assert_true(json_is_null(rest_member("prev")));
    assert_int_equal(get(at(DEVICES "?sort=name&cursor=%s", cursor)), 400);
    assert_int_equal(get(at(DEVICES "?sort=-name&cursor=%sx", cursor)), 400);
}

static uint32_t number_at(const char *p)
{
    uint32_t n;

    memcpy(&n, p, sizeof n);
    return le32toh(n);
}

static void the_layout_has_each_seat_once(void **state)
{
    (void)state;
    char etag[60];
    struct rest_ask a = { .path = CATALOG "/fleet-layout", .token = admin };
    struct rest_answer *got = rest_ask(&rest, &a);
    uint32_t head = number_at(got->text), seen = 0;
    json_auto_t *json = json_loadb(got->text + 4, head, 0, NULL);
    const char *seats = got->text + 4 + head;
    json_t *rings = json_object_get(json, "rings");

    assert_int_equal(got->status, 200);
    assert_int_equal(head % 4, 0);
    assert_int_equal(json_integer_value(json_object_get(json, "total")), FLEET);
    assert_int_equal(number_at(seats), FLEET);
    for (uint32_t i = 0; i < FLEET; i++)
        seen |= 1u << number_at(seats + 4 + 4 * i);
    assert_int_equal(seen, (1u << FLEET) - 1);
    assert_int_equal(json_array_size(rings), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rings, 0), "name")),
                        "Pump");
    assert_true(json_is_null(json_object_get(json_array_get(rings, 1), "id")));
    assert_int_equal(json_array_size(json_object_get(json_array_get(rings, 1), "sites")), 3);
    snprintf(etag, sizeof etag, "If-None-Match: %s\r\n", rest_header("ETag"));
    a.more = etag;
    assert_int_equal(rest_ask(&rest, &a)->status, 304);
    assert_int_equal(get(CATALOG "/fleet-layout?by=group"), 200);
    assert_int_equal(get(CATALOG "/fleet-layout?by=version"), 200);
}

// ---------------------------------------------------------------- by hand

static void a_quarantine_by_hand_holds_until_it_is_released(void **state)
{
    (void)state;
    const char *device = at(DEVICES "/%s", ids[3]);
    char path[200];
    int revoked = rest.told[BUS_REVOKE], changed = rest.told[BUS_STATE];

    snprintf(path, sizeof path, "%s/quarantine", device);
    assert_int_equal(post(path, NULL), 400);
    assert_int_equal(post(path, "{\"reason\":\"\"}"), 400);
    assert_int_equal(post(path, "{\"reason\":\"smells of smoke <b>\"}"), 200);
    assert_string_equal(rest_text("state"), "quarantined");
    assert_string_equal(rest_text("stateReason"), "A person put it in quarantine");
    assert_true(json_is_null(rest_member("certificate")));
    assert_int_equal(post(path, "{\"reason\":\"again\"}"), 409);
    assert_int_equal(rest.told[BUS_REVOKE], revoked + 1);
    assert_int_equal(rest.told[BUS_STATE], changed + 1);
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM device d JOIN device_trust t USING (device) "
                              "WHERE d.id = '%s' AND t.by_hand = 'smells of smoke <b>' "
                              "AND d.refused_before IS NOT NULL",
                              ids[3]),
                     1);
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM audit WHERE object = '%s' AND detail LIKE "
                              "'%%smoke%%'",
                              ids[3]),
                     1);
    assert_int_equal(get(DEVICES "?state=quarantined"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    snprintf(path, sizeof path, "%s/release", device);
    assert_int_equal(post(path, NULL), 200);
    assert_string_equal(rest_text("state"), "unknown");
    assert_int_equal(post(path, NULL), 409);
    says("nobody");
}

static void a_retired_device_is_out_of_every_count(void **state)
{
    (void)state;
    int revoked = rest.told[BUS_REVOKE];

    assert_int_equal(post(at(DEVICES "/%s/retire", ids[4]), NULL), 200);
    assert_string_equal(rest_text("lifecycle"), "retired");
    assert_int_equal(rest.told[BUS_REVOKE], revoked + 1);
    assert_int_equal(post(at(DEVICES "/%s/retire", ids[4]), NULL), 409);
    assert_int_equal(post(at(DEVICES "/%s/claim", ids[4]), NULL), 409);
    assert_int_equal(post(at(DEVICES "/%s/quarantine", ids[4]), "{\"reason\":\"x\"}"), 409);
    assert_int_equal(get(DEVICES "?limit=500"), 200);
    assert_int_equal(json_array_size(rest_member("items")), FLEET - 1);
    assert_int_equal(get(DEVICES "?lifecycle=retired"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_int_equal(get(DEVICES "/facets"), 200);
    assert_int_equal(json_integer_value(rest_member("total")), FLEET - 1);
    assert_int_equal(facet("lifecycle", "retired"), 1);
    assert_int_equal(get("/api/v1/catalogs"), 200);
    json_t *first = json_array_get(rest_member("items"), 0);
    assert_int_equal(json_integer_value(json_object_get(first, "devices")), FLEET - 1);
    assert_int_equal(audited(ids[4]), 4); // registered, claimed, moved, retired
}

// ---------------------------------------------------------------- catalogs

static void an_owner_of_all_makes_a_catalog_and_nobody_else(void **state)
{
    (void)state;
    assert_int_equal(ask(admin, "POST", "/api/v1/catalogs", "{\"name\":\"mine\"}", NULL), 403);
    assert_int_equal(ask(owner, "POST", "/api/v1/catalogs", "{\"name\":\"Mine!\"}", NULL), 400);
    assert_int_equal(ask(owner, "POST", "/api/v1/catalogs", "{\"name\":\"devices\"}", NULL), 400);
    assert_int_equal(ask(owner, "POST", "/api/v1/catalogs", "{\"name\":\"demo\"}", NULL), 409);
    assert_int_equal(ask(owner, "POST", "/api/v1/catalogs", "{\"name\":\"north\"}", NULL), 201);
    assert_int_equal(json_integer_value(rest_member("devices")), 0);
    assert_int_equal(ask(owner, "GET", "/api/v1/catalogs/north/devices", NULL, NULL), 200);
    assert_int_equal(ask(owner, "GET", "/api/v1/catalogs", NULL, NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 3);
    assert_int_equal(ask(admin, "GET", "/api/v1/catalogs", NULL, NULL), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_int_equal(ask(admin, "GET", "/api/v1/catalogs/north/products", NULL, NULL), 404);
    // Its own CA is there at once.
    assert_int_equal(ask(owner, "GET", "/api/v1/catalogs/north/ca", NULL, NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_viewer_changes_nothing),
        cmocka_unit_test(another_catalogs_things_are_not_there),
        cmocka_unit_test(bad_input_is_refused_by_name),
        cmocka_unit_test(names_in_every_script_come_back_as_they_went),
        cmocka_unit_test(two_operators_do_not_overwrite_each_other),
        cmocka_unit_test(the_five_default_groups_are_made_once),
        cmocka_unit_test(a_moved_device_counts_where_it_is),
        cmocka_unit_test(facets_are_the_same_from_counters_and_by_scan),
        cmocka_unit_test(a_mark_opens_the_page_behind_it),
        cmocka_unit_test(the_layout_has_each_seat_once),
        cmocka_unit_test(a_quarantine_by_hand_holds_until_it_is_released),
        cmocka_unit_test(a_retired_device_is_out_of_every_count),
        cmocka_unit_test(an_owner_of_all_makes_a_catalog_and_nobody_else),
    };
    return cmocka_run_group_tests_name("inventory", tests, setup, teardown);
}
