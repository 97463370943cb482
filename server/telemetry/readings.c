// SPDX-License-Identifier: Apache-2.0

#include "telemetry/readings.h"

#include <math.h>
#include <stdlib.h>

#include "core/auto.h"
#include "core/clock.h"
#include "history/history.h"
#include "store/store.h"

#define FLUSH       65536  // bytes of text
#define MANY_POINTS 100000 // read at once

void readings_free(void *readings)
{
    struct readings *r = readings;

    if (!r)
        return;
    free(r->names);
    rows_free(r->rows);
    free(r);
}

struct writing {
    const struct readings *what;
    struct export_out *to;
    const char *id, *metric;
    FILE *text;
    char *bytes; // owned, as is text
    size_t len;
    int64_t total;
    struct fault *f;
    enum rc rc;
};

static bool begin(struct writing *w)
{
    w->bytes = NULL;
    w->text = open_memstream(&w->bytes, &w->len);
    return w->text != NULL;
}

// What was written so far goes to the reader; on with an empty text.
static enum rc flush(struct writing *w)
{
    enum rc rc = fclose(w->text) == 0 ? export_put(w->to, w->bytes, w->len, w->f)
                                      : fail(w->f, RC_INTERNAL, "out of memory");

    free(w->bytes);
    w->bytes = NULL;
    w->text = NULL;
    if (rc == RC_OK && !begin(w))
        rc = fail(w->f, RC_INTERNAL, "out of memory");
    return rc;
}

static void write_one(struct writing *w, int64_t t, double v)
{
    char at[RFC3339_LEN + 1];

    clock_rfc3339(t, at);
    if (w->what->format == EXPORT_CSV)
        fprintf(w->text, "%s,%s,%s,%.17g\r\n", at, w->id, w->metric, v);
    else
        fprintf(w->text, "{\"time\":\"%s\",\"device\":\"%s\",\"metric\":\"%s\",\"value\":%.17g}\n",
                at, w->id, w->metric, v);
    w->total++;
}

// Names and ids have no character that CSV or JSON would have to quote.
static bool write_run(void *ctx, size_t which, const int64_t *t, const double *v, size_t n)
{
    struct writing *w = ctx;

    (void)which;
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i]))
            write_one(w, t[i], v[i]);
    if (fflush(w->text) != 0)
        w->rc = fail(w->f, RC_INTERNAL, "out of memory");
    else if (w->len >= FLUSH)
        w->rc = flush(w);
    return w->rc == RC_OK;
}

// A device that was silent for months is passed over in few steps.
static int64_t next_span(int64_t span, int64_t points)
{
    if (points > MANY_POINTS)
        return span > READINGS_SPAN_MS ? span / 2 : span;
    return points < MANY_POINTS / 4 && span < READINGS_RANGE_MAX ? span * 2 : span;
}

static enum rc write_metric(struct writing *w, int64_t device)
{
    struct history_query q = {
        .catalog = w->what->catalog, .device = device, .metrics = &w->metric, .count = 1
    };
    int64_t span = READINGS_SPAN_MS;
    enum rc rc = RC_OK;

    for (int64_t from = w->what->from; rc == RC_OK && from <= w->what->to; from = q.to + 1) {
        int64_t before = w->total;

        q.from = from;
        q.to = from + span - 1;
        q.to = q.to > w->what->to ? w->what->to : q.to;
        rc = history_read(w->what->store, &q, write_run, w, w->f);
        rc = rc == RC_OK ? w->rc : rc;
        if (rc == RC_OK)
            rc = export_put(w->to, "", 0, w->f);
        span = next_span(span, w->total - before);
    }
    return rc;
}

enum rc readings_write(void *what, struct export_out *to, int64_t *total, struct fault *f)
{
    const struct readings *r = what;
    struct writing w = { .what = r, .to = to, .f = f };
    enum rc rc = begin(&w) ? RC_OK : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK && r->format == EXPORT_CSV)
        fprintf(w.text, "time,device,metric,value\r\n");
    for (int i = 0; rc == RC_OK && i < rows_count(r->rows); i++)
        for (size_t m = 0; rc == RC_OK && m < r->metric_count; m++) {
            w.id = rows_text(r->rows, i, "id");
            w.metric = r->metrics[m];
            rc = write_metric(&w, rows_int(r->rows, i, "device"));
        }
    if (rc == RC_OK)
        rc = flush(&w);
    if (w.text)
        (void)fclose(w.text);
    free(w.bytes);
    *total = w.total;
    return rc;
}
