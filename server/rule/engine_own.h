// SPDX-License-Identifier: Apache-2.0
//
// engine_own: what the files of the engine share; nobody else includes it.
//
//   engine.c   rules, devices, what comes in     lane.c   windows, limits, silence
//   verdict.c  what conditions make of a rule
//
// A lane is one metric in one window, grouped one way, in one scope. Each key of it has a
// state. A measure is one aggregate of a lane with the limits that rules set for it, sorted, so
// that a value's place among them says which are passed.

#pragma once

#include "rule/engine.h"
#include "rule/map.h"
#include "rule/pane.h"

#define HISTORY_WINDOWS 30 // of stddev
#define HISTORY_LEAST   10

struct leaf { // a condition of a rule
    struct engine_rule *rule;
    double limit;
    uint32_t run; // its place among the runs of a key; with windows > 1 only
    uint8_t test, windows;
    enum rule_op op;
};

struct measure {
    enum rule_aggregate aggregate;
    int percentile;
    struct leaf **up, **down, **slow; // > >= by limit; < <= by limit, falling; those that count
    size_t up_count, down_count, slow_count;
};

struct lane {
    struct rule_test shape; // metric, kind, window
    enum rule_by by;
    int scope;
    uint32_t number;
    int64_t late_ms, panes; // in a window
    bool keeps_values, keeps_history;
    struct measure *measures;
    size_t measure_count, slow_count;
    struct map keys;           // where not by device
    struct state *head, *tail; // with open panes, or heard and not silent, longest ago first
    int64_t look_at;           // when time alone may close a window
};

struct place { // of a key's last value among the limits
    uint32_t up, down;
    bool known;
};

struct state { // of a key in a lane
    struct lane *lane;
    struct state *prev, *next;
    int64_t key;
    int64_t newest_at, arrived_at, closed; // closed: end of the last window
    struct pane *panes;                    // by number
    uint32_t pane_count, pane_room;
    double *history; // of windows, for stddev
    uint8_t history_count, history_next;
    bool listed;
    uint8_t *runs; // of slow leaves: windows in a row
    struct place places[];
};

struct verdict { // of a rule on a key
    int64_t at, told_at;
    uint16_t known, truth; // of its conditions
    bool fires, told;
    bool judged; // since the start
    bool pends;  // it is among those to be decided
};

struct engine_rule {
    int64_t id;
    struct rule rule;
    int scope;
    bool plain; // one condition as it is
    struct map verdicts;
};

struct engine_device {
    struct engine_who who;
    struct state *states[]; // by number of lane
};

struct tap {
    struct lane *lane;
    int32_t column; // -1: the message
};

struct engine_taps {
    uint32_t count;
    struct tap taps[];
};

struct pending {
    struct engine_rule *rule;
    struct verdict *verdict;
    int64_t key, at;
    double value;
};

struct engine {
    engine_sink *sink;
    void *ctx;
    int64_t begin;
    enum engine_mode mode;
    struct engine_rule **rules;
    struct lane **lanes;
    size_t rule_count, lane_count, keys;
    struct map devices, taps;
    struct pending *pending;
    size_t pending_count, pending_room;
    uint64_t readings, late, crowded;
};

// ---------------------------------------------------------------- verdict.c

// A condition of a rule became true or false for a key.
void verdict_set(struct engine *e, const struct leaf *l, int64_t key, bool truth, int64_t at,
                 double value);
// It was looked at for the first time and is false.
void verdict_first(struct engine *e, const struct leaf *l, int64_t key, int64_t at);
// At the end of a message, or of a moment.
void verdict_decide(struct engine *e);
void verdict_end(struct engine *e, struct engine_rule *r, int64_t key, int64_t at);

// ---------------------------------------------------------------- lane.c

struct state *lane_state(struct engine *e, struct lane *s, int64_t key, int64_t now);
void lane_free(struct lane *s);
void state_free(struct state *st);
void lane_reading(struct engine *e, struct state *st, double v, int64_t at, int64_t now);
void lane_tick(struct engine *e, struct lane *s, int64_t now);
// Silence begins to count now.
void lane_wake(struct lane *s, int64_t now);
