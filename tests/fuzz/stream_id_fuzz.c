// SPDX-License-Identifier: Apache-2.0
//
// Last-Event-ID is whatever a client says: only an id of this start is taken, and whole.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "live/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t next[BOARD_TOPICS] = { 0 };
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (sse_id_read(text, 42, next)) {
        if (strncmp(text, "0000002a-", 9) != 0)
            abort();
    } else {
        for (size_t i = 0; i < BOARD_TOPICS; i++)
            if (next[i])
                abort();
    }
    free(text);
    return 0;
}
