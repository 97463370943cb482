// SPDX-License-Identifier: Apache-2.0

#include "core/clock.h"

#include <stdio.h>
#include <time.h>

int64_t clock_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

// Years outside 0000…9999 have no RFC 3339 form; they are shown as the nearest that has.
static int64_t clamp(int64_t unix_ms)
{
    const int64_t first = -62167219200000, last = 253402300799999;

    return unix_ms < first ? first : unix_ms > last ? last : unix_ms;
}

void clock_rfc3339(int64_t unix_ms, char out[RFC3339_LEN + 1])
{
    int64_t at = clamp(unix_ms);
    int ms = (int)(((at % 1000) + 1000) % 1000);
    time_t s = (time_t)((at - ms) / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    snprintf(out, RFC3339_LEN + 1, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100, (unsigned)ms % 1000);
}
