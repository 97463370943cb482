// SPDX-License-Identifier: Apache-2.0
//
// rest: the REST side of a server on a throw-away database, and a client that stands where
// the edge stands: on loopback, with the secret.
//
//   rest_start() --> struct rest;   rest_ask(r, &ask) --> its answer, parsed

#pragma once

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "access/access.h"
#include "access/api_token.h"
#include "core/bus.h"
#include "http/http.h"
#include "http/server.h"

struct config;
struct keeper;

struct rest {
    char dir[64]; // a throw-away instance folder
    struct config *config;
    struct store *store;
    struct bus *bus;
    struct keeper *keeper;
    char *server_ca; // PEM
    struct services services;
    struct http *http;
    atomic_int told[BUS_KIND_COUNT];
};

// What to ask; NULL and 0 where a request has nothing of the kind.
struct rest_ask {
    const char *method; // NULL: GET
    const char *path;
    const char *body;
    size_t body_len;  // 0: strlen(body)
    const char *type; // content type of body; NULL: application/json
    const char *cookie, *csrf, *token, *if_match, *key;
    const char *remote; // NULL: 192.0.2.1
    const char *more;   // further header lines, each with its CR LF
    const char *secret; // NULL: the right one
};

struct rest_answer {
    int status;
    char head[4096];
    char *text;   // owned
    json_t *body; // owned; NULL unless it is JSON
};

// A signed-in browser.
struct rest_browser {
    char cookie[44];
    char csrf[44];
};

#define REST_PASSWORD "correct horse battery"

void rest_with_threats(void); // the next server that is started watches for them
// On a database of its own, with the catalogs demo and acme.
void rest_start(struct rest *r, const char *conninfo);
void rest_stop(struct rest *r);
int rest_teardown(void **state); // of a group whose state is the struct rest

// The answer lives until the next one of this thread.
struct rest_answer *rest_ask(struct rest *r, const struct rest_ask *ask);
// Value of a header in the last answer of this thread, "" if there is none.
const char *rest_header(const char *name);
// Text of a member, "" if it is not a text.
const char *rest_text(const char *member);
void rest_answer_free(void); // the last one of this thread

// An account with a password that need not be changed.
int64_t rest_account(struct rest *r, const char *name, const char *role, const char *catalog);
struct rest_browser rest_sign_in(struct rest *r, const char *name);
// The owner of a new server, "olga", signed in.
struct rest_browser rest_owner(struct rest *r);
// A new account's token with all that its role may do.
void rest_token(struct rest *r, const char *name, const char *role, const char *catalog,
                char out[TOKEN_TEXT_LEN + 1]);
// A request of that browser, with its CSRF token.
struct rest_answer *rest_as(struct rest *r, const struct rest_browser *b, const char *method,
                            const char *path, const char *body);
// The number a query gives in its first row and column.
int64_t rest_sql(const char *conninfo, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
json_t *rest_member(const char *member); // of the last answer of this thread
