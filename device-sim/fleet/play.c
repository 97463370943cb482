// SPDX-License-Identifier: Apache-2.0
//
// A story becomes a list of turns, one a device and change, in order of time: what happens in a run
// is decided before it begins.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "fleet/fleet.h"
#include "fleet/story.h"

struct turn {
    int64_t at_ms;
    uint32_t unit; // slot
    enum behaviour_id what;
    const struct story_step *step;
};

struct play {
    struct story story;
    struct turn *turns;
    size_t count, room, next;
    uint32_t *cloned; // the device that each clone copies
    uint32_t clones, devices;
};

static bool add(struct play *p, const struct turn *t)
{
    if (p->count == p->room) {
        size_t room = p->room * 2 + 256;
        struct turn *grown = reallocarray(p->turns, room, sizeof *grown);

        if (!grown)
            return false;
        p->turns = grown;
        p->room = room;
    }
    p->turns[p->count++] = *t;
    return true;
}

// A clone is a unit of its own, behind the devices; the others change the device itself.
static bool add_device(struct play *p, const struct story_step *step, uint32_t device)
{
    struct turn begin = { step->at_ms, device, step->what, step }, end;

    if (behaviours[step->what].copied) {
        uint32_t *grown = reallocarray(p->cloned, p->clones + 1, sizeof *grown);

        if (!grown)
            return false;
        p->cloned = grown;
        p->cloned[p->clones] = device;
        begin.unit = p->devices + p->clones++;
    }
    end = begin;
    end.at_ms += step->for_ms;
    end.what = BEHAVIOUR_HEALTHY;
    return add(p, &begin) && (!step->for_ms || add(p, &end));
}

static int by_time(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->step != y->step ? (x->step > y->step) - (x->step < y->step)
                              : (x->unit > y->unit) - (x->unit < y->unit);
}

static bool fill(struct play *p, uint64_t seed, const struct persona *personas, bool *picked)
{
    bool good = true;

    for (size_t i = 0; good && i < p->story.count; i++) {
        story_pick(&p->story, i, seed, personas, p->devices, picked);
        if (!memchr(picked, 1, p->devices * sizeof *picked))
            fprintf(stderr, "orrery-fleet: step %zu of the story is for none of these devices\n",
                    i + 1);
        for (uint32_t d = 0; good && d < p->devices; d++)
            good = !picked[d] || add_device(p, &p->story.steps[i], d);
    }
    if (p->count)
        qsort(p->turns, p->count, sizeof *p->turns, by_time);
    return good;
}

enum rc play_new(const struct fleet *f, struct play **out, struct fault *fault)
{
    uint64_t seed = f->o->seed >= 0 ? (uint64_t)f->o->seed : state_seed(f->state);
    auto_free struct persona *personas = calloc(f->count, sizeof *personas);
    auto_free bool *picked = calloc(f->count, sizeof *picked);
    struct play *p = calloc(1, sizeof *p);
    enum rc rc = p && personas && picked ? RC_OK : fail(fault, RC_INTERNAL, "out of memory");

    if (rc == RC_OK)
        rc = story_load(f->o->story, &p->story, fault);
    if (rc == RC_OK) {
        p->devices = f->count;
        for (uint32_t i = 0; i < f->count; i++)
            persona_make(state_seed(f->state), i, &personas[i]);
        if (!fill(p, seed, personas, picked))
            rc = fail(fault, RC_INTERNAL, "out of memory");
    }
    if (rc != RC_OK) {
        play_free(p);
        return rc;
    }
    *out = p;
    return RC_OK;
}

void play_free(struct play *p)
{
    if (!p)
        return;
    free(p->turns);
    free(p->cloned);
    free(p);
}

uint32_t play_clones(const struct play *p)
{
    return p ? p->clones : 0;
}

uint32_t play_clone_of(const struct play *p, uint32_t n)
{
    return p->cloned[n];
}

void play_due(struct play *p, struct fleet *f, int64_t since_start_ms)
{
    while (p && p->next < p->count && p->turns[p->next].at_ms <= since_start_ms) {
        const struct turn *t = &p->turns[p->next++];

        unit_become(&f->units[t->unit], t->what, t->step);
    }
}
