// SPDX-License-Identifier: Apache-2.0

#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "crash/intake.h"
#include "gateway/job.h"
#include "ingest/ingest.h"
#include "journal/loudness.h"

#define CLERKS      2
#define QUEUE_MAX   4096
#define KNOCKS_MAX  256  // waiting: strangers must not keep devices waiting
#define DUMPS_MAX   64   // waiting: nor must those that crash
#define TIME_MS     1000 // a signed time is good for all who ask within this
#define QUOTA_DAY_S 86400
#define QUARANTINES 4 // certificates a device and day
#define QUOTA_SLOTS 8192

// How many quarantine certificates a device had today. Slots are shared by hash: a
// clash gives a device fewer, never more.
struct quota {
    int64_t day;
    uint8_t device[16];
    uint8_t used;
};

struct clerks {
    struct clerk_options o;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t threads[CLERKS];
    int started;
    bool stopping;
    struct job *first, **last;
    uint64_t waiting, knocks, dumps; // of those, strangers'; of dumps
    char *time;                      // the last signed time
    int64_t time_at;
    struct quota quotas[QUOTA_SLOTS];
};

// ---------------------------------------------------------------- quarantine certificates

static struct quota *quota_of(struct clerks *c, const uint8_t device[16])
{
    uint32_t h;

    memcpy(&h, device, sizeof h);
    return &c->quotas[h % QUOTA_SLOTS];
}

static bool quota_left(struct clerks *c, const uint8_t device[16])
{
    struct quota *q = quota_of(c, device);
    bool left;

    pthread_mutex_lock(&c->lock);
    left = q->day != clock_now_ms() / 1000 / QUOTA_DAY_S || q->used < QUARANTINES ||
           memcmp(q->device, device, sizeof q->device) != 0;
    pthread_mutex_unlock(&c->lock);
    return left;
}

static void quota_use(struct clerks *c, const uint8_t device[16])
{
    int64_t today = clock_now_ms() / 1000 / QUOTA_DAY_S;
    struct quota *q = quota_of(c, device);

    pthread_mutex_lock(&c->lock);
    if (q->day != today || memcmp(q->device, device, sizeof q->device) != 0) {
        *q = (struct quota){ .day = today };
        memcpy(q->device, device, sizeof q->device);
    }
    q->used++;
    pthread_mutex_unlock(&c->lock);
}

// ---------------------------------------------------------------- the jobs

static struct attest_device device_of(const struct job *j)
{
    return (struct attest_device){
        .catalog = j->who.catalog,
        .catalog_name = j->who.catalog_name,
        .device = j->who.device,
        .id = j->who.id,
        .online = j->who.kind != IDENTITY_FACTORY,
        .fingerprint = j->who.kind == IDENTITY_FACTORY ? j->who.fingerprint : NULL,
        .spki = j->spki,
        .spki_len = j->spki_len,
    };
}

static char *cached_time(struct clerks *c)
{
    char *copy = NULL;

    pthread_mutex_lock(&c->lock);
    if (c->time && clock_mono_ms() - c->time_at < TIME_MS)
        copy = strdup(c->time);
    pthread_mutex_unlock(&c->lock);
    return copy;
}

static enum rc signed_time(struct clerks *c, char **out, struct fault *f)
{
    auto_free char *fresh = NULL;
    char *copy = cached_time(c);
    enum rc rc = copy ? RC_OK : keeper_time(c->o.attest.keeper, &fresh, f);

    if (rc == RC_OK && !copy) {
        copy = strdup(fresh);
        pthread_mutex_lock(&c->lock);
        free(c->time);
        c->time = take(&fresh);
        c->time_at = clock_mono_ms();
        pthread_mutex_unlock(&c->lock);
    }
    *out = copy;
    return rc == RC_OK && !copy ? fail(f, RC_INTERNAL, "out of memory") : rc;
}

static enum rc challenge(struct clerks *c, struct job *j)
{
    struct attest_device d = device_of(j);
    enum rc rc = attest_admit(&c->o.attest, &d, &j->fault);

    if (rc == RC_OK)
        rc = signed_time(c, &j->time, &j->fault);
    if (rc == RC_OK && RAND_bytes(j->nonce, sizeof j->nonce) != 1)
        rc = fail(&j->fault, RC_INTERNAL, "no random numbers");
    j->nonce_at = clock_now_ms();
    return rc;
}

static enum rc attach(struct clerks *c, struct job *j)
{
    struct ingest_who who = {
        .catalog = j->who.catalog,
        .device = j->who.device,
        .loop = j->loop,
        .session = j->session,
        .boot = j->boot,
    };
    struct loudness loudness;
    enum journal_level obeyed;
    int64_t since = 0;
    enum rc rc = attest_facts(c->o.attest.store, who.catalog, who.device, &j->facts, &j->fault);

    if (rc == RC_OK)
        rc = loudness_of(c->o.attest.store, who.catalog, who.device, &loudness, &j->fault);
    if (rc == RC_OK)
        rc = loudness_reported(c->o.attest.store, who.catalog, who.device, &obeyed, &since,
                               &j->fault);
    if (rc != RC_OK)
        return rc;
    j->level = loudness.level;
    j->loud = since != 0;
    memcpy(who.id, j->who.id, sizeof who.id);
    who.facts = j->facts;
    return ingest_attach(c->o.ingest, &who, &j->ingest, &j->last_boot, &j->last_seq, &j->fault);
}

static enum rc judge(struct clerks *c, struct job *j)
{
    struct attest_device d = device_of(j);
    struct attest_evidence e = {
        .eat = j->eat,
        .eat_len = j->eat_len,
        .csr = j->csr,
        .csr_len = j->csr_len,
        .nonce_at = j->nonce_at,
        .attester = "soft",
        .network = *j->who.network ? j->who.network : NULL,
        .may_quarantine = quota_left(c, j->who.device_id),
    };
    enum rc rc;

    memcpy(e.nonce, j->nonce, sizeof e.nonce);
    memcpy(e.exporter, j->exporter, sizeof e.exporter);
    rc = attest_evidence(&c->o.attest, &d, &e, &j->result, &j->fault);
    if (rc == RC_OK && j->result.certified && j->result.kind == CERT_QUARANTINE)
        quota_use(c, j->who.device_id);
    return rc;
}

// Whoever was claimed goes on as the device it now is.
static enum rc knock(struct clerks *c, struct job *j)
{
    enum rc rc;

    j->knock->spki = j->spki;
    j->knock->spki_len = j->spki_len;
    rc = knock_answer(&c->o.door, j->knock, &j->answer, &j->fault);
    if (rc != RC_OK || j->answer.outcome != KNOCK_CLAIMED)
        return rc;
    if (!c->o.catalog_name(c->o.ctx, j->answer.catalog, j->who.catalog_name))
        return fail(&j->fault, RC_UNAVAILABLE, "the device's catalog is not known");
    j->who.kind = IDENTITY_FACTORY;
    j->who.lifecycle = DEVICE_CLAIMED;
    j->who.catalog = j->answer.catalog;
    j->who.device = j->answer.device;
    return RC_OK;
}

static enum rc take_dump(struct clerks *c, struct job *j)
{
    intake_step(c->o.intakes, j->dump);
    return RC_OK;
}

// Lost only with the database; the next session says it again.
static enum rc keep_level(struct clerks *c, struct job *j)
{
    struct fault f = { 0 };

    (void)loudness_report(c->o.attest.store, j->who.catalog, j->who.device,
                          (enum journal_level)j->level, &f);
    return RC_OK;
}

static bool minds_the_clock(enum job_kind k)
{
    return k != JOB_ATTACH && k != JOB_DUMP && k != JOB_LEVEL;
}

static void work(struct clerks *c, struct job *j)
{
    // What is issued or judged by a wrong clock would outlive the mistake.
    if (minds_the_clock(j->kind) && !c->o.clock_is_good(c->o.ctx))
        j->rc = fail(&j->fault, RC_UNAVAILABLE, "the server's clock is not to be trusted now");
    else if (j->kind == JOB_CHALLENGE)
        j->rc = challenge(c, j);
    else if (j->kind == JOB_ATTACH)
        j->rc = attach(c, j);
    else if (j->kind == JOB_KNOCK)
        j->rc = knock(c, j);
    else if (j->kind == JOB_DUMP)
        j->rc = take_dump(c, j);
    else if (j->kind == JOB_LEVEL)
        j->rc = keep_level(c, j);
    else
        j->rc = judge(c, j);
    c->o.answer(c->o.ctx, j);
}

// ---------------------------------------------------------------- threads and queue

static struct job *next_job(struct clerks *c)
{
    struct job *j = NULL;

    pthread_mutex_lock(&c->lock);
    while (!c->first && !c->stopping)
        pthread_cond_wait(&c->wake, &c->lock);
    if (!c->stopping) {
        j = c->first;
        c->first = j->next;
        if (!c->first)
            c->last = &c->first;
        c->waiting--;
        c->knocks -= j->kind == JOB_KNOCK;
        c->dumps -= j->kind == JOB_DUMP;
    }
    pthread_mutex_unlock(&c->lock);
    return j;
}

static void *run(void *ctx)
{
    struct clerks *c = ctx;
    struct job *j;

    while ((j = next_job(c)))
        work(c, j);
    return NULL;
}

enum rc clerks_start(const struct clerk_options *o, struct clerks **out, struct fault *f)
{
    struct clerks *c = calloc(1, sizeof *c);

    if (!c)
        return fail(f, RC_INTERNAL, "out of memory");
    c->o = *o;
    c->last = &c->first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    while (c->started < CLERKS) {
        if (pthread_create(&c->threads[c->started], NULL, run, c) != 0) {
            clerks_stop(c);
            return fail(f, RC_INTERNAL, "cannot start a worker thread");
        }
        c->started++;
    }
    *out = c;
    return RC_OK;
}

void clerks_stop(struct clerks *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < c->started; i++)
        pthread_join(c->threads[i], NULL);
    while (c->first) {
        struct job *j = c->first;

        c->first = j->next;
        job_free(j);
    }
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c->time);
    free(c);
}

// Under the lock.
static bool has_room(const struct clerks *c, const struct job *j)
{
    return c->waiting < QUEUE_MAX && !c->stopping &&
           (j->kind != JOB_KNOCK || c->knocks < KNOCKS_MAX) &&
           (j->kind != JOB_DUMP || c->dumps < DUMPS_MAX);
}

bool clerks_submit(struct clerks *c, struct job *j)
{
    bool room;

    pthread_mutex_lock(&c->lock);
    room = has_room(c, j);
    if (room) {
        j->next = NULL;
        *c->last = j;
        c->last = &j->next;
        c->waiting++;
        c->knocks += j->kind == JOB_KNOCK;
        c->dumps += j->kind == JOB_DUMP;
        pthread_cond_signal(&c->wake);
    }
    pthread_mutex_unlock(&c->lock);
    return room;
}

uint64_t clerks_waiting(struct clerks *c)
{
    uint64_t n;

    pthread_mutex_lock(&c->lock);
    n = c->waiting;
    pthread_mutex_unlock(&c->lock);
    return n;
}
