// SPDX-License-Identifier: Apache-2.0

#include "window/code.h"

#include <ctype.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum rc code_mint(char out[CODE_LEN + 1], struct fault *f)
{
    uint8_t random[CODE_DIGITS];
    size_t at = 0;

    if (RAND_bytes(random, sizeof random) != 1)
        return fail(f, RC_INTERNAL, "no random numbers");
    for (size_t i = 0; i < CODE_DIGITS; i++) {
        if (i && i % 4 == 0)
            out[at++] = '-';
        out[at++] = digits[random[i] % 32];
    }
    out[at] = '\0';
    OPENSSL_cleanse(random, sizeof random);
    return RC_OK;
}

static char digit_of(char c)
{
    c = (char)toupper((unsigned char)c);
    if (c == 'O')
        return '0';
    if (c == 'I' || c == 'L')
        return '1';
    return c && strchr(digits, c) ? c : '\0';
}

bool code_read(const char *text, uint8_t hash[32])
{
    uint8_t code[CODE_DIGITS];
    size_t n = 0;

    for (; *text; text++) {
        if (*text == '-' || *text == ' ')
            continue;
        if (n == CODE_DIGITS)
            return false;
        code[n] = (uint8_t)digit_of(*text);
        if (!code[n++])
            return false;
    }
    if (n != CODE_DIGITS)
        return false;
    SHA256(code, sizeof code, hash);
    OPENSSL_cleanse(code, sizeof code);
    return true;
}
