// SPDX-License-Identifier: Apache-2.0
//
// edge_rig: an edge on free loopback ports, a backend that does as its path says, and
// clients that send exactly the bytes they are told to.
//
//   struct rig --rig_start--> edge + 8 backend workers;  rig_connect() --> struct caller

#pragma once

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "edge/edge.h"

#define RIG_WORKERS 8  // what one edge uses
#define RIG_THREADS 20 // so that a test may start a second edge
#define RIG_SECRET  "0123456789abcdef0123456789abcdef"

struct rig_identity {
    X509 *cert;
    EVP_PKEY *key;
    char *cert_pem, *key_pem; // owned
};

struct rig {
    struct edge_options options; // set before rig_start(); the rest is filled in
    struct edge *edge;
    struct rig_identity server_ca, server, device_ca, device, foreign_ca, foreign;
    int listener;
    pthread_t workers[RIG_THREADS];
    atomic_bool stop;
    atomic_bool held; // /api/slow/held answers when this is false
    atomic_int drops; // how often /api/drop still hangs up without an answer
    atomic_long bytes, requests, connections;
    char last[20000]; // the last request as the backend saw it
    pthread_mutex_t lock;
    char web[64]; // a throw-away folder of assets
};

struct caller {
    int fd;
    SSL *ssl;
    SSL_CTX *ctx;
    char rest[8192]; // read beyond the last answer
    size_t rest_len;
};

struct call_options {
    const struct rig_identity *as; // client certificate
    SSL_SESSION *session;
    int max_version;
    const char *alpn; // one name
    bool plain;
    uint16_t port;    // 0: the edge's
    const char *from; // local address; NULL: 127.0.0.1
    int receive_buffer;
};

struct answer {
    int status;
    char head[8192];
    char *body; // owned
    size_t len;
};

void rig_identity_make(struct rig_identity *out, const char *name, const struct rig_identity *ca,
                       int days);
void rig_identity_done(struct rig_identity *i);
void rig_init(struct rig *r);
void rig_start(struct rig *r);
void rig_stop(struct rig *r);
int rig_teardown(void **state); // of a group whose state is the rig
void rig_asset(struct rig *r, const char *name, const char *text);

// NULL when the handshake is refused.
struct caller *rig_connect(struct rig *r, const struct call_options *o);
void caller_close(struct caller *c); // NULL is fine
bool caller_send(struct caller *c, const void *data, size_t len);
bool caller_text(struct caller *c, const char *text);
long caller_recv(struct caller *c, void *to, size_t size); // 0: ended, -1: reset or 10 s
bool caller_answer(struct caller *c, bool bodiless, struct answer *out);
void answer_done(struct answer *a);
// Everything until the other side closes; malloc'd, NUL-terminated.
char *caller_rest(struct caller *c);
bool caller_closed(struct caller *c, int ms); // within ms the other side hung up

// One connection, one request, its answer.
int rig_ask(struct rig *r, const char *request, struct answer *out);
int rig_silent_socket(struct rig *r); // connected, says nothing
int64_t rig_ms(void);
