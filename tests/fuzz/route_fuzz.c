// SPDX-License-Identifier: Apache-2.0
//
// Any path: whatever decodes is clean, whatever matches has clean, bounded parameters.

#include "http/route.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/percent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = { "GET", "POST", "HEAD", "PATCH", "DELETE", "x" };
    char decoded[PATH_MAX_LEN + 1];
    struct route_found found;
    char *raw = malloc(size + 1);

    if (!raw)
        return 0;
    memcpy(raw, data, size);
    raw[size] = '\0';
    if (path_decode(raw, decoded, sizeof decoded)) {
        must(utf8_is_clean(decoded, strlen(decoded)));
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
            route_find(route_tables, methods[i], decoded, &found);
            must(!found.route || found.allow[0]);
            for (int k = 0; k < PARAM_MAX; k++)
                must(strlen(found.params[k]) < PARAM_LEN && !strchr(found.params[k], '/'));
        }
    }
    free(raw);
    return 0;
}
