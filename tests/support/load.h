// SPDX-License-Identifier: Apache-2.0
//
// load: many kept TLS connections from one thread, and how long each answer took.
//
//   load_open -> load_run (as fast as answers come, or at a rate) … -> load_quantile_ms

#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/edge_rig.h"

struct conn {
    int fd;
    SSL *ssl;
    bool asked;
    int64_t asked_at;
    size_t want, got; // of the answer; want 0: its head is not here yet
    char head[2048];
};

struct load {
    int epoll;
    struct conn *list;
    int count;
    const char *ask; // borrowed: the request, sent again and again
    uint32_t *us;    // latencies
    size_t answered;
    long refused;       // answers that are not 2xx
    long lost, skipped; // broken; not sent because every connection still waited
};

int64_t load_now_us(void);
int load_reach(const char *address, uint16_t port); // a connected socket, or -1
SSL_CTX *load_tls(const struct rig_identity *as);   // NULL: without certificate
bool load_conn_open(struct conn *c, const char *address, uint16_t port, SSL_CTX *ctx);
void load_conn_close(struct conn *c);

bool load_open(struct load *l, const char *address, uint16_t port, SSL_CTX *ctx, int count,
               const char *ask);
void load_run(struct load *l, int64_t ms, int rate); // rate 0: closed loop
double load_quantile_ms(struct load *l, double q);
void load_close(struct load *l);
