// SPDX-License-Identifier: Apache-2.0
//
// text: a rule as one line, read by descent and printed again.

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "http/percent.h"
#include "rule/rule.h"

enum token_class {
    END,
    WORD,
    NUMBER,
    DURATION,
    STRING,
    SIGN,
    STRANGE
};

#define STRING_SIZE 400

struct reader {
    const char *text;
    size_t len;
    // The token at hand.
    enum token_class class;
    size_t from, to;
    char string[STRING_SIZE];
    double number;
    int64_t ms;
    int depth;
    struct rule *rule;
    int *column;
    struct fault *f;
};

static bool is_word(char c, bool first)
{
    return isalpha((unsigned char)c) || c == '_' ||
           (!first && (isdigit((unsigned char)c) || strchr(".:/-", c)) && c);
}

static int column_of(const struct reader *r, size_t at)
{
    int column = 1;

    for (size_t i = 0; i < at; i++)
        column += ((unsigned char)r->text[i] & 0xc0) != 0x80;
    return column;
}

static enum rc wrong(struct reader *r, size_t at, const char *what)
{
    int column = column_of(r, at);

    if (r->column)
        *r->column = column;
    return fail(r->f, RC_INVALID, "column %d: %s", column, what);
}

static enum rc expected(struct reader *r, const char *what)
{
    char text[160];

    snprintf(text, sizeof text, "expected %s", what);
    return wrong(r, r->from, text);
}

// ---------------------------------------------------------------- tokens

static void scan_string(struct reader *r)
{
    size_t n = 0;

    for (r->to = r->from + 1; r->to < r->len && r->text[r->to] != '"'; r->to++) {
        if (r->text[r->to] == '\\' && r->to + 1 < r->len)
            r->to++;
        if (n == sizeof r->string - 1)
            return;
        r->string[n++] = r->text[r->to];
    }
    if (r->to == r->len)
        return;
    r->string[n] = '\0';
    r->to++;
    r->class = STRING;
}

// A number, and a duration where letters follow.
static void scan_number(struct reader *r)
{
    char copy[40];
    char *end;
    size_t n = 0;

    while (r->from + n < r->len && n < sizeof copy - 1 &&
           (isalnum((unsigned char)r->text[r->from + n]) || strchr(".+-", r->text[r->from + n])))
        n++;
    memcpy(copy, r->text + r->from, n);
    copy[n] = '\0';
    r->to = r->from + n;
    if (rule_duration_read(copy, n, &r->ms)) {
        r->class = DURATION;
        return;
    }
    r->number = strtod(copy, &end);
    if (end != copy && !*end && isfinite(r->number) && !strpbrk(copy, "xXpPnNiI"))
        r->class = NUMBER;
}

static void scan_sign(struct reader *r)
{
    char c = r->text[r->from];

    r->to = r->from + 1;
    if (!strchr("()<>=,", c))
        return;
    r->class = SIGN;
    if ((c == '<' || c == '>') && r->to < r->len && r->text[r->to] == '=')
        r->to++;
}

static void next(struct reader *r)
{
    char c;

    for (r->from = r->to; r->from < r->len && strchr(" \t", r->text[r->from]);)
        r->from++;
    r->to = r->from;
    r->class = r->from == r->len ? END : STRANGE;
    if (r->class == END)
        return;
    c = r->text[r->from];
    if (is_word(c, true)) {
        while (r->to < r->len && is_word(r->text[r->to], false))
            r->to++;
        r->class = WORD;
    } else if (c == '"') {
        scan_string(r);
    } else if (isdigit((unsigned char)c) || strchr("+-.", c)) {
        scan_number(r);
    } else {
        scan_sign(r);
    }
}

static bool at(const struct reader *r, enum token_class class, const char *text)
{
    return r->class == class && strlen(text) == r->to - r->from &&
           !memcmp(r->text + r->from, text, r->to - r->from);
}

static bool take_word(struct reader *r, const char *word)
{
    bool here = at(r, WORD, word);

    if (here)
        next(r);
    return here;
}

static bool take_sign(struct reader *r, const char *sign)
{
    bool here = at(r, SIGN, sign);

    if (here)
        next(r);
    return here;
}

static bool reserved(const char *word, size_t len)
{
    static const struct rule_name words[] = {
        { "and", 0 },     { "or", 0 },       { "not", 0 },   { "no", 0 },   { "for", 0 },
        { "over", 0 },    { "by", 0 },       { "where", 0 }, { "late", 0 }, { "every", 0 },
        { "message", 0 }, { "severity", 0 }, { 0 },
    };

    return rule_value_of(words, word, len) >= 0;
}

// ---------------------------------------------------------------- conditions

static enum rc read_duration(struct reader *r, int64_t *ms)
{
    if (r->class != DURATION)
        return expected(r, "a duration such as 5m");
    *ms = r->ms;
    next(r);
    return RC_OK;
}

// A metric's name, bare or quoted; "message" stands for any message.
static enum rc read_metric(struct reader *r, bool any, struct rule_test *t)
{
    const char *name = r->class == STRING ? r->string : r->text + r->from;
    size_t len = r->class == STRING ? strlen(name) : r->to - r->from;

    if (any && take_word(r, "message"))
        return RC_OK;
    if (r->class == WORD && reserved(name, len))
        return expected(r, any ? "a metric or 'message'" : "a metric's name");
    if (r->class != WORD && r->class != STRING)
        return expected(r, any ? "a metric or 'message'" : "a metric's name");
    if (!rule_metric_valid(name, len))
        return expected(r, "a metric's name: 1 to 64 characters of A-Z a-z 0-9 . _ : / -");
    memcpy(t->metric, name, len);
    t->metric[len] = '\0';
    next(r);
    return RC_OK;
}

static enum rc read_limit(struct reader *r, struct rule_test *t)
{
    int op = r->class == SIGN ? rule_value_of(rule_ops, r->text + r->from, r->to - r->from) : -1;

    if (op < 0)
        return expected(r, "one of > >= < <=");
    t->op = (enum rule_op)op;
    next(r);
    if (r->class != NUMBER)
        return expected(r, "a number");
    t->value = r->number + 0.0; // no minus zero
    next(r);
    return RC_OK;
}

static enum rc read_times(struct reader *r, struct rule_test *t)
{
    if (!take_word(r, "for"))
        return RC_OK;
    if (r->class != NUMBER || !(r->number >= 1 && r->number <= RULE_WINDOWS_MAX) ||
        r->number != floor(r->number))
        return expected(r, "how many windows, 1 to 100");
    t->windows = (int)r->number;
    next(r);
    if (!take_word(r, "windows") && !take_word(r, "window"))
        return expected(r, "'windows'");
    return RC_OK;
}

static enum rc read_over(struct reader *r, struct rule_test *t)
{
    enum rc rc;

    if (!take_word(r, "over"))
        return expected(r, "'over' and a window, as in: over 5m");
    if (take_word(r, "session")) {
        t->over = RULE_SESSION;
        if (!take_word(r, "gap"))
            return expected(r, "'gap', as in: over session gap 2m");
    }
    rc = read_duration(r, &t->size_ms);
    if (rc != RC_OK || t->over == RULE_SESSION)
        return rc;
    if (take_word(r, "sliding")) {
        t->over = RULE_SLIDING;
    } else if (take_word(r, "every")) {
        t->over = RULE_HOPPING;
        rc = read_duration(r, &t->hop_ms);
    }
    return rc;
}

static enum rc read_aggregate(struct reader *r, struct rule_test *t)
{
    enum rc rc;

    t->kind = RULE_WINDOW;
    next(r); // its name
    next(r); // the parenthesis
    rc = read_metric(r, t->aggregate == RULE_COUNT, t);
    if (rc == RC_OK && !take_sign(r, ")"))
        rc = expected(r, "')'");
    if (rc == RC_OK)
        rc = read_over(r, t);
    if (rc == RC_OK)
        rc = read_limit(r, t);
    return rc == RC_OK ? read_times(r, t) : rc;
}

static enum rc read_absence(struct reader *r, struct rule_test *t)
{
    enum rc rc;

    t->kind = RULE_ABSENCE;
    rc = read_metric(r, true, t);
    if (rc == RC_OK && !take_word(r, "for"))
        rc = expected(r, "'for', as in: no message for 10m");
    return rc == RC_OK ? read_duration(r, &t->size_ms) : rc;
}

static bool opens(const struct reader *r)
{
    size_t i = r->to;

    while (i < r->len && strchr(" \t", r->text[i]))
        i++;
    return r->class == WORD && i < r->len && r->text[i] == '(';
}

static enum rc read_test(struct reader *r, int *node)
{
    struct rule_test t = { .windows = 1 };
    size_t from = r->from;
    enum rc rc;

    if (take_word(r, "no")) {
        rc = read_absence(r, &t);
    } else if (opens(r)) {
        if (!rule_aggregate_read(r->text + r->from, r->to - r->from, &t))
            return expected(r, "avg, min, max, sum, count, last, rate, stddev or p50 to p99");
        rc = read_aggregate(r, &t);
    } else {
        rc = read_metric(r, false, &t);
        if (rc == RC_OK)
            rc = read_limit(r, &t);
    }
    if (rc != RC_OK)
        return rc;
    *node = rule_test_add(r->rule, &t);
    return *node ? RC_OK : wrong(r, from, "expected at most 8 conditions");
}

static enum rc read_any(struct reader *r, int *node);

static enum rc read_group(struct reader *r, int *node)
{
    enum rc rc = read_any(r, node);

    if (rc == RC_OK && !take_sign(r, ")"))
        return expected(r, "')', 'and' or 'or'");
    return rc;
}

static enum rc read_one(struct reader *r, int *node)
{
    size_t from = r->from;
    enum rc rc;
    int child = 0;

    if (++r->depth > RULE_NESTING_MAX)
        return wrong(r, from, "expected fewer levels of 'not' and parentheses");
    if (take_word(r, "not")) {
        rc = read_one(r, &child);
        *node = rc == RC_OK ? rule_node_add(r->rule, RULE_NOT) : 0;
        if (rc == RC_OK && !*node)
            return wrong(r, from, "expected fewer conditions");
        if (rc == RC_OK)
            rule_node_hang(r->rule, *node, child);
    } else {
        rc = take_sign(r, "(") ? read_group(r, node) : read_test(r, node);
    }
    r->depth--;
    return rc;
}

static enum rc hang(struct reader *r, enum rule_join join, int *parent, int first, int child)
{
    if (!*parent) {
        *parent = rule_node_add(r->rule, join);
        if (!*parent)
            return wrong(r, r->from, "expected fewer conditions");
        rule_node_hang(r->rule, *parent, first);
    }
    rule_node_hang(r->rule, *parent, child);
    return RC_OK;
}

static enum rc read_all(struct reader *r, int *node)
{
    int parent = 0, child = 0;
    enum rc rc = read_one(r, node);

    while (rc == RC_OK && take_word(r, "and")) {
        rc = read_one(r, &child);
        if (rc == RC_OK)
            rc = hang(r, RULE_AND, &parent, *node, child);
    }
    *node = parent ? parent : *node;
    return rc;
}

static enum rc read_any(struct reader *r, int *node)
{
    int parent = 0, child = 0;
    enum rc rc = read_all(r, node);

    while (rc == RC_OK && take_word(r, "or")) {
        rc = read_all(r, &child);
        if (rc == RC_OK)
            rc = hang(r, RULE_OR, &parent, *node, child);
    }
    *node = parent ? parent : *node;
    return rc;
}

// ---------------------------------------------------------------- what follows them

static enum rc read_values(struct reader *r, const char *name)
{
    do {
        struct fault f = { 0 };

        if (r->class != STRING)
            return expected(r, "a value in quotes, such as \"hvac\"");
        if (rule_where_add(r->rule, name, r->string, &f) != RC_OK)
            return wrong(r, r->from, f.text);
        next(r);
    } while (take_sign(r, ","));
    return RC_OK;
}

static enum rc read_where(struct reader *r)
{
    enum rc rc = RC_OK;

    if (!take_word(r, "where"))
        return RC_OK;
    do {
        char name[16] = "";
        size_t len = r->to - r->from;

        if (r->class != WORD || len >= sizeof name)
            return expected(r, "state, product, group, version, site, tag …");
        memcpy(name, r->text + r->from, len);
        if (json_object_get(r->rule->where, name))
            return expected(r, "each name once after 'where': values are parted by commas");
        if (!rule_where_knows(name))
            return expected(r, "state, product, group, version, attested, site, batch, network "
                               "or tag");
        next(r);
        if (!take_sign(r, "="))
            return expected(r, "'='");
        rc = read_values(r, name);
    } while (rc == RC_OK && take_word(r, "and"));
    return rc;
}

static enum rc read_by(struct reader *r)
{
    int by;

    if (!take_word(r, "by"))
        return RC_OK;
    by = r->class == WORD ? rule_value_of(rule_bys, r->text + r->from, r->to - r->from) : -1;
    if (by < 0)
        return expected(r, "device, group, product or site");
    r->rule->by = (enum rule_by)by;
    next(r);
    return RC_OK;
}

static enum rc read_severity(struct reader *r)
{
    int n;

    if (!take_word(r, "severity"))
        return RC_OK;
    n = r->class == WORD ? rule_value_of(rule_severities, r->text + r->from, r->to - r->from) : -1;
    if (n < 0)
        return expected(r, "low, medium, high or critical");
    r->rule->severity = (enum rule_severity)n;
    next(r);
    return RC_OK;
}

static enum rc read_end(struct reader *r)
{
    if (r->class == END)
        return RC_OK;
    return expected(r, "'and', 'or', 'by', 'where', 'late', 'severity' or the end");
}

static enum rc read_rule(struct reader *r)
{
    struct fault f = { 0 };
    enum rc rc;

    next(r);
    rc = read_any(r, &r->rule->root);
    if (rc == RC_OK)
        rc = read_by(r);
    if (rc == RC_OK)
        rc = read_where(r);
    if (rc == RC_OK && take_word(r, "late"))
        rc = read_duration(r, &r->rule->late_ms);
    if (rc == RC_OK)
        rc = read_severity(r);
    if (rc == RC_OK)
        rc = read_end(r);
    if (rc != RC_OK)
        return rc;
    return rule_finish(r->rule, &f) == RC_OK ? RC_OK : wrong(r, 0, f.text);
}

enum rc rule_read(const char *text, size_t len, struct rule *out, int *column, struct fault *f)
{
    struct rule rule = { .late_ms = RULE_LATE_MS, .severity = RULE_MEDIUM };
    struct reader r = { .text = text, .len = len, .rule = &rule, .column = column, .f = f };
    enum rc rc;

    if (column)
        *column = 0;
    if (len > RULE_TEXT_MAX)
        return fail(f, RC_INVALID, "a rule has at most %d bytes", RULE_TEXT_MAX);
    if (!utf8_is_clean(text, len))
        return fail(f, RC_INVALID, "a rule is one line of text");
    rc = read_rule(&r);
    if (rc == RC_OK)
        *out = rule;
    else
        rule_done(&rule);
    return rc;
}

// ---------------------------------------------------------------- printing

static void print_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void print_metric(FILE *out, const char *name)
{
    bool bare = is_word(*name, true) && !reserved(name, strlen(name));

    if (!*name)
        fputs("message", out);
    else if (bare)
        fputs(name, out);
    else
        print_quoted(out, name);
}

static void print_window(FILE *out, const struct rule_test *t)
{
    char name[16], size[RULE_DURATION_SIZE], hop[RULE_DURATION_SIZE];

    rule_aggregate_print(t, name);
    rule_duration_print(t->size_ms, size);
    rule_duration_print(t->hop_ms, hop);
    fprintf(out, "%s(", name);
    print_metric(out, t->metric);
    fprintf(out, ") over %s%s", t->over == RULE_SESSION ? "session gap " : "", size);
    if (t->over == RULE_HOPPING)
        fprintf(out, " every %s", hop);
    if (t->over == RULE_SLIDING)
        fputs(" sliding", out);
}

static void print_test(FILE *out, const struct rule_test *t)
{
    char text[RULE_NUMBER_SIZE];

    if (t->kind == RULE_ABSENCE) {
        rule_duration_print(t->size_ms, text);
        fputs("no ", out);
        print_metric(out, t->metric);
        fprintf(out, " for %s", text);
        return;
    }
    if (t->kind == RULE_WINDOW)
        print_window(out, t);
    else
        print_metric(out, t->metric);
    rule_number_print(t->value, text);
    fprintf(out, " %s %s", rule_name_of(rule_ops, (int)t->op), text);
    if (t->windows > 1)
        fprintf(out, " for %d windows", t->windows);
}

static void print_node(FILE *out, const struct rule *r, int node, bool grouped);

static void print_list(FILE *out, const struct rule *r, const struct rule_node *n, bool grouped)
{
    if (grouped)
        fputc('(', out);
    for (int child = n->first; child; child = r->nodes[child].next) {
        if (child != n->first)
            fputs(n->join == RULE_AND ? " and " : " or ", out);
        print_node(out, r, child, n->join == RULE_AND);
    }
    if (grouped)
        fputc(')', out);
}

// grouped: an 'or', or any list below a 'not', needs parentheses there.
static void print_node(FILE *out, const struct rule *r, int node, bool grouped)
{
    const struct rule_node *n = &r->nodes[node];

    if (n->join == RULE_TEST) {
        print_test(out, &r->tests[n->test]);
    } else if (n->join == RULE_NOT) {
        fputs("not ", out);
        print_node(out, r, n->first, true);
    } else {
        print_list(out, r, n, grouped);
    }
}

static void print_where(FILE *out, json_t *where)
{
    const char *name, *word = " where ";
    json_t *values, *value;
    size_t i;

    json_object_foreach (where, name, values) {
        fprintf(out, "%s%s = ", word, name);
        word = " and ";
        json_array_foreach (values, i, value) {
            fputs(i ? ", " : "", out);
            print_quoted(out, json_string_value(value));
        }
    }
}

char *rule_print(const struct rule *r)
{
    auto_free char *text = NULL;
    char late[RULE_DURATION_SIZE];
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    print_node(out, r, r->root, false);
    fprintf(out, " by %s", rule_by_name(r->by));
    print_where(out, r->where);
    rule_duration_print(r->late_ms, late);
    if (r->late_ms != RULE_LATE_MS)
        fprintf(out, " late %s", late);
    if (r->severity != RULE_MEDIUM)
        fprintf(out, " severity %s", rule_severity_name(r->severity));
    return fclose(out) == 0 ? take(&text) : NULL;
}
