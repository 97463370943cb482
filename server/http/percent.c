// SPDX-License-Identifier: Apache-2.0

#include "http/percent.h"

#include <stdint.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

// Length of the well-formed sequence at s (Unicode 15, table 3-7), 0 if there is none.
static size_t sequence(const unsigned char *s, size_t left)
{
    static const struct {
        unsigned char low, high, second_low, second_high;
        size_t len;
    } forms[] = {
        { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
        { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (s[0] < forms[i].low || s[0] > forms[i].high || left < forms[i].len)
            continue;
        if (s[1] < forms[i].second_low || s[1] > forms[i].second_high)
            return 0;
        for (size_t k = 2; k < forms[i].len; k++)
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        // U+0080…U+009F are control characters too.
        return s[0] == 0xc2 && s[1] < 0xa0 ? 0 : forms[i].len;
    }
    return 0;
}

bool utf8_is_clean(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    while (len > 0) {
        size_t n = sequence(s, len);
        if (n == 0)
            return false;
        s += n;
        len -= n;
    }
    return true;
}

bool percent_decode(const char *in, size_t len, bool plus, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = in[i];
        if (c == '%') {
            if (len - i < 3 || digit(in[i + 1]) < 0 || digit(in[i + 2]) < 0)
                return false;
            c = (char)(digit(in[i + 1]) << 4 | digit(in[i + 2]));
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (n + 1 >= size)
            return false;
        out[n++] = c;
    }
    if (size == 0 || !utf8_is_clean(out, n))
        return false;
    out[n] = '\0';
    return true;
}
