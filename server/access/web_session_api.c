// SPDX-License-Identifier: Apache-2.0

#include "access/web_session_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "access/account.h"
#include "access/changed.h"
#include "access/password.h"
#include "access/web_session.h"
#include "access_sql.h"
#include "core/auto.h"
#include "core/body.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static handler sign_in, show, sign_out, set_password, list, revoke;

const struct route web_session_routes[] = {
    { "POST", "/api/v1/session", MAY_NOTHING, sign_in, ROUTE_SLOW | ROUTE_SECRET },
    { "GET", "/api/v1/session", MAY_SEE_SELF, show, ROUTE_FIRST },
    { "DELETE", "/api/v1/session", MAY_SEE_SELF, sign_out, ROUTE_FIRST },
    { "POST", "/api/v1/session/password", MAY_SEE_SELF, set_password,
      ROUTE_SLOW | ROUTE_SECRET | ROUTE_FIRST },
    { "GET", "/api/v1/sessions", MAY_SEE_SELF, list, 0 },
    { "DELETE", "/api/v1/sessions/{id}", MAY_SEE_SELF, revoke, 0 },
    { 0 },
};

struct sign_in_body {
    const char *name, *password;
};

static const struct field sign_in_fields[] = {
    { TEXT(struct sign_in_body, name), REQUIRED, 1, ACCOUNT_NAME_MAX },
    { TEXT(struct sign_in_body, password), REQUIRED, 1, PASSWORD_MAX },
};

struct password_body {
    const char *current, *fresh;
};

static const struct field password_fields[] = {
    { TEXT(struct password_body, current), REQUIRED, 1, PASSWORD_MAX },
    { TEXT_AS(struct password_body, fresh, "new"), REQUIRED, 1, PASSWORD_MAX },
};

static enum rc catalogs_to_json(struct store *s, int32_t only, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char text[24];
    enum rc rc =
        store_run(s, &Q_CATALOG_NAMES, (const char *[]){ sql_int_or_null(only, text) }, &rows, f);

    if (rc != RC_OK)
        return rc;
    *out = json_array();
    for (int i = 0; i < rows_count(rows); i++)
        json_array_append_new(*out, json_string(rows_text(rows, i, "name")));
    return RC_OK;
}

// The object that a page starts with: who, what they may, and the token for its writes.
static enum rc reply_session(struct req *q, struct reply *r, const struct identity *who,
                             struct fault *f)
{
    char csrf[CREDENTIAL_TEXT_LEN + 1];
    json_t *catalogs = NULL, *account = json_object(), *o = json_object();
    enum rc rc = catalogs_to_json(q->store, who->who.catalog, &catalogs, f);

    if (rc != RC_OK) {
        json_decref(account);
        json_decref(o);
        return rc;
    }
    access_csrf(q->services->access, who->who.credential, csrf);
    add_id(account, "id", who->who.account);
    add_text(account, "name", who->who.name);
    add_text(account, "role", role_name(who->who.role));
    add_json(o, "account", account);
    add_json(o, "permissions", permissions_to_json(who->who.permissions));
    add_json(o, "catalogs", catalogs);
    add_text(o, "csrf", who->who.by_token ? NULL : csrf);
    add_bool(o, "mustChangePassword", who->must_change);
    return reply_json(r, 200, o);
}

static enum rc open_session(struct req *q, struct reply *r, struct identity *who, struct fault *f)
{
    char cookie[CREDENTIAL_TEXT_LEN + 1];
    enum rc rc = web_session_make(q->store, who->who.account, q->remote, q->agent, cookie,
                                  who->who.credential, f);

    if (rc != RC_OK)
        return rc;
    snprintf(r->cookie, sizeof r->cookie,
             SESSION_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%lld", cookie,
             (long long)access_absolute_s(q->services->access));
    return reply_session(q, r, who, f);
}

static void tell_guess(const struct req *q)
{
    bus_publish(q->services->bus, &(struct bus_event){ .kind = BUS_SIGNAL,
                                                       .at = clock_now_ms(),
                                                       .name = "guess-password",
                                                       .source = q->remote });
}

static enum rc wait_first(struct req *q, struct reply *r, const char *name, struct fault *f)
{
    r->retry_after = guard_enter(access_guard(q->services->access), name, q->remote);
    if (r->retry_after)
        tell_guess(q);
    return r->retry_after
               ? fail(f, RC_LIMIT, "too many wrong passwords, try again in %d s", r->retry_after)
               : RC_OK;
}

// Tells the guard what became of a try.
static void tell_guard(struct req *q, const char *name, enum rc rc)
{
    struct guard *g = access_guard(q->services->access);

    if (rc == RC_OK)
        guard_right(g, name, q->remote);
    else if (rc != RC_DENIED)
        guard_undo(g, name, q->remote);
    else
        tell_guess(q);
}

static enum rc sign_in(struct req *q, struct reply *r, struct fault *f)
{
    struct sign_in_body b = { 0 };
    struct identity who = { 0 };
    enum rc rc = BODY_READ(q->body, sign_in_fields, &b, f);

    if (rc == RC_OK)
        rc = wait_first(q, r, b.name, f);
    if (rc != RC_OK)
        return rc;
    rc = web_session_check(q->store, b.name, b.password, &who, f);
    tell_guard(q, b.name, rc);
    // A name that is nobody's is not written down: people type passwords there.
    r->actor = who.who.account;
    memcpy(r->actor_name, who.who.name, sizeof r->actor_name);
    memcpy(r->object, who.who.name, sizeof who.who.name);
    if (rc == RC_DENIED)
        r->status = 401;
    return rc == RC_OK ? open_session(q, r, &who, f) : rc;
}

static enum rc who_now(struct req *q, struct identity *out, struct fault *f)
{
    struct account a;
    enum rc rc = account_load(q->store, q->who->account, 0, &a, f);

    if (rc != RC_OK)
        return rc;
    *out = (struct identity){ .who = *q->who, .must_change = a.must_change && !q->who->by_token };
    return RC_OK;
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    struct identity who;
    enum rc rc = who_now(q, &who, f);

    return rc == RC_OK ? reply_session(q, r, &who, f) : rc;
}

static enum rc sign_out(struct req *q, struct reply *r, struct fault *f)
{
    if (q->who->by_token)
        return fail(f, RC_CONFLICT, "a token has no session; drop it with DELETE /api/v1/tokens");
    enum rc rc = web_session_end(q->store, q->who->credential, f);
    if (rc == RC_OK)
        rc = changed_after_commit(q, q->who->account, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->cookie, sizeof r->cookie,
             SESSION_COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    return reply_empty(r);
}

static enum rc check_current(struct req *q, struct reply *r, const char *password, struct fault *f)
{
    bool match = false;
    enum rc rc = wait_first(q, r, q->who->name, f);

    if (rc != RC_OK)
        return rc;
    rc = account_knows(q->store, q->who->account, password, &match, f);
    if (rc == RC_OK && !match)
        rc = fail(f, RC_DENIED, "the current password is wrong");
    tell_guard(q, q->who->name, rc);
    return rc;
}

static enum rc set_password(struct req *q, struct reply *r, struct fault *f)
{
    struct password_body b = { 0 };
    struct identity who = { .who = *q->who };
    enum rc rc = BODY_READ(q->body, password_fields, &b, f);

    if (rc == RC_OK && q->who->by_token)
        rc = fail(f, RC_DENIED, "a password is changed in a session, not with a token");
    if (rc == RC_OK)
        rc = password_check(b.fresh, q->who->name, f);
    if (rc == RC_OK && !strcmp(b.current, b.fresh))
        rc = fail(f, RC_INVALID, "new must differ from current");
    if (rc == RC_OK)
        rc = check_current(q, r, b.current, f);
    if (rc == RC_OK)
        rc = account_choose(q->store, q->who->account, b.fresh, f);
    if (rc == RC_OK)
        rc = changed_after_commit(q, q->who->account, f);
    snprintf(r->object, sizeof r->object, "%s", q->who->name);
    return rc == RC_OK ? open_session(q, r, &who, f) : rc;
}

static json_t *session_to_json(const struct rows *rows, int i, const uint8_t own[32])
{
    json_t *o = json_object();
    char hash[65];

    hex_encode(own, 32, hash);
    add_text(o, "id", rows_text(rows, i, "id"));
    add_text(o, "remote", rows_text(rows, i, "remote"));
    add_text(o, "agent", rows_text(rows, i, "agent"));
    add_time(o, "createdAt", rows_int(rows, i, "created_at"));
    add_time(o, "seenAt", rows_int(rows, i, "seen_at"));
    add_bool(o, "current", !strcmp(hash, rows_text(rows, i, "hash")));
    return o;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char account[24], idle[24], absolute[24];
    const char *args[] = { sql_int(q->who->account, account),
                           sql_int(access_idle_s(q->services->access), idle),
                           sql_int(access_absolute_s(q->services->access), absolute) };
    enum rc rc = store_run(q->store, &Q_SESSION_PAGE, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    json_t *items = json_array();
    for (int i = 0; i < rows_count(rows); i++)
        json_array_append_new(items, session_to_json(rows, i, q->who->credential));
    return reply_page(q, r, items, NULL);
}

static enum rc revoke(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char account[24];
    const char *args[] = { sql_int(q->who->account, account), q->params[0] };

    if (q->who->by_token)
        return fail(f, RC_CONFLICT, "sessions are ended in a session, not with a token");
    enum rc rc = store_run(q->store, &Q_SESSION_DROP_BY_ID, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "you have no such session");
    rc = changed_after_commit(q, q->who->account, f);
    return rc == RC_OK ? reply_empty(r) : rc;
}
