// SPDX-License-Identifier: Apache-2.0
// threaded
//
// From an alert to a receiver: once, in order, late where nobody acknowledges, and never held up
// by somebody else's server.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/alert.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/config.h"
#include "notify/delivery.h"
#include "notify/notifier.h"
#include "notify/sign.h"
#include "store/store.h"
#include "support/catcher.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define ROUTES   "/api/v1/catalogs/demo/notification-routes"
#define WAIT_MS  30000
#define SQL(...) rest_sql(pg_conninfo(), __VA_ARGS__)

static struct rest rest;
static struct rest_browser ada;
static struct catcher good, bad;
static struct notifier *notifier;
static int32_t demo;
static char secret[80]; // of the route added last

static void start_notifier(int64_t total_ms)
{
    struct fault f = { 0 };

    if (notifier_start(&(struct notifier_options){ .conninfo = pg_conninfo(),
                                                   .store = rest.store,
                                                   .keeper = rest.keeper,
                                                   .config = rest.config,
                                                   .connect_ms = total_ms,
                                                   .total_ms = total_ms },
                       &notifier, &f) != RC_OK)
        fail_msg("%s", f.text);
}

static int up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    setenv("ORRERY_NOTIFY_ALLOW", "127.0.0.1", 1);
    setenv("ORRERY_NOTIFY_LINK", "https://orrery.example/", 1);
    rest_start(&rest, pg_conninfo());
    demo = (int32_t)SQL("SELECT id FROM catalog WHERE name = 'demo'");
    rest_account(&rest, "ada", "admin", "demo");
    ada = rest_sign_in(&rest, "ada");
    return 0;
}

static int down(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static int before(void **state)
{
    (void)state;
    model_sql(pg_conninfo(), "TRUNCATE notification_route, notification_delivery, alert_outbox,"
                             " alert, alert_device, alert_history, alert_mark");
    model_sql(pg_conninfo(), "UPDATE catalog SET alert_calm_s = 0");
    catcher_start(&good);
    catcher_start(&bad);
    return 0;
}

static int after(void **state)
{
    (void)state;
    notifier_stop(notifier);
    notifier = NULL;
    catcher_stop(&good);
    catcher_stop(&bad);
    return 0;
}

// more: further members, ",\"x\":1".
static int64_t add_route(const char *name, const struct catcher *to, const char *more)
{
    char body[600];

    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"kind\":\"webhook\",\"url\":\"http://127.0.0.1:%d/%s\"%s}", name,
             to->port, name, more);
    if (rest_as(&rest, &ada, "POST", ROUTES, body)->status != 201)
        fail_msg("%s", rest_text("detail"));
    snprintf(secret, sizeof secret, "%s", rest_text("secret"));
    return strtoll(rest_text("id"), NULL, 10);
}

static void raise_hits(const char *key, enum alert_severity severity, int64_t first, size_t count)
{
    struct alert_hit *hits = calloc(count, sizeof *hits);
    struct alert_cause cause = { .catalog = demo,
                                 .key = key,
                                 .source = "rule",
                                 .code = "rule",
                                 .severity = severity,
                                 .title = "Pumps run hot: 90 °C" };
    struct store *tx = NULL;
    struct fault f = { 0 };

    for (size_t i = 0; i < count; i++)
        hits[i] = (struct alert_hit){ .device = first + (int64_t)i, .at = clock_now_ms() - 1000 };
    assert_int_equal(store_begin(rest.store, &tx, &f), RC_OK);
    if (alert_raise(tx, &cause, hits, count, &f) != RC_OK)
        fail_msg("%s", f.text);
    assert_int_equal(store_commit(tx, &f), RC_OK);
    free(hits);
    notifier_wake(notifier);
}

static void clear(const char *key)
{
    struct store *tx = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_begin(rest.store, &tx, &f), RC_OK);
    assert_int_equal(alert_clear(tx, demo, key, NULL, 0, clock_now_ms(), &f), RC_OK);
    assert_int_equal(store_commit(tx, &f), RC_OK);
    notifier_wake(notifier);
}

static void until(int64_t n, const char *sql)
{
    int64_t end = clock_mono_ms() + WAIT_MS;

    while (SQL("%s", sql) != n) {
        if (clock_mono_ms() > end)
            fail_msg("%s is %lld", sql, (long long)SQL("%s", sql));
        usleep(5000);
    }
}

// What waits for its next attempt is due now.
static void hurry(void)
{
    model_sql(pg_conninfo(), "UPDATE notification_delivery SET next_at = now()"
                             " WHERE next_at IS NOT NULL AND state <> 'held';"
                             "UPDATE notification_route SET hold_until = NULL");
    notifier_wake(notifier);
}

static json_t *event_of(struct catcher *c, int n)
{
    const struct caught *r = catcher_wait(c, n);

    assert_non_null(r);
    json_t *o = json_loads(r->body, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    return o;
}

static const char *text_of(json_t *o, const char *member)
{
    const char *text = json_string_value(json_object_get(o, member));

    return text ? text : "";
}

// ---------------------------------------------------------------- stories

static void an_alert_is_a_signed_cloud_event(void **state)
{
    char expected[SIGN_SIZE], link[100];
    struct fault f = { 0 };

    (void)state;
    add_route("hook", &good, "");
    start_notifier(20000);
    raise_hits("rule:1", ALERT_HIGH, 100, 3);
    json_auto_t *e = event_of(&good, 0);
    const struct caught *r = catcher_wait(&good, 0);
    json_t *data = json_object_get(e, "data");
    assert_string_equal(caught_header(r, "Content-Type"), "application/cloudevents+json");
    assert_string_equal(text_of(e, "specversion"), "1.0");
    assert_string_equal(text_of(e, "type"), "orrery.alert.opened");
    assert_string_equal(text_of(e, "source"), "https://orrery.example/c/demo");
    assert_int_equal(strlen(text_of(e, "id")), 36);
    assert_string_equal(text_of(data, "title"), "Pumps run hot: 90 °C");
    assert_string_equal(text_of(data, "severity"), "high");
    assert_int_equal(json_integer_value(json_object_get(data, "devices")), 3);
    snprintf(link, sizeof link, "https://orrery.example/c/demo/alerts/%lld",
             (long long)SQL("SELECT id FROM alert"));
    assert_string_equal(text_of(data, "url"), link);
    char signature[SIGN_SIZE];
    snprintf(signature, sizeof signature, "%s", caught_header(r, SIGN_NAME));
    assert_memory_equal(signature, "t=", 2);
    assert_int_equal(sign_header(secret, strtoll(signature + 2, NULL, 10), r->body, strlen(r->body),
                                 expected, &f),
                     RC_OK);
    assert_string_equal(signature, expected);
    until(1, "SELECT count(*) FROM notification_delivery WHERE state = 'sent' AND status = 204");
}

static void a_thousand_hits_are_one_message_a_route(void **state)
{
    (void)state;
    add_route("one", &good, "");
    add_route("two", &bad, "");
    start_notifier(20000);
    raise_hits("rule:1", ALERT_HIGH, 1, 1000);
    for (int i = 0; i < 5; i++)
        raise_hits("rule:1", ALERT_HIGH, 1 + i * 200, 200);
    until(2, "SELECT count(*) FROM notification_delivery WHERE state = 'sent'");
    until(0, "SELECT count(*) FROM alert_outbox");
    assert_int_equal(SQL("SELECT count(*) FROM notification_delivery"), 2);
    assert_int_equal(catcher_count(&good), 1);
    assert_int_equal(catcher_count(&bad), 1);
    json_auto_t *e = event_of(&good, 0);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(e, "data"), "devices")),
                     1000);
}

static void a_route_hears_only_what_it_asked_for(void **state)
{
    (void)state;
    add_route("critical", &bad, ",\"minSeverity\":\"critical\"");
    add_route("threats", &bad, ",\"sources\":[\"threat\"]");
    add_route("codes", &bad, ",\"codes\":[\"T05\",\"T06\"]");
    add_route("off", &bad, ",\"enabled\":false");
    add_route("sites", &bad, ",\"sites\":[\"Lyon\"]");
    add_route("rules", &good, ",\"sources\":[\"rule\",\"system\"],\"codes\":[\"rule\"]");
    start_notifier(20000);
    raise_hits("rule:1", ALERT_HIGH, 1, 1);
    assert_non_null(catcher_wait(&good, 0));
    until(1, "SELECT count(*) FROM notification_delivery WHERE state = 'sent'");
    raise_hits("rule:1", ALERT_CRITICAL, 2, 1);
    json_auto_t *e = event_of(&bad, 0);
    assert_string_equal(text_of(e, "type"), "orrery.alert.worsened");
    until(3, "SELECT count(*) FROM notification_delivery WHERE state = 'sent'");
    assert_int_equal(SQL("SELECT count(*) FROM notification_delivery"), 3);
}

// Somebody else's trouble: while one hangs, the next one's message comes and is settled.
static void who_hangs_delays_nobody_else(void **state)
{
    (void)state;
    atomic_store(&bad.manner, CATCH_HANG);
    add_route("hangs", &bad, "");
    add_route("works", &good, "");
    start_notifier(WAIT_MS * 2);
    raise_hits("rule:1", ALERT_HIGH, 1, 1);
    assert_non_null(catcher_wait(&bad, 0));
    for (int i = 0; i < 5; i++) {
        char key[20];
        snprintf(key, sizeof key, "rule:%d", i + 2);
        raise_hits(key, ALERT_HIGH, 1, 1);
    }
    until(6, "SELECT count(*) FROM notification_delivery d JOIN notification_route r"
             " ON r.id = d.route WHERE r.name = 'works' AND d.state = 'sent'");
    assert_int_equal(catcher_count(&bad), 1); // in order: its next waits for this one
    assert_int_equal(SQL("SELECT count(*) FROM notification_delivery WHERE attempts > 0"), 6);
}

static void what_fails_for_a_day_is_dead_and_can_be_replayed(void **state)
{
    char path[100], event[40];

    (void)state;
    atomic_store(&bad.manner, CATCH_ERROR);
    add_route("hook", &bad, "");
    start_notifier(20000);
    raise_hits("rule:1", ALERT_HIGH, 1, 1);
    until(1, "SELECT count(*) FROM notification_delivery WHERE state = 'failed'");
    assert_int_equal(SQL("SELECT count(*) FROM notification_delivery WHERE status = 500 AND error ="
                         " 'answered 500' AND next_at > created_at"),
                     1);
    model_sql(pg_conninfo(), "UPDATE notification_delivery SET give_up_at = now()");
    hurry();
    until(1, "SELECT count(*) FROM notification_delivery WHERE state = 'dead' AND next_at IS NULL");
    int tried = catcher_count(&bad);
    assert_true(tried >= 2);
    snprintf(path, sizeof path, "/api/v1/catalogs/demo/notification-deliveries/%lld/replay",
             (long long)SQL("SELECT id FROM notification_delivery"));
    atomic_store(&bad.manner, CATCH_OK);
    hurry();
    assert_int_equal(rest_as(&rest, &ada, "POST", path, NULL)->status, 202);
    notifier_wake(notifier);
    until(1, "SELECT count(*) FROM notification_delivery WHERE state = 'sent'");
    assert_int_equal(rest_as(&rest, &ada, "POST", path, NULL)->status, 409);
    json_auto_t *first = event_of(&bad, 0);
    json_auto_t *last = event_of(&bad, tried);
    snprintf(event, sizeof event, "%s", text_of(first, "id"));
    assert_string_equal(text_of(last, "id"), event);
}

static void a_restart_amid_a_message_neither_loses_nor_forgets_it(void **state)
{
    (void)state;
    atomic_store(&good.manner, CATCH_HANG);
    add_route("hook", &good, "");
    start_notifier(WAIT_MS * 2);
    raise_hits("rule:1", ALERT_HIGH, 1, 1);
    assert_non_null(catcher_wait(&good, 0));
    notifier_stop(notifier);
    notifier = NULL;
    atomic_store(&good.manner, CATCH_OK);
    start_notifier(20000);
    until(1, "SELECT count(*) FROM notification_delivery WHERE state = 'sent'");
    assert_int_equal(SQL("SELECT count(*) FROM notification_delivery"), 1);
    json_auto_t *first = event_of(&good, 0);
    json_auto_t *again = event_of(&good, 1);
    assert_string_equal(text_of(again, "id"), text_of(first, "id"));
}

// Two servers for a moment, or one that crashed before it knew: a row of the outbox is one message.
static void a_row_of_the_outbox_becomes_one_message_whoever_takes_it(void **state)
{
    struct store *tx = NULL;
    struct fault f = { 0 };
    bool more;

    (void)state;
    add_route("hook", &good, "");
    raise_hits("rule:1", ALERT_HIGH, 1, 1);
    assert_int_equal(store_begin(rest.store, &tx, &f), RC_OK);
    assert_int_equal(delivery_take(tx, &more, &f), RC_OK);
    store_rollback(tx); // the crash
    assert_int_equal(SQL("SELECT count(*) FROM notification_delivery"), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(delivery_take(rest.store, &more, &f), RC_OK);
    assert_int_equal(SQL("SELECT count(*) FROM notification_delivery"), 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox"), 0);
}

static void what_opened_is_told_before_what_is_over(void **state)
{
    (void)state;
    atomic_store(&good.manner, CATCH_ERROR);
    add_route("hook", &good, "");
    start_notifier(20000);
    raise_hits("rule:1", ALERT_HIGH, 1, 1);
    until(1, "SELECT count(*) FROM notification_delivery WHERE state = 'failed'");
    clear("rule:1");
    until(2, "SELECT count(*) FROM notification_delivery");
    atomic_store(&good.manner, CATCH_OK);
    hurry();
    until(2, "SELECT count(*) FROM notification_delivery WHERE state = 'sent'");
    int n = catcher_count(&good);
    json_auto_t *opened = event_of(&good, n - 2);
    json_auto_t *over = event_of(&good, n - 1);
    assert_string_equal(text_of(opened, "type"), "orrery.alert.opened");
    assert_string_equal(text_of(over, "type"), "orrery.alert.resolved");
}

static void what_nobody_acknowledges_is_escalated(void **state)
{
    (void)state;
    add_route("late", &good, ",\"escalateAfterMinutes\":15");
    start_notifier(20000);
    raise_hits("rule:1", ALERT_HIGH, 1, 1);
    raise_hits("rule:2", ALERT_HIGH, 1, 1);
    raise_hits("rule:3", ALERT_HIGH, 1, 1);
    until(3, "SELECT count(*) FROM notification_delivery WHERE state = 'held'"
             " AND next_at BETWEEN now() + interval '10 min' AND now() + interval '15 min'");
    raise_hits("rule:1", ALERT_CRITICAL, 2, 1); // worse, but it is known and waits
    clear("rule:3");
    until(2, "SELECT count(*) FROM notification_delivery");
    model_sql(pg_conninfo(), "UPDATE alert SET acknowledged_at = now(), acknowledged_by = 'ada'"
                             " WHERE key = 'rule:2'");
    model_sql(pg_conninfo(), "UPDATE notification_delivery SET next_at = now()");
    until(1, "SELECT count(*) FROM notification_delivery WHERE state = 'sent'");
    until(1, "SELECT count(*) FROM notification_delivery");
    json_auto_t *e = event_of(&good, 0);
    assert_string_equal(text_of(e, "type"), "orrery.alert.escalated");
    clear("rule:1");
    json_auto_t *over = event_of(&good, 1);
    assert_string_equal(text_of(over, "type"), "orrery.alert.resolved");
}

static void a_route_that_does_not_work_is_an_alert_that_it_does_not_get(void **state)
{
    char key[60], sql[200];

    (void)state;
    atomic_store(&bad.manner, CATCH_ERROR);
    snprintf(key, sizeof key, "system:notify:%lld", (long long)add_route("broken", &bad, ""));
    add_route("works", &good, ",\"sources\":[\"system\"]");
    start_notifier(20000);
    raise_hits("rule:1", ALERT_HIGH, 1, 1);
    for (int i = 1; i <= 6; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM notification_delivery WHERE attempts >= %d",
                 i);
        until(1, sql);
        hurry();
    }
    snprintf(sql, sizeof sql, "SELECT count(*) FROM alert WHERE key = '%s' AND resolved_at IS NULL",
             key);
    until(1, sql);
    json_auto_t *e = event_of(&good, 0);
    assert_string_equal(text_of(json_object_get(e, "data"), "title"),
                        "Notifications by 'broken' do not arrive");
    assert_int_equal(SQL("SELECT count(*) FROM notification_delivery d JOIN notification_route r"
                         " ON r.id = d.route WHERE r.name = 'broken'"),
                     1);
    assert_int_equal(rest_as(&rest, &ada, "GET", ROUTES, NULL)->status, 200);
    json_t *health = json_object_get(json_array_get(rest_member("items"), 0), "health");
    assert_string_equal(text_of(health, "state"), "dead");
    assert_string_equal(text_of(health, "error"), "answered 500");
    atomic_store(&bad.manner, CATCH_OK);
    hurry();
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM alert WHERE key = '%s' AND resolved_at IS NOT NULL", key);
    until(1, sql);
    json_auto_t *over = event_of(&good, 1);
    assert_string_equal(text_of(over, "type"), "orrery.alert.resolved");
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 2);
}

static void a_test_says_precisely_what_happened(void **state)
{
    static const struct {
        enum manner manner;
        const char *state, *result;
    } cases[] = {
        { CATCH_OK, "sent", "answered 204" },
        { CATCH_ERROR, "failed", "answered 500" },
        { CATCH_REDIRECT, "failed", "redirects are not followed" },
        { CATCH_CLOSE, "failed", "without an answer" },
    };
    char path[160], at[160], sql[200];

    (void)state;
    snprintf(path, sizeof path, ROUTES "/%lld/test",
             (long long)add_route("hook", &good, ",\"enabled\":false"));
    start_notifier(20000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        atomic_store(&good.manner, cases[i].manner);
        assert_int_equal(rest_as(&rest, &ada, "POST", path, NULL)->status, 202);
        snprintf(at, sizeof at, "%s", rest_header("Location"));
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM notification_delivery WHERE ended_at IS NOT NULL");
        until((int64_t)i + 1, sql);
        assert_int_equal(rest_as(&rest, &ada, "GET", at, NULL)->status, 200);
        assert_string_equal(rest_text("state"), cases[i].state);
        if (!strstr(rest_text("result"), cases[i].result))
            fail_msg("%s", rest_text("result"));
    }
    json_auto_t *e = event_of(&good, 0);
    assert_string_equal(text_of(e, "type"), "orrery.test");
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 0);
}

// A name that is fine when it is typed and leads home when it is used.
static void a_name_that_leads_home_is_refused_when_the_message_goes(void **state)
{
    char body[300], path[160];

    (void)state;
    snprintf(body, sizeof body,
             "{\"name\":\"home\",\"kind\":\"webhook\",\"url\":\"http://localhost:%d/\"}",
             good.port);
    assert_int_equal(rest_as(&rest, &ada, "POST", ROUTES, body)->status, 201);
    snprintf(path, sizeof path, ROUTES "/%s/test", rest_text("id"));
    free((char *)(uintptr_t)rest.config->notify_allow);
    rest.config->notify_allow = strdup("");
    start_notifier(20000);
    assert_int_equal(rest_as(&rest, &ada, "POST", path, NULL)->status, 202);
    until(1, "SELECT count(*) FROM notification_delivery WHERE state = 'failed'"
             " AND error LIKE '%%is a loopback address%%'");
    assert_int_equal(catcher_connections(&good), 0);
    free((char *)(uintptr_t)rest.config->notify_allow);
    rest.config->notify_allow = strdup("127.0.0.1");
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, before, after)
    const struct CMUnitTest tests[] = {
        STORY(an_alert_is_a_signed_cloud_event),
        STORY(a_thousand_hits_are_one_message_a_route),
        STORY(a_route_hears_only_what_it_asked_for),
        STORY(who_hangs_delays_nobody_else),
        STORY(what_fails_for_a_day_is_dead_and_can_be_replayed),
        STORY(a_restart_amid_a_message_neither_loses_nor_forgets_it),
        STORY(a_row_of_the_outbox_becomes_one_message_whoever_takes_it),
        STORY(what_opened_is_told_before_what_is_over),
        STORY(what_nobody_acknowledges_is_escalated),
        STORY(a_route_that_does_not_work_is_an_alert_that_it_does_not_get),
        STORY(a_test_says_precisely_what_happened),
        STORY(a_name_that_leads_home_is_refused_when_the_message_goes),
    };

    return cmocka_run_group_tests_name("notifications on their way", tests, up, down);
}
