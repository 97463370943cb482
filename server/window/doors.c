// SPDX-License-Identifier: Apache-2.0

#include "window/doors.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "net/peer.h"
#include "store/store.h"
#include "window_sql.h"

#define SETS          1024 // of addresses, a power of two
#define WAYS          4
#define ADDRESS_RATE  50 // knocks a second from one address
#define ADDRESS_BURST 200
#define ALL_RATE      400
#define ALL_BURST     1000
#define FREE_TRIES    10 // wrong codes without a wait
#define WAIT_MAX_S    300
#define FORGIVEN_MS   60000 // after which a wrong code counts no more

// A bucket of knocks, refilled with time, in thousandths.
struct bucket {
    int64_t at; // ms, monotonic
    int64_t left;
};

struct caller {
    uint8_t key[PEER_KEY_LEN];
    struct bucket knocks;
    int64_t used_at, wrong_at; // ms, monotonic
    int wrong;
};

struct doors {
    pthread_mutex_t lock;
    struct door *list;
    int count, room;
    _Atomic int64_t newest_close; // Unix ms: no door is open after it
    struct bucket all;
    struct caller callers[SETS][WAYS];
    _Atomic uint64_t counts[DOORS_COUNTS];
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct doors *, doors_freep, doors_free)

void doors_free(struct doors *d)
{
    if (!d)
        return;
    pthread_mutex_destroy(&d->lock);
    free(d->list);
    free(d);
}

enum rc doors_load(struct store *s, struct doors **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_with(doors_freep) struct doors *d = calloc(1, sizeof *d);
    enum rc rc;

    if (!d)
        return fail(f, RC_INTERNAL, "out of memory");
    pthread_mutex_init(&d->lock, NULL);
    rc = store_run(s, &Q_WINDOW_ALL_OPEN, NULL, &rows, f);
    if (rc != RC_OK)
        return rc;
    for (int i = 0; i < rows_count(rows); i++)
        doors_put(d, &(struct door){ .catalog = (int32_t)rows_int(rows, i, "catalog"),
                                     .window = rows_int(rows, i, "id"),
                                     .closes_at = rows_int(rows, i, "closes_at") });
    *out = take(&d);
    return RC_OK;
}

// ---------------------------------------------------------------- open windows

static void drop_closed(struct doors *d, int64_t now)
{
    int kept = 0;

    for (int i = 0; i < d->count; i++)
        if (d->list[i].closes_at > now)
            d->list[kept++] = d->list[i];
    d->count = kept;
}

static void find_newest(struct doors *d)
{
    int64_t newest = 0;

    for (int i = 0; i < d->count; i++)
        if (d->list[i].closes_at > newest)
            newest = d->list[i].closes_at;
    d->newest_close = newest;
}

static void append(struct doors *d, const struct door *what)
{
    if (d->count == d->room) {
        int room = d->room ? 2 * d->room : 16;
        struct door *list = realloc(d->list, (size_t)room * sizeof *list);

        if (!list)
            abort(); // a window that is open in name only would be a riddle
        d->list = list;
        d->room = room;
    }
    d->list[d->count++] = *what;
}

void doors_put(struct doors *d, const struct door *what)
{
    int64_t now = clock_now_ms();

    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < d->count; i++)
        if (d->list[i].catalog == what->catalog && d->list[i].window == what->window)
            d->list[i].closes_at = 0;
    drop_closed(d, now);
    if (what->closes_at > now)
        append(d, what);
    find_newest(d);
    pthread_mutex_unlock(&d->lock);
}

int doors_open(struct doors *d, struct door *only)
{
    int64_t now = clock_now_ms();
    int open;

    if (!d || d->newest_close <= now)
        return 0;
    pthread_mutex_lock(&d->lock);
    drop_closed(d, now);
    open = d->count;
    if (only && open > 0)
        *only = d->list[0];
    pthread_mutex_unlock(&d->lock);
    return open;
}

// ---------------------------------------------------------------- limits

static bool draw(struct bucket *b, int64_t now, int64_t rate, int64_t burst)
{
    int64_t most = burst * 1000;

    b->left = b->at ? b->left + (now - b->at) * rate : most;
    if (b->left > most)
        b->left = most;
    b->at = now;
    if (b->left < 1000)
        return false;
    b->left -= 1000;
    return true;
}

// An address that is new takes the place of the one in its set that was quiet longest.
static struct caller *caller_of(struct doors *d, const struct sockaddr_storage *from, int64_t now)
{
    struct caller *oldest = NULL;
    uint8_t key[PEER_KEY_LEN];
    uint32_t h = 2166136261u; // FNV-1a

    peer_key(from, key);
    for (int i = 0; i < PEER_KEY_LEN; i++)
        h = (h ^ key[i]) * 16777619u;
    for (int i = 0; i < WAYS; i++) {
        struct caller *c = &d->callers[h & (SETS - 1)][i];

        if (!memcmp(c->key, key, sizeof key)) {
            c->used_at = now;
            return c;
        }
        if (!oldest || c->used_at < oldest->used_at)
            oldest = c;
    }
    *oldest = (struct caller){ .used_at = now };
    memcpy(oldest->key, key, sizeof key);
    return oldest;
}

bool doors_knock(struct doors *d, const struct sockaddr_storage *from)
{
    int64_t now = clock_mono_ms();
    bool may;

    pthread_mutex_lock(&d->lock);
    // The caller's own first: one that comes too fast must not use up what is everybody's.
    may = draw(&caller_of(d, from, now)->knocks, now, ADDRESS_RATE, ADDRESS_BURST) &&
          draw(&d->all, now, ALL_RATE, ALL_BURST);
    pthread_mutex_unlock(&d->lock);
    d->counts[may ? DOORS_KNOCKS : DOORS_CROWDED]++;
    return may;
}

static void forgive(struct caller *c, int64_t now)
{
    while (c->wrong > 0 && now - c->wrong_at > FORGIVEN_MS) {
        c->wrong--;
        c->wrong_at += FORGIVEN_MS;
    }
}

void doors_wrong(struct doors *d, const struct sockaddr_storage *from)
{
    int64_t now = clock_mono_ms();
    struct caller *c;

    pthread_mutex_lock(&d->lock);
    c = caller_of(d, from, now);
    forgive(c, now);
    if (c->wrong < FREE_TRIES + 10)
        c->wrong++;
    c->wrong_at = now;
    pthread_mutex_unlock(&d->lock);
    d->counts[DOORS_WRONG]++;
}

int doors_wait_s(struct doors *d, const struct sockaddr_storage *from)
{
    int64_t now = clock_mono_ms(), wait_s = 0;
    struct caller *c;

    pthread_mutex_lock(&d->lock);
    c = caller_of(d, from, now);
    if (c->wrong > FREE_TRIES) {
        wait_s = 1 << (c->wrong - FREE_TRIES);
        if (wait_s > WAIT_MAX_S)
            wait_s = WAIT_MAX_S;
        wait_s -= (now - c->wrong_at) / 1000;
    }
    if (wait_s <= 0)
        forgive(c, now);
    pthread_mutex_unlock(&d->lock);
    return wait_s > 0 ? (int)wait_s : 0;
}

void doors_add(struct doors *d, enum doors_count what)
{
    d->counts[what]++;
}

uint64_t doors_total(struct doors *d, enum doors_count what)
{
    return d ? d->counts[what] : 0;
}
