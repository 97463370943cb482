// SPDX-License-Identifier: Apache-2.0

#include "pattern/pattern_api.h"

#include "core/auto.h"
#include "core/json_out.h"
#include "pattern/pattern.h"

static handler list;

const struct route pattern_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/patterns", MAY_SEE_DEVICES, list, 0 },
    { 0 },
};

static json_t *to_json(const struct pattern *p, size_t n)
{
    json_t *o = json_object(), *seats = json_array();

    add_int(o, "n", (int64_t)n);
    add_text(o, "state", device_state_name(p->state));
    add_text(o, "dimension", pattern_dimension_name(p->dimension));
    add_text(o, "value", p->value);
    add_text(o, "label", p->label);
    add_int(o, "count", p->count);
    add_int(o, "of", p->of);
    add_real(o, "expected", p->expected);
    add_real(o, "p", p->p);
    add_text(o, "shape", p->shape);
    add_text(o, "title", p->title);
    add_text(o, "text", p->text);
    add_text(o, "filter", p->filter);
    add_time(o, "since", p->since);
    if (p->ring)
        add_id(o, "ring", p->ring);
    else
        add_null(o, "ring");
    for (int i = 0; i < p->seat_count; i++)
        json_array_append_new(seats, json_integer(p->seats[i]));
    add_json(o, "seats", seats);
    return o;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    auto_free struct pattern_list *found = calloc(1, sizeof *found);
    json_t *o, *items;
    enum rc rc = found ? RC_OK : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK)
        rc = patterns_get(q->services->patterns, q->store, q->catalog, found, f);
    if (rc != RC_OK)
        return rc;
    o = json_object();
    items = json_array();
    for (size_t i = 0; i < found->count; i++)
        json_array_append_new(items, to_json(&found->items[i], i + 1));
    add_time(o, "at", found->at);
    add_json(o, "items", items);
    return reply_json(r, 200, o);
}
