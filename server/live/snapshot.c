// SPDX-License-Identifier: Apache-2.0

#include "live/snapshot.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "core/auto.h"
#include "core/token.h"
#include "live_sql.h"
#include "store/store.h"

#define WAITING_MAX 1000

struct queue {
    struct snapshot_job *first, *last;
};

struct snapshots {
    struct store *store;
    struct access *access;
    void (*done)(void *ctx);
    void *ctx;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct queue asked, answered;
    int waiting;
    bool stopping;
};

static void push(struct queue *q, struct snapshot_job *j)
{
    j->next = NULL;
    if (q->first)
        q->last->next = j;
    else
        q->first = j;
    q->last = j;
}

static struct snapshot_job *pop(struct queue *q)
{
    struct snapshot_job *j = q->first;

    if (j)
        q->first = j->next;
    return j;
}

void snapshot_free(struct snapshot_job *j)
{
    if (!j)
        return;
    rows_free(j->rows);
    free(j->ids);
    free(j);
}

// {0123…,4567…}: ids are hex digits, so nothing needs quoting.
static char *array_of(const struct snapshot_job *j)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    fprintf(to, "{");
    for (size_t i = 0; i < j->count; i++)
        fprintf(to, "%s%s", i ? "," : "", j->ids[i]);
    fprintf(to, "}");
    (void)fclose(to);
    return text;
}

static enum rc load(struct snapshots *s, struct snapshot_job *j, struct fault *f)
{
    auto_free char *ids = array_of(j);
    char catalog[12];

    if (!ids)
        return fail(f, RC_INTERNAL, "out of memory");
    snprintf(catalog, sizeof catalog, "%d", (int)j->catalog);
    return store_run(s->store, &Q_LIVE_DEVICES, (const char *[]){ catalog, ids }, &j->rows, f);
}

static void answer(struct snapshots *s, struct snapshot_job *j)
{
    struct fault f = { 0 };

    j->rc = j->recheck ? access_recheck(s->access, s->store, &j->who, &f) : load(s, j, &f);
    memcpy(j->problem, f.text, sizeof j->problem);
}

static void *work(void *arg)
{
    struct snapshots *s = arg;

    pthread_setname_np(pthread_self(), "live-snapshot");
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        struct snapshot_job *j = pop(&s->asked);

        if (!j) {
            pthread_cond_wait(&s->wake, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        answer(s, j);
        pthread_mutex_lock(&s->lock);
        push(&s->answered, j);
        s->waiting--;
        s->done(s->ctx);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum rc snapshots_start(struct store *store, struct access *a, void (*done)(void *ctx), void *ctx,
                        struct snapshots **out, struct fault *f)
{
    struct snapshots *s = calloc(1, sizeof *s);

    if (!s)
        return fail(f, RC_INTERNAL, "out of memory");
    s->store = store;
    s->access = a;
    s->done = done;
    s->ctx = ctx;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    if (pthread_create(&s->thread, NULL, work, s) != 0) {
        free(s);
        return fail(f, RC_UNAVAILABLE, "cannot start a thread");
    }
    *out = s;
    return RC_OK;
}

void snapshots_stop(struct snapshots *s)
{
    struct snapshot_job *j;

    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    while ((j = pop(&s->asked)) || (j = pop(&s->answered)))
        snapshot_free(j);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool snapshots_ask(struct snapshots *s, struct snapshot_job *owned)
{
    bool taken;

    pthread_mutex_lock(&s->lock);
    taken = s->waiting < WAITING_MAX;
    if (taken) {
        push(&s->asked, owned);
        s->waiting++;
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->lock);
    if (!taken)
        snapshot_free(owned);
    return taken;
}

struct snapshot_job *snapshots_next(struct snapshots *s)
{
    struct snapshot_job *j;

    pthread_mutex_lock(&s->lock);
    j = pop(&s->answered);
    pthread_mutex_unlock(&s->lock);
    return j;
}

// Names and values come as two JSON arrays of one length, of what ingest wrote.
static void seed_one(const struct snapshot_job *j, int row, struct hub *h)
{
    const char *names_text = rows_text(j->rows, row, "names");
    const char *values_text = rows_text(j->rows, row, "last_values");
    json_auto_t *names = names_text ? json_loads(names_text, 0, NULL) : NULL;
    json_auto_t *values = values_text ? json_loads(values_text, 0, NULL) : NULL;
    const char *name[TOKEN_METRICS_MAX];
    double value[TOKEN_METRICS_MAX];
    struct hub_device d = { .state = (int)rows_int(j->rows, row, "state"),
                            .reason = rows_text(j->rows, row, "reason"),
                            .online = rows_bool(j->rows, row, "online"),
                            .lifecycle = (int)rows_int(j->rows, row, "lifecycle"),
                            .last_seen = rows_int(j->rows, row, "last_seen"),
                            .at = rows_int(j->rows, row, "last_at"),
                            .names = name,
                            .values = value };

    snprintf(d.id, sizeof d.id, "%s", rows_text(j->rows, row, "id"));
    for (size_t i = 0; i < json_array_size(names) && i < TOKEN_METRICS_MAX; i++) {
        name[i] = json_string_value(json_array_get(names, i));
        value[i] = json_number_value(json_array_get(values, i));
        d.count = i + 1;
    }
    hub_seed(h, j->catalog, &d);
}

void snapshot_seed(const struct snapshot_job *j, struct hub *h)
{
    for (int row = 0; j->rows && row < rows_count(j->rows); row++)
        seed_one(j, row, h);
}
