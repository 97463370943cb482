// SPDX-License-Identifier: Apache-2.0

#include "threat/threat.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/log.h"
#include "core/nap.h"
#include "store/arg.h"
#include "store/store.h"
#include "threat/counts.h"
#include "threat/rates.h"
#include "threat/settings.h"
#include "threat/table.h"
#include "threat_sql.h"

#define QUEUE_MAX  20000
#define HITS_MAX   20000 // that wait for the database
#define PLACES     65536 // of devices that are counted, and of addresses
#define TEXT_MAX   120
#define SOURCE_MAX 46
#define TICK_MS    1000
#define GONE_MS    60000
#define SILENT_MS  60000
#define MINUTE_MS  60000LL

static const char attested_name[] = "attested", session_name[] = "session";
static const struct log_ctx area = { .area = "threat" };

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, rollbackp, store_rollback)

struct note { // a signal that was heard
    struct note *next;
    const char *name; // of the table
    int32_t catalog;
    int64_t device, at;
    int64_t deviations; // of "rate"
    char text[TEXT_MAX + 1], source[SOURCE_MAX];
    char fields[]; // a JSON object, or ""
};

struct hit { // to be raised
    const struct threat_row *row;
    int32_t catalog;
    int64_t device, at, lasts_s;
    char key[ALERT_KEY_MAX + 1], text[TEXT_MAX + 1];
    char *evidence;
};

struct well { // a device that attested, or came from inside its networks
    int32_t catalog;
    bool inside;
    int64_t device, at;
};

struct threats {
    struct store *store;
    pthread_t thread;
    struct nap nap;
    pthread_mutex_t lock; // of the queue
    struct note *first, **last;
    size_t queued;
    atomic_bool changed;
    _Atomic uint64_t signals, lost, raised, cleared;
    struct rates *rates;
    // The thread's own.
    struct counts *devices, *sources;
    struct threat_settings usual, *settings; // those of catalogs that have their own
    size_t settings_count;
    int32_t home;
    struct hit *hits;
    size_t hit_count;
    struct well *wells;
    size_t well_count;
    int64_t gone_at, silent_at; // monotonic ms
};

// ---------------------------------------------------------------- the queue

static const char *known(const char *name)
{
    if (name && !strcmp(name, attested_name))
        return attested_name;
    if (name && !strcmp(name, session_name))
        return session_name;
    for (size_t i = 0; name && i < threat_row_count; i++)
        if (!strcmp(threat_rows[i].signal, name))
            return threat_rows[i].signal;
    return NULL;
}

// Cut where a letter ends.
static void fit(char *to, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);

    while (text[len] && len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    memcpy(to, text, len);
    to[len] = '\0';
}

static struct note *copy(const struct bus_event *e, const char *name)
{
    size_t len = e->fields ? strlen(e->fields) : 0;
    struct note *n = malloc(sizeof *n + len + 1);

    if (!n)
        return NULL;
    *n = (struct note){ .name = name, .catalog = e->catalog, .device = e->device, .at = e->at };
    fit(n->text, sizeof n->text, e->text ? e->text : "");
    fit(n->source, sizeof n->source, e->source ? e->source : "");
    memcpy(n->fields, e->fields ? e->fields : "", len + 1);
    return n;
}

// n, which is owned, may be NULL for want of memory.
static void put(struct threats *t, struct note *n)
{
    bool room = false;

    atomic_fetch_add_explicit(&t->signals, 1, memory_order_relaxed);
    pthread_mutex_lock(&t->lock);
    if (n && t->queued < QUEUE_MAX) {
        room = true;
        *t->last = n;
        t->last = &n->next;
        t->queued++;
    }
    pthread_mutex_unlock(&t->lock);
    if (room) {
        nap_wake(&t->nap);
        return;
    }
    atomic_fetch_add(&t->lost, 1);
    free(n);
}

static void reading(struct threats *t, const struct bus_event *e)
{
    const struct rate_said said = { .catalog = e->catalog,
                                    .device = e->device,
                                    .at = e->at,
                                    .messages = e->messages,
                                    .values = e->messages * (uint32_t)e->count };
    struct rate_jump jump;
    char fields[160];
    struct note *n;

    if (!e->messages || !rates_add(t->rates, &said, &jump))
        return;
    snprintf(fields, sizeof fields,
             "{\"what\":\"%s\",\"aMinute\":%.0f,\"usual\":%.1f,\"deviations\":%.1f}", jump.what,
             jump.found, jump.usual, jump.deviations);
    n = copy(
        &(struct bus_event){
            .catalog = e->catalog, .device = e->device, .at = e->at, .fields = fields },
        known("rate"));
    if (n)
        n->deviations = (int64_t)jump.deviations;
    put(t, n);
}

static void hear(void *ctx, const struct bus_event *e)
{
    const char *name = e->kind == BUS_SIGNAL ? known(e->name) : NULL;

    if (e->kind == BUS_READING)
        reading(ctx, e);
    else if (name)
        put(ctx, copy(e, name));
}

static struct note *take_all(struct threats *t)
{
    struct note *first;

    pthread_mutex_lock(&t->lock);
    first = t->first;
    t->first = NULL;
    t->last = &t->first;
    t->queued = 0;
    pthread_mutex_unlock(&t->lock);
    return first;
}

// ---------------------------------------------------------------- weighing

static const struct threat_settings *settings_of(struct threats *t, int32_t catalog)
{
    for (size_t i = 0; i < t->settings_count; i++)
        if (t->settings[i].catalog == catalog)
            return &t->settings[i];
    return &t->usual;
}

static char *evidence_of(const struct note *n, int64_t times)
{
    json_auto_t *o = *n->fields ? json_loads(n->fields, 0, NULL) : json_object();

    if (!o)
        return NULL;
    if (*n->source)
        add_text(o, "source", n->source);
    if (times > 1)
        add_int(o, "times", times);
    return json_dumps(o, JSON_COMPACT);
}

static void add_hit(struct threats *t, const struct threat_row *row, const struct note *n,
                    int64_t times, int64_t quiet)
{
    struct hit *h;

    if (t->hit_count == HITS_MAX) {
        atomic_fetch_add(&t->lost, 1);
        return;
    }
    h = &t->hits[t->hit_count++];
    *h = (struct hit){
        .row = row,
        .catalog = n->catalog,
        .device = row->by == BY_DEVICE ? n->device : 0, // else it is only claimed
        .at = n->at,
        .lasts_s = row->end == END_QUIET ? quiet * 60 : 0,
        .evidence = evidence_of(n, times),
    };
    memcpy(h->text, n->text, sizeof h->text);
    if (row->cause)
        snprintf(h->key, sizeof h->key, "threat:%s:%s", threat_kinds[row->code].code,
                 strcmp(row->cause, "%s") != 0 ? row->cause : n->text);
    else
        snprintf(h->key, sizeof h->key, "threat:%s", threat_kinds[row->code].code);
}

static struct count_key key_of(const struct threat_row *row, const struct note *n)
{
    return (struct count_key){
        .kind = row->end == END_ATTESTED ? (int32_t)row->code
                                         : THREAT_CODES + (int32_t)(row - threat_rows),
        .catalog = n->catalog,
        .device = row->by == BY_DEVICE ? n->device : 0,
        .text = row->by == BY_SOURCE ? n->source : NULL,
        .once = row->end == END_ATTESTED, // several findings of one evidence
    };
}

static void weigh(struct threats *t, const struct threat_row *row, const struct note *n)
{
    const struct threat_settings *s = settings_of(t, n->catalog);
    const int64_t *limits = s->limits[row->code];
    struct count_key key = key_of(row, n);
    int64_t times;

    if (s->off[row->code] || n->deviations < limits[LIMIT_DEVIATIONS])
        return;
    times = counts_add(row->by == BY_SOURCE ? t->sources : t->devices, &key, n->at,
                       limits[LIMIT_MINUTES] * MINUTE_MS);
    if (times >= limits[LIMIT_TIMES] * (row->slack ? row->slack : 1))
        add_hit(t, row, n, times, limits[LIMIT_QUIET]);
}

static void add_well(struct threats *t, const struct note *n, bool inside)
{
    if (t->well_count == HITS_MAX)
        atomic_fetch_add(&t->lost, 1);
    else
        t->wells[t->well_count++] = (struct well){
            .catalog = n->catalog, .inside = inside, .device = n->device, .at = n->at
        };
}

// What this attestation did not find does not count towards the next.
static void attested(struct threats *t, const struct note *n)
{
    for (size_t i = 0; i < threat_row_count; i++)
        if (threat_rows[i].end == END_ATTESTED) {
            struct count_key key = key_of(&threat_rows[i], n);

            counts_forget(t->devices, &key, n->at);
        }
    add_well(t, n, false);
}

static const struct threat_row *row_of(const char *signal)
{
    const struct threat_row *row = threat_rows;

    while (strcmp(row->signal, signal) != 0)
        row++;
    return row;
}

static void came(struct threats *t, const struct note *n)
{
    const struct threat_settings *s = settings_of(t, n->catalog);

    if (network_holds(s->networks, s->network_count, n->source))
        add_well(t, n, true);
    else if (s->network_count > 0)
        weigh(t, row_of("outside"), n);
}

static void judge(struct threats *t, struct note *n)
{
    if (!n->catalog)
        n->catalog = t->home;
    if (n->name == attested_name) {
        attested(t, n);
        return;
    }
    if (n->name == session_name) {
        came(t, n);
        return;
    }
    for (size_t i = 0; i < threat_row_count; i++)
        if (threat_rows[i].signal == n->name)
            weigh(t, &threat_rows[i], n);
}

// ---------------------------------------------------------------- raising

static int by_cause(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    int order = x->catalog != y->catalog ? (x->catalog > y->catalog) - (x->catalog < y->catalog)
                                         : strcmp(x->key, y->key);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static enum rc mark(struct store *tx, const struct hit *h, size_t n, struct fault *f)
{
    auto_free int64_t *devices = calloc(n, sizeof *devices), *ats = calloc(n, sizeof *ats);
    auto_free char *device_list = NULL, *at_list = NULL;

    if (!devices || !ats)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < n; i++) {
        devices[i] = h[i].device;
        ats[i] = h[i].at;
    }
    device_list = arg_list(devices, n);
    at_list = arg_list(ats, n);
    if (!device_list || !at_list)
        return fail(f, RC_INTERNAL, "out of memory");
    const char *args[] = { ARG_INT(h->catalog), h->key, device_list, at_list };
    return store_run(tx, &Q_THREAT_MARK, args, NULL, f);
}

// The title's only argument is the text.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void entitle(char *to, size_t size, const struct hit *h)
{
    snprintf(to, size, h->row->title, h->text);
}
#pragma GCC diagnostic pop

static enum rc raise_cause(struct store *tx, const struct hit *h, size_t n, struct fault *f)
{
    const struct threat_kind *kind = &threat_kinds[h->row->code];
    auto_free struct alert_hit *hits = calloc(n, sizeof *hits);
    char title[ALERT_TITLE_MAX + 1];
    struct alert_cause c = {
        .catalog = h->catalog,
        .key = h->key,
        .source = "threat",
        .code = kind->code,
        .severity = kind->severity,
        .title = title,
        .lasts_s = h->lasts_s,
    };
    enum rc rc;

    entitle(title, sizeof title, h);
    if (!hits)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < n; i++)
        hits[i] = (struct alert_hit){ h[i].device, h[i].at, h[i].evidence };
    rc = alert_raise(tx, &c, hits, n, f);
    return rc == RC_OK && h->row->end != END_QUIET ? mark(tx, h, n, f) : rc;
}

// The hits of one cause. RC_UNAVAILABLE: they are to be tried again.
static enum rc raise_group(struct threats *t, const struct hit *h, size_t n)
{
    auto_with(rollbackp) struct store *tx = NULL;
    struct fault f = { 0 };
    enum rc rc = store_begin(t->store, &tx, &f);

    if (rc == RC_OK)
        rc = raise_cause(tx, h, n, &f);
    if (rc == RC_OK)
        rc = store_commit(take(&tx), &f);
    if (rc == RC_OK)
        atomic_fetch_add(&t->raised, n);
    else if (rc != RC_UNAVAILABLE)
        log_warn(&area, "cannot raise %s: %s", h->key, f.text);
    return rc;
}

static bool raise_all(struct threats *t)
{
    size_t from = 0, to;

    if (t->hit_count > 0)
        qsort(t->hits, t->hit_count, sizeof *t->hits, by_cause);
    for (; from < t->hit_count; from = to) {
        for (to = from + 1; to < t->hit_count && t->hits[to].catalog == t->hits[from].catalog &&
                            !strcmp(t->hits[to].key, t->hits[from].key);
             to++)
            ;
        if (raise_group(t, &t->hits[from], to - from) == RC_UNAVAILABLE)
            break;
        for (size_t i = from; i < to; i++)
            free(t->hits[i].evidence);
    }
    t->hit_count -= from;
    memmove(t->hits, t->hits + from, t->hit_count * sizeof *t->hits);
    return t->hit_count == 0;
}

// ---------------------------------------------------------------- clearing

// Rows "catalog, key, device" of what is over, in order of key.
static enum rc clear_rows(struct threats *t, struct store *tx, const struct rows *r, int64_t at,
                          struct fault *f)
{
    int count = rows_count(r);
    auto_free int64_t *devices = calloc((size_t)count + 1, sizeof *devices);
    enum rc rc = devices ? RC_OK : fail(f, RC_INTERNAL, "out of memory");

    for (int from = 0, to; rc == RC_OK && from < count; from = to) {
        int64_t catalog = rows_int(r, from, "catalog");
        const char *key = rows_text(r, from, "key");

        for (to = from; to < count && rows_int(r, to, "catalog") == catalog &&
                        !strcmp(rows_text(r, to, "key"), key);
             to++)
            devices[to - from] = rows_int(r, to, "device");
        rc = alert_clear(tx, (int32_t)catalog, key, devices, (size_t)(to - from), at, f);
    }
    if (rc == RC_OK)
        atomic_fetch_add(&t->cleared, (uint64_t)count);
    return rc;
}

static enum rc clear_with(struct threats *t, const struct query *q, const char *const *args,
                          int64_t at)
{
    auto_with(rollbackp) struct store *tx = NULL;
    auto_with(rows_freep) struct rows *r = NULL;
    struct fault f = { 0 };
    enum rc rc = store_begin(t->store, &tx, &f);

    if (rc == RC_OK)
        rc = store_run(tx, q, args, &r, &f);
    if (rc == RC_OK)
        rc = clear_rows(t, tx, r, at, &f);
    if (rc == RC_OK)
        rc = store_commit(take(&tx), &f);
    if (rc != RC_OK && rc != RC_UNAVAILABLE)
        log_warn(&area, "cannot clear what is over: %s", f.text);
    return rc;
}

static void clear_wells(struct threats *t)
{
    size_t n = t->well_count;
    auto_free int64_t *numbers = calloc(4 * n + 1, sizeof *numbers);
    auto_free char *catalogs = NULL, *devices = NULL, *ats = NULL, *insides = NULL;
    int64_t at = 0;

    if (n == 0 || !numbers)
        return;
    for (size_t i = 0; i < n; i++) {
        numbers[i] = t->wells[i].catalog;
        numbers[n + i] = t->wells[i].device;
        numbers[2 * n + i] = t->wells[i].at;
        numbers[3 * n + i] = t->wells[i].inside;
        at = t->wells[i].at > at ? t->wells[i].at : at;
    }
    catalogs = arg_list(numbers, n);
    devices = arg_list(numbers + n, n);
    ats = arg_list(numbers + 2 * n, n);
    insides = arg_list(numbers + 3 * n, n);
    if (!catalogs || !devices || !ats || !insides ||
        clear_with(t, &Q_THREAT_OVER, (const char *[]){ catalogs, devices, ats, insides }, at) !=
            RC_UNAVAILABLE)
        t->well_count = 0;
}

// ---------------------------------------------------------------- silence

static void add_silent(struct threats *t, const struct rows *r, int row)
{
    struct note *n = calloc(1, sizeof *n + 1);
    json_auto_t *o = json_object();
    struct hit *h;

    if (!n || t->hit_count == HITS_MAX) {
        free(n);
        return;
    }
    n->catalog = (int32_t)rows_int(r, row, "catalog");
    n->device = rows_int(r, row, "device");
    n->at = clock_now_ms();
    add_hit(t, row_of("silent"), n, 1, 0);
    h = &t->hits[t->hit_count - 1];
    add_time(o, "renewedAt", rows_int(r, row, "renewed"));
    add_time(o, "until", rows_int(r, row, "until"));
    free(h->evidence);
    h->evidence = json_dumps(o, JSON_COMPACT);
    free(n);
}

static int64_t percent_of(const struct threat_settings *s)
{
    return s->off[THREAT_T14] ? 0 : s->limits[THREAT_T14][LIMIT_PERCENT];
}

static void look_for_silent(struct threats *t)
{
    size_t count = t->settings_count;
    auto_free int64_t *numbers = calloc(2 * count + 1, sizeof *numbers);
    auto_free char *catalogs = NULL, *percents = NULL;
    auto_with(rows_freep) struct rows *r = NULL;
    auto_with(rollbackp) struct store *tx = NULL;

    for (size_t i = 0; numbers && i < count; i++) {
        numbers[i] = t->settings[i].catalog;
        numbers[count + i] = percent_of(&t->settings[i]);
    }
    catalogs = numbers ? arg_list(numbers, count) : NULL;
    percents = numbers ? arg_list(numbers + count, count) : NULL;
    const char *args[] = { catalogs, percents, ARG_INT(percent_of(&t->usual)) };
    if (!catalogs || !percents || store_begin(t->store, &tx, NULL) != RC_OK ||
        store_patient(tx, NULL) != RC_OK ||
        store_run(tx, &Q_THREAT_SILENT, args, &r, NULL) != RC_OK)
        return;
    for (int i = 0; i < rows_count(r); i++)
        add_silent(t, r, i);
}

// ---------------------------------------------------------------- the thread

// True where they were read anew.
static bool load_settings(struct threats *t)
{
    auto_with(rows_freep) struct rows *r = NULL;
    struct threat_settings *all;
    size_t count;

    if (!atomic_exchange(&t->changed, false))
        return false;
    if (threat_settings_all(t->store, &all, &count, NULL) != RC_OK ||
        store_run(t->store, &Q_THREAT_HOME, NULL, &r, NULL) != RC_OK) {
        atomic_store(&t->changed, true); // with the next turn
        return false;
    }
    free(t->settings);
    t->settings = all;
    t->settings_count = count;
    t->home = (int32_t)rows_int(r, 0, "catalog");
    return true;
}

// In this order: who is well again was ill before.
static void write_all(struct threats *t)
{
    if (raise_all(t))
        clear_wells(t);
}

static void turn(struct threats *t)
{
    struct note *next;
    bool anew = load_settings(t);

    for (struct note *n = take_all(t); n; n = next) {
        next = n->next;
        judge(t, n);
        free(n);
        if (t->hit_count == HITS_MAX || t->well_count == HITS_MAX)
            write_all(t);
    }
    if (anew || clock_mono_ms() - t->silent_at > SILENT_MS) {
        t->silent_at = clock_mono_ms();
        look_for_silent(t);
    }
    write_all(t);
    if (clock_mono_ms() - t->gone_at > GONE_MS) {
        t->gone_at = clock_mono_ms();
        (void)clear_with(t, &Q_THREAT_GONE, NULL, clock_now_ms());
    }
}

static void *run(void *arg)
{
    struct threats *t = arg;

    while (nap_take(&t->nap, TICK_MS))
        turn(t);
    turn(t);
    return NULL;
}

static void free_all(struct threats *t)
{
    for (struct note *n = take_all(t), *next; n; n = next) {
        next = n->next;
        free(n);
    }
    for (size_t i = 0; t->hits && i < t->hit_count; i++)
        free(t->hits[i].evidence);
    counts_free(t->devices);
    counts_free(t->sources);
    rates_free(t->rates);
    free(t->settings);
    free(t->hits);
    free(t->wells);
    nap_done(&t->nap);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

enum rc threats_start(const struct threats_options *o, struct threats **out, struct fault *f)
{
    struct threats *t = calloc(1, sizeof *t);

    if (!t)
        return fail(f, RC_INTERNAL, "out of memory");
    t->store = o->store;
    t->last = &t->first;
    t->gone_at = clock_mono_ms();
    atomic_store(&t->changed, true);
    pthread_mutex_init(&t->lock, NULL);
    nap_init(&t->nap);
    threat_settings_usual(&t->usual);
    t->devices = counts_new(PLACES);
    t->sources = counts_new(PLACES);
    t->rates = rates_new(2 * PLACES);
    t->hits = calloc(HITS_MAX, sizeof *t->hits);
    t->wells = calloc(HITS_MAX, sizeof *t->wells);
    if (!t->devices || !t->sources || !t->rates || !t->hits || !t->wells ||
        pthread_create(&t->thread, NULL, run, t) != 0) {
        free_all(t);
        return fail(f, RC_INTERNAL, "cannot start the watch for threats");
    }
    bus_subscribe(o->bus, hear, t);
    *out = t;
    return RC_OK;
}

void threats_stop(struct threats *t)
{
    if (!t)
        return;
    nap_stop(&t->nap);
    pthread_join(t->thread, NULL);
    free_all(t);
}

void threats_changed(struct threats *t)
{
    if (!t)
        return;
    atomic_store(&t->changed, true);
    nap_wake(&t->nap);
}

void threats_stats(struct threats *t, struct threats_stats *out)
{
    *out = (struct threats_stats){
        .signals = atomic_load(&t->signals),
        .lost = atomic_load(&t->lost),
        .raised = atomic_load(&t->raised),
        .cleared = atomic_load(&t->cleared),
    };
}
