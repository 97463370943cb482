// SPDX-License-Identifier: Apache-2.0
//
// A column of a chunk as a broken disk may give it back: it is refused, or it is values that pack
// and come back as they are.

#include <stdlib.h>
#include <string.h>

#include "history/chunk.h"

#define ROWS_MAX 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char packed[COLUMN_BOUND(ROWS_MAX)];

static void again_reals(struct squeezer *z, const double *v, size_t n)
{
    double *back = malloc(n * sizeof *back);
    size_t len = column_put_reals(z, v, n, packed);

    if (!back || !column_reals(z, packed, len, n, back) || memcmp(v, back, n * sizeof *v) != 0)
        abort();
    free(back);
}

static void again_times(struct squeezer *z, int64_t *t, size_t n)
{
    int64_t *back = malloc(n * sizeof *back);
    size_t len = column_put_ints(z, t, n, packed);

    if (!back || !chunk_times(z, packed, len, n, 0, back) || memcmp(t, back, n * sizeof *t) != 0)
        abort();
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct squeezer *z;
    size_t n;

    if (!z)
        z = squeezer_new();
    if (!z || size < 2)
        return 0;
    n = 1 + (data[0] | (size_t)data[1] << 8) % ROWS_MAX;
    double *v = malloc(n * sizeof *v); // no room to spare, so that ASan sees
    int64_t *t = malloc(n * sizeof *t);
    if (!v || !t)
        abort();
    if (chunk_column(z, data + 2, size - 2, n, v))
        again_reals(z, v, n);
    if (chunk_times(z, data + 2, size - 2, n, 0, t))
        again_times(z, t, n);
    free(v);
    free(t);
    return 0;
}
