// SPDX-License-Identifier: Apache-2.0
//
// session: one device's connection, as messages. It knows nothing of sockets.
//
//   operational, quarantine: hello --> settings --> telemetry log event reported | renew
//   factory:                 hello --> challenge --> evidence --> verdict --> end
//   stranger:                hello --claim code--> goes on as factory, or is told why not
//
// Lives in one loop's thread. What may block is asked of the workers through the
// port; answers come back with session_answer(). Bad input gets a nack that
// says what and why, then, where the sender cannot be trusted to go on, a close code.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "gateway/identity.h"
#include "protocol/protocol.h"

struct ingest;
struct ingest_device;
struct intake_step;
struct job;
struct session;
struct held_frame;

// What a session asks of its surroundings.
struct session_port {
    bool (*ask)(struct session *s, struct job *owned); // false: the workers are busy; job freed
    void (*send)(struct session *s, const char *text, size_t len); // copies
    void (*close)(struct session *s, enum close_code code, const char *reason);
    void (*pause)(struct session *s, bool on);
    // Public key of the certificate, DER; 0 if there is none.
    size_t (*key)(struct session *s, uint8_t *out, size_t size);
    void (*from)(struct session *s, struct sockaddr_storage *out); // the address it comes from
    bool (*exporter)(struct session *s, uint8_t out[32]);          // TLS exporter, RFC 9266
    // This device has a session now: ends another one first. Calls session_attach() when clear.
    void (*claim)(struct session *s);
};

enum session_phase {
    SESSION_HELLO,    // nothing said yet
    SESSION_KNOCKING, // may it be a device here?
    SESSION_ATTACHING,
    SESSION_STEADY,
    SESSION_ENDING, // nothing more is read
};

struct attestation;
struct dumping;

struct session {
    const struct session_port *port;
    struct ingest *gate; // all of ingest
    struct ingest_device *ingest;
    struct attestation *trial;  // only while attesting
    struct held_frame *held;    // read, but ingest was full
    int64_t opened_at, seen_at; // ms, monotonic
    int64_t boot;
    int64_t first_seq, acked_seq; // of this boot, for the limit in flight
    int64_t ack_boot, ack_seq;    // to be sent
    enum session_phase phase;
    bool ack_due, quarantined;
    bool loud;            // it said it obeys another level than the usual one
    uint8_t renewals;     // in this window
    uint8_t level;        // enum journal_level: what it is to say
    uint32_t settings;    // version last sent; 0: none
    uint16_t ping_s;      // announced
    int64_t renewal_at;   // start of the window
    struct dumping *dump; // since one was offered
    struct identity who;
};

// now_ms: monotonic.
void session_open(struct session *s, const struct session_port *port, struct ingest *gate,
                  const struct identity *who, int64_t now_ms);
void session_frame(struct session *s, const char *text, size_t len, int64_t now_ms);
void session_answer(struct session *s, struct job *j); // takes what it wants out of j
void session_attach(struct session *s);
void session_acked(struct session *s, int64_t boot, int64_t seq);
void session_flush_ack(struct session *s); // into port->send
// What it is to say from now on, unless that is so already: settings of a higher version.
void session_level(struct session *s, int level);
void session_drained(struct session *s, int64_t now_ms);
// Ends what has waited too long or outlived its certificate. now_s: Unix.
void session_tick(struct session *s, int64_t now_ms, int64_t now_s);
void session_end(struct session *s); // releases all; s itself is the caller's

// The device's rights ended: it is told what happened to it. why: of the bus event, may be NULL.
void session_revoke(struct session *s, const char *why);

// For the loop: a frame that cannot be read at all.
void session_refuse(struct session *s, const char *code, enum close_code close, const char *text);
