// SPDX-License-Identifier: Apache-2.0

#include "history/chunk.h"

#include <stdlib.h>

struct packer {
    struct squeezer *z;
    char *body;
    size_t room;
    int64_t *offsets;
    double *column;
};

void packer_free(struct packer *p)
{
    if (!p)
        return;
    squeezer_free(p->z);
    free(p->body);
    free(p->offsets);
    free(p->column);
    free(p);
}

struct packer *packer_new(void)
{
    struct packer *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->z = squeezer_new();
    p->offsets = malloc(CHUNK_ROWS_MAX * sizeof *p->offsets);
    p->column = malloc(CHUNK_ROWS_MAX * sizeof *p->column);
    if (p->z && p->offsets && p->column)
        return p;
    packer_free(p);
    return NULL;
}

// Room for one more column.
static bool make_room(struct packer *p, size_t len, size_t rows)
{
    size_t need = len + COLUMN_BOUND(rows);
    char *grown;

    if (need <= p->room)
        return true;
    grown = realloc(p->body, need * 2);
    if (!grown)
        return false;
    p->body = grown;
    p->room = need * 2;
    return true;
}

static void sum_up(const double *v, size_t n, struct chunk_sum *out)
{
    *out = (struct chunk_sum){ .low = v[0], .high = v[0], .final = v[n - 1] };
    for (size_t i = 0; i < n; i++) {
        out->low = v[i] < out->low ? v[i] : out->low;
        out->high = v[i] > out->high ? v[i] : out->high;
        out->total += v[i];
        out->squares += v[i] * v[i];
    }
}

static bool pack_metric(struct packer *p, const struct chunk_source *from, uint32_t metric,
                        struct chunk_packed *out)
{
    if (!make_room(p, out->len, from->rows))
        return false;
    for (size_t i = 0; i < from->rows; i++)
        p->column[i] = from->v[i * from->metrics + metric];
    out->len += column_put_reals(p->z, p->column, from->rows, p->body + out->len);
    out->ends[metric + 1] = (int32_t)out->len;
    sum_up(p->column, from->rows, &out->sums[metric]);
    return true;
}

bool chunk_pack(struct packer *p, const struct chunk_source *from, struct chunk_packed *out)
{
    if (!make_room(p, 0, from->rows))
        return false;
    for (size_t i = 0; i < from->rows; i++)
        p->offsets[i] = from->t[i] - from->hour;
    out->len = column_put_ints(p->z, p->offsets, from->rows, p->body);
    out->ends[0] = (int32_t)out->len;
    for (uint32_t k = 0; k < from->metrics; k++)
        if (!pack_metric(p, from, k, out))
            return false;
    out->body = p->body;
    return true;
}

bool chunk_times(struct squeezer *z, const void *at, size_t len, size_t rows, int64_t hour,
                 int64_t *out)
{
    int64_t before = 0;

    if (!column_ints(z, at, len, rows, out))
        return false;
    for (size_t i = 0; i < rows; i++) {
        if (out[i] < before || out[i] >= CHUNK_SPAN_MS)
            return false;
        before = out[i];
        out[i] += hour;
    }
    return true;
}

bool chunk_column(struct squeezer *z, const void *at, size_t len, size_t rows, double *out)
{
    return column_reals(z, at, len, rows, out);
}
