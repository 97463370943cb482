// SPDX-License-Identifier: Apache-2.0
//
// client: one connection of the public port, and the request it is busy with.
//
//   handshake -> head -> [body] -> answer -> head …   (kept)
//                  |                  \-> linger      (closed so that the answer arrives)
//                  \-> live                           (a WebSocket, pumped both ways)
//
// Shared by the edge's own files only. All of it belongs to the edge's thread, but
// for the TLS context, which edge_reload() swaps under its lock, and the counters.
// Nothing calls back into a client: whoever has news for one posts its task.

#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "core/log.h"
#include "edge/chunk.h"
#include "edge/edge.h"
#include "edge/head.h"
#include "net/bytes.h"
#include "net/reactor.h"

#define HANDSHAKES_A_TURN 2
#define HANDSHAKE_TURN_US 400
#define HANDSHAKE_MS      10000
#define HEAD_MS           5000 // from its first byte
#define IDLE_MS           60000
#define BODY_WINDOW_MS    5000
#define BODY_WINDOW_BYTES (5 * 1024)
#define WRITE_WINDOW_MS   20000
#define WRITE_WINDOW_SIZE (20 * 1024)
#define LIVE_UNSENT       (16 * 1024)
#define LINGER_MS         5000
#define LINGER_SIZE       (4 * 1024 * 1024)
#define QUEUE_MS          30000 // waiting for a backend connection
#define ANSWER_MS         60000 // waiting for the backend's answer
#define REOPEN_MS         100
#define COLD_MS           3 // until a file's bytes are looked for in memory again
#define SCRATCH_SIZE      (64 * 1024)

enum client_state {
    CLIENT_HANDSHAKE,
    CLIENT_HEAD,
    CLIENT_BODY,
    CLIENT_ANSWER,
    CLIENT_LIVE,
    CLIENT_LINGER,
    CLIENT_DEAD,
};

enum flow {
    FLOW_MORE,    // something moved: go on
    FLOW_BLOCKED, // the socket takes or gives no more now
    FLOW_WAIT,    // somebody will post the client's task
    FLOW_END,     // all was given
    FLOW_BROKEN,  // the connection is of no use any more
};

enum listener_kind {
    LISTEN_TLS,
    LISTEN_PLAIN,
    LISTEN_METRICS,
};

struct listener {
    struct watch watch;
    struct timer timer; // armed while out of descriptors
    struct edge *edge;
    enum listener_kind kind;
    uint16_t port;
};

struct client;

// Who makes the answer of a request. pull writes, or adds to out, what comes next;
// gone lets go of what it holds, at the end or when the client leaves.
struct responder {
    const char *name;
    enum flow (*pull)(struct client *c);
    void (*gone)(struct client *c);
};

struct request {
    struct bytes text; // the head as it came
    struct head head;
    struct bytes body;
    struct chunk chunk;
    struct bytes path_text;
    const char *path; // as it came, without the query; NULL until the head is here
    char id[17];
    char remote[INET6_ADDRSTRLEN];
    char peer[65]; // "" or the client certificate's fingerprint
    int64_t began_us;
    int status;
    uint64_t sent;
    const struct responder *by;
    bool bodiless; // HEAD: the answer's body is not sent

    const char *memory; // edge_static: what is left to send
    size_t memory_len;

    int file; // edge_file
    int64_t file_at, file_end;
    int file_tries;

    struct backend *backend; // edge_rest
    struct client *queue_prev, *queue_next;
    bool queued, slow, retried, finished, rechunk;
    char stream[33]; // "" or the ticket of what takes over
};

struct client {
    struct watch watch;
    struct task task;
    struct timer timer;
    struct grave grave;
    struct edge *edge;
    struct client *prev, *next;
    struct client *handshake_next;
    SSL *ssl; // NULL on a plain listener
    struct bytes in, out;
    struct request *req;
    struct live *live;
    size_t moved; // bytes within the window of the running timer
    enum client_state state;
    enum listener_kind kind;
    bool handshake_queued;
    bool driven;           // client_drive() is at work, so its task need not be posted
    bool blocked;          // out has bytes that the socket does not take
    bool read_wants_write; // OpenSSL's wish, either way
    bool write_wants_read;
    bool broken;      // no close_notify: OpenSSL's state is lost
    bool ended;       // the peer will send no more
    bool closing;     // after this answer
    bool counted;     // in the table of addresses
    uint8_t addr[16]; // IPv4 mapped into IPv6
    char peer[65];
};

struct queue {
    struct client *first, *last;
};

struct backend;
struct assets;
struct addresses;

struct edge {
    struct reactor *reactor;
    pthread_t thread;
    bool started;
    struct edge_hooks hooks;
    struct listener listeners[2];
    int listener_count;

    pthread_mutex_t lock; // tls, tls_options, drained
    pthread_cond_t drained;
    SSL_CTX *tls;
    struct edge_tls tls_options; // owned texts
    char *live_protocol, *backend_secret, *proxy_secret;
    uint16_t backend_port;
    int per_address, max_clients;
    size_t buffered_max;

    struct timer_queue handshakes, heads, idles, bodies, writes, lingers, waits, cold;
    struct timer_queue answers, reopens, accepts;
    struct client *clients;
    struct client *handshake_first, **handshake_last;
    struct addresses *addresses;
    struct assets *assets;
    struct backend *backends;
    struct queue fast, slow;

    size_t buffered; // of bodies and answers
    uint64_t request_seed;
    uint64_t request_number;
    int64_t date_at; // second for which date holds
    char date[32];
    struct edge_counts counts;    // by count() and gauge() only
    bool draining;                // the loop's own
    bool is_drained;              // under lock
    int asked_to_drain, quitting; // set by others, atomically
    char scratch[SCRATCH_SIZE];   // never held over a call that may use it
};

#define count(e, what)       __atomic_fetch_add(&(e)->counts.what, 1, __ATOMIC_RELAXED)
#define count_by(e, what, n) __atomic_fetch_add(&(e)->counts.what, (uint64_t)(n), __ATOMIC_RELAXED)
#define count_down(e, what)  __atomic_fetch_sub(&(e)->counts.what, 1, __ATOMIC_RELAXED)
#define gauge(e, what, n)    __atomic_store_n(&(e)->counts.what, (uint64_t)(n), __ATOMIC_RELAXED)

// edge_tls: contexts
enum rc tls_new(const struct edge_tls *t, SSL_CTX *old, SSL_CTX **out, struct fault *f);
enum rc tls_copy(const struct edge_tls *from, struct edge_tls *to, struct fault *f);
void tls_done(struct edge_tls *t);

// edge_accept: listeners, connections an address
enum rc listener_open(struct edge *e, const char *where, enum listener_kind kind, struct fault *f);
void listeners_close(struct edge *e);
void accept_again(struct timer *t);
struct addresses *addresses_new(void);
void addresses_free(struct addresses *a);
void address_leaves(struct edge *e, const uint8_t addr[16]);

// edge_conn: bytes of one connection
void handshake_queue(struct client *c);
bool handshake_turn(struct edge *e);
ssize_t conn_read(struct client *c, void *to, size_t size); // 0: ended, -1: wait, -2: broken
ssize_t conn_write(struct client *c, const void *from, size_t len); // -1: wait, -2: broken
bool conn_has_more(const struct client *c); // read already, so epoll will not tell
enum flow conn_flush(struct client *c);     // FLOW_END: out is empty

// edge_client: the states
// False when out of memory: the descriptor is still the caller's.
bool client_open(struct edge *e, int fd, enum listener_kind kind, const uint8_t addr[16]);
void client_secured(struct client *c); // its handshake is done
void client_close(struct client *c);
void client_bury(struct client *c); // frees a closed one at the end of the turn
void client_drive(struct client *c);
void client_answers(struct client *c, const struct responder *by);
void client_lives(struct client *c); // from now on its live is pumped
void client_queues(struct edge *e);  // sets up the timers
void client_shut(struct client *c);  // ends it in the order the protocol wants

// edge_reply: answers made here
void reply_start(struct client *c, int status, const char *type, int64_t length);
void reply_field(struct client *c, const char *name, const char *value);
void reply_end(struct client *c);
void reply_done(struct client *c); // all of the answer is in out
void reply_problem(struct client *c, int status, const char *detail);
void answer_text(struct client *c, int status, const char *type, const char *text, size_t len);
void reply_common(struct client *c); // Date, request id, security headers
bool reply_is_ours(const char *at, struct span name);
const char *status_phrase(int status);

// edge_route
void route_head(struct client *c); // the head is here
void route_body(struct client *c); // and the body

// edge_static
enum rc assets_load(const char *dir, struct assets **out, struct fault *f);
void assets_free(struct assets *a);
void static_answer(struct client *c);
bool etag_matches(const struct request *q, const char *name, const char *etag);

// edge_file
void file_answer(struct client *c, const struct edge_file *f);

// edge_rest, edge_backend
void rest_answer(struct client *c);
void rest_put(struct client *c, bool first);
void rest_leave(struct client *c);                          // out of the queue
void rest_lost(struct client *c, bool unheard, bool begun); // its connection broke
void rest_begin(struct client *c, const struct head *answer, const char *at, bool rechunk);
void rest_data(struct client *c, const char *data, size_t len);
void rest_end(struct client *c);
bool rest_full(const struct client *c);
void rest_head(const struct client *c, struct bytes *out);
enum rc backends_open(struct edge *e, struct fault *f);
void backends_close(struct edge *e);
void backends_wake(struct edge *e, bool slow); // idle ones look at the queue
void backend_forget(struct backend *b);        // its client left
void backend_resume(struct backend *b);

// edge_live
void live_answer(struct client *c);
enum flow live_pump(struct client *c);
void live_close(struct client *c);
void stream_answer(struct client *c);  // the head is in out
void stream_decline(struct client *c); // nobody comes for the ticket
