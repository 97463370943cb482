// SPDX-License-Identifier: Apache-2.0

#include "live/whole.h"

#include <stdlib.h>
#include <string.h>

#include "alert/inbox.h"
#include "core/clock.h"
#include "job/job.h"
#include "live/source.h"
#include "live/track.h"

#define WHOLE_MS    250 // between two loads
#define ALERTS_MOST 20

void whole_drop(struct whole *w)
{
    free(w->text);
    w->text = NULL;
    w->fresh = false;
}

void whole_due(struct whole *w)
{
    w->due = true;
}

// ---------------------------------------------------------------- what there is

enum rc whole_jobs(const struct source *from, json_t **out, struct fault *f)
{
    json_t *list = NULL;
    enum rc rc = job_recent(from->store, from->catalog, &list, f);

    if (rc == RC_OK)
        *out = json_pack("{s:o}", "jobs", list);
    return rc;
}

enum rc whole_alerts(const struct source *from, json_t **out, struct fault *f)
{
    const struct inbox_search open = {
        .states = "{open,acknowledged,assigned}", .owner = -1, .device = -1, .worst_first = true
    };
    json_t *counts = NULL, *list = NULL;
    int64_t next;
    enum rc rc = inbox_summary(from->store, from->catalog, &counts, f);

    if (rc == RC_OK)
        rc = inbox_find(from->store, from->catalog, &open, 0, ALERTS_MOST, &list, &next, f);
    if (rc == RC_OK)
        *out = json_pack("{s:o, s:o}", "counts", counts, "alerts", list);
    else
        json_decref(counts);
    return rc;
}

// ---------------------------------------------------------------- reading it

static enum rc read_text(whole_read *read, const struct source *from, char **out, struct fault *f)
{
    json_auto_t *o = NULL;
    enum rc rc = read(from, &o, f);

    if (rc != RC_OK)
        return rc;
    *out = json_dumps(o, JSON_COMPACT);
    return *out ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

static bool begin_load(struct whole *w, pthread_mutex_t *lock, int64_t now)
{
    bool due;

    pthread_mutex_lock(lock);
    due = !w->text || (w->due && now >= w->due_at);
    if (due) {
        w->due = false;
        w->due_at = now + WHOLE_MS;
    }
    pthread_mutex_unlock(lock);
    return due;
}

enum rc whole_load(struct whole *w, whole_read *read, const struct source *from, struct fault *f)
{
    char *text = NULL;
    enum rc rc;

    if (!begin_load(w, from->lock, clock_mono_ms()))
        return RC_OK;
    rc = read_text(read, from, &text, f);
    pthread_mutex_lock(from->lock);
    if (rc == RC_OK) {
        free(w->text);
        w->text = text;
        w->fresh = true;
    } else {
        w->due = true;
    }
    pthread_mutex_unlock(from->lock);
    return rc;
}

// The object's members go beside the frame's own.
static struct frame *frame(const struct whole *w, const struct track *t)
{
    struct track_text text;

    if (!track_begin(t, t->seq + 1, &text))
        return NULL;
    fprintf(text.to, ",\"snapshot\":true,%.*s", (int)strlen(w->text) - 2, w->text + 1);
    return track_end(&text);
}

bool whole_tick(struct whole *w, struct track *t)
{
    if (!w->fresh)
        return false;
    w->fresh = false;
    track_publish(t, frame(w, t), true);
    return true;
}
