// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a file of claims: refused with a sentence, or every row is good or told with its
// line. Lines only grow, and all the text lies within what came.

#include "core/csv.h"

#include <stdlib.h>
#include <string.h>

#include "enroll/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const char *bytes, size_t size)
{
    struct csv c;
    struct csv_row row;
    enum csv_kind kind;
    struct fault f = { 0 };
    int64_t line = 0;
    size_t total = 0;

    if (csv_open(&c, bytes, size, &f) != RC_OK) {
        if (f.rc != RC_INVALID || !*f.text)
            abort();
        return;
    }
    while ((kind = csv_next(&c, &row)) != CSV_END) {
        if (row.line <= line || (kind == CSV_BAD) != (row.reason != NULL))
            abort();
        line = row.line;
        for (size_t i = 0; kind == CSV_ROW && i < row.count; i++)
            total += strlen(row.fields[i]);
    }
    if (total > size)
        abort();
    csv_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct import im = { 0 };
    struct fault f = { 0 };

    walk((const char *)data, size);
    if (import_csv((const char *)data, size, &im, &f) != RC_OK) {
        if (f.rc != RC_INVALID || !*f.text)
            abort();
        return 0;
    }
    if (json_array_size(im.devices) != json_array_size(im.lines) ||
        json_array_size(im.devices) + (size_t)im.bad == 0)
        abort();
    import_done(&im);
    return 0;
}
