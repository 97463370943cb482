// SPDX-License-Identifier: Apache-2.0
// threaded
//
// The real agent and the fleet, as programs, against the real gateway.

#include <libpq-fe.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/bus.h"
#include "core/clock.h"
#include "support/binary.h"
#include "support/folder.h"
#include "support/gate.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

#define DEAD_PORT 1 // nobody listens there

static struct gate *gate;
static char folder[64];

static int open_gate(void **state)
{
    char path[100];

    (void)state;
    gate = gate_up(&(struct gate_options){ 0 });
    folder_make(folder, sizeof folder, "sim");
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    gate_ca_file(gate, path);
    return 0;
}

static int close_gate(void **state)
{
    (void)state;
    gate_down(gate);
    folder_remove(folder);
    return 0;
}

// ---------------------------------------------------------------- programs

static pid_t start_agent(const char *name, int port, const char *interval)
{
    return binary_start("orrery-device run --dir %s/%s --server localhost:%d --ca %s/ca.pem"
                        " --interval %s >> %s/%s.log 2>&1",
                        folder, name, port, folder, interval, folder, name);
}

// ---------------------------------------------------------------- the database

static bool becomes(int64_t least, const char *sql)
{
    for (int i = 0; i < 600; i++) {
        if (model_sql(pg_conninfo(), "%s", sql) >= least)
            return true;
        usleep(100000);
    }
    return false;
}

// ---------------------------------------------------------------- enrolment

static void admit(const char *name, int32_t catalog, char id[DEVICE_ID_LEN + 1])
{
    char out[2000];

    assert_int_equal(
        binary_run(out, sizeof out, "orrery-device identity --dir %s/%s", folder, name), 0);
    gate_admit(gate, catalog, strchr(out, '\n') + 1, true, id);
    assert_memory_equal(out, id, DEVICE_ID_LEN);
}

// The reference values a program prints, but not those of component except.
static void accept_values(int32_t catalog, const char *text, const char *except)
{
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *v;
    size_t i;

    assert_non_null(o);
    json_array_foreach (json_object_get(o, "values"), i, v) {
        const char *component = json_string_value(json_object_get(v, "component"));
        if (except && !strcmp(component, except))
            continue;
        gate_accept(gate, catalog, component, json_string_value(json_object_get(v, "version")),
                    json_string_value(json_object_get(v, "sha256")),
                    (int)json_integer_value(json_object_get(v, "svn")));
    }
    json_decref(o);
}

// ---------------------------------------------------------------- the agent

static void damage_the_newest_segment(const char *name)
{
    char line[300];

    snprintf(line, sizeof line, "f=$(ls %s/%s/spool/*.seg | tail -n 1) && printf torn >> \"$f\"",
             folder, name);
    assert_int_equal(WEXITSTATUS(pclose(popen(line, "r"))), 0);
}

// Waits until so many readings wait on disk for the server.
static bool keeps(const char *name, long least)
{
    char line[300], count[20] = "";

    snprintf(line, sizeof line, "cat %s/%s/spool/*.seg 2> /dev/null | grep -ao telemetry | wc -l",
             folder, name);
    for (int i = 0; i < 600 && strtol(count, NULL, 10) < least; i++) {
        FILE *p = popen(line, "r");

        usleep(100000);
        assert_non_null(p);
        assert_non_null(fgets(count, sizeof count, p));
        pclose(p);
    }
    return strtol(count, NULL, 10) >= least;
}

static void what_the_agent_kept_while_away_and_killed_is_stored_once(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1], out[4000], sql[300];

    admit("away", gate->demo, id);
    assert_int_equal(binary_run(out, sizeof out, "orrery-device measure"), 0);
    accept_values(gate->demo, out, NULL);
    pid_t pid = start_agent("away", DEAD_PORT, "100ms");
    assert_true(keeps("away", 15));
    assert_int_equal(binary_stop(pid, SIGKILL), -SIGKILL);
    damage_the_newest_segment("away");
    int64_t back_ms = clock_now_ms();

    pid = start_agent("away", gate->port, "100ms");
    snprintf(
        sql, sizeof sql,
        "SELECT count(*) FROM telemetry t JOIN device d USING (catalog, device) WHERE id = '%s'"
        " AND ts > to_timestamp(%lld / 1000.0)",
        id, (long long)back_ms);
    assert_true(becomes(10, sql));
    // Killed in the middle of it, too: what was sent and not acknowledged comes again.
    assert_int_equal(binary_stop(pid, SIGKILL), -SIGKILL);
    pid = start_agent("away", gate->port, "100ms");
    assert_true(becomes(30, sql));
#define OF_ID " JOIN device d USING (catalog, device) WHERE id = '%s'"
    snprintf(sql, sizeof sql, "SELECT count(*) FROM journal" OF_ID " AND journal.name = 'boot'",
             id);
    assert_true(becomes(3, sql));
    assert_int_equal(binary_stop(pid, SIGTERM), 0);

    assert_true(model_sql(pg_conninfo(),
                          "SELECT count(*) FROM telemetry" OF_ID
                          " AND ts < to_timestamp(%lld / 1000.0)",
                          id, (long long)back_ms) >= 12);
    assert_int_equal(
        model_sql(pg_conninfo(), "SELECT count(*) - count(DISTINCT ts) FROM telemetry" OF_ID, id),
        0);
    assert_int_equal(model_sql(pg_conninfo(),
                               "SELECT count(*) FROM journal" OF_ID " AND journal.name = 'boot'",
                               id),
                     3);
    assert_int_equal(
        model_sql(pg_conninfo(),
                  "SELECT count(*) FROM journal" OF_ID " AND journal.name = 'attested'", id),
        1); // the certificate outlives a kill
    assert_int_equal(
        model_sql(pg_conninfo(),
                  "SELECT count(*) FROM journal" OF_ID " AND journal.name = 'buffer.overflow'", id),
        1);
}

static void set_level(const char *id, const char *until)
{
    model_sql(pg_conninfo(),
              "INSERT INTO log_level (catalog, device, level, until) SELECT catalog, device, 3, %s"
              " FROM device WHERE id = '%s'"
              " ON CONFLICT (catalog, device, device_group) DO UPDATE SET until = EXCLUDED.until",
              until, id);
    bus_publish(gate->bus, &(struct bus_event){ .kind = BUS_LEVELS, .catalog = gate->demo });
}

static void an_agent_says_more_while_it_is_asked_to(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1], out[4000], quiet[300], loud[300], said[300], obeys[300];

    admit("loud", gate->demo, id);
    assert_int_equal(binary_run(out, sizeof out, "orrery-device measure"), 0);
    accept_values(gate->demo, out, NULL);
    pid_t pid = start_agent("loud", gate->port, "100ms");
    snprintf(quiet, sizeof quiet, "SELECT count(*) FROM telemetry t" OF_ID, id);
    snprintf(loud, sizeof loud, "SELECT count(*) FROM journal" OF_ID " AND level = 3", id);
    snprintf(said, sizeof said,
             "SELECT count(*) FROM journal" OF_ID " AND journal.name = 'log.level'", id);
    assert_true(becomes(5, quiet));
    assert_int_equal(model_sql(pg_conninfo(), "%s", loud), 0);
    set_level(id, "now() + interval '1 hour'");
    assert_true(becomes(5, loud));
    assert_int_equal(model_sql(pg_conninfo(), "%s", said), 1);
    snprintf(obeys, sizeof obeys, "SELECT count(*) FROM device_loudness" OF_ID " AND level = 3",
             id);
    assert_true(becomes(1, obeys));
    // At the next connection too.
    assert_int_equal(binary_stop(pid, SIGTERM), 0);
    pid = start_agent("loud", gate->port, "100ms");
    assert_true(becomes(2, said));
    set_level(id, "now() + interval '2 s'");
    snprintf(obeys, sizeof obeys, "SELECT 1 - count(*) FROM device_loudness" OF_ID, id);
    assert_true(becomes(1, obeys));
    assert_true(becomes(3, said));
    assert_int_equal(
        model_sql(pg_conninfo(),
                  "SELECT count(*) FROM journal" OF_ID " AND text = 'the log level is info'", id),
        1);
    assert_int_equal(binary_stop(pid, SIGTERM), 0);
}

static void let_dumps_be_collected(const char *id)
{
    model_sql(pg_conninfo(),
              "WITH p AS (INSERT INTO product (catalog, name) VALUES (%d, 'crashing')"
              " RETURNING id), g AS (INSERT INTO device_group (catalog, product, name, crash_dumps)"
              " SELECT %d, id, 'open', true FROM p RETURNING id)"
              " UPDATE device SET device_group = g.id FROM g WHERE device.id = '%s'",
              gate->demo, gate->demo, id);
}

// A core file of so many bytes, as old as one that is whole.
static void leave_core(const char *name, int bytes)
{
    char line[300], out[100];

    snprintf(line, sizeof line,
             "mkdir -p %s/cores && head -c %d /dev/urandom > %s/cores/%s && touch -d -1min"
             " %s/cores/%s",
             folder, bytes, folder, name, folder, name);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    while (fgets(out, sizeof out, p))
        continue;
    assert_int_equal(WEXITSTATUS(pclose(p)), 0);
}

static bool core_is_there(const char *name)
{
    char path[200];

    snprintf(path, sizeof path, "%s/cores/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void core_files_are_told_of_brought_and_deleted(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1], out[4000], sql[400];

    admit("crashing", gate->demo, id);
    let_dumps_be_collected(id);
    assert_int_equal(binary_run(out, sizeof out, "orrery-device measure"), 0);
    accept_values(gate->demo, out, NULL);
    leave_core("core.pump.4711", 300000);
    leave_core("core.huge.1", (16 << 20) + 1);
    pid_t pid = binary_start("orrery-device run --dir %s/crashing --server localhost:%d"
                             " --ca %s/ca.pem --interval 100ms --crash-dir %s/cores"
                             " >> %s/crashing.log 2>&1",
                             folder, gate->port, folder, folder, folder);
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM crash_dump c JOIN device d USING (catalog, device)"
             " WHERE d.id = '%s' AND c.name = 'pump' AND c.bytes = 300000",
             id);
    assert_true(becomes(1, sql));
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM journal JOIN device d USING (catalog, device) WHERE d.id = '%s'"
             " AND event AND journal.name = 'crash' AND (source = 'huge' OR fields ->> 'dump' ="
             " (SELECT encode(sha256, 'hex') FROM crash_dump WHERE device = d.device))",
             id);
    assert_true(becomes(2, sql));
    for (int i = 0; i < 300 && core_is_there("core.pump.4711.told"); i++)
        usleep(100000);
    assert_int_equal(binary_stop(pid, SIGTERM), 0);
    assert_false(core_is_there("core.pump.4711.told"));
    assert_false(core_is_there("core.pump.4711"));
    assert_true(core_is_there("core.huge.1.kept"));
}

static void an_agent_that_was_changed_is_quarantined_and_stores_nothing(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1], out[4000], sql[300];

    admit("changed", gate->acme, id);
    assert_int_equal(binary_run(out, sizeof out, "orrery-device measure"), 0);
    accept_values(gate->acme, out, "agent");
    gate_accept(gate, gate->acme, "agent", "0.1",
                "0000000000000000000000000000000000000000000000000000000000000000", 1);
    pid_t pid = start_agent("changed", gate->port, "100ms");
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM device_trust" OF_ID " AND cert_kind = 1 AND verdict = 3", id);
    bool quarantined = becomes(1, sql);
    sleep(1);
    assert_int_equal(binary_stop(pid, SIGTERM), 0);
    assert_true(quarantined);
    assert_int_equal(model_sql(pg_conninfo(), "SELECT count(*) FROM telemetry" OF_ID, id), 0);
}

static void the_fleets_manifest_does_not_quarantine_an_agent_that_attests_again(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1], out[4000], manifest[16000], path[200], sql[300];

    admit("neighbour", gate->demo, id);
    assert_int_equal(binary_run(out, sizeof out, "orrery-device measure"), 0);
    accept_values(gate->demo, out, NULL);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM journal" OF_ID " AND journal.name = 'attested'",
             id);
    pid_t pid = start_agent("neighbour", gate->port, "100ms");
    assert_true(becomes(1, sql));
    assert_int_equal(binary_stop(pid, SIGTERM), 0);

    assert_int_equal(binary_run(manifest, sizeof manifest, "orrery-fleet manifest"), 0);
    accept_values(gate->demo, manifest, NULL);
    snprintf(path, sizeof path, "%s/neighbour/certificate.pem", folder);
    assert_int_equal(unlink(path), 0);
    pid = start_agent("neighbour", gate->port, "100ms");
    bool again = becomes(2, sql);
    assert_int_equal(binary_stop(pid, SIGTERM), 0);
    assert_true(again);
    assert_int_equal(model_sql(pg_conninfo(),
                               "SELECT count(*) FROM device_trust" OF_ID
                               " AND verdict = %d AND cert_kind = %d",
                               id, VERDICT_AFFIRMING, CERT_OPERATIONAL),
                     1);
}

static void an_agent_that_cannot_begin_says_why(void **state)
{
    (void)state;
    char out[1000];

    assert_int_equal(
        binary_run(out, sizeof out, "orrery-device run --dir /proc/none --server a:1 --ca x"), 1);
    assert_non_null(strstr(out, "/proc/none"));
    assert_int_equal(
        binary_run(out, sizeof out,
                   "orrery-device run --dir %s/x --server localhost:1 --ca %s/none.pem", folder,
                   folder),
        1);
    assert_non_null(strstr(out, "none.pem"));
    assert_int_equal(binary_run(out, sizeof out,
                                "orrery-device run --dir %s/x --server nowhere --ca %s", folder,
                                folder),
                     1);
    assert_non_null(strstr(out, "host:port"));
    assert_int_equal(binary_run(out, sizeof out, "orrery-device run --port 1"), 2);
    assert_non_null(strstr(out, "--port"));
}

// ---------------------------------------------------------------- the fleet

static json_t *run_fleet(const char *more)
{
    char out[4000];

    assert_int_equal(
        binary_run(out, sizeof out,
                   "orrery-fleet run --dir %s/fleet --server 127.0.0.1:%d --ca %s/ca.pem %s",
                   folder, gate->port, folder, more),
        0);
    json_t *o = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
    if (!o)
        fail_msg("%s", out);
    return o;
}

static int64_t figure(json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static void make_fleet(void)
{
    char out[30000], id[DEVICE_ID_LEN + 1], *line, *rest = out;

    assert_int_equal(
        binary_run(out, sizeof out, "orrery-fleet init --dir %s/fleet --count 30", folder), 0);
    assert_int_equal(binary_run(out, sizeof out, "orrery-fleet manifest"), 0);
    accept_values(gate->demo, out, NULL);
    assert_int_equal(binary_run(out, sizeof out, "orrery-fleet keys --dir %s/fleet", folder), 0);
    while ((line = strsep(&rest, "\n")) && *line) {
        json_t *o = json_loads(line, 0, NULL);
        gate_admit(gate, gate->demo, json_string_value(json_object_get(o, "publicKey")), true, id);
        json_decref(o);
    }
}

static int check_ledger(char *out, size_t size)
{
    char path[100];
    PGconn *c = PQconnectdb(pg_conninfo());
    PGresult *r =
        PQexec(c, "SELECT d.id, t.vals[array_position(s.names, 'ledger.boot')],"
                  " t.vals[array_position(s.names, 'ledger.seq')] FROM telemetry t JOIN shape s"
                  " ON s.catalog = t.catalog AND s.id = t.shape AND 'ledger.seq' = ANY (s.names)"
                  " JOIN device d ON d.catalog = t.catalog AND d.device = t.device");

    snprintf(path, sizeof path, "%s/rows", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < PQntuples(r); i++)
        fprintf(f, "%s\t%s\t%s\n", PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2));
    fclose(f);
    PQclear(r);
    PQfinish(c);
    return binary_run(out, size, "orrery-fleet check --ledger %s/ledger < %s", folder, path);
}

static void a_fleet_attests_once_and_its_ledger_agrees(void **state)
{
    (void)state;
    char more[200], out[1000];

    make_fleet();
    snprintf(more, sizeof more,
             "--open 500 --frame 4 --duration 2s --tampered 2 --ledger %s/ledger", folder);
    json_t *first = run_fleet(more), *again = run_fleet(more);
    assert_int_equal(figure(first, "connected"), 30);
    assert_int_equal(figure(first, "attested"), 30);
    assert_int_equal(figure(first, "quarantined"), 2);
    assert_int_equal(figure(first, "unsettled"), 0);
    assert_true(figure(first, "ackedInAll") >= 30);
    assert_int_equal(figure(again, "attested"), 0);
    assert_int_equal(figure(again, "quarantined"), 2);
    json_decref(first);
    json_decref(again);
    if (check_ledger(out, sizeof out))
        fail_msg("%s", out);
    model_sql(pg_conninfo(), "DELETE FROM telemetry WHERE ctid = (SELECT max(ctid) FROM telemetry"
                             " WHERE array_length(vals, 1) = 8)");
    assert_int_equal(check_ledger(out, sizeof out), 1); // it can find a loss
}

static void a_fleet_resumes_its_sessions(void **state)
{
    (void)state;
    json_t *r = run_fleet("--count 20 --cycles 3 --resume --duration 200ms");

    assert_int_equal(figure(r, "connected"), 20);
    assert_int_equal(figure(r, "handshakes"), 60);
    assert_int_equal(figure(r, "resumed"), 40);
    json_decref(r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_agent_kept_while_away_and_killed_is_stored_once),
        cmocka_unit_test(an_agent_says_more_while_it_is_asked_to),
        cmocka_unit_test(core_files_are_told_of_brought_and_deleted),
        cmocka_unit_test(an_agent_that_was_changed_is_quarantined_and_stores_nothing),
        cmocka_unit_test(the_fleets_manifest_does_not_quarantine_an_agent_that_attests_again),
        cmocka_unit_test(an_agent_that_cannot_begin_says_why),
        cmocka_unit_test(a_fleet_attests_once_and_its_ledger_agrees),
        cmocka_unit_test(a_fleet_resumes_its_sessions),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests_name("sim agent", tests, open_gate, close_gate);
}
