// SPDX-License-Identifier: Apache-2.0
//
// wire: a stranger's device: TLS, WebSocket frames and JSON, nothing of ours but this.
//
// Says exactly what a test tells it to, right or wrong. Every wait is bounded.

#pragma once

#include <jansson.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_WAIT_MS 30000

enum wire_op {
    WIRE_MORE = 0,
    WIRE_TEXT = 1,
    WIRE_BINARY = 2,
    WIRE_CLOSE = 8,
    WIRE_PING = 9,
    WIRE_PONG = 10,
    WIRE_GONE = 100, // the connection ended without a close frame
    WIRE_SILENT,     // nothing came in time
};

struct wire;

struct wire_options {
    int port;
    EVP_PKEY *key; // NULL: no certificate
    X509 *cert, *ca;
    SSL_SESSION *resume;
    int version; // TLS; 0: any
};

struct wire_frame {
    enum wire_op op;
    int code;   // of a close frame
    char *text; // owned by the wire until the next call
    size_t len;
};

// NULL when TLS was refused (also if that shows only at the first read).
struct wire *wire_open(const struct wire_options *o);
void wire_free(struct wire *w); // NULL is fine
SSL *wire_ssl(struct wire *w);

int wire_dial(int port); // only TCP; close() it

// Sends a request head and returns the status, 0 if the connection ended.
int wire_request(struct wire *w, const char *head);
bool wire_upgrade(struct wire *w);                       // as the protocol says
struct wire *wire_connect(const struct wire_options *o); // open and upgrade

bool wire_write(struct wire *w, const void *bytes, size_t len);
bool wire_frame(struct wire *w, bool fin, enum wire_op op, const void *payload, size_t len);
bool wire_say(struct wire *w, const char *text);
bool wire_say_json(struct wire *w, json_t *owned);

// The next frame; answers pings by itself unless mute.
struct wire_frame wire_next(struct wire *w, int timeout_ms);
void wire_mute(struct wire *w, bool mute);
// The next text frame of this type ("ack" frames are skipped unless asked for); NULL if another
// thing came. Owned by the caller.
json_t *wire_hear(struct wire *w, const char *type);
// Reads on until the close code; 0 if it just ended, -1 if it did not.
int wire_close_code(struct wire *w);
