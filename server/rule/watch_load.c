// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "rule/watch_own.h"
#include "rule_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define HOUR_MS    3600000LL
#define DAY_MS     (24 * HOUR_MS)
#define SLICE_MS   10000LL // of stored telemetry, at first
#define SLICE_MIN  100LL
#define SLICE_MAX  600000LL
#define SLICE_ROWS 20000
#define SKEW_MS    60000LL // of clocks, and of what came a little late
#define HEARD_PAGE 10000

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, rollbackp, store_rollback)

static enum rc no_memory(struct fault *f)
{
    return fail(f, RC_INTERNAL, "out of memory");
}

void watch_clear(struct watch_catalog *c)
{
    engine_free(c->engine);
    for (size_t i = 0; i < c->rule_count; i++)
        free(c->rules[i].name);
    crowd_done(&c->crowd);
    free(c->rules);
    free(c->turns);
    watch_seen_done(&c->seen);
    c->engine = NULL;
    c->rules = NULL;
    c->turns = NULL;
    c->rule_count = c->turn_count = c->turn_room = 0;
    c->hears = false;
}

// ---------------------------------------------------------------- rows seen twice

static uint64_t seen_hash(int64_t device, int64_t at)
{
    uint64_t h = (uint64_t)device * 0x9e3779b97f4a7c15u ^ (uint64_t)at * 0xc2b2ae3d27d4eb4fu;

    h ^= h >> 29;
    return h ? h : 1;
}

static uint64_t *seen_place(const struct watch_seen *s, uint64_t h)
{
    size_t i = (size_t)h & (s->room - 1);

    while (s->places[i] && s->places[i] != h)
        i = (i + 1) & (s->room - 1);
    return &s->places[i];
}

static bool seen_add(struct watch_seen *s, int64_t device, int64_t at)
{
    struct watch_seen old = *s;

    if (s->count * 4 >= s->room * 3) {
        s->room = old.room ? old.room * 2 : 1024;
        s->places = calloc(s->room, sizeof *s->places);
        if (!s->places) {
            *s = old;
            return false;
        }
        for (size_t i = 0; i < old.room; i++)
            if (old.places[i])
                *seen_place(s, old.places[i]) = old.places[i];
        free(old.places);
    }
    uint64_t *place = seen_place(s, seen_hash(device, at));
    s->count += *place == 0;
    *place = seen_hash(device, at);
    return true;
}

bool watch_was_seen(const struct watch_seen *s, int64_t device, int64_t at)
{
    return s->count && *seen_place(s, seen_hash(device, at));
}

void watch_seen_done(struct watch_seen *s)
{
    free(s->places);
    *s = (struct watch_seen){ 0 };
}

// ---------------------------------------------------------------- rules

static enum rc add_rule(struct rule_watch *w, struct watch_catalog *c, const struct rows *rows,
                        int row, int64_t *memory, struct fault *f)
{
    const char *text = rows_text(rows, row, "text");
    struct watch_rule *to = &c->rules[c->rule_count];
    struct rule r = { 0 };
    int scope = 0;
    enum rc rc = rule_read(text, strlen(text), &r, NULL, f);

    if (rc == RC_OK)
        rc = crowd_scope(w->pool, &c->crowd, &r, &scope, f);
    if (rc == RC_OK)
        rc = engine_add(c->engine, rows_int(rows, row, "id"), &r, scope, f);
    if (rc == RC_OK) {
        *to = (struct watch_rule){ .id = rows_int(rows, row, "id"),
                                   .version = rows_int(rows, row, "version"),
                                   .name = strdup(rows_text(rows, row, "name")),
                                   .severity = r.severity,
                                   .by = r.by };
        c->rule_count++;
        *memory = rule_memory_ms(&r) > *memory ? rule_memory_ms(&r) : *memory;
        if (json_object_get(r.where, "state"))
            atomic_store(&w->minds_states, true);
        for (int i = 0; i < r.test_count; i++)
            c->hears |= r.tests[i].kind == RULE_ABSENCE && !*r.tests[i].metric;
    }
    rule_done(&r);
    return rc == RC_OK && !to->name ? no_memory(f) : rc;
}

// A rule that does not go in (its 'where' is one too many) leaves the others at work.
static enum rc load_rules(struct rule_watch *w, struct watch_catalog *c, int64_t *memory,
                          struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(c->id) };
    enum rc rc = store_run(w->pool, &Q_RULE_ENABLED, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    c->rules = calloc((size_t)rows_count(rows) + 1, sizeof *c->rules);
    if (!c->rules)
        return no_memory(f);
    for (int i = 0; i < rows_count(rows); i++) {
        struct fault why = { 0 };

        rc = add_rule(w, c, rows, i, memory, &why);
        if (rc == RC_UNAVAILABLE || rc == RC_INTERNAL)
            return fail(f, rc, "%s", why.text);
        if (rc != RC_OK)
            log_warn(&rule_log, "rule %s is left out: %s", rows_text(rows, i, "id"), why.text);
    }
    return RC_OK;
}

static enum rc load_turns(struct rule_watch *w, struct watch_catalog *c, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(c->id) };
    enum rc rc = store_run(w->pool, &Q_RULE_TURNS, args, &rows, f);

    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        engine_assume(c->engine, rows_int(rows, i, "rule"), rows_int(rows, i, "key"),
                      rows_bool(rows, i, "fires"), rows_int(rows, i, "at"));
    return rc;
}

// ---------------------------------------------------------------- devices

// Whoever has ever sent something can fall silent.
static enum rc load_heard(struct rule_watch *w, struct watch_catalog *c, int64_t now,
                          struct fault *f)
{
    int64_t after = 0;
    int count = HEARD_PAGE;
    enum rc rc = RC_OK;

    while (rc == RC_OK && count == HEARD_PAGE && !atomic_load(&w->stopping)) {
        auto_with(rows_freep) struct rows *rows = NULL;
        auto_free int64_t *list = calloc(HEARD_PAGE, sizeof *list);
        const char *args[] = { ARG_INT(c->id), ARG_INT(after), ARG_INT(HEARD_PAGE) };

        rc = list ? store_run(w->pool, &Q_RULE_HEARD, args, &rows, f) : no_memory(f);
        count = rc == RC_OK ? rows_count(rows) : 0;
        for (int i = 0; i < count; i++)
            after = list[i] = rows_int(rows, i, "device");
        if (count > 0)
            rc = crowd_put(w->pool, &c->crowd, list, (size_t)count, now, f);
    }
    return rc;
}

// ---------------------------------------------------------------- shapes

const struct engine_taps *watch_taps(struct rule_watch *w, struct watch_catalog *c, int32_t shape,
                                     struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(c->id), ARG_INT(shape) }, *names[TOKEN_METRICS_MAX];
    const struct engine_taps *known = engine_taps(c->engine, shape);
    auto_free char *text = NULL;
    size_t count = 0;
    char *rest;

    if (known)
        return known;
    if (store_run(w->pool, &Q_RULE_SHAPE, args, &rows, f) != RC_OK)
        return NULL;
    text = strdup(rows_count(rows) ? rows_text(rows, 0, "names") : "");
    if (!text) {
        (void)no_memory(f);
        return NULL;
    }
    for (char *at = strtok_r(text, ",", &rest); at && count < TOKEN_METRICS_MAX;
         at = strtok_r(NULL, ",", &rest))
        names[count++] = at;
    known = engine_tap(c->engine, shape, names, count);
    if (!known)
        (void)no_memory(f);
    return known;
}

// ---------------------------------------------------------------- stored telemetry

static size_t read_values(const char *text, double out[TOKEN_METRICS_MAX])
{
    size_t n = 0;
    char *end;

    for (const char *at = text + 1; n < TOKEN_METRICS_MAX && *at && *at != '}'; at = end + 1) {
        out[n++] = strtod(at, &end);
        if (*end != ',')
            break;
    }
    return n;
}

static enum rc know_devices(struct rule_watch *w, struct watch_catalog *c, const struct rows *rows,
                            int64_t now, struct fault *f)
{
    auto_free int64_t *list = calloc((size_t)rows_count(rows) + 1, sizeof *list);
    struct map met = { 0 };
    size_t n = 0;
    enum rc rc;

    if (!list)
        return no_memory(f);
    for (int i = 0; i < rows_count(rows); i++) {
        int64_t device = rows_int(rows, i, "device");

        if (!engine_device(c->engine, device) && !map_get(&met, device) &&
            map_put(&met, device, list))
            list[n++] = device;
    }
    map_done(&met);
    rc = n ? crowd_put(w->pool, &c->crowd, list, n, now, f) : RC_OK;
    return rc;
}

static enum rc feed_rows(struct rule_watch *w, struct watch_catalog *c, const struct rows *rows,
                         int64_t seen_from, struct fault *f)
{
    double values[TOKEN_METRICS_MAX];

    for (int i = 0; i < rows_count(rows); i++) {
        int64_t device = rows_int(rows, i, "device"), at = rows_int(rows, i, "at");
        const struct engine_taps *taps = watch_taps(w, c, (int32_t)rows_int(rows, i, "shape"), f);

        if (!taps)
            return f->rc;
        read_values(rows_text(rows, i, "vals"), values);
        engine_feed(c->engine, engine_device(c->engine, device), taps, values, at, at);
        if (at >= seen_from && !seen_add(&c->seen, device, at))
            return no_memory(f);
    }
    return RC_OK;
}

static enum rc read_slice(struct rule_watch *w, int32_t catalog, int64_t from, int64_t to,
                          struct rows **out, struct fault *f)
{
    auto_with(rollbackp) struct store *tx = NULL;
    char since[RFC3339_LEN + 1], until[RFC3339_LEN + 1];
    const char *args[] = { ARG_INT(catalog), since, until };
    enum rc rc = store_begin(w->pool, &tx, f);

    clock_rfc3339(from, since);
    clock_rfc3339(to, until);
    if (rc == RC_OK)
        rc = store_patient(tx, f);
    return rc == RC_OK ? store_run(tx, &Q_RULE_ROWS, args, out, f) : rc;
}

// In slices that shrink where there is much.
static enum rc replay(struct rule_watch *w, struct watch_catalog *c, int64_t from, int64_t mark,
                      int64_t seen_from, struct fault *f)
{
    int64_t slice = SLICE_MS;
    enum rc rc = RC_OK;

    while (rc == RC_OK && !atomic_load(&w->stopping)) {
        auto_with(rows_freep) struct rows *rows = NULL;
        int64_t now = clock_now_ms(), to = from + slice;

        if (from < mark && to > mark)
            to = mark;
        rc = read_slice(w, c->id, from, to, &rows, f);
        if (rc == RC_OK)
            rc = know_devices(w, c, rows, from, f);
        if (rc == RC_OK)
            rc = feed_rows(w, c, rows, seen_from, f);
        if (rc != RC_OK || to > now)
            break;
        engine_tick(c->engine, to);
        if (to == mark)
            engine_turn_to(c->engine, ENGINE_REPLAY, to);
        slice = rows_count(rows) > SLICE_ROWS        ? slice / 2
                : rows_count(rows) < SLICE_ROWS / 10 ? slice * 2
                                                     : slice;
        slice = slice < SLICE_MIN ? SLICE_MIN : slice > SLICE_MAX ? SLICE_MAX : slice;
        from = to;
    }
    return rc == RC_OK && atomic_load(&w->stopping) ? fail(f, RC_UNAVAILABLE, "the server stops")
                                                    : rc;
}

static enum rc read_mark(struct rule_watch *w, int32_t catalog, int64_t now, int64_t *out,
                         struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog) };
    enum rc rc = store_run(w->pool, &Q_RULE_MARKED, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    *out = rows_text(rows, 0, "at") ? rows_int(rows, 0, "at") : now;
    // What nobody looked at for longer than a day is no news.
    *out = *out < now - DAY_MS ? now - DAY_MS : *out > now ? now : *out;
    return RC_OK;
}

enum rc watch_load(struct rule_watch *w, struct watch_catalog *c, struct fault *f)
{
    int64_t now = clock_now_ms(), memory = 0, mark = now, from, oldest;
    char stamp[WATCH_STAMP];
    enum rc rc = read_mark(w, c->id, now, &mark, f);

    memcpy(stamp, c->wanted, sizeof stamp);
    watch_clear(c);
    c->engine = engine_new(watch_turn, c, 0);
    if (!c->engine)
        return no_memory(f);
    c->crowd = (struct crowd){ .catalog = c->id, .engine = c->engine };
    if (rc == RC_OK)
        rc = load_rules(w, c, &memory, f);
    if (rc == RC_OK)
        rc = load_turns(w, c, f);
    from = mark - memory - SKEW_MS;
    oldest = (now - w->rows_ms) / HOUR_MS * HOUR_MS;
    from = from > oldest ? from : oldest;
    mark = mark > from ? mark : from;
    engine_begin(c->engine, from);
    engine_turn_to(c->engine, from < mark ? ENGINE_WARM : ENGINE_REPLAY, from);
    if (rc == RC_OK && c->hears)
        rc = load_heard(w, c, from, f);
    if (rc == RC_OK)
        rc = replay(w, c, from, mark, now - SKEW_MS, f);
    if (rc != RC_OK)
        return rc;
    now = clock_now_ms();
    c->seen_until = clock_mono_ms();
    engine_turn_to(c->engine, ENGINE_LIVE, now);
    engine_settle(c->engine, now);
    memcpy(c->stamp, stamp, sizeof stamp);
    c->anew = false;
    return RC_OK;
}
