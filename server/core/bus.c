// SPDX-License-Identifier: Apache-2.0

#include "core/bus.h"

#include <assert.h>
#include <stdlib.h>

#define MAX_SINKS 16

struct bus {
    size_t count;
    struct {
        bus_sink *run;
        void *ctx;
    } sinks[MAX_SINKS];
};

struct bus *bus_new(void)
{
    return calloc(1, sizeof(struct bus));
}

void bus_free(struct bus *b)
{
    free(b);
}

void bus_subscribe(struct bus *b, bus_sink *sink, void *ctx)
{
    assert(b->count < MAX_SINKS);
    b->sinks[b->count].run = sink;
    b->sinks[b->count++].ctx = ctx;
}

void bus_publish(struct bus *b, const struct bus_event *e)
{
    for (size_t i = 0; b && i < b->count; i++)
        b->sinks[i].run(b->sinks[i].ctx, e);
}
