// SPDX-License-Identifier: Apache-2.0
// threaded
//
// What is wrong with the server itself becomes an alert of the first catalog, and is over by
// itself.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "store/store.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"
#include "threat/watch.h"

#define WAIT_S 60
#define GIB    (1024LL * 1024 * 1024)

static struct store *store;
static struct watch *watch;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int looks;
static struct watch_facts facts; // as the server would look

static const struct watch_facts healthy = {
    .database = true,
    .keeper = true,
    .ingest = true,
    .disk_free = 100 * GIB,
    .disk_total = 200 * GIB,
    .hours_ahead = 3,
};

static void look(void *ctx, struct watch_facts *f)
{
    (void)ctx;
    atomic_fetch_add(&looks, 1);
    pthread_mutex_lock(&lock);
    *f = facts;
    pthread_mutex_unlock(&lock);
}

static void become(const struct watch_facts *now)
{
    pthread_mutex_lock(&lock);
    facts = *now;
    pthread_mutex_unlock(&lock);
}

static int64_t alerts(const char *where)
{
    return model_sql(pg_conninfo(),
                     "SELECT count(*) FROM alert a JOIN catalog c ON c.id = a.catalog"
                     " WHERE c.name = 'demo' AND a.source = 'system' AND (%s)",
                     where);
}

static void wait_for(const char *where, int64_t wanted)
{
    for (int i = 0; i < WAIT_S * 20; i++) {
        if (alerts(where) == wanted)
            return;
        usleep(50000);
    }
    fail_msg("%lld of %lld alerts are: %s", (long long)alerts(where), (long long)wanted, where);
}

#define OPEN "a.resolved_at IS NULL AND a.key = "

static void a_disk_that_fills_is_said_and_over_when_there_is_room(void **state)
{
    (void)state;
    struct watch_facts f = healthy;

    f.disk_free = GIB / 2;
    become(&f);
    wait_for(OPEN "'system:disk' AND a.severity = 2 AND a.title LIKE '%disk%'", 1);
    become(&healthy);
    wait_for("a.key = 'system:disk' AND a.resolved_at IS NOT NULL", 1);
}

static void a_keeper_that_is_gone_is_critical(void **state)
{
    (void)state;
    struct watch_facts f = healthy;

    f.keeper = false;
    become(&f);
    wait_for(OPEN "'system:keeper' AND a.severity = 3", 1);
    become(&healthy);
    wait_for("a.key = 'system:keeper' AND a.resolved_at IS NOT NULL", 1);
}

static void several_things_are_several_alerts(void **state)
{
    (void)state;
    struct watch_facts f = healthy;

    f.lag_s = 120;
    f.hours_ahead = 0;
    f.cert_until = clock_now_ms() + 3 * 86400000LL;
    snprintf(f.cert, sizeof f.cert, "edge.cert");
    become(&f);
    wait_for("a.resolved_at IS NULL AND a.key IN ('system:ingest', 'system:partitions',"
             " 'system:certificate')",
             3);
    assert_int_equal(alerts("a.key = 'system:certificate' AND"
                            " a.evidence::jsonb ->> 'certificate' = 'edge.cert'"),
                     1);
    become(&healthy);
    wait_for("a.resolved_at IS NULL", 0);
}

static void a_database_that_was_away_is_said_afterwards(void **state)
{
    (void)state;
    struct watch_facts f = healthy;

    f.database = false;
    become(&f);
    int from = atomic_load(&looks);
    while (atomic_load(&looks) < from + 4)
        usleep(10000);
    assert_int_equal(alerts("a.code = 'database'"), 0);
    become(&healthy);
    wait_for("a.code = 'database' AND a.evidence LIKE '%awaySeconds%'", 1);
}

static void an_alert_of_an_earlier_run_is_over_with_the_first_look(void **state)
{
    (void)state;
    struct watch_facts f = healthy;
    struct fault fault = { 0 };

    f.disk_free = GIB / 2;
    become(&f);
    wait_for(OPEN "'system:disk'", 1);
    watch_stop(watch);
    become(&healthy);
    assert_int_equal(watch_start(&(struct watch_options){ store, look, NULL, 50 }, &watch, &fault),
                     RC_OK);
    wait_for(OPEN "'system:disk'", 0);
}

static void each_check_knows_its_bounds(void **state)
{
    (void)state;
    static const struct {
        struct watch_facts change;
        const char *words;
    } cases[] = {
        { { .disk_free = 100 * GIB, .disk_total = 200 * GIB }, "" },
        { { .disk_free = 9 * GIB, .disk_total = 200 * GIB }, "disk" },
        { { .disk_free = 21 * GIB, .disk_total = 8000 * GIB }, "" },
        { { .disk_free = GIB - 1, .disk_total = 4 * GIB }, "disk" },
        { { .disk_free = 2 * GIB, .disk_total = 4 * GIB }, "" },
        { { .disk_free = 50 * GIB,
            .disk_total = 60 * GIB,
            .data = 10 * GIB,
            .data_forecast = 61 * GIB },
          "forecast" },
        { { .disk_free = 50 * GIB,
            .disk_total = 60 * GIB,
            .data = 10 * GIB,
            .data_forecast = 59 * GIB },
          "" },
        { { .lag_s = 29 }, "" },
        { { .lag_s = 31 }, "ingest" },
        { { .cert_until = 15 * 86400000LL }, "" },
        { { .cert_until = 13 * 86400000LL }, "certificate" },
        { { .hours_ahead = -1 }, "" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct watch_facts f = cases[i].change;
        char words[200];

        f.keeper = f.ingest = f.database = true;
        f.hours_ahead = f.hours_ahead ? f.hours_ahead : 3;
        watch_words(&f, 0, words, sizeof words);
        assert_string_equal(words, cases[i].words);
    }
}

static int start(void **state)
{
    struct fault f = { 0 };

    (void)state;
    store = model_store(pg_conninfo());
    model_catalog(store, "demo");
    model_catalog(store, "acme");
    become(&healthy);
    assert_int_equal(watch_start(&(struct watch_options){ store, look, NULL, 50 }, &watch, &f),
                     RC_OK);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    watch_stop(watch);
    store_close(store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_fills_is_said_and_over_when_there_is_room),
        cmocka_unit_test(a_keeper_that_is_gone_is_critical),
        cmocka_unit_test(several_things_are_several_alerts),
        cmocka_unit_test(a_database_that_was_away_is_said_afterwards),
        cmocka_unit_test(an_alert_of_an_earlier_run_is_over_with_the_first_look),
        cmocka_unit_test(each_check_knows_its_bounds),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
