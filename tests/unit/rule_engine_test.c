// SPDX-License-Identifier: Apache-2.0

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "rule/engine.h"
#include "test.h"

#define T0    1700000100000LL // a whole number of 5 minutes
#define MIN   60000LL
#define DEV   7
#define SHAPE 1

static const char *const names[] = { "temp", "fan" };

struct bench {
    struct engine *e;
    char told[4000]; // "1+300 1-600": rule, fires or not, seconds since T0
    size_t len;
    int64_t now;
};

static void hear(void *ctx, const struct engine_turn *t)
{
    struct bench *b = ctx;

    b->len += (size_t)snprintf(b->told + b->len, sizeof b->told - b->len, "%s%lld%c%lld",
                               b->len ? " " : "", (long long)t->rule, t->fires ? '+' : '-',
                               (long long)(t->at - T0) / 1000);
    if (t->key != DEV)
        b->len +=
            (size_t)snprintf(b->told + b->len, sizeof b->told - b->len, "@%lld", (long long)t->key);
}

// Rules by their texts, ended by NULL; they get the numbers from 1.
static void set_up(struct bench *b, enum engine_mode mode, const char *const *texts)
{
    struct fault f = { 0 };

    *b = (struct bench){ .now = T0 };
    b->e = engine_new(hear, b, 0);
    for (int i = 0; texts[i]; i++) {
        struct rule r = { 0 };

        if (rule_read(texts[i], strlen(texts[i]), &r, NULL, &f) != RC_OK)
            fail_msg("%s: %s", texts[i], f.text);
        assert_int_equal(engine_add(b->e, i + 1, &r, 0, &f), RC_OK);
        rule_done(&r);
    }
    engine_tap(b->e, SHAPE, names, 2);
    engine_turn_to(b->e, mode, T0);
}

#define SET_UP(b, ...) set_up(b, ENGINE_LIVE, (const char *const[]){ __VA_ARGS__, NULL })

static struct engine_device *device(struct bench *b, int64_t id)
{
    struct engine_who w = { .device = id, .group = 100 + id % 2, .site = 5, .scopes = { 1 } };
    struct engine_device *d = engine_device(b->e, id);

    return d ? d : engine_put(b->e, &w, b->now);
}

static void send_from(struct bench *b, int64_t id, double s, double temp)
{
    const double values[] = { temp, 1 };

    engine_feed(b->e, device(b, id), engine_taps(b->e, SHAPE), values, T0 + (int64_t)(s * 1000),
                b->now);
}

static void send(struct bench *b, double s, double temp)
{
    b->now = T0 + (int64_t)(s * 1000);
    send_from(b, DEV, s, temp);
}

static void wait_until(struct bench *b, int64_t s)
{
    for (; b->now < T0 + s * 1000; b->now += 250)
        engine_tick(b->e, b->now);
    engine_tick(b->e, b->now);
}

static void told(struct bench *b, const char *what)
{
    assert_string_equal(b->told, what);
    b->len = 0;
    *b->told = '\0';
}

static void tear_down(struct bench *b)
{
    engine_free(b->e);
}

static void a_limit_fires_at_once_and_ends_at_once(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "temp > 90", "temp >= 95", "temp < 10", "temp > 90 and fan < 2");
    send(&b, 1, 50);
    told(&b, "");
    send(&b, 2, 95);
    told(&b, "1+2 2+2 4+2");
    send(&b, 3, 96);
    told(&b, "");
    send(&b, 1.5, 0); // older than what is known
    told(&b, "");
    send(&b, 4, 91);
    told(&b, "2-4");
    send(&b, 5, 9);
    told(&b, "1-5 3+5 4-5");
    send(&b, 6, NAN);
    told(&b, "");
    tear_down(&b);
}

static void a_window_speaks_when_it_closes(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "avg(temp) over 5m > 70", "max(temp) over 5m > 90", "count(message) over 5m <= 2");
    send(&b, 10, 60);
    send(&b, 20, 100);
    wait_until(&b, 304);
    told(&b, "");
    wait_until(&b, 306); // nobody spoke: the clock closes it
    told(&b, "1+300 2+300 3+300");
    send(&b, 310, 60);
    send(&b, 320, 60);
    send(&b, 330, 60);
    send(&b, 605, 60); // its own time closes it
    told(&b, "1-600 2-600 3-600");
    tear_down(&b);
}

static void what_is_late_counts_within_the_bound_and_not_beyond(void **state)
{
    (void)state;
    struct engine_stats s;
    struct bench b;

    SET_UP(&b, "max(temp) over 1m > 90 late 30s");
    send(&b, 10, 60);
    send(&b, 80, 60);
    send_from(&b, DEV, 50, 95);
    told(&b, "");
    send(&b, 90, 60);
    told(&b, "1+60");
    send_from(&b, DEV, 55, 99);
    engine_stats(b.e, &s);
    assert_int_equal(s.late, 1);
    send(&b, 150, 60);
    told(&b, "1-120");
    tear_down(&b);
}

static void windows_in_a_row_are_counted(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "avg(temp) over 1m > 70 for 3 windows");
    for (int i = 0; i < 10; i++)
        send(&b, i * 60 + 1, i == 2 || i == 7 ? 60 : 80);
    wait_until(&b, 700);
    told(&b, "1+360 1-480");
    tear_down(&b);
}

static void a_window_that_hops_covers_what_it_says(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "sum(temp) over 3m every 1m >= 30", "sum(temp) over 3m >= 30");
    for (int i = 0; i < 9; i++)
        send(&b, i * 60 + 1, i == 4 ? 20 : 5);
    wait_until(&b, 900);
    // 5 5 5 5 20 5 5 5 5: the last three minutes say 30 from the fifth to the seventh.
    told(&b, "1+300 2+360 1-480 2-540");
    tear_down(&b);
}

static void a_sliding_window_is_seen_within_a_sixtieth(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "max(temp) over 1m sliding > 90");
    send(&b, 0.5, 95);
    wait_until(&b, 5);
    told(&b, "");
    wait_until(&b, 200);
    told(&b, "1+1");
    send(&b, 200.5, 10);
    wait_until(&b, 300);
    told(&b, "1-201");
    tear_down(&b);
}

static void a_session_ends_with_its_gap(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "count(temp) over session gap 2m >= 3");
    for (int i = 0; i < 3; i++)
        send(&b, i * 100, 1);
    wait_until(&b, 400);
    told(&b, "1+320");
    send(&b, 1000, 1);
    send(&b, 2000, 1);
    told(&b, "1-1120");
    // One that never pauses is cut.
    for (int i = 0; i < 100; i++)
        send(&b, 3000 + i * 100, 1);
    told(&b, "1+10220");
    tear_down(&b);
}

static void silence_fires_and_a_word_ends_it(void **state)
{
    (void)state;
    struct bench b;
    const char *const only_fan[] = { "fan" };
    double one = 1;

    SET_UP(&b, "no message for 10m", "no temp for 5m");
    send(&b, 0, 1);
    wait_until(&b, 240);
    engine_tap(b.e, 2, only_fan, 1);
    engine_feed(b.e, device(&b, DEV), engine_taps(b.e, 2), &one, b.now, b.now);
    wait_until(&b, 839);
    told(&b, "2+300");
    wait_until(&b, 841);
    told(&b, "1+840");
    send(&b, 900, 1);
    told(&b, "1-900 2-900");
    tear_down(&b);
}

static void percentiles_rates_and_deviations_are_right(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "p95(temp) over 5m >= 95", "p95(temp) over 5m > 95", "p50(temp) over 5m >= 50",
           "p50(temp) over 5m > 50", "rate(temp) over 5m >= 1", "rate(temp) over 5m > 1",
           "last(temp) over 5m >= 100", "min(temp) over 5m <= 1");
    for (int i = 1; i <= 100; i++)
        send(&b, i, i);
    wait_until(&b, 310);
    told(&b, "1+300 3+300 5+300 7+300 8+300");
    tear_down(&b);

    SET_UP(&b, "stddev(temp) over 1m > 3");
    for (int i = 0; i < 40; i++)
        send(&b, i * 60 + 1, i == 30 ? 30 : i == 35 ? 21 : 20 + i % 2);
    wait_until(&b, 3000);
    told(&b, "1+1860 1-1920");
    tear_down(&b);
}

static void many_values_thin_evenly(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "p90(temp) over 1h > 88000", "p90(temp) over 1h > 92000");
    for (int i = 0; i < 100000; i++)
        send(&b, i * 0.03, (i * 7919) % 100000);
    wait_until(&b, 4000);
    told(&b, "1+2700"); // an hour of the clock ends there
    tear_down(&b);
}

static void groups_are_taken_together(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "avg(temp) over 1m > 70 by group", "sum(temp) over 1m > 250 by site");
    for (int i = 1; i <= 4; i++) { // groups 101: 1 and 3, 100: 2 and 4
        b.now = T0 + 1000 * i;
        send_from(&b, i, i, i % 2 ? 90 : 40);
    }
    wait_until(&b, 70);
    told(&b, "1+60@101 2+60@5");
    tear_down(&b);
}

static void conditions_join_and_what_is_unknown_decides_nothing(void **state)
{
    (void)state;
    struct bench b;
    const char *const only_fan[] = { "fan" };
    double fan = 5;

    SET_UP(&b, "not temp > 5", "temp > 5 or fan > 4", "temp > 5 and fan > 4",
           "not (temp > 5 or fan > 9)");
    engine_tap(b.e, 2, only_fan, 1);
    engine_feed(b.e, device(&b, DEV), engine_taps(b.e, 2), &fan, b.now, b.now);
    told(&b, "2+0");
    send(&b, 1, 6);
    told(&b, "");
    tear_down(&b);
}

static void what_is_no_number_is_in_no_window(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "avg(temp) over 1m > 90", "count(temp) over 1m > 2", "p50(temp) over 1m > 90");
    send(&b, 1, 95);
    send(&b, 2, NAN);
    send(&b, 3, INFINITY);
    send(&b, 4, -INFINITY);
    send(&b, 5, 93);
    wait_until(&b, 70);
    told(&b, "1+60 3+60");
    // A window of nothing else is no window.
    send(&b, 71, NAN);
    wait_until(&b, 140);
    told(&b, "");
    tear_down(&b);
}

static void a_clock_five_years_off_blinds_no_rule(void **state)
{
    (void)state;
    const double years = 5 * 365 * 86400.0;
    struct bench b;

    SET_UP(&b, "avg(temp) over 1m > 90", "temp > 90", "avg(temp) over 1h sliding > 90");
    b.now = T0;
    send_from(&b, DEV, -years, 20);
    wait_until(&b, 30);
    told(&b, "");
    send(&b, 31, 95);
    told(&b, "2+31");
    // Back again: it is late, and no newer than what is known.
    send_from(&b, DEV, -years, 20);
    told(&b, "");
    send(&b, 32, 95);
    wait_until(&b, 70);
    told(&b, "1+60 3+60");
    tear_down(&b);
}

static void a_metric_that_changes_its_unit_is_compared_as_it_is(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "temp > 60");
    send(&b, 1, 20);
    send(&b, 2, 68);
    told(&b, "1+2");
    send(&b, 3, 20);
    told(&b, "1-3");
    tear_down(&b);
}

static void a_device_that_leaves_the_scope_is_no_longer_meant(void **state)
{
    (void)state;
    struct bench b;

    SET_UP(&b, "temp > 90", "no message for 1m");
    send(&b, 1, 95);
    told(&b, "1+1");
    engine_put(b.e, &(struct engine_who){ .device = DEV }, b.now);
    told(&b, "1-1");
    send(&b, 2, 95);
    wait_until(&b, 200);
    told(&b, "");
    tear_down(&b);
}

// ---------------------------------------------------------------- after a restart

static const char *const restart_rules[] = { "avg(temp) over 1m > 70", "temp > 90",
                                             "no message for 2m", NULL };

// The same readings to an engine that lived on, and to one that begins anew at each of many moments
// and gets what was stored; told together what the first one told.
static void a_restart_at_any_moment_misses_and_doubles_nothing(void **state)
{
    (void)state;
    double temps[60];
    struct bench whole;
    char all[4000];

    for (int i = 0; i < 60; i++)
        temps[i] = (i / 7) % 2 ? 80 + i % 3 * 6 : 50 + i % 2;
    set_up(&whole, ENGINE_LIVE, restart_rules);
    for (int i = 0; i < 60; i++)
        send(&whole, i * 10 + 1, temps[i]);
    memcpy(all, whole.told, sizeof all);
    tear_down(&whole);

    // mark: up to where the first life's turns were committed.
    for (int died = 5; died < 60; died++) {
        for (int lost = 0; lost < 4; lost++) {
            struct bench a, z;
            char together[4000];
            int mark = died - lost;
            size_t n;

            set_up(&a, ENGINE_LIVE, restart_rules);
            for (int i = 0; i < mark; i++)
                send(&a, i * 10 + 1, temps[i]);
            set_up(&z, ENGINE_WARM, restart_rules);
            n = (size_t)snprintf(together, sizeof together, "%s", a.told);
            for (int r = 1; r <= 2; r++) { // what the first life told
                const char *last = NULL;
                char plus[8], minus[8];

                snprintf(plus, sizeof plus, "%d+", r);
                snprintf(minus, sizeof minus, "%d-", r);
                for (const char *at = a.told; *at; at++)
                    if ((at == a.told || at[-1] == ' ') &&
                        (!strncmp(at, plus, 2) || !strncmp(at, minus, 2)))
                        last = at;
                if (last)
                    engine_assume(z.e, r, DEV, last[1] == '+', T0 + atol(last + 2) * 1000);
            }
            for (int i = 0; i < died; i++) {
                if (i == mark)
                    engine_turn_to(z.e, ENGINE_REPLAY, z.now);
                send(&z, i * 10 + 1, temps[i]);
            }
            engine_turn_to(z.e, ENGINE_LIVE, z.now);
            engine_settle(z.e, z.now);
            for (int i = died; i < 60; i++)
                send(&z, i * 10 + 1, temps[i]);
            snprintf(together + n, sizeof together - n, "%s%s", n && *z.told ? " " : "", z.told);
            assert_string_equal(together, all);
            tear_down(&a);
            tear_down(&z);
        }
    }
}

static void silence_that_was_told_lasts_over_a_restart(void **state)
{
    (void)state;
    struct bench b;

    set_up(&b, ENGINE_WARM, restart_rules);
    engine_assume(b.e, 3, DEV, true, T0 + 121000);
    send(&b, 1, 50); // stored before the silence
    engine_turn_to(b.e, ENGINE_REPLAY, T0 + 200000);
    engine_turn_to(b.e, ENGINE_LIVE, T0 + 300000);
    engine_settle(b.e, T0 + 300000);
    b.now = T0 + 300000;
    wait_until(&b, 600);
    told(&b, "");
    send(&b, 700, 50);
    told(&b, "3-700");
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_fires_at_once_and_ends_at_once),
        cmocka_unit_test(a_window_speaks_when_it_closes),
        cmocka_unit_test(what_is_late_counts_within_the_bound_and_not_beyond),
        cmocka_unit_test(windows_in_a_row_are_counted),
        cmocka_unit_test(a_window_that_hops_covers_what_it_says),
        cmocka_unit_test(a_sliding_window_is_seen_within_a_sixtieth),
        cmocka_unit_test(a_session_ends_with_its_gap),
        cmocka_unit_test(silence_fires_and_a_word_ends_it),
        cmocka_unit_test(percentiles_rates_and_deviations_are_right),
        cmocka_unit_test(many_values_thin_evenly),
        cmocka_unit_test(groups_are_taken_together),
        cmocka_unit_test(conditions_join_and_what_is_unknown_decides_nothing),
        cmocka_unit_test(what_is_no_number_is_in_no_window),
        cmocka_unit_test(a_clock_five_years_off_blinds_no_rule),
        cmocka_unit_test(a_metric_that_changes_its_unit_is_compared_as_it_is),
        cmocka_unit_test(a_device_that_leaves_the_scope_is_no_longer_meant),
        cmocka_unit_test(a_restart_at_any_moment_misses_and_doubles_nothing),
        cmocka_unit_test(silence_that_was_told_lasts_over_a_restart),
    };
    return cmocka_run_group_tests_name("rule_engine", tests, NULL, NULL);
}
