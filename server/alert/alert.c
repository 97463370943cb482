// SPDX-License-Identifier: Apache-2.0

#include "alert/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/remedy.h"
#include "alert_sql.h"
#include "core/auto.h"
#include "core/clock.h"
#include "store/arg.h"
#include "store/store.h"

#define CHUNK 5000 // hits a statement

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, rollbackp, store_rollback)

static const char *const severities[ALERT_SEVERITIES] = {
    [ALERT_LOW] = "low",
    [ALERT_MEDIUM] = "medium",
    [ALERT_HIGH] = "high",
    [ALERT_CRITICAL] = "critical",
};

const char *alert_severity_name(enum alert_severity s)
{
    return (size_t)s < ALERT_SEVERITIES ? severities[s] : severities[ALERT_LOW];
}

int alert_severity_from_name(const char *name)
{
    for (int i = 0; name && i < ALERT_SEVERITIES; i++)
        if (!strcmp(severities[i], name))
            return i;
    return -1;
}

// ---------------------------------------------------------------- what is there

// The latest alert of a cause, locked.
struct latest {
    int64_t id; // 0: there has been none
    bool resolved, calm;
};

static enum rc find_latest(struct store *tx, int32_t catalog, const char *key, struct latest *out,
                           struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), key };
    enum rc rc = store_run(tx, &Q_ALERT_LOCK, args, NULL, f);

    if (rc == RC_OK)
        rc = store_run(tx, &Q_ALERT_LATEST, args, &rows, f);
    *out = (struct latest){ 0 };
    if (rc == RC_OK && rows_count(rows) > 0)
        *out = (struct latest){ .id = rows_int(rows, 0, "id"),
                                .resolved = rows_bool(rows, 0, "resolved"),
                                .calm = rows_bool(rows, 0, "calm") };
    return rc;
}

// ---------------------------------------------------------------- hits as arguments

// A chunk of hits as three arrays of PostgreSQL.
struct lists {
    char *devices, *ats, *evidence;
};

static void lists_done(struct lists *l)
{
    free(l->devices);
    free(l->ats);
    free(l->evidence);
}

static void write_evidence(FILE *out, const char *text)
{
    if (!text || strlen(text) > ALERT_EVIDENCE_MAX) {
        fputs("NULL", out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static char *list_evidence(const struct alert_hit *hits, size_t n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fputc('{', out);
    for (size_t i = 0; i < n; i++) {
        if (i)
            fputc(',', out);
        write_evidence(out, hits[i].evidence);
    }
    fputc('}', out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static enum rc lists_init(struct lists *l, const struct alert_hit *hits, size_t n, struct fault *f)
{
    auto_free int64_t *numbers = calloc(n, sizeof *numbers);

    if (!numbers)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < n; i++)
        numbers[i] = hits[i].device;
    l->devices = arg_list(numbers, n);
    for (size_t i = 0; i < n; i++)
        numbers[i] = hits[i].at;
    l->ats = arg_list(numbers, n);
    l->evidence = list_evidence(hits, n);
    return l->devices && l->ats && l->evidence ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

// ---------------------------------------------------------------- raise

struct raise {
    struct store *tx;
    const struct alert_cause *cause;
    char title[ALERT_TITLE_MAX + 1];
    char *remedy; // owned; NULL: none
};

static void raise_done(struct raise *r)
{
    free(r->remedy);
}

static enum rc check(const struct alert_cause *c, struct fault *f)
{
    if (!c->key || !*c->key || strlen(c->key) > ALERT_KEY_MAX)
        return fail(f, RC_INVALID, "the key of an alert has 1 to %d bytes", ALERT_KEY_MAX);
    if (!c->code || !*c->code || strlen(c->code) > ALERT_CODE_MAX)
        return fail(f, RC_INVALID, "the code of an alert has 1 to %d bytes", ALERT_CODE_MAX);
    if (!c->title || !*c->title)
        return fail(f, RC_INVALID, "an alert needs a title");
    return RC_OK;
}

// Cut between two characters.
static void cut_title(const char *title, char out[ALERT_TITLE_MAX + 1])
{
    size_t len = strlen(title);

    if (len > ALERT_TITLE_MAX)
        for (len = ALERT_TITLE_MAX; len > 0 && ((unsigned char)title[len] & 0xC0) == 0x80;)
            len--;
    memcpy(out, title, len);
    out[len] = '\0';
}

static enum rc check_room(struct raise *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(r->cause->catalog) };
    enum rc rc = store_run(r->tx, &Q_ALERT_OPEN_COUNT, args, &rows, f);

    if (rc == RC_OK && rows_int(rows, 0, "n") >= ALERT_OPEN_MAX)
        return fail(f, RC_LIMIT, "%d alerts are open in this catalog", ALERT_OPEN_MAX);
    return rc;
}

static enum rc make(struct raise *r, int64_t at, int64_t *id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const struct alert_cause *c = r->cause;
    const char *args[] = {
        ARG_INT(c->catalog),
        c->key,
        c->source,
        c->code,
        ARG_INT((int64_t)c->severity),
        r->title,
        c->rule ? ARG_INT(c->rule) : NULL,
        r->remedy,
        c->lasts_s ? ARG_INT(c->lasts_s) : NULL,
        ARG_INT(at),
    };
    enum rc rc = check_room(r, f);

    if (rc == RC_OK)
        rc = store_run(r->tx, &Q_ALERT_NEW, args, &rows, f);
    if (rc == RC_OK)
        *id = rows_int(rows, 0, "id");
    return rc;
}

static enum rc is_news(struct raise *r, const struct latest *was, const struct lists *l, bool *out,
                       struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(r->cause->catalog), ARG_INT(was->id), l->devices, l->ats };
    enum rc rc = store_run(r->tx, &Q_ALERT_ANY_FRESH, args, &rows, f);

    *out = rc == RC_OK && rows_bool(rows, 0, "fresh");
    return rc;
}

// The alert that the hits belong to; *id is 0 where all of them are known.
static enum rc choose(struct raise *r, const struct latest *was, const struct lists *l, int64_t at,
                      int64_t *id, struct fault *f)
{
    const char *args[] = { ARG_INT(r->cause->catalog), ARG_INT(was->id) };
    bool news = true;
    enum rc rc = RC_OK;

    *id = was->resolved ? 0 : was->id;
    if (was->resolved)
        rc = is_news(r, was, l, &news, f);
    if (rc != RC_OK || *id || !news)
        return rc;
    if (!was->id || was->calm)
        return make(r, at, id, f);
    *id = was->id;
    return store_run(r->tx, &Q_ALERT_REOPEN, args, NULL, f);
}

static enum rc count(struct raise *r, int64_t id, const struct rows *hit, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const struct alert_cause *c = r->cause;
    const char *catalog = ARG_INT(c->catalog), *alert = ARG_INT(id);
    const char *args[] = {
        catalog,
        alert,
        ARG_INT((int64_t)c->severity),
        r->title,
        rows_text(hit, 0, "hits"),
        rows_text(hit, 0, "standing"),
        rows_text(hit, 0, "devices"),
        rows_text(hit, 0, "last_at"),
        rows_text(hit, 0, "evidence"),
        c->rule ? ARG_INT(c->rule) : NULL,
        r->remedy,
        c->lasts_s ? ARG_INT(c->lasts_s) : NULL,
    };
    const char *which[] = { catalog, alert };
    enum rc rc = store_run(r->tx, &Q_ALERT_COUNT, args, &rows, f);

    if (rc == RC_OK && rows_bool(rows, 0, "crossed"))
        rc = store_run(r->tx, &Q_ALERT_MARK, which, NULL, f);
    if (rc == RC_OK && rows_bool(rows, 0, "told"))
        rc = store_run(r->tx, &Q_ALERT_TOLD, which, NULL, f);
    return rc;
}

static enum rc merge(struct raise *r, int64_t id, int64_t before, const struct lists *l,
                     struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = {
        ARG_INT(r->cause->catalog),
        ARG_INT(id),
        ARG_INT(before ? before : id),
        l->devices,
        l->ats,
        l->evidence,
        r->cause->severity >= ALERT_HIGH ? "true" : "false",
    };
    enum rc rc = store_run(r->tx, &Q_ALERT_HIT, args, &rows, f);

    if (rc == RC_OK && rows_int(rows, 0, "hits") > 0)
        rc = count(r, id, rows, f);
    return rc;
}

static int64_t earliest(const struct alert_hit *hits, size_t n)
{
    int64_t at = hits[0].at;

    for (size_t i = 1; i < n; i++)
        at = hits[i].at < at ? hits[i].at : at;
    return at;
}

static enum rc raise_some(struct raise *r, const struct alert_hit *hits, size_t n, struct fault *f)
{
    auto_with(lists_done) struct lists l = { 0 };
    struct latest was;
    int64_t id = 0;
    enum rc rc = lists_init(&l, hits, n, f);

    if (rc == RC_OK)
        rc = find_latest(r->tx, r->cause->catalog, r->cause->key, &was, f);
    if (rc == RC_OK)
        rc = choose(r, &was, &l, earliest(hits, n), &id, f);
    if (rc == RC_OK && id)
        rc = merge(r, id, was.id, &l, f);
    return rc;
}

enum rc alert_raise(struct store *tx, const struct alert_cause *c, const struct alert_hit *hits,
                    size_t n, struct fault *f)
{
    auto_with(raise_done) struct raise r = { .tx = tx, .cause = c };
    const struct alert_hit itself = { .at = clock_now_ms() };
    enum rc rc = check(c, f);

    if (rc != RC_OK)
        return rc;
    cut_title(c->title, r.title);
    if (c->remedy && !(r.remedy = json_dumps(c->remedy, JSON_COMPACT)))
        return fail(f, RC_INTERNAL, "out of memory");
    if (n == 0)
        return raise_some(&r, &itself, 1, f);
    for (size_t at = 0; rc == RC_OK && at < n; at += CHUNK)
        rc = raise_some(&r, hits + at, n - at < CHUNK ? n - at : CHUNK, f);
    return rc;
}

// ---------------------------------------------------------------- clear

static enum rc end_if_none_is_left(struct store *tx, int32_t catalog, int64_t id,
                                   const struct rows *over, struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(id) };

    if (rows_count(over) == 0 || rows_int(over, 0, "standing") > 0)
        return RC_OK;
    return store_run(tx, &Q_ALERT_END, args, NULL, f);
}

enum rc alert_clear(struct store *tx, int32_t catalog, const char *key, const int64_t *devices,
                    size_t n, int64_t at, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_free char *list = n ? arg_list(devices, n) : NULL;
    struct latest was;
    enum rc rc = find_latest(tx, catalog, key, &was, f);

    if (n && !list)
        return fail(f, RC_INTERNAL, "out of memory");
    if (rc != RC_OK || !was.id || was.resolved)
        return rc;
    const char *args[] = { ARG_INT(catalog), ARG_INT(was.id), list, ARG_INT(at) };
    rc = store_run(tx, &Q_ALERT_OVER, args, &rows, f);
    return rc == RC_OK ? end_if_none_is_left(tx, catalog, was.id, rows, f) : rc;
}

// ---------------------------------------------------------------- by the clock

static enum rc end_silent(struct store *pool, const struct rows *r, int row, struct fault *f)
{
    auto_with(rollbackp) struct store *tx = NULL;
    enum rc rc = store_begin(pool, &tx, f);

    if (rc == RC_OK)
        rc = alert_clear(tx, (int32_t)rows_int(r, row, "catalog"), rows_text(r, row, "key"), NULL,
                         0, rows_int(r, row, "last_at"), f);
    return rc == RC_OK ? store_commit(take(&tx), f) : rc;
}

enum rc alert_upkeep(struct store *pool, struct fault *f)
{
    auto_with(rows_freep) struct rows *silent = NULL;
    enum rc rc = store_run(pool, &Q_ALERT_WAKE, NULL, NULL, f);

    if (rc == RC_OK)
        rc = store_run(pool, &Q_ALERT_SILENT, NULL, &silent, f);
    for (int i = 0; rc == RC_OK && i < rows_count(silent); i++)
        rc = end_silent(pool, silent, i, f);
    if (rc == RC_OK)
        rc = remedy_upkeep(pool, f);
    return rc == RC_OK ? store_run(pool, &Q_ALERT_EXPIRE, NULL, NULL, f) : rc;
}
