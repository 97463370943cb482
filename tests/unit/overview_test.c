// SPDX-License-Identifier: Apache-2.0
//
// What needs a person, from facts.

#include "overview/overview.h"

#include <string.h>

#include "test.h"

#define GIB (1024LL * 1024 * 1024)
#define DAY 86400000LL

static struct pattern_list none;
static struct need needs[NEEDS_MAX];

static const struct need *only(const struct overview_facts *x)
{
    assert_int_equal(overview_needs(x, needs), 1);
    assert_true(strlen(needs[0].title) > 10 && strlen(needs[0].text) > 10);
    return &needs[0];
}

static struct overview_facts well(void)
{
    return (struct overview_facts){ .patterns = &none,
                                    .disk_free = 50 * GIB,
                                    .disk_size = 100 * GIB,
                                    .server_cert_until = 80 * DAY,
                                    .now = 10 * DAY };
}

static void open_alerts_come_first_with_who_has_them(void **state)
{
    (void)state;
    struct overview_facts x = well();

    x.quarantined = 3;
    x.alerts[0] = (struct overview_alert){
        .id = 12, .devices = 1, .severity = SEVERITY_LOW, .title = "Too hot", .with = "ada"
    };
    x.alerts[1] = (struct overview_alert){ .id = 7, .severity = SEVERITY_HIGH, .title = "Disk" };
    x.alert_count = 2;
    assert_int_equal(overview_needs(&x, needs), 3);
    assert_int_equal(needs[0].alert, 7);
    x.alerts[0].severity = SEVERITY_CRITICAL;
    overview_needs(&x, needs);
    assert_int_equal(needs[0].alert, 12);
    x.alerts[0].severity = SEVERITY_LOW;
    overview_needs(&x, needs);
    assert_string_equal(needs[0].text, "It is about no device; it is nobody's yet.");
    assert_int_equal(needs[1].alert, 12);
    assert_string_equal(needs[1].page, "alerts");
    assert_string_equal(needs[1].text, "1 device shows it now; it is with ada.");
    assert_int_equal(needs[2].alert, 0);
}

static void a_fleet_that_is_well_needs_nobody(void **state)
{
    (void)state;
    struct overview_facts x = well();

    assert_int_equal(overview_needs(&x, needs), 0);
}

static void each_trouble_is_one_sentence(void **state)
{
    (void)state;
    struct overview_facts x = well();

    x.quarantined = 1;
    assert_string_equal(only(&x)->title, "1 device is in quarantine");
    assert_string_equal(needs[0].filter, "state=quarantined");
    assert_int_equal(needs[0].severity, SEVERITY_HIGH);
    x = well();
    x.overdue = 1200;
    assert_string_equal(only(&x)->title, "1,200 renewals are overdue");
    x = well();
    x.arrivals = 2;
    assert_string_equal(only(&x)->title, "2 arrivals wait to be claimed");
    assert_string_equal(needs[0].page, "claim");
    assert_string_equal(needs[0].filter, "");
    x = well();
    x.disk_free = 4 * GIB;
    assert_string_equal(only(&x)->title, "The server's disk is nearly full");
    assert_null(needs[0].page);
    x = well();
    x.server_cert_until = 12 * DAY;
    assert_string_equal(only(&x)->title, "The server's certificate ends soon");
    x.server_cert_until = 9 * DAY;
    assert_string_equal(only(&x)->title, "The server's certificate has ended");
}

static void what_a_pattern_names_is_not_said_again(void **state)
{
    (void)state;
    static struct pattern_list list;
    struct overview_facts x = well();
    struct pattern *p = &list.items[0];

    *p = (struct pattern){ .dimension = PATTERN_BATCH,
                           .state = STATE_QUARANTINED,
                           .value = "7",
                           .label = "7",
                           .count = 29,
                           .of = 34,
                           .expected = 0.1 };
    pattern_word(p, NULL);
    list.items[1] = (struct pattern){ .dimension = PATTERN_SITE,
                                      .state = STATE_UPDATING,
                                      .value = "K",
                                      .label = "K",
                                      .count = 9,
                                      .of = 9 };
    pattern_word(&list.items[1], NULL);
    list.count = 2;
    x.patterns = &list;
    x.quarantined = 29;
    assert_string_equal(only(&x)->title, "Batch 7: 29 of 34 quarantined");
    assert_string_equal(needs[0].filter, p->filter);
    x.quarantined = 37;
    assert_int_equal(overview_needs(&x, needs), 2);
    assert_string_equal(needs[1].title, "8 more devices are in quarantine");
}

static void the_worst_comes_first(void **state)
{
    (void)state;
    struct overview_facts x = well();

    x.arrivals = 500;
    x.overdue = 3;
    x.quarantined = 1;
    assert_int_equal(overview_needs(&x, needs), 3);
    assert_int_equal(needs[0].severity, SEVERITY_HIGH);
    assert_int_equal(needs[1].severity, SEVERITY_MEDIUM);
    assert_int_equal(needs[2].severity, SEVERITY_LOW);
    assert_string_equal(severity_name(needs[2].severity), "low");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_alerts_come_first_with_who_has_them),
        cmocka_unit_test(a_fleet_that_is_well_needs_nobody),
        cmocka_unit_test(each_trouble_is_one_sentence),
        cmocka_unit_test(what_a_pattern_names_is_not_said_again),
        cmocka_unit_test(the_worst_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
