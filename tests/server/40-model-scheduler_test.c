// SPDX-License-Identifier: Apache-2.0
//
// Of several servers on one database one leads, and another follows when it is gone.
//
// threaded

#include <stdatomic.h>
#include <unistd.h>

#include "scheduler/scheduler.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

static atomic_int ran[2];

static enum rc count(void *ctx, struct fault *f)
{
    (void)f;
    atomic_fetch_add((atomic_int *)ctx, 1);
    return RC_OK;
}

static const struct job jobs[] = { { "count", 100, count } };

#define WAIT_S 60 // for what comes on any machine

static struct scheduler *start(int who)
{
    struct scheduler *s = NULL;
    struct fault f = { 0 };

    assert_int_equal(scheduler_start_with(pg_conninfo(), jobs, 1, &ran[who], &s, &f), RC_OK);
    return s;
}

// Jobs run in the leader alone.
static bool runs_again(int who, int seconds)
{
    int before = atomic_load(&ran[who]);

    for (int i = 0; i < seconds * 100 && atomic_load(&ran[who]) == before; i++)
        usleep(10000);
    return atomic_load(&ran[who]) > before;
}

static void only_the_leader_runs_jobs_and_a_stop_hands_over(void **state)
{
    (void)state;
    struct scheduler *a = start(0);
    assert_true(runs_again(0, WAIT_S));
    struct scheduler *b = start(1);
    usleep(1500000);
    for (int i = 0; i < 6; i++)
        assert_true(runs_again(0, WAIT_S));
    assert_int_equal(atomic_load(&ran[1]), 0);
    scheduler_stop(a);
    int before = atomic_load(&ran[0]);
    assert_true(runs_again(1, WAIT_S));
    assert_int_equal(atomic_load(&ran[0]), before);
    scheduler_stop(b);
}

static void a_leader_whose_connection_ends_leads_again_or_another_does(void **state)
{
    (void)state;
    struct scheduler *a = start(0);
    assert_true(runs_again(0, WAIT_S));
    model_sql(pg_conninfo(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                             "WHERE application_name = 'orrery scheduler'");
    bool stopped = false; // for longer than a second, as attempts to lead are 2 s apart
    for (int i = 0; i < 50 && !stopped; i++)
        stopped = !runs_again(0, 1);
    assert_true(stopped);
    assert_true(runs_again(0, WAIT_S));
    scheduler_stop(a);
}

static void without_a_database_it_waits_and_stops_at_once(void **state)
{
    (void)state;
    struct scheduler *s = NULL;

    assert_int_equal(scheduler_start_with("host=/nowhere dbname=x", jobs, 1, &ran[0], &s, NULL),
                     RC_OK);
    assert_false(runs_again(0, 1));
    scheduler_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_leader_runs_jobs_and_a_stop_hands_over),
        cmocka_unit_test(a_leader_whose_connection_ends_leads_again_or_another_does),
        cmocka_unit_test(without_a_database_it_waits_and_stops_at_once),
    };
    return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
