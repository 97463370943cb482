// SPDX-License-Identifier: Apache-2.0

#include "crash/crash_api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/config.h"
#include "core/number.h"
#include "crash/crash.h"
#include "device/device.h"
#include "device/export.h"
#include "device/export_api.h"
#include "http/stream.h"

static handler list, content, drop;

#define DUMPS   "/api/v1/catalogs/{catalog}/crash-dumps"
#define CONTENT DUMPS "/{id}/content"
#define PIECE   65536

const struct route crash_routes[] = {
    { "GET", DUMPS, MAY_SEE_TELEMETRY, list, 0 },
    { "GET", CONTENT, MAY_READ_DUMPS, content, ROUTE_SLOW },
    { "DELETE", DUMPS "/{id}", MAY_READ_DUMPS, drop, 0 },
    { 0 },
};

DEFINE_AUTO(struct export_ask *, export_ask_freep, export_ask_free)

static void folder_of(const struct req *q, char *out, size_t size)
{
    snprintf(out, size, "%s/blobs", q->services->config->dir);
}

static enum rc read_device(const struct req *q, int64_t *out, struct fault *f)
{
    char id[DEVICE_ID_LEN + 1];

    return req_query(q, "device", id, sizeof id) ? device_find(q->store, q->catalog, id, out, f)
                                                 : RC_OK;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    json_t *items = NULL;
    int64_t device = 0, before = 0, next = 0;
    int limit;
    enum rc rc = req_numbered(q, &before, &limit, f);

    if (rc == RC_OK)
        rc = read_device(q, &device, f);
    if (rc == RC_OK)
        rc = crash_list(q->store, q->catalog, device, before, limit, &items, &next, f);
    return rc == RC_OK ? reply_numbered(q, r, items, next) : rc;
}

static enum rc read_id(const struct req *q, int64_t *out, struct fault *f)
{
    return number_read(q->params[1], out)
               ? RC_OK
               : fail(f, RC_NOT_FOUND, "this catalog has no such crash dump");
}

// ---------------------------------------------------------------- reading one

struct file {
    int fd;
};

static void file_free(void *what)
{
    struct file *file = what;

    if (file)
        close(file->fd);
    free(file);
}

static enum rc write_file(void *what, struct export_out *to, int64_t *total, struct fault *f)
{
    const struct file *file = what;
    auto_free char *bytes = malloc(PIECE);
    enum rc rc = bytes ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
    ssize_t n = 1;

    while (rc == RC_OK && (n = read(file->fd, bytes, PIECE)) > 0) {
        rc = export_put(to, bytes, (size_t)n, f);
        *total += n;
    }
    return rc == RC_OK && n < 0 ? fail(f, RC_INTERNAL, "cannot read: %s", strerror(errno)) : rc;
}

static enum rc open_dump(const struct req *q, const struct crash_dump *d, struct export_ask *a,
                         struct fault *f)
{
    struct file *file = calloc(1, sizeof *file);
    char folder[600];
    enum rc rc;

    if (!file)
        return fail(f, RC_INTERNAL, "out of memory");
    folder_of(q, folder, sizeof folder);
    rc = blob_open(folder, d->sha256, &file->fd, f);
    if (rc != RC_OK) {
        free(file);
        return rc;
    }
    a->what = file;
    a->what_free = file_free;
    a->write = write_file;
    return RC_OK;
}

static enum rc audit(const struct req *q, const struct crash_dump *d, struct fault *f)
{
    char object[40], said[120];
    const struct export_told told = { "GET " CONTENT, object, said, 1 };

    snprintf(object, sizeof object, "crash dump %lld", (long long)d->id);
    snprintf(said, sizeof said, "%lld bytes, SHA-256 %s", (long long)d->bytes, d->sha256);
    return export_audit(q, &told, f);
}

// Written down before the first byte leaves.
static enum rc content(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(export_ask_freep) struct export_ask *a = calloc(1, sizeof *a);
    struct crash_dump d;
    int64_t id;
    enum rc rc = a ? read_id(q, &id, f) : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK)
        rc = crash_find(q->store, q->catalog, id, &d, f);
    if (rc == RC_OK)
        rc = open_dump(q, &d, a, f);
    if (rc == RC_OK)
        rc = export_room(q, r, f);
    if (rc == RC_OK)
        rc = audit(q, &d, f);
    if (rc != RC_OK)
        return rc;
    snprintf(a->request, sizeof a->request, "%s", q->id);
    snprintf(r->disposition, sizeof r->disposition, "attachment; filename=\"%.50s-%.16s.dump\"",
             q->catalog_name, d.sha256);
    rc = reply_stream(r, q->services->streams, STREAM_EXPORT, "application/octet-stream", a, f);
    if (rc == RC_OK)
        a = NULL; // the stream's now
    return rc;
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    char folder[600];
    struct crash_dump d;
    int64_t id;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = crash_find(q->store, q->catalog, id, &d, f);
    if (rc != RC_OK)
        return rc;
    folder_of(q, folder, sizeof folder);
    rc = crash_drop(q->store, folder, q->catalog, id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "crash dump %lld", (long long)id);
    snprintf(r->detail, sizeof r->detail, "SHA-256 %s", d.sha256);
    return reply_empty(r);
}
