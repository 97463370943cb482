// SPDX-License-Identifier: Apache-2.0
//
// file: small files that must be whole or absent: keys, certificates, counters.
//
//   file_replace: write beside, fsync, rename, fsync the folder

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

// *out is NUL-terminated and yours; len may be NULL. RC_NOT_FOUND if there is no such file.
enum rc file_read(const char *path, size_t max, char **out, size_t *len, struct fault *f);
// Mode 0600.
enum rc file_replace(const char *path, const void *data, size_t len, struct fault *f);

// A decimal number in a file; fallback if there is none.
enum rc file_read_number(const char *path, int64_t fallback, int64_t *out, struct fault *f);
enum rc file_write_number(const char *path, int64_t n, struct fault *f);
