// SPDX-License-Identifier: Apache-2.0
// threaded
//
// What is a threat becomes one alert with the right devices and evidence, and what is none does
// not: stories of the fleet against the real gateway, with thresholds set as people set them.

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "support/alarm.h"
#include "support/binary.h"
#include "support/gate.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/tale.h"
#include "test.h"

#define WAIT_S 180

static struct gate *gate;

// ---------------------------------------------------------------- the stories

// All are played at once, from the beginning of the tests until each has been looked at; by devices
// that have attested well before: what a story changes is then a change.
static struct tale {
    const char *name, *text, *more;
    pid_t pid;
} tales[] = {
    { "healthy", "", "", 0 },
    { "flaky", "0s share=50% flaky every=1s away=300ms", "", 0 },
    { "twin", "2s count=2 twin", "--sources 50", 0 },
    { "forged", "2s count=6 forged", "", 0 },
    { "tampered", "2s count=4 product=\"Line sensor\" tampered", "", 0 },
    { "rollback", "2s count=2 product=\"Meter\" rolled-back", "", 0 },
    { "debug", "2s count=3 debug", "", 0 },
    { "clock", "2s count=3 clock-off", "", 0 },
    { "replay", "2s count=2 replaying", "", 0 },
    { "clone", "20s count=2 clone", "", 0 },
    { "crash", "0s count=3 crash-loop every=1s away=200ms", "", 0 },
};

static void end_tale(const char *name) // NULL: all
{
    for (size_t i = 0; i < sizeof tales / sizeof *tales; i++)
        if (tales[i].pid && (!name || !strcmp(tales[i].name, name))) {
            binary_stop(tales[i].pid, SIGKILL);
            tales[i].pid = 0;
        }
}

// Its devices were in so many alerts, now that all it did has been weighed.
static void was_in(const char *story, int64_t wanted)
{
    end_tale(story);
    alarm_settle(gate);
    assert_int_equal(alarm_count(story), wanted);
}

static void wait_for_devices(const char *story, const char *where)
{
    for (int i = 0; i < WAIT_S * 10; i++) {
        if (model_sql(pg_conninfo(),
                      "SELECT count(*) FROM device d JOIN device_state s USING (catalog, device)"
                      " WHERE d.tags ->> 'fleet' = '%s' AND (%s)",
                      story, where) == TALE_DEVICES)
            return;
        usleep(100000);
    }
    fail_msg("%s: not all devices are: %s", story, where);
}

static void begin_tales(void)
{
    for (size_t i = 0; i < sizeof tales / sizeof *tales; i++)
        tales[i].pid = tale_begin(tales[i].name, gate->demo, "", "--interval 2s");
    for (size_t i = 0; i < sizeof tales / sizeof *tales; i++) {
        char more[60];

        wait_for_devices(tales[i].name, "s.state = 1");
        binary_stop(tales[i].pid, SIGTERM);
        snprintf(more, sizeof more, "--interval 500ms %s", tales[i].more);
        tales[i].pid = tale_again(tales[i].name, tales[i].text, more);
    }
}

// Thresholds are as low as they can be: nothing a healthy device does counts at all.
#define LOW                                                                                        \
    "{\"codes\":{\"T01\":{\"times\":2},\"T17\":{\"times\":3},\"T08\":{\"times\":1},\"T18\":{\"times\":3}}}"

// Looked at last: it had the time of all the others to do harm.
static void a_healthy_fleet_threatens_nobody(void **state)
{
    (void)state;
    wait_for_devices("healthy", "s.state = 1");
    was_in("healthy", 0);
    end_tale(NULL);
}

static void a_flaky_link_is_no_threat(void **state)
{
    (void)state;
    wait_for_devices("flaky", "s.hello_boot = 2"); // one a run, however often the link broke
    was_in("flaky", 0);
}

static void changed_firmware_is_one_alert_for_each_component(void **state)
{
    (void)state;
    alarm_become("tampered", "T05",
                 "a.title = 'A build of ''pump.pump-control'' runs that is not among the reference"
                 " values' AND h.evidence::jsonb ->> 'component' = 'pump.pump-control'"
                 " AND h.evidence::jsonb ->> 'found' <> '' AND a.severity = 2",
                 4);
    was_in("tampered", 1);
}

static void what_attests_well_again_is_over(void **state)
{
    (void)state;
    struct gate_device *d = gate_device(gate, gate->acme, true);
    char digest[sizeof d->sha256];

    model_sql(pg_conninfo(), "UPDATE device SET tags = '{\"fleet\":\"mended\"}' WHERE id = '%s'",
              d->id);
    memcpy(digest, d->sha256, sizeof digest);
    memset(d->sha256, 'a', sizeof digest - 1);
    assert_true(gate_enroll(gate, d, "contraindicated"));
    alarm_become("mended", "T05", "a.key = 'threat:T05:app.pump'", 1);
    memcpy(d->sha256, digest, sizeof digest);
    assert_true(gate_enroll(gate, d, "affirming"));
    alarm_become("mended", "T05", "true", 0);
    was_in("mended", 1);
    assert_int_equal(model_sql(pg_conninfo(), "SELECT count(*) FROM alert WHERE key ="
                                              " 'threat:T05:app.pump'"
                                              " AND resolved_at IS NOT NULL"),
                     1);
    gate_device_free(d);
}

static void a_rollback_is_critical(void **state)
{
    (void)state;
    alarm_become(
        "rollback", "T06",
        "a.title = '''meter.os'' was rolled back to a withdrawn version' AND a.severity = 3"
        " AND h.evidence::jsonb ->> 'found' LIKE 'security version 2 %%'",
        2);
    was_in("rollback", 1);
}

static void open_debug_access_is_seen(void **state)
{
    (void)state;
    alarm_become("debug", "T07", "a.title = 'Debugging is on'", 3);
    was_in("debug", 1);
}

static void a_clock_that_is_off_is_seen(void **state)
{
    (void)state;
    alarm_become("clock", "T08", "h.evidence::jsonb ->> 'found' LIKE '1_0_ s behind'", 3);
    was_in("clock", 1);
}

static void evidence_for_another_challenge_is_a_replay(void **state)
{
    (void)state;
    alarm_become("replay", "T12", "h.evidence::jsonb ->> 'why' LIKE 'eat_nonce %%'", 2);
    was_in("replay", 1);
}

static void a_copy_is_seen_by_its_boot_count(void **state)
{
    (void)state;
    alarm_become(
        "clone", "T02",
        "a.title LIKE 'Boot counts %%' AND (h.evidence LIKE '%%bootcount%%' OR h.evidence LIKE '%%\"before\"%%')",
        2);
    was_in("clone", 1);
}

// An exact copy also says message numbers again that the other has passed.
static void an_identity_at_two_addresses_is_seen(void **state)
{
    (void)state;
    alarm_become("twin", "T01",
                 "h.evidence::jsonb ->> 'source' <> h.evidence::jsonb ->> 'before' AND a.title ="
                 " 'One identity is used at two addresses at once'",
                 2);
    end_tale("twin");
    alarm_settle(gate);
    assert_true(alarm_count("twin") <= 2);
    assert_int_equal(alarm_devices("twin", "T01", "true"), 2);
}

static void certificates_of_somebody_elses_ca_are_seen_by_their_address(void **state)
{
    (void)state;
    alarm_from(gate->demo, "T09:foreign",
               "h.evidence::jsonb ->> 'source' = '127.0.0.1'"
               " AND (h.evidence::jsonb ->> 'times')::int >= 5"
               " AND length(h.evidence::jsonb ->> 'claims') = 32");
    was_in("forged", 0); // whoever is claimed to come is not blamed for it
}

static void a_revoked_certificate_is_seen_when_it_comes_again_and_again(void **state)
{
    (void)state;
    struct gate_device *d = gate_device(gate, gate->demo, true);
    struct wire_options o;

    model_sql(pg_conninfo(), "UPDATE device SET tags = '{\"fleet\":\"revoked\"}' WHERE id = '%s'",
              d->id);
    assert_true(gate_enroll(gate, d, "affirming"));
    o = gate_as_certified(gate, d);
    gate_unclaim(gate, d);
    for (int i = 0; i < 5; i++)
        assert_null(wire_connect(&o));
    alarm_become("revoked", "T09", "a.key = 'threat:T09:revoked'", 1);
    assert_int_equal(alarm_count("revoked"), 1);
    gate_device_free(d);
}

static void guessing_claim_codes_is_seen(void **state)
{
    (void)state;
    struct gate_device *d = gate_stranger(gate);
    int64_t window = gate_window(gate, gate->demo, 10, NULL);
    struct wire_options o = gate_as_factory(gate, d);

    for (int i = 0; i < 3; i++) {
        struct wire *w = wire_connect(&o);
        json_t *hello = gate_hello(d);

        assert_non_null(w);
        json_object_set_new(hello, "claim", json_string("AAAA-AAAA-AAAA-AAAA"));
        assert_true(wire_say_json(w, hello));
        json_decref(wire_hear(w, "nack"));
        wire_free(w);
    }
    alarm_from(gate->demo, "T17:code", "h.evidence::jsonb ->> 'source' = '127.0.0.1'");
    gate_window_close(gate, gate->demo, window);
    gate_device_free(d);
}

// Half an hour of readings, in their own time, and then ten times as many.
static void who_sends_far_more_than_it_used_to_is_seen(void **state)
{
    (void)state;
    struct gate_device *d = gate_device(gate, gate->acme, true);
    int64_t from = clock_now_ms() - 3600000, device;

    model_sql(pg_conninfo(), "UPDATE device SET tags = '{\"fleet\":\"loud\"}' WHERE id = '%s'",
              d->id);
    device = model_sql(pg_conninfo(), "SELECT device FROM device WHERE id = '%s'", d->id);
    for (int minute = 0; minute < 45; minute++) {
        if (minute == 38) {
            alarm_settle(gate);
            assert_int_equal(alarm_count("loud"), 0);
        }
        bus_publish(gate->bus,
                    &(struct bus_event){ .kind = BUS_READING,
                                         .catalog = gate->acme,
                                         .device = device,
                                         .at = from + minute * 60000,
                                         .count = 5,
                                         .messages = minute < 38 ? 58 + minute % 5 : 600 });
    }
    alarm_become("loud", "T13", "(h.evidence::jsonb ->> 'aMinute')::int = 600", 1);
    assert_int_equal(alarm_count("loud"), 1);
    gate_device_free(d);
}

// Whose certificate ended long ago, as the table says: nobody waits for days.
static void who_does_not_renew_is_silent_until_it_comes_back(void **state)
{
    (void)state;
    struct gate_device *d = gate_device(gate, gate->acme, true);

    model_sql(pg_conninfo(), "UPDATE device SET tags = '{\"fleet\":\"silent\"}' WHERE id = '%s'",
              d->id);
    assert_true(gate_enroll(gate, d, "affirming"));
    model_sql(pg_conninfo(),
              "UPDATE device_trust t SET cert_not_before = now() - interval '35 hours',"
              " cert_not_after = now() - interval '11 hours' FROM device d"
              " WHERE d.catalog = t.catalog AND d.device = t.device AND d.id = '%s'",
              d->id);
    alarm_set(gate, gate->acme, "{\"codes\":{}}");
    alarm_settle(gate);
    assert_int_equal(alarm_count("silent"), 0); // the half of a lifetime is not over yet
    alarm_set(gate, gate->acme, "{\"codes\":{\"T14\":{\"lifetimePercent\":140}}}");
    alarm_become("silent", "T14", "h.evidence::jsonb ->> 'until' <> ''", 1);
    assert_true(gate_enroll(gate, d, "affirming"));
    alarm_become("silent", "T14", "true", 0);
    assert_int_equal(alarm_count("silent"), 1);
    gate_device_free(d);
}

static void who_comes_from_outside_is_seen_until_it_comes_from_inside(void **state)
{
    (void)state;
    struct gate_device *d = gate_device(gate, gate->acme, true);

    model_sql(pg_conninfo(), "UPDATE device SET tags = '{\"fleet\":\"moved\"}' WHERE id = '%s'",
              d->id);
    assert_true(gate_enroll(gate, d, "affirming"));
    wire_free(gate_session(gate, d, NULL));
    alarm_settle(gate);
    assert_int_equal(alarm_count("moved"), 0);
    alarm_set(gate, gate->acme, "{\"codes\":{},\"networks\":[\"10.0.0.0/8\",\"2001:db8::/32\"]}");
    alarm_settle(gate);
    wire_free(gate_session(gate, d, NULL));
    alarm_become("moved", "T11", "h.evidence::jsonb ->> 'source' = '127.0.0.1'", 1);
    alarm_set(gate, gate->acme, "{\"codes\":{},\"networks\":[\"10.0.0.0/8\",\"127.0.0.0/30\"]}");
    alarm_settle(gate);
    wire_free(gate_session(gate, d, NULL));
    alarm_become("moved", "T11", "true", 0);
    assert_int_equal(alarm_count("moved"), 1);
    alarm_set(gate, gate->acme, "{\"codes\":{}}");
    gate_device_free(d);
}

static void a_crash_loop_is_one_alert_over_all_devices(void **state)
{
    (void)state;
    alarm_become("crash", "T18", "(h.evidence::jsonb ->> 'boot')::int > 2", 3);
    was_in("crash", 1);
}

// A device with one key and its own idea of where its sequence stands.
static void numbers_that_were_passed_count_when_they_come_again_and_again(void **state)
{
    (void)state;
    struct gate_device *d = gate_device(gate, gate->acme, true);

    model_sql(pg_conninfo(), "UPDATE device SET tags = '{\"fleet\":\"sequence\"}' WHERE id = '%s'",
              d->id);
    assert_true(gate_enroll(gate, d, "affirming"));
    for (int i = 0; i < 4; i++) {
        struct wire *w = gate_session(gate, d, NULL);
        char text[100];

        snprintf(text, sizeof text,
                 "{\"type\":\"telemetry\",\"seq\":1,\"t\":%" PRId64 ",\"m\":{\"a\":1}}",
                 clock_now_ms());
        assert_true(wire_say(w, text));
        json_t *ack = wire_hear(w, "ack");
        assert_int_equal(json_integer_value(json_object_get(ack, "seq")), 1);
        json_decref(ack);
        wire_free(w);
    }
    alarm_become("sequence", "T02", "h.evidence LIKE '%%sequence%%'", 1);
    gate_device_free(d);
}

// ---------------------------------------------------------------- thresholds

static void what_is_switched_off_raises_nothing(void **state)
{
    (void)state;
    alarm_set(gate, gate->acme, "{\"codes\":{\"T12\":{\"enabled\":false}}}");
    alarm_publish(gate, "replay", 77);
    alarm_settle(gate);
    assert_int_equal(model_sql(pg_conninfo(),
                               "SELECT count(*) FROM alert WHERE catalog = %d AND"
                               " code = 'T12'",
                               gate->acme),
                     0);
    alarm_set(gate, gate->acme, "{\"codes\":{}}");
    alarm_publish(gate, "replay", 77);
    alarm_settle(gate);
    assert_int_equal(model_sql(pg_conninfo(),
                               "SELECT count(*) FROM alert WHERE catalog = %d AND"
                               " code = 'T12'",
                               gate->acme),
                     1);
}

static void thresholds_out_of_bounds_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *body, *said;
    } cases[] = {
        { "{}", "codes" },
        { "{\"codes\":[]}", "codes" },
        { "{\"codes\":{\"T99\":{}}}", "codes has no 'T99'" },
        { "{\"codes\":{\"T18\":[]}}", "codes.T18 must be an object" },
        { "{\"codes\":{\"T18\":{\"times\":1}}}", "codes.T18.times must be" },
        { "{\"codes\":{\"T18\":{\"times\":\"6\"}}}", "codes.T18.times must be" },
        { "{\"codes\":{\"T18\":{\"times\":1e300}}}", "codes.T18.times must be" },
        { "{\"codes\":{\"T05\":{\"quietMinutes\":5}}}", "codes.T05 has no 'quietMinutes'" },
        { "{\"codes\":{\"T05\":{\"enabled\":1}}}", "codes.T05.enabled must be" },
        { "{\"codes\":{},\"more\":1}", "more" },
        { "{\"codes\":{},\"networks\":[\"10.0.0.0/33\"]}", "networks: '10.0.0.0/33'" },
        { "{\"codes\":{},\"networks\":[1]}", "networks" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_answer a;

        alarm_ask(gate, "PUT", gate->acme, cases[i].body, "0", &a);
        assert_int_equal(a.rc, RC_INVALID);
        if (!strstr(a.text, cases[i].said))
            fail_msg("%s: %s", cases[i].body, a.text);
        model_answer_done(&a);
    }
}

static void thresholds_change_only_from_their_newest_version(void **state)
{
    (void)state;
    struct model_answer a;

    alarm_set(gate, gate->demo, "{\"codes\":{\"T18\":{\"times\":9}}}");
    alarm_ask(gate, "PUT", gate->demo, LOW, "0", &a);
    assert_int_equal(a.rc, RC_CONFLICT);
    assert_true(a.stale);
    model_answer_done(&a);
    alarm_ask(gate, "GET", gate->demo, NULL, NULL, &a);
    json_t *item, *limit = NULL, *items = json_object_get(a.body, "items");
    size_t i;
    json_array_foreach (items, i, item)
        if (!strcmp(json_string_value(json_object_get(item, "code")), "T18"))
            limit = json_array_get(json_object_get(item, "limits"), 0);
    assert_string_equal(json_string_value(json_object_get(limit, "name")), "times");
    assert_int_equal(json_integer_value(json_object_get(limit, "value")), 9);
    assert_int_equal(json_integer_value(json_object_get(limit, "usual")), 6);
    model_answer_done(&a);
    alarm_set(gate, gate->demo, LOW);
}

// ---------------------------------------------------------------- around them

static int open_gate(void **state)
{
    (void)state;
    gate = gate_up(&(struct gate_options){ .threats = true });
    tale_open(gate);
    alarm_set(gate, gate->demo, LOW);
    begin_tales();
    return 0;
}

static int close_gate(void **state)
{
    (void)state;
    end_tale(NULL);
    gate_down(gate);
    tale_close();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        // The fleets first; those with a device of their own when all is quiet again.
        cmocka_unit_test(changed_firmware_is_one_alert_for_each_component),
        cmocka_unit_test(a_rollback_is_critical),
        cmocka_unit_test(open_debug_access_is_seen),
        cmocka_unit_test(a_clock_that_is_off_is_seen),
        cmocka_unit_test(evidence_for_another_challenge_is_a_replay),
        cmocka_unit_test(a_copy_is_seen_by_its_boot_count),
        cmocka_unit_test(an_identity_at_two_addresses_is_seen),
        cmocka_unit_test(certificates_of_somebody_elses_ca_are_seen_by_their_address),
        cmocka_unit_test(a_crash_loop_is_one_alert_over_all_devices),
        cmocka_unit_test(a_flaky_link_is_no_threat),
        cmocka_unit_test(a_healthy_fleet_threatens_nobody),
        cmocka_unit_test(what_attests_well_again_is_over),
        cmocka_unit_test(a_revoked_certificate_is_seen_when_it_comes_again_and_again),
        cmocka_unit_test(guessing_claim_codes_is_seen),
        cmocka_unit_test(numbers_that_were_passed_count_when_they_come_again_and_again),
        cmocka_unit_test(who_sends_far_more_than_it_used_to_is_seen),
        cmocka_unit_test(who_does_not_renew_is_silent_until_it_comes_back),
        cmocka_unit_test(who_comes_from_outside_is_seen_until_it_comes_from_inside),
        cmocka_unit_test(what_is_switched_off_raises_nothing),
        cmocka_unit_test(thresholds_out_of_bounds_are_named),
        cmocka_unit_test(thresholds_change_only_from_their_newest_version),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests(tests, open_gate, close_gate);
}
