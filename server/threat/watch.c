// SPDX-License-Identifier: Apache-2.0

#include "threat/watch.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/log.h"
#include "core/nap.h"
#include "store/store.h"
#include "threat_sql.h"

#define MIB        (1024 * 1024LL)
#define GIB        (1024 * MIB)
#define DISK_LOW   (1 * GIB)
#define DISK_SHARE 20 // a twentieth, where that is
#define DISK_MOST  (20 * GIB)
#define LAG_MAX_S  30
#define CERT_MS    (14 * 86400000LL)
#define AWAY_LOOKS 2   // what one look misses is a hiccup
#define AWAY_S     900 // so long an absence of the database is shown
#define AGAIN_MS   3600000

static const struct log_ctx area = { .area = "watch" };

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, rollbackp, store_rollback)

// ---------------------------------------------------------------- what is ill

// True, and the figures in evidence, where something is wrong.
typedef bool check(const struct watch_facts *f, int64_t now, json_t *evidence);

static bool disk_is_full(const struct watch_facts *f, int64_t now, json_t *evidence)
{
    int64_t share = f->disk_total / DISK_SHARE;
    int64_t low = share < DISK_MOST ? share : DISK_MOST;

    (void)now;
    add_int(evidence, "freeBytes", f->disk_free);
    add_int(evidence, "totalBytes", f->disk_total);
    return f->disk_total > 0 && f->disk_free < (low > DISK_LOW ? low : DISK_LOW);
}

static bool disk_will_fill(const struct watch_facts *f, int64_t now, json_t *evidence)
{
    (void)now;
    add_int(evidence, "freeBytes", f->disk_free);
    add_int(evidence, "dataBytes", f->data);
    add_int(evidence, "forecastBytes", f->data_forecast);
    return f->disk_total > 0 && f->data_forecast - f->data > f->disk_free;
}

static bool keeper_is_gone(const struct watch_facts *f, int64_t now, json_t *evidence)
{
    (void)now;
    (void)evidence;
    return !f->keeper;
}

static bool ingest_lags(const struct watch_facts *f, int64_t now, json_t *evidence)
{
    (void)now;
    add_real(evidence, "lagSeconds", f->lag_s);
    return !f->ingest || f->lag_s > LAG_MAX_S;
}

static bool certificate_ends(const struct watch_facts *f, int64_t now, json_t *evidence)
{
    add_text(evidence, "certificate", f->cert);
    add_time(evidence, "until", f->cert_until);
    return f->cert_until > 0 && f->cert_until - now < CERT_MS;
}

static bool partitions_are_missing(const struct watch_facts *f, int64_t now, json_t *evidence)
{
    (void)now;
    add_int(evidence, "hoursAhead", f->hours_ahead);
    return f->hours_ahead == 0;
}

static const struct {
    const char *key, *code;
    enum alert_severity severity;
    int streak; // looks in a row
    check *run;
    const char *title;
} checks[] = {
    { "system:disk", "disk", ALERT_HIGH, 1, disk_is_full, "The server's disk is nearly full" },
    { "system:forecast", "disk", ALERT_MEDIUM, 30, disk_will_fill,
      "The server's disk will be full before retention holds the data" },
    { "system:keeper", "keeper", ALERT_CRITICAL, 3, keeper_is_gone,
      "The keeper of the keys does not answer: no certificates are issued" },
    { "system:ingest", "ingest", ALERT_HIGH, 3, ingest_lags,
      "Readings and logs are not stored in time" },
    { "system:certificate", "certificate", ALERT_HIGH, 1, certificate_ends,
      "A certificate of this server ends soon" },
    { "system:partitions", "partitions", ALERT_HIGH, 6, partitions_are_missing,
      "There is no partition for the next hour's data" },
};

#define CHECKS (sizeof checks / sizeof *checks)

void watch_words(const struct watch_facts *f, int64_t now_ms, char *out, size_t size)
{
    size_t len = 0;

    *out = '\0';
    for (size_t i = 0; i < CHECKS && len < size; i++) {
        json_auto_t *evidence = json_object();

        if (checks[i].run(f, now_ms, evidence))
            len += (size_t)snprintf(out + len, size - len, "%s%s", len ? " " : "",
                                    strchr(checks[i].key, ':') + 1);
    }
}

// ---------------------------------------------------------------- saying so

struct ill {
    int streak;
    bool raised, known; // known: whether it is raised was written once
    int64_t raised_at;
};

struct watch {
    struct watch_options o;
    pthread_t thread;
    struct nap nap;
    struct ill ills[CHECKS];
    int away_looks; // 0: the database is here
    int64_t away_since;
};

static enum rc home(struct store *tx, int32_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(tx, &Q_THREAT_HOME, NULL, &r, f);

    if (rc == RC_OK)
        *out = (int32_t)rows_int(r, 0, "catalog");
    return rc;
}

static enum rc raise_one(struct watch *w, const struct alert_cause *cause, json_t *evidence)
{
    auto_with(rollbackp) struct store *tx = NULL;
    auto_free char *text = json_dumps(evidence, JSON_COMPACT);
    const struct alert_hit hit = { .at = clock_now_ms(), .evidence = text };
    struct alert_cause c = *cause;
    struct fault f = { 0 };
    enum rc rc = store_begin(w->o.store, &tx, &f);

    c.source = "system";
    if (rc == RC_OK)
        rc = home(tx, &c.catalog, &f);
    if (rc == RC_OK)
        rc = alert_raise(tx, &c, &hit, 1, &f);
    if (rc == RC_OK)
        rc = store_commit(take(&tx), &f);
    if (rc != RC_OK && rc != RC_UNAVAILABLE)
        log_warn(&area, "cannot raise %s: %s", c.key, f.text);
    return rc;
}

static enum rc clear_one(struct watch *w, const char *key)
{
    auto_with(rollbackp) struct store *tx = NULL;
    struct fault f = { 0 };
    int32_t catalog = 0;
    enum rc rc = store_begin(w->o.store, &tx, &f);

    if (rc == RC_OK)
        rc = home(tx, &catalog, &f);
    if (rc == RC_OK)
        rc = alert_clear(tx, catalog, key, NULL, 0, clock_now_ms(), &f);
    if (rc == RC_OK)
        rc = store_commit(take(&tx), &f);
    if (rc != RC_OK && rc != RC_UNAVAILABLE)
        log_warn(&area, "cannot clear %s: %s", key, f.text);
    return rc;
}

static void is_ill(struct watch *w, size_t i, json_t *evidence)
{
    struct ill *ill = &w->ills[i];
    const struct alert_cause c = { .key = checks[i].key,
                                   .code = checks[i].code,
                                   .severity = checks[i].severity,
                                   .title = checks[i].title };

    if (++ill->streak < checks[i].streak ||
        (ill->raised && clock_mono_ms() - ill->raised_at < AGAIN_MS))
        return;
    if (raise_one(w, &c, evidence) != RC_OK)
        return;
    ill->raised = ill->known = true;
    ill->raised_at = clock_mono_ms();
}

// At the first look too: an earlier run of the server may have raised it.
static void is_well(struct watch *w, size_t i)
{
    struct ill *ill = &w->ills[i];

    ill->streak = 0;
    if ((ill->raised || !ill->known) && clear_one(w, checks[i].key) == RC_OK) {
        ill->raised = false;
        ill->known = true;
    }
}

// It is over when it can be said: so it ends by itself.
static void database_was_away(struct watch *w, bool here)
{
    const struct alert_cause c = { .key = "system:database",
                                   .code = "database",
                                   .severity = ALERT_HIGH,
                                   .title = "The database was away",
                                   .lasts_s = AWAY_S };
    int64_t now = clock_mono_ms();

    if (!here && w->away_looks++ == 0)
        w->away_since = now;
    if (!here)
        return;
    if (w->away_looks >= AWAY_LOOKS) {
        json_auto_t *evidence = json_object();

        add_int(evidence, "awaySeconds", (now - w->away_since) / 1000);
        if (raise_one(w, &c, evidence) == RC_UNAVAILABLE)
            return;
    }
    w->away_looks = 0;
}

static int hours_ahead(struct watch *w)
{
    auto_with(rows_freep) struct rows *r = NULL;

    return store_run(w->o.store, &Q_WATCH_PARTITIONS, NULL, &r, NULL) == RC_OK
               ? (int)rows_int(r, 0, "n")
               : -1;
}

static void look(struct watch *w)
{
    struct watch_facts f = { .hours_ahead = hours_ahead(w) };

    w->o.look(w->o.ctx, &f);
    database_was_away(w, f.database);
    for (size_t i = 0; f.database && i < CHECKS; i++) {
        json_auto_t *evidence = json_object();

        if (checks[i].run(&f, clock_now_ms(), evidence))
            is_ill(w, i, evidence);
        else
            is_well(w, i);
    }
}

static void *run(void *arg)
{
    struct watch *w = arg;

    while (nap_take(&w->nap, w->o.every_ms))
        look(w);
    return NULL;
}

enum rc watch_start(const struct watch_options *o, struct watch **out, struct fault *f)
{
    struct watch *w = calloc(1, sizeof *w);

    if (!w)
        return fail(f, RC_INTERNAL, "out of memory");
    w->o = *o;
    nap_init(&w->nap);
    if (pthread_create(&w->thread, NULL, run, w) != 0) {
        nap_done(&w->nap);
        free(w);
        return fail(f, RC_INTERNAL, "cannot start the watch");
    }
    *out = w;
    return RC_OK;
}

void watch_stop(struct watch *w)
{
    if (!w)
        return;
    nap_stop(&w->nap);
    pthread_join(w->thread, NULL);
    nap_done(&w->nap);
    free(w);
}
