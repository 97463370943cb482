// SPDX-License-Identifier: Apache-2.0

#include "telemetry/spread.h"

#include <math.h>
#include <stdlib.h>

bool spread_add(struct spread *s, double value)
{
    if (s->count == s->room) {
        size_t room = s->room * 2 + 64;
        double *grown = reallocarray(s->values, room, sizeof *grown);

        if (!grown)
            return false;
        s->values = grown;
        s->room = room;
    }
    s->values[s->count++] = value;
    return true;
}

static void swap(double *a, double *b)
{
    double was = *a;

    *a = *b;
    *b = was;
}

static double middle(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

// Hoare's: afterwards v[k] is what it were in order, smaller ones before it and larger ones behind.
static void select_nth(double *v, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;

    while (low < high) {
        double pivot = middle(v[low], v[low + (high - low) / 2], v[high]);
        size_t i = low, j = high;

        for (;;) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i >= j)
                break;
            swap(&v[i++], &v[j--]);
        }
        // v[low … j] <= pivot <= v[j + 1 … high]
        if (i == j && k == i)
            return;
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

double spread_at(struct spread *s, double share)
{
    double rank = ceil(share * (double)s->count);
    size_t k = rank < 1 ? 0 : (size_t)rank - 1;

    if (k >= s->count)
        k = s->count - 1;
    select_nth(s->values, s->count, k);
    return s->values[k];
}

void spread_tell(struct spread *s, struct spread_facts *out)
{
    double sum = 0, min = s->values[0], max = s->values[0];

    for (size_t i = 0; i < s->count; i++) {
        sum += s->values[i];
        min = fmin(min, s->values[i]);
        max = fmax(max, s->values[i]);
    }
    *out = (struct spread_facts){ .count = s->count,
                                  .min = min,
                                  .max = max,
                                  .mean = fmax(min, fmin(max, sum / (double)s->count)),
                                  .p50 = spread_at(s, 0.50),
                                  .p95 = spread_at(s, 0.95),
                                  .p99 = spread_at(s, 0.99) };
}

void spread_done(struct spread *s)
{
    free(s->values);
    *s = (struct spread){ 0 };
}
