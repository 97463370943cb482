// SPDX-License-Identifier: Apache-2.0
//
// sim_server: a server of one connection at a time, which says and does what a script tells it.
//
//   script runs in a thread:  accept -> upgrade -> expect -> say -> close

#pragma once

#include <jansson.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "support/sim_ca.h"

struct sim_server;
typedef void sim_script(struct sim_server *s);

struct sim_server {
    struct sim_ca ca;      // of the server's certificate and of its time
    struct sim_ca devices; // of operational certificates
    char folder[64], ca_file[80];
    int port, listener, fd;
    SSL_CTX *tls;
    SSL *ssl;
    X509 *time_cert;
    EVP_PKEY *time_key;
    sim_script *script;
    void *ctx;          // the test's own
    const char *failed; // what the script did not like; NULL: all went well
    uint8_t buf[70000];
    size_t len;
    pthread_t thread;
};

// san is what the certificate names: "IP:127.0.0.1".
void sim_server_start(struct sim_server *s, const char *san, sim_script *script, void *ctx);
void sim_server_stop(struct sim_server *s); // waits for the script

// ---- for scripts; each gives up after 5 s and sets failed
bool sim_accept(struct sim_server *s);  // TLS with a client certificate
bool sim_upgrade(struct sim_server *s); // reads the request, answers it
json_t *sim_hear(struct sim_server *s); // the next text frame; NULL: a close or the end
bool sim_expect(struct sim_server *s, const char *type, json_t **out); // out may be NULL
void sim_say(struct sim_server *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_challenge(struct sim_server *s, int64_t time_ms);
// The verdict with a certificate for the CSR of the evidence.
void sim_verdict(struct sim_server *s, json_t *evidence, const char *kind, int64_t renew_in_ms);
void sim_frame(struct sim_server *s, int op, const char *text, size_t len);
// The opcode of the next frame, -1 at the end; its payload is the start of buf and stays there.
int sim_control(struct sim_server *s);
void sim_close(struct sim_server *s, int code); // close frame, waits for the answer
void sim_cut(struct sim_server *s);             // without a word
