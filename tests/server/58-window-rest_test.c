// SPDX-License-Identifier: Apache-2.0
//
// Registration windows and arrivals over REST: what is asked for, what is refused, and that
// nobody of another catalog sees any of it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/config.h"
#include "enroll/enroll.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"
#include "window/arrival.h"
#include "window/doors.h"
#include "window/enrolment.h"

#define WINDOWS  "/api/v1/catalogs/demo/registration-windows"
#define ARRIVALS "/api/v1/catalogs/demo/arrivals"

static struct rest rest;
static struct rest_browser ada, viewer, acme;

static int up(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_account(&rest, "ada", "admin", "demo");
    rest_account(&rest, "vic", "viewer", "demo");
    rest_account(&rest, "eve", "admin", "acme");
    ada = rest_sign_in(&rest, "ada");
    viewer = rest_sign_in(&rest, "vic");
    acme = rest_sign_in(&rest, "eve");
    return 0;
}

static int down(void **state)
{
    (void)state;
    rest_stop(&rest);
    rest_answer_free();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    model_sql(pg_conninfo(), "DELETE FROM arrival; DELETE FROM registration_window");
    return 0;
}

static int post(const struct rest_browser *who, const char *path, const char *body)
{
    return rest_as(&rest, who, "POST", path, body)->status;
}

static void opened_shown_once_and_closed(void **state)
{
    char path[120], code[40], command[400];

    (void)state;
    assert_int_equal(
        post(&ada, WINDOWS,
             "{\"minutes\":15,\"most\":3,\"label\":\"Line 3\",\"tags\":{\"site\":\"L\"}}"),
        201);
    snprintf(code, sizeof code, "%s", rest_text("code"));
    snprintf(command, sizeof command, "%s", rest_text("command"));
    assert_int_equal(strlen(code), 19);
    assert_memory_equal(rest_text("codeHint"), code, 4);
    assert_non_null(strstr(command, "orrery-device enroll --server "));
    assert_non_null(strstr(command, " --ca-sha256 "));
    assert_non_null(strstr(command, code));
    assert_true(json_is_true(rest_member("open")));
    snprintf(path, sizeof path, WINDOWS "/%s/close", rest_text("id"));
    // Nowhere again: not in the list, not in the audit trail, not in the table.
    assert_int_equal(rest_as(&rest, &ada, "GET", WINDOWS, NULL)->status, 200);
    assert_null(strstr(rest_as(&rest, &ada, "GET", WINDOWS, NULL)->text, code));
    assert_int_equal(
        rest_sql(pg_conninfo(),
                 "SELECT count(*) FROM audit WHERE to_jsonb(audit)::text LIKE '%%%s%%'", code),
        0);
    assert_int_equal(post(&ada, path, NULL), 200);
    assert_true(json_is_false(rest_member("open")));
    assert_int_equal(post(&ada, path, NULL), 409);
    assert_int_equal(
        rest_sql(pg_conninfo(),
                 "SELECT count(*) FROM audit WHERE action LIKE '%%registration-windows%%'"),
        2);
}

static void bad_windows_are_refused_with_the_field(void **state)
{
    static const struct {
        const char *body, *word;
    } cases[] = {
        { "{}", "minutes" },
        { "{\"minutes\":0,\"most\":1}", "minutes" },
        { "{\"minutes\":10081,\"most\":1}", "minutes" },
        { "{\"minutes\":5,\"most\":0}", "most" },
        { "{\"minutes\":5,\"most\":100001}", "most" },
        { "{\"minutes\":5,\"most\":\"1\"}", "most" },
        { "{\"minutes\":5,\"most\":1,\"group\":\"77\"}", "group" },
        { "{\"minutes\":5,\"most\":1,\"group\":77}", "group" },
        { "{\"minutes\":5,\"most\":1,\"group\":\"9223372036854775807\"}", "group" },
        { "{\"minutes\":5,\"most\":1,\"tags\":[]}", "tags" },
        { "{\"minutes\":5,\"most\":1,\"tags\":{\"a\":1}}", "tags" },
        { "{\"minutes\":5,\"most\":1,\"code\":\"AAAA\"}", "code" },
        { "{\"minutes\":5,\"most\":1,\"colour\":1}", "colour" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = post(&ada, WINDOWS, cases[i].body);

        if (status != 400 || !strstr(rest_text("detail"), cases[i].word))
            fail_msg("%s: %d %s", cases[i].body, status, rest_text("detail"));
    }
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM registration_window"), 0);
}

static void a_group_of_another_catalog_is_no_group(void **state)
{
    char body[100];
    int64_t group;

    (void)state;
    model_sql(
        pg_conninfo(),
        "INSERT INTO product (catalog, name) SELECT id, 'P' FROM catalog WHERE name = 'acme'");
    model_sql(pg_conninfo(), "INSERT INTO device_group (catalog, product, name) "
                             "SELECT catalog, id, 'G' FROM product");
    group = rest_sql(pg_conninfo(), "SELECT id FROM device_group");
    snprintf(body, sizeof body, "{\"minutes\":5,\"most\":1,\"group\":\"%lld\"}", (long long)group);
    assert_int_equal(post(&ada, WINDOWS, body), 400);
    assert_int_equal(post(&acme, "/api/v1/catalogs/acme/registration-windows", body), 201);
    assert_string_equal(json_string_value(json_object_get(rest_member("group"), "label")), "P / G");
}

static void twenty_windows_at_a_time_are_enough(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(post(&ada, WINDOWS, "{\"minutes\":5,\"most\":1,\"code\":false}"), 201);
    assert_int_equal(post(&ada, WINDOWS, "{\"minutes\":5,\"most\":1}"), 409);
}

static void arrive(const char *catalog, char fingerprint[FINGERPRINT_LEN + 1])
{
    char *pem = model_key("P-256");
    struct device_key key;
    struct fault f = { 0 };

    assert_int_equal(enroll_key_read(pem, &key, &f), RC_OK);
    free(pem);
    memcpy(fingerprint, key.fingerprint, FINGERPRINT_LEN + 1);
    char hex[2 * sizeof key.spki + 1];
    for (size_t i = 0; i < key.spki_len; i++)
        snprintf(hex + 2 * i, 3, "%02x", key.spki[i]);
    model_sql(pg_conninfo(),
              "INSERT INTO arrival (catalog, fingerprint, public_key, window_id, remote, agent)"
              " SELECT catalog, '%s', decode('%s', 'hex'), max(w.id), '192.0.2.9', 'a' FROM"
              " registration_window w JOIN catalog c ON c.id = w.catalog WHERE c.name = '%s'"
              " GROUP BY catalog",
              fingerprint, hex, catalog);
}

static void an_arrival_is_claimed_with_what_its_window_gives(void **state)
{
    char fingerprint[FINGERPRINT_LEN + 1], path[200];

    (void)state;
    assert_int_equal(
        post(&ada, WINDOWS, "{\"minutes\":5,\"most\":9,\"tags\":{\"site\":\"Lulea\"}}"), 201);
    arrive("demo", fingerprint);
    assert_int_equal(rest_as(&rest, &viewer, "GET", ARRIVALS, NULL)->status, 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    snprintf(path, sizeof path, ARRIVALS "/%s/claim", fingerprint);
    assert_int_equal(post(&viewer, path, "{}"), 403);
    assert_int_equal(post(&ada, path, "{\"name\":\"\"}"), 400);
    assert_int_equal(post(&ada, path, "{\"group\":\"9\"}"), 400);
    assert_int_equal(post(&ada, path, "{\"group\":\"none\"}"), 400);
    assert_int_equal(post(&ada, path, "{\"name\":\"pump 7\"}"), 200);
    assert_string_equal(rest_text("name"), "pump 7");
    assert_string_equal(rest_text("lifecycle"), "claimed");
    assert_string_equal(json_string_value(json_object_get(rest_member("tags"), "site")), "Lulea");
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT claimed FROM registration_window"), 1);
    assert_int_equal(post(&ada, path, "{}"), 404);
    rest_as(&rest, &ada, "GET", ARRIVALS, NULL);
    assert_int_equal(json_array_size(rest_member("items")), 0);
}

static void is_placed(const char *fingerprint, const char *group, const char *tags)
{
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM device WHERE fingerprint = '%s' AND"
                              " lifecycle = 1 AND device_group = %s AND tags = '%s'",
                              fingerprint, group, tags),
                     1);
}

// By fingerprint, by id, and by way of a registration: the window gives the same to each.
static void an_arrival_gets_what_its_window_gives_whoever_claims_it(void **state)
{
    char group[24], fingerprint[FINGERPRINT_LEN + 1], body[400], path[200];

    (void)state;
    post(&ada, "/api/v1/catalogs/demo/products", "{\"name\":\"Pump\"}");
    snprintf(body, sizeof body, "{\"product\":\"%s\",\"name\":\"Production\"}", rest_text("id"));
    assert_int_equal(post(&ada, "/api/v1/catalogs/demo/device-groups", body), 201);
    snprintf(group, sizeof group, "%s", rest_text("id"));
    snprintf(body, sizeof body,
             "{\"minutes\":5,\"most\":9,\"group\":\"%s\",\"tags\":{\"site\":\"Lulea\","
             "\"line\":\"0\"}}",
             group);
    assert_int_equal(post(&ada, WINDOWS, body), 201);
    for (int i = 0; i < 2; i++) {
        arrive("demo", fingerprint);
        snprintf(body, sizeof body, "{\"devices\":[{\"%s\":\"%.*s\",\"tags\":{\"line\":\"3\"}}]}",
                 i ? "id" : "fingerprint", i ? DEVICE_ID_LEN : FINGERPRINT_LEN, fingerprint);
        assert_int_equal(post(&ada, "/api/v1/catalogs/demo/claims", body), 200);
        assert_int_equal(json_integer_value(rest_member("claimed")), 1);
        is_placed(fingerprint, group, "{\"line\": \"3\", \"site\": \"Lulea\"}");
    }
    arrive("demo", fingerprint);
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat)"
              " SELECT a.catalog, 7, left(a.fingerprint, 32), a.fingerprint, a.public_key, 777"
              "   FROM arrival a");
    snprintf(path, sizeof path, "/api/v1/catalogs/demo/devices/%.32s/claim", fingerprint);
    assert_int_equal(post(&ada, path, "{}"), 200);
    is_placed(fingerprint, group, "{\"line\": \"0\", \"site\": \"Lulea\"}");
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT claimed FROM registration_window"), 3);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM arrival"), 0);
}

// Twenty tags "a01"… of that letter, as members of an object.
static const char *twenty(char letter, char out[400])
{
    size_t n = 0;

    for (int i = 1; i <= 20; i++)
        n += (size_t)snprintf(out + n, 400 - n, "%s\"%c%02d\":\"x\"", i > 1 ? "," : "", letter, i);
    return out;
}

static void is_refused_as_full(const char *fingerprint)
{
    char tags[400], body[1200];

    snprintf(body, sizeof body, "{\"devices\":[{\"fingerprint\":\"%s\",\"tags\":{%s}}]}",
             fingerprint, twenty('b', tags));
    assert_int_equal(post(&ada, "/api/v1/catalogs/demo/claims", body), 200);
    assert_int_equal(json_integer_value(rest_member("claimed")), 0);
    json_t *problem = json_array_get(rest_member("problems"), 0);
    assert_non_null(strstr(json_string_value(json_object_get(problem, "text")), "32 tags"));
}

static void tags_of_claim_window_and_device_are_32_at_the_most_together(void **state)
{
    char fingerprint[FINGERPRINT_LEN + 1], tags[400], body[1200], path[200];

    (void)state;
    int64_t seats = rest_sql(pg_conninfo(), "SELECT sum(next_seat) FROM catalog");
    snprintf(body, sizeof body, "{\"minutes\":5,\"most\":9,\"tags\":{%s}}", twenty('a', tags));
    assert_int_equal(post(&ada, WINDOWS, body), 201);
    arrive("demo", fingerprint);
    is_refused_as_full(fingerprint);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT sum(next_seat) FROM catalog"), seats);
    // The same for one that is registered, with twenty of its own.
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, tags)"
              " SELECT a.catalog, 8, left(a.fingerprint, 32), a.fingerprint, a.public_key, 888,"
              "        '{%s}' FROM arrival a",
              twenty('c', tags));
    is_refused_as_full(fingerprint);
    snprintf(path, sizeof path, ARRIVALS "/%s/claim", fingerprint);
    assert_int_equal(post(&ada, path, "{}"), 409);
    assert_non_null(strstr(rest_text("detail"), "32 tags"));
    snprintf(path, sizeof path, "/api/v1/catalogs/demo/devices/%.32s/claim", fingerprint);
    assert_int_equal(post(&ada, path, "{}"), 409);
    assert_non_null(strstr(rest_text("detail"), "32 tags"));
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT claimed FROM registration_window"), 0);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM arrival"), 1);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT lifecycle FROM device WHERE device = 8"), 0);
}

static void an_arrival_of_another_catalog_is_not_there(void **state)
{
    char fingerprint[FINGERPRINT_LEN + 1], path[200];

    (void)state;
    post(&acme, "/api/v1/catalogs/acme/registration-windows", "{\"minutes\":5,\"most\":9}");
    arrive("acme", fingerprint);
    rest_as(&rest, &ada, "GET", ARRIVALS, NULL);
    assert_int_equal(json_array_size(rest_member("items")), 0);
    snprintf(path, sizeof path, ARRIVALS "/%s/claim", fingerprint);
    assert_int_equal(post(&ada, path, "{}"), 404);
    snprintf(path, sizeof path, ARRIVALS "/%s", fingerprint);
    assert_int_equal(rest_as(&rest, &ada, "DELETE", path, NULL)->status, 404);
    snprintf(path, sizeof path, "/api/v1/catalogs/acme/arrivals/%s", fingerprint);
    assert_int_equal(rest_as(&rest, &ada, "DELETE", path, NULL)->status, 404);
    assert_int_equal(rest_as(&rest, &acme, "DELETE", path, NULL)->status, 204);
    assert_int_equal(rest_as(&rest, &acme, "DELETE", path, NULL)->status, 404);
}

static void arrivals_come_in_pages_newest_first(void **state)
{
    char fingerprint[FINGERPRINT_LEN + 1], newest[FINGERPRINT_LEN + 1], path[700];
    const char *next;
    int seen = 0;

    (void)state;
    post(&ada, WINDOWS, "{\"minutes\":5,\"most\":9}");
    for (int i = 0; i < 5; i++)
        arrive("demo", fingerprint);
    memcpy(newest, fingerprint, sizeof newest);
    snprintf(path, sizeof path, ARRIVALS "?limit=2");
    for (int page = 0; page < 3; page++) {
        assert_int_equal(rest_as(&rest, &ada, "GET", path, NULL)->status, 200);
        json_t *first = json_array_get(rest_member("items"), 0);
        if (page == 0)
            assert_string_equal(json_string_value(json_object_get(first, "fingerprint")), newest);
        seen += (int)json_array_size(rest_member("items"));
        next = json_string_value(rest_member("next"));
        snprintf(path, sizeof path, ARRIVALS "?limit=2&cursor=%s", next ? next : "");
    }
    assert_int_equal(seen, 5);
    assert_int_equal(rest_as(&rest, &ada, "GET", ARRIVALS "?cursor=nonsense", NULL)->status, 400);
}

static int alter(const struct rest_browser *who, const char *method, int64_t account,
                 const char *body)
{
    char path[60], etag[30];

    snprintf(path, sizeof path, "/api/v1/users/%lld", (long long)account);
    snprintf(etag, sizeof etag, "\"%lld\"",
             (long long)rest_sql(pg_conninfo(), "SELECT version FROM account WHERE id = %lld",
                                 (long long)account));
    return rest_ask(&rest, &(struct rest_ask){ .method = method,
                                               .path = path,
                                               .body = body,
                                               .cookie = who->cookie,
                                               .csrf = who->csrf,
                                               .if_match = etag })
        ->status;
}

static int64_t open_windows(void)
{
    return rest_sql(pg_conninfo(),
                    "SELECT count(*) FROM registration_window WHERE closes_at > now()");
}

static void a_window_outlasted_the_right_to_open_it(void **state)
{
    static const struct {
        const char *method, *body;
        int status, left;
    } ends[] = {
        { "PATCH", "{\"role\":\"admin\"}", 200, 2 },
        { "PATCH", "{\"catalog\":\"acme\"}", 200, 1 },
        { "PATCH", "{\"role\":\"viewer\"}", 200, 1 },
        { "PATCH", "{\"disabled\":true}", 200, 1 },
        { "DELETE", NULL, 204, 1 },
    };

    (void)state;
    rest_account(&rest, "olga", "owner", NULL);
    struct rest_browser olga = rest_sign_in(&rest, "olga");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[10];

        snprintf(name, sizeof name, "temp%zu", i);
        int64_t id = rest_account(&rest, name, "operator", "demo");
        struct rest_browser temp = rest_sign_in(&rest, name);
        assert_int_equal(post(&temp, WINDOWS, "{\"minutes\":5,\"most\":1}"), 201);
        assert_int_equal(post(&ada, WINDOWS, "{\"minutes\":5,\"most\":1}"), 201);
        assert_int_equal(alter(&olga, ends[i].method, id, ends[i].body), ends[i].status);
        assert_int_equal(open_windows(), ends[i].left);
        clean(state);
    }
}

static void the_command_names_what_another_machine_can_reach(void **state)
{
    static const struct {
        const char *names, *listen, *server;
        bool notice;
    } cases[] = {
        { "localhost", "0.0.0.0:8444", "localhost:8444", true },
        { "localhost,127.0.0.1,::1,vm", "0.0.0.0:8444", "vm:8444", false },
        { "localhost,vm,192.0.2.7", "[::]:9000", "192.0.2.7:9000", false },
        { "localhost, orrery.example, 192.0.2.7", "0.0.0.0:8444", "orrery.example:8444", false },
        { "localhost,2001:db8::7", "0.0.0.0:8444", "[2001:db8::7]:8444", false },
        { "orrery.example", "127.0.0.1:8444", "orrery.example:8444", true },
        { "orrery.example", "[::1]:8444", "orrery.example:8444", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config c = { .edge_names = cases[i].names, .gateway_listen = cases[i].listen };
        struct services s = { .config = &c, .server_ca_pem = rest.server_ca };
        struct enrolment e;
        struct fault f = { 0 };

        assert_int_equal(enrolment_read(&s, &e, &f), RC_OK);
        assert_string_equal(e.server, cases[i].server);
        assert_int_equal(e.notice != NULL, cases[i].notice);
        assert_int_equal(strlen(e.ca_sha256), 64);
    }
    assert_int_equal(
        rest_as(&rest, &viewer, "GET", "/api/v1/catalogs/demo/enrolment", NULL)->status, 200);
    assert_int_equal(rest_as(&rest, &ada, "GET", "/api/v1/catalogs/acme/enrolment", NULL)->status,
                     404);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_teardown(name, clean)
    const struct CMUnitTest tests[] = {
        STORY(opened_shown_once_and_closed),
        STORY(bad_windows_are_refused_with_the_field),
        STORY(a_group_of_another_catalog_is_no_group),
        STORY(twenty_windows_at_a_time_are_enough),
        STORY(an_arrival_is_claimed_with_what_its_window_gives),
        STORY(an_arrival_gets_what_its_window_gives_whoever_claims_it),
        STORY(tags_of_claim_window_and_device_are_32_at_the_most_together),
        STORY(an_arrival_of_another_catalog_is_not_there),
        STORY(arrivals_come_in_pages_newest_first),
        STORY(a_window_outlasted_the_right_to_open_it),
        STORY(the_command_names_what_another_machine_can_reach),
    };

    return cmocka_run_group_tests_name("windows over REST", tests, up, down);
}
