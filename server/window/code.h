// SPDX-License-Identifier: Apache-2.0
//
// code: the claim code of a registration window, as people read it to each other.
//
//   code_mint --> "7K2M-9QXT-C4VN-8HRD" --shown once--> device --code_read--> SHA-256 --> window
//
// 80 random bits in Crockford's base 32, which has no I, L, O and U. Only the hash is stored; what
// people mistake (small letters, O for 0, I and L for 1, missing dashes) is understood.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define CODE_DIGITS 16
#define CODE_LEN    (CODE_DIGITS + 3) // with its dashes
#define CODE_MAX    64                // bytes of what somebody typed
#define CODE_HINT   4                 // characters that a window shows of its code

enum rc code_mint(char out[CODE_LEN + 1], struct fault *f);
// False for anything that cannot be a code.
bool code_read(const char *text, uint8_t hash[32]);
