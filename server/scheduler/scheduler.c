// SPDX-License-Identifier: Apache-2.0

#include "scheduler/scheduler.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/log.h"
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
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    struct planned plan[];
};

static const struct log_ctx log_as = { .area = "scheduler" };

DEFINE_AUTO(struct link *, link_freep, link_close)

static void release(struct scheduler *s)
{
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s->conninfo);
    free(s);
}

// False when it is time to stop.
static bool nap(struct scheduler *s, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    while (!s->stop && pthread_cond_timedwait(&s->wake, &s->lock, &until) == 0)
        ;
    bool go_on = !s->stop;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

static void tell_failure(void *ctx, const struct job *job, const struct fault *f, int64_t retry_ms)
{
    (void)ctx;
    log_warn(&log_as, "job '%s' failed: %s, trying again in %lld s", job->name, f->text,
             (long long)(retry_ms / 1000));
}

// While the connection lives, so does the lock on it.
static bool still_leads(struct link *l)
{
    return link_exec(l, "SELECT 1", NULL) == RC_OK && link_is_up(l);
}

static void lead(struct scheduler *s, struct link *l)
{
    int64_t wait = 0;

    log_info(&log_as, "leads, %zu jobs", s->count);
    while (nap(s, wait) && still_leads(l)) {
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
    } while (nap(s, RETRY_MS));
    return NULL;
}

static enum rc start_thread(struct scheduler *s, struct fault *f)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->lock, NULL);
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
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    release(s);
}
