// SPDX-License-Identifier: Apache-2.0
//
// What is counted, and the tables that say what a threat is.

#include <stdio.h>
#include <string.h>

#include "core/rc.h"
#include "test.h"
#include "threat/counts.h"
#include "threat/rates.h"
#include "threat/settings.h"
#include "threat/table.h"

#define MINUTE 60000

static struct count_key device(int64_t n)
{
    return (struct count_key){ .kind = 1, .catalog = 1, .device = n };
}

static void counting_ends_with_the_window(void **state)
{
    (void)state;
    struct counts *c = counts_new(64);
    struct count_key key = device(1);

    assert_int_equal(counts_add(c, &key, 1000, MINUTE), 1);
    assert_int_equal(counts_add(c, &key, 2000, MINUTE), 2);
    assert_int_equal(counts_add(c, &key, 1000 + MINUTE, MINUTE), 3);
    assert_int_equal(counts_add(c, &key, 1001 + MINUTE, MINUTE), 1);
    counts_free(c);
}

static void findings_of_one_evidence_count_once(void **state)
{
    (void)state;
    struct counts *c = counts_new(64);
    struct count_key key = device(1);

    assert_int_equal(counts_add(c, &key, 1000, MINUTE), 1);
    assert_int_equal(counts_add(c, &key, 1000, MINUTE), 2);
    key.once = true;
    assert_int_equal(counts_add(c, &key, 1000, MINUTE), 2);
    counts_free(c);
}

static void others_are_counted_apart(void **state)
{
    (void)state;
    struct counts *c = counts_new(1024);
    struct count_key keys[] = {
        { .kind = 1, .catalog = 1, .device = 1 },
        { .kind = 2, .catalog = 1, .device = 1 },
        { .kind = 1, .catalog = 2, .device = 1 },
        { .kind = 1, .catalog = 1, .device = 2 },
        { .kind = 1, .catalog = 1, .text = "192.0.2.1" },
        { .kind = 1, .catalog = 1, .text = "192.0.2.2" },
    };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(counts_add(c, &keys[i], 1000, MINUTE), 1);
    counts_free(c);
}

static void what_was_well_is_forgotten_unless_it_was_seen_right_now(void **state)
{
    (void)state;
    struct counts *c = counts_new(64);
    struct count_key key = device(1);

    counts_add(c, &key, 1000, MINUTE);
    counts_forget(c, &key, 1000);
    assert_int_equal(counts_add(c, &key, 2000, MINUTE), 2);
    counts_forget(c, &key, 3000);
    assert_int_equal(counts_add(c, &key, 4000, MINUTE), 1);
    counts_free(c);
}

// A flood of addresses that come once must not hide the one that comes again and again.
static void a_million_addresses_do_not_push_out_the_one_that_stays(void **state)
{
    (void)state;
    struct counts *c = counts_new(1024);
    struct count_key guesser = { .kind = 1, .text = "192.0.2.1" };
    char text[24];
    struct count_key other = { .kind = 1, .text = text };
    int64_t n = 0;

    for (int i = 0; i < 3; i++)
        counts_add(c, &guesser, i + 1, MINUTE);
    for (int i = 0; i < 1000000; i++) {
        snprintf(text, sizeof text, "%d", i);
        counts_add(c, &other, 100, MINUTE);
    }
    n = counts_add(c, &guesser, 200, MINUTE);
    assert_int_equal(n, 4);
    counts_free(c);
}

// ---------------------------------------------------------------- rates

static bool minute(struct rates *r, int64_t n, uint32_t messages, struct rate_jump *out)
{
    return rates_add(r, &(struct rate_said){ 1, 7, n * MINUTE, messages, 5 * messages }, out);
}

static void a_device_is_judged_by_its_own_past(void **state)
{
    (void)state;
    struct rates *r = rates_new(64);
    struct rate_jump jump;

    for (int64_t n = 0; n < 100; n++)
        assert_false(minute(r, n, 58 + (uint32_t)(n % 5), &jump));
    assert_false(minute(r, 100, 600, &jump)); // this minute is not over yet
    assert_true(minute(r, 101, 60, &jump));
    assert_string_equal(jump.what, "messages");
    assert_true(jump.found == 600 && jump.usual > 55 && jump.usual < 65 && jump.deviations > 8);
    assert_false(minute(r, 102, 60, &jump));
    rates_free(r);
}

static void nobody_is_judged_before_half_an_hour(void **state)
{
    (void)state;
    struct rates *r = rates_new(64);
    struct rate_jump jump;

    for (int64_t n = 0; n < RATE_LEARN; n++)
        assert_false(minute(r, n, n % 2 ? 1 : 500, &jump));
    rates_free(r);
}

static void less_than_usual_and_late_readings_are_no_jump(void **state)
{
    (void)state;
    struct rates *r = rates_new(64);
    struct rate_jump jump;

    for (int64_t n = 0; n < 100; n++)
        assert_false(minute(r, n, n < 60 ? 60 : 0, &jump));
    assert_false(minute(r, 50, 10000, &jump)); // of a minute that is over
    assert_false(minute(r, 101, 60, &jump));
    rates_free(r);
}

// ---------------------------------------------------------------- networks

static void a_network_holds_its_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *network, *address;
        bool holds;
    } cases[] = {
        { "192.0.2.0/24", "192.0.2.255", true },
        { "192.0.2.0/24", "192.0.3.0", false },
        { "192.0.2.128/25", "192.0.2.127", false },
        { "192.0.2.129/25", "192.0.2.200", true }, // what is below the mask does not matter
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.2", false },
        { "0.0.0.0/0", "203.0.113.9", true },
        { "0.0.0.0/0", "2001:db8::1", false },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::1", false },
        { "::/0", "2001:db8::1", true },
        { "0.0.0.0/0", "", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct network n;

        assert_true(network_read(cases[i].network, &n));
        assert_int_equal(network_holds(&n, 1, cases[i].address), cases[i].holds);
    }
}

static void what_is_no_network_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0/8",
        "2001:db8::/129",
        "2001:db8::/x",
        "host",
        "10.0.0.0/99999999999999999999",
        " 10.0.0.0/8",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/64",
    };
    struct network n;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (network_read(cases[i], &n))
            fail_msg("%s is none", cases[i]);
}

// ---------------------------------------------------------------- tables

static void every_code_has_words_and_sound_bounds(void **state)
{
    (void)state;
    for (int c = 0; c < THREAT_CODES; c++) {
        const struct threat_kind *k = &threat_kinds[c];

        assert_int_equal(strlen(k->code), 3);
        assert_true(*k->name && *k->what);
        assert_int_equal(threat_code_from_name(k->code), c);
        for (int l = 0; l < THREAT_LIMITS; l++) {
            assert_true(k->limits[l].least <= k->limits[l].usual);
            assert_true(k->limits[l].usual <= k->limits[l].most);
            assert_true(!k->limits[l].most || k->limits[l].least > 0);
        }
    }
    assert_int_equal(threat_code_from_name("T99"), -1);
}

// A title is a format: nothing but one %s for what a keyed row names.
static void every_row_has_a_title_that_can_be_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < threat_row_count; i++) {
        const struct threat_row *r = &threat_rows[i];
        const char *percent = strchr(r->title, '%');

        assert_true(*r->signal && strlen(r->title) < 80);
        assert_int_equal(percent != NULL, r->cause && !strcmp(r->cause, "%s"));
        if (percent) {
            assert_int_equal(percent[1], 's');
            assert_null(strchr(percent + 1, '%'));
        }
        assert_true(r->end != END_QUIET || threat_kinds[r->code].limits[LIMIT_QUIET].most > 0);
        assert_true(r->code == THREAT_T14 || threat_kinds[r->code].limits[LIMIT_TIMES].most > 0);
        assert_true(r->code == THREAT_T14 || threat_kinds[r->code].limits[LIMIT_MINUTES].most > 0);
    }
}

static void what_is_not_said_is_as_usual(void **state)
{
    (void)state;
    json_auto_t *body = json_loads("{\"codes\":{\"T18\":{\"times\":3}}}", 0, NULL);
    struct threat_settings usual, s;

    threat_settings_usual(&usual);
    assert_int_equal(threat_settings_read(body, &s, NULL), RC_OK);
    assert_int_equal(s.limits[THREAT_T18][LIMIT_TIMES], 3);
    s.limits[THREAT_T18][LIMIT_TIMES] = usual.limits[THREAT_T18][LIMIT_TIMES];
    assert_memory_equal(&s, &usual, sizeof s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counting_ends_with_the_window),
        cmocka_unit_test(findings_of_one_evidence_count_once),
        cmocka_unit_test(others_are_counted_apart),
        cmocka_unit_test(what_was_well_is_forgotten_unless_it_was_seen_right_now),
        cmocka_unit_test(a_million_addresses_do_not_push_out_the_one_that_stays),
        cmocka_unit_test(a_device_is_judged_by_its_own_past),
        cmocka_unit_test(nobody_is_judged_before_half_an_hour),
        cmocka_unit_test(less_than_usual_and_late_readings_are_no_jump),
        cmocka_unit_test(a_network_holds_its_addresses),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(every_code_has_words_and_sound_bounds),
        cmocka_unit_test(every_row_has_a_title_that_can_be_printed),
        cmocka_unit_test(what_is_not_said_is_as_usual),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
