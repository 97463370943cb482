// SPDX-License-Identifier: Apache-2.0
//
// The jobs of a server. Partitions, retention and states that only time changes are not among them:
// ingest minds its own tables.

#include <stdio.h>
#include <stdlib.h>

#include "alert/alert.h"
#include "attest/attest.h"
#include "audit/audit.h"
#include "core/config.h"
#include "crash/crash.h"
#include "device/device.h"
#include "http/http.h"
#include "http/server.h"
#include "job/job.h"
#include "journal/loudness.h"
#include "journal/search.h"
#include "notify/delivery.h"
#include "scheduler/scheduler.h"
#include "window/arrival.h"

#define SECOND_MS 1000LL
#define MINUTE_MS (60 * SECOND_MS)

static enum rc seal_audit(void *ctx, struct fault *f)
{
    const struct scheduler_options *o = ctx;

    return audit_seal_due(o->store, o->keeper, f);
}

static enum rc drop_expired(void *ctx, struct fault *f)
{
    const struct scheduler_options *o = ctx;
    struct services services = { .config = o->config, .keeper = o->keeper };

    enum rc rc = http_upkeep(o->store, &services, f);

    if (rc == RC_OK)
        rc = attest_upkeep(o->store, f);
    if (rc == RC_OK)
        rc = loudness_expire(o->store, f);
    return rc == RC_OK ? job_expire(o->store, f) : rc;
}

static enum rc forget_deliveries(void *ctx, struct fault *f)
{
    const struct scheduler_options *o = ctx;

    return delivery_expire(o->store, f);
}

static enum rc forget_dumps(void *ctx, struct fault *f)
{
    const struct scheduler_options *o = ctx;
    char folder[600];

    snprintf(folder, sizeof folder, "%s/blobs", o->config->dir);
    return crash_expire(o->store, folder, o->config->crash_keep_days, f);
}

static enum rc forget_arrivals(void *ctx, struct fault *f)
{
    const struct scheduler_options *o = ctx;

    return arrival_expire(o->store, f);
}

static enum rc fold_counts(void *ctx, struct fault *f)
{
    const struct scheduler_options *o = ctx;

    return device_count_fold(o->store, f);
}

static enum rc mind_alerts(void *ctx, struct fault *f)
{
    const struct scheduler_options *o = ctx;

    return alert_upkeep(o->store, f);
}

static enum rc fold_journal(void *ctx, struct fault *f)
{
    const struct scheduler_options *o = ctx;

    return search_fold(o->store, f);
}

const struct job scheduler_jobs[] = {
    { "fold the counters of devices", 5 * SECOND_MS, fold_counts },
    { "mind silenced and silent alerts", 5 * SECOND_MS, mind_alerts },
    { "fold the counters of log lines", 30 * SECOND_MS, fold_journal },
    { "seal the audit chains", 5 * MINUTE_MS, seal_audit },
    { "drop what has expired", 15 * MINUTE_MS, drop_expired },
    { "forget old notifications", 60 * MINUTE_MS, forget_deliveries },
    { "forget old crash dumps", 60 * MINUTE_MS, forget_dumps },
    { "forget arrivals", 15 * MINUTE_MS, forget_arrivals },
};
const size_t scheduler_job_count = sizeof scheduler_jobs / sizeof *scheduler_jobs;
