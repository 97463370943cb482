// SPDX-License-Identifier: Apache-2.0
//
// vitals: what this very machine is doing, from /proc and /sys.
//
//   vitals_read each second -> cpu.load, mem.used, disk.used, temp.<zone>, net.rx, …
//
// Rates are over the time since the call before, so the first reading lacks them. What a machine
// does not have (no sensor, no /proc/net/dev) is simply not there.

#pragma once

#include <stddef.h>
#include <stdint.h>

#define VITALS_MAX      24
#define VITALS_NAME_MAX 48

struct vital {
    char name[VITALS_NAME_MAX];
    double value;
};

struct vitals {
    struct vital list[VITALS_MAX];
    size_t count;
    // of the reading before
    uint64_t cpu_busy, cpu_all;
    uint64_t rx, tx;
    int64_t net_ms;
};

void vitals_read(struct vitals *v, int64_t mono_ms);
// The "m" object of a telemetry message; returns its length, 0 if size is too small.
size_t vitals_print(const struct vitals *v, char *out, size_t size);
