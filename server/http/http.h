// SPDX-License-Identifier: Apache-2.0
//
// http: what a REST handler sees.
//
// The dispatcher has already matched the route, authenticated the caller,
// checked the permission and the catalog, bounded and parsed the body, and for
// anything but GET opened a transaction in which it will also write the audit
// entry. A handler answers with a JSON value or returns an rc; the dispatcher
// turns that rc and its fault into an RFC 9457 problem document and rolls back.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/permission.h"
#include "core/rc.h"

#define PARAM_LEN     160
#define PARAM_MAX     4
#define BODY_MAX      (1024 * 1024)
#define DEFAULT_LIMIT 50
#define MAX_LIMIT     200

struct store;
struct config;
struct bus;
struct keeper;
struct tickets;
struct ingest;
struct roster;
struct catalogs;
struct doors;
struct after;
struct access;
struct patterns;
struct streams;
struct exports;
struct fleet;
struct job_runner;
struct threats;
struct notifier;
struct backtests;

// What handlers may use beside the database. Made once by main.
struct services {
    const struct config *config;
    struct bus *bus;
    struct keeper *keeper;
    struct tickets *tickets; // live tickets
    struct streams *streams; // answers that outlive their request; may be NULL
    struct exports *exports; // may be NULL
    struct fleet *fleet;     // last values in memory; may be NULL
    struct ingest *ingest;
    struct roster *roster;
    struct catalogs *catalogs;
    struct patterns *patterns; // remembered; NULL: made at each request
    struct doors *doors;
    struct job_runner *jobs;
    struct threats *threats;   // may be NULL
    struct notifier *notifier; // may be NULL
    struct backtests *backtests;
    const char *server_ca_pem; // borrowed for the life of the server
    // The parts of /readyz as JSON text; false when one of them cannot work. May be NULL.
    bool (*ready)(void *ctx, char *out, size_t size);
    void *ready_ctx;
    // Where devices connect; NULL where there is no gateway. Gets ready_ctx.
    int (*device_port)(void *ctx);
    int64_t started_at;    // Unix ms
    struct access *access; // http fills this in
};

// Who is asking.
struct principal {
    int64_t account;
    char name[81];
    enum role role;
    uint32_t permissions;   // of the role, cut to the token's scopes
    int32_t catalog;        // 0: every catalog; else only this one
    bool by_token;          // an API token, not a browser session
    uint8_t credential[32]; // SHA-256 of the session cookie or token
};

struct req {
    const struct services *services;
    struct store *store;         // a transaction, unless the method is GET
    const struct principal *who; // NULL on public routes
    int32_t catalog;             // 0 where the path has no {catalog}
    const char *catalog_name;
    const char *params[PARAM_MAX]; // the {…} parts of the pattern, in order
    json_t *body;                  // borrowed; NULL when there was none
    const char *text;              // with ROUTE_CSV: a body of text/csv, as it came; else NULL
    size_t text_len;
    const char *query;         // raw query string or ""
    const char *remote;        // address of the client
    const char *agent;         // User-Agent; NULL if there is none or it is not clean text
    const char *id;            // request id
    const char *last_event_id; // "" if there is none
    const char *if_match;      // entity tag of If-Match without quotes; NULL if none was sent
    void *dispatch;            // the dispatcher's own
    struct after *after;       // see req_after_commit()
};

struct reply {
    int status;         // 200 unless the handler says otherwise; a 4xx beside a failed rc wins
    json_t *body;       // owned by the reply
    char etag[40];      // "" or the strong tag, without quotes
    char location[200]; // "" or a path
    const char *type;   // content type; NULL for application/json
    char *text;         // owned; sent instead of body when set
    size_t text_len;
    char cookie[300];       // "" or a Set-Cookie value
    char disposition[120];  // "" or a Content-Disposition value
    char stream[33];        // "" or a ticket, see http/stream.h
    char object[PARAM_LEN]; // what the audit entry names; "" for the last path parameter
    char detail[400];       // what the audit entry adds; never a secret
    int64_t audit_count;    // how many objects the act touched; 0 means 1
    bool no_audit;          // nothing changed
    bool stale;             // with RC_CONFLICT: If-Match names an older version, 412
    int retry_after;        // seconds, with 429 and 503; 0: the dispatcher's own choice
    int64_t actor;          // who did it, where the caller was nobody yet (sign-in)
    char actor_name[81];
};

typedef enum rc handler(struct req *q, struct reply *r, struct fault *f);

struct route {
    const char *method;
    const char *pattern;
    enum permission needs;
    handler *run;
    unsigned flags; // ROUTE_…
};

enum {
    ROUTE_SLOW = 1,     // served by the slow pool: sign-in (a KDF), exports
    ROUTE_IF_MATCH = 2, // 428 without If-Match
    ROUTE_SECRET = 4,   // the answer holds a secret: never kept for an Idempotency-Key
    ROUTE_REPEATS = 8,  // query parameters may come more than once: the handler reads q->query
    ROUTE_CSV = 16,     // takes a body of text/csv too
    ROUTE_FIRST = 32,   // open to who must choose a password of their own first
};

// RC_CONFLICT, and r->stale, unless If-Match names this version of what.
enum rc req_match(const struct req *q, struct reply *r, int64_t version, const char *what,
                  struct fault *f);

enum rc reply_json(struct reply *r, int status, json_t *owned);
enum rc reply_empty(struct reply *r); // 204
// 200 with a text that is not JSON; type is static.
enum rc reply_text(struct reply *r, const char *type, char *owned, size_t len);

// The decoded value of ?name=, copied into out; false if it is absent. A value
// that does not decode is a 400 before any handler runs; one that does not fit makes the
// answer a 400 whatever the handler says, and rolls back.
bool req_query(const struct req *q, const char *name, char *out, size_t size);
// ?limit= within 1…MAX_LIMIT, or 1…most.
enum rc req_limit(const struct req *q, int *out, struct fault *f);
enum rc req_limit_to(const struct req *q, int most, int *out, struct fault *f);
// ?cursor=: the text that reply_page() was given as next; "" at the start.
// Cursors are HMACed, so a handler gets back only what a handler gave out for
// the same path.
enum rc req_cursor(const struct req *q, char *out, size_t size, struct fault *f);
// Both for a list in order of a number: *from is that of the cursor, untouched at the start.
enum rc req_numbered(const struct req *q, int64_t *from, int *limit, struct fault *f);
// Answers {"items":[…],"next":cursor or null} and the Link header of RFC 8288.
enum rc reply_page(struct req *q, struct reply *r, json_t *owned_items, const char *next);
// The same for such a list: next is the number the page ends with, 0 when nothing follows.
enum rc reply_numbered(struct req *q, struct reply *r, json_t *owned_items, int64_t next);
// The same with "prev", for a list that is read both ways.
enum rc reply_page_both(struct req *q, struct reply *r, json_t *owned_items, const char *next,
                        const char *prev);
// A cursor as reply_page() makes it, but for the list at the path that ends in tail where this one
// goes on ("/devices" for "…/devices/marks"). *out is "" for place "".
enum rc req_seal(const struct req *q, const char *tail, const char *place, char *out, size_t size);

// Events and changes of memory must not happen before the commit: run(services, owned) is
// called once it is durable, never after a rollback. owned is released with free() either way,
// also when this fails.
typedef void after_commit(const struct services *s, void *arg);
enum rc req_after_commit(struct req *q, after_commit *run, void *owned, struct fault *f);
// The dispatcher's end of it: runs what was asked for, in order, or only frees it.
void req_after_done(struct req *q, bool committed);
