// SPDX-License-Identifier: Apache-2.0
//
// A database that the first release made, brought to this version: nothing is lost, every device
// has a seat, and what is counted is what is there, also after further changes.

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/auto.h"
#include "store/migrate.h"
#include "store/store.h"
#include "support/pg.h"
#include "test.h"

static PGconn *pg;
static const char *conninfo;

// The first value of the answer of the last statement.
static const char *ask(const char *sql)
{
    static char value[200];
    PGresult *r = PQexec(pg, sql);

    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    snprintf(value, sizeof value, "%s", PQntuples(r) ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    return value;
}

static void load(const char *path)
{
    char line[1000], said[2000] = "";

    snprintf(line, sizeof line, "psql -Xq -v ON_ERROR_STOP=1 -d \"%s\" -f %s 2>&1 >/dev/null",
             conninfo, path);
    FILE *p = popen(line, "re");
    assert_non_null(p);
    (void)!fread(said, 1, sizeof said - 1, p);
    int status = pclose(p);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s: %s", path, said);
}

// As its owner had left it: readings belong to the role that drops them.
static int upgrade(void **state)
{
    struct fault f = { 0 };
    int applied = 0;

    (void)state;
    conninfo = pg_empty();
    assert_int_equal(migrate_role(conninfo, &f), RC_OK);
    load("tests/support/spine.sql");
    pg = PQconnectdb(conninfo);
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    ask("ALTER TABLE telemetry OWNER TO orrery_server; ALTER TABLE journal OWNER TO orrery_server");
    assert_string_equal(ask("SELECT max(version) FROM schema_version"), "1");
    if (migrate_run(conninfo, &applied, &f) != RC_OK)
        fail_msg("%s", f.text);
    assert_true(applied >= 1);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    PQfinish(pg);
    return 0;
}

static void nothing_is_lost_on_the_way_up(void **state)
{
    (void)state;
    assert_string_equal(ask("SELECT count(*) FROM device"), "6");
    assert_string_equal(ask("SELECT count(*) FROM device_trust WHERE cert_serial IS NOT NULL"),
                        "6");
    assert_string_equal(ask("SELECT count(*) FROM device WHERE tags ->> 'batch' = 'B-7'"), "3");
    assert_string_equal(ask("SELECT count(*) > 0 FROM telemetry"), "t");
    assert_string_equal(ask("SELECT count(*) > 0 FROM audit"), "t");
    assert_string_equal(ask("SELECT count(*) FROM device_row WHERE lifecycle = 2"), "1");
}

static void each_device_has_a_seat(void **state)
{
    (void)state;
    assert_string_equal(
        ask("SELECT string_agg(seat::text, ' ' ORDER BY device) FROM device WHERE catalog = 1"),
        "0 1 2 3 4 5");
    assert_string_equal(ask("SELECT next_seat FROM catalog WHERE id = 1"), "6");
}

static void index_and_counters_agree_with_what_is_there(void **state)
{
    (void)state;
    auto_free char *differ = pg_script("tests/support/counters.sql");

    assert_string_equal(ask(differ), "0");
    assert_string_equal(ask("SELECT sum(n) FROM device_count WHERE dimension = 'all'"), "5");
    assert_string_equal(ask("SELECT sum(n) FROM device_count WHERE dimension = 'lifecycle'"), "6");
}

static void they_go_on_agreeing_when_devices_change(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE device_state SET state = 5 WHERE state = 1",
        "UPDATE device SET lifecycle = 2 WHERE seat = 3",
        "UPDATE device SET tags = '{\"site\":\"moved\"}', name = NULL WHERE seat < 2",
        "UPDATE device_trust SET os_version = '9.9', network = '192.0.2.0/24'",
        "DELETE FROM device WHERE seat = 5",
    };
    auto_free char *differ = pg_script("tests/support/counters.sql");

    ask("BEGIN");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        ask(changes[i]);
        if (strcmp(ask(differ), "0") != 0)
            fail_msg("after %s", changes[i]);
    }
    ask("ROLLBACK");
}

static void every_query_fits_the_upgraded_schema(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct fault f = { 0 };

    if (store_open(conninfo, 1, &s, &f) != RC_OK)
        fail_msg("%s", f.text);
    store_close(s);
}

static void the_second_start_has_nothing_to_do(void **state)
{
    (void)state;
    int applied = -1;

    assert_int_equal(migrate_run(conninfo, &applied, NULL), RC_OK);
    assert_int_equal(applied, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_on_the_way_up),
        cmocka_unit_test(each_device_has_a_seat),
        cmocka_unit_test(index_and_counters_agree_with_what_is_there),
        cmocka_unit_test(they_go_on_agreeing_when_devices_change),
        cmocka_unit_test(every_query_fits_the_upgraded_schema),
        cmocka_unit_test(the_second_start_has_nothing_to_do),
    };

    return cmocka_run_group_tests_name("upgrade of the store", tests, upgrade, leave);
}
