// SPDX-License-Identifier: Apache-2.0
//
// engine: the enabled rules of a catalog at work.
//
//   reading --engine_feed--> panes of each lane it goes to --a window closes--> value
//     --its place among its sorted limits--> conditions that changed --> engine_turn: fires, or not
//
// Rules that ask for the same aggregate of the same metric share a lane, so a thousand limits
// on one metric cost a reading one addition and a closed window one search. The server, after a
// restart, and a backtest run this same code; it does no I/O and knows no clock but the one it is
// told. One thread at a time.
//
// After a restart: telemetry from before the mark is fed in silence, then what follows, then
// engine_settle() turns what differs from what was told (engine_assume) before.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "rule/rule.h"

#define ENGINE_SCOPES   256
#define ENGINE_KEYS_MAX 4000000

struct engine;
struct engine_device;

enum engine_mode {
    ENGINE_WARM,   // nothing is told
    ENGINE_REPLAY, // stored telemetry: its time is the clock; silence proves nothing
    ENGINE_LIVE,
    ENGINE_BACKTEST, // stored telemetry, and silence counts
};

struct engine_turn {
    int64_t rule;
    int64_t key; // of a device, group, product or site
    bool fires;
    int64_t at;   // Unix ms: end of the window, time of the reading, or when silence was too long
    double value; // what the condition that turned it saw
};

typedef void engine_sink(void *ctx, const struct engine_turn *t);

struct engine_who {
    int64_t device, group, product, site; // keys; 0: none
    bool heard;                           // it has sent telemetry before
    uint64_t scopes[ENGINE_SCOPES / 64];  // bit of each scope it is in
};

struct engine_stats {
    uint64_t readings, late, crowded;
    size_t rules, lanes, keys, devices;
};

// begin: windows that began earlier are not whole.
struct engine *engine_new(engine_sink *sink, void *ctx, int64_t begin);
void engine_free(struct engine *e); // NULL is fine

void engine_begin(struct engine *e, int64_t begin); // where that is known only later

// Before anything is fed. scope: a number below ENGINE_SCOPES for its where.
enum rc engine_add(struct engine *e, int64_t id, const struct rule *r, int scope, struct fault *f);
// What was told of it before.
void engine_assume(struct engine *e, int64_t rule, int64_t key, bool fires, int64_t at);

// Of all devices it knows; free() it. NULL: out of memory.
int64_t *engine_devices(const struct engine *e, size_t *count);
struct engine_device *engine_device(const struct engine *e, int64_t device);
// A device that is new or changed. What a rule says of a device that left its scope, ends.
struct engine_device *engine_put(struct engine *e, const struct engine_who *w, int64_t now);

// Which values of a shape concern whom; shape is the caller's number for it, not 0.
struct engine_taps;
const struct engine_taps *engine_taps(const struct engine *e, int64_t shape);
const struct engine_taps *engine_tap(struct engine *e, int64_t shape, const char *const *names,
                                     size_t count);

void engine_feed(struct engine *e, struct engine_device *d, const struct engine_taps *taps,
                 const double *values, int64_t at, int64_t now);
// The same value by value, of those who take metric ("": the message); engine_decide() ends a
// message.
const struct engine_taps *engine_tap_metric(struct engine *e, const char *metric);
void engine_feed_one(struct engine *e, struct engine_device *d, const struct engine_taps *taps,
                     double v, int64_t at, int64_t now);
void engine_decide(struct engine *e);
// All there is goes device by device through one window: then other devices' time does not matter.
bool engine_is_narrow(const struct engine *e);
// The metrics that are asked for, "" for messages, one after the other; NULL: no more.
const char *engine_metric(const struct engine *e, size_t *place);
// Closes what time alone closes.
void engine_tick(struct engine *e, int64_t now);
void engine_turn_to(struct engine *e, enum engine_mode mode, int64_t now);
// Tells what differs from what was told.
void engine_settle(struct engine *e, int64_t now);

void engine_stats(const struct engine *e, struct engine_stats *out);
