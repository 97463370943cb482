// SPDX-License-Identifier: Apache-2.0

#include "pattern/find.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"

#define AS_GOOD 0.98 // of the strongest's ln p

// ---------------------------------------------------------------- the test

static double log_factorial(int64_t n)
{
    int sign;

    return lgamma_r((double)n + 1, &sign); // lgamma() itself writes a global
}

static double log_choose(int64_t n, int64_t k)
{
    return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

// The first term by its logarithm, the others by their ratio to the one before: nothing
// underflows, however unlikely the tail.
double pattern_log_p(int64_t total, int64_t in, int64_t n, int64_t k)
{
    int64_t most = n < in ? n : in;
    double term = 1, sum = 1;

    if (k > most)
        return -HUGE_VAL;
    if (k <= 0 || k <= n + in - total)
        return 0;
    for (int64_t x = k; x < most; x++) {
        term *= (double)(in - x) * (double)(n - x) /
                ((double)(x + 1) * (double)(total - in - n + x + 1));
        sum += term;
        if (term < sum * 1e-16)
            break;
    }
    double p = log_choose(in, k) + log_choose(total - in, n - k) - log_choose(total, n) + log(sum);
    return p < 0 ? p : 0;
}

// ---------------------------------------------------------------- the search

struct candidate {
    size_t set;
    double log_p;
};

struct search {
    const struct pattern_table *t;
    double *log_p[STATE_COUNT];      // a set each
    int64_t *explained[STATE_COUNT]; // of a set, in that state
    int64_t gone[STATE_COUNT];       // explained in all
    bool *used;                      // cells
    struct candidate *sorted;
    size_t tests;
};

static bool is_tested(const struct pattern_table *t, int state)
{
    return state != STATE_HEALTHY && t->in[state] >= PATTERN_LEAST;
}

static int64_t at_least_0(int64_t n)
{
    return n > 0 ? n : 0;
}

// What is left of a set when the devices that are explained are taken out.
static void left_of(const struct search *s, int state, size_t set, int64_t *n, int64_t *k)
{
    const struct pattern_set *of = &s->t->sets[set];

    *n = at_least_0(of->total - s->explained[state][set]);
    *k = at_least_0(of->in[state] - s->explained[state][set]);
}

static double expected_left(const struct search *s, int state, int64_t n)
{
    int64_t total = s->t->total - s->gone[state], in = s->t->in[state] - s->gone[state];

    return total > 0 ? (double)n * (double)in / (double)total : 0;
}

static void test_state(struct search *s, int state)
{
    int64_t total = s->t->total - s->gone[state], in = s->t->in[state] - s->gone[state];

    for (size_t i = 0; i < s->t->set_count; i++) {
        int64_t n, k;

        left_of(s, state, i, &n, &k);
        // Below what is expected p is near 1, and nobody asks how near.
        s->log_p[state][i] = k > n || n > total || (double)k <= expected_left(s, state, n)
                                 ? 0
                                 : pattern_log_p(total, in, n, k);
    }
}

static int by_p(const void *a, const void *b)
{
    double x = ((const struct candidate *)a)->log_p, y = ((const struct candidate *)b)->log_p;

    return (x > y) - (x < y);
}

// Benjamini-Hochberg over all tests of all states: the largest p that still counts, as ln.
static double bound(struct search *s)
{
    size_t n = 0;

    for (int state = 0; state < STATE_COUNT; state++)
        for (size_t i = 0; s->log_p[state] && i < s->t->set_count; i++)
            if (s->log_p[state][i] <= log(PATTERN_Q))
                s->sorted[n++] = (struct candidate){ i, s->log_p[state][i] };
    qsort(s->sorted, n, sizeof *s->sorted, by_p);
    for (size_t rank = n; rank > 0; rank--)
        if (s->sorted[rank - 1].log_p <= log(PATTERN_Q * (double)rank / (double)s->tests))
            return s->sorted[rank - 1].log_p;
    return -HUGE_VAL;
}

static bool counts(const struct search *s, int state, size_t set, double limit)
{
    int64_t n, k;

    left_of(s, state, set, &n, &k);
    return s->log_p[state][set] < 0 && s->log_p[state][set] <= limit && k >= PATTERN_LEAST &&
           (double)k >= PATTERN_LIFT * expected_left(s, state, n);
}

static bool strongest(const struct search *s, double limit, struct pattern_find *out)
{
    double best = 0;

    for (int state = 0; state < STATE_COUNT; state++)
        for (size_t i = 0; s->log_p[state] && i < s->t->set_count; i++)
            if (counts(s, state, i, limit) && s->log_p[state][i] < best) {
                best = s->log_p[state][i];
                *out = (struct pattern_find){ .set = i, .state = (enum device_state)state };
            }
    return best < 0;
}

// Sets that are nearly the same devices (a site and its network) differ by a hair.
static void prefer(const struct search *s, double limit, struct pattern_find *found)
{
    const double *log_p = s->log_p[found->state];
    double best = log_p[found->set];

    for (size_t i = 0; i < s->t->set_count; i++)
        if (log_p[i] <= AS_GOOD * best && counts(s, (int)found->state, i, limit) &&
            s->t->sets[i].dimension < s->t->sets[found->set].dimension)
            found->set = i;
}

static void describe(const struct pattern_table *t, struct pattern_find *found)
{
    const struct pattern_set *set = &t->sets[found->set];
    int64_t in = t->in[found->state];

    found->expected = (double)set->total * (double)in / (double)t->total;
    found->log_p = pattern_log_p(t->total, in, set->total, set->in[found->state]);
}

static void take_out(struct search *s, const struct pattern_find *found)
{
    const struct pattern_set *set = &s->t->sets[found->set];
    int64_t *explained = s->explained[found->state];
    // Its own devices are known by number, even where not every cell is.
    int64_t own = set->in[found->state] - explained[found->set];

    for (size_t c = 0; c < s->t->cell_count; c++) {
        const struct pattern_cell *cell = &s->t->cells[c];

        if (s->used[c] || cell->state != found->state ||
            cell->sets[set->dimension] != (int32_t)found->set)
            continue;
        s->used[c] = true;
        for (int d = 0; d < PATTERN_DIMENSIONS; d++)
            if (cell->sets[d] >= 0)
                explained[cell->sets[d]] += cell->n;
    }
    s->gone[found->state] += own;
    explained[found->set] = set->in[found->state];
}

static void search_done(struct search *s)
{
    for (int i = 0; i < STATE_COUNT; i++) {
        free(s->log_p[i]);
        free(s->explained[i]);
    }
    free(s->used);
    free(s->sorted);
}

static bool search_init(struct search *s, const struct pattern_table *t)
{
    bool good = true;

    s->t = t;
    for (int i = 0; i < STATE_COUNT; i++) {
        if (!is_tested(t, i))
            continue;
        s->tests += t->set_count;
        s->log_p[i] = calloc(t->set_count, sizeof *s->log_p[i]);
        s->explained[i] = calloc(t->set_count, sizeof *s->explained[i]);
        good = good && s->log_p[i] && s->explained[i];
    }
    s->used = calloc(t->cell_count + 1, sizeof *s->used);
    s->sorted = calloc(s->tests + 1, sizeof *s->sorted);
    return good && s->used && s->sorted && s->tests > 0;
}

size_t pattern_find(const struct pattern_table *t, struct pattern_find out[PATTERN_MAX])
{
    auto_with(search_done) struct search s = { 0 };
    size_t count = 0;

    if (t->set_count == 0 || !search_init(&s, t))
        return 0;
    for (int i = 0; i < STATE_COUNT; i++)
        if (s.log_p[i])
            test_state(&s, i);
    while (count < PATTERN_MAX) {
        double limit = bound(&s);

        if (!strongest(&s, limit, &out[count]))
            break;
        prefer(&s, limit, &out[count]);
        describe(t, &out[count]);
        take_out(&s, &out[count]);
        test_state(&s, (int)out[count].state);
        count++;
    }
    return count;
}
