// SPDX-License-Identifier: Apache-2.0

#include "support/model.h"

#include <libpq-fe.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog.h"
#include "core/auto.h"
#include "test.h"

static EVP_PKEY *generate(const char *kind)
{
    if (!strcmp(kind, "RSA"))
        return EVP_RSA_gen(2048);
    if (!strcmp(kind, "ED25519"))
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_EC_gen(kind);
}

char *model_key(const char *kind)
{
    EVP_PKEY *key = generate(kind);
    BIO *out = BIO_new(BIO_s_mem());
    char *text;

    assert_non_null(key);
    assert_int_equal(PEM_write_bio_PUBKEY(out, key), 1);
    long len = BIO_get_mem_data(out, &text);
    char *pem = strndup(text, (size_t)len);
    BIO_free(out);
    EVP_PKEY_free(key);
    return pem;
}

struct store *model_store(const char *conninfo)
{
    struct store *s = NULL;
    struct fault f = { 0 };

    if (store_open(conninfo, 4, &s, &f) != RC_OK)
        fail_msg("%s", f.text);
    return s;
}

int32_t model_catalog(struct store *s, const char *name)
{
    struct fault f = { 0 };
    int32_t id = 0;

    if (catalog_ensure(s, name, &id, &f) != RC_OK)
        fail_msg("%s", f.text);
    return id;
}

int64_t model_sql(const char *conninfo, const char *format, ...)
{
    auto_free char *text = NULL;
    va_list args;

    va_start(args, format);
    assert_true(vasprintf(&text, format, args) > 0);
    va_end(args);
    PGconn *pg = PQconnectdb(conninfo);
    PGresult *r = PQexec(pg, text);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(pg));
    int64_t n = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    PQfinish(pg);
    return n;
}

static const struct route *route_of(const struct model_call *c)
{
    const struct route *t = c->routes;

    while (t->method && (strcmp(t->method, c->method) != 0 || strcmp(t->pattern, c->pattern) != 0))
        t++;
    assert_non_null(t->method);
    return t;
}

// Ends the transaction as the dispatcher does.
static void end(struct req *q, struct store *tx, enum rc *rc, struct fault *f)
{
    if (tx && *rc == RC_OK)
        *rc = store_commit(tx, f);
    else
        store_rollback(tx);
    req_after_done(q, *rc == RC_OK);
}

void model_run(struct store *pool, const struct services *services, const struct model_call *c,
               struct model_answer *out)
{
    static const struct principal who = { .account = 1, .name = "owner" };
    const struct route *t = route_of(c);
    struct store *tx = NULL;
    struct reply r = { .status = 200 };
    struct fault f = { 0 };
    struct req q = { .services = services,
                     .store = pool,
                     .who = &who,
                     .catalog = c->catalog,
                     .catalog_name = "demo",
                     .params = { "demo", c->id },
                     .query = c->query ? c->query : "",
                     .if_match = c->if_match };

    if (strcmp(c->method, "GET") != 0) {
        assert_int_equal(store_begin(pool, &tx, &f), RC_OK);
        q.store = tx;
    }
    if (c->body)
        assert_non_null(q.body = json_loads(c->body, 0, NULL));
    *out = (struct model_answer){ .rc = t->run(&q, &r, &f) };
    end(&q, tx, &out->rc, &f);
    json_decref(q.body);
    out->status = r.status;
    out->body = r.body;
    out->audit_count = r.audit_count;
    out->no_audit = r.no_audit;
    out->stale = r.stale;
    memcpy(out->etag, r.etag, sizeof out->etag);
    memcpy(out->object, r.object, sizeof out->object);
    memcpy(out->text, f.text, sizeof out->text);
}

void model_answer_done(struct model_answer *a)
{
    json_decref(a->body);
    a->body = NULL;
}
