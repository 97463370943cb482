// SPDX-License-Identifier: Apache-2.0
//
// json: a rule as JSON, the form that programs write.
//
//   { "when": {"all": [ {"metric":"temp", "aggregate":"avg", "over":"5m", "is":">", "value":70,
//     "windows":2}, {"absent":"fan", "for":"10m"} ]}, "by":"device", "where":{"product":["hvac"]},
//     "late":"5s", "severity":"medium" }

#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "rule/rule.h"

struct form { // of the whole
    json_t *when, *where;
    const char *by, *late, *severity;
};

static const struct field form_fields[] = {
    { OBJECT(struct form, when), REQUIRED, 0, 0 },    { TEXT(struct form, by), OPTIONAL, 1, 16 },
    { OBJECT(struct form, where), OPTIONAL, 0, 0 },   { TEXT(struct form, late), OPTIONAL, 1, 16 },
    { TEXT(struct form, severity), OPTIONAL, 1, 16 },
};

struct test_form {
    const char *metric, *aggregate, *over, *gap, *every, *is, *absent, *duration;
    json_t *value;
    int64_t windows;
    bool sliding;
};

static const struct field test_fields[] = {
    { TEXT(struct test_form, metric), OPTIONAL, 1, TOKEN_NAME_MAX },
    { TEXT(struct test_form, aggregate), OPTIONAL, 1, 16 },
    { TEXT(struct test_form, over), OPTIONAL, 1, 16 },
    { TEXT(struct test_form, gap), OPTIONAL, 1, 16 },
    { TEXT(struct test_form, every), OPTIONAL, 1, 16 },
    { BOOL(struct test_form, sliding), OPTIONAL, 0, 0 },
    { TEXT(struct test_form, is), REQUIRED, 1, 2 },
    { JSON(struct test_form, value), REQUIRED, 0, 0 },
    { INT(struct test_form, windows), OPTIONAL, 1, RULE_WINDOWS_MAX },
};

static const struct field absence_fields[] = {
    { TEXT(struct test_form, absent), REQUIRED, 0, TOKEN_NAME_MAX },
    { TEXT_AS(struct test_form, duration, "for"), REQUIRED, 1, 16 },
};

static enum rc wants_duration(const char *name, const char *text, int64_t *ms, struct fault *f)
{
    if (rule_duration_read(text, strlen(text), ms))
        return RC_OK;
    return fail(f, RC_INVALID, "%s: expected a duration such as 5m", name);
}

static enum rc set_metric(struct rule_test *t, const char *name, struct fault *f)
{
    if (!rule_metric_valid(name, strlen(name)))
        return fail(f, RC_INVALID, "metric: expected 1 to 64 characters of A-Z a-z 0-9 . _ : / -");
    memccpy(t->metric, name, '\0', sizeof t->metric);
    return RC_OK;
}

static enum rc absence_from(json_t *json, struct rule_test *t, struct fault *f)
{
    struct test_form form = { 0 };
    enum rc rc = BODY_READ(json, absence_fields, &form, f);

    t->kind = RULE_ABSENCE;
    if (rc == RC_OK && *form.absent)
        rc = set_metric(t, form.absent, f);
    return rc == RC_OK ? wants_duration("for", form.duration, &t->size_ms, f) : rc;
}

static enum rc window_from(const struct test_form *form, struct rule_test *t, struct fault *f)
{
    t->kind = RULE_WINDOW;
    if (!rule_aggregate_read(form->aggregate, strlen(form->aggregate), t))
        return fail(f, RC_INVALID,
                    "aggregate: expected avg, min, max, sum, count, last, rate, "
                    "stddev or p50 to p99");
    if (!form->over == !form->gap || (form->gap && (form->every || form->sliding)) ||
        (form->every && form->sliding))
        return fail(f, RC_INVALID,
                    "expected over, with every or sliding or neither; or gap for a session");
    if (form->gap) {
        t->over = RULE_SESSION;
        return wants_duration("gap", form->gap, &t->size_ms, f);
    }
    t->over = form->every ? RULE_HOPPING : form->sliding ? RULE_SLIDING : RULE_TUMBLING;
    if (form->every && wants_duration("every", form->every, &t->hop_ms, f) != RC_OK)
        return RC_INVALID;
    return wants_duration("over", form->over, &t->size_ms, f);
}

static enum rc limit_from(const struct test_form *form, struct rule_test *t, struct fault *f)
{
    int op = rule_value_of(rule_ops, form->is, strlen(form->is));

    if (op < 0)
        return fail(f, RC_INVALID, "is: expected one of > >= < <=");
    if (!json_is_number(form->value))
        return fail(f, RC_INVALID, "value: expected a number");
    t->op = (enum rule_op)op;
    t->value = json_number_value(form->value) + 0.0;
    t->windows = (int)form->windows;
    return RC_OK;
}

static enum rc test_from(json_t *json, struct rule_test *t, struct fault *f)
{
    struct test_form form = { .windows = 1 };
    enum rc rc;

    if (json_object_get(json, "absent"))
        return absence_from(json, t, f);
    rc = BODY_READ(json, test_fields, &form, f);
    if (rc == RC_OK)
        rc = limit_from(&form, t, f);
    if (rc == RC_OK && form.aggregate)
        rc = window_from(&form, t, f);
    else if (rc == RC_OK &&
             (form.over || form.gap || form.every || form.sliding || form.windows > 1))
        rc = fail(f, RC_INVALID, "aggregate: expected one for a window, such as avg");
    if (rc == RC_OK && form.metric)
        return set_metric(t, form.metric, f);
    if (rc == RC_OK && t->aggregate != RULE_COUNT)
        return fail(f, RC_INVALID, "metric: expected a name; only count does without");
    return rc;
}

// ---------------------------------------------------------------- the tree

static enum rc node_from(struct rule *r, json_t *json, int depth, int *node, struct fault *f);

static enum rc no_room(struct fault *f)
{
    return fail(f, RC_INVALID, "when: expected at most %d conditions", RULE_TESTS_MAX);
}

static enum rc list_from(struct rule *r, enum rule_join join, json_t *list, int depth, int *node,
                         struct fault *f)
{
    enum rc rc = RC_OK;
    int child = 0;

    if (json_array_size(list) == 0)
        return fail(f, RC_INVALID, "%s: expected a list of conditions",
                    join == RULE_AND ? "all" : "any");
    if (json_array_size(list) == 1)
        return node_from(r, json_array_get(list, 0), depth, node, f);
    *node = rule_node_add(r, join);
    if (!*node)
        return no_room(f);
    for (size_t i = 0; i < json_array_size(list); i++) {
        rc = node_from(r, json_array_get(list, i), depth, &child, f);
        if (rc != RC_OK)
            return rc;
        rule_node_hang(r, *node, child);
    }
    return rc;
}

static enum rc not_from(struct rule *r, json_t *json, int depth, int *node, struct fault *f)
{
    int child = 0;
    enum rc rc = node_from(r, json, depth, &child, f);

    if (rc != RC_OK)
        return rc;
    *node = rule_node_add(r, RULE_NOT);
    if (!*node)
        return no_room(f);
    rule_node_hang(r, *node, child);
    return RC_OK;
}

static enum rc node_from(struct rule *r, json_t *json, int depth, int *node, struct fault *f)
{
    struct rule_test t = { .windows = 1 };
    json_t *all = json_object_get(json, "all"), *any = json_object_get(json, "any");
    json_t *not = json_object_get(json, "not");
    enum rc rc;

    if (!json_is_object(json))
        return fail(f, RC_INVALID, "when: expected objects");
    if (depth == RULE_NESTING_MAX)
        return fail(f, RC_INVALID, "when: expected at most %d levels", RULE_DEPTH_MAX);
    if ((all || any || not ) && json_object_size(json) != 1)
        return fail(f, RC_INVALID, "when: expected all, any or not alone in its object");
    if (all || any)
        return list_from(r, all ? RULE_AND : RULE_OR, all ? all : any, depth + 1, node, f);
    if (not )
        return not_from(r, not, depth + 1, node, f);
    rc = test_from(json, &t, f);
    if (rc != RC_OK)
        return rc;
    *node = rule_test_add(r, &t);
    return *node ? RC_OK : no_room(f);
}

// ---------------------------------------------------------------- the whole

static enum rc where_from(struct rule *r, json_t *where, struct fault *f)
{
    struct fault why = { 0 };
    const char *name;
    json_t *values, *value;
    size_t i;

    json_object_foreach (where, name, values) {
        if (json_array_size(values) == 0)
            return fail(f, RC_INVALID, "where: expected a list of texts for %.30s", name);
        json_array_foreach (values, i, value) {
            const char *text = json_string_value(value);

            if (!text || strlen(text) != json_string_length(value))
                return fail(f, RC_INVALID, "where: expected texts for %.30s", name);
            if (rule_where_add(r, name, text, &why) != RC_OK)
                return fail(f, why.rc, "where: %s", why.text);
        }
    }
    return RC_OK;
}

static enum rc choice(const char *member, const char *text, const struct rule_name *names, int *out,
                      const char *all, struct fault *f)
{
    int n = text ? rule_value_of(names, text, strlen(text)) : *out;

    if (n < 0)
        return fail(f, RC_INVALID, "%s: expected %s", member, all);
    *out = n;
    return RC_OK;
}

static enum rc fill(struct rule *r, const struct form *form, struct fault *f)
{
    int by = RULE_BY_DEVICE, severity = RULE_MEDIUM;
    enum rc rc = node_from(r, form->when, 0, &r->root, f);

    if (rc == RC_OK)
        rc = choice("by", form->by, rule_bys, &by, "device, group, product or site", f);
    if (rc == RC_OK)
        rc = choice("severity", form->severity, rule_severities, &severity,
                    "low, medium, high or critical", f);
    if (rc == RC_OK)
        rc = where_from(r, form->where, f);
    if (rc == RC_OK && form->late)
        rc = wants_duration("late", form->late, &r->late_ms, f);
    r->by = (enum rule_by)by;
    r->severity = (enum rule_severity)severity;
    return rc == RC_OK ? rule_finish(r, f) : rc;
}

enum rc rule_from(json_t *json, struct rule *out, struct fault *f)
{
    struct rule r = { .late_ms = RULE_LATE_MS };
    struct form form = { 0 };
    enum rc rc = BODY_READ(json, form_fields, &form, f);

    if (rc == RC_OK)
        rc = fill(&r, &form, f);
    if (rc == RC_OK)
        *out = r;
    else
        rule_done(&r);
    return rc;
}

// ---------------------------------------------------------------- writing

static void add_duration(json_t *o, const char *name, int64_t ms)
{
    char text[RULE_DURATION_SIZE];

    rule_duration_print(ms, text);
    add_text(o, name, text);
}

static void add_window(json_t *o, const struct rule_test *t)
{
    char name[16];

    rule_aggregate_print(t, name);
    add_text(o, "aggregate", name);
    add_duration(o, t->over == RULE_SESSION ? "gap" : "over", t->size_ms);
    if (t->over == RULE_HOPPING)
        add_duration(o, "every", t->hop_ms);
    if (t->over == RULE_SLIDING)
        add_bool(o, "sliding", true);
}

static json_t *test_json(const struct rule_test *t)
{
    json_t *o = json_object();

    if (t->kind == RULE_ABSENCE) {
        add_text(o, "absent", t->metric);
        add_duration(o, "for", t->size_ms);
        return o;
    }
    if (*t->metric)
        add_text(o, "metric", t->metric);
    if (t->kind == RULE_WINDOW)
        add_window(o, t);
    add_text(o, "is", rule_name_of(rule_ops, (int)t->op));
    add_real(o, "value", t->value);
    if (t->windows > 1)
        add_int(o, "windows", t->windows);
    return o;
}

static json_t *node_json(const struct rule *r, int node)
{
    const struct rule_node *n = &r->nodes[node];
    json_t *o, *list;

    if (n->join == RULE_TEST)
        return test_json(&r->tests[n->test]);
    o = json_object();
    if (n->join == RULE_NOT) {
        add_json(o, "not", node_json(r, n->first));
        return o;
    }
    list = json_array();
    for (int child = n->first; child; child = r->nodes[child].next)
        json_array_append_new(list, node_json(r, child));
    add_json(o, n->join == RULE_AND ? "all" : "any", list);
    return o;
}

json_t *rule_json(const struct rule *r)
{
    json_t *o = json_object();

    add_json(o, "when", node_json(r, r->root));
    add_text(o, "by", rule_by_name(r->by));
    if (r->where)
        add_json(o, "where", json_deep_copy(r->where));
    add_duration(o, "late", r->late_ms);
    add_text(o, "severity", rule_severity_name(r->severity));
    return o;
}
