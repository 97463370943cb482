// SPDX-License-Identifier: Apache-2.0

#include "device/list.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/number.h"
#include "list_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))
#define FEW       2000 // devices that are put in order for a page

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// mark: how a cursor says which order it belongs to.
static const struct order {
    const char *name;
    char mark;
    const struct query *forth, *back, *marks;
} orders[SORT_COUNT] = {
    [SORT_CREATED] = { "created", 'c', &Q_DEVICE_PAGE_CREATED_UP, &Q_DEVICE_PAGE_CREATED_DOWN,
                       &Q_DEVICE_MARKS_CREATED_UP },
    [SORT_CREATED_DOWN] = { "-created", 'C', &Q_DEVICE_PAGE_CREATED_DOWN, &Q_DEVICE_PAGE_CREATED_UP,
                            &Q_DEVICE_MARKS_CREATED_DOWN },
    [SORT_NAME] = { "name", 'n', &Q_DEVICE_PAGE_NAME_UP, &Q_DEVICE_PAGE_NAME_DOWN,
                    &Q_DEVICE_MARKS_NAME_UP },
    [SORT_NAME_DOWN] = { "-name", 'N', &Q_DEVICE_PAGE_NAME_DOWN, &Q_DEVICE_PAGE_NAME_UP,
                         &Q_DEVICE_MARKS_NAME_DOWN },
    [SORT_ID] = { "id", 'i', &Q_DEVICE_PAGE_ID_UP, &Q_DEVICE_PAGE_ID_DOWN, &Q_DEVICE_MARKS_ID_UP },
    [SORT_STATE] = { "state", 's', &Q_DEVICE_PAGE_STATE_DOWN, &Q_DEVICE_PAGE_STATE_UP,
                     &Q_DEVICE_MARKS_STATE_DOWN },
};

int device_sort_from_name(const char *name)
{
    for (int i = 0; i < SORT_COUNT; i++)
        if (!strcmp(orders[i].name, name))
            return i;
    return -1;
}

const char *device_sort_names(void)
{
    return "created, -created, name, -name, id, state";
}

// ---------------------------------------------------------------- cursors

// ">c 17 key": behind device 17 in the order c. "<": before it.
struct place {
    bool back;
    char device[24]; // "": at the start
    const char *key;
};

static enum rc read_cursor(const char *cursor, enum device_sort sort, struct place *out,
                           struct fault *f)
{
    const char *device = cursor + 3;
    int64_t n;

    *out = (struct place){ .key = "" };
    if (!*cursor)
        return RC_OK;
    if (strlen(cursor) < 5 || cursor[1] != orders[sort].mark || cursor[2] != ' ' ||
        !strchr(device, ' '))
        return fail(f, RC_INVALID, "cursor is of another order: start again without it");
    out->back = *cursor == '<';
    out->key = strchr(device, ' ') + 1;
    snprintf(out->device, sizeof out->device, "%.*s", (int)(out->key - 1 - device), device);
    if (!number_read(out->device, &n))
        return fail(f, RC_INVALID, "cursor is not from this list: start again without it");
    return RC_OK;
}

static void write_cursor(char side, enum device_sort sort, const struct rows *rows, int row,
                         char out[DEVICE_CURSOR_LEN])
{
    snprintf(out, DEVICE_CURSOR_LEN, "%c%c %s %s", side, orders[sort].mark,
             rows_text(rows, row, "device"), rows_text(rows, row, "key"));
}

// ---------------------------------------------------------------- pages

void device_page_done(struct device_page *p)
{
    devices_free(p->found);
    *p = (struct device_page){ 0 };
}

// Does an index hold just these devices in this order?
static bool is_in_order(const struct device_filter *filter, enum device_sort sort)
{
    static const char *const indexed[] = { "state", "product", "group", "version", "site" };
    bool by_name = sort == SORT_NAME || sort == SORT_NAME_DOWN;
    bool by_age = sort == SORT_CREATED || sort == SORT_CREATED_DOWN;

    if (filter->empty)
        return true;
    if (json_object_size(filter->params) != 1)
        return false;
    for (size_t i = 0; by_age && i < LENGTH(indexed); i++)
        if (json_array_size(json_object_get(filter->params, indexed[i])) == 1)
            return true;
    return by_name && filter->prefix;
}

enum rc device_page(struct store *s, const struct device_filter *filter, enum device_sort sort,
                    const char *cursor, int limit, struct device_page *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct place from;
    enum rc rc = read_cursor(cursor, sort, &from, f);

    *out = (struct device_page){ 0 };
    if (rc != RC_OK)
        return rc;
    const char *args[] = { filter->row, *from.device ? from.device : NULL, ARG_INT(limit + 1),
                           ARG_INT(is_in_order(filter, sort) ? -1 : FEW),
                           *from.device ? from.key : NULL };
    rc = store_run(s, from.back ? orders[sort].back : orders[sort].forth, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    bool more = rows_count(rows) > limit;
    int count = more ? limit : rows_count(rows);
    // Whoever came from a neighbour can go back there.
    if (count && (from.back || more))
        write_cursor('>', sort, rows, from.back ? 0 : count - 1, out->next);
    if (count && (from.back ? more : *from.device != '\0'))
        write_cursor('<', sort, rows, from.back ? count - 1 : 0, out->prev);
    out->found = devices_of(take(&rows), count, from.back);
    return out->found ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

// ---------------------------------------------------------------- marks

void device_marks_done(struct device_marks *m)
{
    free(m->cursors);
    *m = (struct device_marks){ 0 };
}

enum rc device_marks(struct store *s, const struct device_filter *filter, enum device_sort sort,
                     int64_t every, struct device_marks *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { filter->row, ARG_INT(every) };
    enum rc rc = store_run(s, orders[sort].marks, args, &rows, f);

    *out = (struct device_marks){ .every = every };
    if (rc != RC_OK || rows_count(rows) == 0)
        return rc;
    // Of the last row only its number counts: behind it there is nothing.
    int marks = rows_count(rows) - 1, step = 1 + marks / (MARKS_MAX + 1);
    out->total = rows_int(rows, marks, "n");
    out->every = every * step;
    out->cursors = calloc((size_t)marks / (size_t)step + 1, sizeof *out->cursors);
    if (!out->cursors)
        return fail(f, RC_INTERNAL, "out of memory");
    for (int i = step - 1; i < marks; i += step)
        write_cursor('>', sort, rows, i, out->cursors[out->count++]);
    return RC_OK;
}
