// SPDX-License-Identifier: Apache-2.0
//
// One cause is one alert: raised by many, again, at once, and over again.
//
// threaded

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/alert.h"
#include "alert/watch.h"
#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "store/store.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

#define MANY 100000

static struct store *db;
static int32_t demo, acme;
static int64_t base;

static int setup(void **state)
{
    (void)state;
    db = model_store(pg_conninfo());
    demo = model_catalog(db, "demo");
    acme = model_catalog(db, "acme");
    base = clock_now_ms() - 60000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_close(db);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    model_sql(pg_conninfo(),
              "TRUNCATE alert, alert_device, alert_history, alert_outbox, alert_mark;"
              "UPDATE catalog SET alert_calm_s = 300");
    return 0;
}

#define SQL(...) model_sql(pg_conninfo(), __VA_ARGS__)

static struct alert_cause cause(const char *key)
{
    return (struct alert_cause){ .catalog = demo,
                                 .key = key,
                                 .source = "rule",
                                 .code = "rule",
                                 .severity = ALERT_MEDIUM,
                                 .title = "Too hot" };
}

static enum rc raise(const struct alert_cause *c, const struct alert_hit *hits, size_t n)
{
    struct store *tx = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_begin(db, &tx, &f), RC_OK);
    enum rc rc = alert_raise(tx, c, hits, n, &f);
    if (rc != RC_OK) {
        store_rollback(tx);
        return rc;
    }
    assert_int_equal(store_commit(tx, &f), RC_OK);
    return RC_OK;
}

// Devices 1 to n, s seconds after base.
static void hit(const struct alert_cause *c, int n, int s)
{
    auto_free struct alert_hit *hits = calloc((size_t)n, sizeof *hits);

    for (int i = 0; i < n; i++)
        hits[i] = (struct alert_hit){ .device = i + 1,
                                      .at = base + s * 1000,
                                      .evidence = "{\"value\":\"a \\\"b\\\\ {71}\"}" };
    assert_int_equal(raise(c, hits, (size_t)n), RC_OK);
}

static void over(const char *key, int64_t device, int s)
{
    struct store *tx = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_begin(db, &tx, &f), RC_OK);
    assert_int_equal(alert_clear(tx, demo, key, &device, device ? 1 : 0, base + s * 1000, &f),
                     RC_OK);
    assert_int_equal(store_commit(tx, &f), RC_OK);
}

// ---------------------------------------------------------------- one cause, one alert

static void what_is_raised_again_is_counted_into_the_same_alert(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:1");

    hit(&c, 3, 0);
    hit(&c, 5, 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
    assert_int_equal(SQL("SELECT hits FROM alert"), 8);
    assert_int_equal(SQL("SELECT devices FROM alert"), 5);
    assert_int_equal(SQL("SELECT count(*) FROM alert_device WHERE hits = 2"), 3);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox WHERE change = 'opened'"), 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox"), 1);
    assert_int_equal(SQL("SELECT (evidence::jsonb ->> 'value' = 'a \"b\\ {71}')::int FROM alert"),
                     1);
}

static void the_same_hit_twice_changes_nothing(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:1");
    const struct alert_hit twice[] = { { 7, base, NULL },
                                       { 7, base, NULL },
                                       { 7, base - 5, NULL } };

    assert_int_equal(raise(&c, twice, 3), RC_OK);
    assert_int_equal(SQL("SELECT hits FROM alert"), 2);
    assert_int_equal(raise(&c, twice, 3), RC_OK);
    assert_int_equal(SQL("SELECT hits FROM alert"), 2);
    assert_int_equal(SQL("SELECT devices FROM alert"), 1);
}

static void catalogs_have_alerts_of_their_own(void **state)
{
    (void)state;
    struct alert_cause c = cause("rule:1");

    hit(&c, 2, 0);
    c.catalog = acme;
    hit(&c, 3, 0);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 2);
    assert_int_equal(SQL("SELECT devices FROM alert WHERE catalog = %d", acme), 3);
}

static void what_is_rolled_back_was_never_raised(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:1");
    struct store *tx = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_begin(db, &tx, &f), RC_OK);
    assert_int_equal(alert_raise(tx, &c, NULL, 0, &f), RC_OK);
    store_rollback(tx);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 0);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox"), 0);
}

static void a_cause_without_a_device_stands_and_ends(void **state)
{
    (void)state;
    const struct alert_cause c = cause("system:disk");

    assert_int_equal(raise(&c, NULL, 0), RC_OK);
    assert_int_equal(SQL("SELECT standing FROM alert"), 1);
    assert_int_equal(SQL("SELECT devices FROM alert"), 0);
    over("system:disk", 0, 100);
    assert_int_equal(SQL("SELECT count(*) FROM alert WHERE resolved_at IS NULL"), 0);
}

static void *raise_one(void *arg)
{
    const struct alert_hit h = { .device = (int64_t)(intptr_t)arg, .at = base };
    const struct alert_cause c = cause("rule:race");

    return raise(&c, &h, 1) == RC_OK ? arg : NULL;
}

static void raised_by_many_connections_at_once_it_is_one_alert(void **state)
{
    (void)state;
    pthread_t threads[8];

    for (intptr_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, raise_one, (void *)(i + 1)), 0);
    for (int i = 0; i < 8; i++) {
        void *did = NULL;

        pthread_join(threads[i], &did);
        assert_non_null(did);
    }
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
    assert_int_equal(SQL("SELECT devices FROM alert"), 8);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox"), 1);
}

static void a_hundred_thousand_devices_are_one_alert(void **state)
{
    (void)state;
    struct alert_cause c = cause("rule:storm");

    c.severity = ALERT_HIGH;
    hit(&c, MANY, 0);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
    assert_int_equal(SQL("SELECT devices FROM alert"), MANY);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox"), 1);
    assert_int_equal(SQL("SELECT count(DISTINCT device) FROM alert_mark"), MANY);
}

// ---------------------------------------------------------------- its end, and back

static void it_resolves_when_no_device_is_left(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:1");

    hit(&c, 2, 0);
    over("rule:1", 1, 1);
    assert_int_equal(SQL("SELECT devices FROM alert WHERE resolved_at IS NULL"), 1);
    over("rule:1", 2, 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert WHERE resolved_at IS NULL"), 0);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox WHERE change = 'resolved'"
                         " AND at > now()"),
                     1);
}

static void a_device_that_shows_it_later_is_not_cleared(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:1");

    hit(&c, 1, 5);
    over("rule:1", 1, 4);
    assert_int_equal(SQL("SELECT devices FROM alert WHERE resolved_at IS NULL"), 1);
    over("rule:1", 1, 6);
    hit(&c, 1, 6); // what was cleared, told again
    assert_int_equal(SQL("SELECT count(*) FROM alert WHERE resolved_at IS NULL"), 0);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
}

static void what_flaps_stays_one_alert_and_is_heard_once(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:1");

    for (int i = 0; i < 10; i++) {
        hit(&c, 2, 2 * i);
        over("rule:1", 0, 2 * i + 1);
    }
    hit(&c, 2, 100);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
    assert_int_equal(SQL("SELECT flaps FROM alert WHERE resolved_at IS NULL"), 10);
    assert_int_equal(SQL("SELECT devices FROM alert"), 2);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox"), 1);
}

static void what_comes_back_after_a_calm_is_a_new_alert(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:1");

    SQL("UPDATE catalog SET alert_calm_s = 0");
    hit(&c, 2, 0);
    over("rule:1", 0, 1);
    hit(&c, 2, 0); // old
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 1);
    hit(&c, 2, 2);
    assert_int_equal(SQL("SELECT count(*) FROM alert"), 2);
    assert_int_equal(SQL("SELECT count(*) FROM alert WHERE resolved_at IS NULL AND devices = 2"),
                     1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox"), 3);
}

// ---------------------------------------------------------------- what people hear

static void a_rising_severity_is_told_once(void **state)
{
    (void)state;
    struct alert_cause c = cause("rule:1");

    hit(&c, 1, 0);
    c.severity = ALERT_CRITICAL;
    hit(&c, 1, 1);
    hit(&c, 1, 2);
    assert_int_equal(SQL("SELECT severity FROM alert"), ALERT_CRITICAL);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox WHERE change = 'worsened'"), 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_mark WHERE device = 1"), 1);
}

static void a_growing_reach_is_told_after_a_while(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:1");

    hit(&c, 5, 0);
    hit(&c, 60, 1);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox WHERE change = 'worsened'"), 0);
    SQL("UPDATE alert SET told_at = now() - interval '11 minutes'");
    hit(&c, 599, 2);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox WHERE change = 'worsened'"), 0);
    hit(&c, 600, 3);
    hit(&c, 6000, 4);
    assert_int_equal(SQL("SELECT count(*) FROM alert_outbox WHERE change = 'worsened'"), 1);
}

// ---------------------------------------------------------------- who else hears

static atomic_int heard_any, heard_opened;

static void hear(void *ctx, const struct bus_event *e)
{
    (void)ctx;
    if (e->kind != BUS_ALERT || e->catalog != demo)
        return;
    atomic_fetch_add(&heard_any, 1);
    if (e->text && !strcmp(e->text, "Too hot: opened"))
        atomic_fetch_add(&heard_opened, 1);
}

static bool becomes(atomic_int *n, int wanted)
{
    int64_t until = clock_mono_ms() + 30000;

    while (atomic_load(n) < wanted && clock_mono_ms() < until)
        usleep(5000);
    return atomic_load(n) >= wanted;
}

static void what_is_committed_is_told_on_the_bus(void **state)
{
    (void)state;
    const struct alert_cause first = cause("rule:1"), second = cause("rule:2");
    struct bus *bus = bus_new();
    struct alert_watch *w = NULL;
    struct fault f = { 0 };

    hit(&first, 1, 0); // before anybody listens
    bus_subscribe(bus, hear, NULL);
    assert_int_equal(alert_watch_start(pg_conninfo(), bus, &w, &f), RC_OK);
    assert_true(becomes(&heard_any, 1)); // it listens
    int before = atomic_load(&heard_any);
    hit(&first, 1, 1);
    assert_true(becomes(&heard_any, before + 1));
    assert_int_equal(atomic_load(&heard_opened), 0);
    hit(&second, 1, 0);
    assert_true(becomes(&heard_opened, 1));
    alert_watch_stop(w);
    bus_free(bus);
}

static void a_watch_whose_connection_is_lost_listens_again(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:9");
    struct bus *bus = bus_new();
    struct alert_watch *w = NULL;
    struct fault f = { 0 };

    hit(&c, 1, 0);
    atomic_store(&heard_any, 0);
    bus_subscribe(bus, hear, NULL);
    assert_int_equal(alert_watch_start(pg_conninfo(), bus, &w, &f), RC_OK);
    assert_true(becomes(&heard_any, 1));
    int before = atomic_load(&heard_any);
    SQL("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'orrery alert watch'");
    assert_true(becomes(&heard_any, before + 1));
    alert_watch_stop(w);
    bus_free(bus);
}

// ---------------------------------------------------------------- bad input

static void what_is_too_long_is_refused_or_cut(void **state)
{
    (void)state;
    char key[ALERT_KEY_MAX + 2] = "", title[400], *evidence = calloc(1, ALERT_EVIDENCE_MAX + 100);
    struct alert_cause c = cause(key);
    const struct alert_hit h = { .device = 1, .at = base, .evidence = evidence };

    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_int_equal(raise(&c, &h, 1), RC_INVALID);
    key[ALERT_KEY_MAX] = '\0';
    for (size_t i = 0; i + 2 < sizeof title; i += 2)
        memcpy(title + i, "\xc3\xa9", 3);
    memmove(title + 1, title, sizeof title - 2);
    title[0] = 'a';
    title[sizeof title - 1] = '\0';
    memset(evidence, ' ', ALERT_EVIDENCE_MAX + 90);
    c.title = title;
    assert_int_equal(raise(&c, &h, 1), RC_OK);
    assert_int_equal(SQL("SELECT octet_length(title) FROM alert"), 199);
    assert_int_equal(SQL("SELECT count(*) FROM alert_device WHERE evidence IS NULL"), 1);
    free(evidence);
}

static void too_many_open_alerts_are_a_limit(void **state)
{
    (void)state;
    const struct alert_cause c = cause("rule:one-more");

    SQL("INSERT INTO alert (catalog, key, source, code, severity, title, since, last_at,"
        " told_severity) SELECT %d, 'k' || n, 'rule', 'rule', 0, 't', now(), now(), 0"
        " FROM generate_series(1, %d) n",
        demo, ALERT_OPEN_MAX);
    assert_int_equal(raise(&c, NULL, 0), RC_LIMIT);
}

int main(void)
{
#define IT(name) cmocka_unit_test_setup(name, clean)
    const struct CMUnitTest tests[] = {
        IT(what_is_raised_again_is_counted_into_the_same_alert),
        IT(the_same_hit_twice_changes_nothing),
        IT(catalogs_have_alerts_of_their_own),
        IT(what_is_rolled_back_was_never_raised),
        IT(a_cause_without_a_device_stands_and_ends),
        IT(raised_by_many_connections_at_once_it_is_one_alert),
        IT(a_hundred_thousand_devices_are_one_alert),
        IT(it_resolves_when_no_device_is_left),
        IT(a_device_that_shows_it_later_is_not_cleared),
        IT(what_flaps_stays_one_alert_and_is_heard_once),
        IT(what_comes_back_after_a_calm_is_a_new_alert),
        IT(a_rising_severity_is_told_once),
        IT(a_growing_reach_is_told_after_a_while),
        IT(what_is_committed_is_told_on_the_bus),
        IT(a_watch_whose_connection_is_lost_listens_again),
        IT(what_is_too_long_is_refused_or_cut),
        IT(too_many_open_alerts_are_a_limit),
    };

    return cmocka_run_group_tests_name("alert", tests, setup, teardown);
}
