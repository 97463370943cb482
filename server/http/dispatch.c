// SPDX-License-Identifier: Apache-2.0

#include "http/dispatch.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audit/audit.h"
#include "catalog/catalog.h"
#include "core/auto.h"
#include "core/json_in.h"
#include "core/log.h"
#include "http/call.h"
#include "http/idempotency.h"
#include "http/percent.h"
#include "http/problem.h"
#include "http/query.h"
#include "store/store.h"

#define AGENT_MAX 300

DEFINE_AUTO(struct store *, store_rollbackp, store_rollback)
DEFINE_AUTO(EVP_MD_CTX *, md_ctx_freep, EVP_MD_CTX_free)

// ---------------------------------------------------------------- steps before the handler

static enum rc find_route(struct call *c, struct fault *f)
{
    const char *method = c->in->method;

    if (!path_decode(c->in->path, c->path, sizeof c->path))
        return fail(f, RC_INVALID, "the path is not percent-encoded UTF-8 without control bytes");
    route_find(c->to->tables, method, c->path, &c->found);
    c->out->route = c->found.route;
    if (c->found.route)
        return query_check(c->in->query, c->found.route->flags & ROUTE_REPEATS, f);
    if (!c->found.allow[0])
        return fail(f, RC_NOT_FOUND, "there is nothing at this address");
    memcpy(c->out->allow, c->found.allow, sizeof c->out->allow);
    return call_refuse(c, f, 405, "this address takes %s", c->found.allow);
}

// The number of the parameter named {catalog}, or -1.
static int catalog_param(const char *pattern)
{
    int n = 0;

    for (const char *p = pattern; (p = strchr(p, '{')); p++, n++)
        if (!strncmp(p, "{catalog}", 9))
            return n;
    return -1;
}

// Somebody else's catalog and no catalog at all are the same sentence.
static enum rc find_catalog(struct call *c, struct fault *f)
{
    int param = catalog_param(c->found.route->pattern);

    if (param < 0)
        return RC_OK;
    const char *name = c->found.params[param];
    int32_t id = catalogs_find(c->to->services.catalogs, c->q.store, name);
    if (id == 0 || (c->q.who && c->q.who->catalog && c->q.who->catalog != id))
        return fail(f, RC_NOT_FOUND, "there is no such catalog");
    c->q.catalog = id;
    c->q.catalog_name = name;
    return RC_OK;
}

// Whether an Accept header has room for type ("application/json").
static bool accepts(const char *accept, const char *type)
{
    size_t main_len = strcspn(type, "/") + 1;

    for (const char *p = accept; *p;) {
        p += strspn(p, ", \t");
        size_t len = strcspn(p, ",; \t");
        if ((len == 3 && !memcmp(p, "*/*", 3)) ||
            (len == main_len + 1 && !strncasecmp(p, type, main_len) && p[main_len] == '*') ||
            (len == strlen(type) && !strncasecmp(p, type, len)))
            return true;
        p += strcspn(p, ",");
    }
    return false;
}

static enum rc check_accept(struct call *c, struct fault *f)
{
    const char *accept = c->in->accept;

    if (!accept || !*accept || accepts(accept, "application/json") ||
        accepts(accept, "application/problem+json") ||
        accepts(accept, "application/pem-certificate-chain") || accepts(accept, "text/plain") ||
        accepts(accept, "text/event-stream") || accepts(accept, "text/csv") ||
        accepts(accept, "application/x-ndjson") || accepts(accept, "application/octet-stream"))
        return RC_OK;
    return call_refuse(c, f, 406, "answers here are application/json");
}

// "…" of If-Match without quotes. "*" is refused: it would overwrite what was not read.
static enum rc check_if_match(struct call *c, struct fault *f)
{
    const char *h = c->in->if_match;

    if (!h)
        return c->found.route->flags & ROUTE_IF_MATCH
                   ? call_refuse(c, f, 428, "send the ETag that you read in If-Match")
                   : RC_OK;
    size_t len = strlen(h);
    if (len < 3 || len - 2 >= sizeof c->etag || h[0] != '"' || h[len - 1] != '"' ||
        memchr(h + 1, '"', len - 2)) {
        c->out->reply.status = 412;
        return fail(f, RC_CONFLICT, "If-Match takes one strong ETag, as it was given");
    }
    memcpy(c->etag, h + 1, len - 2);
    c->etag[len - 2] = '\0';
    c->q.if_match = c->etag;
    return RC_OK;
}

static bool is_type(const char *type, const char *wanted)
{
    size_t len = type ? strcspn(type, "; \t") : 0;

    return len == strlen(wanted) && !strncasecmp(type, wanted, len);
}

static bool is_json_type(const char *type)
{
    return is_type(type, "application/json") || is_type(type, "application/merge-patch+json");
}

bool json_is_shallow(const char *text, size_t len)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '[' || text[i] == '{') {
            if (++depth > JSON_DEPTH_MAX)
                return false;
        } else if (text[i] == ']' || text[i] == '}') {
            depth--;
        }
    }
    return true;
}

static enum rc read_body(struct call *c, struct fault *f)
{
    char mistake[JSON_MISTAKE_SIZE];
    json_error_t e;

    if (c->in->body_too_large)
        return call_refuse(c, f, 413, "a body has at most %d bytes", BODY_MAX);
    bool csv = c->write && (c->found.route->flags & ROUTE_CSV);
    if (csv && is_type(c->in->content_type, "text/csv")) {
        c->q.text = c->in->body_len > 0 ? c->in->body : "";
        c->q.text_len = c->in->body_len;
        return RC_OK;
    }
    if (c->in->body_len == 0)
        return RC_OK;
    if (!c->write)
        return fail(f, RC_INVALID, "%s takes no body", c->in->method);
    if (!is_json_type(c->in->content_type))
        return call_refuse(c, f, 415, "the body must be application/json%s",
                           csv ? " or text/csv" : "");
    if (!json_is_shallow(c->in->body, c->in->body_len))
        return fail(f, RC_INVALID, "the body is nested deeper than %d", JSON_DEPTH_MAX);
    c->body = json_loadb(c->in->body, c->in->body_len, JSON_REJECT_DUPLICATES, &e);
    if (!c->body) {
        json_mistake(&e, mistake);
        return fail(f, RC_INVALID, "the body is not JSON, %s", mistake);
    }
    c->q.body = c->body;
    return RC_OK;
}

// ---------------------------------------------------------------- the handler

static enum rc run_handler(struct call *c, struct fault *f)
{
    enum rc rc = c->found.route->run(&c->q, &c->out->reply, f);

    if (c->dispatch.unfit)
        return fail(f, RC_INVALID, "the query parameter '%s' is too long", c->dispatch.unfit);
    return rc;
}

static const char *last_param(const struct call *c)
{
    const char *last = "";

    for (int i = 0; i < PARAM_MAX && c->found.params[i][0]; i++)
        last = c->found.params[i];
    return last;
}

static enum rc write_audit(struct call *c, struct store *tx, const char *outcome,
                           const char *detail, struct fault *f)
{
    const struct reply *r = &c->out->reply;
    const struct principal *who = c->q.who;
    char action[160];
    const struct audit_entry e = {
        .chain = c->q.catalog,
        .account = who ? who->account : r->actor,
        .actor = who        ? who->name
                 : r->actor ? r->actor_name
                            : "nobody",
        .action = action,
        .object = r->object[0] ? r->object : last_param(c),
        .count = r->audit_count,
        .outcome = outcome,
        .remote = c->in->remote,
        .request = c->in->id,
        .detail = detail && *detail ? detail : NULL,
    };

    snprintf(action, sizeof action, "%s %s", c->found.route->method, c->found.route->pattern);
    return audit_append(tx, &e, f);
}

static enum rc hash_request(const struct call *c, uint8_t out[32], struct fault *f)
{
    auto_with(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const char *const parts[] = { c->in->method, c->path, c->in->query, c->etag };

    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        EVP_DigestUpdate(ctx, parts[i], strlen(parts[i]) + 1);
    EVP_DigestUpdate(ctx, c->in->body_len ? c->in->body : "", c->in->body_len);
    EVP_DigestFinal_ex(ctx, out, NULL);
    return RC_OK;
}

// The handler, its audit entry and the kept answer, all in tx.
static enum rc run_in(struct call *c, struct store *tx, const struct idempotency *key,
                      struct fault *f)
{
    struct reply *r = &c->out->reply;
    enum rc rc = RC_OK;

    if (key)
        rc = idempotency_claim(tx, key, r, &c->out->replayed, f);
    if (rc != RC_OK || c->out->replayed)
        return rc;
    c->q.store = tx;
    rc = run_handler(c, f);
    c->q.store = c->to->store;
    if (rc == RC_OK && key)
        rc = idempotency_keep(tx, key, r, c->found.route->flags & ROUTE_SECRET, f);
    if (rc == RC_OK && !r->no_audit)
        rc = write_audit(c, tx, "ok", r->detail, f);
    return rc;
}

static enum rc read_key(const struct call *c, struct idempotency *out, bool *given, struct fault *f)
{
    *given = c->in->idempotency_key && c->q.who;
    if (!*given)
        return RC_OK;
    if (!idempotency_key_read(c->in->idempotency_key, out->key))
        return fail(f, RC_INVALID, "Idempotency-Key takes 1 to %d letters, digits and . _ : -",
                    IDEMPOTENCY_KEY_MAX);
    out->account = c->q.who->account;
    return hash_request(c, out->request, f);
}

static enum rc run_write(struct call *c, struct fault *f)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    struct idempotency key;
    bool keyed;
    enum rc rc = read_key(c, &key, &keyed, f);

    if (rc == RC_OK)
        rc = store_begin(c->to->store, &tx, f);
    if (rc == RC_OK)
        rc = run_in(c, tx, keyed ? &key : NULL, f);
    if (rc == RC_OK)
        rc = store_commit(take(&tx), f);
    store_rollback(take(&tx));
    req_after_done(&c->q, rc == RC_OK);
    return rc;
}

static enum rc run(struct call *c, struct fault *f)
{
    if (c->write)
        return run_write(c, f);
    enum rc rc = run_handler(c, f);
    req_after_done(&c->q, rc == RC_OK);
    return rc;
}

// ---------------------------------------------------------------- the answer

static int status_of(const struct call *c, enum rc rc)
{
    int said = c->out->reply.status;

    if (rc == RC_CONFLICT && c->out->reply.stale)
        return 412;
    return said >= 400 && said < 500 && rc != RC_UNAVAILABLE && rc != RC_INTERNAL
               ? said
               : rc_http_status(rc);
}

static void become_problem(struct call *c, enum rc rc, const struct fault *f)
{
    struct reply *r = &c->out->reply;
    const struct problem p = {
        .status = status_of(c, rc),
        .detail = rc == RC_INTERNAL ? "this is a fault of the server; its log has more under the "
                                      "request id"
                                    : f->text,
        .instance = c->path[0] ? c->in->path : "",
        .request = c->in->id,
    };

    json_decref(r->body);
    free(r->text);
    r->text = NULL;
    r->etag[0] = r->location[0] = r->cookie[0] = r->disposition[0] = r->stream[0] = '\0';
    r->status = p.status;
    r->body = problem_to_json(&p);
    r->type = "application/problem+json";
    if (p.status == 429 && !r->retry_after)
        r->retry_after = c->out->rate.wait_s ? c->out->rate.wait_s : RETRY_LIMIT_S;
    if (p.status == 503 && !r->retry_after)
        r->retry_after = RETRY_AWAY_S;
}

// Calls that were refused and failed sign-ins leave a trace too, but not without bound.
static void record_refusal(struct call *c, const struct fault *why)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    struct rate_state bound;
    struct fault f;
    struct log_ctx log = { .area = "http", .req = c->in->id, .peer = c->in->remote };

    if (c->q.catalog == 0 && c->found.route) // into the chain of the catalog, if it is theirs
        find_catalog(c, &f);
    if (!rate_take(c->to->rate, RATE_REFUSAL, c->in->remote, 1, &bound))
        return;
    enum rc rc = store_begin(c->to->store, &tx, &f);
    if (rc == RC_OK)
        rc = write_audit(c, tx, "denied", why->text, &f);
    if (rc == RC_OK)
        rc = store_commit(take(&tx), &f);
    if (rc != RC_OK)
        log_warn(&log, "a refusal is missing in the audit trail: %s", f.text);
}

static void conclude(struct call *c, enum rc rc, const struct fault *f)
{
    struct log_ctx log = { .area = "http", .req = c->in->id, .peer = c->in->remote };
    struct reply *r = &c->out->reply;

    if (rc == RC_OK)
        return;
    become_problem(c, rc, f);
    bool refused = r->status == 403 ||
                   (r->status == 401 && c->found.route && c->found.route->needs == MAY_NOTHING);
    if (refused && c->write)
        record_refusal(c, f);
    if (r->status >= 500)
        log_error(&log, "%s: %s", c->found.route ? c->found.route->pattern : "no route", f->text);
}

// If-None-Match: a list of tags or "*"; weak ones compare as strong ones (RFC 9110 13.1.2).
static bool none_match_names(const char *header, const char *etag)
{
    size_t len = strlen(etag);

    if (!strcmp(header, "*"))
        return true;
    for (const char *p = header; (p = strchr(p, '"')); p++) {
        const char *end = strchr(p + 1, '"');
        if (!end)
            return false;
        if ((size_t)(end - p - 1) == len && !memcmp(p + 1, etag, len))
            return true;
        p = end;
    }
    return false;
}

static void not_modified(struct call *c)
{
    struct reply *r = &c->out->reply;

    if (c->write || r->status != 200 || !r->etag[0] || !c->in->if_none_match ||
        !none_match_names(c->in->if_none_match, r->etag))
        return;
    r->status = 304;
    json_decref(r->body);
    r->body = NULL;
    free(r->text);
    r->text = NULL;
    r->text_len = 0;
}

// The query as it came, but for its cursor.
static void add_link(struct call *c)
{
    char *out = c->out->link;
    int n;

    if (!c->dispatch.next[0])
        return;
    n = snprintf(out, LINK_SIZE, "<%s?", c->in->path);
    for (const char *p = c->in->query; *p && n < LINK_SIZE;) {
        size_t len = strcspn(p, "&");
        if (len && strncmp(p, "cursor=", 7) != 0)
            n += snprintf(out + n, (size_t)(LINK_SIZE - n), "%.*s&", (int)len, p);
        p += len + (p[len] == '&');
    }
    if (n < LINK_SIZE)
        n += snprintf(out + n, (size_t)(LINK_SIZE - n), "cursor=%s>; rel=\"next\"",
                      c->dispatch.next);
    if (n >= LINK_SIZE || strpbrk(c->in->query, "<>\" ") || strpbrk(c->in->path, "<>\" "))
        out[0] = '\0';
}

static void write_text(struct call *c)
{
    struct reply *r = &c->out->reply;

    if (!r->status)
        r->status = 200;
    not_modified(c);
    add_link(c);
    if (!r->text && r->body) {
        r->text = json_dumps(r->body, JSON_COMPACT | JSON_REAL_PRECISION(15));
        r->text_len = r->text ? strlen(r->text) : 0;
        if (!r->text)
            r->status = 500;
    }
    json_decref(r->body);
    r->body = NULL;
}

static step *const steps[] = {
    find_route,   gate_identify, gate_limit, gate_origin,    gate_permit,
    find_catalog, check_accept,  read_body,  check_if_match, run,
};

static bool is_options(const struct call *c)
{
    return !strcmp(c->in->method, "OPTIONS") && c->found.allow[0];
}

static const char *clean_agent(const char *agent)
{
    return agent && strlen(agent) <= AGENT_MAX && utf8_is_clean(agent, strlen(agent)) ? agent
                                                                                      : NULL;
}

void dispatch(struct dispatcher *d, const struct request *in, struct answer *out)
{
    struct call c = { .to = d, .in = in, .out = out };
    struct fault f = { 0 };
    enum rc rc = RC_OK;

    memset(out, 0, sizeof *out);
    c.write = strcmp(in->method, "GET") != 0 && strcmp(in->method, "HEAD") != 0;
    out->head = !strcmp(in->method, "HEAD");
    c.dispatch.cursor_key = d->cursor_key;
    c.dispatch.path = c.path;
    c.q = (struct req){ .services = &d->services,
                        .store = d->store,
                        .query = in->query,
                        .remote = in->remote,
                        .agent = clean_agent(in->user_agent),
                        .id = in->id,
                        .last_event_id = in->last_event_id ? in->last_event_id : "",
                        .dispatch = &c.dispatch };
    for (int i = 0; i < PARAM_MAX; i++)
        c.q.params[i] = c.found.params[i];
    for (size_t i = 0; rc == RC_OK && i < sizeof steps / sizeof *steps; i++)
        rc = steps[i](&c, &f);
    if (is_options(&c)) {
        out->reply.status = 204;
    } else {
        conclude(&c, rc, &f);
    }
    write_text(&c);
    json_decref(c.body);
}

void dispatch_done(struct answer *a)
{
    json_decref(a->reply.body);
    free(a->reply.text);
}

enum rc dispatcher_init(struct dispatcher *d, struct store *s, const struct services *services,
                        struct fault *f)
{
    *d = (struct dispatcher){
        .store = s,
        .services = *services,
        .rate = rate_new(),
        .tables = route_tables,
    };
    if (!d->rate)
        return fail(f, RC_INTERNAL, "out of memory");
    enum rc rc = access_new(s, services->config, services->bus, &d->access, f);
    if (rc != RC_OK) {
        dispatcher_done(d);
        return rc;
    }
    d->services.access = d->access;
    access_key(d->access, "cursor", d->cursor_key);
    return RC_OK;
}

void dispatcher_done(struct dispatcher *d)
{
    access_free(d->access);
    rate_free(d->rate);
    d->access = NULL;
    d->rate = NULL;
}
