// SPDX-License-Identifier: Apache-2.0
//
// ingest: from a message in memory to a committed row and an acknowledgement.
//
//   gateway loop --ingest_reading--> shard batch --writer: COPY + batch row, one commit--> acked()
//
// A message is acknowledged only after its commit. The batch row is sequence log and
// commit token at once, so that a commit whose answer was lost is neither repeated
// nor forgotten. Replays are rejected by (boot, seq). While the database is
// away nothing is acknowledged and ingest_is_full() soon says so.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "core/token.h"
#include "device/device.h"

struct ingest;
struct ingest_device; // one device with a session

struct bus;
struct store;
struct config;

// "Everything of session up to (boot, seq) is committed or settled."
struct ingest_ack {
    uint32_t loop;    // as given to ingest_attach
    uint64_t session; // as given to ingest_attach
    int64_t boot;
    int64_t seq;
};

struct ingest_hooks {
    void *ctx;
    // Writer threads; the hook queues and wakes its loop.
    void (*acked)(void *ctx, const struct ingest_ack *acks, size_t count);
    // After ingest_is_full() turned false again; any thread.
    void (*drained)(void *ctx);
};

// Who speaks, and what is known of it.
struct ingest_who {
    int32_t catalog;
    int64_t device;
    char id[DEVICE_ID_LEN + 1];
    uint32_t loop;
    uint64_t session;
    int64_t boot;              // said in hello
    struct device_facts facts; // as loaded with the session; kept up to date by ingest from here on
};

// Takes the fence (an advisory lock a shard), recovers what an earlier server left, starts the
// writers. Connects on its own connections to conninfo.
enum rc ingest_start(const struct config *c, const char *conninfo, struct bus *bus,
                     struct ingest **out, struct fault *f);
void ingest_hook(struct ingest *g, const struct ingest_hooks *h); // before the first attach

// Whoever wants every committed reading: rows as COPY gets them, one after the other.
struct ingest_tap {
    void *ctx;
    bool (*wants)(void *ctx); // asked first
    void (*committed)(void *ctx, const char *rows, size_t len);
};
void ingest_set_tap(struct ingest *g, const struct ingest_tap *t); // before the first attach
// Commits what is pending (waits at most 5 s), flushes states, releases the fence. All devices are
// detached, and nobody publishes on the bus from here on.
void ingest_stop(struct ingest *g);

// Blocks (one indexed read at most): for a worker thread, not for a loop. *last_boot and
// *last_seq are what is committed so far. RC_CONFLICT when boot is older than the last one seen.
enum rc ingest_attach(struct ingest *g, const struct ingest_who *who, struct ingest_device **out,
                      int64_t *last_boot, int64_t *last_seq, struct fault *f);
void ingest_detach(struct ingest_device *d); // never blocks; the session ended

enum ingest_result {
    INGEST_TAKEN,  // an ack will come
    INGEST_REPLAY, // known already: committed ones are acked again, pending ones will be
    INGEST_NACK,   // settled without a row; f says why and code is set
    INGEST_FULL,   // not taken; stop reading until drained()
};

struct ingest_entry { // a log line or an event
    int64_t boot, seq, at;
    bool event;
    int level;                                 // enum journal_level
    const char *name, *source, *text, *fields; // fields: JSON object text or NULL
};

// Loop thread only; never blocks. code (may be NULL) gets a static nack code: "clock", "shape", …
enum ingest_result ingest_reading(struct ingest_device *d, const struct token_reading *m,
                                  const char **code, struct fault *f);
enum ingest_result ingest_entry(struct ingest_device *d, const struct ingest_entry *e,
                                const char **code, struct fault *f);
// Settles a sequence number that carries nothing to store (a nacked or an empty message).
enum ingest_result ingest_settle(struct ingest_device *d, int64_t boot, int64_t seq);

// A new verdict or certificate of a device with a session.
void ingest_facts(struct ingest_device *d, const struct device_facts *facts);

// A caller told INGEST_FULL asks again after noting that it waits: drained() may have come between.
bool ingest_is_full(const struct ingest *g);
// False while commits fail or the database is away; text says why.
bool ingest_is_ready(const struct ingest *g, char *text, size_t size);

// The telemetry of that hour (since 1970) was packed and its partition dropped. Any thread.
void ingest_forget(struct ingest *g, int64_t hour);

struct ingest_stats {
    uint64_t messages, batches; // committed
    uint64_t replays, nacks;
    uint64_t refused;           // rows PostgreSQL did not want: a bug, logged as an error
    uint64_t resent_batches;    // their connection was lost before the commit
    uint64_t recovered_batches; // it was lost after the commit, before the answer
    uint64_t pending, pending_bytes, devices;
    double lag_s; // age of the oldest message not committed yet
    // Telemetry and journal on disk; growth by the last whole hour; where retention will hold it.
    uint64_t disk_bytes, disk_bytes_per_hour, disk_forecast_bytes;
};
void ingest_stats(const struct ingest *g, struct ingest_stats *out);
