// SPDX-License-Identifier: Apache-2.0
//
// token_check: the tokenizer compared with jansson, for the unit test and the fuzzer.

#pragma once

#include <stddef.h>

// NULL if both agree on the frame, else what they disagree on. Agreeing is: the tokenizer calls
// a frame broken exactly if jansson refuses it (or it is not made of objects), and every
// telemetry message it accepts has the values jansson reads, and breaks no rule. A NUL byte is
// always broken; jansson 2.14 overlooks one behind a number.
const char *token_check(const char *frame, size_t len);
