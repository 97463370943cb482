// SPDX-License-Identifier: Apache-2.0

#include "ingest/shape.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "ingest_sql.h"
#include "store/link.h"

#define BUCKETS 4096

struct quota { // shapes of a catalog
    int32_t catalog;
    int32_t count, last_id;
};

struct shapes {
    pthread_mutex_t lock;
    struct shape *buckets[BUCKETS];
    struct quota *quotas;
    size_t quota_count;
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

struct shapes *shapes_new(void)
{
    struct shapes *s = calloc(1, sizeof *s);

    if (s)
        pthread_mutex_init(&s->lock, NULL);
    return s;
}

void shapes_free(struct shapes *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (s->buckets[i]) {
            struct shape *gone = s->buckets[i];

            s->buckets[i] = gone->next;
            free(gone);
        }
    }
    pthread_mutex_destroy(&s->lock);
    free(s->quotas);
    free(s);
}

static uint64_t hash_of(int32_t catalog, const struct token_reading *m)
{
    uint64_t h = 0xcbf29ce484222325u ^ (uint32_t)catalog;

    for (size_t i = 0; i < m->count; i++) {
        for (size_t k = 0; k < m->metrics[i].name.len; k++)
            h = (h ^ (unsigned char)m->metrics[i].name.at[k]) * 0x100000001b3u;
        h = (h ^ 0xff) * 0x100000001b3u;
    }
    return h ^ h >> 29;
}

bool shape_fits(const struct shape *s, const struct token_reading *m)
{
    if (s->count != m->count)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        const struct token_slice *n = &m->metrics[i].name;

        if (n->len != s->lens[i] || memcmp(n->at, s->names[i], n->len) != 0)
            return false;
    }
    return true;
}

static struct quota *quota_of(struct shapes *s, int32_t catalog)
{
    struct quota *grown;

    for (size_t i = 0; i < s->quota_count; i++) {
        if (s->quotas[i].catalog == catalog)
            return &s->quotas[i];
    }
    grown = reallocarray(s->quotas, s->quota_count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    s->quotas = grown;
    s->quotas[s->quota_count] = (struct quota){ .catalog = catalog };
    return &s->quotas[s->quota_count++];
}

// One allocation: the shape, its pointers, its lengths, its names.
static struct shape *make(int32_t catalog, const struct token_reading *m)
{
    size_t bytes = sizeof(struct shape) + m->count * (sizeof(char *) + 2);
    struct shape *s;
    const char **names;
    uint8_t *lens;
    char *text;

    for (size_t i = 0; i < m->count; i++)
        bytes += m->metrics[i].name.len;
    s = calloc(1, bytes);
    if (!s)
        return NULL;
    names = (const char **)(s + 1);
    lens = (uint8_t *)(names + m->count);
    text = (char *)(lens + m->count);
    for (size_t i = 0; i < m->count; i++) {
        names[i] = text;
        lens[i] = (uint8_t)m->metrics[i].name.len;
        text = (char *)mempcpy(text, m->metrics[i].name.at, lens[i]) + 1;
    }
    s->catalog = catalog;
    s->hash = hash_of(catalog, m);
    s->count = (uint32_t)m->count;
    s->names = names;
    s->lens = lens;
    return s;
}

static void put(struct shapes *s, struct shape *shape, struct quota *q)
{
    struct shape **bucket = &s->buckets[shape->hash % BUCKETS];

    shape->next = *bucket;
    *bucket = shape;
    q->count++;
    if (shape->id > q->last_id)
        q->last_id = shape->id;
}

static struct shape *look(const struct shapes *s, int32_t catalog, const struct token_reading *m)
{
    uint64_t hash = hash_of(catalog, m);

    for (struct shape *k = s->buckets[hash % BUCKETS]; k; k = k->next) {
        if (k->hash == hash && k->catalog == catalog && shape_fits(k, m))
            return k;
    }
    return NULL;
}

static struct shape *make_new(struct shapes *s, int32_t catalog, const struct token_reading *m)
{
    struct quota *q = quota_of(s, catalog);
    struct shape *shape;

    if (!q || q->count >= SHAPES_PER_CATALOG)
        return NULL;
    shape = make(catalog, m);
    if (!shape)
        return NULL;
    shape->id = q->last_id + 1;
    put(s, shape, q);
    return shape;
}

struct shape *shapes_find(struct shapes *s, int32_t catalog, const struct token_reading *m,
                          bool may_make, bool *made)
{
    struct shape *found;

    *made = false;
    pthread_mutex_lock(&s->lock);
    found = look(s, catalog, m);
    if (!found && may_make) {
        found = make_new(s, catalog, m);
        *made = found != NULL;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

// Names hold no character that an array literal would need quoted, but quotes do no harm.
static void array_text(const struct shape *s, char *out, size_t size)
{
    size_t n = 0;

    for (uint32_t i = 0; i < s->count; i++)
        n += (size_t)snprintf(out + n, size - n, "%c\"%s\"", i ? ',' : '{', s->names[i]);
    snprintf(out + n, size - n, "}");
}

enum rc shape_store(struct shape *s, struct link *l, struct fault *f)
{
    char catalog[16], id[16], names[TOKEN_METRICS_MAX * (TOKEN_NAME_MAX + 3) + 2];
    const char *args[] = { catalog, id, names };
    enum rc rc;

    if (atomic_load(&s->stored))
        return RC_OK;
    snprintf(catalog, sizeof catalog, "%d", s->catalog);
    snprintf(id, sizeof id, "%d", s->id);
    array_text(s, names, sizeof names);
    rc = link_run(l, &Q_INGEST_SHAPE_PUT, args, NULL, f);
    if (rc == RC_OK)
        atomic_store(&s->stored, true);
    return rc;
}

// Splits "a,b,c"; names hold no comma.
static bool split(const char *text, struct token_reading *m)
{
    m->count = 0;
    while (*text) {
        size_t len = strcspn(text, ",");

        if (m->count == TOKEN_METRICS_MAX || len > TOKEN_NAME_MAX)
            return false;
        m->metrics[m->count++].name = (struct token_slice){ text, len };
        text += len + (text[len] == ',');
    }
    return m->count > 0;
}

static enum rc load_row(struct shapes *s, const struct rows *r, int i, struct fault *f)
{
    struct token_reading m;
    struct shape *shape;
    struct quota *q = quota_of(s, (int32_t)rows_int(r, i, "catalog"));

    if (!split(rows_text(r, i, "names"), &m))
        return fail(f, RC_INTERNAL, "shape %s of catalog %s has names that no message can have",
                    rows_text(r, i, "id"), rows_text(r, i, "catalog"));
    shape = q ? make(q->catalog, &m) : NULL;
    if (!shape)
        return fail(f, RC_INTERNAL, "out of memory");
    shape->id = (int32_t)rows_int(r, i, "id");
    atomic_store(&shape->stored, true);
    put(s, shape, q);
    return RC_OK;
}

enum rc shapes_load(struct shapes *s, struct link *l, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = link_run(l, &Q_INGEST_SHAPES, NULL, &r, f);

    pthread_mutex_lock(&s->lock);
    for (int i = 0; rc == RC_OK && i < rows_count(r); i++)
        rc = load_row(s, r, i, f);
    pthread_mutex_unlock(&s->lock);
    return rc;
}
