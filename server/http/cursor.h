// SPDX-License-Identifier: Apache-2.0
//
// http/cursor: a position in a list, sealed so that only we can make one.
//
//   cursor = base64url( HMAC-SHA256(key, scope NUL text), first 16 bytes ‖ text )
//
// The scope is the path of the list. The key is the installation's, so cursors outlive a restart.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CURSOR_KEY_LEN  32
#define CURSOR_TEXT_MAX 300 // bytes of text in a cursor
#define CURSOR_SIZE     ((CURSOR_TEXT_MAX + 16 + 2) / 3 * 4 + 1)

bool cursor_seal(const uint8_t key[CURSOR_KEY_LEN], const char *scope, const char *text,
                 char out[CURSOR_SIZE]);
// False for a cursor that was not sealed with key for scope, or does not fit.
bool cursor_open(const uint8_t key[CURSOR_KEY_LEN], const char *scope, const char *cursor,
                 char *out, size_t size);
