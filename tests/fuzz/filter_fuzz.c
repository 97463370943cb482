// SPDX-License-Identifier: Apache-2.0
//
// Any query or JSON as a filter: what is accepted is one row literal of as many fields as the type
// has, and says the same when it comes back as JSON.

#include "device/filter.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS 18 // of the type device_filter, with what later migrations added

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// As record_in reads it: commas outside of quotes part the fields.
static void check_row(const char *row)
{
    bool quoted = false;
    int fields = 1;
    size_t len = strlen(row);

    if (*row != '(' || row[len - 1] != ')')
        abort();
    for (size_t i = 1; i + 1 < len; i++) {
        if (row[i] == '\\')
            i++;
        else if (row[i] == '"')
            quoted = !quoted;
        else if (row[i] == ',' && !quoted)
            fields++;
        else if (!quoted && (row[i] == '(' || row[i] == ')'))
            abort();
    }
    if (quoted || fields != FIELDS)
        abort();
}

static void check(struct device_filter *x)
{
    struct device_filter again = { 0 };
    struct fault f;

    check_row(x->row);
    if (device_filter_from(x->params, 1, &again, &f) != RC_OK || again.empty != x->empty ||
        again.prefix != x->prefix)
        abort();
    check_row(again.row);
    device_filter_done(&again);
    device_filter_done(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const also[] = { "sort", NULL };
    char *text = malloc(size + 1);
    json_t *json = json_loadb((const char *)data, size, 0, NULL);
    struct device_filter x = { 0 };
    struct fault f;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (device_filter_read(text, also, 1, &x, &f) == RC_OK)
        check(&x);
    if (device_filter_from(json, 1, &x, &f) == RC_OK)
        check(&x);
    json_decref(json);
    free(text);
    return 0;
}
