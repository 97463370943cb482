// SPDX-License-Identifier: Apache-2.0

#include "rule/backtest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/log.h"
#include "rule/book.h"
#include "rule/crowd.h"
#include "rule/past.h"
#include "rule/tally.h"
#include "rule_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define DAY_MS      86400000LL
#define WARM_MAX_MS (7 * DAY_MS) // how far before its beginning windows may remember
#define KEPT_MS     3600000      // after the end
#define PUBLISH_MS  300
#define NICENESS    15

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

enum state {
    WAITING,
    RUNNING,
    DONE,
    STOPPED,
    FAILED
};

// What people see of one; copied out under the lock.
struct seen {
    enum state state;
    double progress;
    int64_t points, devices, fired, keys, until, width;
    double heat;
    size_t buckets, top_count;
    int64_t began[TALLY_BUCKETS], ended[TALLY_BUCKETS], fired_in[TALLY_BUCKETS];
    struct tally_key top[TALLY_TOP];
    char sites[TALLY_TOP][CROWD_SITE];
    struct fault fault;
};

struct backtest {
    struct backtest *next;
    int64_t id, from, to, ended_at; // ended_at: monotonic ms
    int32_t catalog;
    struct rule rule;
    char *text;
    bool forgotten; // by people, while it runs
    atomic_bool stop;
    struct seen seen;
};

struct backtests {
    struct store *pool;
    pthread_t thread;
    pthread_mutex_t lock; // of all below, and of seen
    pthread_cond_t more;
    bool stopping;
    struct backtest *list; // oldest first
};

static void backtest_free(struct backtest *t)
{
    if (!t)
        return;
    rule_done(&t->rule);
    free(t->text);
    free(t);
}
DEFINE_AUTO(struct backtest *, backtest_freep, backtest_free)

static enum rc no_memory(struct fault *f)
{
    return fail(f, RC_INTERNAL, "out of memory");
}

// ---------------------------------------------------------------- one run

struct run {
    struct backtests *b;
    struct backtest *t;
    struct tally tally;
    struct crowd crowd;
    struct past past;
    int64_t begin, shown_at;
};

static void publish(struct run *r, int64_t until)
{
    struct seen *to = &r->t->seen;
    const struct tally *y = &r->tally;
    struct tally_key top[TALLY_TOP];
    size_t n = tally_top(y, until, top);

    pthread_mutex_lock(&r->b->lock);
    to->progress = (double)(until - r->begin) / (double)(r->t->to - r->begin);
    to->points = (int64_t)r->past.points;
    to->devices = (int64_t)r->past.met.count;
    to->fired = y->total;
    to->keys = y->keys;
    to->heat = y->heat;
    to->until = until;
    to->width = y->width;
    to->buckets = y->buckets;
    memcpy(to->began, y->began, sizeof to->began);
    memcpy(to->ended, y->ended, sizeof to->ended);
    memcpy(to->fired_in, y->fired, sizeof to->fired_in);
    to->top_count = n;
    for (size_t i = 0; i < n; i++) {
        const char *site = crowd_site(&r->crowd, top[i].key);

        to->top[i] = top[i];
        snprintf(to->sites[i], CROWD_SITE, "%s", site ? site : "");
    }
    pthread_mutex_unlock(&r->b->lock);
    r->shown_at = clock_mono_ms();
}

static void step(void *run, int64_t until)
{
    struct run *r = run;

    if (clock_mono_ms() - r->shown_at >= PUBLISH_MS)
        publish(r, until);
}

static enum rc prepare(struct run *r, struct fault *f)
{
    struct backtest *t = r->t;
    int64_t memory = rule_memory_ms(&t->rule);
    struct engine *e;
    int scope = 0;
    enum rc rc;

    memory = memory < WARM_MAX_MS ? memory : WARM_MAX_MS;
    r->begin = t->from > memory ? t->from - memory : 0;
    e = engine_new(tally_turn, &r->tally, r->begin);
    if (!e)
        return no_memory(f);
    engine_turn_to(e, ENGINE_BACKTEST, r->begin);
    r->crowd =
        (struct crowd){ .catalog = t->catalog, .engine = e, .unheard = true, .stop = &t->stop };
    r->past = (struct past){ .pool = r->b->pool,
                             .catalog = t->catalog,
                             .engine = e,
                             .stop = &t->stop,
                             .step = step,
                             .ctx = r };
    rc = crowd_scope(r->b->pool, &r->crowd, &t->rule, &scope, f);
    if (rc == RC_OK)
        rc = engine_add(e, 1, &t->rule, scope, f);
    return rc == RC_OK ? crowd_put_all(r->b->pool, &r->crowd, scope, r->begin, f) : rc;
}

static enum rc run_through(struct run *r, struct fault *f)
{
    enum rc rc = prepare(r, f);

    if (rc == RC_OK)
        rc = past_feed(&r->past, r->begin, r->t->from, f);
    tally_open(&r->tally);
    if (rc == RC_OK)
        rc = past_feed(&r->past, r->t->from, r->t->to, f);
    if (rc == RC_OK && r->tally.out_of_memory)
        rc = no_memory(f);
    if (rc == RC_OK)
        publish(r, r->t->to);
    return rc;
}

static void run_one(struct backtests *b, struct backtest *t)
{
    auto_free struct run *r = calloc(1, sizeof *r);
    struct fault f = { 0 };
    enum rc rc = r ? RC_OK : no_memory(&f);

    if (r) {
        r->b = b;
        r->t = t;
        tally_init(&r->tally, t->from, t->to);
        rc = run_through(r, &f);
        engine_free(r->crowd.engine);
        crowd_done(&r->crowd);
        past_done(&r->past);
        tally_done(&r->tally);
    }
    pthread_mutex_lock(&b->lock);
    t->seen.state = rc == RC_OK ? DONE : atomic_load(&t->stop) ? STOPPED : FAILED;
    t->seen.fault = f;
    t->ended_at = clock_mono_ms();
    pthread_mutex_unlock(&b->lock);
}

// ---------------------------------------------------------------- the list

static bool is_open(const struct backtest *t)
{
    return t->seen.state == WAITING || t->seen.state == RUNNING;
}

static void drop(struct backtests *b, struct backtest *t)
{
    struct backtest **at = &b->list;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    backtest_free(t);
}

static void drop_old(struct backtests *b)
{
    int64_t now = clock_mono_ms();

    for (struct backtest *t = b->list, *next; t; t = next) {
        next = t->next;
        if (!is_open(t) && (t->forgotten || now - t->ended_at > KEPT_MS))
            drop(b, t);
    }
}

static struct backtest *first_waiting(const struct backtests *b)
{
    struct backtest *t = b->list;

    while (t && t->seen.state != WAITING)
        t = t->next;
    return t;
}

// Nothing of what it does may be felt by those who take telemetry in.
static void *backtests_main(void *backtests)
{
    struct backtests *b = backtests;

    setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    pthread_mutex_lock(&b->lock);
    while (!b->stopping) {
        struct backtest *t = first_waiting(b);

        if (!t) {
            pthread_cond_wait(&b->more, &b->lock);
            continue;
        }
        t->seen.state = RUNNING;
        pthread_mutex_unlock(&b->lock);
        run_one(b, t);
        pthread_mutex_lock(&b->lock);
        drop_old(b);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

enum rc backtests_start(struct store *pool, struct backtests **out, struct fault *f)
{
    struct backtests *b = calloc(1, sizeof *b);

    if (!b)
        return no_memory(f);
    b->pool = pool;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->more, NULL);
    if (pthread_create(&b->thread, NULL, backtests_main, b) != 0) {
        pthread_cond_destroy(&b->more);
        pthread_mutex_destroy(&b->lock);
        free(b);
        return fail(f, RC_INTERNAL, "cannot start the thread of backtests");
    }
    *out = b;
    return RC_OK;
}

void backtests_stop(struct backtests *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    for (struct backtest *t = b->list; t; t = t->next)
        atomic_store(&t->stop, true);
    pthread_cond_signal(&b->more);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    while (b->list)
        drop(b, b->list);
    pthread_cond_destroy(&b->more);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

// ---------------------------------------------------------------- adding

static enum rc check_time(const struct backtest_ask *a, struct fault *f)
{
    if (a->from >= a->to)
        return fail(f, RC_INVALID, "from must be earlier than to, and both not later than now");
    if (a->to - a->from > BACKTEST_DAYS_MAX * DAY_MS)
        return fail(f, RC_INVALID,
                    "a backtest goes through at most %d days, not %lld: let it begin later",
                    BACKTEST_DAYS_MAX, (long long)((a->to - a->from + DAY_MS - 1) / DAY_MS));
    return RC_OK;
}

// Numbers are drawn, so that one from before a restart is never somebody else's.
static enum rc make(const struct backtest_ask *a, struct backtest **out, struct fault *f)
{
    auto_with(backtest_freep) struct backtest *t = calloc(1, sizeof *t);
    auto_free char *text = rule_print(a->rule);
    uint64_t id = 0;

    if (!t || !text)
        return no_memory(f);
    if (getrandom(&id, sizeof id, 0) != sizeof id)
        return fail(f, RC_INTERNAL, "no random numbers");
    t->id = (int64_t)(id >> 1 | 1);
    t->catalog = a->catalog;
    t->from = t->seen.until = a->from;
    t->to = a->to;
    t->rule = *a->rule;
    t->rule.where = json_deep_copy(a->rule->where);
    t->text = take(&text);
    *out = take(&t);
    return RC_OK;
}

static enum rc check_room(struct backtests *b, int32_t catalog, struct fault *f)
{
    struct backtest *oldest = NULL;
    int all = 0, open = 0;

    drop_old(b);
    for (struct backtest *t = b->list; t; t = t->next) {
        all++;
        open += t->catalog == catalog && is_open(t);
        oldest = oldest || is_open(t) ? oldest : t;
    }
    if (open >= BACKTESTS_OPEN)
        return fail(f, RC_LIMIT, "%d backtests of this catalog wait or run: stop one", open);
    if (all >= BACKTESTS_MAX && !oldest)
        return fail(f, RC_LIMIT, "%d backtests wait already: try again later", all);
    if (all >= BACKTESTS_MAX)
        drop(b, oldest);
    return RC_OK;
}

enum rc backtests_add(struct backtests *b, const struct backtest_ask *a, int64_t *id,
                      struct fault *f)
{
    auto_with(backtest_freep) struct backtest *t = NULL;
    struct backtest **end;
    enum rc rc = check_time(a, f);

    if (rc == RC_OK)
        rc = make(a, &t, f);
    if (rc != RC_OK)
        return rc;
    pthread_mutex_lock(&b->lock);
    rc = check_room(b, a->catalog, f);
    if (rc == RC_OK) {
        *id = t->id;
        for (end = &b->list; *end;)
            end = &(*end)->next;
        *end = take(&t);
        pthread_cond_signal(&b->more);
    }
    pthread_mutex_unlock(&b->lock);
    return rc;
}

static struct backtest *find(const struct backtests *b, int32_t catalog, int64_t id)
{
    struct backtest *t = b->list;

    while (t && (t->id != id || t->catalog != catalog || t->forgotten))
        t = t->next;
    return t;
}

static enum rc not_here(struct fault *f)
{
    return fail(f, RC_NOT_FOUND, "there is no such backtest (any more): run it again");
}

enum rc backtests_forget(struct backtests *b, int32_t catalog, int64_t id, struct fault *f)
{
    struct backtest *t;

    pthread_mutex_lock(&b->lock);
    t = find(b, catalog, id);
    if (t && t->seen.state == RUNNING) {
        t->forgotten = true;
        atomic_store(&t->stop, true);
    } else if (t) {
        drop(b, t);
    }
    pthread_mutex_unlock(&b->lock);
    return t ? RC_OK : not_here(f);
}

// ---------------------------------------------------------------- for people

struct shown {
    struct seen seen;
    int64_t from, to;
    enum rule_by by;
    char *text; // owned
};

static enum rc copy(struct backtests *b, int32_t catalog, int64_t id, struct shown *out,
                    struct fault *f)
{
    const struct backtest *t;

    pthread_mutex_lock(&b->lock);
    t = find(b, catalog, id);
    if (t) {
        out->seen = t->seen;
        out->from = t->from;
        out->to = t->to;
        out->by = t->rule.by;
        out->text = strdup(t->text);
    }
    pthread_mutex_unlock(&b->lock);
    if (!t)
        return not_here(f);
    return out->text ? RC_OK : no_memory(f);
}

static json_t *buckets_of(const struct shown *x)
{
    const struct seen *s = &x->seen;
    json_t *list = json_array();
    int64_t standing = 0;

    for (size_t i = 0; i < s->buckets; i++) {
        json_t *o = json_object();

        standing += s->began[i] - s->ended[i];
        add_int(o, "t", x->from + (int64_t)i * s->width);
        add_int(o, "fired", s->fired_in[i]);
        // What is still to come is not known yet.
        add_int(o, "standing", x->from + (int64_t)i * s->width < s->until ? standing : 0);
        json_array_append_new(list, o);
    }
    return list;
}

static enum rc name_devices(struct store *s, int32_t catalog, const struct seen *x,
                            json_t *const *tops, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int64_t keys[TALLY_TOP] = { 0 };
    enum rc rc;

    for (size_t i = 0; i < x->top_count; i++)
        keys[i] = x->top[i].key;
    auto_free char *list = arg_list(keys, x->top_count);
    rc = list ? store_run(s, &Q_RULE_NAMES, (const char *[]){ ARG_INT(catalog), list }, &rows, f)
              : no_memory(f);
    for (int k = 0; rc == RC_OK && k < rows_count(rows); k++)
        for (size_t i = 0; i < x->top_count; i++)
            if (keys[i] == rows_int(rows, k, "device")) {
                const char *name = rows_text(rows, k, "name");

                add_text(tops[i], "device", rows_text(rows, k, "id"));
                add_text(tops[i], "name", *name ? name : NULL);
            }
    return rc;
}

static enum rc name_others(struct store *s, int32_t catalog, const struct shown *x,
                           json_t *const *tops, struct fault *f)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < x->seen.top_count; i++) {
        auto_with(rows_freep) struct rows *rows = NULL;
        const char *args[] = { ARG_INT(catalog), rule_by_name(x->by), ARG_INT(x->seen.top[i].key) };

        if (x->by == RULE_BY_SITE) {
            add_text(tops[i], "name", x->seen.sites[i]);
            continue;
        }
        rc = store_run(s, &Q_RULE_LABEL, args, &rows, f);
        if (rc == RC_OK)
            add_text(tops[i], "name", rows_text(rows, 0, "label"));
    }
    return rc;
}

static enum rc add_top(json_t *o, struct store *s, int32_t catalog, const struct shown *x,
                       struct fault *f)
{
    json_t *list = json_array(), *tops[TALLY_TOP];

    json_object_set_new(o, "top", list);
    for (size_t i = 0; i < x->seen.top_count; i++) {
        tops[i] = json_object();
        add_null(tops[i], "device");
        add_null(tops[i], "name");
        add_int(tops[i], "fired", x->seen.top[i].fired);
        add_int(tops[i], "standingSeconds", x->seen.top[i].standing_ms / 1000);
        json_array_append_new(list, tops[i]);
    }
    if (!x->seen.top_count)
        return RC_OK;
    return x->by == RULE_BY_DEVICE ? name_devices(s, catalog, &x->seen, tops, f)
                                   : name_others(s, catalog, x, tops, f);
}

static json_t *to_json(int64_t id, const struct shown *x)
{
    static const char *const states[] = { "waiting", "running", "done", "stopped", "failed" };
    const struct seen *s = &x->seen;
    json_t *o = json_object();

    add_id(o, "id", id);
    add_text(o, "state", states[s->state]);
    add_real(o, "progress", s->state == DONE ? 1 : s->progress);
    add_text(o, "text", x->text);
    add_int(o, "from", x->from);
    add_int(o, "to", x->to);
    add_int(o, "points", s->points);
    add_int(o, "devices", s->devices);
    add_int(o, "fired", s->fired);
    add_int(o, "firedDevices", s->keys);
    add_int(o, "noise", book_noise(s->heat));
    add_int(o, "bucketMs", s->width);
    add_json(o, "buckets", buckets_of(x));
    add_text(o, "failure", s->state == FAILED ? s->fault.text : NULL);
    return o;
}

enum rc backtests_show(struct backtests *b, struct store *s, int32_t catalog, int64_t id,
                       json_t **out, struct fault *f)
{
    auto_free struct shown *x = calloc(1, sizeof *x);
    json_auto_t *o = NULL;
    enum rc rc = x ? copy(b, catalog, id, x, f) : no_memory(f);

    if (rc != RC_OK)
        return rc;
    o = to_json(id, x);
    free(x->text);
    rc = add_top(o, s, catalog, x, f);
    if (rc == RC_OK)
        *out = json_incref(o);
    return rc;
}
