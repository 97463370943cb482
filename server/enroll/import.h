// SPDX-License-Identifier: Apache-2.0
//
// enroll/import: claims from a file: a job that goes on after a crash.
//
//   CSV --import_csv()--> rows as JSON, bad ones with line and reason --job--> claimed, 500 at a
//   time
//
// The first line names the columns: publicKey, fingerprint or id, then name and group; any other
// column is a tag. What no row can be read from is refused as a whole; a bad row costs itself.

#pragma once

#include <jansson.h>
#include <stddef.h>

#include "core/rc.h"
#include "job/job.h"

struct import {
    json_t *devices;  // rows as claim_read() takes them
    json_t *lines;    // the line of each
    json_t *problems; // of bad rows: {"line", "text"}, at most JOB_PROBLEMS_MAX
    int64_t bad;      // how many those are
};

enum rc import_csv(const char *bytes, size_t len, struct import *out, struct fault *f);
void import_done(struct import *i);

// Its request: {"devices": […], "lines": […]}; without lines, rows are told by index.
extern const struct job_kind import_job;
