// SPDX-License-Identifier: Apache-2.0
// threaded
//
// Each story of the fleet, played against the real gateway, and what a person would see of it.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "pattern/pattern.h"
#include "support/binary.h"
#include "support/gate.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/tale.h"
#include "test.h"

#define DEVICES TALE_DEVICES
#define WAIT_S  120 // for what comes on any machine

static struct gate *gate;
static pid_t outage;

// Plays it until it is stopped: what comes of it takes as long as this machine needs.
static pid_t begin_with_new(const char *story, const char *text, const char *more)
{
    char options[80];

    snprintf(options, sizeof options, "--interval 200ms %s", more);
    return tale_begin(story, gate->demo, text, options);
}

static void finish(pid_t pid)
{
    assert_int_equal(binary_stop(pid, SIGTERM), 0);
}

// ---------------------------------------------------------------- the database

#define IN_STATE(s) "s.state = " s
#define HEALTHY     IN_STATE("1")
#define AT_RISK     IN_STATE("3")
#define QUARANTINED IN_STATE("4")
#define OFFLINE     IN_STATE("5")

// How many devices of a story's fleet are like that.
static int64_t devices(const char *story, const char *where)
{
    return model_sql(pg_conninfo(),
                     "SELECT count(*) FROM device d JOIN device_state s USING (catalog, device)"
                     " LEFT JOIN device_trust t USING (catalog, device)"
                     " WHERE d.tags ->> 'fleet' = '%s' AND (%s)",
                     story, where);
}

static void become(const char *story, const char *where, int64_t wanted)
{
    for (int i = 0; i < WAIT_S * 10; i++) {
        if (devices(story, where) == wanted)
            return;
        usleep(100000);
    }
    fail_msg("%s: %lld of %lld are: %s", story, (long long)devices(story, where), (long long)wanted,
             where);
}

// A fleet of which each device has proved what it is; then the story goes on with it.
static pid_t begin_with_proven(const char *story, const char *text)
{
    pid_t pid = begin_with_new(story, "", "");

    become(story, HEALTHY " AND t.attested_version IS NOT NULL", DEVICES);
    finish(pid);
    return tale_again(story, text, "--interval 200ms");
}

// The pattern of that dimension and state, if it is among those of the catalog.
static bool has_pattern(int32_t catalog, enum pattern_dimension dimension, enum device_state state,
                        struct pattern *out, size_t *count)
{
    auto_free struct pattern_list *list = calloc(1, sizeof *list);
    struct fault f = { 0 };

    if (pattern_load(gate->store, catalog, list, &f) != RC_OK)
        fail_msg("%s", f.text);
    *count = list->count;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].dimension == dimension && list->items[i].state == state) {
            *out = list->items[i];
            return true;
        }
    return false;
}

// ---------------------------------------------------------------- the stories

static void a_healthy_fleet_raises_nothing(void **state)
{
    (void)state;
    static struct pattern p;
    size_t count;

    pid_t pid = begin_with_new("healthy", "", "");
    become("healthy",
           HEALTHY " AND t.verdict = 1 AND t.network = '127.0.0.0/24'"
                   " AND t.attested_version = t.os_version",
           DEVICES);
    finish(pid);
    assert_int_equal(devices("healthy", HEALTHY), DEVICES);
    assert_int_equal(model_sql(pg_conninfo(), "SELECT count(*) FROM refusal"), 0);
    assert_false(has_pattern(gate->demo, PATTERN_SITE, STATE_OFFLINE, &p, &count));
    assert_int_equal(count, 0);
}

static uint64_t sessions_begun(void)
{
    struct gateway_stats s;

    gateway_stats(gate->gateway, &s);
    return s.established;
}

static void a_flaky_link_reconnects_and_is_not_offline(void **state)
{
    (void)state;
    uint64_t before = sessions_begun();
    pid_t pid = begin_with_new("flaky", "0s share=50% flaky every=1s away=300ms", "--resume");
    for (int i = 0; i < WAIT_S * 10 && sessions_begun() < before + 3 * DEVICES; i++)
        usleep(100000);
    assert_true(sessions_begun() >= before + 3 * DEVICES); // two to begin with, then again
    become("flaky", HEALTHY, DEVICES);
    finish(pid);
    assert_int_equal(devices("flaky", HEALTHY), DEVICES);
}

#define WITH_TELEMETRY                                                                             \
    "EXISTS (SELECT FROM telemetry m WHERE m.catalog = d.catalog"                                  \
    " AND m.device = d.device)"

static void the_silent_are_well_and_say_nothing(void **state)
{
    (void)state;
    pid_t pid = begin_with_new("silent", "0s share=25% silent", "");
    become("silent", HEALTHY, DEVICES);
    become("silent", WITH_TELEMETRY, DEVICES - DEVICES / 4);
    finish(pid);
    assert_int_equal(devices("silent", "NOT " WITH_TELEMETRY), DEVICES / 4);
}

static void a_drifting_sensor_leaves_its_range(void **state)
{
    (void)state;
    static const char drifted[] =
        "EXISTS (SELECT FROM telemetry m JOIN shape h ON h.catalog = m.catalog AND h.id = m.shape"
        " WHERE m.catalog = d.catalog AND m.device = d.device"
        " AND m.vals[array_position(h.names, 'pressure.bar')] > 5.4)";

    pid_t pid = begin_with_new("drift", "1s product=\"Line sensor\" count=2 drift=60", "");
    become("drift", drifted, 2);
    become("drift", HEALTHY, DEVICES);
    finish(pid);
    assert_int_equal(devices("drift", drifted), 2);
}

static void changed_firmware_is_quarantined_and_counted(void **state)
{
    (void)state;
    int64_t before = model_sql(pg_conninfo(), "SELECT coalesce(sum(n), 0) FROM refusal"), refused;

    pid_t pid = begin_with_proven("tampered", "0s count=4 tampered");
    become("tampered", QUARANTINED " AND t.verdict = 3", 4);
    become("tampered", HEALTHY, DEVICES - 4);
    // It proved its version before it was changed; the changed one proves nothing.
    assert_int_equal(devices("tampered", "t.attested_version IS NOT NULL"), DEVICES);
    for (int i = 0; i < WAIT_S * 10; i++) {
        refused = model_sql(pg_conninfo(), "SELECT coalesce(sum(n), 0) FROM refusal"
                                           " WHERE reason LIKE 'Build not accepted: %%'");
        if (refused >= before + 4)
            break;
        usleep(100000);
    }
    assert_true(refused >= before + 4);
    finish(pid);
}

static void a_clone_is_noticed_by_its_boot_count(void **state)
{
    (void)state;
    pid_t pid = begin_with_new("clone", "20s count=2 clone", ""); // after those they are copies of
    become("clone", AT_RISK " AND t.findings::text LIKE '%%same key%%'", 2);
    become("clone", HEALTHY, DEVICES - 2);
    finish(pid);
}

static void a_crash_loop_shows_in_boots_and_events(void **state)
{
    (void)state;
    static const char crashed[] =
        "s.hello_boot >= 3 AND (SELECT count(*) FROM journal j WHERE j.catalog = d.catalog"
        " AND j.device = d.device AND j.name = 'crash') >= 2";

    static const char dumped[] =
        "EXISTS (SELECT FROM crash_dump c JOIN journal j USING (catalog, device)"
        " WHERE c.catalog = d.catalog AND c.device = d.device AND c.name = 'application'"
        " AND j.name = 'crash' AND j.fields ->> 'dump' = encode(c.sha256, 'hex'))";

    tale_make("crash", gate->demo, 1);
    model_sql(pg_conninfo(),
              "WITH p AS (INSERT INTO product (catalog, name) VALUES (%d, 'crashing')"
              " RETURNING id), g AS (INSERT INTO device_group (catalog, product, name, crash_dumps)"
              " SELECT %d, id, 'open', true FROM p RETURNING id)"
              " UPDATE device SET device_group = g.id FROM g WHERE tags ->> 'fleet' = 'crash'",
              gate->demo, gate->demo);
    pid_t pid =
        tale_again("crash", "0s count=3 crash-loop every=2s away=200ms", "--interval 200ms");
    become("crash", crashed, 3);
    become("crash", "s.hello_boot > 0", DEVICES);
    for (int i = 0; i < WAIT_S * 10 && devices("crash", dumped) == 0; i++)
        usleep(100000);
    assert_true(devices("crash", dumped) > 0);
    finish(pid);
    assert_int_equal(devices("crash", "s.hello_boot > 1"), 3);
}

static void a_bad_batch_is_refused_and_named(void **state)
{
    (void)state;
    static struct pattern p;
    size_t count;

    pid_t pid = begin_with_new("batch", "0s batch=largest tampered", "");
    become("batch", QUARANTINED " OR " HEALTHY, DEVICES);
    finish(pid);
    int64_t bad = devices("batch", QUARANTINED);
    assert_true(bad >= PATTERN_LEAST);
    assert_int_equal(devices("batch", HEALTHY), DEVICES - bad);
    assert_int_equal(
        model_sql(pg_conninfo(),
                  "SELECT count(DISTINCT tags ->> 'batch') FROM device d JOIN device_state s"
                  " USING (catalog, device) WHERE d.tags ->> 'fleet' = 'batch'"
                  " AND s.state = 4"),
        1);
    assert_true(has_pattern(gate->demo, PATTERN_BATCH, STATE_QUARANTINED, &p, &count));
    assert_true(p.count >= bad);
    assert_int_equal(p.seat_count > 0, 1);
}

// Begun before all others: a device is called offline only 90 s after its last session.
static void a_site_that_goes_dark_is_offline_and_named(void **state)
{
    (void)state;
    static struct pattern p;
    char where[PATTERN_VALUE + 100];
    size_t count;

    int64_t dark =
        model_sql(pg_conninfo(), "SELECT max(n) FROM (SELECT count(*) AS n FROM device"
                                 " WHERE tags ->> 'fleet' = 'outage' GROUP BY tags ->> 'site') x");
    assert_true(dark >= PATTERN_LEAST);
    become("outage", OFFLINE, dark);
    assert_true(has_pattern(gate->acme, PATTERN_SITE, STATE_OFFLINE, &p, &count));
    assert_int_equal(count, 1);
    assert_int_equal(p.count, dark);
    assert_int_equal(p.of, dark);
    snprintf(where, sizeof where, OFFLINE " AND d.tags ->> 'site' = '%s'", p.value);
    assert_int_equal(devices("outage", where), dark);
    become("outage", HEALTHY, DEVICES - dark);
}

static void a_story_that_cannot_be_read_starts_nothing(void **state)
{
    (void)state;
    char out[1000];

    tale_write("wrong", "0s all flaky\n5s all explode\n");
    assert_int_equal(
        binary_run(out, sizeof out,
                   "orrery-fleet run --dir %s/healthy --server 127.0.0.1:1 --ca %s/ca.pem --story "
                   "%s/wrong.story",
                   tale_folder(), tale_folder(), tale_folder()),
        1);
    assert_non_null(strstr(out, "line 2: 'explode'"));
}

// ---------------------------------------------------------------- around them

static int open_gate(void **state)
{
    (void)state;
    gate = gate_up(&(struct gate_options){ 0 });
    tale_open(gate);
    outage = tale_begin("outage", gate->acme, "20s site=largest offline", "");
    return 0;
}

static int close_gate(void **state)
{
    (void)state;
    binary_stop(outage, SIGTERM);
    gate_down(gate);
    tale_close();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_fleet_raises_nothing),
        cmocka_unit_test(a_flaky_link_reconnects_and_is_not_offline),
        cmocka_unit_test(the_silent_are_well_and_say_nothing),
        cmocka_unit_test(a_drifting_sensor_leaves_its_range),
        cmocka_unit_test(changed_firmware_is_quarantined_and_counted),
        cmocka_unit_test(a_clone_is_noticed_by_its_boot_count),
        cmocka_unit_test(a_crash_loop_shows_in_boots_and_events),
        cmocka_unit_test(a_bad_batch_is_refused_and_named),
        cmocka_unit_test(a_story_that_cannot_be_read_starts_nothing),
        cmocka_unit_test(a_site_that_goes_dark_is_offline_and_named),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests(tests, open_gate, close_gate);
}
