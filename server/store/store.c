// SPDX-License-Identifier: Apache-2.0

#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "queries_gen.h"
#include "store/conn.h"

#define STATEMENT_MS 5000
#define ANSWER_MS    (STATEMENT_MS + CONN_GRACE_MS)
#define PATIENT_MS   20000 // a million devices, read by a machine that has much else to do
#define FREE_WAIT_S  5
#define SOON_MS      1000 // after a failed reconnect the next ones do not wait
#define QUERIES      ((int)(sizeof all_queries / sizeof *all_queries))

struct slot {
    PGconn *pg; // NULL while broken; touched only by whoever made it busy
    bool busy;  // under the pool's lock
};

struct pool {
    char *conninfo;
    const struct query *const *queries; // prepared on every connection
    int count;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    atomic_bool up;
    _Atomic int64_t failed_at; // last failed reconnect, clock_mono_ms()
    int size;
    struct slot slots[];
};

struct store {
    struct pool *pool;
    struct slot *slot; // of a transaction; NULL for the pool itself
    int depth;         // 0 for the transaction, n for a savepoint in it
    int answer_ms;     // what it waits for an answer
};

// ---------------------------------------------------------------- connections

static enum rc prepare_results(const struct pool *p, PGconn *pg, struct fault *f)
{
    char what[100];
    PGresult *r = NULL;

    for (int i = 0; i < p->count; i++) {
        snprintf(what, sizeof what, "query '%s' does not fit the schema", p->queries[i]->name);
        enum rc rc = conn_finish(pg, ANSWER_MS, what, NULL, f);
        if (rc != RC_OK)
            return rc;
    }
    enum rc rc = conn_next(pg, ANSWER_MS, &r, f); // the sync
    PQclear(r);
    return rc;
}

// All queries in one round trip: 1.5 to 3.9 times faster than one by one.
static enum rc prepare(const struct pool *p, PGconn *pg, struct fault *f)
{
    bool sent = PQenterPipelineMode(pg);

    for (int i = 0; sent && i < p->count; i++)
        sent = PQsendPrepare(pg, p->queries[i]->name, p->queries[i]->sql, 0, NULL);
    if (!sent || !PQpipelineSync(pg))
        return fail(f, RC_UNAVAILABLE, "the database went away while preparing queries");
    enum rc rc = prepare_results(p, pg, f);
    if (rc == RC_OK && !PQexitPipelineMode(pg))
        rc = fail(f, RC_INTERNAL, "preparing queries left the connection in use");
    return rc;
}

static enum rc reopen(struct pool *p, struct slot *s, int wait_ms, struct fault *f)
{
    char options[200];
    auto_with(conn_closep) PGconn *pg = NULL;

    conn_closep(&s->pg);
    conn_options(options, sizeof options, STATEMENT_MS);
    enum rc rc = conn_open(p->conninfo, "orreryd", options, wait_ms, &pg, f);
    if (rc == RC_OK)
        rc = prepare(p, pg, f);
    if (rc == RC_OK)
        s->pg = take(&pg);
    atomic_store(&p->failed_at, rc == RC_OK ? 0 : clock_mono_ms());
    atomic_store(&p->up, rc == RC_OK);
    return rc;
}

// What whoever needs a connection now waits for one.
static int patience(const struct pool *p)
{
    int64_t failed = atomic_load(&p->failed_at);

    return failed && clock_mono_ms() - failed < SOON_MS ? 0 : CONN_WAIT_MS;
}

// A connection that broke or was left inside a transaction is not given to anybody else.
static void release(struct pool *p, struct slot *s)
{
    if (s->pg && (PQstatus(s->pg) != CONNECTION_OK || PQtransactionStatus(s->pg) != PQTRANS_IDLE))
        conn_closep(&s->pg);
    pthread_mutex_lock(&p->lock);
    s->busy = false;
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

static struct slot *free_slot(struct pool *p)
{
    for (int i = 0; i < p->size; i++)
        if (!p->slots[i].busy)
            return &p->slots[i];
    return NULL;
}

static struct slot *wait_for_slot(struct pool *p)
{
    struct timespec until;
    struct slot *s;
    int err = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += FREE_WAIT_S;
    pthread_mutex_lock(&p->lock);
    while (!(s = free_slot(p)) && err != ETIMEDOUT)
        err = pthread_cond_timedwait(&p->freed, &p->lock, &until);
    if (s)
        s->busy = true;
    pthread_mutex_unlock(&p->lock);
    return s;
}

// NULL with *rc and f set when none can be had.
static struct slot *acquire(struct pool *p, enum rc *rc, struct fault *f)
{
    struct slot *s = wait_for_slot(p);

    if (!s) {
        *rc = fail(f, RC_UNAVAILABLE, "all %d database connections are busy", p->size);
        return NULL;
    }
    *rc = s->pg && conn_is_alive(s->pg) ? RC_OK : reopen(p, s, patience(p), f);
    if (*rc == RC_OK)
        return s;
    release(p, s);
    return NULL;
}

// ---------------------------------------------------------------- the pool

static void pool_free(struct pool *p)
{
    for (int i = 0; i < p->size; i++)
        conn_closep(&p->slots[i].pg);
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    free(p->conninfo);
    free(p);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    pool_free(s->pool);
    free(s);
}

DEFINE_AUTO(struct store *, store_closep, store_close)

static struct pool *pool_new(const char *conninfo, int size)
{
    struct pool *p = calloc(1, sizeof *p + (size_t)size * sizeof p->slots[0]);
    pthread_condattr_t monotonic;

    if (!p)
        return NULL;
    p->conninfo = strdup(conninfo);
    p->size = size;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->freed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return p;
}

enum rc store_open_with(const char *conninfo, int size, const struct query *const *list, int count,
                        struct store **out, struct fault *f)
{
    struct store *fresh = calloc(1, sizeof *fresh);

    if (!fresh || !(fresh->pool = pool_new(conninfo, size))) {
        free(fresh);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    auto_with(store_closep) struct store *s = fresh;
    s->answer_ms = ANSWER_MS;
    if (!s->pool->conninfo)
        return fail(f, RC_INTERNAL, "out of memory");
    s->pool->queries = list;
    s->pool->count = count;
    for (int i = 0; i < size; i++) {
        enum rc rc = reopen(s->pool, &s->pool->slots[i], CONN_START_MS, f);
        if (rc != RC_OK)
            return rc;
    }
    *out = take(&s);
    return RC_OK;
}

enum rc store_open(const char *conninfo, int size, struct store **out, struct fault *f)
{
    return store_open_with(conninfo, size, all_queries, QUERIES, out, f);
}

bool store_is_up(const struct store *s)
{
    return atomic_load(&s->pool->up);
}

// ---------------------------------------------------------------- queries

// Ends the connection unless what was asked of it has been answered in full.
static enum rc settle(struct pool *p, struct slot *s, enum rc rc)
{
    PGTransactionStatusType t = PQtransactionStatus(s->pg);

    if (t == PQTRANS_ACTIVE || t == PQTRANS_UNKNOWN)
        conn_closep(&s->pg);
    atomic_store(&p->up, s->pg != NULL);
    return rc;
}

static enum rc run(struct store *st, struct slot *s, const struct query *q, const char *const *args,
                   struct rows **out, struct fault *f)
{
    struct pool *p = st->pool;
    PGresult *r = NULL;
    char what[80];

    if (!s->pg)
        return fail(f, RC_UNAVAILABLE, "the transaction's connection was lost");
    snprintf(what, sizeof what, "query '%s'", q->name);
    if (!conn_send(s->pg, q, args))
        return settle(p, s, conn_judge(s->pg, NULL, what, f));
    enum rc rc = conn_finish(s->pg, st->answer_ms, what, &r, f);
    if (rc == RC_OK && out)
        *out = rows_of(r);
    else
        PQclear(r);
    return settle(p, s, rc);
}

enum rc store_run(struct store *s, const struct query *q, const char *const *args,
                  struct rows **out, struct fault *f)
{
    enum rc rc;

    if (s->slot)
        return run(s, s->slot, q, args, out, f);
    struct slot *slot = acquire(s->pool, &rc, f);
    if (!slot)
        return rc;
    rc = run(s, slot, q, args, out, f);
    release(s->pool, slot);
    return rc;
}

// ---------------------------------------------------------------- transactions

static enum rc say(struct store *tx, const char *sql, struct fault *f)
{
    if (!tx->slot->pg)
        return fail(f, RC_UNAVAILABLE, "the transaction's connection was lost");
    return settle(tx->pool, tx->slot, conn_exec(tx->slot->pg, sql, tx->answer_ms, f));
}

// Inside a transaction, another one is a savepoint of it.
static enum rc begin_nested(struct store *tx, struct fault *f)
{
    char sql[40];

    if (!tx->depth)
        return say(tx, "BEGIN", f);
    snprintf(sql, sizeof sql, "SAVEPOINT s%d", tx->depth);
    return say(tx, sql, f);
}

static void end(struct store *tx)
{
    if (!tx->depth)
        release(tx->pool, tx->slot);
    free(tx);
}

enum rc store_begin(struct store *s, struct store **out, struct fault *f)
{
    struct store *tx = calloc(1, sizeof *tx);
    enum rc rc;

    if (!tx)
        return fail(f, RC_INTERNAL, "out of memory");
    tx->pool = s->pool;
    tx->depth = s->slot ? s->depth + 1 : 0;
    tx->answer_ms = s->answer_ms;
    tx->slot = s->slot ? s->slot : acquire(s->pool, &rc, f);
    if (!tx->slot) {
        free(tx);
        return rc;
    }
    rc = begin_nested(tx, f);
    if (rc == RC_OK)
        *out = tx;
    else
        end(tx);
    return rc;
}

enum rc store_patient(struct store *tx, struct fault *f)
{
    char sql[60];

    tx->answer_ms = PATIENT_MS + CONN_GRACE_MS;
    snprintf(sql, sizeof sql, "SET LOCAL statement_timeout = %d", PATIENT_MS);
    return say(tx, sql, f);
}

static void undo(struct store *tx)
{
    char sql[80] = "ROLLBACK";

    if (tx->depth)
        snprintf(sql, sizeof sql, "ROLLBACK TO SAVEPOINT s%d; RELEASE SAVEPOINT s%d", tx->depth,
                 tx->depth);
    say(tx, sql, NULL);
}

// COMMIT of a failed transaction is answered by "ROLLBACK", without an error: look before.
static enum rc commit(struct store *tx, struct fault *f)
{
    char sql[40] = "COMMIT";

    if (tx->slot->pg && PQtransactionStatus(tx->slot->pg) != PQTRANS_INTRANS) {
        undo(tx);
        return fail(f, RC_INTERNAL, "one of the transaction's queries had failed");
    }
    if (tx->depth)
        snprintf(sql, sizeof sql, "RELEASE SAVEPOINT s%d", tx->depth);
    return say(tx, sql, f);
}

enum rc store_commit(struct store *tx, struct fault *f)
{
    enum rc rc = commit(tx, f);

    end(tx);
    return rc;
}

void store_rollback(struct store *tx)
{
    if (!tx)
        return;
    undo(tx);
    end(tx);
}
