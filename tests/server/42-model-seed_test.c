// SPDX-License-Identifier: Apache-2.0
// threaded
//
// A seeded catalog, and what patterns and overview say of it.

#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/config.h"
#include "device/device.h"
#include "ingest/ingest.h"
#include "seed/seed.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define DEVICES  30000
#define ONE_MORE 25000 // in a second step, across chunks

static struct rest r;
static struct rest_browser viewer;
static const char *db;

static struct seed_result seeded(int64_t devices, enum rc wanted)
{
    const struct seed_options o = { .catalog = "demo", .devices = devices, .seed = 1 };
    struct seed_result done = { 0 };
    struct fault f = { 0 };
    enum rc rc = seed_run(db, &o, &done, &f);

    if (rc != wanted)
        fail_msg("%d %s", rc, f.text);
    return done;
}

static int open_all(void **state)
{
    (void)state;
    db = pg_fresh();
    rest_start(&r, db);
    rest_account(&r, "viewer", "viewer", "demo");
    viewer = rest_sign_in(&r, "viewer");
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    rest_stop(&r);
    return 0;
}

static json_t *get(const char *path)
{
    struct rest_answer *a = rest_as(&r, &viewer, "GET", path, NULL);

    if (a->status != 200)
        fail_msg("%s: %d %s", path, a->status, a->text);
    return a->body;
}

static void an_empty_catalog_needs_nothing(void **state)
{
    (void)state;
    json_t *o = get("/api/v1/catalogs/demo/patterns");
    assert_int_equal(json_array_size(json_object_get(o, "items")), 0);
    o = get("/api/v1/catalogs/demo/overview");
    assert_int_equal(json_array_size(json_object_get(o, "refusals")), 0);
    assert_int_equal(json_array_size(json_object_get(o, "needsYou")), 0);
    // The catalog's CA, its quarantine CA and the two roots; this server has no own certificate.
    assert_int_equal(json_array_size(json_object_get(o, "authorities")), 4);
}

static void seeding_stops_at_the_number_and_can_go_on(void **state)
{
    (void)state;
    struct seed_result done = seeded(ONE_MORE, RC_OK);
    assert_int_equal(done.added, ONE_MORE);
    done = seeded(DEVICES, RC_OK);
    assert_int_equal(done.there, ONE_MORE);
    assert_int_equal(done.added, DEVICES - ONE_MORE);
    done = seeded(DEVICES, RC_OK);
    assert_int_equal(done.added, 0);
    assert_int_equal(rest_sql(db, "SELECT count(*) FROM device"), DEVICES);
    assert_int_equal(rest_sql(db, "SELECT count(DISTINCT seat) FROM device"), DEVICES);
    assert_int_equal(rest_sql(db, "SELECT next_seat FROM catalog WHERE name = 'demo'"), DEVICES);
    assert_int_equal(rest_sql(db, "SELECT count(*) FROM product"), SEED_PRODUCTS);
    assert_int_equal(rest_sql(db, "SELECT count(*) FROM device_state WHERE reason NOT LIKE"
                                  " 'Seeded for demonstration%%'"),
                     0);
    assert_int_equal(rest_sql(db, "SELECT sum(n) FROM device_count WHERE dimension = 'all'"),
                     DEVICES);
    assert_int_equal(rest_sql(db, "SELECT sum(count) FROM audit WHERE action = 'seed'"), DEVICES);
}

static const json_t *pattern(const json_t *list, const char *state)
{
    json_t *p;
    size_t i;

    json_array_foreach (json_object_get(list, "items"), i, p)
        if (!strcmp(json_string_value(json_object_get(p, "state")), state))
            return p;
    fail_msg("no pattern of %s", state);
    return NULL;
}

static void the_four_things_that_are_wrong_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *state, *shape, *starts, *filter;
    } wanted[] = {
        { "offline", "wedge", "Cold chain, Luleå 2: ", "state=offline&site=Lule%C3%A5%202" },
        { "atRisk", "speckle", "HVAC node on 4.1.9: ", NULL },
        { "quarantined", "cluster", "Field gateway, batch 0441: ", "state=quarantined&batch=0441" },
        { "updating", "wedge", "Line sensor, Kiruna 3: ", "state=updating&site=Kiruna%203" },
    };
    json_t *list = get("/api/v1/catalogs/demo/patterns");

    assert_int_equal(json_array_size(json_object_get(list, "items")), 4);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const json_t *p = pattern(list, wanted[i].state);
        const char *text = json_string_value(json_object_get(p, "text"));
        if (strncmp(text, wanted[i].starts, strlen(wanted[i].starts)) != 0)
            fail_msg("%s", text);
        assert_string_equal(json_string_value(json_object_get(p, "shape")), wanted[i].shape);
        if (wanted[i].filter)
            assert_string_equal(json_string_value(json_object_get(p, "filter")), wanted[i].filter);
        assert_true(json_is_string(json_object_get(p, "ring")));
        assert_true(json_array_size(json_object_get(p, "seats")) > 0);
        assert_int_equal(
            rest_sql(db,
                     "SELECT count(*) FROM device_index WHERE seat = %lld"
                     " AND state <> 1",
                     (long long)json_integer_value(json_array_get(json_object_get(p, "seats"), 0))),
            1);
    }
}

static void what_needs_a_person_comes_worst_first(void **state)
{
    (void)state;
    json_t *o = get("/api/v1/catalogs/demo/overview"), *needs = json_object_get(o, "needsYou");
    json_t *first = json_array_get(needs, 0);

    assert_string_equal(json_string_value(json_object_get(first, "severity")), "high");
    assert_non_null(strstr(json_string_value(json_object_get(first, "title")), "batch 0441"));
    assert_string_equal(json_string_value(json_object_get(first, "page")), "devices");
    // The dark site and the risky version too; the update is as somebody wanted it.
    assert_true(json_array_size(needs) >= 3);
    for (size_t i = 0; i < json_array_size(needs); i++)
        assert_null(strstr(json_string_value(json_object_get(json_array_get(needs, i), "title")),
                           "updating"));
    assert_true(json_array_size(json_object_get(o, "refusals")) > 0);
}

static void an_arrival_and_an_overdue_renewal_need_a_person(void **state)
{
    (void)state;
    model_sql(db, "INSERT INTO arrival (catalog, fingerprint, public_key, window_id, remote)"
                  " SELECT id, repeat('ab', 32), '', 1, '192.0.2.7' FROM catalog"
                  " WHERE name = 'demo';"
                  "UPDATE device_state SET state = 3,"
                  " reason = 'Its certificate should have been renewed by now'"
                  " WHERE device = (SELECT min(device) FROM device_state WHERE state = 1)");
    json_t *o = get("/api/v1/catalogs/demo/overview"), *needs = json_object_get(o, "needsYou");
    int found = 0;

    assert_int_equal(json_integer_value(json_object_get(o, "renewalsOverdue")), 1);
    for (size_t i = 0; i < json_array_size(needs); i++) {
        const char *title = json_string_value(json_object_get(json_array_get(needs, i), "title"));
        found += !strcmp(title, "1 renewal is overdue") ||
                 !strcmp(title, "1 arrival waits to be claimed");
    }
    assert_int_equal(found, 2);
}

static void another_catalog_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(rest_as(&r, &viewer, "GET", "/api/v1/catalogs/acme/patterns", NULL)->status,
                     404);
    assert_int_equal(rest_as(&r, &viewer, "GET", "/api/v1/catalogs/acme/overview", NULL)->status,
                     404);
}

// Ingest looks at every state once when it starts, and each second after that.
static void a_restart_leaves_seeded_devices_as_they_were(void **state)
{
    (void)state;
    static const char healthy[] = "SELECT count(*) FROM device_state WHERE state = 1";
    int64_t before = rest_sql(db, "%s", healthy);
    struct ingest *g = NULL;
    struct fault f = { 0 };

    model_sql(db, "UPDATE device_state SET last_seen = now() - interval '2 days'");
    if (ingest_start(r.config, db, r.bus, &g, &f) != RC_OK)
        fail_msg("%s", f.text);
    for (int64_t until = clock_mono_ms() + 2500; clock_mono_ms() < until;)
        rest_sql(db, "SELECT 1 FROM pg_sleep(0.1)");
    ingest_stop(g);
    assert_int_equal(rest_sql(db, "%s", healthy), before);
}

static void a_catalog_with_real_devices_is_refused(void **state)
{
    (void)state;
    struct seed_options o = { .catalog = "demo", .devices = DEVICES + 10, .seed = 1 };
    struct seed_result done;
    struct fault f = { 0 };

    model_sql(db,
              "INSERT INTO device (catalog, device, seat, id, fingerprint) SELECT id, 1, 900000,"
              " repeat('ab', 16), repeat('ab', 32) FROM catalog WHERE name = 'demo'");
    assert_int_equal(seed_run(db, &o, &done, &f), RC_CONFLICT);
    assert_non_null(strstr(f.text, "--force"));
    o.devices = DEVICES; // they are there already: nothing is done, so nothing is refused
    assert_int_equal(seed_run(db, &o, &done, &f), RC_OK);
    assert_int_equal(done.added, 0);
    o.devices = DEVICES + 10;
    o.beside = "abababababababababababababababab";
    assert_int_equal(seed_run(db, &o, &done, &f), RC_OK);
    assert_int_equal(done.added, 10);
    o.catalog = "nowhere";
    assert_int_equal(seed_run(db, &o, &done, &f), RC_NOT_FOUND);
}

static int64_t facet_total(const char *query, bool *capped)
{
    char path[120];

    snprintf(path, sizeof path, "/api/v1/catalogs/demo/devices/facets?%s", query);
    json_t *o = get(path);
    *capped = json_is_true(json_object_get(o, "capped"));
    return json_integer_value(json_object_get(o, "total"));
}

static int64_t disagreements(void)
{
    auto_free char *sql = pg_script("tests/support/counters.sql");

    return rest_sql(db, "%s", sql);
}

static void a_filter_of_kinds_is_exact_until_nearly_each_device_is_its_own(void **state)
{
    (void)state;
    struct fault f = { 0 };
    bool capped;
    int64_t all = rest_sql(db, "SELECT count(*) FROM device WHERE lifecycle = 1");

    model_sql(db, "UPDATE catalog SET next_seat = 900001"); // of the device that was put in by hand
    assert_int_equal(facet_total("lifecycle=claimed", &capped), all);
    assert_false(capped);
    assert_int_equal(facet_total("lifecycle=claimed&tag=seeded:yes", &capped), 20000);
    assert_true(capped);
    model_sql(db, "UPDATE device SET tags = tags || jsonb_build_object('batch', seat::text)");
    assert_int_equal(disagreements(), 0);
    assert_int_equal(device_count_fold(r.store, &f), RC_OK);
    assert_int_equal(disagreements(), 0);
    assert_true(rest_sql(db, "SELECT count(*) FROM device_kind") <= all + 1);
    assert_int_equal(facet_total("lifecycle=claimed", &capped), 20000);
    assert_true(capped);
    assert_int_equal(facet_total("batch=7", &capped), 1);
    assert_int_equal(facet_total("lifecycle=claimed&exact=true", &capped), all);
    assert_false(capped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_catalog_needs_nothing),
        cmocka_unit_test(seeding_stops_at_the_number_and_can_go_on),
        cmocka_unit_test(the_four_things_that_are_wrong_are_named),
        cmocka_unit_test(what_needs_a_person_comes_worst_first),
        cmocka_unit_test(an_arrival_and_an_overdue_renewal_need_a_person),
        cmocka_unit_test(another_catalog_is_not_there),
        cmocka_unit_test(a_restart_leaves_seeded_devices_as_they_were),
        cmocka_unit_test(a_catalog_with_real_devices_is_refused),
        cmocka_unit_test(a_filter_of_kinds_is_exact_until_nearly_each_device_is_its_own),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
