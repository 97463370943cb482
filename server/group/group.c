// SPDX-License-Identifier: Apache-2.0

#include "group/group.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/number.h"
#include "device/tally.h"
#include "group_sql.h"
#include "product/product.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

void group_at(const struct rows *r, int row, struct group *out)
{
    *out = (struct group){
        .id = (int32_t)rows_int(r, row, "id"),
        .product = (int32_t)rows_int(r, row, "product"),
        .product_name = rows_text(r, row, "product_name"),
        .name = rows_text(r, row, "name"),
        .description = rows_text(r, row, "description"),
        .os_feed = rows_text(r, row, "os_feed"),
        .update_policy = rows_text(r, row, "update_policy"),
        .regional_boundary = rows_text(r, row, "regional_boundary"),
        .crash_dumps = rows_bool(r, row, "crash_dumps"),
        .log_level = (int)rows_int(r, row, "log_level"),
        .log_until = rows_int(r, row, "log_until"),
        .version = rows_int(r, row, "version"),
        .created_at = rows_int(r, row, "created_at"),
    };
    tally_read(r, row, out->counts);
}

static enum rc page(struct store *s, int32_t catalog, int32_t product, int32_t only, int32_t after,
                    int limit, struct rows **out, struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(only), ARG_INT(after), ARG_INT(limit),
                           ARG_INT(product) };

    return store_run(s, &Q_GROUP_PAGE, args, out, f);
}

enum rc group_page(struct store *s, int32_t catalog, int32_t product, int32_t after, int limit,
                   struct rows **out, struct fault *f)
{
    return page(s, catalog, product, 0, after, limit, out, f);
}

enum rc group_load(struct store *s, int32_t catalog, const char *id, struct rows **out,
                   struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int32_t n;
    enum rc rc = RC_OK;

    if (number_id(id, &n))
        rc = page(s, catalog, 0, n, 0, 1, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (!rows || rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "this catalog has no such device group");
    *out = take(&rows);
    return RC_OK;
}

static enum rc one_of(const char *name, const char *value, const char *a, const char *b,
                      struct fault *f)
{
    if (!strcmp(value, a) || !strcmp(value, b))
        return RC_OK;
    return fail(f, RC_INVALID, "%s must be %s or %s", name, a, b);
}

enum rc group_check(const struct group *g, struct fault *f)
{
    enum rc rc = product_name_check(g->name, f);

    if (rc == RC_OK)
        rc = one_of("osFeed", g->os_feed, "retail", "retailEvaluation", f);
    if (rc == RC_OK)
        rc = one_of("updatePolicy", g->update_policy, "updateAll", "no3rdPartyAppUpdates", f);
    if (rc == RC_OK)
        rc = one_of("regionalBoundary", g->regional_boundary, "none", "eu", f);
    return rc;
}

static enum rc taken(enum rc rc, struct fault *f)
{
    return rc == RC_CONFLICT ? fail(f, rc,
                                    "this product has a device group of that name already: choose "
                                    "another")
                             : rc;
}

static enum rc changed(struct fault *f)
{
    return fail(f, RC_CONFLICT, "the device group changed meanwhile: read it again");
}

enum rc group_add(struct store *s, int32_t catalog, const struct group *g, int32_t *out,
                  struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog),
                           ARG_INT(g->product),
                           g->name,
                           g->description,
                           g->os_feed,
                           g->update_policy,
                           g->crash_dumps ? "true" : "false",
                           g->regional_boundary };
    enum rc rc = store_run(s, &Q_GROUP_ADD, args, &rows, f);

    if (rc == RC_OK)
        *out = (int32_t)rows_int(rows, 0, "id");
    return taken(rc, f);
}

enum rc group_add_defaults(struct store *s, int32_t catalog, int32_t product, int *made,
                           struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(product) };
    enum rc rc = store_run(s, &Q_GROUP_ADD_DEFAULTS, args, &rows, f);

    if (rc == RC_OK)
        *made = rows_count(rows);
    return rc;
}

enum rc group_change(struct store *s, int32_t catalog, const struct group *g, bool *stale,
                     struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog),    ARG_INT(g->id),
                           ARG_INT(g->version), g->name,
                           g->description,      g->os_feed,
                           g->update_policy,    g->crash_dumps ? "true" : "false",
                           g->regional_boundary };
    enum rc rc = store_run(s, &Q_GROUP_CHANGE, args, &rows, f);

    *stale = rc == RC_OK && rows_count(rows) == 0;
    return *stale ? changed(f) : taken(rc, f);
}

enum rc group_drop(struct store *s, int32_t catalog, const struct group *g, bool *stale,
                   struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(g->id), ARG_INT(g->version) };
    enum rc rc = store_run(s, &Q_GROUP_DROP, args, &rows, f);

    *stale = rc == RC_OK && rows_count(rows) == 0;
    if (*stale)
        return changed(f);
    if (rc == RC_CONFLICT)
        return fail(f, rc,
                    "an open registration window puts devices into this group: close it "
                    "first");
    if (rc != RC_OK || rows_int(rows, 0, "gone"))
        return rc;
    return fail(f, RC_CONFLICT, "%lld devices are in this group, retired ones too: move them first",
                (long long)rows_int(rows, 0, "devices"));
}
