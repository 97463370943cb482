// SPDX-License-Identifier: Apache-2.0
//
// Any text as a factory key: refused with a sentence, or a P-256 key in its only form.

#include <stdlib.h>
#include <string.h>

#include "enroll/enroll.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *pem = malloc(size + 1);
    struct device_key key;
    struct fault f = { 0 };

    if (!pem)
        return 0;
    memcpy(pem, data, size);
    pem[size] = '\0';
    if (enroll_key_read(pem, &key, &f) != RC_OK) {
        if (f.rc != RC_INVALID || !*f.text)
            abort();
    } else if (key.spki_len != 91 || !device_id_valid(key.id)) {
        abort();
    }
    free(pem);
    return 0;
}
