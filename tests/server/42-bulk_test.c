// SPDX-License-Identifier: Apache-2.0
//
// One change to many devices: what the preview says, what the job does, and who may ask for it.
//
// threaded

#include <libpq-fe.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access/api_token.h"
#include "core/auto.h"
#include "core/clock.h"
#include "device/roster.h"
#include "job/runner.h"
#include "store/store.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define CATALOG  "/api/v1/catalogs/demo"
#define CHANGES  CATALOG "/device-changes"
#define SQL(...) rest_sql(pg_conninfo(), __VA_ARGS__)

static struct rest rest;
static struct job_runner *runner;
static char admin[TOKEN_TEXT_LEN + 1], oper[TOKEN_TEXT_LEN + 1], viewer[TOKEN_TEXT_LEN + 1];
static char foreign[TOKEN_TEXT_LEN + 1];
static char group[24];

// 1,200 claimed devices at two sites, 100 of them in no product; acme has some too.
static void fill(void)
{
    model_sql(pg_conninfo(),
              "INSERT INTO product (catalog, name) SELECT id, 'HVAC' FROM catalog;"
              "INSERT INTO device_group (catalog, product, name)"
              " SELECT catalog, id, g FROM product, (VALUES ('Production'), ('Field Test')) n (g);"
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, lifecycle,"
              "                    claimed_at, tags, device_group)"
              " SELECT c.id, n, left(h, 32), h, '', n, 1, now(),"
              "        jsonb_build_object('site', CASE WHEN n %% 3 = 0 THEN 'A' ELSE 'B' END),"
              "        CASE WHEN n > 100 THEN g.id END"
              "   FROM catalog c JOIN device_group g ON g.catalog = c.id AND g.name = 'Production',"
              "        generate_series(1, 1200) n, LATERAL (SELECT encode(sha256((c.name || n)"
              "        ::bytea), 'hex') AS h) x WHERE c.name = 'demo' OR n <= 10;"
              "INSERT INTO device_state (catalog, device) SELECT catalog, device FROM device;"
              "INSERT INTO device_trust (catalog, device) SELECT catalog, device FROM device");
}

static int setup(void **state)
{
    (void)state;
    struct fault f = { 0 };

    rest_start(&rest, pg_conninfo());
    const struct job_services s = { .roster = rest.services.roster, .bus = rest.bus };
    rest_token(&rest, "ada", "admin", "demo", admin);
    rest_token(&rest, "opa", "operator", "demo", oper);
    rest_token(&rest, "vic", "viewer", "demo", viewer);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    fill();
    snprintf(group, sizeof group, "%lld",
             (long long)SQL("SELECT g.id FROM device_group g JOIN catalog c ON c.id = g.catalog"
                            " WHERE c.name = 'demo' AND g.name = 'Field Test'"));
    assert_int_equal(job_runner_new(pg_conninfo(), rest.store, &s, &runner, &f), RC_OK);
    assert_int_equal(job_runner_start(runner, &f), RC_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    job_runner_stop(runner);
    job_runner_free(runner);
    rest_stop(&rest);
    return 0;
}

// ---------------------------------------------------------------- helpers

__attribute__((format(printf, 3, 4))) static int ask(const char *token, const char *path,
                                                     const char *format, ...)
{
    auto_free char *body = NULL;
    struct rest_ask a = { .method = "POST", .path = path, .token = token };
    va_list args;

    va_start(args, format);
    assert_true(vasprintf(&body, format, args) > 0);
    va_end(args);
    a.body = body;
    return rest_ask(&rest, &a)->status;
}

static int64_t number(const char *member)
{
    return json_integer_value(rest_member(member));
}

// The n of the item of a list in the last answer; -1 if it is not there.
static int64_t part(const char *list, const char *key, const char *label)
{
    size_t i;
    json_t *item;

    json_array_foreach (rest_member(list), i, item) {
        const char *is = json_string_value(json_object_get(item, key));
        if (is ? label && !strcmp(is, label) : !label)
            return json_integer_value(json_object_get(item, "n"));
    }
    return -1;
}

static void wait_until_ended(const char *id)
{
    char path[100];
    struct rest_ask a = { .path = path, .token = admin };
    int64_t until = clock_mono_ms() + 60000;

    snprintf(path, sizeof path, CATALOG "/jobs/%s", id);
    job_runner_wake(runner);
    do {
        usleep(10000);
        assert_int_equal(rest_ask(&rest, &a)->status, 200);
    } while (strcmp(rest_text("state"), "done") != 0 && strcmp(rest_text("state"), "failed") != 0 &&
             clock_mono_ms() < until);
}

static void wait_until_it_ends(void)
{
    wait_until_ended(rest_text("id"));
    assert_string_equal(rest_text("state"), "done");
    assert_int_equal(number("done"), number("total"));
}

// ---------------------------------------------------------------- tests

static void the_preview_says_how_many_of_what_and_who_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(ask(admin, CHANGES "/preview",
                         "{\"action\":\"tag\",\"tags\":{\"site\":\"A\"},\"filter\":{}}"),
                     200);
    assert_int_equal(number("total"), 1200);
    assert_int_equal(number("changes"), 800);
    assert_int_equal(part("byProduct", "label", "HVAC"), 1100);
    assert_int_equal(part("byProduct", "label", NULL), 100);
    assert_int_equal(part("bySite", "label", "A"), 400);
    assert_int_equal(part("byState", "label", "unknown"), 1200);
    assert_int_equal(part("excluded", "reason", "Have these tags already"), 400);
    assert_true(json_is_true(rest_member("reversible")));
    assert_int_equal(SQL("SELECT count(*) FROM job"), 0);
    assert_int_equal(SQL("SELECT count(*) FROM audit WHERE action LIKE '%%preview'"), 0);
}

static void a_move_touches_whom_it_meant_and_is_audited_by_chunk(void **state)
{
    (void)state;
    assert_int_equal(ask(oper, CHANGES,
                         "{\"action\":\"move\",\"group\":\"%s\","
                         "\"filter\":{\"site\":[\"A\",\"B\"]},\"expect\":1195}",
                         group),
                     202);
    assert_string_equal(rest_text("title"), "Move 1,200 devices to HVAC / Field Test");
    wait_until_it_ends();
    assert_int_equal(number("changed"), 1200);
    assert_int_equal(SQL("SELECT count(*) FROM device_index WHERE device_group = %s", group), 1200);
    assert_int_equal(
        SQL("SELECT sum(n) FROM device_count WHERE dimension = 'group' AND key = '%s'", group),
        1200);
    assert_int_equal(SQL("SELECT count(*) FROM audit WHERE action = 'job bulk' AND actor = 'opa'"),
                     3);
    assert_int_equal(SQL("SELECT count(*) FROM device d JOIN catalog c ON c.id = d.catalog"
                         " WHERE c.name = 'acme' AND d.device_group IS NOT NULL"),
                     0);
    assert_int_equal(SQL("SELECT count(*) FROM job_target"), 0);
}

static void a_number_that_moved_is_refused_with_the_new_one(void **state)
{
    (void)state;
    int64_t jobs = SQL("SELECT count(*) FROM job");

    assert_int_equal(ask(admin, CHANGES, "{\"action\":\"retire\",\"filter\":{},\"expect\":1000}"),
                     409);
    assert_non_null(strstr(rest_text("detail"), "1,200"));
    assert_int_equal(SQL("SELECT count(*) FROM job"), jobs);
    assert_int_equal(SQL("SELECT count(*) FROM job_target"), 0);
}

static void quarantine_takes_its_permission_and_ends_sessions(void **state)
{
    (void)state;
    static const char body[] = "{\"action\":\"quarantine\",\"reason\":\"recall 7\","
                               "\"filter\":{\"site\":\"A\"}}";
    int before = rest.told[BUS_REVOKE];

    assert_int_equal(ask(oper, CHANGES, "%s", body), 403);
    assert_int_equal(ask(viewer, CHANGES, "%s", body), 403);
    assert_int_equal(ask(admin, CHANGES, "%s", body), 202);
    wait_until_it_ends();
    assert_int_equal(number("changed"), 400);
    assert_int_equal(rest.told[BUS_REVOKE] - before, 400);
    assert_int_equal(SQL("SELECT count(*) FROM device_trust WHERE by_hand = 'recall 7'"), 400);
    assert_int_equal(SQL("SELECT count(*) FROM device_index WHERE state = 4"), 400);
    assert_int_equal(ask(admin, CHANGES "/preview", "%s", body), 200);
    assert_int_equal(part("excluded", "reason", "In quarantine by hand already"), 400);
    assert_int_equal(ask(admin, CHANGES, "{\"action\":\"release\",\"filter\":{}}"), 202);
    wait_until_it_ends();
    assert_int_equal(number("changed"), 400);
    assert_int_equal(number("unchanged"), 800);
    assert_int_equal(SQL("SELECT count(*) FROM device_index WHERE state = 4"), 0);
}

static void tags_are_put_on_and_taken_off(void **state)
{
    (void)state;
    assert_int_equal(ask(admin, CHANGES,
                         "{\"action\":\"tag\",\"tags\":{\"batch\":\"7\",\"x\":\"y\"},"
                         "\"filter\":{\"site\":\"A\"}}"),
                     202);
    wait_until_it_ends();
    assert_int_equal(SQL("SELECT count(*) FROM device_index WHERE batch = '7'"), 400);
    assert_int_equal(ask(admin, CHANGES,
                         "{\"action\":\"untag\",\"names\":[\"batch\",\"none\"],"
                         "\"filter\":{}}"),
                     202);
    wait_until_it_ends();
    assert_int_equal(number("changed"), 400);
    assert_int_equal(number("unchanged"), 800);
    assert_int_equal(SQL("SELECT count(*) FROM device WHERE tags ? 'x' AND NOT tags ? 'batch'"),
                     400);
}

static void a_list_of_ids_retires_and_the_retired_refuse_the_rest(void **state)
{
    (void)state;
    char a[33], b[33], other[33];
    const char *from[] = { "demo' || 1", "demo' || 2", "acme' || 1" };
    char *to[] = { a, b, other };

    for (int i = 0; i < 3; i++) {
        int64_t high = SQL("SELECT ('x' || substr(encode(sha256(('%s)::bytea), 'hex'), 1, 16))"
                           "::bit(64)::bigint",
                           from[i]);
        int64_t low = SQL("SELECT ('x' || substr(encode(sha256(('%s)::bytea), 'hex'), 17, 16))"
                          "::bit(64)::bigint",
                          from[i]);
        snprintf(to[i], 33, "%016llx%016llx", (unsigned long long)high, (unsigned long long)low);
    }
    assert_int_equal(
        ask(admin, CHANGES, "{\"action\":\"retire\",\"ids\":[\"%s\",\"%s\"]}", a, other), 202);
    wait_until_it_ends();
    assert_int_equal(number("total"), 1);
    assert_int_equal(SQL("SELECT lifecycle FROM device WHERE id = '%s'", a), 2);
    assert_int_equal(SQL("SELECT lifecycle FROM device WHERE id = '%s'", other), 1);
    assert_int_equal(ask(admin, CHANGES, "{\"action\":\"unclaim\",\"ids\":[\"%s\",\"%s\"]}", a, b),
                     202);
    wait_until_it_ends();
    assert_int_equal(number("changed"), 1);
    assert_int_equal(number("refused"), 1);
    json_t *p = json_array_get(rest_member("problems"), 0);
    assert_string_equal(json_string_value(json_object_get(p, "device")), a);
    assert_string_equal(json_string_value(json_object_get(p, "text")), "it is retired");
    assert_int_equal(SQL("SELECT lifecycle FROM device WHERE id = '%s'", b), 0);
}

// Somebody's reading takes longer than the 5 s that other queries have, as it may with a million
// devices.
static void what_looks_at_a_whole_fleet_may_take_longer_than_5_s(void **state)
{
    (void)state;
    static const char body[] = "{\"action\":\"tag\",\"tags\":{\"slow\":\"y\"},\"filter\":{}}";
    const struct rest_ask asks[] = {
        { .method = "GET", .path = CATALOG "/fleet-layout", .token = admin },
        { .method = "POST", .path = CHANGES "/preview", .token = admin, .body = body },
        { .method = "POST", .path = CHANGES, .token = admin, .body = body },
    };
    static const int status[] = { 200, 200, 202 };
    PGconn *pg = PQconnectdb(pg_conninfo());

    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        PQclear(PQexec(pg, "BEGIN; LOCK TABLE device_index"));
        assert_int_equal(PQtransactionStatus(pg), PQTRANS_INTRANS);
        assert_int_equal(PQsendQuery(pg, "SELECT pg_sleep(5.5); COMMIT"), 1);
        assert_int_equal(rest_ask(&rest, &asks[i])->status, status[i]);
        for (PGresult *r; (r = PQgetResult(pg));)
            PQclear(r);
    }
    PQfinish(pg);
    wait_until_it_ends();
}

static void a_move_to_a_group_that_is_gone_says_so(void **state)
{
    (void)state;
    char id[24];
    long long job = (long long)SQL(
        "INSERT INTO job (catalog, kind, title, request, total, actor) SELECT id, 'bulk', 'Move',"
        " '{\"action\":\"move\",\"group\":999999,\"needs\":0}', 1, 'ada' FROM catalog"
        " WHERE name = 'demo' RETURNING id");

    SQL("INSERT INTO job_target (job, n, device) SELECT %lld, 1, min(d.device) FROM device d"
        " JOIN catalog c ON c.id = d.catalog WHERE c.name = 'demo' AND d.lifecycle = 1 RETURNING 1",
        job);
    snprintf(id, sizeof id, "%lld", job);
    wait_until_ended(id);
    assert_string_equal(rest_text("state"), "failed");
    assert_string_equal(rest_text("failure"), "the group that they were to move to is gone");
}

static void half_an_order_is_refused_by_the_name_of_what_lacks(void **state)
{
    (void)state;
    static const struct {
        const char *body, *says;
    } cases[] = {
        { "{\"action\":\"move\",\"filter\":{}}", "group" },
        { "{\"action\":\"move\",\"group\":\"999999\",\"filter\":{}}", "no such group" },
        { "{\"action\":\"paint\",\"filter\":{}}", "action must be one of" },
        { "{\"action\":\"retire\"}", "filter or by ids" },
        { "{\"action\":\"retire\",\"filter\":{},\"ids\":[\"x\"]}", "filter or by ids" },
        { "{\"action\":\"retire\",\"reason\":\"x\",\"filter\":{}}", "reason goes with" },
        { "{\"action\":\"tag\",\"filter\":{}}", "tags is missing" },
        { "{\"action\":\"loglevel\",\"minutes\":5,\"filter\":{}}", "level is missing" },
        { "{\"action\":\"loglevel\",\"level\":\"debug\",\"filter\":{}}", "minutes is missing" },
        { "{\"action\":\"loglevel\",\"level\":\"loud\",\"minutes\":5,\"filter\":{}}", "level" },
        { "{\"action\":\"loglevel\",\"level\":\"debug\",\"minutes\":1441,\"filter\":{}}",
          "minutes" },
        { "{\"action\":\"tag\",\"tags\":{\"a\":\"b\"},\"minutes\":5,\"filter\":{}}",
          "minutes goes with" },
        { "{\"action\":\"retire\",\"filter\":{\"colour\":\"red\"}}", "colour" },
        { "{\"action\":\"retire\",\"filter\":{\"site\":\"nowhere\"}}", "no device matches" },
        { "{\"action\":\"retire\",\"ids\":[\"short\"]}", "" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = ask(admin, CHANGES, "%s", cases[i].body);
        if (status != 400 || !strstr(rest_text("detail"), cases[i].says))
            fail_msg("%s: %d %s", cases[i].body, status, rest_text("detail"));
    }
    assert_int_equal(ask(foreign, CHANGES, "{\"action\":\"retire\",\"filter\":{}}"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_preview_says_how_many_of_what_and_who_is_left_out),
        cmocka_unit_test(a_move_touches_whom_it_meant_and_is_audited_by_chunk),
        cmocka_unit_test(a_number_that_moved_is_refused_with_the_new_one),
        cmocka_unit_test(quarantine_takes_its_permission_and_ends_sessions),
        cmocka_unit_test(tags_are_put_on_and_taken_off),
        cmocka_unit_test(a_list_of_ids_retires_and_the_retired_refuse_the_rest),
        cmocka_unit_test(what_looks_at_a_whole_fleet_may_take_longer_than_5_s),
        cmocka_unit_test(a_move_to_a_group_that_is_gone_says_so),
        cmocka_unit_test(half_an_order_is_refused_by_the_name_of_what_lacks),
    };

    return cmocka_run_group_tests_name("bulk", tests, setup, teardown);
}
