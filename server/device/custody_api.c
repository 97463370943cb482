// SPDX-License-Identifier: Apache-2.0

#include "device/custody_api.h"

#include <stdlib.h>
#include <string.h>

#include "core/body.h"
#include "device/custody.h"
#include "device/device_api.h"

static handler retire, quarantine, release, reattest;

#define DEVICE "/api/v1/catalogs/{catalog}/devices/{id}"

const struct route custody_routes[] = {
    { "POST", DEVICE "/retire", MAY_CHANGE_DEVICES, retire, 0 },
    { "POST", DEVICE "/quarantine", MAY_CHANGE_TRUST, quarantine, 0 },
    { "POST", DEVICE "/release", MAY_CHANGE_TRUST, release, 0 },
    { "POST", DEVICE "/reattest", MAY_CHANGE_TRUST, reattest, 0 },
    { 0 },
};

struct bulletin {
    int32_t catalog;
    struct custody_change change;
};

static void announce(const struct services *s, void *arg)
{
    const struct bulletin *b = arg;

    custody_announce(s->roster, s->bus, b->catalog, &b->change);
}

// Answers with the device as it now is. unless: why the act may have changed nothing.
static enum rc act_on(struct req *q, struct reply *r, enum custody_act act, const char *reason,
                      const char *unless, struct fault *f)
{
    const char *id = q->params[1];
    struct bulletin *b;
    int64_t device;
    size_t changed = 0;
    enum rc rc = device_find(q->store, q->catalog, id, &device, f);

    if (rc != RC_OK)
        return rc;
    b = calloc(1, sizeof *b);
    if (!b)
        return fail(f, RC_INTERNAL, "out of memory");
    b->catalog = q->catalog;
    rc = custody_act(q->store, q->catalog, act, &device, 1, reason, &b->change, &changed, f);
    if (rc == RC_OK && !changed)
        rc = fail(f, RC_CONFLICT, "%s", unless);
    if (rc != RC_OK) {
        free(b);
        return rc;
    }
    rc = req_after_commit(q, announce, b, f);
    snprintf(r->object, sizeof r->object, "%s", id);
    snprintf(r->detail, sizeof r->detail, "%s", reason ? reason : "");
    return rc == RC_OK ? device_reply(q, r, 200, id, f) : rc;
}

static enum rc retire(struct req *q, struct reply *r, struct fault *f)
{
    return act_on(q, r, CUSTODY_RETIRE, NULL, "this device is already retired", f);
}

struct quarantine_body {
    const char *reason;
};

static const struct field quarantine_fields[] = {
    { TEXT(struct quarantine_body, reason), REQUIRED, 1, CUSTODY_REASON_MAX - 1 },
};

static enum rc quarantine(struct req *q, struct reply *r, struct fault *f)
{
    struct quarantine_body b = { 0 };
    int64_t device;
    enum rc rc = device_find(q->store, q->catalog, q->params[1], &device, f);

    if (rc == RC_OK)
        rc = BODY_READ(q->body, quarantine_fields, &b, f);
    if (rc != RC_OK)
        return rc;
    return act_on(q, r, CUSTODY_QUARANTINE, b.reason,
                  "this device is already in quarantine by hand, or retired", f);
}

static enum rc release(struct req *q, struct reply *r, struct fault *f)
{
    return act_on(q, r, CUSTODY_RELEASE, NULL, "nobody put this device in quarantine by hand", f);
}

static enum rc reattest(struct req *q, struct reply *r, struct fault *f)
{
    return act_on(q, r, CUSTODY_REATTEST, NULL, "this device is retired", f);
}
