// SPDX-License-Identifier: Apache-2.0

#include "scheduler/plan.h"

#include <string.h>

#include "core/clock.h"
#include "test.h"

static int64_t now = 1000000;

int64_t clock_mono_ms(void)
{
    return now;
}

int64_t clock_mono_us(void)
{
    return now * 1000;
}

int64_t clock_now_ms(void)
{
    return now;
}

static int ran[2], failures;
static int64_t retry, lasts;
static enum rc answer;

static enum rc first(void *ctx, struct fault *f)
{
    assert_ptr_equal(ctx, ran);
    ran[0]++;
    now += lasts;
    return answer == RC_OK ? RC_OK : (fail)(f, answer, "no luck");
}

static enum rc second(void *ctx, struct fault *f)
{
    (void)ctx, (void)f;
    ran[1]++;
    return RC_OK;
}

static void tell(void *ctx, const struct job *job, const struct fault *f, int64_t retry_ms)
{
    (void)ctx;
    assert_string_equal(job->name, "first");
    assert_string_equal(f->text, "no luck");
    failures++;
    retry = retry_ms;
}

static const struct job jobs[] = { { "first", 60000, first }, { "second", 100000, second } };
static struct planned plan[2];

static int setup(void **state)
{
    (void)state;
    memset(ran, 0, sizeof ran);
    failures = 0;
    lasts = 0;
    answer = RC_OK;
    plan_start(plan, jobs, 2);
    return 0;
}

static int64_t turn(void)
{
    return plan_turn(plan, 2, ran, tell);
}

static void all_jobs_run_at_once_and_then_each_at_its_period(void **state)
{
    (void)state;
    assert_int_equal(turn(), 60000);
    assert_int_equal(turn(), 60000);
    now += 59999;
    assert_int_equal(turn(), 1);
    now += 1;
    assert_int_equal(turn(), 40000);
    now += 40000;
    turn();
    assert_int_equal(ran[0], 2);
    assert_int_equal(ran[1], 2);
}

static void a_job_missed_for_hours_runs_once(void **state)
{
    (void)state;
    turn();
    now += 10LL * 3600 * 1000;
    turn();
    turn();
    assert_int_equal(ran[0], 2);
    assert_int_equal(ran[1], 2);
}

static void a_failing_job_is_tried_again_sooner_and_then_less_soon(void **state)
{
    (void)state;
    static const int64_t waits[] = { 5000, 10000, 20000, 40000, 60000, 60000 };

    answer = RC_UNAVAILABLE;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        turn();
        assert_int_equal(failures, i + 1);
        assert_int_equal(retry, waits[i]);
        now += waits[i];
    }
    answer = RC_OK;
    turn();
    answer = RC_UNAVAILABLE;
    now += 60000;
    turn();
    assert_int_equal(retry, 5000);
}

static void a_long_job_is_due_a_period_after_its_end(void **state)
{
    (void)state;
    lasts = 90000;
    assert_int_equal(turn(), 60000);
    assert_int_equal(ran[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_jobs_run_at_once_and_then_each_at_its_period, setup),
        cmocka_unit_test_setup(a_job_missed_for_hours_runs_once, setup),
        cmocka_unit_test_setup(a_failing_job_is_tried_again_sooner_and_then_less_soon, setup),
        cmocka_unit_test_setup(a_long_job_is_due_a_period_after_its_end, setup),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
