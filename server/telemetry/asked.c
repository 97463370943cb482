// SPDX-License-Identifier: Apache-2.0

#include "telemetry/asked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "fleet_sql.h"
#include "http/http.h"
#include "store/arg.h"
#include "store/store.h"
#include "telemetry/fleet.h"
#include "telemetry/range.h"

#define WINDOW_MS  (5 * 60000)
#define WINDOW_MAX (30 * DAY_MS)

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

void asked_done(struct asked *a)
{
    device_filter_done(&a->filter);
}

static enum rc read_by(const struct req *q, struct asked *a, struct fault *f)
{
    static const char *const names[] = { "product", "group", "version", "site", "batch" };
    char text[TAG_NAME_MAX + 5];

    if (!req_query(q, "by", text, sizeof text) || !*text)
        return RC_OK;
    if (!strncmp(text, "tag:", 4) && text[4]) {
        snprintf(a->by, sizeof a->by, "tag");
        snprintf(a->tag, sizeof a->tag, "%.*s", TAG_NAME_MAX, text + 4);
        return RC_OK;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(text, names[i])) {
            snprintf(a->by, sizeof a->by, "%s", names[i]);
            return RC_OK;
        }
    return fail(f, RC_INVALID, "by takes product, group, version, site, batch or tag:NAME");
}

static enum rc read_metric(const struct req *q, struct asked *a, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct metric m;
    enum rc rc = range_metric(q, a->metric, f);

    if (rc == RC_OK)
        rc = metric_load(q->store, q->catalog, a->metric, &rows, f);
    if (rc != RC_OK)
        return rc;
    metric_at(rows, 0, &m);
    snprintf(a->unit, sizeof a->unit, "%s", m.unit);
    return RC_OK;
}

enum rc asked_read(const struct req *q, const char *const *also, struct asked *a, struct fault *f)
{
    enum rc rc = device_filter_read(q->query, also, q->catalog, &a->filter, f);

    a->now = clock_now_ms();
    if (rc == RC_OK)
        rc = read_by(q, a, f);
    if (rc == RC_OK)
        rc = range_window(q, "window", WINDOW_MS, WINDOW_MAX, &a->window, f);
    if (rc == RC_OK)
        rc = read_metric(q, a, f);
    if (rc == RC_OK && !q->services->fleet)
        rc = fail(f, RC_UNAVAILABLE, "last values are not kept here");
    return rc;
}

json_t *asked_answer(const struct req *q, const struct asked *a)
{
    json_t *o = json_object();

    add_text(o, "metric", a->metric);
    add_text(o, "unit", a->unit);
    add_int(o, "at", a->now);
    add_int(o, "window", a->window);
    add_bool(o, "complete",
             !fleet_is_loading(q->services->fleet) && !fleet_is_full(q->services->fleet));
    return o;
}

// ---------------------------------------------------------------- devices of a filter

void found_done(struct found *x)
{
    rows_free(x->rows);
    free(x->devices);
    free(x->at);
    free(x->values);
}

static void note_value(void *ctx, size_t index, const struct fleet_value *v)
{
    struct found *x = ctx;

    x->values[index] = v->value;
    x->at[index] = v->at;
}

enum rc found_read(const struct req *q, const struct asked *a, struct found *x, struct fault *f)
{
    const char *args[] = { a->filter.row, a->by, a->tag, ARG_INT(FOUND_MAX + 1) };
    enum rc rc = store_run(q->store, &Q_FLEET_FOUND, args, &x->rows, f);

    if (rc != RC_OK)
        return rc;
    x->count = (size_t)rows_count(x->rows);
    x->capped = x->count > FOUND_MAX;
    x->count -= x->capped;
    x->devices = calloc(x->count + 1, sizeof *x->devices);
    x->at = calloc(x->count + 1, sizeof *x->at);
    x->values = calloc(x->count + 1, sizeof *x->values);
    if (!x->devices || !x->at || !x->values)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < x->count; i++) {
        x->devices[i] = rows_int(x->rows, (int)i, "device");
        x->values[i] = (double)NAN;
    }
    fleet_some(q->services->fleet, q->catalog, a->metric, a->now - a->window, x->devices, x->count,
               note_value, x);
    return RC_OK;
}

const char *found_key(const struct found *x, size_t i)
{
    const char *key = rows_text(x->rows, (int)i, "key");

    return key ? key : "";
}

void asked_label(const struct req *q, const struct asked *a, json_t *o, const char *key)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(q->catalog), a->by, key };
    bool named = !strcmp(a->by, "product") || !strcmp(a->by, "group");

    if (named && *key && store_run(q->store, &Q_FLEET_LABEL, args, &rows, NULL) == RC_OK)
        add_text(o, "label", rows_text(rows, 0, "label"));
    else
        add_text(o, "label", *key ? key : NULL);
}
