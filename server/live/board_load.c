// SPDX-License-Identifier: Apache-2.0

#include "live/board_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/log.h"
#include "journal/journal.h"
#include "live/board_own.h"
#include "live_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define PAGE      20000
#define LOOK_MS   100 // how often an awake loader looks for work
#define RELOAD_MS 120000
#define RETRY_MS  2000
#define JOBS_MS   250
#define SEATS_MS  5000

static const struct log_ctx ctx = { .area = "live" };

struct board_loader {
    struct boards *boards;
    struct store *store;
    pthread_t thread;
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

struct numbers {
    char catalog[12], after[24], limit[12];
};

// ---------------------------------------------------------------- seats

static bool put_rows(struct board *b, const struct rows *rows, int64_t since)
{
    bool good = true;

    for (int i = 0; i < rows_count(rows) && good; i++) {
        const struct seat_row row = { .device = rows_int(rows, i, "device"),
                                      .seat = (uint32_t)rows_int(rows, i, "seat"),
                                      .lifecycle = (int)rows_int(rows, i, "lifecycle"),
                                      .state = (int)rows_int(rows, i, "state") };

        good = seats_load(b->seats, &row, since);
    }
    return good;
}

// One page under one lock; the last device read is *after.
static enum rc load_page(struct board_loader *l, struct board *b, int64_t since, int64_t *after,
                         int *count, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct numbers n;
    bool good;
    enum rc rc;

    snprintf(n.catalog, sizeof n.catalog, "%d", (int)b->catalog);
    snprintf(n.after, sizeof n.after, "%" PRId64, *after);
    snprintf(n.limit, sizeof n.limit, "%d", PAGE);
    rc = store_run(l->store, &Q_LIVE_SEATS, (const char *[]){ n.catalog, n.after, n.limit }, &rows,
                   f);
    if (rc != RC_OK)
        return rc;
    *count = rows_count(rows);
    if (*count > 0)
        *after = rows_int(rows, *count - 1, "device");
    pthread_mutex_lock(&b->lock);
    good = b->seats && put_rows(b, rows, since);
    pthread_mutex_unlock(&b->lock);
    return good ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

static bool load_begins(struct board *b, int64_t now)
{
    bool good;

    pthread_mutex_lock(&b->lock);
    if (!b->seats)
        b->seats = seats_new();
    good = b->seats != NULL;
    if (good)
        seats_load_begin(b->seats);
    b->loaded_at = now;
    // The states of the last second are on their way into the database.
    b->load_at = now + (b->loaded ? RELOAD_MS : RETRY_MS * 2);
    pthread_mutex_unlock(&b->lock);
    return good;
}

static enum rc load_all(struct board_loader *l, struct board *b, struct fault *f)
{
    int64_t now = clock_mono_ms(), after = -1;
    int count = PAGE;
    enum rc rc = RC_OK;

    if (!load_begins(b, now))
        return fail(f, RC_INTERNAL, "out of memory");
    while (rc == RC_OK && count == PAGE)
        rc = load_page(l, b, now, &after, &count, f);
    pthread_mutex_lock(&b->lock);
    if (rc == RC_OK && b->seats) {
        seats_load_end(b->seats);
        b->loaded = true;
    } else {
        b->load_at = clock_mono_ms() + RETRY_MS;
    }
    pthread_mutex_unlock(&b->lock);
    return rc;
}

// Devices that came without a word: seeded beside the server, or by another one.
static enum rc look_for_more(struct board_loader *l, struct board *b, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int64_t now = clock_mono_ms(), seat;
    char catalog[12];
    enum rc rc;

    if (now - b->looked_at < SEATS_MS)
        return RC_OK;
    b->looked_at = now;
    snprintf(catalog, sizeof catalog, "%d", (int)b->catalog);
    rc = store_run(l->store, &Q_LIVE_NEXT_SEAT, (const char *[]){ catalog }, &rows, f);
    if (rc != RC_OK || rows_count(rows) == 0)
        return rc;
    seat = rows_int(rows, 0, "next_seat");
    pthread_mutex_lock(&b->lock);
    if (b->next_seat && seat > b->next_seat && b->seats && seats_count(b->seats) < seat) {
        b->load_at = 0;
        b->layout = true;
    }
    b->next_seat = seat;
    pthread_mutex_unlock(&b->lock);
    return RC_OK;
}

static enum rc query_of(struct board_loader *l, const struct board *b, const struct query *q,
                        const int64_t *devices, size_t count, struct rows **out, struct fault *f)
{
    auto_free char *list = arg_list(devices, count);

    if (!list)
        return fail(f, RC_INTERNAL, "out of memory");
    return store_run(l->store, q, (const char *[]){ ARG_INT(b->catalog), list }, out, f);
}

static struct lookups due_lookups(struct board *b, int64_t now)
{
    struct lookups due = { 0 };

    pthread_mutex_lock(&b->lock);
    if (b->soon.count) {
        due = b->soon;
        b->soon = (struct lookups){ 0 };
    } else if (b->later.count && now >= b->later_at) {
        due = b->later;
        b->later = (struct lookups){ 0 };
    }
    pthread_mutex_unlock(&b->lock);
    return due;
}

static enum rc load_some(struct board_loader *l, struct board *b, struct fault *f)
{
    int64_t now = clock_mono_ms();
    struct lookups due = due_lookups(b, now);
    auto_free int64_t *devices = due.devices;
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc;

    if (due.count == 0)
        return RC_OK;
    rc = query_of(l, b, &Q_LIVE_SEATS_OF, devices, due.count, &rows, f);
    pthread_mutex_lock(&b->lock);
    if (b->seats && (rc != RC_OK || !put_rows(b, rows, now)))
        b->load_at = now + RETRY_MS;
    pthread_mutex_unlock(&b->lock);
    return rc;
}

// ---------------------------------------------------------------- events

static char *item_text(const struct board_item *i, const char *name)
{
    json_auto_t *o = json_object();

    add_int(o, "at", i->at);
    add_text(o, "kind", i->kind);
    add_text(o, "device", *i->id ? i->id : NULL);
    add_text(o, "name", name);
    add_text(o, "text", i->text);
    add_text(o, "level", i->level < 0 ? NULL : journal_level_name((enum journal_level)i->level));
    add_text(o, "state", i->state < 0 ? NULL : device_state_name((enum device_state)i->state));
    return json_dumps(o, JSON_COMPACT);
}

// The text of an item may have been cut in the middle of a character.
static void whole_characters(char *text)
{
    size_t len = strlen(text), tail = 0;

    while (tail < len && tail < 3 && ((unsigned char)text[len - 1 - tail] & 0xc0) == 0x80)
        tail++;
    if (tail < len && (unsigned char)text[len - 1 - tail] >= 0xc0) {
        unsigned char lead = (unsigned char)text[len - 1 - tail];
        size_t wants = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;

        if (tail < wants)
            text[len - 1 - tail] = '\0';
    }
}

static const char *name_in(const struct rows *rows, int64_t device)
{
    for (int i = 0; rows && i < rows_count(rows); i++)
        if (rows_int(rows, i, "device") == device)
            return rows_text(rows, i, "name");
    return NULL;
}

// Under the lock. What nobody took yet gives way to what is newer.
static void tell(struct board *b, const struct board_item *i, const char *name)
{
    char *json = item_text(i, name);

    if (!json)
        return;
    if (b->told_count == BOARD_EVENTS) {
        free(b->told[0].json);
        memmove(b->told, b->told + 1, (BOARD_EVENTS - 1) * sizeof *b->told);
        b->told_count--;
    }
    b->told[b->told_count++] = (struct board_text){ json, i->journal };
}

static size_t take_items(struct board *b, struct board_item out[BOARD_EVENTS])
{
    size_t count;

    pthread_mutex_lock(&b->lock);
    count = b->item_count;
    for (size_t i = 0; i < count; i++)
        out[i] = b->items[(b->item_at + BOARD_EVENTS - count + i) % BOARD_EVENTS];
    b->item_count = 0;
    pthread_mutex_unlock(&b->lock);
    return count;
}

static enum rc name_items(struct board_loader *l, struct board *b, struct fault *f)
{
    struct board_item items[BOARD_EVENTS];
    int64_t devices[BOARD_EVENTS];
    auto_with(rows_freep) struct rows *rows = NULL;
    size_t count = take_items(b, items);
    enum rc rc;

    if (count == 0)
        return RC_OK;
    for (size_t i = 0; i < count; i++) {
        devices[i] = items[i].device;
        whole_characters(items[i].text);
    }
    // Without the names they are still news.
    rc = query_of(l, b, &Q_LIVE_NAMES, devices, count, &rows, f);
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < count; i++)
        tell(b, &items[i], name_in(rows, items[i].device));
    pthread_mutex_unlock(&b->lock);
    return rc;
}

// What happened before anybody looked: the newest changes of state.
static enum rc load_recent(struct board_loader *l, struct board *b, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char catalog[12];
    enum rc rc;

    snprintf(catalog, sizeof catalog, "%d", (int)b->catalog);
    rc = store_run(l->store, &Q_LIVE_RECENT, (const char *[]){ catalog }, &rows, f);
    if (rc != RC_OK)
        return rc;
    pthread_mutex_lock(&b->lock);
    for (int i = rows_count(rows) - 1; i >= 0; i--) {
        struct board_item item = { .at = rows_int(rows, i, "at"),
                                   .kind = "state",
                                   .level = -1,
                                   .state = (int)rows_int(rows, i, "state") };
        const char *reason = rows_text(rows, i, "reason");

        snprintf(item.id, sizeof item.id, "%s", rows_text(rows, i, "id"));
        snprintf(item.text, sizeof item.text, "%s", reason ? reason : "");
        whole_characters(item.text);
        tell(b, &item, rows_text(rows, i, "name"));
    }
    pthread_mutex_unlock(&b->lock);
    return RC_OK;
}

// ---------------------------------------------------------------- jobs

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

static bool jobs_are_due(struct board *b, int64_t now)
{
    bool due;

    pthread_mutex_lock(&b->lock);
    due = !b->jobs || (b->jobs_due && now >= b->jobs_at);
    if (due) {
        b->jobs_due = false;
        b->jobs_at = now + JOBS_MS;
    }
    pthread_mutex_unlock(&b->lock);
    return due;
}

static enum rc load_jobs(struct board_loader *l, struct board *b, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    json_auto_t *list = json_array();
    char catalog[12], *text;
    enum rc rc;

    if (!jobs_are_due(b, clock_mono_ms()))
        return RC_OK;
    snprintf(catalog, sizeof catalog, "%d", (int)b->catalog);
    rc = store_run(l->store, &Q_LIVE_JOBS, (const char *[]){ catalog }, &rows, f);
    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        json_array_append_new(list, job_of(rows, i));
    text = rc == RC_OK ? json_dumps(list, JSON_COMPACT) : NULL;
    pthread_mutex_lock(&b->lock);
    if (text) {
        free(b->jobs);
        b->jobs = text;
        b->jobs_new = true;
    } else {
        b->jobs_due = true;
    }
    pthread_mutex_unlock(&b->lock);
    return rc;
}

// ---------------------------------------------------------------- the thread

static bool all_is_due(struct board *b, int64_t now)
{
    bool due;

    pthread_mutex_lock(&b->lock);
    due = now >= b->load_at;
    pthread_mutex_unlock(&b->lock);
    return due;
}

static bool is_new(struct board *b)
{
    bool is;

    pthread_mutex_lock(&b->lock);
    is = !b->loaded;
    pthread_mutex_unlock(&b->lock);
    return is;
}

static void work_on(struct board_loader *l, struct board *b)
{
    struct fault f = { 0 };
    enum rc rc = RC_OK;
    bool anew = is_new(b);

    if (all_is_due(b, clock_mono_ms())) {
        rc = load_all(l, b, &f);
        if (rc == RC_OK && anew)
            rc = load_recent(l, b, &f);
    } else {
        rc = load_some(l, b, &f);
    }
    if (rc == RC_OK)
        rc = look_for_more(l, b, &f);
    if (rc == RC_OK)
        rc = name_items(l, b, &f);
    if (rc == RC_OK)
        rc = load_jobs(l, b, &f);
    if (rc != RC_OK)
        log_warn(&ctx, "a picture of the fleet is late: %s, trying again", f.text);
}

// True if there is a board to work on.
static bool work_on_all(struct board_loader *l)
{
    bool any = false;

    for (struct board *b = atomic_load(&l->boards->first); b; b = b->next) {
        if (!atomic_load(&b->watched))
            continue;
        any = true;
        work_on(l, b);
    }
    return any;
}

static void wait_for_work(struct boards *b, bool any)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&b->lock);
    while (!b->woken && !b->stopping)
        if (!any)
            pthread_cond_wait(&b->wake, &b->lock);
        else if (pthread_cond_timedwait(&b->wake, &b->lock, &until) != 0)
            break;
    b->woken = false;
    pthread_mutex_unlock(&b->lock);
}

static bool is_stopping(struct boards *b)
{
    bool stopping;

    pthread_mutex_lock(&b->lock);
    stopping = b->stopping;
    pthread_mutex_unlock(&b->lock);
    return stopping;
}

static void *run(void *arg)
{
    struct board_loader *l = arg;

    pthread_setname_np(pthread_self(), "live-board");
    while (!is_stopping(l->boards))
        wait_for_work(l->boards, work_on_all(l));
    return NULL;
}

enum rc board_loader_start(struct boards *b, struct store *s, struct board_loader **out,
                           struct fault *f)
{
    struct board_loader *l = calloc(1, sizeof *l);

    if (!l)
        return fail(f, RC_INTERNAL, "out of memory");
    l->boards = b;
    l->store = s;
    if (pthread_create(&l->thread, NULL, run, l) != 0) {
        free(l);
        return fail(f, RC_UNAVAILABLE, "cannot start a thread");
    }
    *out = l;
    return RC_OK;
}

void board_loader_stop(struct board_loader *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->boards->lock);
    l->boards->stopping = true;
    pthread_cond_signal(&l->boards->wake);
    pthread_mutex_unlock(&l->boards->lock);
    pthread_join(l->thread, NULL);
    free(l);
}
