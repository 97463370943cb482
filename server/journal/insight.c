// SPDX-License-Identifier: Apache-2.0

#include "journal/insight.h"

#include "core/auto.h"
#include "core/clock.h"
#include "insight_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define HOUR_MS (3600 * 1000LL)

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

enum rc insight_list(struct store *s, int32_t catalog, const struct insight_ask *ask,
                     insight_tell *tell, void *ctx, bool *more, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    char from[RFC3339_LEN + 1], to[RFC3339_LEN + 1];
    const char *args[] = { ARG_INT(catalog), ask->device ? ARG_INT(ask->device) : NULL, from, to,
                           ARG_INT(ask->limit + 1) };

    clock_rfc3339(ask->from / HOUR_MS * HOUR_MS, from);
    clock_rfc3339(ask->to, to);
    enum rc rc = store_run(s, &Q_INSIGHT_LIST, args, &r, f);
    if (rc != RC_OK)
        return rc;
    *more = rows_count(r) > ask->limit;
    for (int i = 0; i < rows_count(r) && i < ask->limit; i++)
        tell(ctx, &(struct insight){ .class = rows_text(r, i, "name"),
                                     .category = rows_text(r, i, "source"),
                                     .level = (enum journal_level)rows_int(r, i, "level"),
                                     .count = rows_int(r, i, "n"),
                                     .devices = rows_int(r, i, "devices"),
                                     .first = rows_int(r, i, "first"),
                                     .last = rows_int(r, i, "last") });
    return RC_OK;
}
