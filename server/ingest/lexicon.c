// SPDX-License-Identifier: Apache-2.0

#include "ingest/lexicon.h"

#include <stdio.h>

#include "core/auto.h"
#include "core/clock.h"
#include "ingest/engine.h"
#include "lexicon_sql.h"

#define BUILD_MS (10 * 60 * 1000) // of one hour; the machine's trouble, not ours, beyond that

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// While it is here, lexicon_stop() reaches it.
static void show(struct ingest *g, struct link *l)
{
    pthread_mutex_lock(&g->idle_lock);
    g->lexicon_link = l;
    pthread_mutex_unlock(&g->idle_lock);
}

static enum rc build(struct link *l, const char *name, bool broken, struct fault *f)
{
    char sql[200];
    enum rc rc = RC_OK;

    if (broken) {
        snprintf(sql, sizeof sql, "DROP INDEX %s_words", name);
        rc = link_exec(l, sql, f);
    }
    snprintf(sql, sizeof sql,
             "CREATE INDEX CONCURRENTLY %s_words ON %s USING gin"
             " (journal_vector(name, source, text))",
             name, name);
    return rc == RC_OK ? link_exec(l, sql, f) : rc;
}

enum rc lexicon_round(struct ingest *g, struct fault *f)
{
    auto_with(rows_freep) struct rows *due = NULL;
    struct link *l = NULL;
    char now[PARTITION_LEN + 1];
    enum rc rc = link_open(g->conninfo, "orrery ingest lexicon", BUILD_MS, &l, f);

    if (rc != RC_OK)
        return rc;
    show(g, l);
    partition_name(PARTITION_JOURNAL, clock_now_ms() / HOUR_MS, now);
    rc = link_run(l, &Q_LEXICON_DUE, (const char *[]){ now }, &due, f);
    for (int i = 0; rc == RC_OK && i < rows_count(due) && !atomic_load(&g->stopping); i++) {
        const char *name = rows_text(due, i, "name");

        if (partition_hour(PARTITION_JOURNAL, name) >= 0)
            rc = build(l, name, rows_bool(due, i, "broken"), f);
    }
    show(g, NULL);
    link_close(l);
    return atomic_load(&g->stopping) ? RC_OK : rc;
}

void lexicon_stop(struct ingest *g)
{
    pthread_mutex_lock(&g->idle_lock);
    if (g->lexicon_link)
        link_cancel(g->lexicon_link);
    pthread_mutex_unlock(&g->idle_lock);
}
