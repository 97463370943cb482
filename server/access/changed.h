// SPDX-License-Identifier: Apache-2.0
//
// changed: access_changed(), once the request's transaction is committed.

#pragma once

#include <stdint.h>

#include "http/http.h"

enum rc changed_after_commit(struct req *q, int64_t account, struct fault *f);
