// SPDX-License-Identifier: Apache-2.0

#include "notify/notify_api.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "alert/alert.h"
#include "core/auto.h"
#include "core/body.h"
#include "core/config.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "core/number.h"
#include "http/percent.h"
#include "notify/courier.h"
#include "notify/delivery.h"
#include "notify/fence.h"
#include "notify/locket.h"
#include "notify/notifier.h"
#include "notify/notify.h"
#include "notify/target.h"

static handler list, add, show, change, drop, renew, test, deliveries, delivery, replay;

#define ROUTES     "/api/v1/catalogs/{catalog}/notification-routes"
#define DELIVERIES "/api/v1/catalogs/{catalog}/notification-deliveries"

const struct route notify_routes[] = {
    { "GET", ROUTES, MAY_SEE_DEVICES, list, 0 },
    { "POST", ROUTES, MAY_CHANGE_CATALOG, add, ROUTE_SECRET },
    { "GET", ROUTES "/{id}", MAY_SEE_DEVICES, show, 0 },
    { "PATCH", ROUTES "/{id}", MAY_CHANGE_CATALOG, change, ROUTE_IF_MATCH },
    { "DELETE", ROUTES "/{id}", MAY_CHANGE_CATALOG, drop, 0 },
    { "POST", ROUTES "/{id}/secret", MAY_CHANGE_CATALOG, renew, ROUTE_SECRET },
    { "POST", ROUTES "/{id}/test", MAY_CHANGE_CATALOG, test, 0 },
    { "GET", DELIVERIES, MAY_SEE_DEVICES, deliveries, 0 },
    { "GET", DELIVERIES "/{id}", MAY_SEE_DEVICES, delivery, 0 },
    { "POST", DELIVERIES "/{id}/replay", MAY_CHANGE_CATALOG, replay, 0 },
    { 0 },
};

#define SECRET_BYTES 32
#define SECRET_SIZE  (6 + BASE64_SIZE(SECRET_BYTES)) // "orrs_…"
#define ESCALATE_MAX 1440

// ---------------------------------------------------------------- what a route may be

struct route_body {
    struct notify_route route;
    const char *secret;
};

static const struct field fields[] = {
    { TEXT_AS(struct route_body, route.name, "name"), REQUIRED, 1, NOTIFY_NAME_MAX },
    { TEXT_AS(struct route_body, route.kind, "kind"), REQUIRED, 1, 20 },
    { TEXT_AS(struct route_body, route.url, "url"), NULLABLE, 1, TARGET_URL_MAX },
    { OBJECT_AS(struct route_body, route.mail, "mail"), NULLABLE, 0, 0 },
    { TEXT(struct route_body, secret), NULLABLE, 1, LOCKET_TEXT_MAX },
    { TEXT_AS(struct route_body, route.min_severity, "minSeverity"), OPTIONAL, 1, 20 },
    { TEXTS_AS(struct route_body, route.sources, "sources"), OPTIONAL, 0, NOTIFY_LIST_MAX },
    { TEXTS_AS(struct route_body, route.codes, "codes"), OPTIONAL, 0, NOTIFY_LIST_MAX },
    { TEXTS_AS(struct route_body, route.products, "products"), OPTIONAL, 0, NOTIFY_LIST_MAX },
    { TEXTS_AS(struct route_body, route.groups, "groups"), OPTIONAL, 0, NOTIFY_LIST_MAX },
    { TEXTS_AS(struct route_body, route.sites, "sites"), OPTIONAL, 0, NOTIFY_LIST_MAX },
    { INT_AS(struct route_body, route.escalate_min, "escalateAfterMinutes"), NULLABLE, 1,
      ESCALATE_MAX },
    { BOOL_AS(struct route_body, route.enabled, "enabled"), OPTIONAL, 0, 0 },
};

struct mail_body {
    const char *server, *security, *user, *from;
    int64_t port;
    json_t *to;
};

static const struct field mail_fields[] = {
    { TEXT(struct mail_body, server), REQUIRED, 1, 253 },
    { INT(struct mail_body, port), REQUIRED, 1, 65535 },
    { TEXT(struct mail_body, security), REQUIRED, 1, 20 },
    { TEXT(struct mail_body, user), NULLABLE, 1, 200 },
    { TEXT(struct mail_body, from), REQUIRED, 3, TARGET_MAIL_MAX },
    { TEXTS(struct mail_body, to), REQUIRED, 1, COURIER_TO_MAX },
};

static bool is_clean(const char *text)
{
    return !text || utf8_is_clean(text, strlen(text));
}

static enum rc check_addresses(const struct mail_body *m, struct fault *f)
{
    size_t i;
    json_t *to;

    if (!target_is_mail(m->from))
        return fail(f, RC_INVALID, "mail/from must be an address such as orrery@example.org");
    json_array_foreach (m->to, i, to)
        if (!target_is_mail(json_string_value(to)))
            return fail(f, RC_INVALID, "mail/to/%zu must be an address such as ops@example.org", i);
    return RC_OK;
}

// A password never goes in the clear.
static enum rc check_mail(json_t *mail, const struct fence *fence, struct fault *f)
{
    struct mail_body m = { 0 };
    enum rc rc = BODY_READ(mail, mail_fields, &m, f);

    if (rc == RC_OK)
        rc = target_check_host(m.server, fence, f);
    if (rc != RC_OK)
        return rc;
    if (strcmp(m.security, "starttls") != 0 && strcmp(m.security, "tls") != 0 &&
        strcmp(m.security, "none") != 0)
        return fail(f, RC_INVALID, "mail/security must be starttls, tls or none");
    if (m.user && strcmp(m.security, "none") == 0)
        return fail(f, RC_INVALID,
                    "mail/user needs mail/security starttls or tls: a password "
                    "must not go in the clear");
    if (!is_clean(m.user))
        return fail(f, RC_INVALID, "mail/user must not contain control characters");
    return check_addresses(&m, f);
}

static bool is_https(const char *url)
{
    return strncasecmp(url, "https:", strlen("https:")) == 0;
}

static enum rc check_kind(const struct notify_route *r, const struct fence *fence, struct fault *f)
{
    bool mail = strcmp(r->kind, "email") == 0;

    if (!mail && strcmp(r->kind, "webhook") != 0 && strcmp(r->kind, "alertmanager") != 0)
        return fail(f, RC_INVALID, "kind must be webhook, email or alertmanager");
    if (mail != (r->mail != NULL) || mail != (r->url == NULL))
        return fail(f, RC_INVALID, "%s has %s", mail ? "an e-mail" : r->kind,
                    mail ? "mail and no url" : "url and no mail");
    return mail ? check_mail(r->mail, fence, f) : target_check_url(r->url, fence, f);
}

static enum rc check_ids(const json_t *list, const char *name, struct fault *f)
{
    size_t i;
    json_t *id;
    int32_t n;

    json_array_foreach ((json_t *)(uintptr_t)list, i, id)
        if (!number_id(json_string_value(id), &n))
            return fail(f, RC_INVALID, "%s/%zu is not an id", name, i);
    return RC_OK;
}

static enum rc check_texts(const struct route_body *b, struct fault *f)
{
    const json_t *const lists[] = { b->route.sources, b->route.codes, b->route.sites };
    size_t i;
    json_t *text;

    if (!is_clean(b->route.name))
        return fail(f, RC_INVALID, "name must not contain control characters");
    if (!is_clean(b->secret))
        return fail(f, RC_INVALID, "secret must not contain control characters");
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        json_array_foreach ((json_t *)(uintptr_t)lists[k], i, text)
            if (!is_clean(json_string_value(text)))
                return fail(f, RC_INVALID,
                            "sources, codes and sites must not contain control "
                            "characters");
    return RC_OK;
}

static enum rc read_body(struct req *q, json_t *body, struct route_body *b, struct fault *f)
{
    struct fence fence;
    enum rc rc;

    b->route = (struct notify_route){ .min_severity = "low", .enabled = true };
    rc = BODY_READ(body, fields, b, f);
    if (rc == RC_OK)
        rc = fence_parse(q->services->config->notify_allow, &fence, f);
    if (rc == RC_OK)
        rc = check_kind(&b->route, &fence, f);
    if (rc == RC_OK && b->secret && strcmp(b->route.kind, "alertmanager") == 0 &&
        !is_https(b->route.url))
        rc = fail(f, RC_INVALID, "url must be https: a token must not go in the clear");
    if (rc == RC_OK && alert_severity_from_name(b->route.min_severity) < 0)
        rc = fail(f, RC_INVALID, "minSeverity must be low, medium, high or critical");
    if (rc == RC_OK)
        rc = check_texts(b, f);
    if (rc == RC_OK)
        rc = check_ids(b->route.products, "products", f);
    if (rc == RC_OK)
        rc = check_ids(b->route.groups, "groups", f);
    return rc == RC_OK ? notify_check_scope(q->store, q->catalog, &b->route, f) : rc;
}

// ---------------------------------------------------------------- secrets

// A key that nobody has to think up.
static enum rc make_secret(char out[SECRET_SIZE], struct fault *f)
{
    uint8_t random[SECRET_BYTES];

    if (RAND_bytes(random, sizeof random) != 1)
        return fail(f, RC_INTERNAL, "no random numbers");
    memcpy(out, "orrs_", 5);
    base64url_encode(random, sizeof random, out + 5);
    OPENSSL_cleanse(random, sizeof random);
    return RC_OK;
}

static enum rc seal(const struct req *q, const char *secret, char out[LOCKET_SIZE], struct fault *f)
{
    *out = '\0';
    return secret ? locket_seal(q->services->keeper, q->catalog, secret, out, f) : RC_OK;
}

// ---------------------------------------------------------------- routes

static bool sees_all(const struct req *q)
{
    return q->who->permissions & MAY_CHANGE_CATALOG;
}

static enum rc read_id(const struct req *q, int64_t *out, struct fault *f)
{
    return number_read(q->params[1], out)
               ? RC_OK
               : fail(f, RC_NOT_FOUND, "there is no such notification route here");
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    json_t *items = NULL;
    enum rc rc = notify_list(q->store, q->catalog, sees_all(q), &items, f);

    return rc == RC_OK ? reply_page(q, r, items, "") : rc;
}

// secret: shown this once; NULL for none.
static enum rc reply_route(struct req *q, struct reply *r, int status, int64_t id,
                           const char *secret, struct fault *f)
{
    json_t *route = NULL;
    int64_t version;
    enum rc rc = notify_show(q->store, q->catalog, id, sees_all(q), &route, &version, f);

    if (rc != RC_OK)
        return rc;
    if (secret)
        add_text(route, "secret", secret);
    snprintf(r->etag, sizeof r->etag, "%" PRId64, version);
    snprintf(r->object, sizeof r->object, "notification route %" PRId64, id);
    snprintf(r->detail, sizeof r->detail, "'%s'",
             json_string_value(json_object_get(route, "name")));
    return reply_json(r, status, route);
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    int64_t id;
    enum rc rc = read_id(q, &id, f);

    return rc == RC_OK ? reply_route(q, r, 200, id, NULL, f) : rc;
}

static enum rc add(struct req *q, struct reply *r, struct fault *f)
{
    struct route_body b = { 0 };
    char made[SECRET_SIZE] = "", sealed[LOCKET_SIZE];
    int64_t id = 0;
    enum rc rc = read_body(q, q->body, &b, f);

    if (rc == RC_OK && !b.secret && strcmp(b.route.kind, "webhook") == 0) {
        rc = make_secret(made, f);
        b.secret = made;
    }
    if (rc == RC_OK)
        rc = seal(q, b.secret, sealed, f);
    if (rc == RC_OK)
        rc = notify_add(q->store, q->catalog, &b.route, *sealed ? sealed : NULL, &id, f);
    if (rc == RC_OK) {
        snprintf(r->location, sizeof r->location,
                 "/api/v1/catalogs/%s/notification-routes/%" PRId64, q->catalog_name, id);
        rc = reply_route(q, r, 201, id, *made ? made : NULL, f);
    }
    OPENSSL_cleanse(made, sizeof made);
    return rc;
}

// What a change leaves alone stays as it is.
static json_t *merge(json_t *was, json_t *body)
{
    static const char *const kept[] = { "name",
                                        "kind",
                                        "url",
                                        "mail",
                                        "sources",
                                        "codes",
                                        "products",
                                        "groups",
                                        "sites",
                                        "minSeverity",
                                        "escalateAfterMinutes",
                                        "enabled" };
    json_t *o = json_object();

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        json_object_set(o, kept[i], json_object_get(was, kept[i]));
    json_object_update(o, body);
    return o;
}

static bool differs(json_t *a, json_t *b, const char *member)
{
    return !json_equal(json_object_get(a, member), json_object_get(b, member));
}

// Whether its password or token would now be said to somebody else.
static bool goes_elsewhere(json_t *was, json_t *now)
{
    json_t *mail = json_object_get(was, "mail"), *then = json_object_get(now, "mail");

    return differs(was, now, "url") ||
           (mail && (differs(mail, then, "server") || differs(mail, then, "port") ||
                     differs(mail, then, "security") || differs(mail, then, "user")));
}

static enum rc check_change(json_t *was, json_t *now, const struct route_body *b, struct fault *f)
{
    if (differs(was, now, "kind"))
        return fail(f, RC_INVALID, "kind cannot be changed: make another route");
    if (json_is_true(json_object_get(was, "hasSecret")) && !json_object_get(now, "secret") &&
        strcmp(b->route.kind, "webhook") != 0 && goes_elsewhere(was, now))
        return fail(f, RC_INVALID,
                    "secret is missing: it would be told to another server than "
                    "before, so say it again");
    if (!b->secret && json_object_get(now, "secret") && strcmp(b->route.kind, "webhook") == 0)
        return fail(f, RC_INVALID, "secret must not be null: a webhook is always signed");
    return RC_OK;
}

static void wake(const struct services *s, void *arg)
{
    (void)arg;
    notifier_wake(s->notifier);
}

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    struct route_body b = { 0 };
    json_auto_t *was = NULL;
    json_auto_t *now = NULL;
    char sealed[LOCKET_SIZE] = "";
    int64_t id, version;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = notify_show(q->store, q->catalog, id, true, &was, &version, f);
    if (rc == RC_OK && !json_is_object(q->body))
        rc = fail(f, RC_INVALID, "the body must be an object");
    if (rc != RC_OK)
        return rc;
    now = merge(was, q->body);
    rc = read_body(q, now, &b, f);
    if (rc == RC_OK)
        rc = req_match(q, r, version, "route", f);
    if (rc == RC_OK)
        rc = check_change(was, now, &b, f);
    if (rc == RC_OK)
        rc = seal(q, b.secret, sealed, f);
    if (rc == RC_OK)
        rc = notify_change(q->store, q->catalog, id, version, &b.route, *sealed ? sealed : NULL,
                           json_is_null(json_object_get(now, "secret")), f);
    if (rc == RC_OK)
        rc = req_after_commit(q, wake, NULL, f);
    return rc == RC_OK ? reply_route(q, r, 200, id, NULL, f) : rc;
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    json_auto_t *was = NULL;
    int64_t id, version;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = notify_show(q->store, q->catalog, id, true, &was, &version, f);
    if (rc == RC_OK)
        rc = notify_delete(q->store, q->catalog, id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "notification route %" PRId64, id);
    snprintf(r->detail, sizeof r->detail, "'%s'", json_string_value(json_object_get(was, "name")));
    return reply_empty(r);
}

static enum rc renew(struct req *q, struct reply *r, struct fault *f)
{
    json_auto_t *was = NULL;
    char made[SECRET_SIZE], sealed[LOCKET_SIZE];
    int64_t id, version;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = notify_show(q->store, q->catalog, id, true, &was, &version, f);
    if (rc == RC_OK && strcmp(json_string_value(json_object_get(was, "kind")), "webhook") != 0)
        rc = fail(f, RC_CONFLICT, "only a webhook is signed; change the secret of this route");
    if (rc == RC_OK)
        rc = make_secret(made, f);
    if (rc != RC_OK)
        return rc;
    rc = seal(q, made, sealed, f);
    if (rc == RC_OK)
        rc = notify_set_secret(q->store, q->catalog, id, sealed, f);
    if (rc == RC_OK)
        rc = reply_route(q, r, 200, id, made, f);
    OPENSSL_cleanse(made, sizeof made);
    return rc;
}

// ---------------------------------------------------------------- deliveries

// 202 and where to look: a receiver that hangs must not hold a worker.
static enum rc reply_queued(struct req *q, struct reply *r, int64_t id, struct fault *f)
{
    json_t *o = NULL;
    enum rc rc = delivery_show(q->store, q->catalog, id, &o, f);

    if (rc != RC_OK)
        return rc;
    snprintf(r->location, sizeof r->location,
             "/api/v1/catalogs/%s/notification-deliveries/%" PRId64, q->catalog_name, id);
    rc = req_after_commit(q, wake, NULL, f);
    if (rc == RC_OK)
        return reply_json(r, 202, o);
    json_decref(o);
    return rc;
}

static enum rc test(struct req *q, struct reply *r, struct fault *f)
{
    json_auto_t *route = NULL;
    int64_t route_id, version, id = 0;
    enum rc rc = read_id(q, &route_id, f);

    if (rc == RC_OK)
        rc = notify_show(q->store, q->catalog, route_id, true, &route, &version, f);
    if (rc == RC_OK)
        rc = delivery_test(q->store, q->catalog, route_id, &id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "notification route %" PRId64, route_id);
    return reply_queued(q, r, id, f);
}

static bool is_state(const char *text)
{
    static const char *const states[] = { "held", "queued", "failed", "sent", "dead" };

    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i], text) == 0)
            return true;
    return false;
}

static enum rc deliveries(struct req *q, struct reply *r, struct fault *f)
{
    char route_text[24] = "", state[12] = "";
    int64_t route = 0, before = 0, next = 0;
    json_t *items = NULL;
    int limit;
    enum rc rc = req_numbered(q, &before, &limit, f);

    if (rc != RC_OK)
        return rc;
    if (req_query(q, "route", route_text, sizeof route_text) && !number_read(route_text, &route))
        return fail(f, RC_INVALID, "route must be the id of a route");
    if (req_query(q, "state", state, sizeof state) && !is_state(state))
        return fail(f, RC_INVALID, "state must be held, queued, failed, sent or dead");
    rc = delivery_list(q->store, q->catalog, route, *state ? state : NULL, before, limit, &items,
                       &next, f);
    return rc == RC_OK ? reply_numbered(q, r, items, next) : rc;
}

static enum rc read_delivery(const struct req *q, int64_t *out, struct fault *f)
{
    return number_read(q->params[1], out) ? RC_OK
                                          : fail(f, RC_NOT_FOUND, "there is no such delivery here");
}

static enum rc delivery(struct req *q, struct reply *r, struct fault *f)
{
    json_t *o = NULL;
    int64_t id;
    enum rc rc = read_delivery(q, &id, f);

    if (rc == RC_OK)
        rc = delivery_show(q->store, q->catalog, id, &o, f);
    return rc == RC_OK ? reply_json(r, 200, o) : rc;
}

static enum rc replay(struct req *q, struct reply *r, struct fault *f)
{
    json_auto_t *was = NULL;
    int64_t id;
    enum rc rc = read_delivery(q, &id, f);

    if (rc == RC_OK)
        rc = delivery_show(q->store, q->catalog, id, &was, f);
    if (rc == RC_OK)
        rc = delivery_replay(q->store, q->catalog, id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "delivery %" PRId64, id);
    return reply_queued(q, r, id, f);
}
