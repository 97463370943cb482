// SPDX-License-Identifier: Apache-2.0
//
// http/dispatch: from a request to its answer, whoever carries the bytes.
//
//   match → who → limits → CSRF → permission → catalog → body → [transaction: handler, audit] →
//   answer
//
// civetweb is one carrier, tests are another. Nothing here knows sockets.

#pragma once

#include "access/access.h"
#include "http/cursor.h"
#include "http/http.h"
#include "http/rate.h"
#include "http/route.h"

#define REQUEST_ID_LEN 32
#define JSON_DEPTH_MAX 32
#define CSRF_HEADER    "X-Orrery-CSRF"
#define LINK_SIZE      1200
#define RETRY_AWAY_S   2 // Retry-After while the database is away
#define RETRY_LIMIT_S  1

struct dispatcher {
    struct store *store;
    struct services services;
    struct access *access;
    struct rate *rate;
    uint8_t cursor_key[CURSOR_KEY_LEN];
    const struct route *const *tables;
};

// What came in. Headers are NULL where they were not sent.
struct request {
    const char *method;
    const char *path;  // raw
    const char *query; // raw, or ""
    const char *remote;
    const char *id;
    const char *cookie, *authorization;
    const char *host, *origin, *fetch_site, *csrf;
    const char *content_type, *accept, *user_agent;
    const char *if_match, *if_none_match, *idempotency_key, *last_event_id;
    const char *body;
    size_t body_len;
    bool body_too_large;
};

// What goes out.
struct answer {
    struct reply reply; // reply.text holds the whole body; reply.body is gone
    char allow[64];
    char link[LINK_SIZE];
    struct rate_state rate;
    bool head;                 // the body's length, but not the body
    bool challenge;            // WWW-Authenticate
    bool replayed;             // Idempotency-Key found its answer
    const struct route *route; // NULL: none matched
    int64_t account;           // 0: nobody
};

// What a handler's helpers need of the dispatcher: q->dispatch.
struct dispatch {
    const uint8_t *cursor_key;
    const char *path;  // decoded, without the query
    const char *unfit; // name of a query parameter that was longer than its handler takes
    char next[CURSOR_SIZE];
};

enum rc dispatcher_init(struct dispatcher *d, struct store *s, const struct services *services,
                        struct fault *f);
void dispatcher_done(struct dispatcher *d);
void dispatch(struct dispatcher *d, const struct request *in, struct answer *out);
void dispatch_done(struct answer *a);

// Brackets deeper than JSON_DEPTH_MAX would cost stack in the parser.
bool json_is_shallow(const char *text, size_t len);
