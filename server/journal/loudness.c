// SPDX-License-Identifier: Apache-2.0

#include "journal/loudness.h"

#include <stddef.h>

#include "core/auto.h"
#include "loudness_sql.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static enum rc set(struct store *tx, int32_t catalog, const char *device, const char *group,
                   enum journal_level level, int64_t minutes, struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), device, group, ARG_INT(level), ARG_INT(minutes) };

    return store_run(tx, minutes ? &Q_LOUDNESS_SET : &Q_LOUDNESS_END, args, NULL, f);
}

enum rc loudness_set_device(struct store *tx, int32_t catalog, int64_t device,
                            enum journal_level level, int64_t minutes, struct fault *f)
{
    return set(tx, catalog, ARG_INT(device), NULL, level, minutes, f);
}

enum rc loudness_set_group(struct store *tx, int32_t catalog, int64_t group,
                           enum journal_level level, int64_t minutes, struct fault *f)
{
    return set(tx, catalog, NULL, ARG_INT(group), level, minutes, f);
}

static enum rc read_one(struct store *s, const struct query *q, int32_t catalog, int64_t of,
                        struct loudness *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(s, q, (const char *[]){ ARG_INT(catalog), ARG_INT(of) }, &r, f);

    *out = (struct loudness){ .level = LOUDNESS_USUAL };
    if (rc != RC_OK || rows_count(r) == 0)
        return rc;
    out->level = (enum journal_level)rows_int(r, 0, "level");
    out->source = rows_bool(r, 0, "by_group") ? LOUDNESS_BY_GROUP : LOUDNESS_BY_DEVICE;
    out->until = rows_int(r, 0, "until");
    return RC_OK;
}

enum rc loudness_of(struct store *s, int32_t catalog, int64_t device, struct loudness *out,
                    struct fault *f)
{
    return read_one(s, &Q_LOUDNESS_OF, catalog, device, out, f);
}

enum rc loudness_of_group(struct store *s, int32_t catalog, int64_t group, struct loudness *out,
                          struct fault *f)
{
    return read_one(s, &Q_LOUDNESS_OF_GROUP, catalog, group, out, f);
}

enum rc loudness_present(struct store *s, struct rows **out, struct fault *f)
{
    return store_run(s, &Q_LOUDNESS_PRESENT, NULL, out, f);
}

enum rc loudness_next_end(struct store *s, int64_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(s, &Q_LOUDNESS_NEXT_END, NULL, &r, f);

    *out = rc == RC_OK ? rows_int(r, 0, "until") : 0;
    return rc;
}

enum rc loudness_expire(struct store *s, struct fault *f)
{
    return store_run(s, &Q_LOUDNESS_EXPIRE, NULL, NULL, f);
}

enum rc loudness_reported(struct store *s, int32_t catalog, int64_t device,
                          enum journal_level *level, int64_t *since, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(device) };
    enum rc rc = store_run(s, &Q_LOUDNESS_REPORTED, args, &r, f);

    if (rc != RC_OK)
        return rc;
    *level = rows_count(r) ? (enum journal_level)rows_int(r, 0, "level") : LOUDNESS_USUAL;
    *since = rows_count(r) ? rows_int(r, 0, "since") : 0;
    return RC_OK;
}

enum rc loudness_report(struct store *s, int32_t catalog, int64_t device, enum journal_level level,
                        struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(device), ARG_INT(level) };

    return level == LOUDNESS_USUAL ? store_run(s, &Q_LOUDNESS_REPORT_END, args, NULL, f)
                                   : store_run(s, &Q_LOUDNESS_REPORT, args, NULL, f);
}
