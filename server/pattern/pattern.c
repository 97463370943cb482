// SPDX-License-Identifier: Apache-2.0

#include "pattern/pattern.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "pattern_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define CELLS_MAX 20000
#define KEEP_MS   3000 // at least
#define KEEP_FOR  20   // times as long as making it took
#define RING_PART 0.9  // of a pattern's devices, for its ring to be named
#define P_LEAST   1e-300

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// A set as it was read; its texts are borrowed from rows.
struct named {
    enum pattern_dimension dimension;
    const char *key, *product, *group;
    int row;
};

struct reading {
    struct rows *sets, *cells;
    struct named *names; // sorted; index = that of the set
    struct pattern_set *list;
    struct pattern_cell *cell_list;
    struct pattern_table table;
};

static void reading_done(struct reading *r)
{
    rows_free(r->sets);
    rows_free(r->cells);
    free(r->names);
    free(r->list);
    free(r->cell_list);
}

// ---------------------------------------------------------------- reading

static int dimension_from_name(const char *name)
{
    for (int d = 0; d < PATTERN_DIMENSIONS; d++)
        if (!strcmp(pattern_dimension_name((enum pattern_dimension)d), name))
            return d;
    return -1;
}

static void read_counts(const struct rows *r, int row, int64_t in[STATE_COUNT])
{
    static const char *const columns[STATE_COUNT] = {
        [STATE_UNKNOWN] = "unknown",         [STATE_HEALTHY] = "healthy",
        [STATE_UPDATING] = "updating",       [STATE_AT_RISK] = "at_risk",
        [STATE_QUARANTINED] = "quarantined", [STATE_OFFLINE] = "offline",
    };

    for (int i = 0; i < STATE_COUNT; i++)
        in[i] = rows_int(r, row, columns[i]);
}

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    return x->dimension != y->dimension ? (int)x->dimension - (int)y->dimension
                                        : strcmp(x->key, y->key);
}

// The catalog itself goes into the table, what is too long nowhere.
static void read_row(struct reading *r, int row)
{
    const char *dimension = rows_text(r->sets, row, "dimension");
    int d = dimension_from_name(dimension);
    struct named n = {
        .key = rows_text(r->sets, row, "key"),
        .product = rows_text(r->sets, row, "product_name"),
        .group = rows_text(r->sets, row, "group_name"),
        .row = row,
    };

    if (!*dimension) {
        r->table.total = rows_int(r->sets, row, "total");
        read_counts(r->sets, row, r->table.in);
    } else if (d >= 0 && n.key && strlen(n.key) <= PATTERN_VALUE) {
        n.dimension = (enum pattern_dimension)d;
        r->names[r->table.set_count++] = n;
    }
}

static enum rc read_sets(struct reading *r, struct store *s, const struct query *q,
                         const char *const *args, struct fault *f)
{
    enum rc rc = store_run(s, q, args, &r->sets, f);
    int count = rc == RC_OK ? rows_count(r->sets) : 0;

    if (rc != RC_OK)
        return rc;
    r->names = calloc((size_t)count + 1, sizeof *r->names);
    r->list = calloc((size_t)count + 1, sizeof *r->list);
    if (!r->names || !r->list)
        return fail(f, RC_INTERNAL, "out of memory");
    for (int i = 0; i < count; i++)
        read_row(r, i);
    qsort(r->names, r->table.set_count, sizeof *r->names, by_name);
    for (size_t i = 0; i < r->table.set_count; i++) {
        r->list[i].dimension = r->names[i].dimension;
        r->list[i].total = rows_int(r->sets, r->names[i].row, "total");
        read_counts(r->sets, r->names[i].row, r->list[i].in);
    }
    r->table.sets = r->list;
    return RC_OK;
}

static int32_t set_of(const struct reading *r, enum pattern_dimension d, const char *key)
{
    const struct named wanted = { .dimension = d, .key = key }, *found;

    if (!key)
        return -1;
    found = bsearch(&wanted, r->names, r->table.set_count, sizeof *r->names, by_name);
    return found ? (int32_t)(found - r->names) : -1;
}

static void read_cell(struct reading *r, int row)
{
    static const char *const columns[PATTERN_DIMENSIONS] = {
        [PATTERN_SITE] = "site",       [PATTERN_BATCH] = "batch",
        [PATTERN_PRODUCT] = "product", [PATTERN_GROUP] = "device_group",
        [PATTERN_VERSION] = "version", [PATTERN_NETWORK] = "network",
    };
    struct pattern_cell *c = &r->cell_list[row];
    const char *product = rows_text(r->cells, row, "product");
    const char *version = rows_text(r->cells, row, "version");
    char build[PATTERN_VALUE + 1];

    c->state = (enum device_state)rows_int(r->cells, row, "state");
    c->n = rows_int(r->cells, row, "n");
    for (int d = 0; d < PATTERN_DIMENSIONS; d++)
        c->sets[d] =
            columns[d] ? set_of(r, (enum pattern_dimension)d, rows_text(r->cells, row, columns[d]))
                       : -1;
    if (product && version &&
        snprintf(build, sizeof build, "%s %s", product, version) < (int)sizeof build)
        c->sets[PATTERN_BUILD] = set_of(r, PATTERN_BUILD, build);
}

static enum rc read_cells(struct reading *r, struct store *s, const struct query *q,
                          const char *const *args, struct fault *f)
{
    enum rc rc = store_run(s, q, args, &r->cells, f);
    int count = rc == RC_OK ? rows_count(r->cells) : 0;

    if (rc != RC_OK)
        return rc;
    r->cell_list = calloc((size_t)count + 1, sizeof *r->cell_list);
    if (!r->cell_list)
        return fail(f, RC_INTERNAL, "out of memory");
    for (int i = 0; i < count; i++)
        read_cell(r, i);
    r->table.cells = r->cell_list;
    r->table.cell_count = (size_t)count;
    return RC_OK;
}

// ---------------------------------------------------------------- naming

// The product that nearly all devices of a pattern are of, as the index of its set; -1.
static int32_t ring_of(const struct reading *r, const struct pattern_find *found)
{
    const struct pattern_set *set = &r->list[found->set];
    int64_t all = 0, best = 0;
    int32_t ring = -1;
    auto_free int64_t *of = calloc(r->table.set_count + 1, sizeof *of);

    for (size_t i = 0; of && i < r->table.cell_count; i++) {
        const struct pattern_cell *c = &r->cell_list[i];
        int32_t product = c->sets[PATTERN_PRODUCT];

        if (c->state != found->state || c->sets[set->dimension] != (int32_t)found->set)
            continue;
        all += c->n;
        if (product >= 0 && (of[product] += c->n) > best) {
            best = of[product];
            ring = product;
        }
    }
    return (double)best >= RING_PART * (double)all ? ring : -1;
}

static void label(struct pattern *p, const struct named *n)
{
    const char *version = strchr(n->key, ' ');

    if (p->dimension == PATTERN_PRODUCT && n->product)
        snprintf(p->label, sizeof p->label, "%s", n->product);
    else if (p->dimension == PATTERN_GROUP && n->product && n->group)
        snprintf(p->label, sizeof p->label, "%s / %s", n->product, n->group);
    else if (p->dimension == PATTERN_BUILD && n->product && version)
        snprintf(p->label, sizeof p->label, "%s on%s", n->product, version);
    else
        snprintf(p->label, sizeof p->label, "%s", n->key);
}

static enum rc sample(struct pattern *p, struct store *s, int32_t catalog, struct fault *f)
{
    const char *version = strchr(p->value, ' ');
    char product[PATTERN_VALUE + 1];
    const char *by[PATTERN_DIMENSIONS] = { 0 };

    by[p->dimension] = p->value;
    if (p->dimension == PATTERN_BUILD && version) {
        snprintf(product, sizeof product, "%.*s", (int)(version - p->value), p->value);
        by[PATTERN_PRODUCT] = product;
        by[PATTERN_VERSION] = version + 1;
    }
    const char *args[] = {
        ARG_INT(catalog),    ARG_INT((int64_t)p->state), ARG_INT(PATTERN_SEATS),
        by[PATTERN_SITE],    by[PATTERN_BATCH],          by[PATTERN_PRODUCT],
        by[PATTERN_VERSION], by[PATTERN_GROUP],          by[PATTERN_NETWORK],
    };
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(s, &Q_PATTERN_SAMPLES, args, &r, f);
    if (rc != RC_OK)
        return rc;
    p->seat_count = rows_count(r);
    for (int i = 0; i < p->seat_count; i++)
        p->seats[i] = (int32_t)rows_int(r, i, "seat");
    p->since = p->seat_count ? rows_int(r, p->seat_count / 2, "since") : 0;
    return RC_OK;
}

static void name(const struct reading *r, const struct pattern_find *found, struct pattern *p)
{
    const struct named *n = &r->names[found->set];
    int32_t ring = ring_of(r, found);

    *p = (struct pattern){
        .state = found->state,
        .dimension = n->dimension,
        .count = r->list[found->set].in[found->state],
        .of = r->list[found->set].total,
        .expected = found->expected,
        .p = fmax(exp(found->log_p), P_LEAST),
        .ring = ring >= 0 ? (int32_t)strtol(r->names[ring].key, NULL, 10) : 0,
    };
    snprintf(p->value, sizeof p->value, "%s", n->key);
    label(p, n);
    pattern_word(p, ring >= 0 ? r->names[ring].product : NULL);
}

static void name_all(const struct reading *r, struct pattern_list *out)
{
    struct pattern_find found[PATTERN_MAX];

    out->at = clock_now_ms();
    out->count = pattern_find(&r->table, found);
    for (size_t i = 0; i < out->count; i++)
        name(r, &found[i], &out->items[i]);
}

enum rc pattern_load(struct store *s, int32_t catalog, struct pattern_list *out, struct fault *f)
{
    auto_with(reading_done) struct reading r = { 0 };
    const char *sets[] = { ARG_INT(catalog), ARG_INT(PATTERN_LEAST) };
    const char *cells[] = { ARG_INT(catalog), ARG_INT(CELLS_MAX) };
    enum rc rc = read_sets(&r, s, &Q_PATTERN_SETS, sets, f);

    if (rc == RC_OK)
        rc = read_cells(&r, s, &Q_PATTERN_CELLS, cells, f);
    if (rc != RC_OK)
        return rc;
    name_all(&r, out);
    for (size_t i = 0; rc == RC_OK && i < out->count; i++)
        rc = sample(&out->items[i], s, catalog, f);
    return rc;
}

enum rc pattern_of_alert(struct store *s, int32_t catalog, int64_t alert, struct pattern_list *out,
                         int64_t *fleet, struct fault *f)
{
    auto_with(reading_done) struct reading r = { 0 };
    const char *sets[] = { ARG_INT(catalog), ARG_INT(alert), ARG_INT(PATTERN_LEAST) };
    const char *cells[] = { ARG_INT(catalog), ARG_INT(alert), ARG_INT(CELLS_MAX) };
    enum rc rc = read_sets(&r, s, &Q_PATTERN_ALERT_SETS, sets, f);

    if (rc == RC_OK)
        rc = read_cells(&r, s, &Q_PATTERN_ALERT_CELLS, cells, f);
    if (rc != RC_OK)
        return rc;
    name_all(&r, out);
    *fleet = r.table.total;
    return RC_OK;
}

// ---------------------------------------------------------------- remembering

struct remembered {
    struct remembered *next;
    int32_t catalog;
    int64_t good_until; // ms, monotonic
    bool busy;          // somebody makes it anew
    bool any;
    struct pattern_list list;
};

struct patterns {
    pthread_mutex_t lock;
    struct remembered *first;
};

struct patterns *patterns_new(void)
{
    struct patterns *p = calloc(1, sizeof *p);

    if (p)
        pthread_mutex_init(&p->lock, NULL);
    return p;
}

void patterns_free(struct patterns *p)
{
    if (!p)
        return;
    while (p->first) {
        struct remembered *m = p->first;

        p->first = m->next;
        free(m);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct remembered *find_or_make(struct patterns *p, int32_t catalog)
{
    struct remembered *m = p->first;

    while (m && m->catalog != catalog)
        m = m->next;
    if (m || !(m = calloc(1, sizeof *m)))
        return m;
    m->catalog = catalog;
    m->next = p->first;
    return p->first = m;
}

// While one makes it anew, the others get what there is, if there is anything.
static bool take_remembered(struct patterns *p, int32_t catalog, struct pattern_list *out)
{
    struct remembered *m;
    bool good;

    pthread_mutex_lock(&p->lock);
    m = find_or_make(p, catalog);
    good = m && m->any && (m->busy || clock_mono_ms() < m->good_until);
    if (good)
        *out = m->list;
    else if (m)
        m->busy = true;
    pthread_mutex_unlock(&p->lock);
    return good;
}

static void remember(struct patterns *p, int32_t catalog, const struct pattern_list *made,
                     int64_t took_ms)
{
    struct remembered *m;

    pthread_mutex_lock(&p->lock);
    m = find_or_make(p, catalog);
    if (m) {
        m->busy = false;
        if (made) {
            m->any = true;
            m->list = *made;
            m->good_until =
                clock_mono_ms() + (took_ms * KEEP_FOR > KEEP_MS ? took_ms * KEEP_FOR : KEEP_MS);
        }
    }
    pthread_mutex_unlock(&p->lock);
}

enum rc patterns_get(struct patterns *p, struct store *s, int32_t catalog, struct pattern_list *out,
                     struct fault *f)
{
    int64_t began = clock_mono_ms();

    if (p && take_remembered(p, catalog, out))
        return RC_OK;
    enum rc rc = pattern_load(s, catalog, out, f);
    if (p)
        remember(p, catalog, rc == RC_OK ? out : NULL, clock_mono_ms() - began);
    return rc;
}
