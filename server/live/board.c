// SPDX-License-Identifier: Apache-2.0

#include "live/board.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "live/board_own.h"
#include "live/hub.h"
#include "live/seats.h"

static const char *const names[BOARD_TOPICS] = {
    [BOARD_FLEET] = "fleet",   [BOARD_CENSUS] = "census", [BOARD_NEWS] = "events",
    [BOARD_PLAIN] = "events",  [BOARD_INTAKE] = "intake", [BOARD_JOBS] = "jobs",
    [BOARD_ALERTS] = "alerts",
};

const char *board_topic_name(enum board_topic t)
{
    return names[t];
}

int board_topic_find(const char *name, bool may_see_telemetry)
{
    for (int t = 0; t < BOARD_TOPICS; t++)
        if (!strcmp(name, names[t]))
            return t == BOARD_NEWS && !may_see_telemetry ? BOARD_PLAIN : t;
    return -1;
}

// ---------------------------------------------------------------- all boards

struct boards *boards_new(void (*stir)(void *ctx), void *ctx)
{
    struct boards *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->stir = stir;
    b->ctx = ctx;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, NULL);
    return b;
}

// Under the lock, or alone.
static void drop_all(struct board *b)
{
    for (size_t i = 0; i < BOARD_TOPICS; i++)
        track_clear(&b->tracks[i]);
    picture_drop(&b->picture);
    news_drop(&b->news);
    whole_drop(&b->jobs);
    whole_drop(&b->alerts);
    b->began = false;
}

static void forget(struct board *b)
{
    pthread_mutex_lock(&b->lock);
    drop_all(b);
    pthread_mutex_unlock(&b->lock);
}

static void board_free(struct board *b)
{
    drop_all(b);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void boards_free(struct boards *b)
{
    struct board *at = b ? atomic_load(&b->first) : NULL;

    while (at) {
        struct board *next = at->next;

        board_free(at);
        at = next;
    }
    if (b) {
        pthread_cond_destroy(&b->wake);
        pthread_mutex_destroy(&b->lock);
    }
    free(b);
}

void boards_wake(struct boards *b)
{
    pthread_mutex_lock(&b->lock);
    b->woken = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

// Boards are only ever added, at the front, so that who publishes needs no lock to find one.
static struct board *find(struct boards *b, int32_t catalog)
{
    struct board *at = atomic_load_explicit(&b->first, memory_order_acquire);

    while (at && at->catalog != catalog)
        at = at->next;
    return at;
}

static struct board *add(struct boards *all, int32_t catalog)
{
    struct board *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->all = all;
    b->catalog = catalog;
    pthread_mutex_init(&b->lock, NULL);
    for (size_t i = 0; i < BOARD_TOPICS; i++)
        track_init(&b->tracks[i], names[i]);
    b->next = atomic_load(&all->first);
    atomic_store_explicit(&all->first, b, memory_order_release);
    return b;
}

struct board *board_join(struct boards *all, int32_t catalog)
{
    struct board *b = find(all, catalog);

    if (!b)
        b = add(all, catalog);
    if (!b)
        return NULL;
    b->users++;
    if (!atomic_load(&b->watched)) {
        forget(b); // it heard nothing meanwhile
        atomic_store(&b->watched, true);
        intake_begin(&b->intake);
        boards_wake(all);
    }
    return b;
}

void board_leave(struct board *b, int64_t now)
{
    if (b && --b->users == 0)
        b->left_at = now;
}

// ---------------------------------------------------------------- what happened

static void take(struct board *b, const struct bus_event *e, int64_t now)
{
    switch (e->kind) {
    case BUS_STATE:
        if (picture_state(&b->picture, e, now))
            news_state(&b->news, e);
        break;
    case BUS_DEVICE:
        if (e->id)
            news_device(&b->news, e, seats_lifecycle(b->picture.seats, e->device));
        picture_device(&b->picture, e, now);
        break;
    case BUS_JOURNAL:
        news_journal(&b->news, e);
        break;
    case BUS_JOB:
        whole_due(&b->jobs);
        news_job(&b->news, e);
        break;
    case BUS_ALERT:
        whole_due(&b->alerts);
        news_alert(&b->news, e);
        break;
    case BUS_ARRIVAL:
        news_arrival(&b->news, e);
        break;
    case BUS_READING:
    case BUS_REVOKE:
    case BUS_ACCESS:
    case BUS_INTAKE:
    case BUS_CATALOG:
    case BUS_SIGNAL:
    case BUS_LEVELS:
    case BUS_KIND_COUNT:
        break;
    }
}

// Under the lock.
static bool has_first_news(const struct board *b)
{
    const uint32_t *news;

    return b->began && seats_news(b->picture.seats, &news) == 1;
}

void boards_take(void *boards, const struct bus_event *e)
{
    struct board *b;
    bool stirs = false;

    if (e->kind == BUS_READING || e->kind == BUS_ACCESS || e->kind == BUS_REVOKE ||
        e->kind == BUS_SIGNAL)
        return;
    b = find(boards, e->catalog);
    if (!b || !atomic_load_explicit(&b->watched, memory_order_relaxed))
        return;
    if (e->kind == BUS_INTAKE) {
        intake_take(&b->intake, e);
        return;
    }
    pthread_mutex_lock(&b->lock);
    if (b->picture.seats) { // before that, the load will find it
        take(b, e, clock_mono_ms());
        stirs = has_first_news(b);
    }
    pthread_mutex_unlock(&b->lock);
    if (stirs)
        b->all->stir(b->all->ctx);
}

// ---------------------------------------------------------------- the tick

static void begin(struct board *b)
{
    b->began = true;
    seats_news_taken(b->picture.seats); // whoever comes gets all of it
    for (size_t i = 0; i < BOARD_TOPICS; i++)
        track_restart(&b->tracks[i]);
    b->census.at = b->intake.at = 0;
}

static bool tick(struct board *b, int64_t now)
{
    struct track *t = b->tracks;
    bool made;

    if (!b->picture.loaded)
        return false;
    if (!b->began)
        begin(b);
    made = picture_tick(&b->picture, &t[BOARD_FLEET], now);
    made |= census_tick(&b->census, b->picture.seats, &t[BOARD_CENSUS], now);
    made |= news_tick(&b->news, &t[BOARD_NEWS], &t[BOARD_PLAIN], now);
    made |= intake_tick(&b->intake, &t[BOARD_INTAKE], now);
    made |= whole_tick(&b->jobs, &t[BOARD_JOBS]);
    made |= whole_tick(&b->alerts, &t[BOARD_ALERTS]);
    return made;
}

// Whether it made a frame.
static bool tick_or_rest(struct board *b, int64_t now)
{
    bool made = false;

    pthread_mutex_lock(&b->lock);
    if (b->users == 0 && now - b->left_at > BOARD_LINGER_MS) {
        atomic_store(&b->watched, false);
        drop_all(b);
    } else {
        made = tick(b, now);
    }
    pthread_mutex_unlock(&b->lock);
    return made;
}

bool boards_tick(struct boards *all, int64_t now)
{
    bool made = false;

    if (now - all->ticked_at < HUB_FRAME_MS)
        return false;
    for (struct board *b = atomic_load(&all->first); b; b = b->next)
        if (atomic_load(&b->watched))
            made |= tick_or_rest(b, now);
    if (made)
        all->ticked_at = now;
    return made;
}

// ---------------------------------------------------------------- reading

// Census, intake, jobs and alerts say all in each frame; the others can say it at any time.
static bool has_whole(const struct board *b, enum board_topic topic)
{
    if (topic == BOARD_FLEET || topic == BOARD_NEWS || topic == BOARD_PLAIN)
        return b->began;
    return track_has_snapshot(&b->tracks[topic]);
}

bool board_has(const struct board *b, enum board_topic topic, const struct reader *r)
{
    const struct track *t = &b->tracks[topic];

    return track_is_behind(t, r) ? has_whole(b, topic) : track_has_next(t, r);
}

static struct frame *make_whole(struct board *b, enum board_topic topic)
{
    const struct track *t = &b->tracks[topic];
    struct frame *f = NULL;

    if (topic == BOARD_NEWS || topic == BOARD_PLAIN)
        return news_snapshot(&b->news, t, topic == BOARD_PLAIN);
    pthread_mutex_lock(&b->lock);
    // News that no frame told yet are in the picture too, and told again: no harm.
    if (b->picture.seats)
        f = picture_frame(&b->picture, t->seq);
    pthread_mutex_unlock(&b->lock);
    return f;
}

static struct frame *snapshot(struct board *b, enum board_topic topic)
{
    struct track *t = &b->tracks[topic];

    if (!has_whole(b, topic))
        return NULL;
    if (!track_has_snapshot(t))
        track_keep(t, make_whole(b, topic));
    return frame_share(t->snapshot);
}

struct frame *board_next(struct board *b, enum board_topic topic, struct reader *r, bool *whole)
{
    struct track *t = &b->tracks[topic];
    struct frame *f;

    *whole = track_is_behind(t, r);
    if (r->next > t->seq)
        r->patient = false;
    if (*whole) {
        f = snapshot(b, topic);
        r->next = f ? t->seq + 1 : r->next;
        return f;
    }
    f = track_next(t, r);
    *whole = f && f->binary;
    return f;
}
