// SPDX-License-Identifier: Apache-2.0
//
// rule: when the telemetry of a device calls for somebody's attention.
//
//   avg(temp) over 5m > 70 for 2 windows by device where product = "hvac"
//
//   text --rule_read--> struct rule --rule_print--> text          docs/rules.md tells the language
//   JSON --rule_from--> struct rule --rule_json--> JSON
//
// Both forms say the same; what is printed reads back as the same rule. There is no I/O here, and
// everything is bounded, so that a rule is a plain value but for the devices it asks for.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "core/token.h"

#define RULE_TEXT_MAX     2000 // bytes
#define RULE_TESTS_MAX    8
#define RULE_NODES_MAX    32
#define RULE_DEPTH_MAX    8   // of the tree
#define RULE_NESTING_MAX  40  // while it is read
#define RULE_WINDOWS_MAX  100 // of "for N windows"
#define RULE_PANES_MAX    60  // hops in a window
#define RULE_LATE_MS      5000
#define RULE_LATE_MAX_MS  3600000
#define RULE_WINDOW_MS    1000
#define RULE_WINDOW_MAX   (7 * 24 * 3600000LL)
#define RULE_ABSENCE_MAX  (30 * 24 * 3600000LL)
#define RULE_SESSION_GAPS 60 // a session is cut after so many times its gap

enum rule_kind {
    RULE_INSTANT,
    RULE_WINDOW,
    RULE_ABSENCE
};
enum rule_aggregate {
    RULE_AVG,
    RULE_MIN,
    RULE_MAX,
    RULE_SUM,
    RULE_COUNT,
    RULE_LAST,
    RULE_RATE,
    RULE_STDDEV,
    RULE_PERCENTILE,
};
enum rule_over {
    RULE_TUMBLING,
    RULE_HOPPING,
    RULE_SLIDING,
    RULE_SESSION
};
enum rule_op {
    RULE_GT,
    RULE_GE,
    RULE_LT,
    RULE_LE
};
enum rule_by {
    RULE_BY_DEVICE,
    RULE_BY_GROUP,
    RULE_BY_PRODUCT,
    RULE_BY_SITE
};
enum rule_severity {
    RULE_LOW,
    RULE_MEDIUM,
    RULE_HIGH,
    RULE_CRITICAL
};
enum rule_join {
    RULE_TEST,
    RULE_AND,
    RULE_OR,
    RULE_NOT
};

struct rule_test {
    enum rule_kind kind;
    char metric[TOKEN_NAME_MAX + 1]; // empty: any message
    enum rule_aggregate aggregate;
    int percentile; // 50 … 99
    enum rule_over over;
    int64_t size_ms; // of the window, of the session's gap, of the absence
    int64_t hop_ms;  // how often the window is looked at
    enum rule_op op;
    double value;
    int windows; // that in a row
};

// Of the tree of conditions. Node 0 is none.
struct rule_node {
    enum rule_join join;
    int test;        // its index
    int first, next; // child, sibling
};

struct rule {
    struct rule_test tests[RULE_TESTS_MAX];
    struct rule_node nodes[RULE_NODES_MAX];
    int test_count, node_count, root;
    enum rule_by by;
    json_t *where;   // owned; lists of texts by parameter of device/filter, or NULL: all devices
    int64_t late_ms; // how long a window waits for what comes late
    enum rule_severity severity;
};

void rule_done(struct rule *r); // leaves it empty

// RC_INVALID says "column 27: expected …"; *column, counted in characters from 1, is for whoever
// underlines it, 0 where it is no single place. out is filled in on success only.
enum rc rule_read(const char *text, size_t len, struct rule *out, int *column, struct fault *f);
// Names the member and what was expected there.
enum rc rule_from(json_t *json, struct rule *out, struct fault *f);

char *rule_print(const struct rule *r); // yours to free; NULL: out of memory
json_t *rule_json(const struct rule *r);

// The longest time before now that says what the rule thinks now.
int64_t rule_memory_ms(const struct rule *r);

const char *rule_by_name(enum rule_by by);
const char *rule_severity_name(enum rule_severity s);

// ---------------------------------------------------------------- shared by the two forms

#define RULE_DURATION_SIZE 24
#define RULE_NUMBER_SIZE   32

struct rule_name {
    const char *name;
    int value;
};

extern const struct rule_name rule_aggregates[], rule_ops[], rule_bys[], rule_severities[];

int rule_value_of(const struct rule_name *names, const char *name, size_t len); // -1: none
const char *rule_name_of(const struct rule_name *names, int value);
// "p95", too.
bool rule_aggregate_read(const char *name, size_t len, struct rule_test *t);
void rule_aggregate_print(const struct rule_test *t, char out[16]);
bool rule_duration_read(const char *text, size_t len, int64_t *ms);
void rule_duration_print(int64_t ms, char out[RULE_DURATION_SIZE]);
void rule_number_print(double n, char out[RULE_NUMBER_SIZE]); // the shortest that reads back
bool rule_metric_valid(const char *name, size_t len);
bool rule_where_knows(const char *name);
// One more alternative of a parameter of where.
enum rc rule_where_add(struct rule *r, const char *name, const char *value, struct fault *f);
// The next node's index, or of a test's; 0 when there are too many.
int rule_node_add(struct rule *r, enum rule_join join);
int rule_test_add(struct rule *r, const struct rule_test *t);
// Hangs a child below a parent. Those of a child that joins alike become its own.
void rule_node_hang(struct rule *r, int parent, int child);
// What a grammar cannot say: that windows fit. Completes the tests.
enum rc rule_finish(struct rule *r, struct fault *f);
