// SPDX-License-Identifier: Apache-2.0

#include "gateway/job.h"

#include <stdlib.h>

#include "crash/intake.h"
#include "ingest/ingest.h"

void job_free(struct job *j)
{
    if (!j)
        return;
    if (j->ingest)
        ingest_detach(j->ingest);
    attest_result_done(&j->result);
    intake_step_free(j->dump);
    free(j->knock);
    free(j->eat);
    free(j->csr);
    free(j->time);
    free(j);
}
