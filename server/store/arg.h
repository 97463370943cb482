// SPDX-License-Identifier: Apache-2.0
//
// arg: numbers as query arguments, which are texts.
//
//   store_run(s, &Q_X, (const char *[]){ ARG_INT(catalog), id }, &rows, f)
//
// The text lives until the end of the block that names it.

#pragma once

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

static inline const char *arg_int(char text[24], int64_t n)
{
    snprintf(text, 24, "%" PRId64, n);
    return text;
}

#define ARG_INT(n) arg_int((char[24]){ 0 }, n)
