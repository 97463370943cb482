// SPDX-License-Identifier: Apache-2.0

#include "telemetry/readings_api.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/token.h"
#include "device/export_api.h"
#include "device/filter.h"
#include "fleet_sql.h"
#include "store/arg.h"
#include "store/store.h"
#include "telemetry/chosen.h"
#include "telemetry/metric.h"
#include "telemetry/range.h"
#include "telemetry/readings.h"

#define PATH        "/api/v1/catalogs/{catalog}/telemetry/export"
#define DEVICES_MAX 100000

static handler export_readings;

const struct route readings_routes[] = {
    { "GET", PATH, MAY_SEE_TELEMETRY, export_readings, ROUTE_REPEATS | ROUTE_SLOW },
    { 0 },
};

DEFINE_AUTO(struct export_ask *, export_ask_freep, export_ask_free)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static const char *const also[] = { "metric", "from", "to", "format", NULL };

static enum rc read_metrics(const struct req *q, struct readings *r, struct fault *f)
{
    size_t size = READINGS_METRICS_MAX * (TOKEN_NAME_MAX + 1) + 1;
    enum rc rc = RC_OK;

    r->names = calloc(1, size);
    if (!r->names)
        return fail(f, RC_INTERNAL, "out of memory");
    if (!req_query(q, "metric", r->names, size) || !*r->names)
        return fail(f, RC_INVALID, "metric says what is wanted, by commas; it is missing");
    for (char *rest = r->names, *name; rc == RC_OK && (name = strsep(&rest, ","));) {
        auto_with(rows_freep) struct rows *rows = NULL;

        if (r->metric_count == READINGS_METRICS_MAX)
            return fail(f, RC_INVALID, "more than %d metrics", READINGS_METRICS_MAX);
        rc = metric_load(q->store, q->catalog, name, &rows, f);
        r->metrics[r->metric_count++] = name;
    }
    return rc;
}

static bool names_devices(const char *query)
{
    return !strncmp(query, "device=", 7) || strstr(query, "&device=");
}

static enum rc read_filter(const struct req *q, struct readings *r, struct fault *f)
{
    struct device_filter x = { 0 };
    enum rc rc = device_filter_read(q->query, also, q->catalog, &x, f);
    const char *args[] = { x.row, ARG_INT(DEVICES_MAX + 1) };

    if (rc == RC_OK)
        rc = store_run(q->store, &Q_FLEET_IDS, args, &r->rows, f);
    device_filter_done(&x);
    if (rc == RC_OK && rows_count(r->rows) > DEVICES_MAX)
        rc = fail(f, RC_LIMIT, "more than %d devices at once: narrow the filter", DEVICES_MAX);
    return rc;
}

static enum rc read_devices(const struct req *q, struct readings *r, struct fault *f)
{
    struct chosen c = { 0 };
    enum rc rc;

    if (!names_devices(q->query))
        return read_filter(q, r, f);
    rc = chosen_read(q, also, &c, f);
    if (rc == RC_OK)
        r->rows = take(&c.rows);
    chosen_done(&c);
    return rc;
}

static enum rc read_ask(const struct req *q, struct export_ask *a, struct fault *f)
{
    struct readings *r = calloc(1, sizeof *r);
    enum rc rc = r ? export_read_format(q, a, f) : fail(f, RC_INTERNAL, "out of memory");

    a->what = r;
    a->what_free = readings_free;
    a->write = readings_write;
    if (rc != RC_OK)
        return rc;
    r->store = q->store;
    r->catalog = q->catalog;
    r->format = a->format;
    rc = range_read(q, DAY_MS, &r->from, &r->to, f);
    if (rc == RC_OK && r->to - r->from > READINGS_RANGE_MAX)
        rc = fail(f, RC_INVALID, "a range of more than ten years");
    if (rc == RC_OK)
        rc = read_devices(q, r, f);
    return rc == RC_OK ? read_metrics(q, r, f) : rc;
}

static enum rc export_readings(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(export_ask_freep) struct export_ask *a = calloc(1, sizeof *a);
    char said[300];
    struct export_told told = { "GET " PATH, "telemetry", said, 0 };
    enum rc rc = a ? read_ask(q, a, f) : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK)
        rc = export_room(q, r, f);
    if (rc != RC_OK)
        return rc;
    const struct readings *what = a->what;
    told.count = rows_count(what->rows);
    snprintf(said, sizeof said, "%s, %zu metrics from %s, %lld to %lld",
             a->format == EXPORT_CSV ? "csv" : "ndjson", what->metric_count, what->metrics[0],
             (long long)what->from, (long long)what->to);
    rc = export_audit(q, &told, f);
    return rc == RC_OK ? export_reply(q, r, &a, "telemetry", f) : rc;
}
