// SPDX-License-Identifier: Apache-2.0
//
// number: whole numbers that came as text, from a query, a path or a cursor.
// Strict: digits only, so no sign, no white space and no 0x; what int64_t cannot hold is refused
// and never wraps. Device numbers have 19 digits, so a limit on the length would not do.
//
//   "1876543210987654321" --number_read()--> int64_t

#pragma once

#include <stdbool.h>
#include <stdint.h>

// False, and out as it was, unless all of text is a number from 0 to INT64_MAX.
bool number_read(const char *text, int64_t *out);
// The same for the id of a group or a product: 1 to INT32_MAX. text may be NULL, which is none.
bool number_id(const char *text, int32_t *out);
