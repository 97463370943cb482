// SPDX-License-Identifier: Apache-2.0
//
// clock: the only place that asks what time it is, so that unit tests can link
// another one.

#pragma once

#include <stdint.h>

int64_t clock_now_ms(void);  // Unix time, milliseconds
int64_t clock_mono_ms(void); // since some fixed moment; never goes backwards
int64_t clock_mono_us(void);

#define CLOCK_MAX_MS 253402300799999LL // the last of the year 9999: what people may ask for

#define RFC3339_LEN 24 // 2026-11-22T21:40:01.123Z

// Writes the UTC time and a NUL; out holds RFC3339_LEN + 1 bytes.
void clock_rfc3339(int64_t unix_ms, char out[RFC3339_LEN + 1]);
