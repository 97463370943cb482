// SPDX-License-Identifier: Apache-2.0

#include "live/hub.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "journal/journal.h"
#include "live/board.h"
#include "live/frame.h"
#include "live/inbox.h"
#include "live/tail.h"

#define READINGS_KEPT 64
#define JOURNAL_KEPT  256
#define REASON_MAX    160

// Fragments of JSON, the newest ones; number counts all there ever were.
struct ring {
    size_t size;
    uint64_t number;
    char **texts;
};

struct watched {
    int32_t catalog; // first two: the tree's key
    char id[DEVICE_ID_LEN + 1];
    int users;
    bool filled; // by a seed or an event
    int state, lifecycle;
    char reason[REASON_MAX];
    bool online;
    int64_t last_seen, at;
    char *values;     // {"cpu.load":0.42}, or NULL
    uint64_t version; // of the last change
    struct ring readings, journal;
};

struct view {
    struct watched *device;
    uint64_t seen;              // version last sent
    uint64_t readings, journal; // ring numbers last sent
};

enum phase {
    PHASE_WAITING, // for the snapshot query
    PHASE_DUE,     // a snapshot goes out next
    PHASE_FLOWING,
};

struct topic {
    char name[8 + DEVICE_ID_LEN];
    bool one; // "device:<id>"
    enum phase phase;
    uint64_t seq, version; // of the hub when last looked
    int64_t sent_at;
    size_t count;
    struct view *views;
    struct tail *tail; // of "logs"
    uint64_t skipped;  // by the inbox, when last asked
    bool shared;       // of the board; all below, and nothing else
    enum board_topic on_board;
    struct reader reader;
};

struct hub_client {
    struct hub *hub;
    struct board *board; // once it reads one
    int32_t catalog;
    bool telemetry;
    struct hub_client *next, **self;
    size_t count, turn;
    struct topic topics[HUB_TOPICS_MAX];
};

struct hub {
    struct inbox *inbox;
    struct boards *boards;
    void *watched;
    uint64_t version;
    struct hub_client *clients;
    int tails; // among the topics of all clients
};

static int order(const void *a, const void *b)
{
    const struct watched *x = a, *y = b;

    if (x->catalog != y->catalog)
        return x->catalog < y->catalog ? -1 : 1;
    return memcmp(x->id, y->id, DEVICE_ID_LEN);
}

// ---------------------------------------------------------------- text

static void put_text(FILE *to, const char *text)
{
    json_auto_t *s = text ? json_string(text) : json_null();

    // Text of a device that is no UTF-8 never gets past ingest; be safe all the same.
    if (!s || json_dumpf(s, to, JSON_ENCODE_ANY | JSON_COMPACT) < 0)
        fprintf(to, "\"\"");
}

static void put_time(FILE *to, int64_t ms)
{
    if (ms)
        fprintf(to, "%" PRId64, ms);
    else
        fprintf(to, "null");
}

static void put_values(FILE *to, size_t count, const char *const *names, const double *values)
{
    fprintf(to, "{");
    for (size_t i = 0; i < count; i++) {
        if (i)
            fprintf(to, ",");
        put_text(to, names[i]);
        fprintf(to, ":%.15g", values[i]);
    }
    fprintf(to, "}");
}

static char *values_text(size_t count, const char *const *names, const double *values)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    put_values(to, count, names, values);
    (void)fclose(to);
    return text;
}

static char *reading_text(const struct bus_event *e)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    fprintf(to, "{\"t\":%" PRId64 ",\"m\":", e->at);
    put_values(to, e->count, e->names, e->values);
    fprintf(to, "}");
    (void)fclose(to);
    return text;
}

static char *journal_text(const struct bus_event *e)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    fprintf(to, "{\"t\":%" PRId64 ",\"event\":%s,\"level\":\"%s\",\"name\":", e->at,
            e->name ? "true" : "false", journal_level_name((enum journal_level)e->level));
    put_text(to, e->name);
    fprintf(to, ",\"source\":");
    put_text(to, e->source);
    fprintf(to, ",\"text\":");
    put_text(to, e->text);
    fprintf(to, ",\"fields\":%s}", e->fields ? e->fields : "null");
    (void)fclose(to);
    return text;
}

static void put_device(FILE *to, const struct watched *w, bool telemetry)
{
    fprintf(to, "{\"id\":\"%s\",\"state\":\"%s\",\"stateReason\":", w->id,
            device_state_name((enum device_state)w->state));
    put_text(to, *w->reason ? w->reason : NULL);
    fprintf(to, ",\"online\":%s,\"lastSeen\":", w->online ? "true" : "false");
    put_time(to, w->last_seen);
    if (telemetry) {
        fprintf(to, ",\"t\":");
        put_time(to, w->at);
        fprintf(to, ",\"m\":%s", w->values ? w->values : "{}");
    }
    fprintf(to, "}");
}

// ---------------------------------------------------------------- rings

static void ring_push(struct ring *r, char *owned)
{
    size_t slot = (size_t)(r->number % r->size);

    if (!r->texts)
        r->texts = calloc(r->size, sizeof *r->texts);
    if (!r->texts || !owned) {
        free(owned);
        return;
    }
    free(r->texts[slot]);
    r->texts[slot] = owned;
    r->number++;
}

static void ring_done(struct ring *r)
{
    for (size_t i = 0; r->texts && i < r->size; i++)
        free(r->texts[i]);
    free(r->texts);
}

// Writes ,"name":[…] with what came after seen, if anything did.
static void put_ring(FILE *to, const char *name, const struct ring *r, uint64_t *seen)
{
    uint64_t from =
        r->number > r->size && *seen < r->number - r->size ? r->number - r->size : *seen;

    if (from == r->number)
        return;
    fprintf(to, ",\"%s\":[", name);
    for (uint64_t n = from; n < r->number; n++)
        fprintf(to, "%s%s", n > from ? "," : "", r->texts[n % r->size]);
    fprintf(to, "]");
    *seen = r->number;
}

// ---------------------------------------------------------------- watched devices

static struct watched *find(struct hub *h, int32_t catalog, const char *id)
{
    struct watched key = { .catalog = catalog }, **found;

    strncpy(key.id, id, DEVICE_ID_LEN);
    found = tfind(&key, &h->watched, order);
    return found ? *found : NULL;
}

static struct watched *watch(struct hub *h, int32_t catalog, const char *id)
{
    struct watched *w = find(h, catalog, id);

    if (!w) {
        w = calloc(1, sizeof *w);
        if (!w)
            return NULL;
        w->catalog = catalog;
        strncpy(w->id, id, DEVICE_ID_LEN);
        w->readings.size = READINGS_KEPT;
        w->journal.size = JOURNAL_KEPT;
        if (!tsearch(w, &h->watched, order)) {
            free(w);
            return NULL;
        }
        if (h->inbox)
            inbox_watch(h->inbox, catalog, id);
    }
    w->users++;
    return w;
}

static void watched_free(void *p)
{
    struct watched *w = p;

    free(w->values);
    ring_done(&w->readings);
    ring_done(&w->journal);
    free(w);
}

static void unwatch(struct hub *h, struct watched *w)
{
    if (--w->users > 0)
        return;
    tdelete(w, &h->watched, order);
    if (h->inbox)
        inbox_unwatch(h->inbox, w->catalog, w->id);
    watched_free(w);
}

// ---------------------------------------------------------------- clients and topics

struct hub *hub_new(struct inbox *inbox, struct boards *boards)
{
    struct hub *h = calloc(1, sizeof *h);

    if (h) {
        h->inbox = inbox;
        h->boards = boards;
    }
    return h;
}

void hub_free(struct hub *h)
{
    if (!h)
        return;
    while (h->clients)
        hub_leave(h->clients);
    free(h);
}

struct hub_client *hub_join(struct hub *h, int32_t catalog, bool may_see_telemetry)
{
    struct hub_client *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->hub = h;
    c->catalog = catalog;
    c->telemetry = may_see_telemetry;
    c->next = h->clients;
    c->self = &h->clients;
    if (c->next)
        c->next->self = &c->next;
    h->clients = c;
    return c;
}

static void topic_done(struct hub *h, int32_t catalog, struct topic *t)
{
    for (size_t i = 0; i < t->count; i++)
        unwatch(h, t->views[i].device);
    free(t->views);
    if (t->tail && h->inbox)
        inbox_unwatch_logs(h->inbox, catalog);
    h->tails -= t->tail != NULL;
    tail_free(t->tail);
    *t = (struct topic){ 0 };
}

void hub_leave(struct hub_client *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++)
        topic_done(c->hub, c->catalog, &c->topics[i]);
    board_leave(c->board, clock_mono_ms());
    *c->self = c->next;
    if (c->next)
        c->next->self = c->self;
    free(c);
}

static struct topic *topic_of(struct hub_client *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (!strcmp(c->topics[i].name, name))
            return &c->topics[i];
    return NULL;
}

static enum rc add_views(struct hub_client *c, struct topic *t, const char *const *ids,
                         size_t count, struct fault *f)
{
    t->views = calloc(count ? count : 1, sizeof *t->views);
    if (!t->views)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        struct watched *w;

        if (!device_id_valid(ids[i]))
            return fail(f, RC_INVALID, "a device id is %d hex digits", DEVICE_ID_LEN);
        w = watch(c->hub, c->catalog, ids[i]);
        if (!w)
            return fail(f, RC_INTERNAL, "out of memory");
        t->views[t->count++].device = w;
    }
    return RC_OK;
}

bool hub_is_shared(const char *topic)
{
    return board_topic_find(topic, true) >= 0;
}

static enum rc check_topic(const struct hub_client *c, const char *topic, size_t count,
                           struct fault *f)
{
    bool one = !strncmp(topic, "device:", 7);

    if (!one && strcmp(topic, "devices") != 0 && !(c->hub->boards && hub_is_shared(topic)))
        return fail(f, RC_INVALID,
                    "there is no topic '%.60s'; there are fleet, census, devices, device:<id>, "
                    "logs, events, intake, jobs and alerts",
                    topic);
    if (one && !device_id_valid(topic + 7))
        return fail(f, RC_INVALID, "a device id is %d hex digits", DEVICE_ID_LEN);
    if (count > HUB_WINDOW_MAX)
        return fail(f, RC_LIMIT, "at most %d devices in a subscription", HUB_WINDOW_MAX);
    return RC_OK;
}

static enum rc add_shared(struct hub_client *c, struct topic *t, struct fault *f)
{
    t->shared = true;
    t->on_board = (enum board_topic)board_topic_find(t->name, c->telemetry);
    if (!c->board)
        c->board = board_join(c->hub->boards, c->catalog);
    return c->board ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

static void put_topic(struct hub_client *c, struct topic *old, const struct topic *t)
{
    if (old)
        topic_done(c->hub, c->catalog, old);
    else
        old = &c->topics[c->count++];
    *old = *t;
}

enum rc hub_subscribe(struct hub_client *c, const char *topic, const char *const *ids, size_t count,
                      struct fault *f)
{
    struct topic t = { .one = !strncmp(topic, "device:", 7) }, *old = topic_of(c, topic);
    const char *id = topic + 7;
    enum rc rc = check_topic(c, topic, count, f);

    if (rc == RC_OK && !old && c->count == HUB_TOPICS_MAX)
        rc = fail(f, RC_LIMIT, "at most %d topics a socket", HUB_TOPICS_MAX);
    if (rc != RC_OK)
        return rc;
    snprintf(t.name, sizeof t.name, "%s", topic);
    // The new one first, so that devices in both stay watched and keep what is known of them.
    rc = hub_is_shared(topic) ? add_shared(c, &t, f)
         : t.one              ? add_views(c, &t, &id, 1, f)
                              : add_views(c, &t, ids, count, f);
    if (rc != RC_OK) {
        topic_done(c->hub, c->catalog, &t);
        return rc;
    }
    put_topic(c, old, &t);
    return RC_OK;
}

enum rc hub_subscribe_logs(struct hub_client *c, const struct tail_filter *filter, struct fault *f)
{
    struct topic t = { .name = "logs", .phase = PHASE_DUE }, *old = topic_of(c, t.name);

    if (!c->telemetry)
        return fail(f, RC_DENIED, "this needs the permission to see telemetry");
    if (!old && c->count == HUB_TOPICS_MAX)
        return fail(f, RC_LIMIT, "at most %d topics a socket", HUB_TOPICS_MAX);
    t.tail = tail_new(filter);
    if (!t.tail)
        return fail(f, RC_INTERNAL, "out of memory");
    c->hub->tails++;
    if (c->hub->inbox) {
        inbox_watch_logs(c->hub->inbox, c->catalog);
        t.skipped = inbox_skipped(c->hub->inbox, c->catalog);
    }
    put_topic(c, old, &t);
    return RC_OK;
}

bool hub_unsubscribe(struct hub_client *c, const char *topic)
{
    struct topic *t = topic_of(c, topic);

    if (!t)
        return false;
    topic_done(c->hub, c->catalog, t);
    *t = c->topics[--c->count];
    return true;
}

bool hub_resend(struct hub_client *c, const char *topic)
{
    struct topic *t = topic_of(c, topic);

    if (t && t->phase == PHASE_FLOWING)
        t->phase = PHASE_DUE;
    if (t)
        t->reader = (struct reader){ 0 };
    return t;
}

void hub_resend_all(struct hub *h)
{
    for (struct hub_client *c = h->clients; c; c = c->next)
        for (size_t i = 0; i < c->count; i++)
            if (!c->topics[i].shared) // a board hears all
                hub_resend(c, c->topics[i].name);
}

size_t hub_wanted(struct hub_client *c, const char *topic, const char *out[HUB_WINDOW_MAX])
{
    const struct topic *t = topic_of(c, topic);

    for (size_t i = 0; t && i < t->count; i++)
        out[i] = t->views[i].device->id;
    return t ? t->count : 0;
}

void hub_seeded(struct hub_client *c, const char *topic)
{
    struct topic *t = topic_of(c, topic);

    if (t)
        t->phase = PHASE_DUE;
}

// ---------------------------------------------------------------- what happened

static void set_state(struct watched *w, int state, const char *reason, bool online)
{
    w->state = state;
    w->online = online;
    snprintf(w->reason, sizeof w->reason, "%s", reason ? reason : "");
}

void hub_seed(struct hub *h, int32_t catalog, const struct hub_device *d)
{
    struct watched *w = find(h, catalog, d->id);

    if (!w)
        return;
    set_state(w, d->state, d->reason, d->online);
    w->lifecycle = d->lifecycle;
    if (d->last_seen > w->last_seen)
        w->last_seen = d->last_seen;
    if (d->at > w->at || !w->values) {
        free(w->values);
        w->values = d->count ? values_text(d->count, d->names, d->values) : NULL;
        w->at = d->at;
    }
    w->filled = true;
    w->version = ++h->version;
}

static void note_reading(struct watched *w, const struct bus_event *e)
{
    if (e->at >= w->at) {
        free(w->values);
        w->values = values_text(e->count, e->names, e->values);
        w->at = e->at;
    }
    if (e->at > w->last_seen)
        w->last_seen = e->at;
    ring_push(&w->readings, reading_text(e));
}

static void note_line(struct hub *h, const struct bus_event *e)
{
    for (struct hub_client *c = h->tails ? h->clients : NULL; c; c = c->next)
        for (size_t i = 0; c->catalog == e->catalog && i < c->count; i++)
            if (c->topics[i].tail)
                tail_note(c->topics[i].tail, e);
}

void hub_note(struct hub *h, const struct bus_event *e)
{
    struct watched *w = e->id ? find(h, e->catalog, e->id) : NULL;

    if (e->kind == BUS_JOURNAL)
        note_line(h, e);
    if (!w)
        return;
    switch (e->kind) {
    case BUS_READING:
        note_reading(w, e);
        break;
    case BUS_JOURNAL:
        ring_push(&w->journal, journal_text(e));
        break;
    case BUS_STATE:
        set_state(w, e->state, e->text, e->online);
        if (e->at > w->last_seen)
            w->last_seen = e->at;
        break;
    case BUS_DEVICE:
        w->lifecycle = e->lifecycle;
        break;
    case BUS_REVOKE:
    case BUS_ACCESS:
    case BUS_INTAKE:
    case BUS_JOB:
    case BUS_ARRIVAL:
    case BUS_CATALOG:
    case BUS_ALERT:
    case BUS_SIGNAL:
    case BUS_LEVELS:
    case BUS_KIND_COUNT:
        return;
    }
    w->filled = true;
    w->version = ++h->version;
}

// ---------------------------------------------------------------- frames

static void put_snapshot(FILE *to, struct hub_client *c, struct topic *t)
{
    bool first = true;

    fprintf(to, "%s", t->one ? ",\"snapshot\":" : ",\"snapshot\":[");
    for (size_t i = 0; i < t->count; i++) {
        struct view *v = &t->views[i];

        v->seen = v->device->version;
        v->readings = v->device->readings.number;
        v->journal = v->device->journal.number;
        // A device of another catalog, or none at all, was never filled and is not there.
        if (!v->device->filled)
            continue;
        if (!first)
            fprintf(to, ",");
        put_device(to, v->device, c->telemetry);
        first = false;
    }
    fprintf(to, "%s", t->one ? (first ? "null" : "") : "]");
}

static void put_changes(FILE *to, struct hub_client *c, struct topic *t)
{
    bool first = true;

    fprintf(to, ",\"changes\":[");
    for (size_t i = 0; i < t->count; i++) {
        struct view *v = &t->views[i];

        if (v->seen == v->device->version || !v->device->filled)
            continue;
        v->seen = v->device->version;
        if (!first)
            fprintf(to, ",");
        put_device(to, v->device, c->telemetry);
        first = false;
    }
    fprintf(to, "]");
}

static void put_one(FILE *to, struct hub_client *c, struct topic *t)
{
    struct view *v = t->views;

    v->seen = v->device->version;
    fprintf(to, ",\"device\":");
    put_device(to, v->device, c->telemetry);
    if (!c->telemetry)
        return;
    put_ring(to, "readings", &v->device->readings, &v->readings);
    put_ring(to, "journal", &v->device->journal, &v->journal);
}

static bool has_changes(const struct topic *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->views[i].seen != t->views[i].device->version)
            return true;
    return false;
}

static bool has_lines(const struct hub_client *c, struct topic *t)
{
    uint64_t skipped = c->hub->inbox ? inbox_skipped(c->hub->inbox, c->catalog) : 0;

    tail_leave_out(t->tail, skipped - t->skipped);
    t->skipped = skipped;
    return tail_has(t->tail);
}

static bool is_due(const struct hub_client *c, struct topic *t, int64_t now)
{
    const struct hub *h = c->hub;

    if (t->shared)
        return board_has(c->board, t->on_board, &t->reader);
    if (t->phase == PHASE_DUE)
        return true;
    if (t->tail)
        return now - t->sent_at >= HUB_FRAME_MS && has_lines(c, t);
    if (t->phase == PHASE_WAITING || t->version == h->version || now - t->sent_at < HUB_FRAME_MS)
        return false;
    if (has_changes(t))
        return true;
    t->version = h->version; // nothing of ours; no need to look again
    return false;
}

static struct frame *frame(struct hub_client *c, struct topic *t, int64_t now)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    t->seq = t->phase == PHASE_DUE ? 1 : t->seq + 1;
    t->sent_at = now;
    t->version = c->hub->version;
    fprintf(to, "{\"topic\":\"%s\",\"seq\":%" PRIu64, t->name, t->seq);
    if (t->tail && t->phase == PHASE_DUE)
        fprintf(to, ",\"snapshot\":[]");
    else if (t->tail)
        tail_put(t->tail, to);
    else if (t->phase == PHASE_DUE)
        put_snapshot(to, c, t);
    else if (t->one)
        put_one(to, c, t);
    else
        put_changes(to, c, t);
    fprintf(to, "}");
    t->phase = PHASE_FLOWING;
    (void)fclose(to);
    return frame_of(text, len, false);
}

bool hub_has_frame(struct hub_client *c, int64_t now)
{
    for (size_t i = 0; i < c->count; i++)
        if (is_due(c, &c->topics[i], now))
            return true;
    return false;
}

struct frame *hub_frame(struct hub_client *c, int64_t now)
{
    bool whole;

    for (size_t i = 0; i < c->count; i++) {
        struct topic *t = &c->topics[(c->turn + i) % c->count];

        if (!is_due(c, t, now))
            continue;
        c->turn = (c->turn + i + 1) % c->count;
        return t->shared ? board_next(c->board, t->on_board, &t->reader, &whole) : frame(c, t, now);
    }
    return NULL;
}
