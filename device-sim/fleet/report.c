// SPDX-License-Identifier: Apache-2.0

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json_out.h"
#include "fleet/fleet.h"

double report_cpu_s(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int64_t resident_kb(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    (void)fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

void report_second(const struct fleet *f)
{
    static const char *const phases[] = { "connecting", "measuring", "draining", "ended" };

    fprintf(stderr,
            "{\"phase\":\"%s\",\"up\":%" PRIu32 ",\"quarantined\":%" PRIu32
            ",\"handshakes\":%" PRIu64 ",\"acked\":%" PRIu64 ",\"waiting\":%" PRIu64
            ",\"downs\":%" PRIu64 ",\"lastDown\":\"%s\"}\n",
            phases[f->phase], f->up, f->quarantined, f->env->count.handshakes, f->acked,
            f->outstanding, f->downs, f->last_down);
}

static json_t *latency(const struct histogram *h)
{
    json_t *o = json_object();

    add_real(o, "p50", histogram_ms(h, 0.5));
    add_real(o, "p99", histogram_ms(h, 0.99));
    add_real(o, "p999", histogram_ms(h, 0.999));
    add_real(o, "max", (double)h->max / 1000);
    return o;
}

static void add_connections(json_t *o, const struct fleet *f)
{
    double s = (double)(f->last_up_us - f->started_us) / 1e6;

    add_int(o, "devices", f->count);
    add_int(o, "connected", f->up);
    add_int(o, "quarantined", f->quarantined);
    add_int(o, "handshakes", (int64_t)f->env->count.handshakes);
    add_int(o, "resumed", (int64_t)f->env->count.resumed);
    add_real(o, "connectS", s > 0 ? s : 0);
    add_real(o, "handshakesPerS", s > 0 ? (double)f->env->count.handshakes / s : 0);
    add_int(o, "attested", (int64_t)f->attested);
    add_int(o, "affirming", (int64_t)f->affirming);
    add_int(o, "warning", (int64_t)f->warning);
    add_int(o, "contraindicated", (int64_t)f->contraindicated);
    add_int(o, "lost", (int64_t)f->env->count.lost);
    add_text(o, "lastDown", *f->last_down ? f->last_down : NULL);
}

void report_result(const struct fleet *f)
{
    json_auto_t *o = json_object();
    double s = (double)(f->drain_us - f->measure_us) / 1e6;

    add_connections(o, f);
    add_real(o, "seconds", s);
    add_int(o, "sent", (int64_t)f->sent);
    add_int(o, "acked", (int64_t)f->acked_measured);
    add_real(o, "ackedPerS", s > 0 ? (double)f->acked_measured / s : 0);
    add_int(o, "ackedInAll", (int64_t)f->acked);
    add_int(o, "unsettled", (int64_t)f->outstanding);
    add_int(o, "nacked", (int64_t)f->nacked);
    add_int(o, "overrun", (int64_t)f->overrun);
    json_object_set_new(o, "latencyMs", latency(&f->latency));
    add_real(o, "cpuS", f->cpu_measured);
    add_real(o, "cpuSInAll", report_cpu_s());
    add_real(o, "cpuUsPerMessage",
             f->acked_measured ? f->cpu_measured * 1e6 / (double)f->acked_measured : 0);
    add_int(o, "residentKb", resident_kb());
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    (void)fflush(stdout);
}
