// SPDX-License-Identifier: Apache-2.0

#include "device/export_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "core/auto.h"
#include "device/export.h"
#include "device/filter.h"
#include "http/stream.h"
#include "store/store.h"

#define ACTION "GET /api/v1/catalogs/{catalog}/devices/export"

static handler export_devices;

const struct route export_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/devices/export", MAY_SEE_DEVICES, export_devices,
      ROUTE_REPEATS | ROUTE_SLOW },
    { 0 },
};

DEFINE_AUTO(struct export_ask *, export_ask_freep, export_ask_free)
DEFINE_AUTO(struct store *, store_rollbackp, store_rollback)

enum rc export_read_format(const struct req *q, struct export_ask *a, struct fault *f)
{
    char format[16] = "csv";

    req_query(q, "format", format, sizeof format);
    if (strcmp(format, "csv") != 0 && strcmp(format, "ndjson") != 0)
        return fail(f, RC_INVALID, "format must be csv or ndjson");
    a->format = *format == 'c' ? EXPORT_CSV : EXPORT_NDJSON;
    return RC_OK;
}

static enum rc read_filter(const struct req *q, struct export_ask *a, char *said, size_t size,
                           struct fault *f)
{
    static const char *const also[] = { "format", "columns", NULL };
    struct device_filter x = { 0 };
    enum rc rc = device_filter_read(q->query, also, q->catalog, &x, f);

    if (rc == RC_OK) {
        auto_free char *params = json_dumps(x.params, JSON_COMPACT | JSON_SORT_KEYS);

        snprintf(said, size, "%s %s", a->format == EXPORT_CSV ? "csv" : "ndjson",
                 params ? params : "");
        a->filter = take(&x.row);
    }
    device_filter_done(&x);
    return rc;
}

static enum rc read_ask(const struct req *q, struct export_ask *a, char *said, size_t size,
                        struct fault *f)
{
    char names[600] = "";
    enum rc rc = export_read_format(q, a, f);

    req_query(q, "columns", names, sizeof names);
    if (rc == RC_OK)
        rc = export_columns(names, a, f);
    return rc == RC_OK ? read_filter(q, a, said, size, f) : rc;
}

// A copy of the whole fleet leaves the house: that is written down although nothing changes.
enum rc export_audit(const struct req *q, const struct export_told *told, struct fault *f)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    const struct audit_entry e = { .chain = q->catalog,
                                   .account = q->who->account,
                                   .actor = q->who->name,
                                   .action = told->action,
                                   .object = told->object,
                                   .count = told->count,
                                   .outcome = "ok",
                                   .remote = q->remote,
                                   .request = q->id,
                                   .detail = told->said };
    enum rc rc = store_begin(q->store, &tx, f);

    if (rc == RC_OK)
        rc = audit_append(tx, &e, f);
    return rc == RC_OK ? store_commit(take(&tx), f) : rc;
}

enum rc export_room(const struct req *q, struct reply *r, struct fault *f)
{
    if (q->services->exports && !exports_are_full(q->services->exports))
        return RC_OK;
    r->retry_after = 10;
    return fail(f, RC_LIMIT, "%d exports are running; wait until one has ended", EXPORTS_MAX);
}

enum rc export_reply(const struct req *q, struct reply *r, struct export_ask **a, const char *what,
                     struct fault *f)
{
    bool csv = (*a)->format == EXPORT_CSV;
    enum rc rc;

    snprintf((*a)->request, sizeof(*a)->request, "%s", q->id);
    snprintf(r->disposition, sizeof r->disposition, "attachment; filename=\"%.50s-%s.%s\"",
             q->catalog_name, what, csv ? "csv" : "ndjson");
    rc = reply_stream(r, q->services->streams, STREAM_EXPORT,
                      csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson", *a,
                      f);
    if (rc == RC_OK)
        *a = NULL; // the stream's now
    return rc;
}

static enum rc export_devices(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(export_ask_freep) struct export_ask *a = calloc(1, sizeof *a);
    char said[300];
    struct export_told told = { ACTION, "devices", said, 0 };
    enum rc rc = a ? read_ask(q, a, said, sizeof said, f) : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK)
        rc = export_room(q, r, f);
    if (rc == RC_OK)
        rc = export_count(q->store, a, &told.count, f);
    if (rc == RC_OK)
        rc = export_audit(q, &told, f);
    return rc == RC_OK ? export_reply(q, r, &a, "devices", f) : rc;
}
