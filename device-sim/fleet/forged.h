// SPDX-License-Identifier: Apache-2.0
//
// forged: a certificate that looks right and is of nobody's CA.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sdk/credential.h"
#include "sdk/p256.h"

bool forged_credential(const struct p256 *key, int64_t now_ms, struct credential *out);
