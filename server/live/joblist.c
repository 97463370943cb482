// SPDX-License-Identifier: Apache-2.0

#include "live/joblist.h"

#include <stdlib.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "live/source.h"
#include "live/track.h"
#include "live_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define JOBS_MS 250 // between two loads

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

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

static json_t *job_of(const struct rows *r, int i)
{
    json_t *o = json_object();

    add_id(o, "id", rows_int(r, i, "id"));
    add_text(o, "kind", rows_text(r, i, "kind"));
    add_text(o, "state", rows_text(r, i, "state"));
    add_text(o, "title", rows_text(r, i, "title"));
    add_int(o, "total", rows_int(r, i, "total"));
    add_int(o, "done", rows_int(r, i, "done"));
    add_int(o, "changed", rows_int(r, i, "changed"));
    add_int(o, "unchanged", rows_int(r, i, "unchanged"));
    add_int(o, "refused", rows_int(r, i, "refused"));
    add_text(o, "failure", rows_text(r, i, "failure"));
    add_text(o, "actor", rows_text(r, i, "actor"));
    add_time(o, "createdAt", rows_int(r, i, "created_at"));
    add_time(o, "updatedAt", rows_int(r, i, "updated_at"));
    return o;
}

static enum rc read_list(const struct source *from, char **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    json_auto_t *list = json_array();
    enum rc rc =
        store_run(from->store, &Q_LIVE_JOBS, (const char *[]){ ARG_INT(from->catalog) }, &rows, f);

    if (rc != RC_OK)
        return rc;
    for (int i = 0; i < rows_count(rows); i++)
        json_array_append_new(list, job_of(rows, i));
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
