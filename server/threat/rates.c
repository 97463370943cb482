// SPDX-License-Identifier: Apache-2.0

#include "threat/rates.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define LOCKS     64
#define PROBES    8
#define MINUTE_MS 60000
#define MEMORY    1440 // minutes that count
#define IDLE      60   // minutes after which a place may be taken
#define JUMP      3    // deviations, and twice what is usual
#define SERIES    2

struct series {
    uint32_t now; // in this minute
    float mean, variance;
};

struct place {
    int64_t device, minute;
    int32_t catalog; // 0: empty
    int32_t learnt;  // minutes; -1: the first, of which a part is missing
    struct series series[SERIES];
};

struct rates {
    pthread_mutex_t locks[LOCKS];
    size_t mask;
    struct place places[];
};

struct rates *rates_new(size_t places)
{
    struct rates *r = calloc(1, sizeof *r + places * sizeof r->places[0]);

    for (int i = 0; r && i < LOCKS; i++)
        pthread_mutex_init(&r->locks[i], NULL);
    if (r)
        r->mask = places - 1;
    return r;
}

void rates_free(struct rates *r)
{
    for (int i = 0; r && i < LOCKS; i++)
        pthread_mutex_destroy(&r->locks[i]);
    free(r);
}

// Places of PROBES that share a lock.
static size_t block_of(const struct rates *r, const struct rate_said *s)
{
    uint64_t h = ((uint64_t)s->device ^ (uint64_t)s->catalog << 40) * 0x9e3779b97f4a7c15u;

    return (size_t)(h >> 24) & r->mask & ~(size_t)(PROBES - 1);
}

static struct place *find(struct rates *r, size_t block, const struct rate_said *s, int64_t minute)
{
    struct place *room = NULL;

    for (size_t i = block; i < block + PROBES; i++) {
        struct place *p = &r->places[i];

        if (p->catalog == s->catalog && p->device == s->device)
            return p;
        if (!p->catalog || minute - p->minute > IDLE)
            room = p;
    }
    if (room)
        *room = (struct place){
            .catalog = s->catalog, .device = s->device, .minute = minute, .learnt = -1
        };
    return room;
}

static bool judge(const struct series *s, struct rate_jump *out)
{
    double mean = (double)s->mean, found = s->now;
    double deviation = fmax(sqrt((double)s->variance), fmax(sqrt(mean), mean / 10));

    *out = (struct rate_jump){ .found = found,
                               .usual = mean,
                               .deviations = (found - mean) / fmax(deviation, 1) };
    return out->deviations > JUMP && found > 2 * mean;
}

// A jump teaches no more than twice of what is usual: who stays loud becomes usual in time.
static void learn(struct series *s, int32_t learnt)
{
    double mean = (double)s->mean, found = s->now, step;
    double part = 1.0 / (learnt < MEMORY ? learnt + 1 : MEMORY);

    if (learnt >= RATE_LEARN && found > 2 * mean + 1)
        found = 2 * mean + 1;
    step = found - mean;
    s->mean = (float)(mean + part * step);
    s->variance = (float)((1 - part) * ((double)s->variance + part * step * step));
}

static bool end_minute(struct place *p, struct rate_jump *out)
{
    static const char *const names[SERIES] = { "messages", "values" };
    bool jumped = false;

    for (int i = 0; i < SERIES; i++) {
        struct series *s = &p->series[i];

        if (!jumped && p->learnt >= RATE_LEARN && judge(s, out)) {
            out->what = names[i];
            jumped = true;
        }
        if (p->learnt >= 0)
            learn(s, p->learnt);
        s->now = 0;
    }
    p->learnt += p->learnt < MEMORY;
    return jumped;
}

bool rates_add(struct rates *r, const struct rate_said *s, struct rate_jump *out)
{
    size_t block = block_of(r, s);
    pthread_mutex_t *lock = &r->locks[block / PROBES % LOCKS];
    int64_t minute = s->at / MINUTE_MS;
    struct place *p;
    bool jumped = false;

    pthread_mutex_lock(lock);
    p = find(r, block, s, minute);
    if (p && minute > p->minute) {
        jumped = end_minute(p, out);
        p->minute = minute;
    }
    if (p && minute == p->minute) {
        p->series[0].now += s->messages;
        p->series[1].now += s->values;
    }
    pthread_mutex_unlock(lock);
    return jumped;
}
