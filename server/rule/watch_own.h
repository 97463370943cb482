// SPDX-License-Identifier: Apache-2.0
//
// watch_own: what the files of the watch share; nobody else includes it.
//
//   watch.c   the thread, what comes in     watch_load.c   an engine from stored telemetry
//   watch_tell.c   turns into alerts

#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "core/log.h"
#include "rule/book.h"
#include "rule/crowd.h"
#include "rule/engine.h"
#include "rule/feed.h"
#include "rule/map.h"
#include "rule/watch.h"

#define WATCH_STAMP  33
#define WATCH_MOVED  1000 // devices to be looked at anew, before all are
#define WATCH_BEHIND 2000 // ms: how long a commit may take to be told

struct store;

struct watch_rule {
    int64_t id, version;
    char *name; // owned
    enum rule_severity severity;
    enum rule_by by;
};

// Which rows were fed from the table while they waited in the feed, too.
struct watch_seen {
    uint64_t *places; // a power of two of them
    size_t count, room;
};

struct watch_catalog {
    struct watch_catalog *next;
    int32_t id;
    char stamp[WATCH_STAMP]; // of the enabled rules that the engine has
    char wanted[WATCH_STAMP];
    struct engine *engine;
    struct watch_rule *rules;
    size_t rule_count;
    struct crowd crowd;
    bool hears;                // a rule is about silence of any message
    struct engine_turn *turns; // not told yet
    size_t turn_count, turn_room;
    struct watch_seen seen;
    int64_t seen_until; // monotonic ms: what was put later cannot be among seen
    int64_t marked_at;  // monotonic ms
    int64_t again_at;   // monotonic ms: after a failure
    bool moved;         // many of its devices changed, or nobody knows which
    bool anew;          // its engine must be made
};

struct rule_watch {
    struct store *pool;
    int64_t rows_ms;
    struct rule_feed *feed;
    pthread_t thread;
    struct watch_catalog *catalogs;
    atomic_bool stopping, minds_states;
    int64_t polled_at;

    pthread_mutex_t lock; // of the next, and of stats
    struct {
        int32_t catalog;
        int64_t device; // 0: all of it
    } moved[WATCH_MOVED];
    size_t moved_count;
    struct rule_watch_stats stats;
};

extern const struct log_ctx rule_log;

// ---------------------------------------------------------------- watch_load.c

void watch_clear(struct watch_catalog *c);
enum rc watch_load(struct rule_watch *w, struct watch_catalog *c, struct fault *f);
const struct engine_taps *watch_taps(struct rule_watch *w, struct watch_catalog *c, int32_t shape,
                                     struct fault *f);
bool watch_was_seen(const struct watch_seen *s, int64_t device, int64_t at);
void watch_seen_done(struct watch_seen *s);

// ---------------------------------------------------------------- watch_tell.c

// As the engine's sink; ctx is the catalog.
void watch_turn(void *catalog, const struct engine_turn *t);
// All turns so far, and the mark (0: as it is), in one transaction.
enum rc watch_tell(struct rule_watch *w, struct watch_catalog *c, int64_t mark, struct fault *f);
