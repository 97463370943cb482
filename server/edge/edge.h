// SPDX-License-Identifier: Apache-2.0
//
// edge: the public HTTPS port, and all that a stranger's bytes meet first.
//
//   client --TLS--> head check --+--> web assets, files        (answered here)
//                                +--> REST: queue --8 kept connections--> civetweb
//                                +--> /live: socketpair --> hook that adopts it
//
// One epoll thread. A request reaches a backend only after its head passed the
// strict RFC 9112 check and its body is here whole, so nothing that is slow,
// silent or smuggled ever holds a worker. The edge knows no module: what it
// cannot answer itself it asks through the hooks, which must not block.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/rc.h"

// The edge puts these in front of every request it hands on, and drops what a
// client sends under such names (X-Orrery-CSRF is the client's own and passes).
#define EDGE_SECRET_HEADER  "X-Orrery-Secret"  // per boot; compare in constant time
#define EDGE_REQUEST_HEADER "X-Orrery-Request" // request id, 16 hex digits
#define EDGE_REMOTE_HEADER  "X-Orrery-Remote"  // client's address, no port
#define EDGE_PEER_HEADER                                                                           \
    "X-Orrery-Peer" // SHA-256 of the client certificate (DER), 64 hex
                    // digits; absent without a certificate
// In an answer of the backend alone, and never sent on: a stream takes over, named by this ticket.
#define EDGE_STREAM_HEADER "X-Orrery-Stream"
// edge=off: a proxy proves itself with this one and may then set Remote and Peer.
#define EDGE_PROXY_HEADER "X-Orrery-Proxy"

#define EDGE_BODY_MAX    (1024 * 1024)
#define EDGE_HEADERS_MAX 56 // civetweb keeps 64 and drops the rest silently
#define EDGE_FAST        6  // connections to civetweb for fast routes
#define EDGE_SLOW        2  // and for slow ones

// Files win over PEM texts where both are set. client_ca_pem names the CAs whose
// client certificates are asked for: device CAs only, so that no browser shows a
// certificate picker. NULL asks for none.
struct edge_tls {
    const char *cert_file, *key_file;
    const char *cert_pem, *key_pem;
    const char *client_ca_pem;
};

struct edge_file {
    int fd;         // consumed by the edge; the file never changes
    int64_t size;   // bytes
    char etag[72];  // strong, without quotes
    char type[64];  // content type
    bool immutable; // named by its content
};

// What the edge asks others. All run on the edge's thread and must not block; each
// may be NULL.
struct edge_hooks {
    void *ctx;
    // Is this a route that may hold a worker long (ROUTE_SLOW)?
    bool (*slow)(void *ctx, const char *method, const char *path);
    // Takes one end of a socketpair on which a browser's WebSocket upgrade arrives:
    // the filtered head (Host, Origin, Cookie, Authorization, Sec-WebSocket-* without
    // Extensions) waits in fd, ready to be read; head shows the same bytes. fd is
    // consumed even on failure; false makes the answer 503.
    bool (*live_adopt)(void *ctx, int fd, const char *head, size_t head_len, const char *remote);
    // Takes one end of a socketpair into which the rest of an answer is written, in chunks of
    // HTTP/1.1 with their last one. fd is consumed even on failure; false makes the answer 503.
    // With -1 for fd nobody comes for that ticket.
    bool (*stream_open)(void *ctx, const char *ticket, int fd);
    // Whether this client certificate (SHA-256 of its DER) may still be used; asked
    // after full and resumed handshakes alike.
    bool (*peer_allowed)(void *ctx, const uint8_t sha256[32]);
    // The parts of /readyz as JSON text, written to out; false means 503.
    bool (*ready)(void *ctx, char *out, size_t size);
    // Prometheus text for the metrics listener; malloc'd.
    char *(*metrics)(void *ctx, size_t *len);
    // Opens what lies behind a path under /images/; peer is "" without a client
    // certificate. RC_NOT_FOUND also hides what the caller may not see.
    enum rc (*file)(void *ctx, const char *path, const char *peer, struct edge_file *out);
};

struct edge_options {
    const char *listen;         // "0.0.0.0:8443", "[::]:8443"; port 0 picks a free one
    bool plain;                 // edge=off: no TLS; bind it to loopback
    const char *proxy_secret;   // plain only; NULL: identity is taken from no header
    const char *metrics_listen; // "127.0.0.1:9464"; NULL: none
    struct edge_tls tls;
    const char *web_dir;       // built dashboard; NULL: none
    const char *live_protocol; // the WebSocket subprotocol of /live; NULL: none
    uint16_t backend_port;     // civetweb on 127.0.0.1
    const char *backend_secret;
    int per_address; // connections one address may hold; 0: 200
    int max_clients; // connections in all; 0: what the descriptor limit gives
    size_t buffered; // bytes of bodies and answers held at most, in all; 0: 64 MiB
    struct edge_hooks hooks;
};

// Counters since the start, and gauges of this moment.
struct edge_counts {
    uint64_t accepted, refused_address, refused_full;
    uint64_t handshakes_full, handshakes_resumed, handshakes_failed;
    uint64_t requests[6]; // by class of status: [2] is 2xx
    uint64_t refused_heads, timeouts_head, timeouts_body, timeouts_write;
    uint64_t backend_retries, backend_opens, backend_failures;
    uint64_t live_opened;
    uint64_t bytes_in, bytes_out;
    uint64_t clients, lives;           // open now
    uint64_t queued, busy;             // requests waiting for and holding a backend connection
    uint64_t buffered;                 // bytes of bodies and answers held now
    uint64_t backend_open, queued_max; // kept connections up; longest queue seen
};

struct edge;

// Texts in options are copied. The listeners accept when this returns.
enum rc edge_start(const struct edge_options *o, struct edge **out, struct fault *f);
uint16_t edge_port(const struct edge *e);
uint16_t edge_metrics_port(const struct edge *e); // 0: none

// Reads certificate and key again and uses them from the next handshake on; open
// connections and tickets live on. NULL: from where edge_start had them.
enum rc edge_reload(struct edge *e, const struct edge_tls *tls, struct fault *f);

// Stops accepting, answers what is in flight with Connection: close and waits at most
// ms for it; true if all of it was answered.
bool edge_drain(struct edge *e, int64_t ms);
void edge_stop(struct edge *e); // NULL is fine
void edge_stats(struct edge *e, struct edge_counts *out);
