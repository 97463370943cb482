// SPDX-License-Identifier: Apache-2.0

#include "bulk/bulk_api.h"

#include "bulk/bulk.h"
#include "core/auto.h"
#include "job/job_api.h"

static handler preview, start;

#define CHANGES "/api/v1/catalogs/{catalog}/device-changes"

const struct route bulk_routes[] = {
    { "POST", CHANGES, MAY_CHANGE_DEVICES, start, 0 },
    { "POST", CHANGES "/preview", MAY_CHANGE_DEVICES, preview, 0 },
    { 0 },
};

static enum rc read_allowed(struct req *q, struct bulk *out, struct fault *f)
{
    enum rc rc = bulk_read(q->store, q->catalog, q->body, out, f);

    if (rc == RC_OK && (out->needs & ~q->who->permissions))
        return fail(f, RC_DENIED, "to %s devices takes the permission %s",
                    device_action_name(out->order.action),
                    permission_name((enum permission)out->needs));
    return rc;
}

static enum rc preview(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(bulk_done) struct bulk b = { 0 };
    json_t *seen = NULL;
    enum rc rc = read_allowed(q, &b, f);

    if (rc == RC_OK)
        rc = bulk_preview(q->store, &b, &seen, f);
    r->no_audit = true;
    return rc == RC_OK ? reply_json(r, 200, seen) : rc;
}

static enum rc start(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(bulk_done) struct bulk b = { 0 };
    int64_t job = 0;
    enum rc rc = read_allowed(q, &b, f);

    if (rc == RC_OK)
        rc = bulk_start(q->store, q->catalog, &b, q->who->account, q->who->name, &job, f);
    return rc == RC_OK ? job_reply(q, r, 202, job, f) : rc;
}
