// SPDX-License-Identifier: Apache-2.0
//
// head: one HTTP/1.1 message head, checked as strictly as RFC 9112 allows.
//
//   bytes --head_feed--> HEAD_MORE … HEAD_DONE | HEAD_BAD (status, reason)
//
// Pure: no I/O, no allocation. Everything is a span into the caller's bytes, which
// may move between two calls. Whatever two parsers could read in two ways (two
// lengths, folded lines, bare line feeds, dot segments…) is refused here, so that
// nothing behind the edge ever sees it.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_FIELDS   56
#define HEAD_SIZE     (16 * 1024)
#define HEAD_URI_SIZE (8 * 1024)

enum head_state {
    HEAD_MORE,
    HEAD_DONE,
    HEAD_BAD,
};

enum method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
};

struct span {
    uint32_t at, len;
};

struct field {
    struct span name, value; // value without white space around it
};

struct head {
    bool answer; // reads a status line instead of a request line
    int bad;     // HEAD_BAD: the status to answer with
    size_t size; // HEAD_DONE: bytes of the head, with its last line
    size_t line; // where the line being read starts
    size_t seen; // bytes already searched for its end
    bool titled; // the first line is behind us
    enum method method;
    int status;                      // of an answer
    int minor;                       // HTTP/1.minor
    struct span target, path, query; // query without '?'
    int count;
    struct field fields[HEAD_FIELDS];
    int64_t length; // Content-Length; -1 when there is none
    bool chunked;
    bool close;                         // Connection: close, or HTTP/1.0
    bool expects;                       // Expect: 100-continue
    bool upgrades;                      // has an Upgrade field
    int hosts, codings, authorizations; // how often they were there
    const char *reason;                 // HEAD_BAD: for people
};

void head_init(struct head *h, bool answer);
// at and len are always the whole head so far.
enum head_state head_feed(struct head *h, const char *at, size_t len);

const char *method_name(enum method m);
// The first field of that name, ignoring case; NULL if there is none.
const struct field *head_find(const struct head *h, const char *at, const char *name);
bool span_is(const char *at, struct span s, const char *text); // ignoring case
// Whether a comma-separated value lists the token, ignoring case.
bool span_lists(const char *at, struct span s, const char *token);
