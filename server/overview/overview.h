// SPDX-License-Identifier: Apache-2.0
//
// overview: what a person should look at first, from what the other modules know.
//
//   patterns + refusals + counts + certificates + disk --> "Needs you", each with its list
//
// Derived at each request, stored nowhere: what was mended is gone by itself.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pattern/pattern.h"

#define NEED_TEXT 400

enum severity {
    SEVERITY_CRITICAL, // of alerts alone
    SEVERITY_HIGH,     // trust is lost
    SEVERITY_MEDIUM,
    SEVERITY_LOW,
};

// One thing that needs somebody.
struct need {
    enum severity severity;
    char title[PATTERN_VALUE + 200];
    char text[NEED_TEXT];
    int64_t count;
    char filter[3 * PATTERN_VALUE + 100]; // of the device list; "" if it is not about such
    const char *page; // where to go: "devices", "claim", "alerts"; NULL: nowhere here
    int64_t alert;    // to open there; 0: none
    int64_t at;       // Unix ms, since when; 0: not known
};

#define OVERVIEW_ALERTS 5
#define NEEDS_MAX       (PATTERN_MAX + 6 + OVERVIEW_ALERTS)

// An open alert that is not silenced.
struct overview_alert {
    int64_t id, devices;
    enum severity severity;
    const char *title;
    const char *with; // whose it is; NULL: nobody's
};

struct overview_facts {
    const struct pattern_list *patterns;
    struct overview_alert alerts[OVERVIEW_ALERTS]; // the worst
    size_t alert_count;
    int64_t quarantined, overdue, arrivals, arrived_at;
    int64_t disk_free, disk_size; // bytes; size 0: not known
    int64_t server_cert_until;    // Unix ms; 0: not known
    int64_t now;
};

// Alerts first, then the worst; returns how many.
size_t overview_needs(const struct overview_facts *x, struct need out[NEEDS_MAX]);

const char *severity_name(enum severity s);
