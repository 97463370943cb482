// SPDX-License-Identifier: Apache-2.0
//
// Patterns as numbers and as words: made-up catalogs, with and without something to find.

#include "pattern/pattern.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

#define DEVICES  4000
#define SITES    40
#define BATCHES  30
#define PRODUCTS 6
#define VERSIONS 12
#define SETS     (SITES + BATCHES + PRODUCTS + VERSIONS)
#define TRIALS   400

// ---------------------------------------------------------------- a catalog of numbers

static uint64_t seed;

static uint32_t dice(uint32_t sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % sides);
}

struct made {
    enum device_state state;
    int32_t sets[PATTERN_DIMENSIONS];
};

static struct made devices[DEVICES];
static struct pattern_set sets[SETS];
static struct pattern_cell cells[DEVICES];

// Each device somewhere by chance; state says what it is in.
static void make(enum device_state (*state)(const struct made *d))
{
    for (int i = 0; i < DEVICES; i++) {
        struct made *d = &devices[i];

        for (int k = 0; k < PATTERN_DIMENSIONS; k++)
            d->sets[k] = -1;
        d->sets[PATTERN_SITE] = (int32_t)dice(SITES);
        d->sets[PATTERN_BATCH] = SITES + (int32_t)dice(BATCHES);
        d->sets[PATTERN_PRODUCT] = SITES + BATCHES + (int32_t)dice(PRODUCTS);
        d->sets[PATTERN_VERSION] = SITES + BATCHES + PRODUCTS + (int32_t)dice(VERSIONS);
        d->state = state(d);
    }
}

static void tabulate(struct pattern_table *t)
{
    *t =
        (struct pattern_table){ .total = DEVICES, .sets = sets, .set_count = SETS, .cells = cells };
    memset(sets, 0, sizeof sets);
    for (int i = 0; i < DEVICES; i++) {
        const struct made *d = &devices[i];
        struct pattern_cell c = { .state = d->state, .n = 1 };

        memcpy(c.sets, d->sets, sizeof c.sets);
        t->in[d->state]++;
        if (d->state != STATE_HEALTHY)
            cells[t->cell_count++] = c;
        for (int k = 0; k < PATTERN_DIMENSIONS; k++)
            if (d->sets[k] >= 0) {
                sets[d->sets[k]].dimension = (enum pattern_dimension)k;
                sets[d->sets[k]].total++;
                sets[d->sets[k]].in[d->state]++;
            }
    }
}

static size_t search(struct pattern_find out[PATTERN_MAX])
{
    struct pattern_table t;

    tabulate(&t);
    return pattern_find(&t, out);
}

static enum device_state by_chance(const struct made *d)
{
    uint32_t n = dice(100);

    (void)d;
    return n < 3    ? STATE_OFFLINE
           : n < 5  ? STATE_AT_RISK
           : n == 5 ? STATE_QUARANTINED
                    : STATE_HEALTHY;
}

// ---------------------------------------------------------------- the test

static double slow_p(int total, int in, int n, int k)
{
    double p = 0;

    for (int x = k; x <= n && x <= in; x++)
        p += exp(lgamma(in + 1.0) - lgamma(x + 1.0) - lgamma(in - x + 1.0) +
                 lgamma(total - in + 1.0) - lgamma(n - x + 1.0) - lgamma(total - in - n + x + 1.0) -
                 lgamma(total + 1.0) + lgamma(n + 1.0) + lgamma(total - n + 1.0));
    return p;
}

static void the_tail_is_what_the_definition_says(void **state)
{
    (void)state;
    for (int n = 5; n <= 40; n += 7)
        for (int in = 3; in <= 50; in += 9)
            for (int k = 1; k <= n && k <= in; k++)
                assert_true(fabs(exp(pattern_log_p(100, in, n, k)) - slow_p(100, in, n, k)) < 1e-9);
    // The lady who tastes tea, all 4 cups of 8 right: 1 in 70.
    assert_true(fabs(exp(pattern_log_p(8, 4, 4, 4)) - 1.0 / 70) < 1e-12);
    assert_true(pattern_log_p(8, 4, 4, 0) == 0);
    assert_true(pattern_log_p(8, 4, 4, 5) < -DBL_MAX);
}

static void an_unlikely_tail_does_not_underflow(void **state)
{
    (void)state;
    double p = pattern_log_p(1000000, 9000, 8700, 8610);

    assert_true(isfinite(p));
    assert_true(p < log(DBL_MIN));
    assert_true(pattern_log_p(1000000, 9000, 8700, 8600) > p);
}

// ---------------------------------------------------------------- the search

static void among_devices_that_fail_by_chance_hardly_anything_is_named(void **state)
{
    (void)state;
    struct pattern_find found[PATTERN_MAX];
    int wrong = 0, small = 0;

    seed = 1;
    for (int trial = 0; trial < TRIALS; trial++) {
        make(by_chance);
        wrong += search(found) > 0;
        for (int i = 0; i < SETS; i++)
            small += pattern_log_p(DEVICES, 120, sets[i].total, sets[i].in[STATE_OFFLINE]) <
                     log(PATTERN_Q);
    }
    // Where all is chance the share of false ones is the share of catalogs with any: at most q,
    // here with room for the luck of 400. Uncorrected there would be one in most catalogs.
    assert_true(wrong <= TRIALS * PATTERN_Q + 6);
    assert_true(small > TRIALS / 4);
}

static enum device_state planted(const struct made *d)
{
    if (d->sets[PATTERN_SITE] == 7)
        return dice(100) < 95 ? STATE_OFFLINE : STATE_HEALTHY;
    if (d->sets[PATTERN_BATCH] == SITES + 3 && dice(100) < 30)
        return STATE_QUARANTINED;
    if (d->sets[PATTERN_VERSION] == SITES + BATCHES + PRODUCTS + 5 && dice(100) < 12)
        return STATE_AT_RISK;
    return by_chance(d);
}

static bool is_planted(const struct pattern_find *p)
{
    return (p->set == 7 && p->state == STATE_OFFLINE) ||
           (p->set == SITES + 3 && p->state == STATE_QUARANTINED) ||
           (p->set == SITES + BATCHES + PRODUCTS + 5 && p->state == STATE_AT_RISK);
}

static void what_was_planted_is_found_and_little_else(void **state)
{
    (void)state;
    struct pattern_find found[PATTERN_MAX];
    int good = 0;
    double false_share = 0;

    seed = 2;
    for (int trial = 0; trial < 100; trial++) {
        make(planted);
        size_t n = search(found);
        int hits = 0;
        for (size_t i = 0; i < n; i++)
            hits += is_planted(&found[i]);
        good += hits;
        false_share += n ? (double)((int)n - hits) / (double)n : 0;
        assert_true(n > 0 && found[0].set == 7); // the strongest comes first
    }
    assert_true(good >= 295);
    assert_true(false_share / 100 <= 0.02);
}

static enum device_state dark_site(const struct made *d)
{
    return d->sets[PATTERN_SITE] == 7 ? STATE_OFFLINE : STATE_HEALTHY;
}

// Its devices are of one product and behind one network, which nobody else is.
static void one_outage_is_named_once(void **state)
{
    (void)state;
    struct pattern_find found[PATTERN_MAX];
    struct pattern_table t;

    seed = 3;
    make(dark_site);
    for (int i = 0; i < DEVICES; i++)
        if (devices[i].sets[PATTERN_SITE] == 7) {
            devices[i].sets[PATTERN_BATCH] = -1;
            devices[i].sets[PATTERN_NETWORK] = SITES;
            devices[i].sets[PATTERN_PRODUCT] = SITES + BATCHES;
        } else if (devices[i].sets[PATTERN_BATCH] == SITES) {
            devices[i].sets[PATTERN_BATCH] = SITES + 1;
        }
    tabulate(&t);
    assert_int_equal(sets[SITES].dimension, PATTERN_NETWORK);
    assert_int_equal(pattern_find(&t, found), 1);
    assert_int_equal(found[0].set, 7);
    assert_true(found[0].expected < 10);
}

static enum device_state two_causes(const struct made *d)
{
    if (d->sets[PATTERN_SITE] == 7 || (d->sets[PATTERN_BATCH] == SITES + 2 && dice(100) < 15))
        return STATE_OFFLINE;
    return STATE_HEALTHY;
}

static void a_large_cause_does_not_hide_a_small_one(void **state)
{
    (void)state;
    struct pattern_find found[PATTERN_MAX];

    seed = 4;
    make(two_causes);
    assert_int_equal(search(found), 2);
    assert_int_equal(found[0].set, 7);
    assert_int_equal(found[1].set, SITES + 2);
}

static enum device_state four(const struct made *d)
{
    static int left;

    if (d == &devices[0])
        left = 4;
    return d->sets[PATTERN_SITE] == 7 && left-- > 0 ? STATE_OFFLINE : STATE_HEALTHY;
}

static void fewer_than_five_are_no_pattern(void **state)
{
    (void)state;
    struct pattern_find found[PATTERN_MAX];

    seed = 5;
    make(four);
    assert_int_equal(search(found), 0);
}

static enum device_state all_offline(const struct made *d)
{
    (void)d;
    return STATE_OFFLINE;
}

static void what_is_everywhere_is_no_pattern(void **state)
{
    (void)state;
    struct pattern_find found[PATTERN_MAX];
    struct pattern_table none = { 0 };

    seed = 6;
    make(all_offline);
    assert_int_equal(search(found), 0);
    assert_int_equal(pattern_find(&none, found), 0);
}

// ---------------------------------------------------------------- words

static const struct {
    const char *name;
    struct pattern p;
    const char *ring, *shape, *title, *text, *filter;
} sentences[] = {
    { "site",
      { .dimension = PATTERN_SITE,
        .state = STATE_OFFLINE,
        .value = "Luleå 2",
        .label = "Luleå 2",
        .count = 861,
        .of = 870,
        .ring = 2 },
      "Cold chain",
      "wedge",
      "Dark wedge",
      "Cold chain, Luleå 2: 861 of 870 offline",
      "state=offline&site=Lule%C3%A5%202" },
    { "build",
      { .dimension = PATTERN_BUILD,
        .state = STATE_AT_RISK,
        .value = "4 4.1.9",
        .label = "HVAC node on 4.1.9",
        .count = 318,
        .of = 8435,
        .ring = 4 },
      "HVAC node",
      "speckle",
      "Speckle over one ring",
      "HVAC node on 4.1.9: 318 of 8,435 at risk",
      "state=atRisk&product=4&version=4.1.9" },
    { "batch",
      { .dimension = PATTERN_BATCH,
        .state = STATE_QUARANTINED,
        .value = "04,41&x",
        .label = "04,41&x",
        .count = 29,
        .of = 1234567 },
      NULL,
      "speckle",
      "Speckle over all rings",
      "Batch 04,41&x: 29 of 1,234,567 quarantined",
      "state=quarantined&batch=04%2C41%26x" },
    { "batch of one product",
      { .dimension = PATTERN_BATCH,
        .state = STATE_QUARANTINED,
        .value = "0441",
        .label = "0441",
        .count = 29,
        .of = 300,
        .ring = 4 },
      "HVAC node",
      "cluster",
      "Tight cluster",
      "HVAC node, batch 0441: 29 of 300 quarantined",
      "state=quarantined&batch=0441" },
    { "sweep",
      { .dimension = PATTERN_SITE,
        .state = STATE_UPDATING,
        .value = "K",
        .label = "K",
        .count = 9,
        .of = 10 },
      NULL,
      "wedge",
      "Sweep",
      "K: 9 of 10 updating",
      "state=updating&site=K" },
};

static void a_pattern_is_a_sentence_and_a_link(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        struct pattern p = sentences[i].p;

        pattern_word(&p, sentences[i].ring);
        assert_string_equal(p.shape, sentences[i].shape);
        assert_string_equal(p.title, sentences[i].title);
        assert_string_equal(p.text, sentences[i].text);
        assert_string_equal(p.filter, sentences[i].filter);
    }
}

static void the_longest_value_still_has_a_whole_filter(void **state)
{
    (void)state;
    static struct pattern p = { .dimension = PATTERN_SITE, .state = STATE_QUARANTINED };

    memset(p.value, '\xe5', PATTERN_VALUE);
    memset(p.label, 'x', sizeof p.label - 1);
    pattern_word(&p, "ring");
    assert_int_equal(strlen(p.filter), strlen("state=quarantined&site=") + 3 * PATTERN_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tail_is_what_the_definition_says),
        cmocka_unit_test(an_unlikely_tail_does_not_underflow),
        cmocka_unit_test(among_devices_that_fail_by_chance_hardly_anything_is_named),
        cmocka_unit_test(what_was_planted_is_found_and_little_else),
        cmocka_unit_test(one_outage_is_named_once),
        cmocka_unit_test(a_large_cause_does_not_hide_a_small_one),
        cmocka_unit_test(fewer_than_five_are_no_pattern),
        cmocka_unit_test(what_is_everywhere_is_no_pattern),
        cmocka_unit_test(a_pattern_is_a_sentence_and_a_link),
        cmocka_unit_test(the_longest_value_still_has_a_whole_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
