// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "live/news.h"
#include "live/source.h"
#include "live_sql.h"
#include "store/arg.h"
#include "store/store.h"
#include "window/arrival.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// ---------------------------------------------------------------- before anybody looked

static void tell_row(struct news *n, const struct rows *rows, int i)
{
    struct news_item item = { .at = rows_int(rows, i, "at"),
                              .kind = rows_text(rows, i, "kind"),
                              .level = -1,
                              .state = (int)rows_int(rows, i, "state") };

    snprintf(item.id, sizeof item.id, "%s", rows_text(rows, i, "id"));
    snprintf(item.text, sizeof item.text, strcmp(item.kind, "arrival") ? "%s" : ARRIVAL_TEXT,
             rows_text(rows, i, "text"));
    news_tell(n, &item, rows_text(rows, i, "name"));
}

static bool is_new(const struct news *n, pthread_mutex_t *lock)
{
    bool is;

    pthread_mutex_lock(lock);
    is = !n->began;
    pthread_mutex_unlock(lock);
    return is;
}

static enum rc load_recent(struct news *n, const struct source *from, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(from->store, &Q_LIVE_RECENT, (const char *[]){ ARG_INT(from->catalog) },
                           &rows, f);

    if (rc != RC_OK)
        return rc;
    pthread_mutex_lock(from->lock);
    for (int i = rows_count(rows) - 1; i >= 0; i--)
        tell_row(n, rows, i);
    n->began = true;
    pthread_mutex_unlock(from->lock);
    return RC_OK;
}

// ---------------------------------------------------------------- names

static const char *name_in(const struct rows *rows, int64_t device)
{
    for (int i = 0; rows && i < rows_count(rows); i++)
        if (rows_int(rows, i, "device") == device)
            return rows_text(rows, i, "name");
    return NULL;
}

static size_t take_heard(struct news *n, pthread_mutex_t *lock, struct news_item out[NEWS_MAX])
{
    size_t count;

    pthread_mutex_lock(lock);
    count = news_take(n, out);
    pthread_mutex_unlock(lock);
    return count;
}

static enum rc tell_heard(struct news *n, const struct source *from, struct fault *f)
{
    struct news_item items[NEWS_MAX];
    int64_t devices[NEWS_MAX];
    auto_with(rows_freep) struct rows *rows = NULL;
    size_t count = take_heard(n, from->lock, items);
    enum rc rc;

    if (count == 0)
        return RC_OK;
    for (size_t i = 0; i < count; i++)
        devices[i] = items[i].device;
    // Without the names they are still news.
    rc = source_of_devices(from, &Q_LIVE_NAMES, devices, count, &rows, f);
    pthread_mutex_lock(from->lock);
    for (size_t i = 0; i < count; i++)
        news_tell(n, &items[i], name_in(rows, items[i].device));
    pthread_mutex_unlock(from->lock);
    return rc;
}

enum rc news_load(struct news *n, const struct source *from, struct fault *f)
{
    enum rc rc = is_new(n, from->lock) ? load_recent(n, from, f) : RC_OK;

    return rc == RC_OK ? tell_heard(n, from, f) : rc;
}
