// SPDX-License-Identifier: Apache-2.0

#include "live/board.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/hex.h"
#include "live/board_own.h"
#include "live/hub.h"

#define SETTLE_MS   3200 // after which the database has what an event told
#define INTAKE_MS   1000
#define CHANGE_SIZE 14 // bytes of "[123456,1],", roughly

static const char *const names[BOARD_TOPICS] = {
    [BOARD_FLEET] = "fleet",  [BOARD_CENSUS] = "census", [BOARD_NEWS] = "events",
    [BOARD_PLAIN] = "events", [BOARD_INTAKE] = "intake", [BOARD_JOBS] = "jobs",
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

static void track_clear(struct track *t)
{
    for (size_t i = 0; i < BOARD_RING; i++) {
        frame_drop(t->ring[i]);
        t->ring[i] = NULL;
    }
    frame_drop(t->snapshot);
    t->snapshot = NULL;
    t->oldest = t->seq + 1;
}

static void texts_clear(struct board_text *texts, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        free(texts[i].json);
    *count = 0;
}

static void drop_seats(struct board *b)
{
    seats_free(b->seats);
    b->seats = NULL;
    b->loaded = false;
    b->load_at = 0;
    free(b->soon.devices);
    free(b->later.devices);
    b->soon = b->later = (struct lookups){ 0 };
    b->item_count = 0;
}

// Under the lock, or alone.
static void drop_all(struct board *b)
{
    for (size_t i = 0; i < BOARD_TOPICS; i++)
        track_clear(&b->tracks[i]);
    drop_seats(b);
    texts_clear(b->told, &b->told_count);
    texts_clear(b->shown, &b->shown_count);
    free(b->jobs);
    b->jobs = NULL;
    b->jobs_new = b->was_loaded = false;
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
        b->tracks[i].oldest = b->tracks[i].seq + 1;
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
        b->messages_before = atomic_load(&b->messages);
        b->refused_before = atomic_load(&b->refused);
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

static void look(struct board *b, struct lookups *l, int64_t device)
{
    if (l->count == LOOKUPS_MAX) {
        b->load_at = clock_mono_ms() + SETTLE_MS;
        return;
    }
    if (l->count == l->room) {
        size_t room = l->room ? l->room * 2 : 64;
        int64_t *devices = reallocarray(l->devices, room, sizeof *devices);

        if (!devices) {
            b->load_at = 0;
            return;
        }
        l->devices = devices;
        l->room = room;
    }
    l->devices[l->count++] = device;
}

// And once more when the database has settled.
static void look_twice(struct board *b, int64_t device, int64_t now)
{
    if (!seats_know(b->seats, device))
        look(b, &b->soon, device);
    if (b->later.count == 0)
        b->later_at = now + SETTLE_MS;
    look(b, &b->later, device);
}

static struct board_item *new_item(struct board *b, const struct bus_event *e, const char *kind)
{
    struct board_item *i = &b->items[b->item_at];

    b->item_at = (b->item_at + 1) % BOARD_EVENTS;
    b->item_count += b->item_count < BOARD_EVENTS;
    *i = (struct board_item){
        .at = e->at, .device = e->device, .kind = kind, .level = -1, .state = -1
    };
    snprintf(i->id, sizeof i->id, "%s", e->id ? e->id : "");
    snprintf(i->text, sizeof i->text, "%s", e->text ? e->text : "");
    return i;
}

static void take_state(struct board *b, const struct bus_event *e, int64_t now)
{
    if (!seats_know(b->seats, e->device))
        look_twice(b, e->device, now);
    else if (seats_set(b->seats, e->device, e->state, now))
        new_item(b, e, "state")->state = e->state;
}

static const char *device_news(int before, int lifecycle)
{
    if (before == lifecycle)
        return NULL;
    switch (lifecycle) {
    case DEVICE_REGISTERED:
        return before < 0 ? "Registered" : "Unclaimed";
    case DEVICE_CLAIMED:
        return "Claimed";
    default:
        return "Retired";
    }
}

static void take_device(struct board *b, const struct bus_event *e, int64_t now)
{
    const char *news;

    b->layout = true;
    if (!e->id) { // many of them
        b->load_at = b->loaded_at + BOARD_LAYOUT_MS;
        return;
    }
    news = device_news(seats_lifecycle(b->seats, e->device), e->lifecycle);
    if (news)
        snprintf(new_item(b, e, "device")->text, sizeof b->items->text, "%s", news);
    seats_live(b->seats, e->device, e->lifecycle, now);
    look_twice(b, e->device, now);
}

static void take_entry(struct board *b, const struct bus_event *e)
{
    struct board_item *i;

    if (!e->name) // a log line
        return;
    i = new_item(b, e, "event");
    i->journal = true;
    i->level = e->level;
    snprintf(i->text, sizeof i->text, "%s%s%s", e->name, e->text && *e->text ? ": " : "",
             e->text ? e->text : "");
}

static void take_job(struct board *b, const struct bus_event *e)
{
    b->jobs_due = true;
    if (e->text && e->name && strcmp(e->name, "running") != 0)
        snprintf(new_item(b, e, "job")->text, sizeof b->items->text, "%s: %s", e->text, e->name);
}

static void take(struct board *b, const struct bus_event *e, int64_t now)
{
    switch (e->kind) {
    case BUS_STATE:
        take_state(b, e, now);
        break;
    case BUS_DEVICE:
        take_device(b, e, now);
        break;
    case BUS_JOURNAL:
        take_entry(b, e);
        break;
    case BUS_JOB:
        take_job(b, e);
        break;
    case BUS_ARRIVAL:
        new_item(b, e, "arrival");
        break;
    case BUS_READING:
    case BUS_REVOKE:
    case BUS_ACCESS:
    case BUS_INTAKE:
    case BUS_CATALOG:
    case BUS_KIND_COUNT:
        break;
    }
}

void boards_take(void *boards, const struct bus_event *e)
{
    struct board *b;
    const uint32_t *news;
    bool stirs;

    if (e->kind == BUS_READING || e->kind == BUS_ACCESS || e->kind == BUS_REVOKE)
        return;
    b = find(boards, e->catalog);
    if (!b || !atomic_load_explicit(&b->watched, memory_order_relaxed))
        return;
    if (e->kind == BUS_INTAKE) {
        atomic_fetch_add_explicit(&b->messages, e->messages, memory_order_relaxed);
        atomic_fetch_add_explicit(&b->refused, e->refused, memory_order_relaxed);
        return;
    }
    pthread_mutex_lock(&b->lock);
    if (b->seats) // before that, the load will find it
        take(b, e, clock_mono_ms());
    stirs = b->was_loaded && b->seats && seats_news(b->seats, &news) == 1;
    pthread_mutex_unlock(&b->lock);
    if (stirs)
        b->all->stir(b->all->ctx);
}

// ---------------------------------------------------------------- frames

struct text {
    FILE *to;
    char *bytes;
    size_t len;
};

static bool begin(struct text *t, struct board *b, enum board_topic topic)
{
    t->to = open_memstream(&t->bytes, &t->len);
    if (t->to)
        fprintf(t->to, "{\"topic\":\"%s\",\"seq\":%" PRIu64, names[topic], b->tracks[topic].seq);
    return t->to;
}

static struct frame *end(struct text *t)
{
    fprintf(t->to, "}");
    (void)fclose(t->to);
    return frame_of(t->bytes, t->len, false);
}

// What was in the ring before a whole one is of no use any more.
static void publish(struct board *b, enum board_topic topic, struct frame *owned, bool whole)
{
    struct track *t = &b->tracks[topic];

    b->all->published++;
    if (whole)
        track_clear(t);
    if (whole || !owned)
        t->oldest = owned ? t->seq : t->seq + 1;
    frame_drop(t->ring[t->seq % BOARD_RING]);
    t->ring[t->seq % BOARD_RING] = owned;
    if (t->seq >= BOARD_RING && t->oldest <= t->seq - BOARD_RING)
        t->oldest = t->seq - BOARD_RING + 1;
}

static void put_u32(char *to, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(n >> (8 * i));
}

static uint32_t get_u32(const char *from)
{
    uint32_t n = 0;

    for (int i = 0; i < 4; i++)
        n |= (uint32_t)(uint8_t)from[i] << (8 * i);
    return n;
}

// Under the lock.
static struct frame *picture(const struct board *b, uint64_t seq)
{
    uint32_t count = seats_count(b->seats);
    char *bytes = malloc(8 + (size_t)count);

    if (!bytes)
        return NULL;
    put_u32(bytes, (uint32_t)seq);
    put_u32(bytes + 4, count);
    if (count)
        memcpy(bytes + 8, seats_states(b->seats), count);
    return frame_of(bytes, 8 + (size_t)count, true);
}

static struct frame *changes(struct board *b, const uint32_t *news, size_t count)
{
    const uint8_t *states = seats_states(b->seats);
    struct text t;

    if (!begin(&t, b, BOARD_FLEET))
        return NULL;
    fprintf(t.to, ",\"changes\":[");
    for (size_t i = 0; i < count; i++)
        fprintf(t.to, "%s[%" PRIu32 ",%u]", i ? "," : "", news[i], states[news[i]]);
    fprintf(t.to, "]");
    return end(&t);
}

// Where so many changed that the whole picture is shorter, that.
static void tick_fleet(struct board *b)
{
    const uint32_t *news;
    size_t count = seats_news(b->seats, &news);
    struct track *t = &b->tracks[BOARD_FLEET];
    bool whole = count * CHANGE_SIZE > 64 + (size_t)seats_count(b->seats);

    if (count == 0)
        return;
    t->seq++;
    publish(b, BOARD_FLEET, whole ? picture(b, t->seq) : changes(b, news, count), whole);
    seats_news_taken(b->seats);
}

static void tick_layout(struct board *b, int64_t now)
{
    struct text t;

    if (!b->layout || now - b->layout_at < BOARD_LAYOUT_MS)
        return;
    b->layout = false;
    b->layout_at = now;
    b->tracks[BOARD_FLEET].seq++;
    if (!begin(&t, b, BOARD_FLEET))
        return;
    fprintf(t.to, ",\"layout\":true");
    publish(b, BOARD_FLEET, end(&t), false);
}

static void tick_census(struct board *b, int64_t now)
{
    struct track *track = &b->tracks[BOARD_CENSUS];
    int64_t counts[STATE_COUNT], total = 0;
    struct text t;

    seats_census(b->seats, counts);
    if (now - b->census_at < BOARD_CENSUS_MS ||
        (track->snapshot && !memcmp(counts, b->census, sizeof counts)))
        return;
    b->census_at = now;
    memcpy(b->census, counts, sizeof counts);
    track->seq++;
    if (!begin(&t, b, BOARD_CENSUS))
        return;
    fprintf(t.to, ",\"snapshot\":true,\"counts\":{");
    for (int s = 0; s < STATE_COUNT; s++) {
        fprintf(t.to, "%s\"%s\":%" PRId64, s ? "," : "", device_state_name((enum device_state)s),
                counts[s]);
        total += counts[s];
    }
    fprintf(t.to, "},\"total\":%" PRId64 ",\"at\":%" PRId64, total, clock_now_ms());
    publish(b, BOARD_CENSUS, end(&t), true);
    track->snapshot = frame_share(track->ring[track->seq % BOARD_RING]);
    track->snapshot_seq = track->seq;
}

static void tick_intake(struct board *b, int64_t now)
{
    struct track *track = &b->tracks[BOARD_INTAKE];
    uint64_t messages = atomic_load(&b->messages), refused = atomic_load(&b->refused);
    double seconds = (double)(now - b->intake_at) / 1000;
    struct text t;

    if (now - b->intake_at < INTAKE_MS)
        return;
    track->seq++;
    if (!begin(&t, b, BOARD_INTAKE))
        return;
    if (!b->intake_at) // since when these are is not known
        seconds = 1e12;
    fprintf(t.to, ",\"snapshot\":true,\"messages\":%.0f,\"refused\":%.0f,\"at\":%" PRId64,
            (double)(messages - b->messages_before) / seconds,
            (double)(refused - b->refused_before) / seconds, clock_now_ms());
    b->intake_at = now;
    b->messages_before = messages;
    b->refused_before = refused;
    publish(b, BOARD_INTAKE, end(&t), true);
    track->snapshot = frame_share(track->ring[track->seq % BOARD_RING]);
    track->snapshot_seq = track->seq;
}

static void tick_jobs(struct board *b)
{
    struct track *track = &b->tracks[BOARD_JOBS];
    struct text t;

    if (!b->jobs_new)
        return;
    b->jobs_new = false;
    track->seq++;
    if (!begin(&t, b, BOARD_JOBS))
        return;
    fprintf(t.to, ",\"snapshot\":true,\"jobs\":%s", b->jobs);
    publish(b, BOARD_JOBS, end(&t), true);
    track->snapshot = frame_share(track->ring[track->seq % BOARD_RING]);
    track->snapshot_seq = track->seq;
}

// ---------------------------------------------------------------- events

static struct frame *list(struct board *b, enum board_topic topic, const char *member, size_t count)
{
    bool first = true;
    struct text t;

    if (!begin(&t, b, topic))
        return NULL;
    fprintf(t.to, ",\"%s\":[", member);
    for (size_t i = 0; i < count; i++) {
        if (topic == BOARD_PLAIN && b->shown[i].journal)
            continue;
        fprintf(t.to, "%s%s", first ? "" : ",", b->shown[i].json);
        first = false;
    }
    fprintf(t.to, "]");
    return end(&t);
}

// The newest of told go to the front of shown. Returns how many.
static size_t show(struct board *b)
{
    size_t count = b->told_count, kept = b->shown_count;

    if (kept + count > BOARD_EVENTS)
        kept = BOARD_EVENTS - count;
    for (size_t i = kept; i < b->shown_count; i++)
        free(b->shown[i].json);
    memmove(b->shown + count, b->shown, kept * sizeof *b->shown);
    for (size_t i = 0; i < count; i++)
        b->shown[count - 1 - i] = b->told[i];
    b->shown_count = kept + count;
    b->told_count = 0;
    return count;
}

static void tick_news(struct board *b, int64_t now)
{
    bool plain = false;
    size_t count;

    if (b->told_count == 0 || now - b->news_at < BOARD_CENSUS_MS)
        return;
    b->news_at = now;
    for (size_t i = 0; i < b->told_count; i++)
        plain |= !b->told[i].journal;
    count = show(b);
    b->tracks[BOARD_NEWS].seq++;
    publish(b, BOARD_NEWS, list(b, BOARD_NEWS, "items", count), false);
    if (!plain)
        return;
    b->tracks[BOARD_PLAIN].seq++;
    publish(b, BOARD_PLAIN, list(b, BOARD_PLAIN, "items", count), false);
}

// ---------------------------------------------------------------- the tick

static void begin_tracks(struct board *b)
{
    b->was_loaded = true;
    seats_news_taken(b->seats); // whoever comes gets all of it
    for (size_t i = 0; i < BOARD_TOPICS; i++) {
        struct track *t = &b->tracks[i];

        t->seq++;
        track_clear(t);
    }
    b->census_at = b->intake_at = 0;
}

static void tick(struct board *b, int64_t now)
{
    if (b->loaded && !b->was_loaded)
        begin_tracks(b);
    if (!b->loaded)
        return;
    tick_fleet(b);
    tick_layout(b, now);
    tick_census(b, now);
    tick_news(b, now);
    tick_intake(b, now);
    tick_jobs(b);
}

bool boards_tick(struct boards *all, int64_t now)
{
    uint64_t before = all->published;

    if (now - all->ticked_at < HUB_FRAME_MS)
        return false;
    for (struct board *b = atomic_load(&all->first); b; b = b->next) {
        if (!atomic_load(&b->watched))
            continue;
        pthread_mutex_lock(&b->lock);
        if (b->users == 0 && now - b->left_at > BOARD_LINGER_MS) {
            atomic_store(&b->watched, false);
            drop_all(b);
        } else {
            tick(b, now);
        }
        pthread_mutex_unlock(&b->lock);
    }
    if (all->published != before)
        all->ticked_at = now;
    return all->published != before;
}

// ---------------------------------------------------------------- reading

static bool is_behind(const struct track *t, const struct reader *r)
{
    return r->next == 0 || r->next < t->oldest || r->next > t->seq + 1 ||
           (!r->patient && t->seq + 1 - r->next > BOARD_LAG);
}

static bool has_whole(const struct board *b, enum board_topic t)
{
    switch (t) {
    case BOARD_FLEET:
    case BOARD_NEWS:
    case BOARD_PLAIN:
        return b->was_loaded;
    case BOARD_CENSUS:
    case BOARD_INTAKE:
    case BOARD_JOBS:
    case BOARD_TOPICS:
        break;
    }
    return b->tracks[t].snapshot != NULL;
}

bool board_has(const struct board *b, enum board_topic topic, const struct reader *r)
{
    const struct track *t = &b->tracks[topic];

    return is_behind(t, r) ? has_whole(b, topic) : r->next <= t->seq;
}

static struct frame *make_whole(struct board *b, enum board_topic topic)
{
    struct frame *f = NULL;

    if (topic == BOARD_NEWS || topic == BOARD_PLAIN)
        return list(b, topic, "snapshot", b->shown_count);
    pthread_mutex_lock(&b->lock);
    // News that no frame told yet are in the picture too, and told again: no harm.
    if (b->seats)
        f = picture(b, b->tracks[topic].seq);
    pthread_mutex_unlock(&b->lock);
    return f;
}

static struct frame *snapshot(struct board *b, enum board_topic topic)
{
    struct track *t = &b->tracks[topic];

    if (!has_whole(b, topic))
        return NULL;
    if (!t->snapshot || t->snapshot_seq != t->seq) {
        frame_drop(t->snapshot);
        t->snapshot = make_whole(b, topic);
        t->snapshot_seq = t->seq;
    }
    return frame_share(t->snapshot);
}

struct frame *board_next(struct board *b, enum board_topic topic, struct reader *r, bool *whole)
{
    struct track *t = &b->tracks[topic];
    struct frame *f;

    *whole = is_behind(t, r);
    if (r->next > t->seq)
        r->patient = false;
    if (*whole) {
        f = snapshot(b, topic);
        r->next = f ? t->seq + 1 : r->next;
        return f;
    }
    if (r->next > t->seq)
        return NULL;
    f = frame_share(t->ring[r->next % BOARD_RING]);
    r->next++;
    *whole = f && f->binary;
    return f;
}

const struct frame *board_text(struct frame *f)
{
    uint32_t count;
    char *text;
    size_t room;
    int n;

    if (!f->binary || f->text)
        return f->binary ? f->text : f;
    count = (uint32_t)(f->len - 8);
    room = 120 + BASE64_SIZE(count);
    text = malloc(room);
    if (!text)
        return NULL;
    n = snprintf(text, room,
                 "{\"topic\":\"fleet\",\"seq\":%" PRIu32 ",\"count\":%" PRIu32 ",\"states\":\"",
                 get_u32(f->bytes), count);
    n += (int)base64_encode((const uint8_t *)f->bytes + 8, count, text + n);
    n += snprintf(text + n, room - (size_t)n, "\"}");
    f->text = frame_of(text, (size_t)n, false);
    return f->text;
}
