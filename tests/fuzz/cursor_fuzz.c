// SPDX-License-Identifier: Apache-2.0
//
// Nobody makes a cursor; what we sealed opens to what it was.

#include "http/cursor.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[CURSOR_KEY_LEN] = { 42 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[CURSOR_TEXT_MAX + 1], sealed[CURSOR_SIZE];
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (cursor_open(key, "/list", text, out, sizeof out) && strcmp(out, "seed") != 0)
        abort();
    if (strlen(text) <= CURSOR_TEXT_MAX &&
        (!cursor_seal(key, "/list", text, sealed) ||
         !cursor_open(key, "/list", sealed, out, sizeof out) || strcmp(out, text) != 0 ||
         cursor_open(key, "/other", sealed, out, sizeof out)))
        abort();
    free(text);
    return 0;
}
