// SPDX-License-Identifier: Apache-2.0
//
// A thousand enabled rules and twenty thousand messages a second: the CPU of one core that they
// take from the writer's copy on.
//
//   rule_bench
//
// Batches as ingest's writers hand them over go through rule/feed and the engine, a minute of
// them without waiting; one reading in a hundred passes limits of a few hundred rules. One JSON
// line: cpu seconds a second of telemetry, for rules and for none.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "ingest/pgcopy.h"
#include "rule/engine.h"
#include "rule/feed.h"

#define DEVICES 10000
#define RATE    20000 // messages a second
#define SECONDS 60
#define BATCH   500
#define METRICS 6
#define T0      1700000100000LL

static const char *const names[METRICS] = { "temp", "load", "rx", "tx", "volt", "fan" };
static uint64_t turns;
static uint32_t seed = 1;

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "rule_bench: %s\n", what);
    exit(1);
}

static void hear(void *ctx, const struct engine_turn *t)
{
    (void)ctx;
    (void)t;
    turns++;
}

static void add_rule(struct engine *e, int i)
{
    static const char *const forms[] = {
        "%s > %d",
        "%s < -%d and temp > 99",
        "avg(%s) over 1m > %d for 2 windows",
        "max(%s) over 5m every 1m > %d",
        "avg(%s) over 1m > %d by group",
        "p95(%s) over 1m > %d",
        "stddev(%s) over 1m > %d",
        "avg(%s) over 5m > %d or no message for 10m",
        "rate(%s) over 1m > %d",
        "%s > %d or rx > 2000",
    };
    struct rule r = { 0 };
    char text[200];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, forms[i % 10], names[i / 10 % METRICS], 80 + i);
#pragma GCC diagnostic pop
    check(rule_read(text, strlen(text), &r, NULL, NULL) == RC_OK, text);
    check(engine_add(e, i + 1, &r, 0, NULL) == RC_OK, "out of memory");
    rule_done(&r);
}

static size_t put_message(char *to, int64_t device, int64_t at)
{
    char *p = put16(to, 5);

    p = put_int4(p, 1);
    p = put_int8(p, device);
    p = put_time(p, at);
    p = put_int4(p, 1);
    p = put_floats(p, METRICS);
    for (int i = 0; i < METRICS; i++) {
        seed = seed * 1664525u + 1013904223u;
        p = put_float(p, (double)(seed >> 8) / (1 << 24) * 100);
    }
    return (size_t)(p - to);
}

static void take(struct rule_feed *f, struct engine *e, int64_t now)
{
    bool lost;

    for (struct feed_piece *p = rule_feed_take(f, 0, &lost), *next; p; p = next) {
        struct feed_row row;

        for (size_t at = 0; e && feed_next(p, &at, &row);)
            engine_feed(e, engine_device(e, row.device), engine_taps(e, row.shape), row.values,
                        row.at, now);
        next = p->next;
        free(p);
    }
}

static double cpu(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

// Without an engine: what making and handing over the messages takes.
static double run(struct engine *e)
{
    static char batch[BATCH * 256];
    struct rule_feed *f = rule_feed_new();
    double before = cpu();
    int64_t device = 0;

    check(f, "out of memory");
    rule_feed_want(f, e != NULL);
    for (int64_t ms = 0; ms < SECONDS * 1000; ms += BATCH * 1000 / RATE) {
        size_t len = 0;

        for (int i = 0; i < BATCH; i++, device++)
            len += put_message(batch + len, device % DEVICES + 1, T0 + ms);
        if (rule_feed_wants(f))
            rule_feed_put(f, batch, len);
        take(f, e, T0 + ms);
        if (e && ms % 100 == 0)
            engine_tick(e, T0 + ms);
    }
    rule_feed_free(f);
    return (cpu() - before) / SECONDS;
}

int main(void)
{
    struct engine *e = engine_new(hear, NULL, 0);
    struct engine_stats s;
    double none, all;

    check(e, "out of memory");
    for (int i = 0; i < 1000; i++)
        add_rule(e, i);
    check(engine_tap(e, 1, names, METRICS), "out of memory");
    engine_turn_to(e, ENGINE_LIVE, T0);
    for (int64_t d = 1; d <= DEVICES; d++)
        check(engine_put(e,
                         &(struct engine_who){
                             .device = d, .group = d % 50 + 1, .scopes = { 1 }, .heard = true },
                         T0),
              "out of memory");
    none = run(NULL);
    all = run(e);
    engine_stats(e, &s);
    printf(
        "{\"rules\":%zu,\"lanes\":%zu,\"keys\":%zu,\"turns\":%llu,\"none\":%.4f,\"core\":%.4f}\n",
        s.rules, s.lanes, s.keys, (unsigned long long)turns, none, all - none);
    engine_free(e);
    return 0;
}
