// SPDX-License-Identifier: Apache-2.0

#include "job/job_api.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/bus.h"
#include "core/clock.h"
#include "core/number.h"
#include "job/runner.h"

static handler list, show, stop, resume;

#define JOBS "/api/v1/catalogs/{catalog}/jobs"

const struct route job_routes[] = {
    { "GET", JOBS, MAY_SEE_DEVICES, list, 0 },
    { "GET", JOBS "/{id}", MAY_SEE_DEVICES, show, 0 },
    { "POST", JOBS "/{id}/stop", MAY_CHANGE_DEVICES, stop, 0 },
    { "POST", JOBS "/{id}/resume", MAY_CHANGE_DEVICES, resume, 0 },
    { 0 },
};

static enum rc read_id(const struct req *q, int64_t *out, struct fault *f)
{
    return number_read(q->params[1], out) ? RC_OK
                                          : fail(f, RC_NOT_FOUND, "this catalog has no such job");
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    json_t *items = NULL;
    int64_t before = 0, next = 0;
    int limit;
    enum rc rc = req_numbered(q, &before, &limit, f);

    if (rc == RC_OK)
        rc = job_list(q->store, q->catalog, before, limit, &items, &next, f);
    return rc == RC_OK ? reply_numbered(q, r, items, next) : rc;
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    json_t *job = NULL;
    int64_t id;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = job_show(q->store, q->catalog, id, &job, f);
    return rc == RC_OK ? reply_json(r, 200, job) : rc;
}

struct news {
    struct bus_event event;
    char title[JOB_TITLE_MAX], state[12];
};

static void wake(const struct services *s, void *arg)
{
    struct news *n = arg;

    n->event.text = n->title;
    n->event.name = n->state;
    bus_publish(s->bus, &n->event);
    job_runner_wake(s->jobs);
}

static enum rc tell_later(struct req *q, json_t *job, struct fault *f)
{
    struct news *n = calloc(1, sizeof *n);

    if (!n)
        return fail(f, RC_INTERNAL, "out of memory");
    n->event = (struct bus_event){ .kind = BUS_JOB, .catalog = q->catalog, .at = clock_now_ms() };
    snprintf(n->title, sizeof n->title, "%s", json_string_value(json_object_get(job, "title")));
    snprintf(n->state, sizeof n->state, "%s", json_string_value(json_object_get(job, "state")));
    return req_after_commit(q, wake, n, f);
}

enum rc job_reply(struct req *q, struct reply *r, int status, int64_t id, struct fault *f)
{
    json_t *job = NULL;
    enum rc rc = job_show(q->store, q->catalog, id, &job, f);

    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "job %lld", (long long)id);
    snprintf(r->detail, sizeof r->detail, "%s", json_string_value(json_object_get(job, "title")));
    snprintf(r->location, sizeof r->location, "/api/v1/catalogs/%s/jobs/%lld", q->catalog_name,
             (long long)id);
    rc = tell_later(q, job, f);
    if (rc == RC_OK)
        return reply_json(r, status, job);
    json_decref(job);
    return rc;
}

static enum rc turn(struct req *q, struct reply *r,
                    enum rc (*act)(struct store *, int32_t, int64_t, struct fault *),
                    struct fault *f)
{
    uint32_t needs = 0;
    int64_t id;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = job_needs(q->store, q->catalog, id, &needs, f);
    if (rc == RC_OK && (needs & ~q->who->permissions))
        rc = fail(f, RC_DENIED, "this job does what you may not do yourself");
    if (rc == RC_OK)
        rc = act(q->store, q->catalog, id, f);
    return rc == RC_OK ? job_reply(q, r, 200, id, f) : rc;
}

static enum rc stop(struct req *q, struct reply *r, struct fault *f)
{
    return turn(q, r, job_stop, f);
}

static enum rc resume(struct req *q, struct reply *r, struct fault *f)
{
    return turn(q, r, job_resume, f);
}
