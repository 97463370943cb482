// SPDX-License-Identifier: Apache-2.0
//
// json_in: what is wrong with a text that is not JSON, in words for its sender.
//
//   json_loadb(…, &e) = NULL --json_mistake(&e)--> "line 2, column 9: a member is named twice"
//
// Says where, never what stands there (it may be a password), and nothing of the library.

#pragma once

#include <jansson.h>

#define JSON_MISTAKE_SIZE 120

void json_mistake(const json_error_t *e, char out[JSON_MISTAKE_SIZE]);
