// SPDX-License-Identifier: Apache-2.0
//
// http/dispatch: from a request to its answer, whoever carries the bytes.
//
//   match → limits → who → CSRF → permission → catalog → body → [transaction: handler, audit] →
//   answer
//
// civetweb is one carrier; tests are another.

#pragma once

#include "core/log.h"
#include "http/cursor.h"
#include "http/http.h"
#include "http/route.h"

#define REQUEST_ID_LEN 32

struct http;

// What a handler's helpers need of the dispatcher: q->dispatch.
struct dispatch {
    const uint8_t *cursor_key;
    const struct route *route;
    const char *path;  // decoded, without the query
    const char *unfit; // name of a query parameter that was longer than its handler takes
    char next[CURSOR_SIZE];
};
