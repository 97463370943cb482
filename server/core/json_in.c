// SPDX-License-Identifier: Apache-2.0

#include "core/json_in.h"

#include <stdio.h>

static const char *const reasons[] = {
    [json_error_out_of_memory] = "there is no memory for it",
    [json_error_stack_overflow] = "it is nested too deep",
    [json_error_invalid_utf8] = "the text is not UTF-8",
    [json_error_premature_end_of_input] = "it ends too early",
    [json_error_end_of_input_expected] = "something follows after its end",
    [json_error_null_character] = "a text holds the character U+0000",
    [json_error_null_byte_in_key] = "a text holds the character U+0000",
    [json_error_duplicate_key] = "an object has a duplicate member",
    [json_error_numeric_overflow] = "a number is larger than a 64-bit integer or a double",
};

static const char *reason(size_t code)
{
    const char *why = code < sizeof reasons / sizeof *reasons ? reasons[code] : NULL;

    return why ? why : "this does not belong here";
}

void json_mistake(const json_error_t *e, char out[JSON_MISTAKE_SIZE])
{
    const char *why = reason((size_t)json_error_code(e));

    if (e->line < 1)
        snprintf(out, JSON_MISTAKE_SIZE, "%s", why);
    else
        snprintf(out, JSON_MISTAKE_SIZE, "line %d, column %d: %s", e->line, e->column, why);
}
