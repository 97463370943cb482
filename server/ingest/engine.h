// SPDX-License-Identifier: Apache-2.0
//
// engine: what the parts of ingest share; nobody else includes it.
//
//   ingest.c   sessions and the hot path          writer.c   one thread a shard: COPY, commit, ack
//   slot.c     a device's place in memory         state.c    one thread: device_state each second
//   retention.c  one thread: partitions made ahead and dropped
//
// A device belongs to the shard device % writers; everything of it is guarded by that shard's
// lock, which is held for well under a microsecond a message. A slot outlives its session:
// until its messages are committed, its state is written and time alone cannot change it.

#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "core/bus.h"
#include "core/log.h"
#include "ingest/batch.h"
#include "ingest/ingest.h"
#include "ingest/partition.h"
#include "ingest/shape.h"
#include "store/link.h"

#define FENCE_SPACE 0x6f727265 // "orre": advisory locks, one a shard
#define FENCES      16         // as many as there may ever be writers
#define TROUBLE_LEN 240
// By then an asynchronous commit is on disk (3 x wal_writer_delay, and much to spare).
#define DURABLE_MS 10000

struct position { // in a device's sequence
    int64_t boot, seq;
};

static inline bool position_after(struct position a, struct position b)
{
    return a.boot != b.boot ? a.boot > b.boot : a.seq > b.seq;
}

struct slot {
    struct slot *next; // in its bucket
    struct slot *next_dirty;
    struct ingest_device *session; // the newest one, or NULL
    struct shape *recent[2];       // a device alternates between few shapes
    const struct shape *last_shape;
    double *last_values;
    const char *why; // of state; static
    int64_t device;
    int64_t seen_at, last_at, state_since, hello_boot;
    struct position taken, done; // done: committed
    struct device_facts facts;
    uint32_t batch, part; // where its next message goes, if that batch is still open
    uint32_t pending;     // batches not committed yet
    int32_t catalog;
    char id[DEVICE_ID_LEN + 1];
    uint8_t state;      // enum device_state
    bool dirty;         // in the list of those to write
    bool anew;          // its sequence starts from nothing once its session is over
    bool again;         // in the list of those to acknowledge again
    int64_t written_at; // monotonic ms; when device_state last got it
};

struct ingest_device {
    struct ingest *g;
    struct shard *shard;
    struct slot *slot;
    uint64_t session;
    int64_t boot;
    struct position told;      // as committed, when the session began
    struct position went_back; // the first message up to there that came again; seq 0: none
    uint32_t loop;
    uint32_t shapes_made;
    bool went_back_told;
};

struct token { // of a committed batch
    unsigned char id[16];
    int64_t deleted_at; // monotonic ms
};

struct shard {
    struct ingest *g;
    int number;
    pthread_mutex_t lock;
    pthread_cond_t wake; // of its writer; monotonic clock
    pthread_t thread;
    struct slot **buckets; // a power of two of them
    size_t bucket_count, slot_count, session_count;
    uint64_t forgotten; // slots so far

    struct batch *head, *tail; // waiting for the writer; only tail is still open
    struct batch *busy;        // being committed
    struct batch *spare;
    uint32_t last_number;
    int64_t due_us; // of the last batch
    bool writer_waits;
    size_t pending, pending_bytes; // of head … tail and busy
    atomic_bool full;

    struct slot *dirty; // to be written to device_state
    size_t dirty_count;
    struct token *tokens; // committed, their parts are in dirty or written
    size_t token_count, token_room;
    struct token *deleted; // lately, the state thread's own: a crash may bring them back
    size_t deleted_count, deleted_room;
    struct slot **again; // replays of committed messages
    size_t again_count, again_room;

    struct link *link; // the writer's, as are the next two
    struct pile scratch;
    struct ingest_ack *acks;
    size_t acks_room;
    bool troubled; // guarded by lock, as is the text
    char trouble[TROUBLE_LEN];
    struct ingest_stats stats; // counters only
};

// A device that somebody else knows news of, to be looked at in the database.
struct news {
    int32_t catalog;
    int64_t device;
    bool anew;
};

struct ingest {
    int shard_count;
    struct shard *shards;
    char *conninfo;
    int64_t linger_us;
    uint32_t batch_max, flush_at;
    size_t pending_max, bytes_max; // a shard
    struct bus *bus;
    struct ingest_hooks hooks;
    struct ingest_tap tap;
    struct shapes *shapes;
    struct partitions *partitions;
    atomic_llong floor[PARTITION_ALL]; // Unix ms; what is older is dropped for all catalogs
    atomic_bool stopping;
    int64_t stop_by; // monotonic ms; when writers give up

    pthread_mutex_t attach_lock; // of attach_link
    struct link *attach_link;

    pthread_mutex_t idle_lock; // for the waits of the two threads below
    pthread_cond_t idle_wake;
    pthread_t state_thread, retention_thread;
    struct link *lexicon_link; // guarded by idle_lock
    struct link *state_link;
    bool state_was_open;
    struct news *news; // guarded by idle_lock
    size_t news_count, news_room;

    atomic_llong disk_bytes, disk_bytes_per_hour, disk_forecast_bytes;
};

extern const struct log_ctx ingest_log;

static inline struct shard *shard_of(struct ingest *g, int64_t device)
{
    return &g->shards[(uint64_t)device % (uint64_t)g->shard_count];
}

// ---------------------------------------------------------------- slot.c; the shard is locked

struct slot *slot_find(const struct shard *h, int32_t catalog, int64_t device);
struct slot *slot_make(struct shard *h, int32_t catalog, int64_t device, const char *id);
// From a row of ingest_device or ingest_facts.
void slot_load(struct slot *s, const struct rows *r, int row);
void slot_load_facts(struct slot *s, const struct rows *r, int row);
void slot_soil(struct shard *h, struct slot *s); // device_state must be written

struct change { // of a state, to be told when the lock is gone
    int32_t catalog;
    int64_t device, at;
    char id[DEVICE_ID_LEN + 1];
    enum device_state state;
    bool online;
    const char *why;
};

// Judges the state anew; true if it changed. Fills in out in any case.
bool slot_judge(struct shard *h, struct slot *s, int64_t now, struct change *out);
// Lets a marked sequence begin again, once nothing of the old one is under way.
void slot_start_anew(struct shard *h, struct slot *s);
// Nothing will happen to it by itself: it may be forgotten.
bool slot_is_idle(const struct slot *s, int64_t mono_ms);
void slot_free(struct slot *s);
void change_publish(struct ingest *g, const struct change *c); // without lock
bool change_is_ours(void);

// ---------------------------------------------------------------- the threads

// Opens the writer's connection and takes its fence. wait_ms for the latter.
enum rc writer_open(struct shard *h, int wait_ms, struct fault *f);
void *writer_main(void *shard);
void shard_keep_token(struct shard *h, const unsigned char id[16]); // locked
void shard_drained(struct shard *h); // unlocked; after pending went down

// What an earlier server left, into device_state and into slots.
enum rc state_recover(struct ingest *g, struct fault *f);
enum rc state_open(struct ingest *g, struct fault *f);
enum rc state_flush(struct ingest *g, bool hurry, struct fault *f);
void state_news(struct ingest *g, const struct news *n);
void *state_main(void *ingest);

void *retention_main(void *ingest);
enum rc retention_run(struct ingest *g, struct link *l, struct fault *f);
// Makes this hour's and the next partitions.
enum rc retention_ahead(struct ingest *g, struct link *l, struct fault *f);

// Waits on idle_wake; false when the server stops.
bool idle_wait(struct ingest *g, int64_t ms);
