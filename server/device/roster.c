// SPDX-License-Identifier: Apache-2.0

#include "device/roster.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "device_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define PAGE     20000
#define SMALLEST 64

// 32 bytes; never more than 7/8 of the slots are taken and the table grows by half, so an entry
// costs at most 55. Linear probing; nothing is ever removed.
struct slot {
    uint8_t id[16];
    int64_t device;
    uint32_t refused_before; // Unix s, good until 2106
    uint32_t taken : 1;
    uint32_t lifecycle : 3;
    uint32_t catalog : 28;
};

struct roster {
    pthread_rwlock_t lock;
    struct slot *slots;
    size_t size, count;
};

DEFINE_AUTO(struct roster *, roster_freep, roster_free)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// An id is half of a SHA-256, so its first bytes are as good as a hash. Scaled, not masked: the
// size is no power of two.
static size_t home(const struct roster *r, const uint8_t id[16])
{
    uint64_t h;

    memcpy(&h, id, sizeof h);
    return (size_t)(((unsigned __int128)h * r->size) >> 64);
}

static size_t next(const struct roster *r, size_t i)
{
    return i + 1 == r->size ? 0 : i + 1;
}

// Where id is, or the free slot where it would be.
static size_t place(const struct roster *r, const uint8_t id[16])
{
    size_t i = home(r, id);

    while (r->slots[i].taken && memcmp(r->slots[i].id, id, 16) != 0)
        i = next(r, i);
    return i;
}

static void grow(struct roster *r)
{
    struct roster bigger = { .size = r->size ? r->size + r->size / 2 : SMALLEST };

    bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
    if (!bigger.slots)
        abort(); // a roster that forgets devices would lock them out in silence
    for (size_t i = 0; i < r->size; i++)
        if (r->slots[i].taken)
            bigger.slots[place(&bigger, r->slots[i].id)] = r->slots[i];
    free(r->slots);
    r->slots = bigger.slots;
    r->size = bigger.size;
}

static struct roster *roster_new(void)
{
    struct roster *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    pthread_rwlock_init(&r->lock, NULL);
    grow(r);
    return r;
}

void roster_free(struct roster *r)
{
    if (!r)
        return;
    pthread_rwlock_destroy(&r->lock);
    free(r->slots);
    free(r);
}

void roster_put(struct roster *r, const struct roster_entry *e)
{
    pthread_rwlock_wrlock(&r->lock);
    if ((r->count + 1) * 8 > r->size * 7)
        grow(r);
    struct slot *s = &r->slots[place(r, e->id)];
    r->count += !s->taken;
    memcpy(s->id, e->id, sizeof s->id);
    s->device = e->device;
    // What was refused once stays so, in whatever order two changes are told.
    if (s->refused_before < (uint32_t)e->refused_before)
        s->refused_before = (uint32_t)e->refused_before;
    s->lifecycle = (uint32_t)e->lifecycle & 7;
    s->catalog = (uint32_t)e->catalog & 0xfffffff;
    s->taken = 1;
    pthread_rwlock_unlock(&r->lock);
}

bool roster_find(struct roster *r, const uint8_t id[16], struct roster_entry *out)
{
    pthread_rwlock_rdlock(&r->lock);
    struct slot s = r->slots[place(r, id)];
    pthread_rwlock_unlock(&r->lock);

    if (!s.taken)
        return false;
    *out = (struct roster_entry){
        .catalog = (int32_t)s.catalog,
        .device = s.device,
        .refused_before = s.refused_before,
        .lifecycle = (enum device_lifecycle)s.lifecycle,
    };
    memcpy(out->id, s.id, sizeof out->id);
    return true;
}

// Adds a page and moves the place behind it; *more is false at the end.
static enum rc load_page(struct roster *r, struct store *s, int32_t *catalog, int64_t *device,
                         bool *more, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(*catalog), ARG_INT(*device), ARG_INT(PAGE) };
    enum rc rc = store_run(s, &Q_ROSTER_PAGE, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    int n = rows_count(rows);
    for (int i = 0; i < n; i++) {
        struct roster_entry e = {
            .catalog = *catalog = (int32_t)rows_int(rows, i, "catalog"),
            .device = *device = rows_int(rows, i, "device"),
            .refused_before = rows_int(rows, i, "refused_before"),
            .lifecycle = (enum device_lifecycle)rows_int(rows, i, "lifecycle"),
        };
        if (!hex_decode(rows_text(rows, i, "id"), e.id, sizeof e.id))
            return fail(f, RC_INTERNAL, "device %" PRId64 " has a malformed id", e.device);
        roster_put(r, &e);
    }
    *more = n == PAGE;
    return RC_OK;
}

enum rc roster_load(struct store *s, struct roster **out, struct fault *f)
{
    auto_with(roster_freep) struct roster *r = roster_new();
    int32_t catalog = 0;
    int64_t device = 0;
    bool more = true;

    if (!r)
        return fail(f, RC_INTERNAL, "out of memory");
    while (more) {
        enum rc rc = load_page(r, s, &catalog, &device, &more, f);
        if (rc != RC_OK)
            return rc;
    }
    *out = take(&r);
    return RC_OK;
}
