// SPDX-License-Identifier: Apache-2.0

#include "fleet/wheel.h"

#include <stdlib.h>

#define SLOTS   4096
#define STEP_MS 8
#define NONE    UINT32_MAX

struct node {
    int64_t at_ms;
    uint32_t next, prev, slot; // slot NONE: not in the wheel
};

struct wheel {
    struct node *nodes;
    int64_t tick; // the slot that is being emptied, counted from the beginning of time
    uint32_t head[SLOTS];
};

enum rc wheel_new(uint32_t count, int64_t now_ms, struct wheel **out, struct fault *f)
{
    struct wheel *w = calloc(1, sizeof *w);
    struct node *nodes = calloc(count ? count : 1, sizeof *nodes);

    if (!w || !nodes) {
        free(w);
        free(nodes);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    for (uint32_t i = 0; i < count; i++)
        nodes[i].slot = NONE;
    for (uint32_t i = 0; i < SLOTS; i++)
        w->head[i] = NONE;
    w->nodes = nodes;
    w->tick = now_ms / STEP_MS;
    *out = w;
    return RC_OK;
}

void wheel_free(struct wheel *w)
{
    if (w)
        free(w->nodes);
    free(w);
}

static void take_out(struct wheel *w, uint32_t i)
{
    struct node *n = &w->nodes[i];

    if (n->slot == NONE)
        return;
    if (n->prev == NONE)
        w->head[n->slot] = n->next;
    else
        w->nodes[n->prev].next = n->next;
    if (n->next != NONE)
        w->nodes[n->next].prev = n->prev;
    n->slot = NONE;
}

void wheel_set(struct wheel *w, uint32_t i, int64_t at_ms)
{
    struct node *n = &w->nodes[i];

    if (n->slot != NONE && n->at_ms == at_ms)
        return;
    take_out(w, i);
    n->at_ms = at_ms;
    if (at_ms == INT64_MAX)
        return;
    int64_t tick = at_ms / STEP_MS;
    if (tick < w->tick)
        tick = w->tick;
    if (tick >= w->tick + SLOTS)
        tick = w->tick + SLOTS - 1;
    n->slot = (uint32_t)(tick % SLOTS);
    n->prev = NONE;
    n->next = w->head[n->slot];
    if (n->next != NONE)
        w->nodes[n->next].prev = i;
    w->head[n->slot] = i;
}

// In the present slot, the first that is due; what is not goes on to where it belongs.
static bool next_here(struct wheel *w, int64_t now_ms, uint32_t *out)
{
    uint32_t i = w->head[w->tick % SLOTS];

    while (i != NONE) {
        uint32_t next = w->nodes[i].next;
        int64_t at = w->nodes[i].at_ms;
        if (at <= now_ms) {
            take_out(w, i);
            *out = i;
            return true;
        }
        if (at / STEP_MS > w->tick) {
            take_out(w, i);
            wheel_set(w, i, at);
        }
        i = next;
    }
    return false;
}

bool wheel_next(struct wheel *w, int64_t now_ms, uint32_t *out)
{
    for (; w->tick <= now_ms / STEP_MS; w->tick++) {
        if (next_here(w, now_ms, out))
            return true;
        if (w->tick == now_ms / STEP_MS)
            return false;
    }
    return false;
}

int64_t wheel_wait_ms(const struct wheel *w, int64_t now_ms, int64_t max_ms)
{
    int64_t last = (now_ms + max_ms) / STEP_MS;

    for (int64_t tick = w->tick; tick <= last && tick < w->tick + SLOTS; tick++)
        if (w->head[tick % SLOTS] != NONE)
            return tick * STEP_MS > now_ms ? tick * STEP_MS - now_ms : 1;
    return max_ms;
}
