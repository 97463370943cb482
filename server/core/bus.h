// SPDX-License-Identifier: Apache-2.0
//
// bus: what one part of the server tells the others, without knowing them.
//
//   module --bus_publish--> sink of live, sink of gateway, …
//
// Sinks are registered before anything is published and run in the publisher's
// thread: a sink copies what it wants into its own queue, wakes its own loop
// and returns. An event and all it points to live only for the call.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bus_kind {
    BUS_READING, // committed telemetry: at, count, names, values; messages: how many like it were
                 // not late
    BUS_JOURNAL, // a committed log line or event: at, level, source, text, name (events), fields
    BUS_STATE,   // a device's state shown to people changed, or it came or went: text = reason
    BUS_DEVICE,  // a device row changed (registered, claimed, renamed, moved, unclaimed, retired);
                 // id NULL: many of the catalog, as after a chunk of a bulk job
    BUS_REVOKE,  // a device's sessions and certificates end now: text = reason
    BUS_ACCESS,  // an account's sessions, tokens, role or rights changed: account
    BUS_INTAKE,  // messages committed, or refused for what they say: messages, refused
    BUS_JOB,     // a job began, moved on or ended: name = its state, text = its title
    BUS_ARRIVAL, // somebody knocked at a registration window: id, text
    BUS_CATALOG, // a catalog was made: name; source and text = PEM of its CA and its quarantine CA
    BUS_SIGNAL,  // something that may matter to security was noticed: name = what, text = what of,
                 // source = address it comes from, fields; catalog and device where they are known
    BUS_ALERT,   // an alert changed; text: what people read of it, or NULL
    BUS_LEVELS,  // a log level was set for a device or a group
    BUS_KIND_COUNT,
};

struct bus_event {
    enum bus_kind kind;
    int32_t catalog;
    int64_t device;
    const char *id; // device id, 32 hex digits
    int64_t at;     // Unix ms
    int64_t account;
    int state;                                 // enum device_state
    bool online;                               // has a live session
    int lifecycle;                             // enum device_lifecycle
    int level;                                 // enum journal_level
    const char *name, *source, *text, *fields; // fields: a JSON object as text, or NULL
    size_t count;
    const char *const *names;
    const double *values;
    uint32_t messages, refused;
};

typedef void bus_sink(void *ctx, const struct bus_event *e);

struct bus;

struct bus *bus_new(void);
void bus_free(struct bus *b);
void bus_subscribe(struct bus *b, bus_sink *sink, void *ctx); // at most 16, before serving
void bus_publish(struct bus *b, const struct bus_event *e);   // any thread; b may be NULL
