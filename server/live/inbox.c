// SPDX-License-Identifier: Apache-2.0

#include "live/inbox.h"

#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "device/device.h"

#define QUEUE_MAX 20000
#define LOGS      "logs" // stands for a device's id, which it cannot be

// What is watched: the tree's entries.
struct watch {
    int32_t catalog;
    char id[DEVICE_ID_LEN + 1];
    int count;
    uint64_t skipped;
};

// An event and all it points to, in one allocation.
struct letter {
    struct bus_event event; // first: handed out as the whole
    struct letter *next;
};

struct inbox {
    void (*wake)(void *ctx);
    void *ctx;
    pthread_mutex_t lock;
    atomic_int watched;
    void *watches;
    struct letter *first, *last;
    int queued;
    bool lost;
};

static int order(const void *a, const void *b)
{
    const struct watch *x = a, *y = b;

    if (x->catalog != y->catalog)
        return x->catalog < y->catalog ? -1 : 1;
    return memcmp(x->id, y->id, DEVICE_ID_LEN);
}

struct inbox *inbox_new(void (*wake)(void *ctx), void *ctx)
{
    struct inbox *i = calloc(1, sizeof *i);

    if (!i)
        return NULL;
    pthread_mutex_init(&i->lock, NULL);
    i->wake = wake;
    i->ctx = ctx;
    return i;
}

void inbox_free(struct inbox *i)
{
    bool lost;
    struct bus_event *e;

    if (!i)
        return;
    while ((e = inbox_next(i, &lost)))
        inbox_release(e);
    tdestroy(i->watches, free);
    pthread_mutex_destroy(&i->lock);
    free(i);
}

static struct watch key_of(int32_t catalog, const char *id)
{
    struct watch w = { .catalog = catalog };

    strncpy(w.id, id, DEVICE_ID_LEN);
    return w;
}

static struct watch *watch_of(struct inbox *i, int32_t catalog, const char *id)
{
    struct watch key = key_of(catalog, id), **found = tfind(&key, &i->watches, order);

    return found ? *found : NULL;
}

void inbox_watch(struct inbox *i, int32_t catalog, const char *id)
{
    struct watch key = key_of(catalog, id), *made = NULL;
    struct watch **found;

    pthread_mutex_lock(&i->lock);
    found = tfind(&key, &i->watches, order);
    if (found) {
        (*found)->count++;
    } else {
        made = malloc(sizeof *made);
        if (made) {
            *made = key;
            made->count = 1;
            if (tsearch(made, &i->watches, order))
                atomic_fetch_add(&i->watched, 1);
            else
                free(made);
        }
    }
    pthread_mutex_unlock(&i->lock);
}

void inbox_unwatch(struct inbox *i, int32_t catalog, const char *id)
{
    struct watch *w;

    pthread_mutex_lock(&i->lock);
    w = watch_of(i, catalog, id);
    if (w && --w->count == 0) {
        tdelete(w, &i->watches, order);
        atomic_fetch_sub(&i->watched, 1);
        free(w);
    }
    pthread_mutex_unlock(&i->lock);
}

void inbox_watch_logs(struct inbox *i, int32_t catalog)
{
    inbox_watch(i, catalog, LOGS);
}

void inbox_unwatch_logs(struct inbox *i, int32_t catalog)
{
    inbox_unwatch(i, catalog, LOGS);
}

uint64_t inbox_skipped(struct inbox *i, int32_t catalog)
{
    const struct watch *w;
    uint64_t n;

    pthread_mutex_lock(&i->lock);
    w = watch_of(i, catalog, LOGS);
    n = w ? w->skipped : 0;
    pthread_mutex_unlock(&i->lock);
    return n;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *pack(char **at, const char *text)
{
    size_t len = text_size(text);
    char *to = *at;

    if (!len)
        return NULL;
    memcpy(to, text, len);
    *at += len;
    return to;
}

static struct letter *copy(const struct bus_event *e)
{
    size_t size = sizeof(struct letter) + e->count * (sizeof(double) + sizeof(char *)) +
                  text_size(e->id) + text_size(e->name) + text_size(e->source) +
                  text_size(e->text) + text_size(e->fields);
    struct letter *l;
    const char **names;
    double *values;
    char *at;

    for (size_t i = 0; i < e->count; i++)
        size += text_size(e->names[i]);
    l = malloc(size);
    if (!l)
        return NULL;
    l->event = *e;
    l->next = NULL;
    values = (double *)(void *)(l + 1);
    names = (const char **)(void *)(values + e->count);
    at = (char *)(names + e->count);
    for (size_t i = 0; i < e->count; i++) {
        values[i] = e->values[i];
        names[i] = pack(&at, e->names[i]);
    }
    l->event.values = values;
    l->event.names = names;
    l->event.id = pack(&at, e->id);
    l->event.name = pack(&at, e->name);
    l->event.source = pack(&at, e->source);
    l->event.text = pack(&at, e->text);
    l->event.fields = pack(&at, e->fields);
    return l;
}

// Under the lock.
static void drop_oldest(struct inbox *i)
{
    struct letter *l = i->first;

    i->first = l->next;
    i->queued--;
    i->lost = true;
    free(l);
}

static void append(struct inbox *i, struct letter *l)
{
    if (i->queued == QUEUE_MAX)
        drop_oldest(i);
    if (i->first)
        i->last->next = l;
    else
        i->first = l;
    i->last = l;
    i->queued++;
}

// Rights concern every socket; all else is for those who look at the device, or read the log.
static bool wanted(struct inbox *i, const struct bus_event *e)
{
    struct watch *logs;

    if (e->kind == BUS_ACCESS)
        return true;
    if (!e->id || e->kind == BUS_SIGNAL)
        return false;
    if (watch_of(i, e->catalog, e->id))
        return true;
    logs = e->kind == BUS_JOURNAL ? watch_of(i, e->catalog, LOGS) : NULL;
    if (logs && i->queued >= QUEUE_MAX / 2) {
        logs->skipped++;
        return false;
    }
    return logs;
}

void inbox_take(void *inbox, const struct bus_event *e)
{
    struct inbox *i = inbox;
    struct letter *l = NULL;
    bool was_empty = false;

    if (e->kind != BUS_ACCESS && atomic_load(&i->watched) == 0)
        return;
    pthread_mutex_lock(&i->lock);
    if (wanted(i, e)) {
        l = copy(e);
        was_empty = !i->first;
        if (l)
            append(i, l);
        else
            i->lost = true;
    }
    pthread_mutex_unlock(&i->lock);
    if (l && was_empty)
        i->wake(i->ctx);
}

struct bus_event *inbox_next(struct inbox *i, bool *lost)
{
    struct letter *l;

    pthread_mutex_lock(&i->lock);
    l = i->first;
    if (l) {
        i->first = l->next;
        i->queued--;
    }
    *lost = i->lost;
    i->lost = false;
    pthread_mutex_unlock(&i->lock);
    return l ? &l->event : NULL;
}

void inbox_release(struct bus_event *e)
{
    free(e);
}
