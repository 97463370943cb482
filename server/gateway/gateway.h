// SPDX-License-Identifier: Apache-2.0
//
// gateway: the port that devices connect to: orrery.device.v1 over WebSocket and mutual TLS.
//
//   device --TLS, client certificate--> loop --session--> ingest, attest
//   ingest, bus, workers --notes--> loop --> device
//
// Some loops (cores - 1) and two worker threads; loops never block. Whoever is not on the
// roster is refused in the handshake; revocation ends live sessions at once. While
// the server's own clock cannot be trusted nothing is issued and nothing judged.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct bus;
struct catalogs;
struct doors;
struct gateway;
struct ingest;
struct intakes;
struct keeper;
struct roster;
struct store;

// All borrowed; they must outlive the gateway.
struct gateway_options {
    const char *listen;  // address:port; port 0 picks a free one
    int64_t loops;       // 0: cores - 1, at least 1
    int64_t per_address; // connections
    int64_t idle_s;      // silence before a ping; 0: as the protocol says
    struct store *store;
    struct roster *roster;
    struct catalogs *catalogs;
    struct doors *doors; // NULL: no registration windows
    struct keeper *keeper;
    struct ingest *ingest;
    struct intakes *intakes; // NULL: crash dumps are refused
    struct bus *bus;
    const char *cert_pem; // server certificate, then its CA, which a new device pins by its hash
    const char *key_pem;
    const char *device_root_pem;
    int64_t cert_lifetime_s; // of what is issued; 0: the keeper's own
    int64_t cert_quarantine_s;
};

// Hooks ingest and subscribes to the bus, so: after ingest_start, before anything is published.
// Refuses to start when its verify hook would let a stranger in.
enum rc gateway_start(const struct gateway_options *o, struct gateway **out, struct fault *f);
int gateway_port(const struct gateway *g);
// A new server certificate for new connections.
enum rc gateway_reload(struct gateway *g, const char *cert_pem, const char *key_pem,
                       struct fault *f);
void gateway_drain(struct gateway *g); // no new connections; sessions are told to come back later
// Drains (waits at most 5 s) and ends the threads. Calls of ingest and bus are ignored from now on.
void gateway_stop(struct gateway *g);
void gateway_free(struct gateway *g); // after ingest_stop; NULL is fine

struct gateway_stats {
    int64_t connections; // sockets
    int64_t handshaking;
    int64_t sessions;
    int64_t strangers;
    uint64_t accepted, refused, established, closed;
    uint64_t frames, bytes_in, bytes_out;
    uint64_t jobs_waiting;
};
void gateway_stats(const struct gateway *g, struct gateway_stats *out);
// False while it drains or its clock is not to be trusted; text says why.
bool gateway_is_ready(const struct gateway *g, char *text, size_t size);
