// SPDX-License-Identifier: Apache-2.0

#include "scheduler/scheduler.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/log.h"
#include "core/nap.h"
#include "store/link.h"

#define LOCK_SPACE 0x0e4e4d1e // of the leader; ingest's shards have another
#define LOCK_KEY   1
#define LOCK_MS    500
#define RETRY_MS   2000 // between attempts to become the leader
#define WATCH_MS   2000 // between looks at the connection that holds the lock
#define LINK_MS    5000

struct scheduler {
    char *conninfo;
    struct scheduler_options options;
    void *ctx; // of the jobs
    size_t count;
    pthread_t thread;
    struct nap nap;
    struct planned plan[];
};

static const struct log_ctx log_as = { .area = "scheduler" };

DEFINE_AUTO(struct link *, link_freep, link_close)

static void release(struct scheduler *s)
{
    nap_done(&s->nap);
    free(s->conninfo);
    free(s);
}

static void tell_failure(void *ctx, const struct job *job, const struct fault *f, int64_t retry_ms)
{
    (void)ctx;
    log_warn(&log_as, "job '%s' failed: %s, trying again in %lld s", job->name, f->text,
             (long long)(retry_ms / 1000));
}

static void lead(struct scheduler *s, struct link *l)
{
    int64_t wait = 0;

    log_info(&log_as, "leads, %zu jobs", s->count);
    while (nap_take(&s->nap, wait) && link_answers(l)) {
        wait = plan_turn(s->plan, s->count, s->ctx, tell_failure);
        if (wait > WATCH_MS)
            wait = WATCH_MS;
    }
}

static void *work(void *arg)
{
    struct scheduler *s = arg;
    bool waiting = false;

    do {
        auto_with(link_freep) struct link *l = NULL;
        struct fault f = { 0 };
        enum rc rc = link_open(s->conninfo, "orrery scheduler", LINK_MS, &l, &f);

        if (rc == RC_OK)
            rc = link_lock(l, LOCK_SPACE, LOCK_KEY, LOCK_MS, &f);
        if (rc == RC_OK)
            lead(s, l);
        else if (!waiting && rc == RC_CONFLICT)
            log_info(&log_as, "another server leads, waiting for its turn");
        waiting = rc == RC_CONFLICT;
    } while (nap_take(&s->nap, RETRY_MS));
    return NULL;
}

static enum rc start_thread(struct scheduler *s, struct fault *f)
{
    nap_init(&s->nap);
    if (pthread_create(&s->thread, NULL, work, s) == 0)
        return RC_OK;
    release(s);
    return fail(f, RC_INTERNAL, "no thread for the scheduler");
}

static enum rc make(const char *conninfo, const struct job *jobs, size_t count,
                    struct scheduler **out, struct fault *f)
{
    struct scheduler *s = calloc(1, sizeof *s + count * sizeof s->plan[0]);

    if (!s || !(s->conninfo = strdup(conninfo))) {
        free(s);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    s->count = count;
    plan_start(s->plan, jobs, count);
    *out = s;
    return RC_OK;
}

enum rc scheduler_start_with(const char *conninfo, const struct job *jobs, size_t count, void *ctx,
                             struct scheduler **out, struct fault *f)
{
    struct scheduler *s = NULL;
    enum rc rc = make(conninfo, jobs, count, &s, f);

    if (rc != RC_OK)
        return rc;
    s->ctx = ctx;
    rc = start_thread(s, f);
    if (rc == RC_OK)
        *out = s;
    return rc;
}

enum rc scheduler_start(const struct scheduler_options *o, struct scheduler **out, struct fault *f)
{
    struct scheduler *s = NULL;
    enum rc rc = make(o->conninfo, scheduler_jobs, scheduler_job_count, &s, f);

    if (rc != RC_OK)
        return rc;
    s->options = *o;
    s->ctx = &s->options;
    rc = start_thread(s, f);
    if (rc == RC_OK)
        *out = s;
    return rc;
}

void scheduler_stop(struct scheduler *s)
{
    if (!s)
        return;
    nap_stop(&s->nap);
    pthread_join(s->thread, NULL);
    release(s);
}
