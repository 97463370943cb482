// SPDX-License-Identifier: Apache-2.0

#include "telemetry/metric.h"

#include <string.h>

#include "core/auto.h"
#include "http/percent.h"
#include "metric_sql.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

enum rc metric_page(struct store *s, int32_t catalog, const char *part, const char *after,
                    int limit, struct rows **out, struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), part, after, ARG_INT(limit) };

    return store_run(s, &Q_METRIC_PAGE, args, out, f);
}

enum rc metric_load(struct store *s, int32_t catalog, const char *name, struct rows **out,
                    struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), name };
    enum rc rc = store_run(s, &Q_METRIC_SHOW, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "no device of this catalog has sent '%.64s'", name);
    *out = take(&rows);
    return RC_OK;
}

void metric_at(const struct rows *rows, int row, struct metric *out)
{
    *out = (struct metric){
        .name = rows_text(rows, row, "name"),
        .unit = rows_text(rows, row, "unit"),
        .description = rows_text(rows, row, "description"),
        .counter = rows_bool(rows, row, "counter"),
        .version = rows_int(rows, row, "version"),
        .first_seen = rows_int(rows, row, "first_seen"),
    };
}

static enum rc check(const char *what, const char *text, size_t most, struct fault *f)
{
    size_t characters = 0;

    if (!utf8_is_clean(text, strlen(text)))
        return fail(f, RC_INVALID, "%s must not contain control characters", what);
    for (; *text; text++)
        characters += (*text & 0xc0) != 0x80;
    if (characters > most)
        return fail(f, RC_INVALID, "%s must have at most %zu characters", what, most);
    return RC_OK;
}

enum rc metric_check(const struct metric *m, struct fault *f)
{
    enum rc rc = check("unit", m->unit, METRIC_UNIT_MAX, f);

    return rc == RC_OK ? check("description", m->description, METRIC_DESCRIPTION_MAX, f) : rc;
}

enum rc metric_change(struct store *tx, int32_t catalog, const struct metric *m, bool *stale,
                      struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), m->name,        ARG_INT(m->version),
                           m->unit,          m->description, m->counter ? "true" : "false" };
    enum rc rc = store_run(tx, &Q_METRIC_CHANGE, args, &rows, f);

    if (rc != RC_OK || rows_count(rows) > 0)
        return rc;
    *stale = true;
    return fail(f, RC_CONFLICT, "the metric was changed meanwhile; look at it again");
}
