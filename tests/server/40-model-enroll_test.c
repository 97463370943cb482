// SPDX-License-Identifier: Apache-2.0
//
// A device comes into a catalog and leaves it again, over the handlers, against PostgreSQL.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/bus.h"
#include "core/hex.h"
#include "device/device_api.h"
#include "device/roster.h"
#include "enroll/enroll.h"
#include "enroll/enroll_api.h"
#include "store/arg.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

#define DEVICES "/api/v1/catalogs/{catalog}/devices"

static struct store *db;
static int32_t demo, acme;
static struct roster *roster;
static struct services services;
static int told[BUS_KIND_COUNT];

static void hear(void *ctx, const struct bus_event *e)
{
    (void)ctx;
    if (e->kind != BUS_JOB)
        assert_int_equal(strlen(e->id), DEVICE_ID_LEN);
    told[e->kind]++;
}

static int setup(void **state)
{
    (void)state;
    struct fault f = { 0 };

    db = model_store(pg_conninfo());
    demo = model_catalog(db, "demo");
    acme = model_catalog(db, "acme");
    assert_int_equal(roster_load(db, &roster, &f), RC_OK);
    services = (struct services){ .bus = bus_new(), .roster = roster };
    bus_subscribe(services.bus, hear, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bus_free(services.bus);
    roster_free(roster);
    store_close(db);
    return 0;
}

// ---------------------------------------------------------------- helpers

static struct model_answer answer;

static struct model_answer *call(const struct route *routes, const char *method,
                                 const char *pattern, const char *id, const char *body)
{
    struct model_call c = { .routes = routes,
                            .method = method,
                            .pattern = pattern,
                            .id = id,
                            .body = body,
                            .catalog = demo };

    model_answer_done(&answer);
    model_run(db, &services, &c, &answer);
    return &answer;
}

static char *register_body(const char *pem, const char *name)
{
    json_auto_t *o = json_object();

    json_object_set_new(o, "publicKey", json_string(pem));
    if (name)
        json_object_set_new(o, "name", json_string(name));
    return json_dumps(o, 0);
}

static const char *text(const struct model_answer *a, const char *member)
{
    return json_string_value(json_object_get(a->body, member));
}

// Registers a new key; id gets the device's.
static void new_device(char id[DEVICE_ID_LEN + 1])
{
    auto_free char *pem = model_key("P-256");
    auto_free char *body = register_body(pem, NULL);
    struct model_answer *a = call(enroll_routes, "POST", DEVICES, NULL, body);

    assert_int_equal(a->rc, RC_OK);
    assert_int_equal(a->status, 201);
    snprintf(id, DEVICE_ID_LEN + 1, "%s", text(a, "id"));
}

static struct roster_entry on_roster(const char *id)
{
    struct roster_entry e = { 0 };
    uint8_t bytes[16];

    assert_true(hex_decode(id, bytes, sizeof bytes));
    assert_true(roster_find(roster, bytes, &e));
    return e;
}

// What follows is asked for in the other catalog.
static void swap_catalogs(void)
{
    int32_t mine = demo;

    demo = acme;
    acme = mine;
}

static void begin(void)
{
    memset(told, 0, sizeof told);
}

// ---------------------------------------------------------------- tests

static void a_registered_key_becomes_a_device_that_has_shown_nothing(void **state)
{
    (void)state;
    auto_free char *pem = model_key("P-256");
    auto_free char *body = register_body(pem, "pump 7");

    begin();
    struct model_answer *a = call(enroll_routes, "POST", DEVICES, NULL, body);
    assert_int_equal(a->status, 201);
    assert_string_equal(text(a, "name"), "pump 7");
    assert_string_equal(text(a, "lifecycle"), "registered");
    assert_string_equal(text(a, "state"), "unknown");
    assert_string_equal(text(a, "stateReason"), "It has never shown evidence");
    assert_string_equal(text(a, "verdict"), "none");
    assert_memory_equal(text(a, "id"), text(a, "fingerprint"), DEVICE_ID_LEN);
    assert_int_equal(strlen(text(a, "fingerprint")), FINGERPRINT_LEN);
    assert_true(json_is_null(json_object_get(a->body, "certificate")));
    assert_true(json_is_null(json_object_get(a->body, "lastSeen")));
    assert_false(a->no_audit);
    assert_int_equal(told[BUS_DEVICE], 1);
    assert_int_equal(on_roster(text(a, "id")).lifecycle, DEVICE_REGISTERED);
}

static void a_key_registered_twice_is_the_same_device_once(void **state)
{
    (void)state;
    auto_free char *pem = model_key("P-256");
    auto_free char *body = register_body(pem, "first"), *again = register_body(pem, "second");

    call(enroll_routes, "POST", DEVICES, NULL, body);
    begin();
    struct model_answer *a = call(enroll_routes, "POST", DEVICES, NULL, again);
    assert_int_equal(a->status, 200);
    assert_string_equal(text(a, "name"), "first");
    assert_true(a->no_audit);
    assert_int_equal(told[BUS_DEVICE], 0);
}

static void a_key_of_another_catalog_is_a_conflict_that_does_not_name_it(void **state)
{
    (void)state;
    auto_free char *pem = model_key("P-256");
    auto_free char *body = register_body(pem, NULL);

    swap_catalogs();
    call(enroll_routes, "POST", DEVICES, NULL, body);
    swap_catalogs();
    begin();
    struct model_answer *a = call(enroll_routes, "POST", DEVICES, NULL, body);
    assert_int_equal(a->rc, RC_CONFLICT);
    assert_null(strstr(a->text, "acme"));
    assert_int_equal(told[BUS_DEVICE], 0);
}

static void a_claim_is_told_once_and_a_second_one_is_a_conflict(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1];

    new_device(id);
    begin();
    struct model_answer *a =
        call(enroll_routes, "POST", DEVICES "/{id}/claim", id, "{\"name\":\"valve\"}");
    assert_int_equal(a->status, 200);
    assert_string_equal(text(a, "lifecycle"), "claimed");
    assert_string_equal(text(a, "name"), "valve");
    assert_non_null(text(a, "claimedAt"));
    assert_int_equal(told[BUS_DEVICE], 1);
    assert_int_equal(on_roster(id).lifecycle, DEVICE_CLAIMED);
    a = call(enroll_routes, "POST", DEVICES "/{id}/claim", id, NULL);
    assert_int_equal(a->rc, RC_CONFLICT);
    assert_non_null(strstr(a->text, "already claimed"));
    assert_int_equal(told[BUS_DEVICE], 1);
}

static void an_unclaimed_device_is_revoked_and_starts_over(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1];

    new_device(id);
    call(enroll_routes, "POST", DEVICES "/{id}/claim", id, NULL);
    model_sql(pg_conninfo(),
              "UPDATE device_state SET boot = 17, last_seq = 812, state = 1 WHERE device = "
              "(SELECT device FROM device WHERE id = '%s');"
              "UPDATE device_trust SET verdict = 1, attested_at = now(), cert_kind = 0, "
              "cert_serial = '\\x01' WHERE device = (SELECT device FROM device WHERE id = '%s')",
              id, id);
    begin();
    struct model_answer *a = call(enroll_routes, "POST", DEVICES "/{id}/unclaim", id, NULL);
    assert_int_equal(a->status, 200);
    assert_string_equal(text(a, "lifecycle"), "registered");
    assert_string_equal(text(a, "state"), "unknown");
    assert_string_equal(text(a, "verdict"), "none");
    assert_true(json_is_null(json_object_get(a->body, "certificate")));
    assert_int_equal(told[BUS_REVOKE], 1);
    assert_int_equal(told[BUS_DEVICE], 1);
    assert_int_equal(on_roster(id).lifecycle, DEVICE_REGISTERED);
    int64_t refused = on_roster(id).refused_before;
    assert_true(refused > 1700000000);
    a = call(enroll_routes, "POST", DEVICES "/{id}/claim", id, NULL);
    assert_int_equal(a->status, 200);
    assert_int_equal(on_roster(id).refused_before, refused);
    a = call(enroll_routes, "POST", DEVICES "/{id}/unclaim", id, NULL);
    a = call(enroll_routes, "POST", DEVICES "/{id}/unclaim", id, NULL);
    assert_int_equal(a->rc, RC_CONFLICT);
}

static void an_unclaim_resets_boot_and_sequence(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1];

    new_device(id);
    call(enroll_routes, "POST", DEVICES "/{id}/claim", id, NULL);
    model_sql(pg_conninfo(), "UPDATE device_state SET boot = 17, last_seq = 812");
    call(enroll_routes, "POST", DEVICES "/{id}/unclaim", id, NULL);
    model_sql(pg_conninfo(),
              "DO $$ BEGIN ASSERT (SELECT boot = 0 AND last_seq = 0 FROM device_state JOIN device "
              "USING (device) WHERE id = '%s'); END $$",
              id);
}

static void a_device_of_another_catalog_is_not_found_whatever_is_asked(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1];

    new_device(id);
    swap_catalogs();
    begin();
    assert_int_equal(call(enroll_routes, "POST", DEVICES "/{id}/claim", id, NULL)->rc,
                     RC_NOT_FOUND);
    assert_int_equal(call(enroll_routes, "POST", DEVICES "/{id}/unclaim", id, NULL)->rc,
                     RC_NOT_FOUND);
    assert_int_equal(call(device_routes, "GET", DEVICES "/{id}", id, NULL)->rc, RC_NOT_FOUND);
    assert_int_equal(call(device_routes, "PATCH", DEVICES "/{id}", id, "{}")->rc, RC_NOT_FOUND);
    assert_int_equal(told[BUS_DEVICE] + told[BUS_REVOKE], 0);
    swap_catalogs();
}

static void malformed_ids_are_not_found(void **state)
{
    (void)state;
    static const char *const ids[] = { "",
                                       "x",
                                       "0123456789ABCDEF0123456789abcdef",
                                       "%00",
                                       "0123456789abcdef0123456789abcdef0",
                                       "' OR 1=1 --" };

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(call(device_routes, "GET", DEVICES "/{id}", ids[i], NULL)->rc,
                         RC_NOT_FOUND);
        assert_int_equal(call(enroll_routes, "POST", DEVICES "/{id}/claim", ids[i], NULL)->rc,
                         RC_NOT_FOUND);
        assert_int_equal(call(enroll_routes, "POST", DEVICES "/{id}/unclaim", ids[i], NULL)->rc,
                         RC_NOT_FOUND);
    }
}

// ---------------------------------------------------------------- many

static void add_row(json_t *rows, const char *pem, const char *name)
{
    json_t *o = json_object();

    json_object_set_new(o, "publicKey", json_string(pem));
    if (name)
        json_object_set_new(o, "name", json_string(name));
    json_array_append_new(rows, o);
}

static struct model_answer *claim_rows(json_t *rows)
{
    json_auto_t *body = json_object();

    json_object_set(body, "devices", rows);
    auto_free char *text_of = json_dumps(body, 0);
    return call(enroll_routes, "POST", "/api/v1/catalogs/{catalog}/claims", NULL, text_of);
}

static int64_t number(const struct model_answer *a, const char *member)
{
    return json_integer_value(json_object_get(a->body, member));
}

static void five_hundred_devices_are_claimed_and_bad_rows_named_by_index(void **state)
{
    (void)state;
    json_auto_t *rows = json_array();

    for (int i = 0; i < 500; i++) {
        auto_free char *pem = model_key(i == 7 ? "P-384" : "P-256");
        add_row(rows, i == 300 ? "nonsense" : pem, i == 400 ? "tab\there" : NULL);
    }
    json_array_set(rows, 499, json_array_get(rows, 0));
    json_array_set_new(rows, 42, json_integer(42));
    begin();
    struct model_answer *a = claim_rows(rows);
    assert_int_equal(a->rc, RC_OK);
    assert_int_equal(number(a, "claimed"), 495);
    assert_int_equal(number(a, "already"), 0);
    assert_int_equal(a->audit_count, 495);
    json_t *problems = json_object_get(a->body, "problems");
    static const int bad[] = { 7, 42, 300, 400, 499 };
    assert_int_equal(json_array_size(problems), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(problems, i), "index")),
                         bad[i]);
    assert_int_equal(told[BUS_DEVICE], 495);
    a = claim_rows(rows);
    assert_int_equal(number(a, "claimed"), 0);
    assert_int_equal(number(a, "already"), 495);
    json_t *already = json_object_get(a->body, "alreadyAt");
    assert_int_equal(json_array_size(already), 495);
    assert_int_equal(json_integer_value(json_array_get(already, 7)), 8); // 7 is bad
    problems = json_object_get(a->body, "problems");
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(problems, i), "index")),
                         bad[i]);
    assert_true(a->no_audit);
    assert_int_equal(told[BUS_DEVICE], 495);
}

static void a_key_of_another_catalog_is_one_problem_of_the_batch(void **state)
{
    (void)state;
    json_auto_t *rows = json_array();
    auto_free char *foreign = model_key("P-256"), *mine = model_key("P-256");
    auto_free char *body = register_body(foreign, NULL);

    swap_catalogs();
    call(enroll_routes, "POST", DEVICES, NULL, body);
    swap_catalogs();
    add_row(rows, foreign, NULL);
    add_row(rows, mine, "mine");
    struct model_answer *a = claim_rows(rows);
    assert_int_equal(number(a, "claimed"), 1);
    json_t *problem = json_array_get(json_object_get(a->body, "problems"), 0);
    assert_int_equal(json_integer_value(json_object_get(problem, "index")), 0);
    assert_null(strstr(json_string_value(json_object_get(problem, "text")), "acme"));
    add_row(rows, "nonsense", NULL); // known before the foreign key is, and told after it
    a = claim_rows(rows);
    problem = json_array_get(json_object_get(a->body, "problems"), 1);
    assert_int_equal(json_integer_value(json_object_get(problem, "index")), 2);
}

static void none_are_refused_and_more_than_a_batch_becomes_a_job(void **state)
{
    (void)state;
    json_auto_t *rows = json_array();

    assert_int_equal(claim_rows(rows)->rc, RC_INVALID);
    for (int i = 0; i < 501; i++)
        json_array_append_new(rows, json_object());
    assert_int_equal(claim_rows(rows)->rc, RC_OK);
    assert_int_equal(answer.status, 202);
    assert_int_equal(json_integer_value(json_object_get(answer.body, "total")), 501);
    assert_string_equal(text(&answer, "state"), "waiting");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registered_key_becomes_a_device_that_has_shown_nothing),
        cmocka_unit_test(a_key_registered_twice_is_the_same_device_once),
        cmocka_unit_test(a_key_of_another_catalog_is_a_conflict_that_does_not_name_it),
        cmocka_unit_test(a_claim_is_told_once_and_a_second_one_is_a_conflict),
        cmocka_unit_test(an_unclaimed_device_is_revoked_and_starts_over),
        cmocka_unit_test(an_unclaim_resets_boot_and_sequence),
        cmocka_unit_test(a_device_of_another_catalog_is_not_found_whatever_is_asked),
        cmocka_unit_test(malformed_ids_are_not_found),
        cmocka_unit_test(five_hundred_devices_are_claimed_and_bad_rows_named_by_index),
        cmocka_unit_test(a_key_of_another_catalog_is_one_problem_of_the_batch),
        cmocka_unit_test(none_are_refused_and_more_than_a_batch_becomes_a_job),
    };
    int failed = cmocka_run_group_tests_name("enroll", tests, setup, teardown);
    model_answer_done(&answer);
    return failed;
}
