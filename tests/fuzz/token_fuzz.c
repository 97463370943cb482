// SPDX-License-Identifier: Apache-2.0

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/token_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The tokenizer and jansson must agree on every input.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *why = token_check((const char *)data, size);

    if (why) {
        fprintf(stderr, "tokenizer and jansson: %s\n", why);
        abort();
    }
    return 0;
}
