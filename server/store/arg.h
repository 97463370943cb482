// SPDX-License-Identifier: Apache-2.0
//
// arg: numbers as query arguments, which are texts.
//
//   store_run(s, &Q_X, (const char *[]){ ARG_INT(catalog), id }, &rows, f)
//
// The text of a number lives until the end of the block that names it; that of a list is the
// caller's to free.

#pragma once

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

static inline const char *arg_int(char text[24], int64_t n)
{
    snprintf(text, 24, "%" PRId64, n);
    return text;
}

#define ARG_INT(n) arg_int((char[24]){ 0 }, n)

// "{1,2}", for ANY ($1::bigint[]). NULL when out of memory.
char *arg_list(const int64_t *n, size_t count);
