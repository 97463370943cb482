// SPDX-License-Identifier: Apache-2.0
//
// locket: a secret of a route as it lies in the database.
//
//   text --AES-256-GCM under the keeper's key "notify", bound to the catalog--> base64url
//
// Nothing but the worker that needs it opens it, and whoever reads the table without the keeper
// reads noise.

#pragma once

#include <stdint.h>

#include "core/rc.h"

#define LOCKET_TEXT_MAX 500
#define LOCKET_SIZE     720 // of what it is sealed to, with the NUL

struct keeper;

enum rc locket_seal(struct keeper *k, int32_t catalog, const char *text, char out[LOCKET_SIZE],
                    struct fault *f);
// *out is the caller's to cleanse and free. RC_INVALID: sealed by another keeper, or changed.
enum rc locket_open(struct keeper *k, int32_t catalog, const char *sealed, char **out,
                    struct fault *f);
