// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as hex and base64: what is accepted is the one text that its bytes encode to.

#include "core/hex.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef long decoder(const char *text, size_t len, uint8_t *out, size_t max);
typedef size_t encoder(const uint8_t *bytes, size_t len, char *out);

static void must(bool holds)
{
    if (!holds)
        abort();
}

// Buffers of exactly the documented size, so that AddressSanitizer sees the first byte too many.
static void there_and_back(decoder *decode, encoder *encode, const char *text, size_t len)
{
    uint8_t *bytes = malloc(len * 3 / 4 + 1);
    long n = decode(text, len, bytes, len * 3 / 4);

    if (n >= 0) {
        char *again = malloc(BASE64_SIZE((size_t)n));

        must(encode(bytes, (size_t)n, again) == len && !memcmp(again, text, len));
        free(again);
        must(n == 0 || decode(text, len, bytes, (size_t)n - 1) == -1);
    }
    free(bytes);
}

static void hex_there_and_back(const char *text)
{
    size_t len = strlen(text);
    uint8_t *bytes = malloc(len / 2 + 1);
    char *again = malloc(len + 2);

    if (hex_decode(text, bytes, len / 2)) {
        hex_encode(bytes, len / 2, again);
        must(!strcmp(again, text));
    }
    must(!hex_decode(text, bytes, len / 2 + 1));
    free(again);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = 0;
    there_and_back(base64_decode, base64_encode, text, size);
    there_and_back(base64url_decode, base64url_encode, text, size);
    hex_there_and_back(text);
    free(text);
    return 0;
}
