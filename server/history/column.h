// SPDX-License-Identifier: Apache-2.0
//
// column: the numbers of one column of a chunk, compressed without loss.
//
//   int64_t[n] --column_put_ints-->  bytes --column_ints-->  int64_t[n]
//   double[n]  --column_put_reals--> bytes --column_reals--> double[n], bit for bit
//
// A column is read without any other. Its first byte says how it is written:
//
//   same   the one value, 8 bytes               xor    with the value before: a byte (leading zero
//   steps  decimals, differences as varints            bytes << 4 | bytes that follow), those bytes
//   bends  the same of the differences          plain  8 bytes a value
//
// and whether zstd then made that smaller. Decimals are whole numbers times 10^-k, chosen only
// where each value comes back with the same bits. All bytes are little-endian. What is read may
// be anything: every length is checked, and nothing is written past n values.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COLUMN_ROWS_MAX 65536
#define COLUMN_BOUND(n) (2 + 10 * (size_t)(n)) // what n values take at most

struct squeezer; // memory to work in; one thread at a time

struct squeezer *squeezer_new(void); // NULL when out of memory
void squeezer_free(struct squeezer *z);

// n: 1…COLUMN_ROWS_MAX; out holds COLUMN_BOUND(n). How many bytes were written.
size_t column_put_ints(struct squeezer *z, const int64_t *v, size_t n, char *out);
size_t column_put_reals(struct squeezer *z, const double *v, size_t n, char *out);

// False where these bytes are no column of n values.
bool column_ints(struct squeezer *z, const void *in, size_t len, size_t n, int64_t *out);
bool column_reals(struct squeezer *z, const void *in, size_t len, size_t n, double *out);
