// SPDX-License-Identifier: Apache-2.0
//
// ws: the client's half of RFC 6455, as functions over bytes.
//
//   ws_request -> server -> ws_response      once a connection
//   payload -> ws_seal -> server             masked, one frame a call
//   server -> ws_parse -> ws_join            frames, then whole messages
//
// Nothing here reads or writes a socket, so that every rule can be tested and fuzzed alone.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define WS_KEY_LEN     24    // base64 of 16 random bytes
#define WS_HEADER_MAX  8     // of a client's frame: 2 + 2 + mask
#define WS_PAYLOAD_MAX 65535 // we send and take no more than this in one message

enum ws_op {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

struct ws_frame {
    int op;
    bool fin;
    const uint8_t *data;
    size_t len;
};

struct ws_inbox { // a message whose end has not come yet
    uint8_t *part;
    size_t len;
    int op;
    bool open;
};

// The upgrade request; key gets WS_KEY_LEN characters and a NUL. Returns the length, 0 if size is
// too small.
size_t ws_request(char *out, size_t size, const char *host, const char *path, const char *protocol,
                  char key[WS_KEY_LEN + 1]);

// Bytes of the answer's head once it is whole and right, 0 while it is not whole, -1 with f
// filled in when the server did not switch.
long ws_response(const char *in, size_t len, const char *protocol, const char *key,
                 struct fault *f);

// Bytes used for one frame, 0 if more are needed, -(close code) if the server broke a rule.
long ws_parse(const uint8_t *in, size_t len, struct ws_frame *out);

// 1: *out is a whole message or a control frame, valid until the next call; 0: more to come;
// negative: -(close code).
int ws_join(struct ws_inbox *b, const struct ws_frame *f, struct ws_frame *out);
void ws_inbox_done(struct ws_inbox *b);

// Turns len payload bytes at frame + WS_HEADER_MAX into a masked frame that starts at frame;
// returns its length.
size_t ws_seal(uint8_t *frame, int op, size_t len, const uint8_t mask[4]);

void ws_mask(uint8_t *data, size_t len, const uint8_t mask[4]);
