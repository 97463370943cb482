// SPDX-License-Identifier: Apache-2.0

#include "core/hex.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void hex_encode(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = 0;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(const char *text, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = nibble(text[2 * i]);
        int low = high < 0 ? -1 : nibble(text[2 * i + 1]);

        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * len] == 0;
}

static size_t encode(const char *set, bool padded, const uint8_t *b, size_t len, char *out)
{
    char *to = out;

    for (; len >= 3; b += 3, len -= 3) {
        *to++ = set[b[0] >> 2];
        *to++ = set[(b[0] & 3) << 4 | b[1] >> 4];
        *to++ = set[(b[1] & 15) << 2 | b[2] >> 6];
        *to++ = set[b[2] & 63];
    }
    if (len) {
        uint8_t second = len == 2 ? b[1] : 0;

        *to++ = set[b[0] >> 2];
        *to++ = set[(b[0] & 3) << 4 | second >> 4];
        if (len == 2)
            *to++ = set[(second & 15) << 2];
        else if (padded)
            *to++ = '=';
        if (padded)
            *to++ = '=';
    }
    *to = 0;
    return (size_t)(to - out);
}

static int value(char c, const char *set)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == set[62] ? 62 : c == set[63] ? 63 : -1;
}

// len counts digits only, without padding.
static long decode(const char *set, const char *text, size_t len, uint8_t *out, size_t max)
{
    size_t n = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
    uint32_t bits = 0;
    int held = 0;

    if (len % 4 == 1 || n > max)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int v = value(text[i], set);

        if (v < 0)
            return -1;
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *out++ = (uint8_t)(bits >> held);
            bits &= (1u << held) - 1;
        }
    }
    return bits ? -1 : (long)n; // left-over bits must be zero, RFC 4648 3.5
}

size_t base64url_encode(const uint8_t *bytes, size_t len, char *out)
{
    return encode(url, false, bytes, len, out);
}

long base64url_decode(const char *text, size_t len, uint8_t *out, size_t max)
{
    return decode(url, text, len, out, max);
}

size_t base64_encode(const uint8_t *bytes, size_t len, char *out)
{
    return encode(plain, true, bytes, len, out);
}

long base64_decode(const char *text, size_t len, uint8_t *out, size_t max)
{
    if (len % 4)
        return -1;
    for (int i = 0; i < 2 && len && text[len - 1] == '='; i++)
        len--;
    return decode(plain, text, len, out, max);
}
