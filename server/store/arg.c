// SPDX-License-Identifier: Apache-2.0

#include "store/arg.h"

#include <stdlib.h>
#include <string.h>

#define ROOM 21 // of a number, with its sign and the comma

char *arg_list(const int64_t *n, size_t count)
{
    char *text = malloc(count * ROOM + sizeof "{}"), *at = text;

    if (!text)
        return NULL;
    *at++ = '{';
    for (size_t i = 0; i < count; i++)
        at += snprintf(at, ROOM + 1, "%s%" PRId64, i ? "," : "", n[i]);
    memcpy(at, "}", sizeof "}");
    return text;
}
