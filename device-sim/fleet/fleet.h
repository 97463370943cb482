// SPDX-License-Identifier: Apache-2.0
//
// fleet: thousands of emulated devices in one process and one thread.
//
//   connecting -> measuring (--duration) -> draining -> one line of results
//
//   interval   each device tells its signals every --interval, with log lines and events
//   closed     each device keeps --closed messages on the way
//   open       --open messages a second over all, on a fixed schedule; latency counts from the
//              moment a message was due, so a slow server cannot hide
//
// Each device runs the same link as the real agent.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "fleet/histogram.h"
#include "fleet/ledger.h"
#include "fleet/outbox.h"
#include "fleet/persona.h"
#include "fleet/state.h"
#include "fleet/wheel.h"
#include "fleet/writer.h"
#include "sdk/link.h"

#define FLEET_NAME "orrery-fleet/0.1"

struct fleet_options {
    const char *dir, *server, *ca_file, *ledger;
    int64_t count; // 0: all there are
    int64_t interval_ms;
    int64_t closed; // messages on the way a device; 0: not this mode
    int64_t open;   // messages a second; 0: not this mode
    int64_t frame, metrics, bytes;
    int64_t duration_ms; // 0: until SIGTERM
    int64_t connect_rate, connect_timeout_ms, handshakes;
    int64_t cycles; // each device connects so many times, to measure handshakes
    int64_t tampered, flaky, silent;
    const char *story; // a name or a file; NULL: none
    int64_t seed;      // of the story; -1: the fleet's
    int64_t sources;
    bool stats, resume;
};

enum phase {
    PHASE_CONNECT,
    PHASE_MEASURE,
    PHASE_DRAIN,
    PHASE_END,
};

struct play; // play.c

struct unit { // one emulated device
    struct link link;
    struct outbox box;
    struct persona persona;
    struct fleet *fleet;
    struct ledger_entry *book; // NULL without a ledger
    struct state_record *copy; // of a clone: its own memory, owned; else NULL
    uint32_t index;            // which device it is
    uint32_t slot;             // in units; a clone has one of its own
    uint32_t cycles, rolls;
    enum behaviour_id behaviour;
    bool started, up, drop_now, crashed;
    int64_t sample_ms, drop_ms; // INT64_MAX: never
    int64_t every_ms, away_ms;  // as the story wants it; 0: as the behaviour has it
    char guess[20];             // the claim code it tries
    double drift;
    int64_t drift_ms;
    int64_t dump_ms; // monotonic: until then no crash dump is offered
};

struct fleet {
    const struct fleet_options *o;
    struct state *state;
    struct link_env *env;
    struct wheel *wheel;
    struct writer *writer;
    struct ledger *ledger;
    struct ledger_entry **books;
    struct unit *units; // count devices, then the clones
    struct play *play;  // NULL without a story
    uint32_t count, clones;
    int epoll, signals;
    enum phase phase;
    uint8_t bootseed[32];
    int64_t started_us, measure_us, drain_us, last_up_us, second_ms, phase_ms;
    int64_t open_start_us;
    uint64_t open_frames;
    double cpu_before, cpu_measured;
    uint32_t up, quarantined;
    uint64_t acked, acked_before, acked_measured, nacked, outstanding, overrun, sent;
    uint64_t attested, affirming, warning, contraindicated;
    uint64_t downs;
    char last_down[200];
    struct histogram latency;
};

// ---- unit.c
extern const struct link_ops unit_ops;
void unit_init(struct unit *u, struct fleet *fleet, uint32_t index, uint32_t slot);
void unit_start(struct unit *u);
void unit_done(struct unit *u);
void unit_tick(struct unit *u);     // at the time it gave the wheel
void unit_schedule(struct unit *u); // after anything that may change that time
bool unit_may_talk(const struct unit *u);
bool unit_add(struct unit *u, enum item_kind kind, unsigned count, int64_t from_us);

// From now on it lives like this. step may be NULL.
struct story_step;
void unit_become(struct unit *u, enum behaviour_id what, const struct story_step *step);

// ---- play.c: a story on its way
enum rc play_new(const struct fleet *f, struct play **out, struct fault *fault);
void play_free(struct play *p); // NULL is fine
uint32_t play_clones(const struct play *p);
uint32_t play_clone_of(const struct play *p, uint32_t n); // which device the n-th clone copies
void play_due(struct play *p, struct fleet *f, int64_t since_start_ms);

// ---- report.c
double report_cpu_s(void);
void report_second(const struct fleet *f);
void report_result(const struct fleet *f);

enum rc fleet_run(const struct fleet_options *o, struct fault *f);
