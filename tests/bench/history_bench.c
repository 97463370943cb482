// SPDX-License-Identifier: Apache-2.0
//
// What a value takes once it is packed, and how fast that goes.
//
//   history_bench [samples [devices]]
//
// Samples this machine with the agent's own vitals, one a second, as many as told, and gives them
// to each of many emulated devices as an hour of messages (each device begins at another one), in
// a private cluster. Then the hour is packed, compared bit by bit, and scanned. One JSON line a
// figure; bytes include row heads, indexes and TOAST.

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/vitals.h"
#include "core/clock.h"
#include "history/compact.h"
#include "history/history.h"
#include "ingest/batch.h"
#include "ingest/partition.h"
#include "ingest/pgcopy.h"
#include "store/cluster.h"
#include "store/link.h"
#include "store/migrate.h"
#include "store/store.h"
#include "support/folder.h"
#include "support/model.h"

#define SAMPLES_MAX 3600
#define PIECE       (1 << 20)

static struct vitals samples[SAMPLES_MAX];
static int count = 60, devices = 20000;
static const char *conninfo;
static struct link *l;
static int64_t hour;
static struct fault f;

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "history_bench: %s\n", what);
    exit(1);
}

static void run(const char *sql)
{
    check(link_exec(l, sql, &f) == RC_OK, f.text);
}

// What is sent is what the agent prints.
static double printed(double v)
{
    char text[40];

    snprintf(text, sizeof text, "%.15g", v);
    return strtod(text, NULL);
}

static void record(void)
{
    struct vitals v = { 0 };
    int64_t next = clock_mono_ms();

    for (int i = -1; i < count; i++) {
        int64_t wait;

        vitals_read(&v, clock_mono_ms());
        if (i >= 0)
            samples[i] = v;
        next += 1000;
        wait = next - clock_mono_ms();
        if (wait > 0)
            nanosleep(&(struct timespec){ wait / 1000, wait % 1000 * 1000000 }, NULL);
    }
    for (int i = 0; i < count; i++) {
        check(samples[i].count == samples[0].count, "a metric came or went");
        for (size_t k = 0; k < samples[i].count; k++)
            samples[i].list[k].value = printed(samples[i].list[k].value);
    }
}

static int64_t metrics(void)
{
    return (int64_t)samples[0].count;
}

static int64_t points(void)
{
    return metrics() * count * devices;
}

static int64_t time_of(int64_t device, int i)
{
    return hour * HOUR_MS + (int64_t)i * (int64_t)HOUR_MS / count + (device * 7919 + i * 31) % 37;
}

static const struct vitals *sample_of(int64_t device, int i)
{
    return &samples[(device + i) % count];
}

static void put_rows(int i)
{
    static char piece[PIECE];
    char *p = piece;

    for (int64_t d = 1; d <= devices; d++) {
        const struct vitals *v = sample_of(d, i);

        p = put_int4(put16(p, 5), 1);
        p = put_time(put_int8(p, d), time_of(d, i));
        p = put_floats(put_int4(p, 1), (uint32_t)v->count);
        for (size_t k = 0; k < v->count; k++)
            p = put_float(p, v->list[k].value);
        if (p > piece + PIECE - 1000 || d == devices) {
            check(link_copy_put(l, piece, (size_t)(p - piece), &f) == RC_OK, f.text);
            p = piece;
        }
    }
}

// In the order in which they would come: a message of each device, then the next.
static void fill(void)
{
    char sql[2000];
    size_t n;

    partition_sql(PARTITION_TELEMETRY, hour, sql, sizeof sql);
    run(sql);
    n = (size_t)snprintf(sql, sizeof sql, "INSERT INTO shape VALUES (1, 1, '{");
    for (int64_t k = 0; k < metrics(); k++)
        n += (size_t)snprintf(sql + n, sizeof sql - n, "%s%s", k ? "," : "",
                              samples[0].list[k].name);
    snprintf(sql + n, sizeof sql - n, "}')");
    model_sql(conninfo, "%s", sql);
    check(link_copy_begin(l, "COPY telemetry (catalog, device, ts, shape, vals) FROM STDIN BINARY",
                          &f) == RC_OK,
          f.text);
    check(link_copy_put(l, copy_head, sizeof copy_head, &f) == RC_OK, f.text);
    for (int i = 0; i < count; i++)
        put_rows(i);
    check(link_copy_put(l, copy_tail, sizeof copy_tail, &f) == RC_OK, f.text);
    check(link_copy_end(l, NULL, &f) == RC_OK, f.text);
}

static double bytes_of(const char *table)
{
    return (double)model_sql(conninfo,
                             "SELECT sum(pg_total_relation_size(relid))::bigint"
                             " FROM pg_partition_tree('%s') WHERE isleaf",
                             table) /
           (double)points();
}

// CPU microseconds so far, ours and those of all of PostgreSQL's processes that serve: holds also
// where others use the machine.
static double cpu_us(void)
{
    double ticks = 0;
    DIR *d = opendir("/proc");
    struct dirent *e;
    long postmaster = (long)model_sql(
        conninfo, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int");

    while (d && (e = readdir(d))) {
        unsigned long user = 0, system = 0;
        char path[300], line[1000];
        long parent = 0;
        const char *at;
        FILE *file;

        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        file = strtol(e->d_name, NULL, 10) > 0 ? fopen(path, "r") : NULL;
        at = file && fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
        if (at &&
            sscanf(at + 2, "%*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &parent, &user,
                   &system) == 3 &&
            parent == postmaster)
            ticks += (double)(user + system);
        if (file)
            (void)fclose(file);
    }
    if (d)
        closedir(d);
    return ticks * 1e6 / (double)sysconf(_SC_CLK_TCK) +
           (double)clock() * 1e6 / (double)CLOCKS_PER_SEC;
}

static double pack(double *cpu)
{
    struct compact *c = compact_new();
    struct compact_place place = { 0 };
    struct compact_count n = { 0 };
    int64_t began;
    bool done = false, gone = false;

    check(c != NULL, "out of memory");
    check(compact_make_room(l, hour, &f) == RC_OK, f.text);
    *cpu = cpu_us();
    began = clock_mono_us();
    while (!done)
        check(compact_slice(c, l, hour, &place, &done, &n, &f) == RC_OK, f.text);
    began = clock_mono_us() - began;
    *cpu = (cpu_us() - *cpu) / (double)points();
    check((int64_t)n.points == points(), "not all was packed");
    check(compact_drop(l, hour, &gone, &f) == RC_OK && gone, "the hour's rows are still there");
    compact_free(c);
    return (double)n.points * 1e6 / (double)began;
}

struct seen {
    int64_t device;
    int metric;
    int64_t n;
};

static bool compare(void *ctx, size_t which, const int64_t *t, const double *v, size_t n)
{
    struct seen *s = ctx;

    (void)which;
    for (size_t i = 0; i < n; i++, s->n++) {
        const struct vital *want = &sample_of(s->device, (int)s->n)->list[s->metric];

        check(t[i] == time_of(s->device, (int)s->n) && !memcmp(&v[i], &want->value, sizeof *v),
              "a value did not come back");
    }
    return true;
}

static void compare_all(struct store *s)
{
    for (int64_t d = 1; d <= devices; d += devices / 50 + 1) {
        for (int k = 0; k < metrics(); k++) {
            const char *name = samples[0].list[k].name;
            struct seen seen = { d, k, 0 };
            struct history_query q = { .catalog = 1,
                                       .device = d,
                                       .metrics = &name,
                                       .count = 1,
                                       .from = hour * HOUR_MS,
                                       .to = (hour + 1) * HOUR_MS - 1 };

            check(history_read(s, &q, compare, &seen, &f) == RC_OK, f.text);
            check(seen.n == count, "points are missing");
        }
    }
}

static bool sum(void *ctx, int64_t device, const int64_t *t, const double *v, size_t n)
{
    (void)device, (void)t, (void)v;
    *(int64_t *)ctx += (int64_t)n;
    return true;
}

static double scan(struct store *s, double *cpu)
{
    struct history_scan q = {
        .catalog = 1, .metric = "mem.used", .from = hour * HOUR_MS, .to = (hour + 1) * HOUR_MS - 1
    };
    int64_t n = 0, began = clock_mono_us();

    *cpu = cpu_us();
    check(history_scan(s, &q, sum, &n, &f) == RC_OK, f.text);
    began = clock_mono_us() - began;
    *cpu = (cpu_us() - *cpu) / (double)n;
    check(n == (int64_t)count * devices, "the scan missed some");
    return (double)n * 1e6 / (double)began;
}

static void tell(const char *name, double value, const char *unit, double cpu)
{
    printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"cpuUs\":%.3f,\"messages\":%d,"
           "\"metrics\":%d}\n",
           name, value, unit, cpu, count, (int)metrics());
}

int main(int argc, char **argv)
{
    char folder[64];
    struct cluster *cluster = NULL;
    struct store *s;
    double cpu = 0, rate;

    count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : count;
    devices = argc > 2 ? (int)strtol(argv[2], NULL, 10) : devices;
    check(count > 1 && count <= SAMPLES_MAX && devices > 0, "2 to 3600 samples, and devices");
    record();
    folder_make(folder, sizeof folder, "history");
    check(cluster_start(folder, &cluster, &f) == RC_OK, f.text);
    conninfo = cluster_conninfo(cluster);
    check(migrate_run(conninfo, NULL, &f) == RC_OK, f.text);
    check(link_open(conninfo, "history_bench", 0, &l, &f) == RC_OK, f.text);
    s = model_store(conninfo);
    hour = clock_now_ms() / HOUR_MS - 5;
    fill();
    tell("hot_bytes", bytes_of("telemetry"), "bytes a point", 0);
    rate = pack(&cpu);
    tell("pack", rate, "points/s", cpu);
    tell("cold_bytes", bytes_of("telemetry_chunk"), "bytes a point", 0);
    tell("minutes_bytes", bytes_of("telemetry_minute"), "bytes a point", 0);
    tell("sums_bytes", bytes_of("telemetry_rollup"), "bytes a point", 0);
    compare_all(s);
    rate = scan(s, &cpu);
    tell("scan", rate, "points/s", cpu);
    store_close(s);
    link_close(l);
    cluster_stop(cluster);
    return 0;
}
