// SPDX-License-Identifier: Apache-2.0
//
// token: the telemetry tokenizer, the hot path's JSON reader.
//
// Reads one frame of the device protocol: an object or an array of objects. An object
// of type "telemetry" is validated and split into slices of the frame, without
// allocating; any other is handed back whole, for jansson. It accepts exactly what
// jansson accepts with JSON_REJECT_DUPLICATES (tests compare the two).
//
//   frame --token_next--> TELEMETRY | OTHER | REFUSED … --> END | BROKEN
//
// Well-formed is not yet allowed: a metric that is no number, a name with an escape, a 65th
// metric are REFUSED with a reason and cost only their own message.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_METRICS_MAX 64
#define TOKEN_NAME_MAX    64

struct token_slice {
    const char *at;
    size_t len;
};

struct token_metric {
    struct token_slice name; // between the quotes; holds no escape
    double value;
};

struct token_reading {
    int64_t seq;
    int64_t t;    // Unix ms
    int64_t boot; // 0 unless the message carries its own
    size_t count;
    struct token_metric metrics[TOKEN_METRICS_MAX];
};

enum token_kind {
    TOKEN_END,       // nothing more in this frame
    TOKEN_TELEMETRY, // reading is filled in
    TOKEN_OTHER,     // a well-formed object of another type: object is its text
    TOKEN_REFUSED,   // a well-formed telemetry object that breaks a rule: reason says which,
                     // reading.seq (0 if unknown) whose; the frame goes on
    TOKEN_BROKEN,    // not JSON, or not an object: the frame is lost, reason says why
};

struct token_cursor {
    const char *at, *end;
    bool array;
    bool started;
    struct token_reading reading;
    struct token_slice object;
    const char *reason; // static
    const char *code;   // of a refusal: the nack code, "malformed" or "metrics"
};

void token_start(struct token_cursor *c, const char *frame, size_t len);
enum token_kind token_next(struct token_cursor *c);
