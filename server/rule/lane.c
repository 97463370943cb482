// SPDX-License-Identifier: Apache-2.0

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "rule/engine_own.h"

#define FLAT       1e-9 // a history that never moved has at least this deviation, relatively
#define LOOK_AGAIN 250

// ---------------------------------------------------------------- lists

static void list_out(struct state *st)
{
    struct lane *s = st->lane;

    if (!st->listed)
        return;
    *(st->prev ? &st->prev->next : &s->head) = st->next;
    *(st->next ? &st->next->prev : &s->tail) = st->prev;
    st->prev = st->next = NULL;
    st->listed = false;
}

static void list_in(struct state *st)
{
    struct lane *s = st->lane;

    st->prev = s->tail;
    *(s->tail ? &s->tail->next : &s->head) = st;
    s->tail = st;
    st->listed = true;
}

// ---------------------------------------------------------------- states

void state_free(struct state *st)
{
    if (!st)
        return;
    list_out(st);
    for (uint32_t i = 0; i < st->pane_count; i++)
        pane_done(&st->panes[i]);
    free(st->panes);
    free(st->history);
    free(st->runs);
    free(st);
}

struct state *lane_state(struct engine *e, struct lane *s, int64_t key, int64_t now)
{
    struct state *st;

    if (e->keys >= ENGINE_KEYS_MAX)
        return NULL;
    st = calloc(1, sizeof *st + s->measure_count * sizeof *st->places);
    if (!st)
        return NULL;
    st->lane = s;
    st->key = key;
    st->newest_at = INT64_MIN;
    if (s->slow_count)
        st->runs = calloc(s->slow_count, sizeof *st->runs);
    if (s->slow_count && !st->runs) {
        free(st);
        return NULL;
    }
    if (s->shape.kind == RULE_ABSENCE) {
        st->newest_at = now;
        list_in(st);
    }
    e->keys++;
    return st;
}

void lane_free(struct lane *s)
{
    for (size_t i = 0; i < s->measure_count; i++) {
        struct measure *m = &s->measures[i];

        for (size_t k = 0; k < m->up_count; k++)
            free(m->up[k]);
        for (size_t k = 0; k < m->down_count; k++)
            free(m->down[k]);
        for (size_t k = 0; k < m->slow_count; k++)
            free(m->slow[k]);
        free(m->up);
        free(m->down);
        free(m->slow);
    }
    free(s->measures);
    for (size_t i = 0; i < s->keys.room; i++)
        if (s->keys.places[i].key)
            state_free(s->keys.places[i].thing);
    map_done(&s->keys);
    free(s);
}

// ---------------------------------------------------------------- limits

static bool passes(const struct leaf *l, double v)
{
    switch (l->op) {
    case RULE_GT:
        return v > l->limit;
    case RULE_GE:
        return v >= l->limit;
    case RULE_LT:
        return v < l->limit;
    case RULE_LE:
        return v <= l->limit;
    }
    return false;
}

// How many of the sorted limits a value passes.
static uint32_t place_among(struct leaf *const *leaves, size_t count, double v)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (passes(leaves[middle], v))
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)low;
}

static void move(struct engine *e, struct leaf *const *leaves, uint32_t *from, uint32_t to,
                 int64_t key, int64_t at, double v)
{
    for (; *from < to; ++*from)
        verdict_set(e, leaves[*from], key, true, at, v);
    for (; *from > to; --*from)
        verdict_set(e, leaves[*from - 1], key, false, at, v);
}

// Nothing is known yet of those that the first value does not pass.
static void first_look(struct engine *e, const struct measure *m, const struct place *p,
                       int64_t key, int64_t at)
{
    for (size_t i = p->up; i < m->up_count; i++)
        verdict_first(e, m->up[i], key, at);
    for (size_t i = p->down; i < m->down_count; i++)
        verdict_first(e, m->down[i], key, at);
    for (size_t i = 0; i < m->slow_count; i++)
        verdict_first(e, m->slow[i], key, at);
}

static void count_windows(struct engine *e, struct state *st, const struct leaf *l, int64_t at,
                          double v)
{
    uint8_t *run = &st->runs[l->run], was = *run;

    *run = !passes(l, v) ? 0 : was < l->windows ? (uint8_t)(was + 1) : was;
    if ((*run == l->windows) != (was == l->windows))
        verdict_set(e, l, st->key, *run == l->windows, at, v);
}

static void judge(struct engine *e, struct state *st, size_t measure, double v, int64_t at)
{
    const struct measure *m = &st->lane->measures[measure];
    struct place *p = &st->places[measure];

    if (!isfinite(v))
        return;
    move(e, m->up, &p->up, place_among(m->up, m->up_count, v), st->key, at, v);
    move(e, m->down, &p->down, place_among(m->down, m->down_count, v), st->key, at, v);
    if (!p->known)
        first_look(e, m, p, st->key, at);
    p->known = true;
    for (size_t i = 0; i < m->slow_count; i++)
        count_windows(e, st, m->slow[i], at, v);
}

// ---------------------------------------------------------------- windows

// How far a window's mean lies from those before it; then it becomes one of them.
static double deviation(struct state *st, double mean)
{
    double sum = 0, squares = 0, middle, spread, away;
    int n = st->history_count;

    if (!st->history)
        st->history = calloc(HISTORY_WINDOWS, sizeof *st->history);
    if (!st->history)
        return NAN;
    for (int i = 0; i < n; i++)
        sum += st->history[i];
    middle = n ? sum / n : 0;
    for (int i = 0; i < n; i++)
        squares += (st->history[i] - middle) * (st->history[i] - middle);
    spread = n > 1 ? sqrt(squares / (n - 1)) : 0;
    spread = fmax(spread, FLAT * (fabs(middle) + 1));
    away = fabs(mean - middle) / spread;
    st->history[st->history_next] = mean;
    st->history_next = (uint8_t)((st->history_next + 1) % HISTORY_WINDOWS);
    st->history_count += n < HISTORY_WINDOWS;
    return n >= HISTORY_LEAST ? away : (double)NAN;
}

static void evaluate(struct engine *e, struct state *st, size_t panes, int64_t at)
{
    const struct lane *s = st->lane;
    struct pane all = { 0 };
    double away;

    for (size_t i = 0; i < panes; i++)
        pane_join(&all, &st->panes[i]);
    away = s->keeps_history ? deviation(st, pane_value(&all, RULE_AVG)) : (double)NAN;
    for (size_t i = 0; i < s->measure_count; i++) {
        const struct measure *m = &s->measures[i];
        double v = m->aggregate == RULE_STDDEV ? away
                   : m->aggregate == RULE_PERCENTILE
                       ? pane_percentile(st->panes, panes, m->percentile)
                       : pane_value(&all, m->aggregate);

        judge(e, st, i, v, at);
    }
}

static void drop_panes(struct state *st, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        pane_done(&st->panes[i]);
    st->pane_count -= count;
    memmove(st->panes, st->panes + count, st->pane_count * sizeof *st->panes);
    if (st->pane_count == 0)
        list_out(st);
}

// The end of the next window with something in it.
static int64_t next_end(const struct state *st)
{
    int64_t hop = st->lane->shape.hop_ms, end = (st->panes[0].number + 1) * hop;

    return st->closed && st->closed + hop > end ? st->closed + hop : end;
}

static int64_t session_end(const struct state *st)
{
    return st->panes[0].last_at + st->lane->shape.size_ms;
}

static int64_t due(const struct state *st)
{
    bool session = st->lane->shape.over == RULE_SESSION;

    return (session ? session_end(st) : next_end(st)) + st->lane->late_ms;
}

static void list_open(struct state *st)
{
    list_in(st);
    if (due(st) < st->lane->look_at)
        st->lane->look_at = due(st);
}

static void close_windows(struct engine *e, struct state *st, int64_t until)
{
    const struct lane *s = st->lane;
    int64_t hop = s->shape.hop_ms;

    while (st->pane_count > 0 && next_end(st) <= until) {
        int64_t end = next_end(st);
        uint32_t inside = 0, done = 0;

        while (inside < st->pane_count && st->panes[inside].number < end / hop)
            inside++;
        if (end - s->shape.size_ms >= e->begin)
            evaluate(e, st, inside, end);
        st->closed = end;
        while (done < inside && st->panes[done].number + s->panes <= end / hop)
            done++;
        drop_panes(st, done);
    }
}

// Panes are few and nearly always met at the end.
static struct pane *pane_at(struct state *st, int64_t number)
{
    uint32_t i = st->pane_count;

    while (i > 0 && st->panes[i - 1].number > number)
        i--;
    if (i > 0 && st->panes[i - 1].number == number)
        return &st->panes[i - 1];
    if (st->pane_count == st->pane_room) {
        uint32_t room = st->pane_room * 2 + 1;
        struct pane *grown = reallocarray(st->panes, room, sizeof *grown);

        if (!grown)
            return NULL;
        st->panes = grown;
        st->pane_room = room;
    }
    memmove(st->panes + i + 1, st->panes + i, (st->pane_count - i) * sizeof *st->panes);
    st->panes[i] = (struct pane){ .number = number };
    st->pane_count++;
    return &st->panes[i];
}

static void window_reading(struct engine *e, struct state *st, double v, int64_t at, int64_t now)
{
    struct lane *s = st->lane;
    int64_t number = at / s->shape.hop_ms, until;
    struct pane *p;

    if (st->closed && (number + 1) * s->shape.hop_ms <= st->closed) {
        e->late++;
        return;
    }
    p = pane_at(st, number);
    if (!p)
        return;
    pane_add(p, v, at, s->keeps_values);
    st->newest_at = at > st->newest_at ? at : st->newest_at;
    st->arrived_at = now;
    if (!st->listed)
        list_open(st);
    until = st->newest_at - s->late_ms;
    if (next_end(st) <= until)
        close_windows(e, st, until);
}

// ---------------------------------------------------------------- sessions

static void close_session(struct engine *e, struct state *st)
{
    if (st->panes[0].first_at - st->lane->shape.size_ms >= e->begin)
        evaluate(e, st, 1, session_end(st));
    st->closed = st->panes[0].last_at;
    drop_panes(st, 1);
}

static void session_reading(struct engine *e, struct state *st, double v, int64_t at, int64_t now)
{
    int64_t gap = st->lane->shape.size_ms;
    struct pane *p;

    if ((st->closed && at <= st->closed) || (st->pane_count && at < st->panes[0].first_at - gap)) {
        e->late++;
        return;
    }
    if (st->pane_count &&
        (at > session_end(st) || at - st->panes[0].first_at >= gap * RULE_SESSION_GAPS))
        close_session(e, st);
    p = pane_at(st, 0);
    if (!p)
        return;
    pane_add(p, v, at, st->lane->keeps_values);
    st->newest_at = at > st->newest_at ? at : st->newest_at;
    st->arrived_at = now;
    if (!st->listed)
        list_open(st);
}

// ---------------------------------------------------------------- silence

static void absence_reading(struct engine *e, struct state *st, int64_t at, int64_t now)
{
    int64_t heard = e->mode == ENGINE_LIVE ? now : at;

    list_out(st);
    st->newest_at = heard > st->newest_at ? heard : st->newest_at;
    list_in(st);
    // What is gone through again may be older than the silence that was told.
    if (!st->places[0].known)
        first_look(e, &st->lane->measures[0], &(struct place){ 0 }, st->key, heard);
    st->places[0].known = e->mode == ENGINE_LIVE || e->mode == ENGINE_BACKTEST;
    move(e, st->lane->measures[0].up, &st->places[0].up, 0, st->key, heard, NAN);
}

static void absence_tick(struct engine *e, struct lane *s, int64_t now)
{
    while (s->head && s->head->newest_at + s->shape.size_ms <= now) {
        struct state *st = s->head;

        list_out(st);
        st->places[0].known = true;
        move(e, s->measures[0].up, &st->places[0].up, (uint32_t)s->measures[0].up_count, st->key,
             st->newest_at + s->shape.size_ms, NAN);
    }
}

void lane_wake(struct lane *s, int64_t now)
{
    if (s->shape.kind != RULE_ABSENCE)
        return;
    for (struct state *st = s->head; st; st = st->next)
        st->newest_at = now;
}

// ---------------------------------------------------------------- what comes

void lane_reading(struct engine *e, struct state *st, double v, int64_t at, int64_t now)
{
    switch (st->lane->shape.kind) {
    case RULE_INSTANT:
        if (at < st->newest_at)
            return;
        st->newest_at = at;
        judge(e, st, 0, v, at);
        return;
    case RULE_WINDOW:
        if (st->lane->shape.over == RULE_SESSION)
            session_reading(e, st, v, at, now);
        else
            window_reading(e, st, v, at, now);
        return;
    case RULE_ABSENCE:
        absence_reading(e, st, at, now);
        return;
    }
}

// A key that lags (it sends what it had kept) closes by its own time until it falls silent.
static bool clock_closes(const struct engine *e, const struct state *st, int64_t now)
{
    int64_t late = st->lane->late_ms;

    return e->mode == ENGINE_BACKTEST || e->mode == ENGINE_WARM || e->mode == ENGINE_REPLAY ||
           now - st->newest_at <= 2 * late || now - st->arrived_at >= late;
}

void lane_tick(struct engine *e, struct lane *s, int64_t now)
{
    int64_t look_at = INT64_MAX;

    if (s->shape.kind == RULE_ABSENCE) {
        if (e->mode == ENGINE_LIVE || e->mode == ENGINE_BACKTEST)
            absence_tick(e, s, now);
        return;
    }
    if (s->shape.kind != RULE_WINDOW || now < s->look_at)
        return;
    for (struct state *st = s->head, *next; st; st = next) {
        next = st->next;
        if (due(st) <= now && clock_closes(e, st, now)) {
            if (s->shape.over == RULE_SESSION)
                close_session(e, st);
            else
                close_windows(e, st, now - s->late_ms);
        }
        if (st->listed && due(st) < look_at)
            look_at = due(st);
    }
    s->look_at = look_at > now + LOOK_AGAIN ? look_at : now + LOOK_AGAIN;
}
