// SPDX-License-Identifier: Apache-2.0

#include "overview/overview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIB          (1024LL * 1024 * 1024)
#define DISK_PART    20                // low when less than a twentieth is free …
#define DISK_LEAST   (2 * GIB)         // … or less than this
#define CERT_SOON_MS (21 * 86400000LL) // it is renewed by itself 30 days ahead

struct needs {
    struct need *list;
    size_t count;
};

static struct need *add(struct needs *n, enum severity severity, const char *page)
{
    struct need *one = &n->list[n->count++];

    *one = (struct need){ .severity = severity, .page = page };
    return one;
}

const char *severity_name(enum severity s)
{
    static const char *const names[] = { "critical", "high", "medium", "low" };

    return names[s];
}

// What a person might do about it.
static const char *advice(enum device_state state)
{
    switch (state) {
    case STATE_QUARANTINED:
        return "Their evidence does not match what they may run, so they were cut off; look at "
               "the findings of one.";
    case STATE_OFFLINE:
        return "They have no session; what they share is the place to look.";
    case STATE_AT_RISK:
        return "They still pass, with a warning; see what they have in common.";
    case STATE_UNKNOWN:
        return "They never showed evidence: are they switched on, and is their network open?";
    case STATE_HEALTHY:
    case STATE_UPDATING:
    case STATE_COUNT:
        break;
    }
    return "";
}

static void add_patterns(struct needs *n, const struct pattern_list *found, int64_t *quarantined)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct pattern *p = &found->items[i];
        struct need *one;
        char count[32];

        if (p->state == STATE_UPDATING)
            continue; // that is as somebody wanted it
        one = add(n, p->state == STATE_QUARANTINED ? SEVERITY_HIGH : SEVERITY_MEDIUM, "devices");
        snprintf(one->title, sizeof one->title, "%s", p->text);
        snprintf(one->text, sizeof one->text, "%s would be expected if it made no difference. %s",
                 p->expected < 1 ? "Less than one" : pattern_number((int64_t)p->expected, count),
                 advice(p->state));
        snprintf(one->filter, sizeof one->filter, "%s", p->filter);
        one->count = p->count;
        one->at = p->since;
        if (p->state == STATE_QUARANTINED)
            *quarantined += p->count;
    }
}

static void add_alerts(struct needs *n, const struct overview_facts *x)
{
    for (size_t i = 0; i < x->alert_count; i++) {
        const struct overview_alert *a = &x->alerts[i];
        struct need *one = add(n, a->severity, "alerts");
        char count[32];

        one->alert = a->id;
        one->count = a->devices;
        snprintf(one->title, sizeof one->title, "%s", a->title);
        if (a->devices > 0)
            snprintf(one->text, sizeof one->text, "%s %s it now; it is %s%s.",
                     pattern_number(a->devices, count),
                     a->devices == 1 ? "device shows" : "devices show",
                     a->with ? "with " : "nobody's yet", a->with ? a->with : "");
        else
            snprintf(one->text, sizeof one->text, "It is about no device; it is %s%s.",
                     a->with ? "with " : "nobody's yet", a->with ? a->with : "");
    }
}

static void add_quarantined(struct needs *n, int64_t all, int64_t named)
{
    int64_t more = all - named;
    struct need *one;
    char count[32];

    if (more <= 0)
        return;
    one = add(n, SEVERITY_HIGH, "devices");
    one->count = more;
    snprintf(one->title, sizeof one->title, "%s%s %s in quarantine", pattern_number(more, count),
             named > 0 ? " more" : "", more == 1 ? "device is" : "devices are");
    snprintf(one->text, sizeof one->text,
             "%s refused or put there by hand; the findings of each say why.",
             more == 1 ? "It was" : "They were");
    snprintf(one->filter, sizeof one->filter, "state=quarantined");
}

static void add_overdue(struct needs *n, int64_t overdue)
{
    struct need *one;
    char count[32];

    if (overdue <= 0)
        return;
    one = add(n, SEVERITY_MEDIUM, "devices");
    one->count = overdue;
    snprintf(one->title, sizeof one->title, "%s %s overdue", pattern_number(overdue, count),
             overdue == 1 ? "renewal is" : "renewals are");
    snprintf(one->text, sizeof one->text,
             "A certificate lives a day and is renewed at half of it; these lose theirs soon.");
    snprintf(one->filter, sizeof one->filter, "state=atRisk");
}

static void add_arrivals(struct needs *n, int64_t arrivals, int64_t at)
{
    struct need *one;
    char count[32];

    if (arrivals <= 0)
        return;
    one = add(n, SEVERITY_LOW, "claim");
    one->count = arrivals;
    one->at = at;
    snprintf(one->title, sizeof one->title, "%s %s to be claimed", pattern_number(arrivals, count),
             arrivals == 1 ? "arrival waits" : "arrivals wait");
    snprintf(one->text, sizeof one->text,
             "They knocked while a registration window was open, and nobody knows them yet.");
}

static void add_disk(struct needs *n, int64_t disk_free, int64_t size)
{
    struct need *one;

    if (size <= 0 || (disk_free >= DISK_LEAST && disk_free >= size / DISK_PART))
        return;
    one = add(n, SEVERITY_MEDIUM, NULL);
    snprintf(one->title, sizeof one->title, "The server's disk is nearly full");
    snprintf(one->text, sizeof one->text,
             "%.1f GiB of %.0f are free. Make room or shorten the catalog's retention; when it is "
             "full, devices keep their messages and wait.",
             (double)disk_free / (double)GIB, (double)size / (double)GIB);
}

static void add_certificate(struct needs *n, int64_t until, int64_t now)
{
    struct need *one;

    if (until <= 0 || until - now > CERT_SOON_MS)
        return;
    one = add(n, SEVERITY_MEDIUM, NULL);
    one->at = until;
    snprintf(one->title, sizeof one->title, "The server's certificate %s",
             until > now ? "ends soon" : "has ended");
    snprintf(one->text, sizeof one->text,
             "Start the server again, or send it SIGHUP: it then takes a new one.");
}

static int by_severity(const void *a, const void *b)
{
    const struct need *x = a, *y = b;

    if (!x->alert != !y->alert)
        return !x->alert - !y->alert;
    if (x->severity != y->severity)
        return (int)x->severity - (int)y->severity;
    return (x->count < y->count) - (x->count > y->count);
}

size_t overview_needs(const struct overview_facts *x, struct need out[NEEDS_MAX])
{
    struct needs n = { .list = out };
    int64_t named = 0;

    add_alerts(&n, x);
    add_patterns(&n, x->patterns, &named);
    add_quarantined(&n, x->quarantined, named);
    add_overdue(&n, x->overdue);
    add_arrivals(&n, x->arrivals, x->arrived_at);
    add_disk(&n, x->disk_free, x->disk_size);
    add_certificate(&n, x->server_cert_until, x->now);
    qsort(out, n.count, sizeof *out, by_severity);
    return n.count;
}
