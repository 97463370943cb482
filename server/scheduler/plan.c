// SPDX-License-Identifier: Apache-2.0

#include "scheduler/plan.h"

#include "core/clock.h"

#define RETRY_MS  5000
#define DOUBLINGS 8

void plan_start(struct planned *list, const struct job *jobs, size_t count)
{
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < count; i++)
        list[i] = (struct planned){ .job = &jobs[i], .due = now };
}

// Twice as long after each failure, but never longer than the period.
static int64_t retry_after(const struct planned *p)
{
    int64_t wait = RETRY_MS << (p->failures < DOUBLINGS ? p->failures : DOUBLINGS);

    return wait < p->job->period_ms ? wait : p->job->period_ms;
}

static void run(struct planned *p, void *ctx, plan_failed *failed)
{
    struct fault f = { 0 };
    int64_t wait = p->job->period_ms;

    if (p->job->run(ctx, &f) == RC_OK) {
        p->failures = 0;
    } else {
        wait = retry_after(p);
        p->failures++;
        failed(ctx, p->job, &f, wait);
    }
    // From now, not from when it was due: after a long sleep it runs once, not many times.
    p->due = clock_mono_ms() + wait;
}

int64_t plan_turn(struct planned *list, size_t count, void *ctx, plan_failed *failed)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < count; i++) {
        if (list[i].due <= clock_mono_ms())
            run(&list[i], ctx, failed);
        next = list[i].due < next ? list[i].due : next;
    }
    int64_t left = next - clock_mono_ms();
    return left > 0 ? left : 0;
}
