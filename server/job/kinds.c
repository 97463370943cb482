// SPDX-License-Identifier: Apache-2.0
//
// Every kind of job, one line each.

#include <stddef.h>

#include "bulk/bulk.h"
#include "enroll/import.h"
#include "job/job.h"

const struct job_kind *const job_kinds[] = {
    &import_job,
    &bulk_job,
    NULL,
};
