// SPDX-License-Identifier: Apache-2.0

#include "telemetry/range.h"

#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/number.h"
#include "core/token.h"
#include "http/http.h"

#define SPAN_MAX_MS (3650 * DAY_MS)

bool range_span(const char *text, int64_t *ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {
        { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', DAY_MS }, { 'w', 7 * DAY_MS }
    };
    char digits[12];
    size_t len = strspn(text, "0123456789");
    int64_t n;

    if (len == 0 || len >= sizeof digits || !text[len] || text[len + 1])
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text[len] == units[i].unit && number_read(digits, &n) &&
            n <= SPAN_MAX_MS / units[i].ms) {
            *ms = n * units[i].ms;
            return true;
        }
    return false;
}

// 2026-11-22T21:40:01Z, with or without a fraction, whose digits beyond the third say nothing.
static bool read_rfc3339(const char *text, int64_t *out)
{
    struct tm tm = { 0 };
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t ms = 0, scale = 100;

    if (!rest)
        return false;
    if (*rest == '.')
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
            ms += (*rest - '0') * scale;
    if (strcmp(rest, "Z") != 0)
        return false;
    *out = (int64_t)timegm(&tm) * 1000 + ms;
    return *out >= 0 && *out <= CLOCK_MAX_MS;
}

bool range_time(const char *text, int64_t now, int64_t *out)
{
    int64_t n;

    if (!strcmp(text, "now")) {
        *out = now;
        return true;
    }
    if (*text == '-' && range_span(text + 1, &n)) {
        *out = now > n ? now - n : 0;
        return true;
    }
    if (number_read(text, &n) && n <= CLOCK_MAX_MS) {
        *out = n;
        return true;
    }
    return read_rfc3339(text, out);
}

static enum rc read_time(const struct req *q, const char *name, int64_t now, int64_t usual,
                         int64_t *out, struct fault *f)
{
    char text[RANGE_TEXT];

    *out = usual;
    if (!req_query(q, name, text, sizeof text) || range_time(text, now, out))
        return RC_OK;
    return fail(f, RC_INVALID,
                "%s takes Unix ms, RFC 3339 with Z, now, or a span before now like -24h", name);
}

enum rc range_read(const struct req *q, int64_t usual_ms, int64_t *from, int64_t *to,
                   struct fault *f)
{
    int64_t now = clock_now_ms();
    enum rc rc = read_time(q, "to", now, now, to, f);

    if (rc == RC_OK)
        rc = read_time(q, "from", now, *to > usual_ms ? *to - usual_ms : 0, from, f);
    if (rc == RC_OK && *from > *to)
        rc = fail(f, RC_INVALID, "from must not be later than to");
    return rc;
}

enum rc range_number(const struct req *q, const char *name, int64_t min, int64_t max, int64_t usual,
                     int64_t *out, struct fault *f)
{
    char text[20];

    *out = usual;
    if (!req_query(q, name, text, sizeof text))
        return RC_OK;
    if (number_read(text, out) && *out >= min && *out <= max)
        return RC_OK;
    return fail(f, RC_INVALID, "%s must be a number from %lld to %lld", name, (long long)min,
                (long long)max);
}

enum rc range_window(const struct req *q, const char *name, int64_t usual_ms, int64_t most_ms,
                     int64_t *out, struct fault *f)
{
    char text[RANGE_TEXT];

    *out = usual_ms;
    if (!req_query(q, name, text, sizeof text))
        return RC_OK;
    if (range_span(text, out) && *out > 0 && *out <= most_ms)
        return RC_OK;
    return fail(f, RC_INVALID, "%s takes a number and s, m, h or d, at most %lld days: 5m", name,
                (long long)(most_ms / DAY_MS));
}

enum rc range_metric(const struct req *q, char *out, struct fault *f)
{
    if (req_query(q, "metric", out, TOKEN_NAME_MAX + 1) && *out)
        return RC_OK;
    return fail(f, RC_INVALID, "metric says what is asked for; it is missing");
}
