// SPDX-License-Identifier: Apache-2.0

#include "rule/rule.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/number.h"
#include "device/device.h"
#include "device/filter.h"
#include "http/percent.h"

#define LENGTH(a)        (sizeof(a) / sizeof *(a))
#define WHERE_NAMES      "state, product, group, version, attested, site, batch, network, tag"
#define WHERE_VALUE_MAX  (TAG_NAME_MAX + 1 + TAG_VALUE_MAX)
#define WHERE_VALUES_MAX 100 // in all
#define HISTORY_WINDOWS  30  // of stddev

const struct rule_name rule_aggregates[] = {
    { "avg", RULE_AVG },   { "min", RULE_MIN },       { "max", RULE_MAX },
    { "sum", RULE_SUM },   { "count", RULE_COUNT },   { "last", RULE_LAST },
    { "rate", RULE_RATE }, { "stddev", RULE_STDDEV }, { 0 },
};
const struct rule_name rule_ops[] = {
    { ">=", RULE_GE }, { ">", RULE_GT }, { "<=", RULE_LE }, { "<", RULE_LT }, { 0 },
};
const struct rule_name rule_bys[] = {
    { "device", RULE_BY_DEVICE },
    { "group", RULE_BY_GROUP },
    { "product", RULE_BY_PRODUCT },
    { "site", RULE_BY_SITE },
    { 0 },
};
const struct rule_name rule_severities[] = {
    { "low", RULE_LOW },
    { "medium", RULE_MEDIUM },
    { "high", RULE_HIGH },
    { "critical", RULE_CRITICAL },
    { 0 },
};

static const struct {
    const char *unit;
    int64_t ms;
} units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

void rule_done(struct rule *r)
{
    json_decref(r->where);
    *r = (struct rule){ 0 };
}

// ---------------------------------------------------------------- words

int rule_value_of(const struct rule_name *names, const char *name, size_t len)
{
    for (; names->name; names++)
        if (strlen(names->name) == len && !memcmp(names->name, name, len))
            return names->value;
    return -1;
}

const char *rule_name_of(const struct rule_name *names, int value)
{
    while (names->name && names->value != value)
        names++;
    return names->name;
}

const char *rule_by_name(enum rule_by by)
{
    return rule_name_of(rule_bys, (int)by);
}

const char *rule_severity_name(enum rule_severity s)
{
    return rule_name_of(rule_severities, (int)s);
}

bool rule_aggregate_read(const char *name, size_t len, struct rule_test *t)
{
    int n = rule_value_of(rule_aggregates, name, len);

    t->percentile = 0;
    if (n >= 0)
        t->aggregate = (enum rule_aggregate)n;
    if (n >= 0)
        return true;
    if (len != 3 || name[0] != 'p' || name[1] < '5' || name[1] > '9' || name[2] < '0' ||
        name[2] > '9')
        return false;
    t->aggregate = RULE_PERCENTILE;
    t->percentile = (name[1] - '0') * 10 + name[2] - '0';
    return true;
}

void rule_aggregate_print(const struct rule_test *t, char out[16])
{
    if (t->aggregate == RULE_PERCENTILE)
        snprintf(out, 16, "p%d", t->percentile);
    else
        snprintf(out, 16, "%s", rule_name_of(rule_aggregates, (int)t->aggregate));
}

bool rule_duration_read(const char *text, size_t len, int64_t *ms)
{
    char digits[10] = "";
    size_t count = 0;
    int64_t n;

    while (count < len && text[count] >= '0' && text[count] <= '9')
        count++;
    if (count == 0 || count >= sizeof digits)
        return false;
    memcpy(digits, text, count);
    for (size_t i = 0; i < LENGTH(units); i++) {
        if (strlen(units[i].unit) != len - count ||
            memcmp(units[i].unit, text + count, len - count))
            continue;
        return number_read(digits, &n) && n > 0 && (*ms = n * units[i].ms, true);
    }
    return false;
}

void rule_duration_print(int64_t ms, char out[RULE_DURATION_SIZE])
{
    size_t i = 0;

    while (ms % units[i].ms != 0)
        i++;
    snprintf(out, RULE_DURATION_SIZE, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
}

void rule_number_print(double n, char out[RULE_NUMBER_SIZE])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, RULE_NUMBER_SIZE, "%.*g", digits, n);
        if (strtod(out, NULL) == n)
            return;
    }
}

bool rule_metric_valid(const char *name, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._:/-";

    for (size_t i = 0; i < len; i++)
        if (!name[i] || !strchr(allowed, name[i]))
            return false;
    return len > 0 && len <= TOKEN_NAME_MAX;
}

// ---------------------------------------------------------------- where

// The filter's own check, but for names of products and groups, which only a database knows.
static enum rc check_value(const char *name, const char *value, struct fault *f)
{
    struct device_filter x = { 0 };
    json_auto_t *params = json_object();
    enum rc rc;

    if (!strcmp(name, "product") || !strcmp(name, "group"))
        return RC_OK;
    json_object_set_new(params, name, json_string(value));
    rc = device_filter_from(params, 1, &x, f);
    device_filter_done(&x);
    return rc;
}

bool rule_where_knows(const char *name)
{
    static const char *const names[] = { "state", "product", "group",   "version", "attested",
                                         "site",  "batch",   "network", "tag" };

    for (size_t i = 0; i < LENGTH(names); i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

static size_t where_count(json_t *where)
{
    const char *name;
    json_t *values;
    size_t n = 0;

    json_object_foreach (where, name, values)
        n += json_array_size(values);
    return n;
}

enum rc rule_where_add(struct rule *r, const char *name, const char *value, struct fault *f)
{
    json_t *values;
    enum rc rc;

    if (!rule_where_knows(name))
        return fail(f, RC_INVALID, "expected one of " WHERE_NAMES);
    if (strlen(value) > WHERE_VALUE_MAX || !utf8_is_clean(value, strlen(value)))
        return fail(f, RC_INVALID, "expected a text of at most %d bytes", WHERE_VALUE_MAX);
    if (where_count(r->where) == WHERE_VALUES_MAX)
        return fail(f, RC_INVALID, "expected at most %d values after 'where'", WHERE_VALUES_MAX);
    rc = check_value(name, value, f);
    if (rc != RC_OK)
        return rc;
    if (!r->where)
        r->where = json_object();
    values = json_object_get(r->where, name);
    if (!values) {
        values = json_array();
        json_object_set_new(r->where, name, values);
    }
    return json_array_append_new(values, json_string(value)) == 0
               ? RC_OK
               : fail(f, RC_INTERNAL, "out of memory");
}

// ---------------------------------------------------------------- the tree

int rule_node_add(struct rule *r, enum rule_join join)
{
    if (r->node_count == 0)
        r->node_count = 1;
    if (r->node_count == RULE_NODES_MAX)
        return 0;
    r->nodes[r->node_count] = (struct rule_node){ .join = join };
    return r->node_count++;
}

int rule_test_add(struct rule *r, const struct rule_test *t)
{
    int node = r->test_count < RULE_TESTS_MAX ? rule_node_add(r, RULE_TEST) : 0;

    if (node) {
        r->nodes[node].test = r->test_count;
        r->tests[r->test_count++] = *t;
    }
    return node;
}

void rule_node_hang(struct rule *r, int parent, int child)
{
    struct rule_node *p = &r->nodes[parent], *c = &r->nodes[child];
    int *last = &p->first;

    while (*last)
        last = &r->nodes[*last].next;
    *last = c->join == p->join && c->join != RULE_NOT ? c->first : child;
}

// ---------------------------------------------------------------- what fits

// A window that slides is looked at as often as it has panes.
static void set_hop(struct rule_test *t)
{
    int64_t panes = t->over == RULE_SLIDING ? RULE_PANES_MAX : 1;

    if (t->kind != RULE_WINDOW || t->over == RULE_HOPPING)
        return;
    while (panes > 1 && (t->size_ms % panes != 0 || t->size_ms / panes < RULE_WINDOW_MS))
        panes--;
    t->hop_ms = t->size_ms / panes;
}

static enum rc check_window(const struct rule_test *t, struct fault *f)
{
    bool session = t->over == RULE_SESSION;

    if (t->size_ms < RULE_WINDOW_MS || t->size_ms > RULE_WINDOW_MAX)
        return fail(f, RC_INVALID, "expected a window of 1s to 7d");
    if (t->over == RULE_HOPPING &&
        (t->hop_ms < RULE_WINDOW_MS || t->size_ms % t->hop_ms != 0 ||
         t->size_ms / t->hop_ms > RULE_PANES_MAX || t->size_ms == t->hop_ms))
        return fail(f, RC_INVALID,
                    "expected 'every' with a part of the window: a whole number of times, 2 to %d",
                    RULE_PANES_MAX);
    if (session && t->size_ms > RULE_WINDOW_MAX / RULE_SESSION_GAPS)
        return fail(f, RC_INVALID, "expected a gap of 1s to 2h");
    return RC_OK;
}

static enum rc check_test(const struct rule *r, const struct rule_test *t, struct fault *f)
{
    if (t->kind == RULE_ABSENCE)
        return t->size_ms >= RULE_WINDOW_MS && t->size_ms <= RULE_ABSENCE_MAX
                   ? RC_OK
                   : fail(f, RC_INVALID, "expected a silence of 1s to 30d");
    if (t->kind == RULE_WINDOW)
        return check_window(t, f);
    return r->by == RULE_BY_DEVICE
               ? RC_OK
               : fail(f, RC_INVALID,
                      "expected 'by device': %s without a window is about one device", t->metric);
}

static int depth_of(const struct rule *r, int node)
{
    int deepest = 0;

    for (int child = r->nodes[node].first; child; child = r->nodes[child].next) {
        int depth = depth_of(r, child);

        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

enum rc rule_finish(struct rule *r, struct fault *f)
{
    for (int i = 0; i < r->test_count; i++) {
        enum rc rc;

        set_hop(&r->tests[i]);
        rc = check_test(r, &r->tests[i], f);

        if (rc != RC_OK)
            return rc;
    }
    if (depth_of(r, r->root) > RULE_DEPTH_MAX)
        return fail(f, RC_INVALID, "expected at most %d levels of conditions", RULE_DEPTH_MAX);
    if (r->late_ms > RULE_LATE_MAX_MS)
        return fail(f, RC_INVALID, "expected 'late' with at most 1h");
    return RC_OK;
}

int64_t rule_memory_ms(const struct rule *r)
{
    int64_t longest = 0;

    for (int i = 0; i < r->test_count; i++) {
        const struct rule_test *t = &r->tests[i];
        int64_t ms = t->size_ms;

        if (t->kind == RULE_WINDOW && t->over == RULE_SESSION)
            ms = t->size_ms * RULE_SESSION_GAPS * t->windows;
        else if (t->kind == RULE_WINDOW)
            ms = t->size_ms + t->hop_ms * t->windows +
                 (t->aggregate == RULE_STDDEV ? HISTORY_WINDOWS * t->hop_ms : 0);
        longest = ms > longest ? ms : longest;
    }
    return longest + r->late_ms;
}
