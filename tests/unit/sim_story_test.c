// SPDX-License-Identifier: Apache-2.0
//
// Stories as text: what is understood, what is refused, and whom a step meets.

#include <stdio.h>
#include <string.h>

#include "fleet/story.h"
#include "test.h"

#define DEVICES 400

static struct persona personas[DEVICES];

static int make_personas(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < DEVICES; i++)
        persona_make(7, i, &personas[i]);
    return 0;
}

static void a_story_is_read_step_by_step(void **state)
{
    (void)state;
    struct story s;
    struct fault f = { 0 };
    const char *text = "# a day\n"
                       "\n"
                       "0s all healthy\n"
                       "1.5m share=20% site=\"old town\" flaky every=2s away=500ms # now and then\n"
                       "1h count=3 product=\"Line sensor\" drift=-2.5 for 10m\r\n"
                       "90 batch=largest tampered";

    if (story_read(text, &s, &f) != RC_OK)
        fail_msg("%s", f.text);
    assert_int_equal(s.count, 4);
    assert_int_equal(s.steps[0].what, BEHAVIOUR_HEALTHY);
    assert_int_equal(s.steps[1].at_ms, 90000);
    assert_int_equal(s.steps[1].what, BEHAVIOUR_FLAKY);
    assert_int_equal(s.steps[1].every_ms, 2000);
    assert_int_equal(s.steps[1].away_ms, 500);
    assert_true(s.steps[1].share == 0.2);
    assert_string_equal(s.steps[1].site, "old town");
    assert_int_equal(s.steps[2].what, BEHAVIOUR_DRIFTING);
    assert_true(s.steps[2].amount == -2.5);
    assert_int_equal(s.steps[2].for_ms, 600000);
    assert_string_equal(s.steps[2].product, "Line sensor");
    assert_int_equal(s.steps[3].at_ms, 90000);
    assert_int_equal(s.steps[3].what, BEHAVIOUR_TAMPERED);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "soon all flaky", "line 1: 'soon' is not a time" },
        { "0s all healthy\n1s all explode", "line 2: 'explode' is nothing that can happen" },
        { "0s share=0% flaky", "line 1: share=0% is not understood" },
        { "0s share=20 flaky", "share=20 is not" },
        { "0s count=1.5 flaky", "count=1.5 is not" },
        { "0s colour=red flaky", "there is no 'colour='" },
        { "0s site=x", "it says nothing that happens" },
        { "0s all flaky for", "for wants a time" },
        { "0s all flaky for ever", "for wants a time" },
        { "0s all drift=fast", "drift=fast is not" },
        { "0s site= flaky", "site= is not" },
        { "-5s all flaky", "'-5s' is not a time" },
        { "1e5s all flaky", "'1e5s' is not a time" },
        { "0x10s all flaky", "'0x10s' is not a time" },
        { "0s share=nan% flaky", "share=nan% is not understood" },
        { "0s share=5% count=3 flaky", "share and count both say how many" },
    };
    char longest[1000];
    struct story s;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault f = { 0 };
        assert_int_equal(story_read(cases[i].text, &s, &f), RC_INVALID);
        if (!strstr(f.text, cases[i].said))
            fail_msg("%s: %s", cases[i].text, f.text);
    }
    memset(longest, ' ', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(story_read(longest, &s, NULL), RC_INVALID);
}

static void every_story_that_comes_along_can_be_read(void **state)
{
    (void)state;
    static const char *const names[] = { "healthy",      "flaky",    "silent", "site-outage",
                                         "sensor-drift", "tampered", "clone",  "crash-loop",
                                         "expired",      "unknown",  "guess",  "moved",
                                         "bad-batch",    "bad-day" };
    struct fault f = { 0 };
    struct story s;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (story_load(names[i], &s, &f) != RC_OK)
            fail_msg("%s", f.text);
        assert_int_equal(s.count == 0, !strcmp(names[i], "healthy"));
    }
    assert_int_equal(story_load("no-such-story", &s, &f), RC_NOT_FOUND);
    assert_non_null(strstr(f.text, "no-such-story"));
}

static uint32_t pick(const char *text, uint64_t seed, bool *picked)
{
    struct story s;
    uint32_t n = 0;

    assert_int_equal(story_read(text, &s, NULL), RC_OK);
    story_pick(&s, s.count - 1, seed, personas, DEVICES, picked);
    for (int i = 0; i < DEVICES; i++)
        n += picked[i];
    return n;
}

static void a_step_meets_those_it_names(void **state)
{
    (void)state;
    bool picked[DEVICES], again[DEVICES], other[DEVICES];

    assert_int_equal(pick("0s all flaky", 1, picked), DEVICES);
    assert_int_equal(pick("0s share=10% flaky", 1, picked), DEVICES / 10);
    assert_int_equal(pick("0s share=10% flaky", 1, again), DEVICES / 10);
    assert_memory_equal(picked, again, sizeof picked);
    pick("0s share=10% flaky", 2, other);
    assert_memory_not_equal(picked, other, sizeof picked);
    pick("0s all silent\n0s share=10% flaky", 1, other); // another step draws anew
    assert_memory_not_equal(picked, other, sizeof picked);
    assert_int_equal(pick("0s count=7 site=depot flaky", 1, picked), 7);
    for (int i = 0; i < DEVICES; i++)
        assert_true(!picked[i] || !strcmp(personas[i].site, "depot"));
    assert_int_equal(pick("0s site=nowhere flaky", 1, picked), 0);
    assert_int_equal(pick("0s count=1000 flaky", 1, picked), DEVICES);
}

static void the_largest_is_the_one_with_most_devices(void **state)
{
    (void)state;
    bool picked[DEVICES];
    uint32_t n = pick("0s batch=largest tampered", 1, picked), most = 0;
    const char *batch = NULL;

    for (int i = 0; i < DEVICES; i++) {
        uint32_t same = 0;
        for (int k = 0; k < DEVICES; k++)
            same += !strcmp(personas[i].batch, personas[k].batch);
        most = same > most ? same : most;
        if (picked[i] && batch)
            assert_string_equal(personas[i].batch, batch);
        batch = picked[i] ? personas[i].batch : batch;
    }
    assert_int_equal(n, most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_story_is_read_step_by_step),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(every_story_that_comes_along_can_be_read),
        cmocka_unit_test(a_step_meets_those_it_names),
        cmocka_unit_test(the_largest_is_the_one_with_most_devices),
    };

    return cmocka_run_group_tests(tests, make_personas, NULL);
}
