// SPDX-License-Identifier: Apache-2.0

#include "support/token_check.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "core/token.h"

static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/-";

static bool name_allowed(const char *name)
{
    size_t len = strlen(name);

    return len >= 1 && len <= TOKEN_NAME_MAX && strspn(name, allowed) == len;
}

static bool is_count(json_t *v)
{
    return json_is_integer(v) && json_integer_value(v) >= 1;
}

static bool is_telemetry(json_t *o)
{
    const char *type = json_string_value(json_object_get(o, "type"));

    return type && strcmp(type, "telemetry") == 0;
}

// What jansson's tree says about the rules of a telemetry message, escapes in names aside.
static bool follows_rules(json_t *o)
{
    json_t *m = json_object_get(o, "m"), *boot = json_object_get(o, "boot"), *v;
    const char *name;

    if (!is_count(json_object_get(o, "seq")) || !is_count(json_object_get(o, "t")))
        return false;
    if ((boot && !is_count(boot)) || !json_is_object(m) || json_object_size(m) > TOKEN_METRICS_MAX)
        return false;
    json_object_foreach (m, name, v) {
        if (!json_is_number(v) || !name_allowed(name))
            return false;
    }
    return true;
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static const char *same_values(const struct token_reading *r, json_t *o)
{
    json_t *m = json_object_get(o, "m");

    if (r->seq != json_integer_value(json_object_get(o, "seq")))
        return "seq differs";
    if (r->t != json_integer_value(json_object_get(o, "t")))
        return "t differs";
    if (r->boot != json_integer_value(json_object_get(o, "boot")))
        return "boot differs";
    if (r->count != json_object_size(m))
        return "another number of metrics";
    for (size_t i = 0; i < r->count; i++) {
        const struct token_metric *k = &r->metrics[i];
        json_t *v = json_object_getn(m, k->name.at, k->name.len);

        if (!v)
            return "a metric jansson does not know";
        if (!same_double(k->value, json_number_value(v)))
            return "a value differs";
    }
    return NULL;
}

static bool has_escape(const char *frame, size_t len)
{
    return memchr(frame, '\\', len) != NULL;
}

static bool has_many_members(json_t *v)
{
    json_t *e;
    const char *name;
    size_t i, n = json_object_size(v);

    json_object_foreach (v, name, e) {
        n += has_many_members(e) ? 1000 : json_object_size(e);
    }
    json_array_foreach (v, i, e) {
        if (has_many_members(e))
            return true;
    }
    return n > 30;
}

static const char *check_one(enum token_kind kind, const struct token_cursor *c, json_t *o)
{
    if (!json_is_object(o))
        return "took something for an object that is none";
    if (kind == TOKEN_OTHER)
        return is_telemetry(o) ? "did not see that it is telemetry" : NULL;
    if (!is_telemetry(o))
        return "took something else for telemetry";
    if (kind == TOKEN_TELEMETRY)
        return follows_rules(o) ? same_values(&c->reading, o) : "accepted what breaks a rule";
    if (!c->reason || !c->code)
        return "refused without a reason";
    if (follows_rules(o) && !has_escape(c->object.at, c->object.len) && !has_many_members(o))
        return "refused what breaks no rule";
    return NULL;
}

// jansson refuses the frame: so must the tokenizer, or at least whatever it could not check.
static const char *check_broken(const char *frame, size_t len)
{
    struct token_cursor c;
    enum token_kind kind;
    bool gave_up = false;

    token_start(&c, frame, len);
    while ((kind = token_next(&c)) != TOKEN_END && kind != TOKEN_BROKEN) {
        json_t *o = json_loadb(c.object.at, c.object.len, JSON_REJECT_DUPLICATES, NULL);

        if (!o && kind == TOKEN_TELEMETRY)
            return "accepted what is not JSON";
        gave_up |= !o; // too many members to look for duplicates: jansson will say so
        json_decref(o);
    }
    if (kind == TOKEN_BROKEN)
        return c.reason ? NULL : "broken without a reason";
    return gave_up ? NULL : "accepted a frame that is not JSON";
}

static const char *check_tree(const char *frame, size_t len, json_t *tree)
{
    struct token_cursor c;
    enum token_kind kind;
    size_t i = 0;

    token_start(&c, frame, len);
    while ((kind = token_next(&c)) != TOKEN_END) {
        json_t *o = json_is_array(tree) ? json_array_get(tree, i) : tree;
        const char *why;

        i++;
        if (kind == TOKEN_BROKEN)
            return json_is_object(o) && !memchr(frame, 0, len) ? "refused what is JSON" : NULL;
        why = check_one(kind, &c, o);
        if (why)
            return why;
    }
    return i == (json_is_array(tree) ? json_array_size(tree) : 1) ? NULL : "lost a message";
}

const char *token_check(const char *frame, size_t len)
{
    json_auto_t *tree = json_loadb(frame, len, JSON_REJECT_DUPLICATES, NULL);

    return tree ? check_tree(frame, len, tree) : check_broken(frame, len);
}
