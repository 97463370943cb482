// SPDX-License-Identifier: Apache-2.0

#include "rule/rule_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/number.h"
#include "http/percent.h"
#include "rule/backtest.h"
#include "rule/book.h"
#include "telemetry/range.h"

static handler list, show, add, change, enable, disable, drop, check, backtest, backtest_show,
    backtest_drop;

#define RULES     "/api/v1/catalogs/{catalog}/rules"
#define BACKTESTS "/api/v1/catalogs/{catalog}/backtests"
#define USUAL_MS  (7 * 86400000LL) // of a backtest

const struct route rule_routes[] = {
    { "GET", RULES, MAY_SEE_TELEMETRY, list, 0 },
    { "POST", RULES, MAY_CHANGE_DEVICES, add, 0 },
    { "POST", RULES ":check", MAY_CHANGE_DEVICES, check, 0 },
    { "POST", RULES ":backtest", MAY_CHANGE_DEVICES, backtest, 0 },
    { "GET", BACKTESTS "/{id}", MAY_SEE_TELEMETRY, backtest_show, 0 },
    { "DELETE", BACKTESTS "/{id}", MAY_CHANGE_DEVICES, backtest_drop, 0 },
    { "GET", RULES "/{id}", MAY_SEE_TELEMETRY, show, 0 },
    { "PATCH", RULES "/{id}", MAY_CHANGE_DEVICES, change, ROUTE_IF_MATCH },
    { "POST", RULES "/{id}/enable", MAY_CHANGE_DEVICES, enable, 0 },
    { "POST", RULES "/{id}/disable", MAY_CHANGE_DEVICES, disable, 0 },
    { "DELETE", RULES "/{id}", MAY_CHANGE_DEVICES, drop, 0 },
    { 0 },
};

static void rule_donep(struct rule *r)
{
    rule_done(r);
}

static enum rc read_id(const struct req *q, int64_t *out, struct fault *f)
{
    return number_read(q->params[1], out) ? RC_OK
                                          : fail(f, RC_NOT_FOUND, "this catalog has no such rule");
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    char cursor[24];
    json_t *items = NULL;
    int64_t after = 0, next = 0;
    int limit = 0;
    enum rc rc = req_limit(q, &limit, f);

    if (rc == RC_OK)
        rc = req_cursor(q, cursor, sizeof cursor, f);
    if (rc == RC_OK && *cursor && !number_read(cursor, &after))
        rc = fail(f, RC_INVALID, "the cursor is not from here");
    if (rc == RC_OK)
        rc = book_page(q->store, q->catalog, after, limit, &items, &next, f);
    return rc == RC_OK ? reply_numbered(q, r, items, next) : rc;
}

static enum rc reply_rule(struct req *q, struct reply *r, int status, int64_t id, struct fault *f)
{
    json_t *rule = NULL;
    int64_t version = 0;
    enum rc rc = book_show(q->store, q->catalog, id, &rule, &version, NULL, f);

    if (rc != RC_OK)
        return rc;
    snprintf(r->etag, sizeof r->etag, "%" PRId64, version);
    snprintf(r->object, sizeof r->object, "rule %" PRId64, id);
    return reply_json(r, status, rule);
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    int64_t id;
    enum rc rc = read_id(q, &id, f);

    return rc == RC_OK ? reply_rule(q, r, 200, id, f) : rc;
}

// ---------------------------------------------------------------- writing

struct rule_body {
    const char *name, *text;
    json_t *rule;
};

static enum rc read_rule(const struct rule_body *b, struct rule *out, int *column, struct fault *f)
{
    *column = 0;
    if (!b->text == !b->rule)
        return fail(f, RC_INVALID, "a rule comes as text or as rule, one of them");
    return b->text ? rule_read(b->text, strlen(b->text), out, column, f)
                   : rule_from(b->rule, out, f);
}

static enum rc check_name(const char *name, struct fault *f)
{
    return !name || utf8_is_clean(name, strlen(name))
               ? RC_OK
               : fail(f, RC_INVALID, "name must not contain control characters");
}

static const struct field new_fields[] = {
    { TEXT(struct rule_body, name), REQUIRED, 1, RULE_NAME_MAX },
    { TEXT(struct rule_body, text), OPTIONAL, 0, BODY_MAX },
    { OBJECT(struct rule_body, rule), OPTIONAL, 0, 0 },
};

static enum rc add(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rule_donep) struct rule rule = { 0 };
    struct rule_body b = { 0 };
    int64_t id = 0, devices, keys;
    int column;
    enum rc rc = BODY_READ(q->body, new_fields, &b, f);

    if (rc == RC_OK)
        rc = check_name(b.name, f);
    if (rc == RC_OK)
        rc = read_rule(&b, &rule, &column, f);
    if (rc == RC_OK)
        rc = book_keys(q->store, q->catalog, &rule, &devices, &keys, f);
    if (rc == RC_OK)
        rc = book_add(q->store, q->catalog, b.name, &rule, q->who->name, &id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->location, sizeof r->location, "/api/v1/catalogs/%s/rules/%" PRId64, q->catalog_name,
             id);
    return reply_rule(q, r, 201, id, f);
}

static const struct field change_fields[] = {
    { TEXT(struct rule_body, name), OPTIONAL, 1, RULE_NAME_MAX },
    { TEXT(struct rule_body, text), OPTIONAL, 0, BODY_MAX },
    { OBJECT(struct rule_body, rule), OPTIONAL, 0, 0 },
};

static enum rc change(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rule_donep) struct rule rule = { 0 };
    struct rule_body b = { 0 };
    int64_t id, version, devices, keys;
    int column;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = book_show(q->store, q->catalog, id, NULL, &version, NULL, f);
    if (rc == RC_OK)
        rc = BODY_READ(q->body, change_fields, &b, f);
    if (rc == RC_OK)
        rc = check_name(b.name, f);
    if (rc == RC_OK && (b.text || b.rule))
        rc = read_rule(&b, &rule, &column, f);
    if (rc == RC_OK && rule.root)
        rc = book_keys(q->store, q->catalog, &rule, &devices, &keys, f);
    if (rc == RC_OK)
        rc = req_match(q, r, version, "rule", f);
    if (rc == RC_OK)
        rc = book_change(q->store, q->catalog, id, version,
                         &(struct book_change){
                             .name = b.name, .by = q->who->name, .rule = rule.root ? &rule : NULL },
                         f);
    return rc == RC_OK ? reply_rule(q, r, 200, id, f) : rc;
}

static enum rc turn(struct req *q, struct reply *r, bool on, struct fault *f)
{
    auto_with(rule_donep) struct rule rule = { 0 };
    json_auto_t *was = NULL;
    struct book_change c = { .by = q->who->name, .enabled = &on };
    int64_t id, version, devices, keys;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = book_show(q->store, q->catalog, id, &was, &version, &rule, f);
    if (rc == RC_OK && json_is_true(json_object_get(was, "enabled")) == on) {
        r->no_audit = true;
        return reply_rule(q, r, 200, id, f);
    }
    if (rc == RC_OK && on)
        rc = book_keys(q->store, q->catalog, &rule, &devices, &keys, f);
    if (rc == RC_OK)
        rc = book_change(q->store, q->catalog, id, version, &c, f);
    return rc == RC_OK ? reply_rule(q, r, 200, id, f) : rc;
}

static enum rc enable(struct req *q, struct reply *r, struct fault *f)
{
    return turn(q, r, true, f);
}

static enum rc disable(struct req *q, struct reply *r, struct fault *f)
{
    return turn(q, r, false, f);
}

static enum rc drop(struct req *q, struct reply *r, struct fault *f)
{
    int64_t id;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = book_delete(q->store, q->catalog, id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "rule %" PRId64, id);
    return reply_empty(r);
}

// ---------------------------------------------------------------- trying one

static const struct field check_fields[] = {
    { TEXT(struct rule_body, text), OPTIONAL, 0, BODY_MAX },
    { OBJECT(struct rule_body, rule), OPTIONAL, 0, 0 },
};

static enum rc reply_mistake(struct reply *r, int column, const char *text)
{
    json_t *o = json_object();

    add_bool(o, "valid", false);
    add_json(o, "column", column ? json_integer(column) : NULL);
    add_text(o, "message", text);
    return reply_json(r, 200, o);
}

static enum rc reply_checked(struct reply *r, const struct rule *rule, int64_t devices,
                             int64_t keys, struct fault *f)
{
    auto_free char *text = rule_print(rule);
    json_t *o;

    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    o = json_object();
    add_bool(o, "valid", true);
    add_text(o, "text", text);
    add_json(o, "rule", rule_json(rule));
    add_int(o, "devices", devices);
    add_int(o, "keys", keys);
    return reply_json(r, 200, o);
}

// A mistake is an answer, too: whoever types wants to see where.
static enum rc check(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rule_donep) struct rule rule = { 0 };
    struct rule_body b = { 0 };
    struct fault why = { 0 };
    int64_t devices = 0, keys = 0;
    int column = 0;
    enum rc rc = BODY_READ(q->body, check_fields, &b, f);

    r->no_audit = true;
    if (rc != RC_OK)
        return rc;
    rc = read_rule(&b, &rule, &column, &why);
    if (rc == RC_OK)
        rc = book_keys(q->store, q->catalog, &rule, &devices, &keys, &why);
    if (rc == RC_INVALID)
        return reply_mistake(r, column, why.text);
    return rc == RC_OK ? reply_checked(r, &rule, devices, keys, f) : fail(f, rc, "%s", why.text);
}

// ---------------------------------------------------------------- what it would have said

struct backtest_body {
    const char *text, *from, *to;
    json_t *rule;
};

static const struct field backtest_fields[] = {
    { TEXT(struct backtest_body, text), OPTIONAL, 0, BODY_MAX },
    { OBJECT(struct backtest_body, rule), OPTIONAL, 0, 0 },
    { TEXT(struct backtest_body, from), OPTIONAL, 1, RANGE_TEXT },
    { TEXT(struct backtest_body, to), OPTIONAL, 1, RANGE_TEXT },
};

static enum rc read_times(const struct backtest_body *b, struct backtest_ask *a, struct fault *f)
{
    int64_t now = clock_now_ms();

    a->to = now;
    if ((b->to && !range_time(b->to, now, &a->to)) ||
        (b->from && !range_time(b->from, now, &a->from)))
        return fail(f, RC_INVALID,
                    "from and to take Unix ms, RFC 3339 with Z, now, or a span before now like "
                    "-24h, as texts");
    a->to = a->to < now ? a->to : now;
    if (!b->from)
        a->from = a->to > USUAL_MS ? a->to - USUAL_MS : 0;
    return RC_OK;
}

static enum rc reply_backtest(struct req *q, struct reply *r, int status, int64_t id,
                              struct fault *f)
{
    json_t *o = NULL;
    enum rc rc = backtests_show(q->services->backtests, q->store, q->catalog, id, &o, f);

    return rc == RC_OK ? reply_json(r, status, o) : rc;
}

// Nothing is changed by it: it has no place in the audit trail.
static enum rc backtest(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rule_donep) struct rule rule = { 0 };
    struct backtest_ask a = { .catalog = q->catalog, .rule = &rule };
    struct backtest_body b = { 0 };
    struct fault why = { 0 };
    int64_t devices, keys, id = 0;
    int column = 0;
    enum rc rc = BODY_READ(q->body, backtest_fields, &b, f);

    r->no_audit = true;
    if (rc == RC_OK)
        rc = read_times(&b, &a, f);
    if (rc != RC_OK)
        return rc;
    rc = read_rule(&(struct rule_body){ .text = b.text, .rule = b.rule }, &rule, &column, &why);
    if (rc == RC_OK)
        rc = book_keys(q->store, q->catalog, &rule, &devices, &keys, &why);
    if (rc == RC_INVALID)
        return reply_mistake(r, column, why.text);
    if (rc != RC_OK)
        return fail(f, rc, "%s", why.text);
    rc = backtests_add(q->services->backtests, &a, &id, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->location, sizeof r->location, "/api/v1/catalogs/%s/backtests/%" PRId64,
             q->catalog_name, id);
    return reply_backtest(q, r, 202, id, f);
}

static enum rc read_backtest(const struct req *q, int64_t *out, struct fault *f)
{
    return number_read(q->params[1], out) && q->services->backtests
               ? RC_OK
               : fail(f, RC_NOT_FOUND, "there is no such backtest");
}

static enum rc backtest_show(struct req *q, struct reply *r, struct fault *f)
{
    int64_t id;
    enum rc rc = read_backtest(q, &id, f);

    return rc == RC_OK ? reply_backtest(q, r, 200, id, f) : rc;
}

static enum rc backtest_drop(struct req *q, struct reply *r, struct fault *f)
{
    int64_t id;
    enum rc rc = read_backtest(q, &id, f);

    r->no_audit = true;
    if (rc == RC_OK)
        rc = backtests_forget(q->services->backtests, q->catalog, id, f);
    return rc == RC_OK ? reply_empty(r) : rc;
}
