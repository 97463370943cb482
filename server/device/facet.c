// SPDX-License-Identifier: Apache-2.0

#include "device/facet.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "device/device.h"
#include "facet_sql.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

#define LENGTH(a) (sizeof(a) / sizeof *(a))

static const char *const dimensions[] = {
    "state", "lifecycle", "product", "group", "version", "attested", "site", "batch",
};

static const char *value_name(const char *dimension, const char *key)
{
    int n = (int)strtol(key, NULL, 10);

    if (!strcmp(dimension, "state"))
        return device_state_name((enum device_state)n);
    if (!strcmp(dimension, "lifecycle"))
        return device_lifecycle_name((enum device_lifecycle)n);
    return key;
}

static json_t *to_json(const struct rows *rows, int64_t *total)
{
    json_t *facets = json_object();

    *total = 0;
    for (size_t i = 0; i < LENGTH(dimensions); i++)
        add_json(facets, dimensions[i], json_array());
    for (int row = 0; row < rows_count(rows); row++) {
        const char *dimension = rows_text(rows, row, "dimension");
        const char *label = rows_text(rows, row, "label");
        int64_t n = rows_int(rows, row, "n");
        json_t *value = json_object();

        add_text(value, "value", value_name(dimension, rows_text(rows, row, "key")));
        if (label)
            add_text(value, "label", label);
        add_int(value, "n", n);
        json_array_append_new(json_object_get(facets, dimension), value);
        *total += strcmp(dimension, "state") == 0 ? n : 0; // each device has one
    }
    return facets;
}

// Whether nothing is asked for but what kinds are made of.
static bool is_of_kinds(const struct device_filter *filter)
{
    const char *name;
    json_t *value;

    json_object_foreach (filter->params, name, value) {
        size_t i = 0;

        while (i < LENGTH(dimensions) && strcmp(dimensions[i], name) != 0)
            i++;
        if (i == LENGTH(dimensions))
            return false;
    }
    return true;
}

static enum rc count_found(struct store *s, const struct device_filter *filter, bool exact,
                           bool kinds, struct rows **out, struct fault *f)
{
    const char *args[] = { filter->row, exact ? NULL : ARG_INT(FACET_MOST + 1),
                           kinds ? "true" : "false" };

    return store_run(s, &Q_FACET_FOUND, args, out, f);
}

// By kinds, unless there are so many that looking at the devices is no slower.
static enum rc count_best(struct store *s, const struct device_filter *filter, bool exact,
                          struct rows **out, bool *all, struct fault *f)
{
    if (is_of_kinds(filter)) {
        enum rc rc = count_found(s, filter, exact, true, out, f);
        *all = exact || rc != RC_OK || rows_count(*out) == 0 ||
               rows_int(*out, 0, "seen") <= FACET_MOST;
        if (*all)
            return rc;
        rows_free(*out);
        *out = NULL;
    }
    return count_found(s, filter, exact, false, out, f);
}

enum rc device_facets(struct store *s, int32_t catalog, const struct device_filter *filter,
                      bool exact, json_t **out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    bool all = exact || filter->empty;
    int64_t total;
    enum rc rc = filter->empty
                     ? store_run(s, &Q_FACET_COUNTS, (const char *[]){ ARG_INT(catalog) }, &rows, f)
                     : count_best(s, filter, exact, &rows, &all, f);

    if (rc != RC_OK)
        return rc;
    json_t *facets = to_json(rows, &total);
    bool capped = !all && total > FACET_MOST;
    *out = json_object();
    add_int(*out, "total", capped ? FACET_MOST : total);
    add_bool(*out, "capped", capped);
    add_json(*out, "facets", facets);
    return RC_OK;
}
