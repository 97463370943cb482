// SPDX-License-Identifier: Apache-2.0

#include "rule/pane.h"

#include <math.h>
#include <stdlib.h>

#include "core/auto.h"

struct weighted {
    double v;
    uint32_t weight;
};

void pane_done(struct pane *p)
{
    free(p->values);
    p->values = NULL;
}

static void thin(struct pane *p)
{
    p->kept /= 2;
    for (uint32_t i = 0; i < p->kept; i++)
        p->values[i] = p->values[i * 2 + 1];
    p->stride *= 2;
}

static bool keep_value(struct pane *p, double v)
{
    if (!p->values) {
        p->values = calloc(PANE_VALUES, sizeof *p->values);
        p->stride = 1;
    }
    if (!p->values)
        return false;
    if (++p->skips < p->stride)
        return true;
    p->skips = 0;
    if (p->kept == PANE_VALUES)
        thin(p);
    p->values[p->kept++] = v;
    return true;
}

bool pane_add(struct pane *p, double v, int64_t at, bool keep)
{
    bool first = p->count++ == 0;

    p->sum += v;
    p->min = first || v < p->min ? v : p->min;
    p->max = first || v > p->max ? v : p->max;
    if (first || at < p->first_at) {
        p->first_at = at;
        p->first = v;
    }
    if (first || at >= p->last_at) {
        p->last_at = at;
        p->last = v;
    }
    return !keep || keep_value(p, v);
}

void pane_join(struct pane *to, const struct pane *from)
{
    bool first = to->count == 0;

    to->count += from->count;
    to->sum += from->sum;
    to->min = first || from->min < to->min ? from->min : to->min;
    to->max = first || from->max > to->max ? from->max : to->max;
    if (first || from->first_at < to->first_at) {
        to->first_at = from->first_at;
        to->first = from->first;
    }
    if (first || from->last_at >= to->last_at) {
        to->last_at = from->last_at;
        to->last = from->last;
    }
}

double pane_value(const struct pane *p, enum rule_aggregate a)
{
    switch (a) {
    case RULE_AVG:
        return p->sum / (double)p->count;
    case RULE_MIN:
        return p->min;
    case RULE_MAX:
        return p->max;
    case RULE_SUM:
        return p->sum;
    case RULE_COUNT:
        return (double)p->count;
    case RULE_LAST:
        return p->last;
    case RULE_RATE:
        return p->last_at > p->first_at
                   ? (p->last - p->first) * 1000 / (double)(p->last_at - p->first_at)
                   : (double)NAN;
    case RULE_STDDEV:
    case RULE_PERCENTILE:
        break;
    }
    return NAN;
}

static int by_value(const void *a, const void *b)
{
    const struct weighted *x = a, *y = b;

    return (x->v > y->v) - (x->v < y->v);
}

double pane_percentile(const struct pane *panes, size_t count, int percentile)
{
    auto_free struct weighted *all = calloc(count * PANE_VALUES + 1, sizeof *all);
    double total = 0, reached = 0;
    size_t n = 0, i = 0;

    for (size_t p = 0; all && p < count; p++)
        for (uint32_t k = 0; k < panes[p].kept; k++)
            all[n++] = (struct weighted){ panes[p].values[k], panes[p].stride };
    if (n == 0)
        return NAN;
    qsort(all, n, sizeof *all, by_value);
    for (size_t k = 0; k < n; k++)
        total += all[k].weight;
    // The nearest rank.
    for (reached = all[0].weight; reached < total * percentile / 100 && i + 1 < n;)
        reached += all[++i].weight;
    return all[i].v;
}
