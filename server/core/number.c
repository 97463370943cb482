// SPDX-License-Identifier: Apache-2.0

#include "core/number.h"

bool number_read(const char *text, int64_t *out)
{
    int64_t n = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *text - '0', &n))
            return false;
    }
    *out = n;
    return true;
}

bool number_id(const char *text, int32_t *out)
{
    int64_t n;

    if (!text || !number_read(text, &n) || n < 1 || n > INT32_MAX)
        return false;
    *out = (int32_t)n;
    return true;
}
