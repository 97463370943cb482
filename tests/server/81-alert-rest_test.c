// SPDX-License-Identifier: Apache-2.0
//
// Alerts as people handle them: found, acknowledged, given away, silenced, resolved, by one at a
// time, in their own catalog.
//
// threaded

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/alert.h"
#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "job/runner.h"
#include "store/store.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define CATALOG "/api/v1/catalogs/demo"
#define ALERTS  CATALOG "/alerts"
#define ID      "0123456789abcdef0123456789abcdef"

static struct rest rest;
static char mine[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1], viewer[TOKEN_TEXT_LEN + 1];
static char admin[TOKEN_TEXT_LEN + 1];
static int32_t demo;
static int64_t vic;
static char alert[24]; // the one that each test begins with

#define SQL(...) rest_sql(pg_conninfo(), __VA_ARGS__)

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "ada", "operator", "demo", mine);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    rest_token(&rest, "max", "admin", "demo", admin);
    rest_token(&rest, "vic", "viewer", "demo", viewer);
    vic = SQL("SELECT id FROM account WHERE name = 'vic'");
    demo = (int32_t)SQL("SELECT id FROM catalog WHERE name = 'demo'");
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat) VALUES "
              "(%d, 1, '" ID "', '" ID ID "', '', 0)",
              demo);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static void raise_again(const char *key, enum alert_severity severity, int64_t device)
{
    const struct alert_hit h = { .device = device,
                                 .at = clock_now_ms(),
                                 .evidence = "{\"value\":71}" };
    const struct alert_cause c = { .catalog = demo,
                                   .key = key,
                                   .source = "rule",
                                   .code = "rule",
                                   .severity = severity,
                                   .title = "Too hot" };
    struct store *tx = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_begin(rest.store, &tx, &f), RC_OK);
    assert_int_equal(alert_raise(tx, &c, &h, 1, &f), RC_OK);
    assert_int_equal(store_commit(tx, &f), RC_OK);
}

static int begin(void **state)
{
    (void)state;
    model_sql(pg_conninfo(),
              "TRUNCATE alert, alert_device, alert_history, alert_outbox, alert_mark");
    raise_again("rule:1", ALERT_HIGH, 1);
    snprintf(alert, sizeof alert, "%lld", (long long)SQL("SELECT id FROM alert"));
    return 0;
}

// ---------------------------------------------------------------- helpers

static int get(const char *token, const char *path)
{
    const struct rest_ask a = { .path = path, .token = token };

    return rest_ask(&rest, &a)->status;
}

static int show(const char *token)
{
    char path[100];

    snprintf(path, sizeof path, ALERTS "/%s", alert);
    return get(token, path);
}

static int act_at(const char *token, const char *verb, const char *version, const char *body)
{
    char path[120];
    const struct rest_ask a = {
        .method = "POST", .path = path, .token = token, .body = body, .if_match = version
    };

    snprintf(path, sizeof path, ALERTS "/%s/%s", alert, verb);
    return rest_ask(&rest, &a)->status;
}

// As the alert is now.
static int act(const char *token, const char *verb, const char *body)
{
    char version[24];

    snprintf(version, sizeof version, "\"%lld\"",
             (long long)SQL("SELECT version FROM alert WHERE id = %s", alert));
    return act_at(token, verb, version, body);
}

static size_t found(const char *query)
{
    char path[200];

    snprintf(path, sizeof path, ALERTS "?%s", query);
    assert_int_equal(get(mine, path), 200);
    return json_array_size(rest_member("items"));
}

// ---------------------------------------------------------------- reading

static void an_alert_is_shown_with_what_it_says(void **state)
{
    (void)state;
    assert_int_equal(show(viewer), 200);
    assert_string_equal(rest_text("state"), "open");
    assert_string_equal(rest_text("severity"), "high");
    assert_string_equal(rest_text("title"), "Too hot");
    assert_int_equal(json_integer_value(rest_member("devices")), 1);
    assert_int_equal(json_integer_value(json_object_get(rest_member("evidence"), "value")), 71);
    assert_string_equal(rest_header("ETag"), "\"1\"");
}

static void another_catalogs_alert_does_not_exist(void **state)
{
    (void)state;
    char path[200];

    assert_int_equal(show(foreign), 404);
    snprintf(path, sizeof path, "/api/v1/catalogs/acme/alerts/%s", alert);
    assert_int_equal(get(foreign, path), 404);
    snprintf(path, sizeof path, "/api/v1/catalogs/acme/alerts/%s/history", alert);
    assert_int_equal(get(foreign, path), 404);
    assert_int_equal(get(mine, ALERTS "/9999999999999999999999"), 404);
    assert_int_equal(get(mine, ALERTS "/x"), 404);
    snprintf(path, sizeof path, "/api/v1/catalogs/acme/alerts/%s/acknowledge", alert);
    assert_int_equal(rest_ask(&rest, &(struct rest_ask){ .method = "POST",
                                                         .path = path,
                                                         .token = foreign,
                                                         .if_match = "\"1\"" })
                         ->status,
                     404);
    assert_int_equal(SQL("SELECT count(*) FROM alert WHERE acknowledged_at IS NOT NULL"), 0);
}

static void the_list_is_filtered_by_what_it_is_asked_for(void **state)
{
    (void)state;
    raise_again("rule:2", ALERT_LOW, 2);
    raise_again("rule:3", ALERT_CRITICAL, 0);
    assert_int_equal(found(""), 3);
    assert_int_equal(found("severity=high,low"), 2);
    assert_int_equal(found("state=open&source=rule&owner=none"), 3);
    assert_int_equal(found("owner=me"), 0);
    assert_int_equal(found("state=resolved,silenced"), 0);
    assert_int_equal(found("device=" ID), 1);
    model_sql(pg_conninfo(), "UPDATE alert SET code = 'T18' WHERE key = 'rule:2'");
    assert_int_equal(found("code=T18"), 1);
    assert_int_equal(found("code=T1"), 0);
    assert_int_equal(found("code=T18&severity=high"), 0);
    assert_int_equal(found("sort=severity"), 3);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(rest_member("items"), 0), "severity")),
        "critical");
}

static void the_list_tells_of_one_rule_and_of_one_time(void **state)
{
    (void)state;
    raise_again("rule:2", ALERT_LOW, 2);
    model_sql(pg_conninfo(), "UPDATE alert SET rule = 7, opened_at = to_timestamp(1000), "
                             "resolved_at = to_timestamp(2000) WHERE key = 'rule:2'");
    assert_int_equal(found("rule=7"), 1);
    assert_int_equal(found("rule=8"), 0);
    assert_int_equal(found("from=1500000&to=1600000"), 1);
    assert_int_equal(found("from=2000000&to=2600000"), 1);
    assert_int_equal(found("from=2000001&to=2600000"), 0);
    assert_int_equal(found("to=999999"), 0);
    assert_int_equal(found("to=1000000"), 1);
    assert_int_equal(found("from=-1h"), 1);
    assert_int_equal(found("from=-1h&rule=7"), 0);
    assert_int_equal(found("from=1000000"), 2);
}

static void the_list_is_paged_in_both_orders(void **state)
{
    (void)state;
    static const char *const orders[] = { "severity", "newest" };
    char path[400], seen[3][24];

    raise_again("rule:2", ALERT_LOW, 2);
    raise_again("rule:3", ALERT_CRITICAL, 0);
    for (size_t o = 0; o < 2; o++) {
        snprintf(path, sizeof path, ALERTS "?limit=1&sort=%s", orders[o]);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(get(mine, path), 200);
            const json_t *one = json_array_get(rest_member("items"), 0);

            snprintf(seen[i], sizeof seen[i], "%s", json_string_value(json_object_get(one, "id")));
            snprintf(path, sizeof path, ALERTS "?limit=1&sort=%s&cursor=%s", orders[o],
                     rest_text("next"));
        }
        assert_string_equal(rest_text("next"), "");
        assert_string_not_equal(seen[0], seen[1]);
        assert_string_not_equal(seen[1], seen[2]);
    }
}

static void what_the_list_does_not_know_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "state=on",
        "state=open,",
        "severity=5",
        "source=me",
        "owner=ada",
        "owner=-1",
        "sort=title",
        "device=xyz",
        "limit=0",
        "severity=low,low,low,low,low,low"
        ",low,low,low,low,low,low,low,low,low,low,low,low,low,low,low,low,low,low,low",
        "source=rulerulerulerule",
        "rule=hot",
        "rule=0",
        "rule=99999999999999999999",
        "from=soon",
        "from=now&to=-1h",
        "to=2026-13-45",
        "code=T18T18T18T18T18T18T18T18T18T18T18T18T18T18",
    };
    char path[300];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(path, sizeof path, ALERTS "?%s", bad[i]);
        int status = get(mine, path);

        if (status != 400 && status != 404)
            fail_msg("%s: %d", bad[i], status);
    }
}

static void the_summary_counts_and_tells_since_when_it_is_quiet(void **state)
{
    (void)state;
    raise_again("rule:2", ALERT_LOW, 2);
    assert_int_equal(get(viewer, CATALOG "/alert-summary"), 200);
    assert_int_equal(json_integer_value(rest_member("high")), 1);
    assert_int_equal(json_integer_value(rest_member("low")), 1);
    assert_true(json_is_null(rest_member("quietSince")));
    assert_int_equal(act(mine, "resolve", "{}"), 200);
    assert_int_equal(get(viewer, CATALOG "/alert-summary"), 200);
    assert_int_equal(json_integer_value(rest_member("high")), 0);
    assert_true(json_is_string(rest_member("quietSince")));
}

static size_t devices_found(const char *of)
{
    char path[200];

    snprintf(path, sizeof path, CATALOG "/devices?alert=%s", of);
    assert_int_equal(get(mine, path), 200);
    return json_array_size(rest_member("items"));
}

static void devices_are_found_by_the_alert_they_show(void **state)
{
    (void)state;
    assert_int_equal(devices_found(alert), 1);
    assert_int_equal(devices_found("999999"), 0);
    assert_int_equal(get(mine, CATALOG "/devices?alert=x"), 400);
    assert_int_equal(get(mine, CATALOG "/devices/facets?alert=1&alert=2"), 400);
    raise_again("rule:2", ALERT_LOW, 0);
    model_sql(pg_conninfo(), "UPDATE alert_device SET cleared_at = now() WHERE device = 1");
    assert_int_equal(devices_found(alert), 0);
    assert_int_equal(act(mine, "resolve", NULL), 200);
    assert_int_equal(devices_found(alert), 1); // that did
}

// ---------------------------------------------------------------- handling

static void who_acknowledges_is_named_and_only_once(void **state)
{
    (void)state;
    assert_int_equal(act(mine, "acknowledge", NULL), 200);
    assert_string_equal(rest_text("state"), "acknowledged");
    assert_string_equal(rest_text("acknowledgedBy"), "ada");
    assert_int_equal(act(mine, "acknowledge", "{\"note\":\"me too\"}"), 409);
    assert_int_equal(SQL("SELECT count(*) FROM alert_history WHERE act = 'acknowledged'"), 1);
    assert_int_equal(SQL("SELECT count(*) FROM audit WHERE object = 'alert %s'", alert), 1);
}

static void a_viewer_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(act(viewer, "acknowledge", NULL), 403);
    assert_int_equal(act(viewer, "resolve", NULL), 403);
    assert_int_equal(act(viewer, "comments", "{\"note\":\"x\"}"), 403);
    assert_int_equal(get(viewer, CATALOG "/alert-owners"), 403);
    assert_int_equal(SQL("SELECT version FROM alert"), 1);
}

static void what_was_seen_has_to_be_what_is_there(void **state)
{
    (void)state;
    assert_int_equal(act_at(mine, "acknowledge", NULL, NULL), 428);
    assert_int_equal(act(mine, "acknowledge", NULL), 200);
    assert_int_equal(act_at(mine, "resolve", "\"1\"", NULL), 412);
    assert_int_equal(act_at(mine, "silence", "\"1\"", "{\"minutes\":5}"), 412);
    assert_int_equal(SQL("SELECT count(*) FROM alert WHERE resolved_at IS NOT NULL"), 0);
}

static void more_hits_do_not_make_what_was_seen_stale(void **state)
{
    (void)state;
    raise_again("rule:1", ALERT_HIGH, 2);
    raise_again("rule:1", ALERT_HIGH, 3);
    assert_int_equal(act_at(mine, "acknowledge", "\"1\"", NULL), 200);
    assert_int_equal(json_integer_value(rest_member("devices")), 3);
}

static void it_is_given_to_who_may_handle_it(void **state)
{
    (void)state;
    char body[60];
    int64_t ada = SQL("SELECT id FROM account WHERE name = 'ada'");
    int64_t eve = SQL("SELECT id FROM account WHERE name = 'eve'");

    snprintf(body, sizeof body, "{\"account\":\"%lld\"}", (long long)ada);
    assert_int_equal(act(mine, "assign", body), 200);
    assert_string_equal(rest_text("state"), "assigned");
    assert_string_equal(json_string_value(json_object_get(rest_member("assignee"), "name")), "ada");
    assert_int_equal(found("owner=me"), 1);
    snprintf(body, sizeof body, "{\"account\":\"%lld\"}", (long long)vic);
    assert_int_equal(act(mine, "assign", body), 400);
    snprintf(body, sizeof body, "{\"account\":\"%lld\"}", (long long)eve);
    assert_int_equal(act(mine, "assign", body), 400);
    assert_int_equal(act(mine, "assign", "{\"account\":\"999999\"}"), 400);
    assert_int_equal(act(mine, "assign", "{\"account\":\"x\"}"), 400);
    assert_int_equal(act(mine, "assign", "{\"account\":7}"), 400);
    assert_int_equal(act(mine, "assign", "{\"account\":null}"), 200);
    assert_string_equal(rest_text("state"), "acknowledged");
    assert_int_equal(get(mine, CATALOG "/alert-owners"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 2); // and the admin
}

static void silence_has_an_end_that_is_not_far(void **state)
{
    (void)state;
    assert_int_equal(act(mine, "silence", "{\"minutes\":5256000}"), 400); // ten years
    assert_int_equal(act(mine, "silence", "{\"minutes\":-1}"), 400);
    assert_int_equal(act(mine, "silence", "{\"minutes\":1.5}"), 400);
    assert_int_equal(act(mine, "silence", "{}"), 400);
    assert_int_equal(act(mine, "silence", "{\"minutes\":60}"), 200);
    assert_string_equal(rest_text("state"), "silenced");
    assert_int_equal(act(mine, "silence", "{\"minutes\":0}"), 200);
    assert_string_equal(rest_text("state"), "open");
}

static void a_silenced_alert_wakes_by_itself_and_is_heard_again(void **state)
{
    (void)state;
    struct fault f = { 0 };

    assert_int_equal(act(mine, "silence", "{\"minutes\":60}"), 200);
    SQL("DELETE FROM alert_outbox");
    raise_again("rule:1", ALERT_CRITICAL, 1);
    assert_int_equal(alert_upkeep(rest.store, &f), RC_OK);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox"), 0);
    model_sql(pg_conninfo(), "UPDATE alert SET silenced_until = now() - interval '1 second'");
    assert_int_equal(alert_upkeep(rest.store, &f), RC_OK);
    assert_int_equal(alert_upkeep(rest.store, &f), RC_OK);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox WHERE change = 'opened'"), 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_history WHERE act = 'woken'"), 1);
    assert_int_equal(show(mine), 200);
    assert_string_equal(rest_text("state"), "open");
}

static void what_nobody_clears_ends_when_nothing_is_heard(void **state)
{
    (void)state;
    struct fault f = { 0 };

    SQL("UPDATE alert SET lasts_s = 60 RETURNING 1");
    assert_int_equal(alert_upkeep(rest.store, &f), RC_OK);
    assert_int_equal(SQL("SELECT count(*) FROM alert WHERE resolved_at IS NULL"), 1);
    model_sql(pg_conninfo(), "UPDATE alert SET last_at = now() - interval '2 minutes';"
                             "UPDATE alert_device SET last_at = now() - interval '2 minutes'");
    assert_int_equal(alert_upkeep(rest.store, &f), RC_OK);
    assert_int_equal(SQL("SELECT count(*) FROM alert WHERE resolved_at IS NULL"), 0);
    assert_int_equal(SQL("SELECT count(*) FROM alert_device WHERE cleared_at IS NULL"), 0);
}

static void what_is_resolved_by_hand_comes_back_loudly(void **state)
{
    (void)state;
    assert_int_equal(act(mine, "resolve", "{\"note\":\"Fan replaced\"}"), 200);
    assert_string_equal(rest_text("state"), "resolved");
    assert_string_equal(rest_text("resolvedBy"), "ada");
    assert_int_equal(act(mine, "resolve", NULL), 409);
    assert_int_equal(act(mine, "acknowledge", NULL), 409);
    assert_int_equal(act(mine, "silence", "{\"minutes\":5}"), 409);
    raise_again("rule:1", ALERT_HIGH, 1);
    assert_int_equal(show(mine), 200);
    assert_string_equal(rest_text("state"), "open");
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox WHERE change = 'opened'"), 2);
}

static void its_history_says_who_did_what(void **state)
{
    (void)state;
    char path[100];

    assert_int_equal(act(mine, "comments", "{\"note\":\"Looking at it\"}"), 200);
    assert_int_equal(act(mine, "comments", "{\"note\":\"\"}"), 400);
    assert_int_equal(act(mine, "comments", "{\"note\":\"a\\u0007b\"}"), 400);
    assert_int_equal(act(mine, "comments", "{\"note\":\"a\\u0000b\"}"), 400);
    assert_int_equal(act(mine, "resolve", NULL), 200);
    snprintf(path, sizeof path, ALERTS "/%s/history", alert);
    assert_int_equal(get(viewer, path), 200);
    const json_t *items = rest_member("items");

    assert_int_equal(json_array_size(items), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 1), "detail")),
                        "Looking at it");
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 1), "actor")),
                        "ada");
}

// ---------------------------------------------------------------- reach and remedies

// Devices 2 to n+1: of the first 40 of a hundred, all at one site.
static void a_fleet(int n)
{
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, lifecycle,"
              " tags) SELECT %d, 1 + i, lpad(to_hex(i), 32, '0'), lpad(to_hex(i), 64, '0'), '', i,"
              " 1, CASE WHEN i <= 40 THEN '{\"site\":\"Kiruna\"}'::jsonb"
              " ELSE '{\"site\":\"Oslo\"}' END FROM generate_series(1, %d) i"
              " ON CONFLICT DO NOTHING;"
              "INSERT INTO device_state (catalog, device) SELECT catalog, device FROM device"
              " ON CONFLICT DO NOTHING;"
              "INSERT INTO device_trust (catalog, device) SELECT catalog, device FROM device"
              " ON CONFLICT DO NOTHING;"
              "UPDATE device_trust SET by_hand = NULL",
              demo, n);
}

static void raise_threat(int from, int to)
{
    const struct alert_cause c = { .catalog = demo,
                                   .key = "threat:T12",
                                   .source = "threat",
                                   .code = "T12",
                                   .severity = ALERT_LOW,
                                   .title = "Evidence was replayed" };
    struct alert_hit hits[100];
    struct store *tx = NULL;
    struct fault f = { 0 };
    size_t n = 0;

    for (int i = from; i <= to; i++)
        hits[n++] = (struct alert_hit){ .device = 1 + i, .at = clock_now_ms() };
    assert_int_equal(store_begin(rest.store, &tx, &f), RC_OK);
    assert_int_equal(alert_raise(tx, &c, hits, n, &f), RC_OK);
    assert_int_equal(store_commit(tx, &f), RC_OK);
    snprintf(alert, sizeof alert, "%lld",
             (long long)SQL("SELECT id FROM alert WHERE code = 'T12'"));
}

static void its_reach_names_what_its_devices_share(void **state)
{
    (void)state;
    char path[200];

    a_fleet(100);
    raise_threat(1, 38);
    snprintf(path, sizeof path, ALERTS "/%s/reach", alert);
    assert_int_equal(get(viewer, path), 200);
    assert_int_equal(json_integer_value(rest_member("devices")), 38);
    const json_t *first = json_array_get(rest_member("standsOut"), 0);

    assert_string_equal(json_string_value(json_object_get(first, "label")), "Kiruna");
    assert_string_equal(json_string_value(json_object_get(first, "text")),
                        "All 38 are at site Kiruna");
    assert_non_null(strstr(json_string_value(json_object_get(first, "filter")), "&site=Kiruna"));
    assert_non_null(strstr(rest_text("text"), "; most of all Kiruna"));
    snprintf(path, sizeof path, "/api/v1/catalogs/acme/alerts/%s/reach", alert);
    assert_int_equal(get(foreign, path), 404);
    snprintf(path, sizeof path, CATALOG "/devices/facets?alert=%s", alert);
    assert_int_equal(get(mine, path), 200);
}

static int step(const char *token, const char *n, const char *verb, const char *body)
{
    char path[200];
    const struct rest_ask a = { .method = "POST", .path = path, .token = token, .body = body };

    snprintf(path, sizeof path, ALERTS "/%s/remedies/%s/%s", alert, n, verb);
    return rest_ask(&rest, &a)->status;
}

static void a_step_is_looked_at_before_it_is_done(void **state)
{
    (void)state;
    a_fleet(100);
    raise_threat(1, 10);
    SQL("UPDATE device_trust SET by_hand = 'x' WHERE device = 2 AND catalog = %d RETURNING 1",
        demo);
    assert_int_equal(show(mine), 200);
    assert_int_equal(json_array_size(rest_member("steps")), 3);
    assert_int_equal(step(admin, "1", "preview", NULL), 200);
    assert_int_equal(json_integer_value(rest_member("total")), 10);
    assert_int_equal(json_integer_value(rest_member("changes")), 9);
    assert_int_equal(step(mine, "1", "preview", NULL), 403); // an operator
    assert_int_equal(step(viewer, "1", "run", "{\"expect\":10}"), 403);
    assert_int_equal(step(admin, "0", "preview", NULL), 404);
    assert_int_equal(step(admin, "4", "preview", NULL), 404);
    assert_int_equal(step(admin, "x", "preview", NULL), 404);
    assert_int_equal(step(admin, "1", "run", NULL), 400);
    assert_int_equal(step(admin, "1", "run", "{}"), 400);
    assert_int_equal(step(admin, "1", "run", "{\"expect\":3}"), 409);
    assert_int_equal(SQL("SELECT count(*) FROM job"), 0);
    begin(NULL);
    assert_int_equal(step(admin, "1", "preview", NULL), 400); // a person's
}

// Until all are done and the alert's history says so.
static void let_jobs_run(void)
{
    const struct job_services services = { .roster = rest.services.roster, .bus = rest.bus };
    struct job_runner *runner = NULL;
    struct fault f = { 0 };
    int64_t until = clock_mono_ms() + 30000;

    assert_int_equal(job_runner_new(pg_conninfo(), rest.store, &services, &runner, &f), RC_OK);
    assert_int_equal(job_runner_start(runner, &f), RC_OK);
    while (SQL("SELECT count(*) FROM job WHERE state <> 'done'") > 0 && clock_mono_ms() < until)
        usleep(20000);
    job_runner_stop(runner);
    job_runner_free(runner);
    assert_int_equal(alert_upkeep(rest.store, &f), RC_OK);
}

static void what_became_of_a_remedy_is_in_the_history(void **state)
{
    (void)state;
    struct fault f = { 0 };

    a_fleet(100);
    raise_threat(1, 10);
    assert_int_equal(step(admin, "1", "run", "{\"expect\":10}"), 202);
    let_jobs_run();
    assert_int_equal(alert_upkeep(rest.store, &f), RC_OK);
    assert_int_equal(SQL("SELECT count(*) FROM device_trust WHERE by_hand = 'Alert %s: Evidence was"
                         " replayed'",
                         alert),
                     10);
    assert_int_equal(SQL("SELECT count(*) FROM alert_history WHERE act = 'remedy' AND detail ="
                         " 'Quarantine 10 devices: done; changed 10, unchanged 0, refused 0'"
                         " AND actor = 'max'"),
                     1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_history WHERE act = 'remedy'"), 2);
}

static void hear_of_levels(void *ctx, const struct bus_event *e)
{
    if (e->kind == BUS_LEVELS && e->catalog == demo)
        atomic_fetch_add((atomic_int *)ctx, 1);
}

static void a_step_lets_its_devices_say_more_for_a_while(void **state)
{
    (void)state;
    static atomic_int heard;

    bus_subscribe(rest.bus, hear_of_levels, &heard);
    a_fleet(20);
    raise_threat(1, 10);
    SQL("UPDATE alert SET code = 'T18' WHERE catalog = %d RETURNING 1", demo);
    SQL("UPDATE device SET lifecycle = 2 WHERE catalog = %d AND device = 3 RETURNING 1", demo);
    assert_int_equal(step(viewer, "2", "preview", NULL), 403);
    assert_int_equal(step(mine, "2", "preview", NULL), 200); // an operator
    int64_t total = json_integer_value(rest_member("total"));
    char body[40];
    snprintf(body, sizeof body, "{\"expect\":%lld}", (long long)total);
    assert_int_equal(step(mine, "2", "run", body), 202);
    assert_int_equal(SQL("SELECT count(*) FROM log_level"), 0);
    let_jobs_run();
    assert_int_equal(
        SQL("SELECT count(*) FROM log_level WHERE catalog = %d AND level = 3"
            " AND device BETWEEN 2 AND 11 AND device <> 3"
            " AND until BETWEEN now() + interval '29 min' AND now() + interval '30 min'",
            demo),
        9);
    assert_int_equal(SQL("SELECT count(*) FROM log_level"), 9);
    assert_int_equal(SQL("SELECT count(*) FROM alert_history WHERE act = 'remedy' AND detail LIKE"
                         " 'Set the log level of %% to debug for 30 minutes: done; changed 9,%%'"),
                     1);
    assert_true(atomic_load(&heard) >= 1);
    SQL("UPDATE device SET lifecycle = 1 WHERE catalog = %d AND device = 3 RETURNING 1", demo);
}

static void a_device_shows_evidence_anew_when_asked(void **state)
{
    (void)state;
    char path[200];
    struct rest_ask a = { .method = "POST", .path = path, .token = mine };
    int before = rest.told[BUS_REVOKE];

    a_fleet(100);
    SQL("UPDATE device_trust SET cert_kind = 1 WHERE device = 2 RETURNING 1");
    snprintf(path, sizeof path, CATALOG "/devices/%032x/reattest", 1);
    assert_int_equal(rest_ask(&rest, &a)->status, 403);
    a.token = admin;
    assert_int_equal(rest_ask(&rest, &a)->status, 200);
    assert_int_equal(rest.told[BUS_REVOKE], before + 1);
    assert_int_equal(SQL("SELECT count(*) FROM device d JOIN device_trust t USING (catalog, device)"
                         " WHERE d.device = 2 AND d.refused_before IS NOT NULL"
                         " AND t.cert_kind IS NULL AND t.by_hand IS NULL"),
                     1);
    a.token = foreign;
    assert_int_equal(rest_ask(&rest, &a)->status, 404);
}

struct racer {
    const char *verb;
    int status;
};

static void *race(void *arg)
{
    struct racer *r = arg;

    r->status = act_at(mine, r->verb, "\"1\"", NULL);
    rest_answer_free();
    return NULL;
}

static void of_two_at_once_one_wins(void **state)
{
    (void)state;
    struct racer a = { "acknowledge", 0 }, b = { "resolve", 0 };
    pthread_t one, two;

    assert_int_equal(pthread_create(&one, NULL, race, &a), 0);
    assert_int_equal(pthread_create(&two, NULL, race, &b), 0);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    assert_true((a.status == 200) != (b.status == 200));
    assert_true(a.status == 412 || b.status == 412);
    assert_int_equal(SQL("SELECT count(*) FROM alert_history WHERE act <> 'opened'"), 1);
}

int main(void)
{
#define IT(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        IT(an_alert_is_shown_with_what_it_says),
        IT(another_catalogs_alert_does_not_exist),
        IT(the_list_is_filtered_by_what_it_is_asked_for),
        IT(the_list_tells_of_one_rule_and_of_one_time),
        IT(the_list_is_paged_in_both_orders),
        IT(what_the_list_does_not_know_is_refused),
        IT(the_summary_counts_and_tells_since_when_it_is_quiet),
        IT(devices_are_found_by_the_alert_they_show),
        IT(who_acknowledges_is_named_and_only_once),
        IT(a_viewer_changes_nothing),
        IT(what_was_seen_has_to_be_what_is_there),
        IT(more_hits_do_not_make_what_was_seen_stale),
        IT(it_is_given_to_who_may_handle_it),
        IT(silence_has_an_end_that_is_not_far),
        IT(a_silenced_alert_wakes_by_itself_and_is_heard_again),
        IT(what_nobody_clears_ends_when_nothing_is_heard),
        IT(what_is_resolved_by_hand_comes_back_loudly),
        IT(its_history_says_who_did_what),
        IT(its_reach_names_what_its_devices_share),
        IT(a_step_is_looked_at_before_it_is_done),
        IT(what_became_of_a_remedy_is_in_the_history),
        IT(a_step_lets_its_devices_say_more_for_a_while),
        IT(a_device_shows_evidence_anew_when_asked),
        IT(of_two_at_once_one_wins),
    };

    return cmocka_run_group_tests_name("alerts over REST", tests, setup, teardown);
}
