// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/http.h"

extern const struct route job_routes[];

// 202 with the job {id}, and its address; wakes the runner once it is committed.
enum rc job_reply(struct req *q, struct reply *r, int status, int64_t id, struct fault *f);
