// SPDX-License-Identifier: Apache-2.0

#include "live/joblist.h"

#include <stdlib.h>

#include "core/clock.h"
#include "job/job.h"
#include "live/source.h"
#include "live/track.h"

#define JOBS_MS 250 // between two loads

void joblist_drop(struct joblist *j)
{
    free(j->list);
    j->list = NULL;
    j->fresh = false;
}

void joblist_due(struct joblist *j)
{
    j->due = true;
}

static enum rc read_list(const struct source *from, char **out, struct fault *f)
{
    json_auto_t *list = NULL;
    enum rc rc = job_recent(from->store, from->catalog, &list, f);

    if (rc != RC_OK)
        return rc;
    *out = json_dumps(list, JSON_COMPACT);
    return *out ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

static bool begin_load(struct joblist *j, pthread_mutex_t *lock, int64_t now)
{
    bool due;

    pthread_mutex_lock(lock);
    due = !j->list || (j->due && now >= j->due_at);
    if (due) {
        j->due = false;
        j->due_at = now + JOBS_MS;
    }
    pthread_mutex_unlock(lock);
    return due;
}

enum rc joblist_load(struct joblist *j, const struct source *from, struct fault *f)
{
    char *list = NULL;
    enum rc rc;

    if (!begin_load(j, from->lock, clock_mono_ms()))
        return RC_OK;
    rc = read_list(from, &list, f);
    pthread_mutex_lock(from->lock);
    if (rc == RC_OK) {
        free(j->list);
        j->list = list;
        j->fresh = true;
    } else {
        j->due = true;
    }
    pthread_mutex_unlock(from->lock);
    return rc;
}

static struct frame *frame(const struct joblist *j, const struct track *t)
{
    struct track_text text;

    if (!track_begin(t, t->seq + 1, &text))
        return NULL;
    fprintf(text.to, ",\"snapshot\":true,\"jobs\":%s", j->list);
    return track_end(&text);
}

bool joblist_tick(struct joblist *j, struct track *t)
{
    if (!j->fresh)
        return false;
    j->fresh = false;
    track_publish(t, frame(j, t), true);
    return true;
}
