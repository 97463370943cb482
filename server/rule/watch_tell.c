// SPDX-License-Identifier: Apache-2.0

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "core/auto.h"
#include "core/clock.h"
#include "rule/watch_own.h"
#include "rule_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define TURNS_MAX     4000000 // in memory while the database is away
#define EVIDENCE_SIZE 64

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, rollbackp, store_rollback)

void watch_turn(void *catalog, const struct engine_turn *t)
{
    struct watch_catalog *c = catalog;
    size_t room = c->turn_room * 2 + 64;
    struct engine_turn *grown;

    if (c->turn_count == c->turn_room) {
        grown = c->turn_count < TURNS_MAX ? reallocarray(c->turns, room, sizeof *grown) : NULL;
        if (!grown) {
            c->anew = true; // the table knows what was told
            return;
        }
        c->turns = grown;
        c->turn_room = room;
    }
    c->turns[c->turn_count++] = *t;
}

// ---------------------------------------------------------------- one rule

// The turns of a rule, by key, of each in their order.
struct lot {
    const struct watch_rule *rule;
    const struct engine_turn *turns;
    size_t count;
};

static struct alert_cause cause_of(const struct watch_catalog *c, const struct watch_rule *r,
                                   const char *key, const char *title)
{
    static const enum alert_severity severities[] = {
        [RULE_LOW] = ALERT_LOW,
        [RULE_MEDIUM] = ALERT_MEDIUM,
        [RULE_HIGH] = ALERT_HIGH,
        [RULE_CRITICAL] = ALERT_CRITICAL,
    };

    return (struct alert_cause){ .catalog = c->id,
                                 .key = key,
                                 .source = "rule",
                                 .code = "rule",
                                 .severity = severities[r->severity],
                                 .title = title,
                                 .rule = r->id };
}

static void write_evidence(const struct engine_turn *t, char out[EVIDENCE_SIZE])
{
    if (isfinite(t->value))
        snprintf(out, EVIDENCE_SIZE, "{\"value\":%.15g}", t->value);
    else
        snprintf(out, EVIDENCE_SIZE, "{}");
}

static enum rc raise_devices(struct store *tx, const struct watch_catalog *c, const struct lot *l,
                             const char *key, struct fault *f)
{
    struct alert_cause cause = cause_of(c, l->rule, key, l->rule->name);
    auto_free struct alert_hit *hits = calloc(l->count, sizeof *hits);
    auto_free char *texts = calloc(l->count, EVIDENCE_SIZE);
    size_t n = 0;

    if (!hits || !texts)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < l->count; i++) {
        char *text = texts + n * EVIDENCE_SIZE;

        if (!l->turns[i].fires)
            continue;
        write_evidence(&l->turns[i], text);
        hits[n++] = (struct alert_hit){ l->turns[i].key, l->turns[i].at, text };
    }
    return n ? alert_raise(tx, &cause, hits, n, f) : RC_OK;
}

static bool is_last(const struct lot *l, size_t i)
{
    return i + 1 == l->count || l->turns[i + 1].key != l->turns[i].key;
}

static enum rc clear_devices(struct store *tx, const struct watch_catalog *c, const struct lot *l,
                             const char *key, struct fault *f)
{
    auto_free int64_t *devices = calloc(l->count, sizeof *devices);
    int64_t at = 0;
    size_t n = 0;

    if (!devices)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < l->count; i++) {
        if (l->turns[i].fires || !is_last(l, i))
            continue;
        devices[n++] = l->turns[i].key;
        at = l->turns[i].at > at ? l->turns[i].at : at;
    }
    return n ? alert_clear(tx, c->id, key, devices, n, at, f) : RC_OK;
}

// "Too hot: Luleå 2".
static enum rc title_of(struct store *tx, const struct watch_catalog *c, const struct lot *l,
                        char out[ALERT_TITLE_MAX + 1], struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(c->id), rule_by_name(l->rule->by), ARG_INT(l->turns[0].key) };
    const char *label = NULL;
    enum rc rc = RC_OK;

    if (l->rule->by == RULE_BY_SITE)
        label = crowd_site(&c->crowd, l->turns[0].key);
    else
        rc = store_run(tx, &Q_RULE_LABEL, args, &rows, f);
    if (rc == RC_OK && rows)
        label = rows_text(rows, 0, "label");
    snprintf(out, ALERT_TITLE_MAX + 1, "%s%s%.110s", l->rule->name, label ? ": " : "",
             label ? label : "");
    return rc;
}

// A group, product or site is a cause of its own, which no single device has.
static enum rc tell_group(struct store *tx, const struct watch_catalog *c, const struct lot *l,
                          struct fault *f)
{
    char key[64], title[ALERT_TITLE_MAX + 1], text[EVIDENCE_SIZE];
    struct alert_cause cause = cause_of(c, l->rule, key, title);
    enum rc rc = title_of(tx, c, l, title, f);

    snprintf(key, sizeof key, "rule:%lld:%lld", (long long)l->rule->id, (long long)l->turns[0].key);
    for (size_t i = 0; rc == RC_OK && i < l->count; i++) {
        const struct engine_turn *t = &l->turns[i];
        struct alert_hit hit = { 0, t->at, text };

        write_evidence(t, text);
        if (t->fires)
            rc = alert_raise(tx, &cause, &hit, 1, f);
        else
            rc = alert_clear(tx, c->id, key, NULL, 0, t->at, f);
    }
    return rc;
}

static enum rc tell_groups(struct store *tx, const struct watch_catalog *c, const struct lot *l,
                           struct fault *f)
{
    enum rc rc = RC_OK;

    for (size_t from = 0, i = 0; rc == RC_OK && i < l->count; i++) {
        if (!is_last(l, i))
            continue;
        rc = tell_group(tx, c, &(struct lot){ l->rule, l->turns + from, i + 1 - from }, f);
        from = i + 1;
    }
    return rc;
}

static enum rc note_turns(struct store *tx, const struct watch_catalog *c, const struct lot *l,
                          struct fault *f)
{
    auto_free int64_t *keys = calloc(l->count, sizeof *keys), *ats = calloc(l->count, sizeof *ats);
    auto_free char *fires = calloc(l->count + 1, 2);
    size_t n = 0, times = 0;

    if (!keys || !ats || !fires)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < l->count; i++) {
        times += l->turns[i].fires;
        if (!is_last(l, i))
            continue;
        keys[n] = l->turns[i].key;
        ats[n] = l->turns[i].at;
        fires[2 * n] = n ? ',' : '{';
        fires[2 * n++ + 1] = l->turns[i].fires ? 't' : 'f';
    }
    fires[2 * n] = '}';
    auto_free char *key_list = arg_list(keys, n), *at_list = arg_list(ats, n);
    const char *args[] = { ARG_INT(c->id), ARG_INT(l->rule->id), key_list, fires, at_list };
    const char *fired[] = { ARG_INT(c->id), ARG_INT(l->rule->id), ARG_INT((int64_t)times) };

    if (!key_list || !at_list)
        return fail(f, RC_INTERNAL, "out of memory");
    enum rc rc = store_run(tx, &Q_RULE_TURNED, args, NULL, f);
    return rc == RC_OK && times ? store_run(tx, &Q_RULE_FIRED, fired, NULL, f) : rc;
}

static enum rc tell_rule(struct store *tx, const struct watch_catalog *c, const struct lot *l,
                         struct fault *f)
{
    char key[40];
    enum rc rc;

    snprintf(key, sizeof key, "rule:%lld", (long long)l->rule->id);
    if (l->rule->by != RULE_BY_DEVICE) {
        rc = tell_groups(tx, c, l, f);
    } else {
        rc = raise_devices(tx, c, l, key, f);
        if (rc == RC_OK)
            rc = clear_devices(tx, c, l, key, f);
    }
    return rc == RC_OK ? note_turns(tx, c, l, f) : rc;
}

// ---------------------------------------------------------------- all of them

// Alerts are locked in the order of their keys, which are texts.
static int by_text(int64_t a, int64_t b)
{
    char x[24], y[24];

    snprintf(x, sizeof x, "%lld", (long long)a);
    snprintf(y, sizeof y, "%lld", (long long)b);
    return strcmp(x, y);
}

static int by_rule(const void *a, const void *b)
{
    const struct engine_turn *x = a, *y = b;

    if (x->rule != y->rule)
        return by_text(x->rule, y->rule);
    if (x->key != y->key)
        return by_text(x->key, y->key);
    return (x->at > y->at) - (x->at < y->at);
}

static const struct watch_rule *rule_of(const struct watch_catalog *c, int64_t id)
{
    for (size_t i = 0; i < c->rule_count; i++)
        if (c->rules[i].id == id)
            return &c->rules[i];
    return NULL;
}

// Locks the rules; NULL where one is no longer as it was.
static bool still(const struct rows *locked, const struct watch_rule *r)
{
    for (int i = 0; r && i < rows_count(locked); i++)
        if (rows_int(locked, i, "id") == r->id)
            return rows_int(locked, i, "version") == r->version;
    return false;
}

static enum rc lock_rules(struct store *tx, const struct watch_catalog *c, struct rows **out,
                          struct fault *f)
{
    auto_free int64_t *ids = calloc(c->turn_count, sizeof *ids);
    size_t n = 0;

    if (!ids)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < c->turn_count; i++)
        if (i == 0 || c->turns[i].rule != c->turns[i - 1].rule)
            ids[n++] = c->turns[i].rule;
    auto_free char *list = arg_list(ids, n);
    const char *args[] = { ARG_INT(c->id), list };
    return list ? store_run(tx, &Q_RULE_LOCK, args, out, f) : fail(f, RC_INTERNAL, "out of memory");
}

// A rule whose alert finds no room (too many are open) is passed over, in a savepoint.
static enum rc tell_lot(struct store *tx, const struct watch_catalog *c, const struct lot *l,
                        struct fault *f)
{
    struct store *part = NULL;
    enum rc rc = store_begin(tx, &part, f);

    if (rc != RC_OK)
        return rc;
    rc = tell_rule(part, c, l, f);
    if (rc == RC_OK)
        return store_commit(part, f);
    store_rollback(part);
    if (rc != RC_LIMIT)
        return rc;
    log_warn(&rule_log, "rule %lld fired, but %s", (long long)l->rule->id, f->text);
    return RC_OK;
}

static enum rc tell_turns(struct store *tx, struct watch_catalog *c, struct fault *f)
{
    auto_with(rows_freep) struct rows *locked = NULL;
    enum rc rc;

    qsort(c->turns, c->turn_count, sizeof *c->turns, by_rule);
    rc = lock_rules(tx, c, &locked, f);
    for (size_t from = 0, i = 0; rc == RC_OK && i < c->turn_count; i++) {
        const struct watch_rule *r = rule_of(c, c->turns[i].rule);

        if (i + 1 < c->turn_count && c->turns[i + 1].rule == c->turns[i].rule)
            continue;
        if (still(locked, r))
            rc = tell_lot(tx, c, &(struct lot){ r, c->turns + from, i + 1 - from }, f);
        from = i + 1;
    }
    return rc;
}

static enum rc write_mark(struct store *tx, const struct watch_catalog *c, int64_t mark,
                          struct fault *f)
{
    char at[RFC3339_LEN + 1];
    const char *args[] = { ARG_INT(c->id), at };

    clock_rfc3339(mark, at);
    return store_run(tx, &Q_RULE_MARK, args, NULL, f);
}

enum rc watch_tell(struct rule_watch *w, struct watch_catalog *c, int64_t mark, struct fault *f)
{
    auto_with(rollbackp) struct store *tx = NULL;
    enum rc rc;

    if (!c->turn_count && !mark)
        return RC_OK;
    rc = store_begin(w->pool, &tx, f);
    if (rc == RC_OK && c->turn_count)
        rc = tell_turns(tx, c, f);
    if (rc == RC_OK && mark)
        rc = write_mark(tx, c, mark, f);
    if (rc == RC_OK)
        rc = store_commit(take(&tx), f);
    if (rc != RC_OK)
        return rc;
    pthread_mutex_lock(&w->lock);
    w->stats.turns += c->turn_count;
    pthread_mutex_unlock(&w->lock);
    c->turn_count = 0;
    return RC_OK;
}
