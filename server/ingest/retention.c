// SPDX-License-Identifier: Apache-2.0
//
// One thread: makes partitions ahead of time, drops those, of packed hours too, that no catalog
// wants any more, deletes what a catalog with shorter retention does not want in those that stay,
// and measures.
//
// DETACH CONCURRENTLY waits for readers without stopping writers, but outside a transaction: cut
// short, it leaves a partition half detached (pending) or detached and not dropped (loose). Both
// are finished by the next round, whichever server makes it.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/auto.h"
#include "core/clock.h"
#include "ingest/engine.h"
#include "ingest/lexicon.h"
#include "ingest_sql.h"

#define ROUND_MS    60000
#define ROUNDS      10 // ahead each round, retention each tenth
#define FIRST_MS    20000
#define AHEAD_HOURS 3
#define TIMEOUT_MS  4000 // a stopping server waits for no reader
#define TRIM_ROWS   10000
#define TRIM_PAUSE  20

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

enum rc retention_ahead(struct ingest *g, struct link *l, struct fault *f)
{
    int64_t now = clock_now_ms();
    struct hours wanted = { 0 };
    enum rc rc = RC_OK;

    for (int i = 0; i <= AHEAD_HOURS; i++)
        hours_add(&wanted, now / HOUR_MS + i);
    for (int t = 0; rc == RC_OK && t < PARTITION_TABLES; t++)
        rc = partitions_ensure(g->partitions, l, (enum partition_table)t, &wanted, now, f);
    return rc;
}

static const char *hours_column(enum partition_table t)
{
    static const char *const columns[PARTITION_ALL] = { "telemetry_hours", "journal_hours",
                                                        "telemetry_hours", "rollup_hours",
                                                        "minute_hours" };

    return columns[t];
}

static int64_t longest(const struct rows *catalogs, enum partition_table t)
{
    int64_t max = 0;

    for (int i = 0; i < rows_count(catalogs); i++) {
        int64_t hours = rows_int(catalogs, i, hours_column(t));

        max = hours > max ? hours : max;
    }
    return max;
}

// From now on nothing older is taken; what is in a batch already still comes.
static void set_floors(struct ingest *g, const struct rows *catalogs, int64_t now_hour)
{
    for (int t = 0; t < PARTITION_ALL; t++) {
        int64_t hours = longest(catalogs, (enum partition_table)t);

        atomic_store(&g->floor[t], hours ? (now_hour - hours) * HOUR_MS : 0);
    }
}

static bool batches_need(const struct batch *b, enum partition_table t, int64_t hour)
{
    for (; b; b = b->next) {
        if (hours_has(&b->hours[t], hour))
            return true;
    }
    return false;
}

static bool is_needed(struct ingest *g, enum partition_table t, int64_t hour)
{
    bool needed = false;

    for (int i = 0; t < PARTITION_TABLES && !needed && i < g->shard_count; i++) {
        struct shard *h = &g->shards[i];

        pthread_mutex_lock(&h->lock);
        needed = batches_need(h->head, t, hour) || (h->busy && hours_has(&h->busy->hours[t], hour));
        pthread_mutex_unlock(&h->lock);
    }
    return needed;
}

enum fate {
    FATE_STAYS,
    FATE_DETACH,
    FATE_FINALIZE,
    FATE_DROP,
};

static enum rc carry_out(struct link *l, enum partition_table t, const char *name, enum fate fate,
                         struct fault *f)
{
    char sql[160];
    enum rc rc = RC_OK;

    if (fate != FATE_DROP) {
        snprintf(sql, sizeof sql, "ALTER TABLE %s DETACH PARTITION %s %s", partition_parent(t),
                 name, fate == FATE_FINALIZE ? "FINALIZE" : "CONCURRENTLY");
        rc = link_exec(l, sql, f);
    }
    snprintf(sql, sizeof sql, "DROP TABLE %s", name);
    return rc == RC_OK ? link_exec(l, sql, f) : rc;
}

static enum fate fate_of(struct ingest *g, const struct rows *parts, int i, enum partition_table t,
                         int64_t hour)
{
    if (rows_bool(parts, i, "pending"))
        return FATE_FINALIZE;
    if (!rows_bool(parts, i, "attached"))
        return FATE_DROP;
    if ((hour + partition_span(t)) * HOUR_MS > atomic_load(&g->floor[t]) || is_needed(g, t, hour))
        return FATE_STAYS;
    return FATE_DETACH;
}

// What one catalog does not want of a partition that another does.
static enum rc trim(struct ingest *g, struct link *l, const char *name, const char *catalog,
                    struct fault *f)
{
    char most[16];
    int64_t gone = TRIM_ROWS;
    enum rc rc = RC_OK;

    snprintf(most, sizeof most, "%d", TRIM_ROWS);
    while (rc == RC_OK && gone == TRIM_ROWS) {
        auto_with(rows_freep) struct rows *r = NULL;

        rc = link_run(l, &Q_INGEST_TRIM, (const char *[]){ name, catalog, most }, &r, f);
        gone = rc == RC_OK ? rows_int(r, 0, "gone") : 0;
        if (gone == TRIM_ROWS && !idle_wait(g, TRIM_PAUSE))
            return RC_OK;
    }
    return rc;
}

static enum rc trim_all(struct ingest *g, struct link *l, const struct rows *catalogs,
                        enum partition_table t, const char *name, int64_t age, struct fault *f)
{
    enum rc rc = RC_OK;

    for (int i = 0; rc == RC_OK && i < rows_count(catalogs); i++) {
        if (rows_int(catalogs, i, hours_column(t)) <= age)
            rc = trim(g, l, name, rows_text(catalogs, i, "id"), f);
    }
    return rc;
}

// While an hour is written to, autovacuum would read it again and again beside the writers. Takes
// no lock that a reader or writer waits for.
static enum rc let_vacuum(struct link *l, const char *name, struct fault *f)
{
    char sql[100];

    snprintf(sql, sizeof sql, "ALTER TABLE %s RESET (autovacuum_enabled)", name);
    return link_exec(l, sql, f);
}

struct round {
    struct ingest *g;
    struct link *link;
    const struct rows *catalogs, *parts;
    int64_t now_hour;
    int64_t bytes, hour_bytes;
    int64_t held[PARTITION_ALL], rate[PARTITION_ALL]; // bytes; an hour's, of the last whole one
};

static void measure(struct round *r, enum partition_table t, int64_t hour, int64_t bytes)
{
    r->bytes += bytes;
    r->held[t] += bytes;
    if (t < PARTITION_TABLES && hour == r->now_hour - 1)
        r->hour_bytes += bytes;
    if (t < PARTITION_TABLES ? hour == r->now_hour - 1 : hour + partition_span(t) <= r->now_hour)
        r->rate[t] = bytes / partition_span(t);
}

// Where retention will hold it. Rows that are packed in time stay as many as they are; until the
// first whole day is packed, they are counted as if they were not.
static int64_t forecast(const struct round *r)
{
    int64_t sum = 0;

    for (int t = 0; t < PARTITION_ALL; t++) {
        if (t == PARTITION_TELEMETRY && r->rate[PARTITION_CHUNK])
            sum += r->held[t];
        else
            sum += r->rate[t] * longest(r->catalogs, (enum partition_table)t);
    }
    return sum > r->bytes ? sum : r->bytes;
}

static enum rc care_for(struct round *r, int i, struct fault *f)
{
    enum partition_table t = (enum partition_table)rows_int(r->parts, i, "place");
    const char *name = rows_text(r->parts, i, "name");
    int64_t hour = partition_hour(t, name), bytes = rows_int(r->parts, i, "bytes");
    enum fate fate;
    enum rc rc = RC_OK;

    if (hour < 0)
        return RC_OK;
    fate = fate_of(r->g, r->parts, i, t, hour);
    if (fate != FATE_STAYS) {
        partitions_forget(r->g->partitions, t, hour);
        return carry_out(r->link, t, name, fate, f);
    }
    measure(r, t, hour, bytes);
    if (hour < r->now_hour && rows_bool(r->parts, i, "unvacuumed"))
        rc = let_vacuum(r->link, name, f);
    // Wholly older than age hours means: its end is.
    return rc == RC_OK ? trim_all(r->g, r->link, r->catalogs, t, name,
                                  r->now_hour - hour - partition_span(t), f)
                       : rc;
}

enum rc retention_run(struct ingest *g, struct link *l, struct fault *f)
{
    auto_with(rows_freep) struct rows *catalogs = NULL;
    auto_with(rows_freep) struct rows *parts = NULL;
    struct round r = { .g = g, .link = l, .now_hour = clock_now_ms() / HOUR_MS };
    enum rc rc = link_run(l, &Q_INGEST_RETENTION, NULL, &catalogs, f);

    if (rc != RC_OK)
        return rc;
    set_floors(g, catalogs, r.now_hour);
    rc = link_run(l, &Q_INGEST_PARTITIONS, NULL, &parts, f);
    r.catalogs = catalogs;
    r.parts = parts;
    for (int i = 0; rc == RC_OK && i < rows_count(parts) && !atomic_load(&g->stopping); i++)
        rc = care_for(&r, i, f);
    if (rc != RC_OK)
        return rc;
    atomic_store(&g->disk_bytes, r.bytes);
    atomic_store(&g->disk_bytes_per_hour, r.hour_bytes);
    atomic_store(&g->disk_forecast_bytes, forecast(&r));
    return RC_OK;
}

static enum rc round_of(struct ingest *g, struct link **l, int number, struct fault *f)
{
    enum rc rc = RC_OK;

    if (*l && !link_is_up(*l)) {
        link_close(*l);
        *l = NULL;
    }
    if (!*l)
        rc = link_open(g->conninfo, "orrery ingest retention", TIMEOUT_MS, l, f);
    if (rc == RC_OK)
        rc = retention_ahead(g, *l, f);
    if (rc == RC_OK && number % ROUNDS == 0)
        rc = retention_run(g, *l, f);
    return rc == RC_OK ? lexicon_round(g, f) : rc;
}

void *retention_main(void *ingest)
{
    struct ingest *g = ingest;
    struct link *l = NULL;
    bool troubled = false;
    int64_t wait = FIRST_MS;

    for (int number = 0; idle_wait(g, wait); wait = ROUND_MS) {
        struct fault f = { 0 };
        enum rc rc = round_of(g, &l, number, &f);

        if (rc == RC_OK)
            number++;
        if (rc != RC_OK && !troubled)
            log_warn(&ingest_log, "partitions cannot be cared for: %s, retrying each minute",
                     f.text);
        troubled = rc != RC_OK;
    }
    link_close(l);
    return NULL;
}
