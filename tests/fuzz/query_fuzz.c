// SPDX-License-Identifier: Apache-2.0
//
// Any query: one that passes the check gives the same, clean values to whoever asks; and any
// body that is judged shallow is safe to parse.

#include "http/query.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/dispatch.h"
#include "http/percent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const char *query)
{
    static const char *const names[] = { "limit", "cursor", "q", "state", "a" };
    struct dispatch d = { .cursor_key = (const uint8_t *)"0123456789abcdef0123456789abcdef",
                          .path = "/list" };
    struct req q = { .query = query, .dispatch = &d };
    char value[QUERY_MAX + 1], small[8];
    struct fault f;
    int limit;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (req_query(&q, names[i], value, sizeof value) && !utf8_is_clean(value, strlen(value)))
            abort();
        req_query(&q, names[i], small, sizeof small);
    }
    if (req_limit(&q, &limit, &f) == RC_OK && (limit < 1 || limit > MAX_LIMIT))
        abort();
    req_cursor(&q, value, sizeof value, &f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct fault f;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (query_check(text, false, &f) == RC_OK)
        read_all(text);
    if (json_is_shallow(text, size))
        json_decref(json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL));
    free(text);
    return 0;
}
