// SPDX-License-Identifier: Apache-2.0

#include "device/layout.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "layout_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, rollbackp, store_rollback)

static const struct {
    const char *name, *none;
    const struct query *query;
} kinds[] = {
    { "product", "No product", &Q_LAYOUT_BY_PRODUCT },
    { "group", "No group", &Q_LAYOUT_BY_GROUP },
    { "version", "No version", &Q_LAYOUT_BY_VERSION },
};

int layout_by_from_name(const char *name)
{
    for (size_t i = 0; i < LENGTH(kinds); i++)
        if (!strcmp(kinds[i].name, name))
            return (int)i;
    return -1;
}

static bool same_ring(const struct rows *rows, int a, int b)
{
    const char *x = rows_text(rows, a, "ring"), *y = rows_text(rows, b, "ring");

    return x && y ? !strcmp(x, y) : x == y;
}

// The ring that begins at row *at, which moves behind it.
static json_t *ring_to_json(const struct rows *rows, int *at, const char *none, int64_t *total)
{
    json_t *ring = json_object(), *sites = json_array();
    const char *name = rows_text(rows, *at, "name");
    int64_t count = 0;
    int first = *at;

    add_text(ring, "id", rows_text(rows, first, "ring"));
    add_text(ring, "name", name ? name : none);
    for (; *at < rows_count(rows) && same_ring(rows, first, *at); (*at)++) {
        json_t *site = json_object();

        add_text(site, "name", rows_text(rows, *at, "site"));
        add_int(site, "count", rows_int(rows, *at, "n"));
        json_array_append_new(sites, site);
        count += rows_int(rows, *at, "n");
    }
    add_int(ring, "count", count);
    add_json(ring, "sites", sites);
    *total += count;
    return ring;
}

static char *head_text(const struct rows *rows, int by, int64_t *total)
{
    json_auto_t *head = json_object();
    json_t *rings = json_array();

    *total = 0;
    for (int at = 0; at < rows_count(rows);)
        json_array_append_new(rings, ring_to_json(rows, &at, kinds[by].none, total));
    add_text(head, "by", kinds[by].name);
    add_json(head, "rings", rings);
    add_int(head, "total", *total);
    return json_dumps(head, JSON_COMPACT);
}

static char *put_number(char *at, uint32_t n)
{
    uint32_t little = htole32(n);

    memcpy(at, &little, sizeof little);
    return at + sizeof little;
}

// "\x" and eight digits a seat, most significant first.
static char *put_seats(char *at, const struct rows *rows, int row)
{
    const char *digit = rows_text(rows, row, "seats") + 2;
    uint32_t seat = 0;

    for (int i = 1; *digit; i++, digit++) {
        // '0'…'9' end in their value, 'a'…'f' in one to six.
        seat = seat << 4 | ((uint32_t)(*digit & 15) + (*digit > '9' ? 9 : 0));
        if (i % 8 == 0)
            at = put_number(at, seat);
    }
    return at;
}

static enum rc load(struct store *s, int32_t catalog, int by, struct rows **out, struct fault *f)
{
    auto_with(rollbackp) struct store *tx = NULL;
    enum rc rc = store_begin(s, &tx, f);

    if (rc == RC_OK)
        rc = store_patient(tx, f);
    return rc == RC_OK
               ? store_run(tx, kinds[by].query, (const char *[]){ ARG_INT(catalog) }, out, f)
               : rc;
}

enum rc layout_make(struct store *s, int32_t catalog, int by, char **out, size_t *len,
                    struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = load(s, catalog, by, &rows, f);
    int64_t total;

    if (rc != RC_OK)
        return rc;
    auto_free char *head = head_text(rows, by, &total);
    size_t head_len = head ? strlen(head) : 0, padded = (head_len + 3) & ~(size_t)3;
    auto_free char *bytes = malloc(8 + padded + 4 * (size_t)total);
    if (!head || !bytes)
        return fail(f, RC_INTERNAL, "out of memory");
    char *at = put_number(bytes, (uint32_t)padded);
    memset(at, ' ', padded);
    memcpy(at, head, head_len);
    at = put_number(at + padded, (uint32_t)total);
    for (int row = 0; row < rows_count(rows); row++)
        at = put_seats(at, rows, row);
    *len = (size_t)(at - bytes);
    *out = take(&bytes);
    return RC_OK;
}
