// SPDX-License-Identifier: Apache-2.0
//
// alert/reach: how far an alert goes, and what its devices have in common, in numbers and words.

#pragma once

#include <jansson.h>
#include <stdint.h>

#include "core/rc.h"

struct store;

// {"devices","of","text","standsOut":[…]}. RC_NOT_FOUND as inbox_show().
enum rc reach_show(struct store *s, int32_t catalog, int64_t alert, json_t **out, struct fault *f);
