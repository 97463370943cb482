// SPDX-License-Identifier: Apache-2.0
//
// Who is asking, how often, from where, and whether they may.

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "access/web_session.h"
#include "core/bus.h"
#include "core/clock.h"
#include "http/call.h"

enum rc call_refuse(struct call *c, struct fault *f, int status, const char *fmt, ...)
{
    va_list ap;

    c->out->reply.status = status;
    f->rc = RC_INVALID;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    return RC_INVALID;
}

// The value of our cookie. Two of them are somebody's attempt to slip one in.
static int find_cookie(const char *header, char out[CREDENTIAL_TEXT_LEN + 1])
{
    size_t name = sizeof SESSION_COOKIE - 1;
    int found = 0;

    for (const char *p = header; p && *p;) {
        p += strspn(p, "; \t");
        size_t len = strcspn(p, ";");
        if (len > name && !memcmp(p, SESSION_COOKIE, name) && p[name] == '=') {
            size_t value = len - name - 1;
            found++;
            snprintf(out, CREDENTIAL_TEXT_LEN + 1, "%.*s",
                     value == CREDENTIAL_TEXT_LEN ? CREDENTIAL_TEXT_LEN : 0, p + name + 1);
        }
        p += len;
    }
    return found;
}

// A stranger's flood of guesses ends here, before it costs a query each.
static enum rc stranger_may_ask(struct call *c, int cost, struct fault *f)
{
    if (rate_take(c->to->rate, RATE_STRANGER, c->in->remote, cost, &c->out->rate))
        return RC_OK;
    return call_refuse(c, f, 429, "too many requests from this address without valid credentials");
}

// A cookie that is over is nothing: a browser does not know. A token is in somebody's program.
static void tell_guess(const struct call *c)
{
    if (c->in->authorization)
        bus_publish(c->q.services->bus, &(struct bus_event){ .kind = BUS_SIGNAL,
                                                             .at = clock_now_ms(),
                                                             .name = "guess-token",
                                                             .source = c->in->remote });
}

static enum rc unauthenticated(struct call *c, struct fault *f, const char *why)
{
    char text[sizeof f->text];
    enum rc rc;

    snprintf(text, sizeof text, "%s", why); // may be f's own
    tell_guess(c);
    rc = stranger_may_ask(c, 1, f);
    if (rc != RC_OK)
        return rc;
    c->out->challenge = true;
    return call_refuse(c, f, 401, "%s", text);
}

static enum rc by_cookie(struct call *c, const char *cookie, struct fault *f)
{
    return access_by_cookie(c->to->access, c->q.store, cookie, &c->identity, f);
}

static enum rc by_bearer(struct call *c, struct fault *f)
{
    const char *h = c->in->authorization;

    if (strncasecmp(h, "Bearer ", 7) != 0)
        return fail(f, RC_DENIED, "only Bearer tokens are understood in Authorization");
    return access_by_token(c->to->access, c->q.store, h + 7 + strspn(h + 7, " "), &c->identity, f);
}

static enum rc identify(struct call *c, struct fault *f)
{
    char cookie[CREDENTIAL_TEXT_LEN + 1];
    int cookies = find_cookie(c->in->cookie, cookie);

    if (cookies > 1 || (cookies == 1 && c->in->authorization))
        return call_refuse(c, f, 400, "send one session cookie or one token, not both");
    if (cookies == 0 && !c->in->authorization)
        return unauthenticated(c, f, "sign in, or send an API token as Authorization: Bearer");
    enum rc rc = stranger_may_ask(c, 0, f);
    if (rc == RC_OK)
        rc = cookies ? by_cookie(c, cookie, f) : by_bearer(c, f);
    if (rc == RC_DENIED)
        return unauthenticated(c, f, f->text);
    return rc;
}

enum rc gate_identify(struct call *c, struct fault *f)
{
    if (c->found.route->needs == MAY_NOTHING)
        return RC_OK;
    enum rc rc = identify(c, f);
    if (rc != RC_OK)
        return rc;
    c->q.who = &c->identity.who;
    c->out->account = c->identity.who.account;
    return RC_OK;
}

enum rc gate_limit(struct call *c, struct fault *f)
{
    enum rate_class class = c->found.route->flags & ROUTE_SLOW ? RATE_SLOW
                            : c->write                         ? RATE_WRITE
                                                               : RATE_READ;
    char account[24];

    snprintf(account, sizeof account, "%lld", (long long)c->out->account);
    bool taken = c->q.who ? rate_take(c->to->rate, class, account, 1, &c->out->rate)
                          : rate_take(c->to->rate, RATE_STRANGER, c->in->remote, 1, &c->out->rate);
    return taken ? RC_OK : call_refuse(c, f, 429, "too many requests, slow down");
}

// Origin is "scheme://host[:port]"; ours has the host and port that the request was sent to.
static bool same_origin(const char *origin, const char *host)
{
    const char *at = strstr(origin, "://");

    return at && host && !strcasecmp(at + 3, host);
}

static bool csrf_matches(const struct call *c)
{
    char expected[CREDENTIAL_TEXT_LEN + 1];

    if (!c->in->csrf || strlen(c->in->csrf) != CREDENTIAL_TEXT_LEN)
        return false;
    access_csrf(c->to->access, c->identity.who.credential, expected);
    return CRYPTO_memcmp(expected, c->in->csrf, CREDENTIAL_TEXT_LEN) == 0;
}

enum rc gate_origin(struct call *c, struct fault *f)
{
    if (!c->write || (c->q.who && c->q.who->by_token))
        return RC_OK;
    if (c->in->fetch_site && strcmp(c->in->fetch_site, "same-origin") != 0)
        return fail(f, RC_DENIED, "a page of another site may not do this");
    if (c->in->origin && !same_origin(c->in->origin, c->in->host))
        return fail(f, RC_DENIED, "a page of another origin may not do this");
    if (c->q.who && !csrf_matches(c))
        return fail(f, RC_DENIED,
                    CSRF_HEADER " is missing or wrong; GET /api/v1/session tells the right one");
    return RC_OK;
}

enum rc gate_permit(struct call *c, struct fault *f)
{
    enum permission needs = c->found.route->needs;

    if (needs == MAY_NOTHING)
        return RC_OK;
    if (c->identity.must_change && !(c->found.route->flags & ROUTE_FIRST))
        return fail(f, RC_DENIED,
                    "choose a password of your own first: POST /api/v1/session/password");
    if (c->q.who->permissions & needs)
        return RC_OK;
    return fail(f, RC_DENIED, "this needs the permission %s", permission_name(needs));
}
