// SPDX-License-Identifier: Apache-2.0
//
// wire: the messages between server and keeper, one datagram each way.
//
//   request: op u32, id u32, fields…      answer: rc u32, id u32, fields… (or the fault's text)
//
// Numbers are native (both ends are one binary), texts and bytes carry their length. A
// reader that runs past the end or finds a text too long fails once and for all;
// the caller asks wire_ok() at the end. Nothing here trusts the other end.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX (32 * 1024)

struct wire {
    size_t at, len;
    bool bad;
    uint8_t bytes[WIRE_MAX];
};

enum keeper_op {
    OP_STATUS = 1,
    OP_CATALOG,
    OP_ISSUE,
    OP_CA,
    OP_SERVER_CERT,
    OP_TIME,
    OP_SEAL,
    OP_SECRET,
    OP_COUNT,
};

void wire_start(struct wire *w, uint32_t first, uint32_t id);
void wire_put_u32(struct wire *w, uint32_t n);
void wire_put_i64(struct wire *w, int64_t n);
void wire_put_bytes(struct wire *w, const void *bytes, size_t len);
void wire_put_text(struct wire *w, const char *text);
void wire_put_exact(struct wire *w, const void *bytes, size_t len); // no length before it

uint32_t wire_get_u32(struct wire *w);
int64_t wire_get_i64(struct wire *w);
// Exactly len bytes.
void wire_get_exact(struct wire *w, void *out, size_t len);
// Borrowed from w; *len at most max.
const uint8_t *wire_get_bytes(struct wire *w, size_t max, size_t *len);
// Copied with a NUL; a text with a NUL inside is bad.
void wire_get_text(struct wire *w, char *out, size_t size);

// Everything was read, nothing is left, nothing was malformed.
bool wire_ok(const struct wire *w);

bool wire_send(int fd, const struct wire *w);
// 1 for a message, 0 when the other end is gone or the message is too long, -1 after timeout_ms.
int wire_receive(int fd, struct wire *w, int timeout_ms);
