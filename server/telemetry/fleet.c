// SPDX-License-Identifier: Apache-2.0

#include "telemetry/fleet.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/bus.h"
#include "core/nap.h"
#include "core/token.h"
#include "device/device.h"
#include "fleet_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define NONE       UINT32_MAX
#define CATALOGS   1024 // buckets
#define LOAD_ROWS  5000
#define AGAIN_MS   1000
#define FIRST_SIZE 256 // of the table of devices

struct page {
    int64_t device[FLEET_PAGE]; // 0: dropped
    int64_t at[FLEET_PAGE];
    bool shared[FLEET_PAGE]; // its device has more rows
    double values[];         // a column a name
};

struct layout { // a list of names
    struct layout *next;
    uint32_t number;
    uint32_t rows;
    int64_t newest; // of all rows
    size_t count;
    char **names;
    struct page **pages;
};

struct ref { // to a row of a device
    struct layout *layout;
    uint32_t row;
    uint32_t next;
};

struct seat { // of a device in the table
    int64_t device;
    uint32_t first; // of its refs
};

struct fleet_catalog {
    struct fleet_catalog *next;
    int32_t id;
    pthread_mutex_t lock;
    struct layout *layouts, *recent;
    uint32_t layout_count;
    struct seat *seats; // open addressing; size is a power of two
    size_t size, used;
    struct ref *refs;
    uint32_t ref_count, ref_room;
};

struct fleet {
    size_t bytes_max;
    atomic_size_t bytes;
    atomic_bool full, loading;
    struct nap nap;       // of the thread
    pthread_mutex_t lock; // of the buckets
    struct fleet_catalog *catalogs[CATALOGS];
    struct store *store;
    bool has_thread;
    pthread_t thread;
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// ---------------------------------------------------------------- memory

static bool charge(struct fleet *f, size_t bytes)
{
    if (atomic_fetch_add(&f->bytes, bytes) + bytes <= f->bytes_max)
        return true;
    atomic_fetch_sub(&f->bytes, bytes);
    atomic_store(&f->full, true);
    return false;
}

static void *room(struct fleet *f, size_t bytes)
{
    void *at = charge(f, bytes) ? calloc(1, bytes) : NULL;

    if (!at)
        atomic_store(&f->full, true);
    return at;
}

struct fleet *fleet_new(size_t bytes_max)
{
    struct fleet *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->bytes_max = bytes_max;
    pthread_mutex_init(&f->lock, NULL);
    nap_init(&f->nap);
    return f;
}

static void layout_free(struct layout *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->names[i]);
    for (uint32_t i = 0; i * FLEET_PAGE < l->rows; i++)
        free(l->pages[i]);
    free(l->names);
    free(l->pages);
    free(l);
}

static void catalog_free(struct fleet_catalog *c)
{
    for (struct layout *l = c->layouts, *next; l; l = next) {
        next = l->next;
        layout_free(l);
    }
    pthread_mutex_destroy(&c->lock);
    free(c->seats);
    free(c->refs);
    free(c);
}

void fleet_free(struct fleet *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < CATALOGS; i++)
        for (struct fleet_catalog *c = f->catalogs[i], *next; c; c = next) {
            next = c->next;
            catalog_free(c);
        }
    pthread_mutex_destroy(&f->lock);
    nap_done(&f->nap);
    free(f);
}

// ---------------------------------------------------------------- catalogs

static struct fleet_catalog *catalog_make(struct fleet *f, int32_t id)
{
    struct fleet_catalog *c = room(f, sizeof *c);

    if (!c)
        return NULL;
    c->seats = room(f, FIRST_SIZE * sizeof *c->seats);
    if (!c->seats) {
        free(c);
        return NULL;
    }
    c->id = id;
    c->size = FIRST_SIZE;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

// Never freed while the fleet lives, so that it is used without the buckets' lock.
static struct fleet_catalog *catalog_of(struct fleet *f, int32_t id, bool make)
{
    struct fleet_catalog **at = &f->catalogs[(uint32_t)id % CATALOGS], *c;

    pthread_mutex_lock(&f->lock);
    for (c = *at; c && c->id != id; c = c->next)
        ;
    if (!c && make && (c = catalog_make(f, id))) {
        c->next = *at;
        *at = c;
    }
    pthread_mutex_unlock(&f->lock);
    return c;
}

// ---------------------------------------------------------------- the table of devices

static size_t place_of(const struct fleet_catalog *c, int64_t device)
{
    size_t i = ((uint64_t)device * 0x9e3779b97f4a7c15u >> 20) & (c->size - 1);

    while (c->seats[i].device && c->seats[i].device != device)
        i = (i + 1) & (c->size - 1);
    return i;
}

static bool seats_grow(struct fleet *f, struct fleet_catalog *c)
{
    struct fleet_catalog grown = { .size = c->size * 2 };

    grown.seats = room(f, grown.size * sizeof *grown.seats);
    if (!grown.seats)
        return false;
    for (size_t i = 0; i < c->size; i++)
        if (c->seats[i].device)
            grown.seats[place_of(&grown, c->seats[i].device)] = c->seats[i];
    free(c->seats);
    atomic_fetch_sub(&f->bytes, c->size * sizeof *c->seats);
    c->seats = grown.seats;
    c->size = grown.size;
    return true;
}

static struct seat *seat_make(struct fleet *f, struct fleet_catalog *c, int64_t device)
{
    struct seat *s = &c->seats[place_of(c, device)];

    if (s->device)
        return s;
    if (c->used * 10 >= c->size * 7 && !seats_grow(f, c))
        return NULL;
    s = &c->seats[place_of(c, device)];
    *s = (struct seat){ device, NONE };
    c->used++;
    return s;
}

static bool refs_room(struct fleet *f, struct fleet_catalog *c)
{
    uint32_t more = c->ref_room / 2 + 64;
    struct ref *grown;

    if (c->ref_count < c->ref_room)
        return true;
    if (!charge(f, more * sizeof *grown))
        return false;
    grown = reallocarray(c->refs, c->ref_room + more, sizeof *grown);
    if (!grown)
        return false;
    c->refs = grown;
    c->ref_room += more;
    return true;
}

// ---------------------------------------------------------------- rows

static bool has_names(const struct layout *l, const char *const *names, size_t count)
{
    bool same = l->count == count;

    for (size_t i = 0; same && i < count; i++)
        same = !strcmp(l->names[i], names[i]);
    return same;
}

static struct layout *layout_make(struct fleet *f, struct fleet_catalog *c,
                                  const char *const *names, size_t count)
{
    struct layout *l = room(f, sizeof *l + count * (TOKEN_NAME_MAX + sizeof *l->names));

    if (!l)
        return NULL;
    l->names = calloc(count, sizeof *l->names);
    for (size_t i = 0; l->names && i < count; i++) {
        l->names[i] = strndup(names[i], TOKEN_NAME_MAX);
        l->count += l->names[i] != NULL;
    }
    if (l->count < count) {
        layout_free(l);
        return NULL;
    }
    l->number = c->layout_count++;
    l->next = c->layouts;
    c->layouts = l;
    return l;
}

static struct layout *layout_of(struct fleet *f, struct fleet_catalog *c, const char *const *names,
                                size_t count)
{
    struct layout *l = c->recent;

    if (!l || !has_names(l, names, count))
        for (l = c->layouts; l && !has_names(l, names, count);)
            l = l->next;
    return c->recent = l ? l : layout_make(f, c, names, count);
}

static struct page *page_of(const struct layout *l, uint32_t row)
{
    return l->pages[row / FLEET_PAGE];
}

static bool page_room(struct fleet *f, struct layout *l)
{
    uint32_t n = l->rows / FLEET_PAGE;
    struct page **grown;

    if (l->rows % FLEET_PAGE)
        return true;
    grown = reallocarray(l->pages, n + 1, sizeof *grown);
    if (!grown)
        return false;
    l->pages = grown;
    l->pages[n] = room(f, sizeof **grown + l->count * FLEET_PAGE * sizeof(double));
    return l->pages[n] != NULL;
}

static uint32_t ref_find(const struct fleet_catalog *c, const struct seat *s,
                         const struct layout *l, unsigned *count)
{
    uint32_t at = s->first;

    for (*count = 0; at != NONE && c->refs[at].layout != l; at = c->refs[at].next)
        ++*count;
    return at;
}

static void share(struct fleet_catalog *c, uint32_t at)
{
    for (; at != NONE; at = c->refs[at].next)
        page_of(c->refs[at].layout, c->refs[at].row)->shared[c->refs[at].row % FLEET_PAGE] = true;
}

// The row of a device in a layout, made if there is room; NONE otherwise.
static uint32_t row_of(struct fleet *f, struct fleet_catalog *c, struct layout *l, int64_t device)
{
    struct seat *s = seat_make(f, c, device);
    unsigned count = 0;
    uint32_t at = s ? ref_find(c, s, l, &count) : NONE;

    if (at != NONE)
        return c->refs[at].row;
    if (!s || count >= FLEET_PER_DEVICE || !refs_room(f, c) || !page_room(f, l)) {
        atomic_store(&f->full, true);
        return NONE;
    }
    c->refs[c->ref_count] = (struct ref){ l, l->rows, s->first };
    s->first = c->ref_count++;
    page_of(l, l->rows)->device[l->rows % FLEET_PAGE] = device;
    l->rows++;
    if (count)
        share(c, s->first);
    return l->rows - 1;
}

static void write_row(struct layout *l, uint32_t row, int64_t device, int64_t at,
                      const double *values)
{
    struct page *p = page_of(l, row);
    uint32_t i = row % FLEET_PAGE;

    if (p->device[i] && p->at[i] > at)
        return;
    p->device[i] = device;
    p->at[i] = at;
    for (size_t k = 0; k < l->count; k++)
        p->values[k * FLEET_PAGE + i] = values[k];
    if (at > l->newest)
        l->newest = at;
}

void fleet_put(struct fleet *f, int32_t catalog, int64_t device, int64_t at,
               const char *const *names, const double *values, size_t count)
{
    struct fleet_catalog *c = catalog_of(f, catalog, true);

    if (!c || !device || count == 0 || count > TOKEN_METRICS_MAX)
        return;
    pthread_mutex_lock(&c->lock);
    struct layout *l = layout_of(f, c, names, count);
    uint32_t row = l ? row_of(f, c, l, device) : NONE;
    if (row != NONE)
        write_row(l, row, device, at, values);
    pthread_mutex_unlock(&c->lock);
}

// Its rows stay and are its own again should it come back.
void fleet_drop(struct fleet *f, int32_t catalog, int64_t device)
{
    struct fleet_catalog *c = catalog_of(f, catalog, false);

    if (!c || !device)
        return;
    pthread_mutex_lock(&c->lock);
    const struct seat *s = &c->seats[place_of(c, device)];
    for (uint32_t at = s->device ? s->first : NONE; at != NONE; at = c->refs[at].next)
        page_of(c->refs[at].layout, c->refs[at].row)->device[c->refs[at].row % FLEET_PAGE] = 0;
    pthread_mutex_unlock(&c->lock);
}

void fleet_take(void *fleet, const struct bus_event *e)
{
    if (e->kind == BUS_READING)
        fleet_put(fleet, e->catalog, e->device, e->at, e->names, e->values, e->count);
    else if (e->kind == BUS_DEVICE && e->id && e->lifecycle != DEVICE_CLAIMED)
        fleet_drop(fleet, e->catalog, e->device);
}

bool fleet_is_full(const struct fleet *f)
{
    return atomic_load(&f->full);
}

bool fleet_is_loading(const struct fleet *f)
{
    return atomic_load(&f->loading);
}

// ---------------------------------------------------------------- questions

// Where a metric is: a column a layout, -1 where it has none.
struct columns {
    int *at;
    uint32_t count;
};

static int column_of(const struct layout *l, const char *metric)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->names[i], metric))
            return (int)i;
    return -1;
}

// The catalog is locked.
static bool find_columns(const struct fleet_catalog *c, const char *metric, struct columns *out)
{
    out->count = c->layout_count;
    out->at = calloc(out->count + 1, sizeof *out->at);
    for (const struct layout *l = c->layouts; out->at && l; l = l->next)
        out->at[l->number] = column_of(l, metric);
    return out->at != NULL;
}

static int column_in(const struct columns *k, const struct layout *l)
{
    return l->number < k->count ? k->at[l->number] : -1; // made since: not asked for
}

// The newest value of a device that has several rows. False: it has none.
static bool newest_of(const struct fleet_catalog *c, const struct columns *k, int64_t device,
                      struct fleet_value *out)
{
    const struct seat *s = &c->seats[place_of(c, device)];
    bool found = false;

    for (uint32_t at = s->device ? s->first : NONE; at != NONE; at = c->refs[at].next) {
        const struct layout *l = c->refs[at].layout;
        const struct page *p = page_of(l, c->refs[at].row);
        uint32_t i = c->refs[at].row % FLEET_PAGE;
        int column = column_in(k, l);

        if (column < 0 || !p->device[i] || (found && p->at[i] <= out->at))
            continue;
        *out = (struct fleet_value){ device, p->at[i], p->values[column * FLEET_PAGE + (int)i] };
        found = true;
    }
    return found;
}

struct asking {
    struct fleet_catalog *c;
    const struct columns *k;
    int64_t since;
    const struct fleet_bounds *bounds;
    fleet_tell *tell;
    void *ctx;
    size_t told;
};

// A page of rows; the catalog is locked. A device is told where its newest row is.
static void tell_page(struct asking *a, const struct page *p, uint32_t rows, int column)
{
    const double *values = p->values + (size_t)column * FLEET_PAGE;

    for (uint32_t i = 0; i < rows; i++) {
        if (!(values[i] >= a->bounds->low && values[i] <= a->bounds->high))
            continue; // NAN too
        struct fleet_value v = { p->device[i], p->at[i], values[i] }, newest;
        if (!v.device || v.at < a->since || !isfinite(v.value))
            continue;
        if (p->shared[i] && newest_of(a->c, a->k, v.device, &newest) && newest.at > v.at)
            continue;
        a->tell(a->ctx, a->told++, &v);
    }
}

static void tell_layout(struct asking *a, const struct layout *l, int column)
{
    for (uint32_t at = 0;; at += FLEET_PAGE) {
        pthread_mutex_lock(&a->c->lock);
        uint32_t rows = l->rows > at ? l->rows - at : 0;
        if (rows)
            tell_page(a, page_of(l, at), rows < FLEET_PAGE ? rows : FLEET_PAGE, column);
        pthread_mutex_unlock(&a->c->lock);
        if (rows <= FLEET_PAGE)
            return;
    }
}

void fleet_each(struct fleet *f, int32_t catalog, const char *metric, int64_t since,
                fleet_tell *tell, void *ctx)
{
    fleet_each_within(f, catalog, metric, since, &(struct fleet_bounds){ -INFINITY, INFINITY },
                      tell, ctx);
}

void fleet_each_within(struct fleet *f, int32_t catalog, const char *metric, int64_t since,
                       const struct fleet_bounds *bounds, fleet_tell *tell, void *ctx)
{
    struct fleet_catalog *c = catalog_of(f, catalog, false);
    struct columns k = { 0 };
    struct asking a = { c, &k, since, bounds, tell, ctx, 0 };

    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    bool found = find_columns(c, metric, &k);
    const struct layout *first = c->layouts;
    pthread_mutex_unlock(&c->lock);
    for (const struct layout *l = first; found && l; l = l->next) // those that are there stay
        if (column_in(&k, l) >= 0)
            tell_layout(&a, l, column_in(&k, l));
    free(k.at);
}

void fleet_some(struct fleet *f, int32_t catalog, const char *metric, int64_t since,
                const int64_t *devices, size_t count, fleet_tell *tell, void *ctx)
{
    struct fleet_catalog *c = catalog_of(f, catalog, false);
    struct columns k = { 0 };
    struct fleet_value v;

    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    bool found = find_columns(c, metric, &k);
    for (size_t i = 0; found && i < count; i++) {
        if (i % FLEET_PAGE == FLEET_PAGE - 1) {
            pthread_mutex_unlock(&c->lock);
            pthread_mutex_lock(&c->lock);
        }
        if (newest_of(c, &k, devices[i], &v) && v.at >= since && isfinite(v.value))
            tell(ctx, i, &v);
    }
    pthread_mutex_unlock(&c->lock);
    free(k.at);
}

int64_t fleet_newest(struct fleet *f, int32_t catalog, const char *metric)
{
    struct fleet_catalog *c = catalog_of(f, catalog, false);
    int64_t newest = 0;

    if (!c)
        return 0;
    pthread_mutex_lock(&c->lock);
    for (const struct layout *l = c->layouts; l; l = l->next)
        if (l->newest > newest && column_of(l, metric) >= 0)
            newest = l->newest;
    pthread_mutex_unlock(&c->lock);
    return newest;
}

// ---------------------------------------------------------------- what was before the start

// The names of the shape that the rows before had too, mostly.
struct names {
    int32_t catalog;
    int64_t shape;
    struct rows *rows; // owned
    size_t count;
    const char *list[TOKEN_METRICS_MAX];
};

#define NAMES_KEPT 64 // shapes remembered while loading

static enum rc read_names(struct store *s, int32_t catalog, int64_t shape, struct names *out,
                          struct fault *fault)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(shape) };

    rows_free(out->rows);
    *out = (struct names){ .catalog = catalog, .shape = shape };
    enum rc rc = store_run(s, &Q_FLEET_SHAPE, args, &out->rows, fault);
    for (int i = 0; rc == RC_OK && i < rows_count(out->rows) && i < TOKEN_METRICS_MAX; i++)
        out->list[out->count++] = rows_text(out->rows, i, "name");
    return rc;
}

// An array as PostgreSQL writes it: {0.42,NaN,NULL}
static size_t read_values(const char *text, double out[TOKEN_METRICS_MAX])
{
    size_t n = 0;

    while (n < TOKEN_METRICS_MAX && (*text == '{' || *text == ',')) {
        char *end;
        double v = strtod(++text, &end);

        out[n++] = end == text ? (double)NAN : v;
        text = end + strcspn(end, ",}");
    }
    return n;
}

static enum rc load_row(struct fleet *f, struct names *known, const struct rows *r, int i,
                        struct fault *fault)
{
    double values[TOKEN_METRICS_MAX];
    int32_t catalog = (int32_t)rows_int(r, i, "catalog");
    int64_t shape = rows_int(r, i, "shape");
    struct names *n = &known[(uint64_t)shape % NAMES_KEPT];
    enum rc rc = RC_OK;

    if (n->catalog != catalog || n->shape != shape || !n->rows)
        rc = read_names(f->store, catalog, shape, n, fault);
    if (rc == RC_OK && read_values(rows_text(r, i, "vals"), values) == n->count)
        fleet_put(f, catalog, rows_int(r, i, "device"), rows_int(r, i, "t"), n->list, values,
                  n->count);
    return rc;
}

static enum rc load_page(struct fleet *f, struct names *known, int32_t *catalog, int64_t *device,
                         int *count, struct fault *fault)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(*catalog), ARG_INT(*device), ARG_INT(LOAD_ROWS) };
    enum rc rc = store_run(f->store, &Q_FLEET_LOAD, args, &rows, fault);

    *count = rc == RC_OK ? rows_count(rows) : 0;
    for (int i = 0; rc == RC_OK && i < *count; i++)
        rc = rows_text(rows, i, "vals") ? load_row(f, known, rows, i, fault) : RC_OK;
    if (rc == RC_OK && *count) {
        *catalog = (int32_t)rows_int(rows, *count - 1, "catalog");
        *device = rows_int(rows, *count - 1, "device");
    }
    return rc;
}

// The database may be away for a while: then the rest comes later.
static void *load(void *arg)
{
    struct fleet *f = arg;
    struct names known[NAMES_KEPT] = { 0 };
    int32_t catalog = 0;
    int64_t device = 0;
    int count = LOAD_ROWS;

    while (count == LOAD_ROWS && !nap_is_stopped(&f->nap))
        if (load_page(f, known, &catalog, &device, &count, NULL) != RC_OK) {
            count = LOAD_ROWS;
            nap_take(&f->nap, AGAIN_MS);
        }
    for (size_t i = 0; i < NAMES_KEPT; i++)
        rows_free(known[i].rows);
    atomic_store(&f->loading, false);
    return NULL;
}

enum rc fleet_start(struct fleet *f, struct store *s, struct fault *fault)
{
    f->store = s;
    atomic_store(&f->loading, true);
    if (pthread_create(&f->thread, NULL, load, f) != 0) {
        atomic_store(&f->loading, false);
        return fail(fault, RC_INTERNAL, "cannot start the thread that reads last values");
    }
    f->has_thread = true;
    pthread_setname_np(f->thread, "fleet");
    return RC_OK;
}

void fleet_stop(struct fleet *f)
{
    if (!f || !f->has_thread)
        return;
    nap_stop(&f->nap);
    pthread_join(f->thread, NULL);
    f->has_thread = false;
}
