// SPDX-License-Identifier: Apache-2.0
//
// Verdicts, without database or keys.

#include "attest/attest.h"

#include <string.h>

#include "test.h"

#define NOW   1790000000
#define OLD   "1111111111111111111111111111111111111111111111111111111111111111"
#define NEW   "2222222222222222222222222222222222222222222222222222222222222222"
#define OTHER "3333333333333333333333333333333333333333333333333333333333333333"

static const struct reference refs[] = {
    { .component = "loader", .version = "1", .sha256 = OLD, .svn = 1 },
    { .component = "loader", .version = "2", .sha256 = NEW, .svn = 2 },
    { .component = "app", .version = "1.0", .sha256 = OLD },
    { .component = "app", .version = "1.1", .sha256 = NEW },
};

static struct eat good(void)
{
    struct eat e = { .issued_at = NOW, .boot_count = 5, .debug = 2, .count = 2 };

    e.log[0] = (struct eat_entry){ 8, "loader", "2", NEW, 2 };
    e.log[1] = (struct eat_entry){ 10, "app", "1.0", OLD, 0 };
    return e;
}

static enum verdict judge(const struct eat *e, const struct attest_before *before,
                          json_t **findings)
{
    json_auto_t *reasons = json_array();

    *findings = json_array();
    return attest_judge(e, refs, sizeof refs / sizeof *refs, before, NOW, *findings, reasons);
}

// Checks verdict and the component of the only finding, whose every text must be there.
static void is_found(const struct eat *e, const struct attest_before *before, enum verdict verdict,
                     const char *component)
{
    static const char *const members[] = { "kind",  "component", "expected",
                                           "found", "remedy",    "text" };
    json_t *findings, *one;

    assert_int_equal(judge(e, before, &findings), verdict);
    assert_int_equal(json_array_size(findings), 1);
    one = json_array_get(findings, 0);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        assert_true(json_string_length(json_object_get(one, members[i])) > 0);
    assert_string_equal(json_string_value(json_object_get(one, "component")), component);
    json_decref(findings);
}

static const struct attest_before first = { .boot_count = -1 };

static void known_components_are_affirmed(void **state)
{
    struct eat e = good();
    json_t *findings;

    (void)state;
    assert_int_equal(judge(&e, &first, &findings), VERDICT_AFFIRMING);
    assert_int_equal(json_array_size(findings), 0);
    json_decref(findings);
}

static void an_unknown_hash_is_contraindicated(void **state)
{
    struct eat e = good();

    (void)state;
    e.log[1].sha256 = OTHER;
    is_found(&e, &first, VERDICT_CONTRAINDICATED, "app");
}

static void an_unknown_component_is_contraindicated(void **state)
{
    struct eat e = good();

    (void)state;
    e.log[1].component = "miner";
    is_found(&e, &first, VERDICT_CONTRAINDICATED, "miner");
}

static void an_accepted_hash_of_another_component_does_not_count(void **state)
{
    struct eat e = good();

    (void)state;
    e.log[0].component = "app";
    e.log[0].sha256 = OTHER;
    is_found(&e, &first, VERDICT_CONTRAINDICATED, "app");
}

// What the device claims about its security version is not asked: the reference value knows.
static void a_withdrawn_build_is_a_rollback_whatever_it_claims(void **state)
{
    struct eat e = good();

    (void)state;
    e.log[0].sha256 = OLD;
    is_found(&e, &first, VERDICT_CONTRAINDICATED, "loader");
    e.log[0].svn = 99;
    is_found(&e, &first, VERDICT_CONTRAINDICATED, "loader");
}

static void enabled_debugging_is_contraindicated(void **state)
{
    struct eat e = good();

    (void)state;
    e.debug = 0;
    is_found(&e, &first, VERDICT_CONTRAINDICATED, "debug");
}

static void an_empty_log_is_contraindicated(void **state)
{
    struct eat e = good();

    (void)state;
    e.count = 0;
    is_found(&e, &first, VERDICT_CONTRAINDICATED, "log");
}

static void a_clock_off_by_more_than_five_minutes_is_a_warning(void **state)
{
    struct eat e = good();
    json_t *findings;

    (void)state;
    e.issued_at = NOW - 301;
    is_found(&e, &first, VERDICT_WARNING, "clock");
    e.issued_at = NOW + 301;
    is_found(&e, &first, VERDICT_WARNING, "clock");
    e.issued_at = NOW + 300;
    assert_int_equal(judge(&e, &first, &findings), VERDICT_AFFIRMING);
    json_decref(findings);
}

static void a_boot_count_that_went_back_is_a_warning(void **state)
{
    const struct attest_before before = { .boot_count = 6 };
    struct eat e = good();
    json_t *findings;

    (void)state;
    is_found(&e, &before, VERDICT_WARNING, "bootcount");
    e.boot_count = 6;
    assert_int_equal(judge(&e, &before, &findings), VERDICT_AFFIRMING);
    json_decref(findings);
}

// Or a changed component would hide by not being measured.
static void a_component_that_is_missing_since_is_a_warning(void **state)
{
    json_t *log = json_loads("[[8,\"loader\"],[10,\"app\"],[14,\"config\"]]", 0, NULL);
    const struct attest_before before = { .boot_count = 1, .log = log };
    struct eat e = good();

    (void)state;
    is_found(&e, &before, VERDICT_WARNING, "config");
    json_decref(log);
}

// The words it is counted by; the only one.
static void is_counted(const struct eat *e, const char *reason)
{
    json_auto_t *findings = json_array(), *reasons = json_array();

    attest_judge(e, refs, sizeof refs / sizeof *refs, &first, NOW, findings, reasons);
    assert_int_equal(json_array_size(reasons), reason ? 1 : 0);
    if (reason)
        assert_string_equal(json_string_value(json_array_get(reasons, 0)), reason);
}

static void a_refusal_is_counted_in_words_of_ours(void **state)
{
    struct eat e = good();

    (void)state;
    is_counted(&e, NULL);
    e.issued_at = 0; // a warning is no refusal
    is_counted(&e, NULL);
    e.log[1].component = "whatever the device likes";
    is_counted(&e, "Component not known");
    e = good();
    e.log[1].sha256 = OTHER;
    is_counted(&e, "Build not accepted: app");
    e = good();
    e.log[0].sha256 = OLD;
    is_counted(&e, "Withdrawn version: loader");
    e = good();
    e.debug = 0;
    is_counted(&e, "Debugging on");
    e = good();
    e.count = 0;
    is_counted(&e, "Nothing measured");
}

static void the_worst_finding_decides(void **state)
{
    struct eat e = good();
    json_t *findings;

    (void)state;
    e.issued_at = 0;
    e.log[1].sha256 = OTHER;
    assert_int_equal(judge(&e, &first, &findings), VERDICT_CONTRAINDICATED);
    assert_int_equal(json_array_size(findings), 2);
    json_decref(findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_components_are_affirmed),
        cmocka_unit_test(an_unknown_hash_is_contraindicated),
        cmocka_unit_test(an_unknown_component_is_contraindicated),
        cmocka_unit_test(an_accepted_hash_of_another_component_does_not_count),
        cmocka_unit_test(a_withdrawn_build_is_a_rollback_whatever_it_claims),
        cmocka_unit_test(enabled_debugging_is_contraindicated),
        cmocka_unit_test(an_empty_log_is_contraindicated),
        cmocka_unit_test(a_clock_off_by_more_than_five_minutes_is_a_warning),
        cmocka_unit_test(a_boot_count_that_went_back_is_a_warning),
        cmocka_unit_test(a_component_that_is_missing_since_is_a_warning),
        cmocka_unit_test(a_refusal_is_counted_in_words_of_ours),
        cmocka_unit_test(the_worst_finding_decides),
    };

    return cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
}
