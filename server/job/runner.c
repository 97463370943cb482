// SPDX-License-Identifier: Apache-2.0

#include "job/runner.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/nap.h"
#include "job_sql.h"
#include "store/arg.h"
#include "store/link.h"
#include "store/store.h"

#define LOCK_SPACE 0x0e4e4d1e // as the scheduler's leader
#define LOCK_KEY   2
#define LOCK_MS    500
#define LINK_MS    5000
#define IDLE_MS    2000 // between looks at the table, and attempts to become the one who works
#define RETRY_MS   1000
#define SLICE_MS   10000 // of one catalog before the next has its turn
#define ATTEMPTS   3

struct job_runner {
    char *conninfo;
    struct store *pool;
    struct job_services services;
    pthread_t thread;
    struct nap nap;
    bool running;
    int64_t last;    // catalog that had the latest slice
    int64_t failing; // job whose last chunk failed, and how often
    int failures;
};

// A job in hand.
struct hand {
    int64_t id, position;
    int32_t catalog;
    const struct job_kind *kind;
    char title[JOB_TITLE_MAX];
    json_t *request;
    void *state;
};

static const struct log_ctx log_as = { .area = "job" };

DEFINE_AUTO(struct link *, link_freep, link_close)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, rollbackp, store_rollback)

static void hand_done(struct hand *h)
{
    if (h->state)
        h->kind->close(h->state);
    json_decref(h->request);
}

// ---------------------------------------------------------------- a chunk

static enum rc write_audit(struct store *tx, const struct hand *h, const struct job_chunk *c,
                           const struct rows *job, struct fault *f)
{
    char object[40], detail[JOB_TITLE_MAX + 120];
    const struct audit_entry e = {
        .chain = h->catalog,
        .account = rows_int(job, 0, "account"),
        .actor = rows_text(job, 0, "actor"),
        .action = h->kind->action,
        .object = object,
        .count = c->changed,
        .outcome = "ok",
        .detail = detail,
    };

    if (c->changed == 0)
        return RC_OK;
    snprintf(object, sizeof object, "job %lld", (long long)h->id);
    snprintf(detail, sizeof detail, "%s; %lld to %lld: changed %lld, unchanged %lld, refused %lld",
             rows_text(job, 0, "title"), (long long)c->position + 1,
             (long long)c->position + (long long)c->count, (long long)c->changed,
             (long long)c->unchanged, (long long)c->refused);
    return audit_append(tx, &e, f);
}

static enum rc write_step(struct store *tx, const struct job_chunk *c, bool *done, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_free char *problems = json_dumps(c->problems, JSON_COMPACT);
    const char *args[] = {
        ARG_INT(c->catalog),   ARG_INT(c->id),      ARG_INT(c->count), ARG_INT(c->changed),
        ARG_INT(c->unchanged), ARG_INT(c->refused), problems,
    };

    if (!problems)
        return fail(f, RC_INTERNAL, "out of memory");
    enum rc rc = store_run(tx, &Q_JOB_STEP, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    *done = strcmp(rows_text(rows, 0, "state"), "done") == 0;
    if (*done)
        rc = store_run(tx, &Q_JOB_TARGETS_DROP, (const char *[]){ ARG_INT(c->id) }, NULL, f);
    return rc;
}

// The job as it stands, locked until tx ends. *out stays NULL where it is not to go on.
static enum rc take_job(struct hand *h, struct store *tx, struct rows **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *job = NULL;
    const char *args[] = { ARG_INT(h->catalog), ARG_INT(h->id) };
    enum rc rc = store_run(tx, &Q_JOB_TAKE, args, &job, f);

    if (rc != RC_OK || rows_count(job) == 0)
        return rc;
    if (rows_int(job, 0, "position") != h->position)
        return fail(f, RC_CONFLICT, "somebody else does this job too");
    *out = take(&job);
    return RC_OK;
}

static enum rc do_chunk(struct hand *h, struct store *tx, struct job_chunk *c, bool *more,
                        struct fault *f)
{
    auto_with(rows_freep) struct rows *job = NULL;
    bool done = false;
    enum rc rc = take_job(h, tx, &job, f);

    *more = job != NULL;
    if (!job)
        return rc;
    rc = h->kind->step(h->state, tx, c, f);
    if (rc == RC_OK)
        rc = write_step(tx, c, &done, f);
    if (rc == RC_OK)
        rc = write_audit(tx, h, c, job, f);
    *more = !done;
    return rc;
}

static void tell(struct job_runner *r, const struct hand *h, const struct job_chunk *c, bool more)
{
    const struct bus_event e = {
        .kind = BUS_JOB,
        .catalog = h->catalog,
        .at = clock_now_ms(),
        .name = more ? "running" : "done",
        .text = h->title,
    };

    if (c->tell)
        c->tell(&r->services, c->arg);
    bus_publish(r->services.bus, &e);
}

static enum rc one_chunk(struct job_runner *r, struct hand *h, bool *more, struct fault *f)
{
    auto_with(rollbackp) struct store *tx = NULL;
    json_auto_t *problems = json_array();
    struct job_chunk c = {
        .id = h->id, .catalog = h->catalog, .position = h->position, .problems = problems
    };
    enum rc rc = store_begin(r->pool, &tx, f);

    if (rc == RC_OK)
        rc = do_chunk(h, tx, &c, more, f);
    if (rc == RC_OK)
        rc = store_commit(take(&tx), f);
    if (rc == RC_OK) {
        h->position += c.count;
        tell(r, h, &c, *more);
    }
    free(c.arg);
    return rc;
}

// ---------------------------------------------------------------- a job

static enum rc slice(struct job_runner *r, struct hand *h, struct fault *f)
{
    bool more = true;
    enum rc rc = h->kind->open(r->pool, h->catalog, h->request, h->position, &h->state, f);
    int64_t until =
        clock_mono_ms() + SLICE_MS; // from here: opening may take long, but it must go on

    if (rc == RC_OK)
        rc = one_chunk(r, h, &more, f);
    while (rc == RC_OK && more && !nap_is_stopped(&r->nap) && clock_mono_ms() < until)
        rc = one_chunk(r, h, &more, f);
    return rc;
}

static void note_failure(struct job_runner *r, const struct hand *h, enum rc rc,
                         const struct fault *f)
{
    const char *args[] = { ARG_INT(h->catalog), ARG_INT(h->id), f->text };

    log_warn(&log_as, "a chunk of job %lld failed: %s, trying again", (long long)h->id, f->text);
    if (rc == RC_UNAVAILABLE)
        return;
    r->failures = r->failing == h->id ? r->failures + 1 : 1;
    r->failing = h->id;
    if (r->failures < ATTEMPTS)
        return;
    log_error(&log_as, "job %lld is given up: %s", (long long)h->id, f->text);
    r->failing = 0;
    store_run(r->pool, &Q_JOB_FAIL, args, NULL, NULL);
}

static enum rc next_job(struct job_runner *r, struct hand *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(r->pool, &Q_JOB_NEXT, (const char *[]){ ARG_INT(r->last) }, &rows, f);

    if (rc != RC_OK || rows_count(rows) == 0)
        return rc;
    out->id = rows_int(rows, 0, "id");
    r->last = rows_int(rows, 0, "catalog");
    out->catalog = (int32_t)r->last;
    out->position = rows_int(rows, 0, "position");
    snprintf(out->title, sizeof out->title, "%s", rows_text(rows, 0, "title"));
    out->kind = job_kind_named(rows_text(rows, 0, "kind"));
    out->request = json_loads(rows_text(rows, 0, "request"), 0, NULL);
    return out->kind && out->request
               ? RC_OK
               : fail(f, RC_INTERNAL, "the request of job %lld cannot be read", (long long)out->id);
}

// One turn; returns how long to wait before the next.
static int64_t turn(struct job_runner *r)
{
    auto_with(hand_done) struct hand h = { 0 };
    struct fault f = { 0 };
    enum rc rc = next_job(r, &h, &f);

    if (rc == RC_OK && h.id == 0)
        return IDLE_MS;
    if (rc == RC_OK)
        rc = slice(r, &h, &f);
    if (rc == RC_OK)
        return 0;
    note_failure(r, &h, rc, &f);
    return RETRY_MS;
}

// ---------------------------------------------------------------- the thread

static void *work(void *arg)
{
    struct job_runner *r = arg;

    do {
        auto_with(link_freep) struct link *l = NULL;
        struct fault f = { 0 };
        int64_t wait = 0;
        enum rc rc = link_open(r->conninfo, "orrery jobs", LINK_MS, &l, &f);

        if (rc == RC_OK)
            rc = link_lock(l, LOCK_SPACE, LOCK_KEY, LOCK_MS, &f);
        while (rc == RC_OK && nap_take(&r->nap, wait) && link_answers(l))
            wait = turn(r);
    } while (nap_take(&r->nap, IDLE_MS));
    return NULL;
}

enum rc job_runner_new(const char *conninfo, struct store *pool, const struct job_services *s,
                       struct job_runner **out, struct fault *f)
{
    struct job_runner *r = calloc(1, sizeof *r);

    if (!r || !(r->conninfo = strdup(conninfo))) {
        free(r);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    r->pool = pool;
    r->services = *s;
    nap_init(&r->nap);
    *out = r;
    return RC_OK;
}

enum rc job_runner_start(struct job_runner *r, struct fault *f)
{
    r->running = pthread_create(&r->thread, NULL, work, r) == 0;
    return r->running ? RC_OK : fail(f, RC_INTERNAL, "no thread for the jobs");
}

void job_runner_wake(struct job_runner *r)
{
    if (r)
        nap_wake(&r->nap);
}

void job_runner_stop(struct job_runner *r)
{
    if (!r || !r->running)
        return;
    nap_stop(&r->nap);
    pthread_join(r->thread, NULL);
    r->running = false;
}

void job_runner_free(struct job_runner *r)
{
    if (!r)
        return;
    nap_done(&r->nap);
    free(r->conninfo);
    free(r);
}
