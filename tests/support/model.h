// SPDX-License-Identifier: Apache-2.0
//
// model: what tests of the modules share: keys, a catalog, and handlers called as the
// dispatcher calls them, in a transaction that is committed when they succeed.

#pragma once

#include <jansson.h>

#include "http/http.h"
#include "store/store.h"

// A new P-256 key's public half in PEM; free() it. kind: "P-256", "P-384", "ED25519", "RSA".
char *model_key(const char *kind);

// A pool on conninfo; ends the test when it cannot be had. With a catalog of that name.
struct store *model_store(const char *conninfo);
int32_t model_catalog(struct store *s, const char *name);
// Runs SQL that is not among the prepared queries, as the owner of the tables. The first value as a
// number; 0 if there is none.
int64_t model_sql(const char *conninfo, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct model_call {
    const struct route *routes;
    const char *method, *pattern;
    const char *id, *query, *body, *if_match; // may be NULL
    int32_t catalog;
};

struct model_answer {
    enum rc rc;
    int status;
    json_t *body;
    char etag[40];
    char object[PARAM_LEN];
    int64_t audit_count;
    bool no_audit, stale;
    char text[200]; // of the fault
};

void model_run(struct store *pool, const struct services *services, const struct model_call *c,
               struct model_answer *out);
void model_answer_done(struct model_answer *a);
