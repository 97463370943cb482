// SPDX-License-Identifier: Apache-2.0
//
// A claim code is read in one way only: case, dashes and blanks do not change what it means.

#include "window/code.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *other = malloc(2 * size + 1), *at = other;
    uint8_t one[32], two[32];

    if (!text || !other)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    for (const char *c = text; *c; c++) {
        *at++ = (char)tolower((unsigned char)*c);
        *at++ = '-';
    }
    *at = '\0';
    if (code_read(text, one) && (!code_read(other, two) || memcmp(one, two, sizeof one) != 0))
        abort();
    free(text);
    free(other);
    return 0;
}
