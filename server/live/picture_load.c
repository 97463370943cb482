// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>

#include "core/auto.h"
#include "core/clock.h"
#include "live/picture.h"
#include "live/seats.h"
#include "live/source.h"
#include "live_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define PAGE      20000
#define RELOAD_MS 120000
#define RETRY_MS  2000
#define SEATS_MS  5000

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static bool put_rows(struct picture *p, const struct rows *rows, int64_t since)
{
    bool good = true;

    for (int i = 0; i < rows_count(rows) && good; i++) {
        const struct seat_row row = { .device = rows_int(rows, i, "device"),
                                      .seat = (uint32_t)rows_int(rows, i, "seat"),
                                      .lifecycle = (int)rows_int(rows, i, "lifecycle"),
                                      .state = (int)rows_int(rows, i, "state") };

        good = seats_load(p->seats, &row, since);
    }
    return good;
}

// ---------------------------------------------------------------- all

static bool all_is_due(struct picture *p, pthread_mutex_t *lock, int64_t now)
{
    bool due;

    pthread_mutex_lock(lock);
    due = now >= p->load_at;
    pthread_mutex_unlock(lock);
    return due;
}

static bool begin_load(struct picture *p, pthread_mutex_t *lock, int64_t now)
{
    bool good;

    pthread_mutex_lock(lock);
    if (!p->seats)
        p->seats = seats_new();
    good = p->seats != NULL;
    if (good)
        seats_load_begin(p->seats);
    p->loaded_at = now;
    // The states of the last second are on their way into the database.
    p->load_at = now + (p->loaded ? RELOAD_MS : RETRY_MS * 2);
    pthread_mutex_unlock(lock);
    return good;
}

static void end_load(struct picture *p, pthread_mutex_t *lock, bool good)
{
    pthread_mutex_lock(lock);
    if (good && p->seats) {
        seats_load_end(p->seats);
        p->loaded = true;
    } else {
        p->load_at = clock_mono_ms() + RETRY_MS;
    }
    pthread_mutex_unlock(lock);
}

// One page under one lock; the last device read is *after.
static enum rc load_page(struct picture *p, const struct source *from, int64_t since,
                         int64_t *after, int *count, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    bool good;
    enum rc rc;

    rc = store_run(from->store, &Q_LIVE_SEATS,
                   (const char *[]){ ARG_INT(from->catalog), ARG_INT(*after), ARG_INT(PAGE) },
                   &rows, f);
    if (rc != RC_OK)
        return rc;
    *count = rows_count(rows);
    if (*count > 0)
        *after = rows_int(rows, *count - 1, "device");
    pthread_mutex_lock(from->lock);
    good = p->seats && put_rows(p, rows, since);
    pthread_mutex_unlock(from->lock);
    return good ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

static enum rc load_all(struct picture *p, const struct source *from, int64_t now, struct fault *f)
{
    int64_t after = -1;
    int count = PAGE;
    enum rc rc = RC_OK;

    if (!begin_load(p, from->lock, now))
        return fail(f, RC_INTERNAL, "out of memory");
    while (rc == RC_OK && count == PAGE)
        rc = load_page(p, from, now, &after, &count, f);
    end_load(p, from->lock, rc == RC_OK);
    return rc;
}

// Devices that came without a word: seeded beside the server, or by another one.
static enum rc look_for_more(struct picture *p, const struct source *from, int64_t now,
                             struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int64_t seat;
    enum rc rc;

    if (now - p->looked_at < SEATS_MS)
        return RC_OK;
    p->looked_at = now;
    rc = store_run(from->store, &Q_LIVE_NEXT_SEAT, (const char *[]){ ARG_INT(from->catalog) },
                   &rows, f);
    if (rc != RC_OK || rows_count(rows) == 0)
        return rc;
    seat = rows_int(rows, 0, "next_seat");
    pthread_mutex_lock(from->lock);
    if (p->next_seat && seat > p->next_seat && p->seats && seats_count(p->seats) < seat) {
        p->load_at = 0;
        p->layout = true;
    }
    p->next_seat = seat;
    pthread_mutex_unlock(from->lock);
    return RC_OK;
}

// ---------------------------------------------------------------- some

static struct lookups due_lookups(struct picture *p, pthread_mutex_t *lock, int64_t now)
{
    struct lookups due = { 0 };

    pthread_mutex_lock(lock);
    if (p->soon.count) {
        due = p->soon;
        p->soon = (struct lookups){ 0 };
    } else if (p->later.count && now >= p->later_at) {
        due = p->later;
        p->later = (struct lookups){ 0 };
    }
    pthread_mutex_unlock(lock);
    return due;
}

static enum rc load_some(struct picture *p, const struct source *from, int64_t now, struct fault *f)
{
    struct lookups due = due_lookups(p, from->lock, now);
    auto_free int64_t *devices = due.devices;
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc;

    if (due.count == 0)
        return RC_OK;
    rc = source_of_devices(from, &Q_LIVE_SEATS_OF, devices, due.count, &rows, f);
    pthread_mutex_lock(from->lock);
    if (p->seats && (rc != RC_OK || !put_rows(p, rows, now)))
        p->load_at = now + RETRY_MS;
    pthread_mutex_unlock(from->lock);
    return rc;
}

enum rc picture_load(struct picture *p, const struct source *from, struct fault *f)
{
    int64_t now = clock_mono_ms();
    enum rc rc =
        all_is_due(p, from->lock, now) ? load_all(p, from, now, f) : load_some(p, from, now, f);

    return rc == RC_OK ? look_for_more(p, from, clock_mono_ms(), f) : rc;
}
