// SPDX-License-Identifier: Apache-2.0
//
// loop: one thread with its own listening socket, libwebsockets context and sessions.
//
//   SO_REUSEPORT accept, paced --> TLS --> upgrade at /device --> session
//   other threads --loop_post--> queue --ev_async--> this thread
//
// Nothing here blocks. libwebsockets runs on libev: its own poll loop costs three times
// as much at thousands of connections. What a session may not do itself comes back as
// a note; only loop_post is safe from other threads.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "gateway/job.h"
#include "gateway/levels.h"
#include "gateway/presence.h"
#include "gateway/tls.h"
#include "ingest/ingest.h"

struct loop;

enum note_kind {
    NOTE_ANSWER,  // a worker's; job
    NOTE_ACKS,    // of ingest; acks
    NOTE_DRAINED, // ingest takes again
    NOTE_REVOKE,  // device
    NOTE_LEVELS,  // levels, level_count
    NOTE_REPLACE, // session ends, then place may attach
    NOTE_CLEAR,   // session may attach
    NOTE_CERTIFY, // chain, key
    NOTE_DRAIN,   // no new connections; all sessions end
    NOTE_STOP,
};

struct note {
    struct note *next;
    enum note_kind kind;
    uint64_t session;
    struct place place;
    uint8_t device[16];
    char why[20];            // of NOTE_REVOKE
    struct job *job;         // owned
    char *chain, *key;       // owned
    struct level_of *levels; // owned
    size_t level_count;
    size_t count;
    struct ingest_ack acks[];
};

// What all loops share; lives longer than they do.
struct loop_shared {
    struct tls tls;
    struct presence *presence;
    struct clerks *clerks;
    struct ingest *ingest;
    uint32_t per_address;
    uint16_t ping_s; // of silence, before a ping; some more, and the connection is cut
    // A device has a session now, from there; before: its older one, which ends, or NULL.
    void (*arrived)(void *ctx, const struct identity *who, const struct sockaddr_storage *from,
                    const struct place *before);
    // A note for another loop; owned.
    void (*post)(void *ctx, uint32_t loop, struct note *owned);
    void *ctx;
    _Atomic int64_t connections, sessions, arrivals, strangers;
    _Atomic uint64_t accepted, refused, established, frames, received, sent, nacked, closed;
};

// fd: a listening socket, owned. index: the loop's number in acks and places. Creates the
// libwebsockets context; call for all loops, one after the other, before any is started.
enum rc loop_new(struct loop_shared *shared, uint32_t index, int fd, const char *chain_pem,
                 const char *key_pem, struct loop **out, struct fault *f);
enum rc loop_start(struct loop *l, struct fault *f);
void loop_join(struct loop *l); // after NOTE_STOP
void loop_free(struct loop *l); // NULL is fine

struct note *note_new(enum note_kind kind, size_t acks); // aborts when out of memory
void note_free(struct note *n);
void loop_post(struct loop *l, struct note *owned); // any thread

SSL_CTX *loop_tls(struct loop *l);
