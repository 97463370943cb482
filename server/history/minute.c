// SPDX-License-Identifier: Apache-2.0

#include "history/minute.h"

#include <string.h>

#include "ingest/pgcopy.h"

// ---------------------------------------------------------------- in

struct split { // rows of minute k: edge[k] up to edge[k + 1]
    size_t count, edge[MINUTES + 1];
};

static int64_t minute_of(const struct chunk_source *from, size_t row)
{
    return (from->t[row] - from->hour) / MINUTE_MS;
}

static void split_rows(const struct chunk_source *from, struct split *s)
{
    s->count = 0;
    for (size_t i = 0; i < from->rows; i++)
        if (i == 0 || minute_of(from, i) != minute_of(from, i - 1))
            s->edge[s->count++] = i;
    s->edge[s->count] = from->rows;
}

// Two columns, behind the length of the first.
static char *begin_pair(char *p)
{
    return p + 2;
}

static char *end_first(char *start, size_t len)
{
    put16(start, (uint16_t)len);
    return start + 2 + len;
}

static char *put_times(struct squeezer *z, const struct chunk_source *from, const struct split *s,
                       char *p)
{
    int64_t last[MINUTES], count[MINUTES];

    for (size_t k = 0; k < s->count; k++) {
        last[k] = from->t[s->edge[k + 1] - 1] - from->hour;
        count[k] = (int64_t)(s->edge[k + 1] - s->edge[k]);
    }
    p = end_first(p, column_put_ints(z, last, s->count, begin_pair(p)));
    return p + column_put_ints(z, count, s->count, p);
}

static void sum_minute(const struct chunk_source *from, uint32_t metric, size_t row, size_t end,
                       struct minute_sum *out)
{
    const double *v = from->v + metric;
    double low = v[row * from->metrics], high = low, total = 0;

    for (size_t i = row; i < end; i++) {
        double x = v[i * from->metrics];

        low = x < low ? x : low;
        high = x > high ? x : high;
        total += x;
    }
    *out = (struct minute_sum){
        .low = low, .high = high, .total = total, .final = v[(end - 1) * from->metrics]
    };
}

// Lowest, highest and last values are as short as the values were; their totals may be longer.
static char *put_metric(struct squeezer *z, const struct chunk_source *from, const struct split *s,
                        uint32_t metric, char *p)
{
    double seen[3 * MINUTES], total[MINUTES];
    size_t n = s->count;

    for (size_t k = 0; k < n; k++) {
        struct minute_sum sum;

        sum_minute(from, metric, s->edge[k], s->edge[k + 1], &sum);
        seen[k] = sum.low;
        seen[n + k] = sum.high;
        seen[2 * n + k] = sum.final;
        total[k] = sum.total;
    }
    p = end_first(p, column_put_reals(z, seen, 3 * n, begin_pair(p)));
    return p + column_put_reals(z, total, n, p);
}

void minutes_pack(struct squeezer *z, const struct chunk_source *from,
                  const struct chunk_packed *packed, struct minutes_packed *out)
{
    struct split s;
    char *p = out->own;

    split_rows(from, &s);
    out->count = s.count;
    if (s.count == from->rows) {
        out->body = packed->body;
        out->len = packed->len;
        memcpy(out->ends, packed->ends, sizeof out->ends);
        return;
    }
    p = put_times(z, from, &s, p);
    out->ends[0] = (int32_t)(p - out->own);
    for (uint32_t k = 0; k < from->metrics; k++) {
        p = put_metric(z, from, &s, k, p);
        out->ends[k + 1] = (int32_t)(p - out->own);
    }
    out->body = out->own;
    out->len = (size_t)(p - out->own);
}

// ---------------------------------------------------------------- back

struct pair {
    const char *first, *second;
    size_t first_len, second_len;
};

static bool open_pair(const void *at, size_t len, struct pair *out)
{
    const unsigned char *p = at;

    if (len < 2)
        return false;
    out->first = (const char *)p + 2;
    out->first_len = (size_t)p[0] << 8 | p[1];
    if (len - 2 < out->first_len)
        return false;
    out->second = out->first + out->first_len;
    out->second_len = len - 2 - out->first_len;
    return true;
}

static bool read_times(struct squeezer *z, const struct minutes_source *from, struct minute_sum *to)
{
    int64_t last[MINUTES], count[MINUTES], minute = -1, messages = 0;
    struct pair p;

    if (!open_pair(from->times, from->times_len, &p) ||
        !chunk_times(z, p.first, p.first_len, from->count, from->hour, last) ||
        !column_ints(z, p.second, p.second_len, from->count, count))
        return false;
    for (size_t k = 0; k < from->count; k++) {
        if ((last[k] - from->hour) / MINUTE_MS <= minute || count[k] < 1 ||
            count[k] > (int64_t)CHUNK_ROWS_MAX)
            return false;
        minute = (last[k] - from->hour) / MINUTE_MS;
        messages += count[k];
        to[k].last_at = last[k];
        to[k].count = count[k];
    }
    return messages == (int64_t)from->messages;
}

static bool read_metric(struct squeezer *z, const struct minutes_source *from,
                        struct minute_sum *to)
{
    double seen[3 * MINUTES], total[MINUTES];
    size_t n = from->count;
    struct pair p;

    if (!open_pair(from->points, from->points_len, &p) ||
        !column_reals(z, p.first, p.first_len, 3 * n, seen) ||
        !column_reals(z, p.second, p.second_len, n, total))
        return false;
    for (size_t k = 0; k < n; k++) {
        to[k].low = seen[k];
        to[k].high = seen[n + k];
        to[k].final = seen[2 * n + k];
        to[k].total = total[k];
    }
    return true;
}

static bool read_single(struct squeezer *z, const struct minutes_source *from,
                        struct minute_sum *to)
{
    int64_t t[MINUTES];
    double v[MINUTES];

    if (!chunk_times(z, from->times, from->times_len, from->count, from->hour, t) ||
        !chunk_column(z, from->points, from->points_len, from->count, v))
        return false;
    for (size_t k = 0; k < from->count; k++)
        to[k] = (struct minute_sum){ 1, t[k], v[k], v[k], v[k], v[k] };
    return true;
}

bool minutes_read(struct squeezer *z, const struct minutes_source *from,
                  struct minute_sum out[MINUTES])
{
    if (from->count < 1 || from->count > MINUTES || from->messages < from->count)
        return false;
    if (from->messages == from->count)
        return read_single(z, from, out);
    return read_times(z, from, out) && read_metric(z, from, out);
}
