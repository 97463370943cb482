// SPDX-License-Identifier: Apache-2.0

#include "alert/reach.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alert/inbox.h"
#include "core/auto.h"
#include "core/json_out.h"
#include "pattern/pattern.h"

// "82 of 95 are at site Bremen", "All 40 are of batch 0441"
static void say_pattern(const struct pattern *p, int64_t devices, char *out, size_t size)
{
    static const char *const are[] = {
        [PATTERN_SITE] = "are at site",       [PATTERN_BATCH] = "are of batch",
        [PATTERN_PRODUCT] = "are of product", [PATTERN_BUILD] = "are",
        [PATTERN_VERSION] = "run version",    [PATTERN_GROUP] = "are in group",
        [PATTERN_NETWORK] = "are in network",
    };
    char n[32], of[32];

    // An ended one may have been on more devices than ever at once.
    if (devices < p->count)
        devices = p->count;
    if (devices == p->count)
        snprintf(out, size, "All %s %s %s", pattern_number(devices, of), are[p->dimension],
                 p->label);
    else
        snprintf(out, size, "%s of %s %s %s", pattern_number(p->count, n),
                 pattern_number(devices, of), are[p->dimension], p->label);
}

// The filter of a pattern says "at risk", which here stands for the alert.
static json_t *found_to_json(const struct pattern *p, int64_t alert, int64_t devices)
{
    const char *rest = strchr(p->filter, '&');
    char text[sizeof p->label + 100], filter[sizeof p->filter + 24];
    json_t *o = json_object();

    say_pattern(p, devices, text, sizeof text);
    snprintf(filter, sizeof filter, "alert=%" PRId64 "%s", alert, rest ? rest : "");
    add_text(o, "dimension", pattern_dimension_name(p->dimension));
    add_text(o, "value", p->value);
    add_text(o, "label", p->label);
    add_int(o, "count", p->count);
    add_int(o, "of", p->of);
    add_real(o, "expected", p->expected);
    add_real(o, "p", p->p);
    add_text(o, "text", text);
    add_text(o, "filter", filter);
    return o;
}

// "1,204 of 50,000 devices; most of all Luleå 2 and HVAC on 1.4"
static void say(const struct pattern_list *found, int64_t devices, int64_t fleet, char *out,
                size_t size)
{
    char n[32], of[32];
    size_t len;

    if (devices == 0) {
        snprintf(out, size, "No device");
        return;
    }
    len = (size_t)snprintf(out, size, "%s of %s %s", pattern_number(devices, n),
                           pattern_number(fleet, of), fleet == 1 ? "device" : "devices");
    for (size_t i = 0; i < found->count && i < 3 && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s",
                                i == 0                            ? "; most of all "
                                : i == 2 || i + 1 == found->count ? " and "
                                                                  : ", ",
                                found->items[i].label);
}

enum rc reach_show(struct store *s, int32_t catalog, int64_t alert, json_t **out, struct fault *f)
{
    auto_free struct pattern_list *found = calloc(1, sizeof *found);
    json_auto_t *one = NULL;
    char text[3 * PATTERN_VALUE + 500];
    int64_t fleet = 0;
    enum rc rc = found ? inbox_show(s, catalog, alert, &one, NULL, f)
                       : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK)
        rc = pattern_of_alert(s, catalog, alert, found, &fleet, f);
    if (rc != RC_OK)
        return rc;
    bool over = json_is_string(json_object_get(one, "resolvedAt"));
    int64_t devices = json_integer_value(json_object_get(one, over ? "worst" : "devices"));
    json_t *o = json_object(), *list = json_array();

    say(found, devices, fleet, text, sizeof text);
    for (size_t i = 0; i < found->count; i++)
        json_array_append_new(list, found_to_json(&found->items[i], alert, devices));
    add_int(o, "devices", devices);
    add_int(o, "of", fleet);
    add_text(o, "text", text);
    add_json(o, "standsOut", list);
    *out = o;
    return RC_OK;
}
