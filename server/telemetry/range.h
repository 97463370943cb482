// SPDX-License-Identifier: Apache-2.0
//
// telemetry/range: how people say when.
//
//   "-24h", "now", "1790000000000", "2026-11-22T21:40:01Z" --range_time()--> Unix ms
//   "5m" --range_span()--> ms

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define RANGE_TEXT 40
#define DAY_MS     (24LL * 3600 * 1000)

struct req;

// A number and s, m, h, d or w. False where it is something else or longer than ten years.
bool range_span(const char *text, int64_t *ms);
// Relative to now where it begins with a minus. False where it is no time between 1970 and 9999.
bool range_time(const char *text, int64_t now, int64_t *out);
// ?from= and ?to=; to is now and from so long before it unless they say otherwise.
enum rc range_read(const struct req *q, int64_t usual_ms, int64_t *from, int64_t *to,
                   struct fault *f);
// ?name=, a number from min to max.
enum rc range_number(const struct req *q, const char *name, int64_t min, int64_t max, int64_t usual,
                     int64_t *out, struct fault *f);
// ?window= or another span, from 1 s to most.
enum rc range_window(const struct req *q, const char *name, int64_t usual_ms, int64_t most_ms,
                     int64_t *out, struct fault *f);
// ?metric=, TOKEN_NAME_MAX + 1 bytes.
enum rc range_metric(const struct req *q, char *out, struct fault *f);
