// SPDX-License-Identifier: Apache-2.0

#include "ingest/partition.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "ingest_sql.h"
#include "store/link.h"

#define AHEAD_HOURS 48 // the newest hour a set may hold, from now

struct partitions {
    pthread_mutex_t lock;
    int64_t known[PARTITION_TABLES][HOURS_RING]; // the hour that exists in this place, or 0
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static const struct {
    const char *parent;
    int64_t hours;
} tables[PARTITION_ALL] = {
    { "telemetry", 1 },         { "journal", 1 },
    { "telemetry_chunk", 24 },  { "telemetry_rollup", 7 * 24 },
    { "telemetry_minute", 24 },
};

const char *partition_parent(enum partition_table t)
{
    return tables[t].parent;
}

int64_t partition_span(enum partition_table t)
{
    return tables[t].hours;
}

int64_t partition_start(enum partition_table t, int64_t hour)
{
    return hour - hour % tables[t].hours;
}

static struct tm utc(int64_t hour)
{
    time_t at = (time_t)(hour * 3600);
    struct tm tm;

    (void)gmtime_r(&at, &tm);
    return tm;
}

void partition_name(enum partition_table t, int64_t hour, char out[PARTITION_LEN + 1])
{
    char text[16];
    struct tm tm = utc(hour);

    (void)strftime(text, sizeof text, "%Y%m%d%H", &tm);
    snprintf(out, PARTITION_LEN + 1, "%s_%s", tables[t].parent, text);
}

int64_t partition_hour(enum partition_table t, const char *name)
{
    size_t prefix = strlen(tables[t].parent);
    char again[PARTITION_LEN + 1];
    struct tm tm = { 0 };
    int64_t hour;

    if (strncmp(name, tables[t].parent, prefix) != 0 || name[prefix] != '_' ||
        sscanf(name + prefix + 1, "%4d%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour) != 4)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    hour = timegm(&tm) / 3600;
    partition_name(t, hour, again);
    return strcmp(again, name) == 0 ? hour : -1;
}

static void start_text(int64_t hour, char *out, size_t size)
{
    struct tm tm = utc(hour);

    (void)strftime(out, size, "%Y-%m-%d %H:00:00+00", &tm);
}

void partition_sql(enum partition_table t, int64_t hour, char *out, size_t size)
{
    char name[PARTITION_LEN + 1], from[40], to[40];

    partition_name(t, hour, name);
    start_text(hour, from, sizeof from);
    start_text(hour + tables[t].hours, to, sizeof to);
    snprintf(out, size,
             "CREATE TABLE %s (LIKE %s INCLUDING ALL) WITH (autovacuum_enabled = off);"
             "ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')",
             name, tables[t].parent, tables[t].parent, name, from, to);
}

struct partitions *partitions_new(void)
{
    struct partitions *p = calloc(1, sizeof *p);

    if (p)
        pthread_mutex_init(&p->lock, NULL);
    return p;
}

void partitions_free(struct partitions *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void remember(struct partitions *p, enum partition_table t, int64_t hour)
{
    int64_t *place = &p->known[t][(uint64_t)hour % HOURS_RING];

    // Of two hours so far apart, only the later one can still be written to.
    if (hour > *place)
        *place = hour;
}

enum rc partitions_load(struct partitions *p, struct link *l, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = link_run(l, &Q_INGEST_PARTITIONS, NULL, &r, f);

    if (rc != RC_OK)
        return rc;
    pthread_mutex_lock(&p->lock);
    memset(p->known, 0, sizeof p->known);
    for (int i = 0; i < rows_count(r); i++) {
        enum partition_table t = (enum partition_table)rows_int(r, i, "place");
        int64_t hour = partition_hour(t, rows_text(r, i, "name"));

        if (t < PARTITION_TABLES && hour > 0 && rows_bool(r, i, "attached"))
            remember(p, t, hour);
    }
    pthread_mutex_unlock(&p->lock);
    return RC_OK;
}

static enum rc ensure_hour(struct partitions *p, struct link *l, enum partition_table t,
                           int64_t hour, struct fault *f)
{
    char sql[PARTITION_SQL_LEN];
    enum rc rc;

    if (p->known[t][(uint64_t)hour % HOURS_RING] == hour)
        return RC_OK;
    partition_sql(t, hour, sql, sizeof sql);
    rc = link_exec(l, sql, f);
    if (rc == RC_OK)
        remember(p, t, hour);
    return rc;
}

enum rc partitions_ensure(struct partitions *p, struct link *l, enum partition_table t,
                          const struct hours *wanted, int64_t now_ms, struct fault *f)
{
    int64_t newest = now_ms / HOUR_MS + AHEAD_HOURS;
    enum rc rc = RC_OK;

    // Held while making one, so that two writers do not make the same.
    pthread_mutex_lock(&p->lock);
    for (int64_t hour = newest - HOURS_RING + 1; rc == RC_OK && hour <= newest; hour++) {
        uint64_t word = wanted->bits[(uint64_t)hour % HOURS_RING / 64];

        if (!word && (uint64_t)hour % 64 == 0 && hour + 63 <= newest)
            hour += 63;
        else if (hours_has(wanted, hour))
            rc = ensure_hour(p, l, t, hour, f);
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

void partitions_forget(struct partitions *p, enum partition_table t, int64_t hour)
{
    pthread_mutex_lock(&p->lock);
    if (t < PARTITION_TABLES && p->known[t][(uint64_t)hour % HOURS_RING] == hour)
        p->known[t][(uint64_t)hour % HOURS_RING] = 0;
    pthread_mutex_unlock(&p->lock);
}
