// SPDX-License-Identifier: Apache-2.0

#include "agent/vitals.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core/auto.h"

#define ZONES_MAX 10

static void close_file(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}
#define auto_file auto_with(close_file)

static void add(struct vitals *v, const char *name, double value)
{
    if (v->count == VITALS_MAX || !isfinite(value))
        return;
    struct vital *to = &v->list[v->count++];
    snprintf(to->name, sizeof to->name, "%s", name);
    to->value = value;
}

static void read_cpu(struct vitals *v)
{
    auto_file FILE *f = fopen("/proc/stat", "re");
    uint64_t t[8] = { 0 }, all = 0;

    if (!f || fscanf(f,
                     "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                     " %" SCNu64 " %" SCNu64,
                     &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) < 4)
        return;
    for (size_t i = 0; i < 8; i++)
        all += t[i];
    uint64_t busy = all - t[3] - t[4]; // idle and waiting for a disk
    if (v->cpu_all && all > v->cpu_all && busy >= v->cpu_busy)
        add(v, "cpu.load", (double)(busy - v->cpu_busy) / (double)(all - v->cpu_all));
    v->cpu_all = all;
    v->cpu_busy = busy;
}

static void read_load(struct vitals *v)
{
    double load[3];

    if (getloadavg(load, 3) >= 1)
        add(v, "cpu.load1", load[0]);
}

static void read_memory(struct vitals *v)
{
    auto_file FILE *f = fopen("/proc/meminfo", "re");
    char line[128];
    uint64_t total = 0, available = 0;

    while (f && fgets(line, sizeof line, f)) {
        (void)(sscanf(line, "MemTotal: %" SCNu64, &total) == 1 ||
               sscanf(line, "MemAvailable: %" SCNu64, &available) == 1);
        if (total && available)
            break;
    }
    if (!total || available > total)
        return;
    add(v, "mem.used", (double)(total - available) * 1024);
    add(v, "mem.total", (double)total * 1024);
}

static void read_disk(struct vitals *v)
{
    struct statvfs s;

    if (statvfs("/", &s) || !s.f_blocks)
        return;
    add(v, "disk.used", (double)(s.f_blocks - s.f_bfree) * (double)s.f_frsize);
    add(v, "disk.total", (double)s.f_blocks * (double)s.f_frsize);
}

static void read_uptime(struct vitals *v)
{
    auto_file FILE *f = fopen("/proc/uptime", "re");
    double s;

    if (f && fscanf(f, "%lf", &s) == 1)
        add(v, "uptime", s);
}

static bool read_line(const char *path, char *out, size_t size)
{
    auto_file FILE *f = fopen(path, "re");

    if (!f || !fgets(out, (int)size, f))
        return false;
    out[strcspn(out, "\n")] = 0;
    return *out;
}

// "x86_pkg_temp" and "CPU Thermal" become temp.x86_pkg_temp and temp.cpu_thermal.
static void name_zone(const char *type, int number, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "temp.%.24s", type);

    for (char *p = out + 5; p < out + n; p++)
        *p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '_';
    if (number)
        snprintf(out + n, size - n, ".%d", number);
}

static bool has(const struct vitals *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++)
        if (!strcmp(v->list[i].name, name))
            return true;
    return false;
}

static void add_sensor(struct vitals *v, const char *type, const char *value, int number)
{
    char name[VITALS_NAME_MAX];
    double milli = strtod(value, NULL);

    if (milli < -100000 || milli > 250000) // a sensor that is off says strange things
        return;
    name_zone(type, 0, name, sizeof name);
    if (has(v, name))
        name_zone(type, number, name, sizeof name);
    add(v, name, milli / 1000);
}

// Kernel folders such as /sys/class/thermal/thermal_zone0, each with a name and a value.
static void read_sensors(struct vitals *v, const char *folder, const char *name, const char *value)
{
    char path[96], type[48], text[32];

    for (int i = 0; i < ZONES_MAX; i++) {
        snprintf(path, sizeof path, "/sys/class/%s%d/%s", folder, i, name);
        if (!read_line(path, type, sizeof type))
            continue;
        snprintf(path, sizeof path, "/sys/class/%s%d/%s", folder, i, value);
        if (read_line(path, text, sizeof text))
            add_sensor(v, type, text, i);
    }
}

static void sum_network(FILE *f, uint64_t *rx, uint64_t *tx)
{
    char line[256], name[32];
    uint64_t in, out;

    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, " %31[^:]: %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, name, &in,
                   &out) != 3 ||
            !strcmp(name, "lo"))
            continue;
        *rx += in;
        *tx += out;
    }
}

static void read_network(struct vitals *v, int64_t mono_ms)
{
    auto_file FILE *f = fopen("/proc/net/dev", "re");
    uint64_t rx = 0, tx = 0;

    if (!f)
        return;
    sum_network(f, &rx, &tx);
    double s = (double)(mono_ms - v->net_ms) / 1000;
    if (v->net_ms && s > 0 && rx >= v->rx && tx >= v->tx) {
        add(v, "net.rx", (double)(rx - v->rx) / s);
        add(v, "net.tx", (double)(tx - v->tx) / s);
    }
    v->rx = rx;
    v->tx = tx;
    v->net_ms = mono_ms;
}

void vitals_read(struct vitals *v, int64_t mono_ms)
{
    v->count = 0;
    read_cpu(v);
    read_load(v);
    read_memory(v);
    read_disk(v);
    read_uptime(v);
    read_network(v, mono_ms);
    read_sensors(v, "thermal/thermal_zone", "type", "temp");
    read_sensors(v, "hwmon/hwmon", "name", "temp1_input");
}

size_t vitals_print(const struct vitals *v, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < v->count; i++) {
        int k = snprintf(out + n, size - n, "%c\"%s\":%.15g", i ? ',' : '{', v->list[i].name,
                         v->list[i].value);
        if (k < 0 || n + (size_t)k + 2 > size)
            return 0;
        n += (size_t)k;
    }
    if (!n)
        return 0;
    out[n++] = '}';
    out[n] = 0;
    return n;
}
