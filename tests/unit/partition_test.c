// SPDX-License-Identifier: Apache-2.0

#include "ingest/partition.h"

#include <string.h>

#include "test.h"

static void an_hour_has_a_name_and_back(void **state)
{
    (void)state;
    char name[PARTITION_LEN + 1];

    partition_name(PARTITION_TELEMETRY, 1795381200 / 3600, name);
    assert_string_equal(name, "telemetry_2026112221");
    assert_int_equal(partition_hour(PARTITION_TELEMETRY, name), 1795381200 / 3600);
    partition_name(PARTITION_JOURNAL, 0, name);
    assert_string_equal(name, "journal_1970010100");
}

static void what_is_no_partition_is_not_taken_for_one(void **state)
{
    (void)state;
    static const char *const names[] = { "telemetry",
                                         "telemetry_",
                                         "telemetry_20261122",
                                         "telemetry_2026112224",
                                         "journal_2026112221",
                                         "telemetry_2026112221x",
                                         "telemetry_2026023001",
                                         "telemetry_202611222" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(partition_hour(PARTITION_TELEMETRY, names[i]), -1);
}

static void an_hour_is_made_beside_and_then_attached(void **state)
{
    (void)state;
    char sql[400];

    partition_sql(PARTITION_JOURNAL, 1795381200 / 3600 + 2, sql, sizeof sql);
    assert_string_equal(sql, "CREATE TABLE journal_2026112223 (LIKE journal INCLUDING ALL)"
                             " WITH (autovacuum_enabled = off);"
                             "ALTER TABLE journal ATTACH PARTITION journal_2026112223"
                             " FOR VALUES FROM ('2026-11-22 23:00:00+00')"
                             " TO ('2026-11-23 00:00:00+00')");
}

static void packed_hours_are_kept_by_the_day_and_sums_by_the_week(void **state)
{
    (void)state;
    int64_t hour = 1795381200 / 3600; // 2026-11-22 21:00
    int64_t day = partition_start(PARTITION_CHUNK, hour);
    int64_t week = partition_start(PARTITION_ROLLUP, hour);
    char name[PARTITION_LEN + 1], sql[PARTITION_SQL_LEN];

    partition_name(PARTITION_CHUNK, day, name);
    assert_string_equal(name, "telemetry_chunk_2026112200");
    assert_int_equal(partition_hour(PARTITION_CHUNK, name), day);
    assert_int_equal(partition_hour(PARTITION_TELEMETRY, name), -1);
    partition_sql(PARTITION_CHUNK, day, sql, sizeof sql);
    assert_non_null(strstr(sql, "FROM ('2026-11-22 00:00:00+00') TO ('2026-11-23 00:00:00+00')"));
    assert_true(week <= hour && hour < week + partition_span(PARTITION_ROLLUP));
    partition_sql(PARTITION_ROLLUP, week, sql, sizeof sql);
    assert_non_null(strstr(sql, "FROM ('2026-11-19 00:00:00+00') TO ('2026-11-26 00:00:00+00')"));
}

static void a_set_holds_a_month_of_hours(void **state)
{
    (void)state;
    struct hours h = { 0 };
    int64_t now = 1795381200 / 3600;

    hours_add(&h, now);
    hours_add(&h, now - 720);
    for (int64_t hour = now - 721; hour <= now + 2; hour++)
        assert_int_equal(hours_has(&h, hour), hour == now || hour == now - 720);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour_has_a_name_and_back),
        cmocka_unit_test(what_is_no_partition_is_not_taken_for_one),
        cmocka_unit_test(an_hour_is_made_beside_and_then_attached),
        cmocka_unit_test(packed_hours_are_kept_by_the_day_and_sums_by_the_week),
        cmocka_unit_test(a_set_holds_a_month_of_hours),
    };

    return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
