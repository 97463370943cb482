// SPDX-License-Identifier: Apache-2.0
//
// Who comes with a certificate that is over or names nobody, who tries claim codes, and who comes
// from another network: stories of the fleet against a gateway whose certificates live for a
// minute.

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "support/alarm.h"
#include "support/binary.h"
#include "support/pg.h"
#include "support/tale.h"
#include "test.h"

#define WAIT_S     180
#define LIFETIME_S 60 // healthy devices renew it each half minute

static struct gate *gate;
static int64_t window;

// All are played at once.
static struct tale {
    const char *name, *text;
    pid_t pid;
} tales[] = {
    { "healthy", "", 0 },
    { "expired", "0s count=3 stubborn", 0 },
    { "unknown", "0s count=3 unknown", 0 },
    { "guess", "0s count=3 guessing", 0 },
    { "moved", "0s count=3 moved", 0 },
};

static void stop(const char *name) // NULL: all
{
    for (size_t i = 0; i < sizeof tales / sizeof *tales; i++)
        if (tales[i].pid && (!name || !strcmp(tales[i].name, name))) {
            binary_stop(tales[i].pid, SIGKILL);
            tales[i].pid = 0;
        }
}

static void wait_until_well(const char *story)
{
    for (int i = 0; i < WAIT_S * 10; i++) {
        if (model_sql(pg_conninfo(),
                      "SELECT count(*) FROM device d JOIN device_state s USING (catalog, device)"
                      " WHERE d.tags ->> 'fleet' = '%s' AND s.state = 1",
                      story) == TALE_DEVICES)
            return;
        usleep(100000);
    }
    fail_msg("%s: not all devices are well", story);
}

static int64_t of(const char *story, const char *code)
{
    return model_sql(pg_conninfo(),
                     "SELECT count(*) FROM alert_device h JOIN alert a ON a.catalog = h.catalog"
                     " AND a.id = h.alert JOIN device d ON d.catalog = h.catalog"
                     " AND d.device = h.device WHERE d.tags ->> 'fleet' = '%s' AND a.code = '%s'",
                     story, code);
}

static void a_certificate_that_is_over_counts_for_its_device(void **state)
{
    (void)state;
    alarm_become("expired", "T09",
                 "a.key = 'threat:T09:expired' AND a.severity = 1"
                 " AND h.evidence::jsonb ->> 'source' = '127.0.0.1'"
                 " AND (h.evidence::jsonb ->> 'times')::int >= 5",
                 3);
    stop("expired");
}

static void a_certificate_that_names_nobody_counts_for_its_address(void **state)
{
    (void)state;
    alarm_from(gate->demo, "T09:unknown",
               "h.evidence::jsonb ->> 'source' = '127.0.0.1'"
               " AND length(h.evidence::jsonb ->> 'claims') = 32");
    stop("unknown");
    assert_int_equal(of("unknown", "T09"), 0); // it was none of those whom it lives beside
}

static void who_tries_claim_codes_is_seen_by_its_address(void **state)
{
    (void)state;
    alarm_from(gate->demo, "T17:code",
               "h.evidence::jsonb ->> 'source' = '127.0.0.1'"
               " AND (h.evidence::jsonb ->> 'times')::int >= 5");
    stop("guess");
    assert_int_equal(of("guess", "T17"), 0);
}

static void who_comes_from_another_network_is_seen(void **state)
{
    (void)state;
    alarm_become("moved", "T11", "h.evidence::jsonb ->> 'source' LIKE '127.7.0.%%'", 3);
    stop("moved");
}

static void who_is_well_is_none_of_them(void **state)
{
    (void)state;
    wait_until_well("healthy");
    stop("healthy");
    alarm_settle(gate);
    assert_int_equal(of("healthy", "T09") + of("healthy", "T11") + of("healthy", "T17"), 0);
    assert_int_equal(of("expired", "T11") + of("guess", "T11") + of("unknown", "T11"), 0);
    assert_int_equal(of("moved", "T09") + of("guess", "T09"), 0);
}

static int open_gate(void **state)
{
    (void)state;
    gate = gate_up(&(struct gate_options){ .threats = true, .lifetime_s = LIFETIME_S });
    tale_open(gate);
    alarm_set(gate, gate->demo,
              "{\"codes\":{\"T17\":{\"times\":5}},\"networks\":[\"127.0.0.0/16\"]}");
    window =
        gate_window(gate, gate->demo, 10, NULL); // while none is open nobody is asked for a code
    for (size_t i = 0; i < sizeof tales / sizeof *tales; i++)
        tales[i].pid = tale_begin(tales[i].name, gate->demo, tales[i].text, "--interval 2s");
    return 0;
}

static int close_gate(void **state)
{
    (void)state;
    stop(NULL);
    gate_window_close(gate, gate->demo, window);
    gate_down(gate);
    tale_close();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_from_another_network_is_seen),
        cmocka_unit_test(a_certificate_that_names_nobody_counts_for_its_address),
        cmocka_unit_test(who_tries_claim_codes_is_seen_by_its_address),
        cmocka_unit_test(a_certificate_that_is_over_counts_for_its_device),
        cmocka_unit_test(who_is_well_is_none_of_them),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests(tests, open_gate, close_gate);
}
