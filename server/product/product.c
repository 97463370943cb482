// SPDX-License-Identifier: Apache-2.0

#include "product/product.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/number.h"
#include "device/tally.h"
#include "product_sql.h"
#include "store/arg.h"
#include "store/store.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

void product_at(const struct rows *r, int row, struct product *out)
{
    *out = (struct product){
        .id = (int32_t)rows_int(r, row, "id"),
        .name = rows_text(r, row, "name"),
        .description = rows_text(r, row, "description"),
        .groups = rows_int(r, row, "groups"),
        .version = rows_int(r, row, "version"),
        .created_at = rows_int(r, row, "created_at"),
    };
    tally_read(r, row, out->counts);
}

static enum rc page(struct store *s, int32_t catalog, int32_t only, int32_t after, int limit,
                    struct rows **out, struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(only), ARG_INT(after), ARG_INT(limit) };

    return store_run(s, &Q_PRODUCT_PAGE, args, out, f);
}

enum rc product_page(struct store *s, int32_t catalog, int32_t after, int limit, struct rows **out,
                     struct fault *f)
{
    return page(s, catalog, 0, after, limit, out, f);
}

enum rc product_load(struct store *s, int32_t catalog, const char *id, struct rows **out,
                     struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    int32_t n;
    enum rc rc = RC_OK;

    if (number_id(id, &n))
        rc = page(s, catalog, n, 0, 1, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (!rows || rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "this catalog has no such product");
    *out = take(&rows);
    return RC_OK;
}

enum rc product_name_check(const char *name, struct fault *f)
{
    size_t characters = 0;

    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            return fail(f, RC_INVALID, "name must not contain control characters");
        characters += (*p & 0xc0) != 0x80;
    }
    if (characters < 1 || characters > PRODUCT_NAME_MAX)
        return fail(f, RC_INVALID, "name must be 1 to %d characters long", PRODUCT_NAME_MAX);
    return RC_OK;
}

static enum rc taken(enum rc rc, struct fault *f)
{
    return rc == RC_CONFLICT
               ? fail(f, rc, "this catalog has a product of that name already: choose another")
               : rc;
}

static enum rc changed(struct fault *f)
{
    return fail(f, RC_CONFLICT, "the product changed meanwhile: read it again");
}

enum rc product_add(struct store *s, int32_t catalog, const char *name, const char *description,
                    int32_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), name, description };
    enum rc rc = store_run(s, &Q_PRODUCT_ADD, args, &rows, f);

    if (rc == RC_OK)
        *out = (int32_t)rows_int(rows, 0, "id");
    return taken(rc, f);
}

enum rc product_change(struct store *s, int32_t catalog, const struct product *p, bool *stale,
                       struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(p->id), ARG_INT(p->version), p->name,
                           p->description };
    enum rc rc = store_run(s, &Q_PRODUCT_CHANGE, args, &rows, f);

    *stale = rc == RC_OK && rows_count(rows) == 0;
    return *stale ? changed(f) : taken(rc, f);
}

enum rc product_drop(struct store *s, int32_t catalog, const struct product *p, bool *stale,
                     struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(p->id), ARG_INT(p->version) };
    enum rc rc = store_run(s, &Q_PRODUCT_DROP, args, &rows, f);

    *stale = rc == RC_OK && rows_count(rows) == 0;
    if (*stale)
        return changed(f);
    if (rc != RC_OK || rows_int(rows, 0, "gone"))
        return rc;
    return fail(f, RC_CONFLICT, "this product has %lld device groups: delete those first",
                (long long)rows_int(rows, 0, "groups"));
}
