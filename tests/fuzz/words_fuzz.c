// SPDX-License-Identifier: Apache-2.0
//
// What people type to find log lines: whatever it is, it stays within its bounds, and what is
// wanted and nothing else is found in itself.

#include "journal/words.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = strndup((const char *)data, size);
    char query[WORDS_QUERY_MAX + 1], hint[WORDS_TEXT_MAX + 1];
    struct words w;
    bool wanted = true;

    if (!text || words_read(text, &w, NULL) != RC_OK)
        return 0;
    words_query(&w, query, sizeof query);
    words_hint(&w, hint);
    if (w.count == 0 || w.count > WORDS_MAX || strlen(query) >= WORDS_QUERY_MAX)
        abort();
    for (size_t i = 0; i < w.count; i++)
        wanted = wanted && !w.terms[i].unwanted;
    if (wanted && (!*hint || !words_match(&w, NULL, NULL, text)))
        abort();
    return 0;
}
