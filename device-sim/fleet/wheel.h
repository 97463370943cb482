// SPDX-License-Identifier: Apache-2.0
//
// wheel: when to look at which of many devices next, in constant time.
//
//   slots of 8 ms, once round in 32 s; what lies further away is looked at once a round

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct wheel;

enum rc wheel_new(uint32_t count, int64_t now_ms, struct wheel **out, struct fault *f);
void wheel_free(struct wheel *w);
// Moves i, which may be anywhere, to at_ms (INT64_MAX: nowhere).
void wheel_set(struct wheel *w, uint32_t i, int64_t at_ms);
// Takes out one that is due; false if none is.
bool wheel_next(struct wheel *w, int64_t now_ms, uint32_t *out);
// How long it may be waited until something is due: 1 to max_ms.
int64_t wheel_wait_ms(const struct wheel *w, int64_t now_ms, int64_t max_ms);
