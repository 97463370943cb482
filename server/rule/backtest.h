// SPDX-License-Identifier: Apache-2.0
//
// backtest: what a rule would have said of the telemetry that is stored.
//
//   backtests_add() → waiting --its turn--> running --to the end--> done
//                        '---- stopped by the server's end, or failed
//
// Kept in memory, an hour after the end. One thread runs one after the other, at low priority,
// through the same engine (engine.h) that follows what is measured now. What a device is today
// counts also for what it sent then. Values come in the order of their own time: what came late
// then is looked at here.

#pragma once

#include <jansson.h>
#include <stdint.h>

#include "core/rc.h"
#include "rule/rule.h"

#define BACKTESTS_MAX     64
#define BACKTESTS_OPEN    8 // waiting or running, a catalog
#define BACKTEST_DAYS_MAX 92

struct backtests;
struct store;

struct backtest_ask {
    int32_t catalog;
    const struct rule *rule;
    int64_t from, to; // Unix ms; to is not later than now
};

enum rc backtests_start(struct store *pool, struct backtests **out, struct fault *f);
void backtests_stop(struct backtests *b); // NULL is fine

// RC_INVALID: the time is none, or too long. RC_LIMIT: too many are open.
enum rc backtests_add(struct backtests *b, const struct backtest_ask *a, int64_t *id,
                      struct fault *f);
// RC_NOT_FOUND also for one of another catalog. s: for names.
enum rc backtests_show(struct backtests *b, struct store *s, int32_t catalog, int64_t id,
                       json_t **out, struct fault *f);
// Stops it, too.
enum rc backtests_forget(struct backtests *b, int32_t catalog, int64_t id, struct fault *f);
